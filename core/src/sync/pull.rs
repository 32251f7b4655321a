//! Reading logs: one request for all spaces of a relay, taken page by page as it comes.

use waymark_wire::chain::Cursor;
use waymark_wire::codec::{self, SequenceReader};
use waymark_wire::limits;
use waymark_wire::message::{Frame, PullRequest, PullSpace, RefusalCode};
use waymark_wire::proof::ReadProof;
use waymark_wire::receipt::Receipt;

use super::heal::names_earlier;
use super::machine::Purpose;
use super::reading::{Pull, Reading};
use super::start::Ask;
use super::taken::End;
use super::{Event, Machine, Problem, RequestId, Timestamp};
use crate::engine::Engine;
use crate::space::{Item, Space};

impl Machine {
    pub(super) fn handle_greeting(
        &mut self,
        engine: &mut Engine,
        url: &str,
        body: &[u8],
        now: Timestamp,
    ) {
        let mut reader = SequenceReader::new(limits::FRAME);
        reader.push(body);
        self.relays.entry(url.to_owned()).or_default().greeting = false;
        match reader.next_item::<Frame>() {
            Ok(Some(frame @ Frame::Hello { .. })) => self.hello(engine, url, frame, now),
            Ok(_) => {
                let problem = Problem::Garbled("no greeting".into());
                self.relay_failed(engine, url, problem, now);
            }
            Err(error) => {
                self.relay_failed(engine, url, Problem::Garbled(error.to_string()), now);
            }
        }
    }

    pub(super) fn hello(&mut self, engine: &mut Engine, url: &str, frame: Frame, now: Timestamp) {
        let Frame::Hello { relay: key, nonce } = frame else {
            return;
        };
        let relay = self.relays.entry(url.to_owned()).or_default();
        relay.nonce = Some((nonce, now));
        relay.key = Some(key);
        relay.nonce_refused = false;
        self.pin(engine, url, now);
        for (number, id) in Self::spaces_at(engine, url) {
            let sync = self.spaces.entry(number).or_default();
            if sync.problem == Some(Problem::Offline) {
                sync.problem = None;
                self.events.push_back(Event::Status { space: id });
            }
        }
    }

    /// Opens a pull of all spaces that want one; in live mode one that has every space in it.
    pub(super) fn plan_pull(&mut self, engine: &mut Engine, url: &str, now: Timestamp) {
        let Some(relay) = self.relays.get(url) else {
            return;
        };
        let (Some(key), Some((nonce, _))) = (relay.key, relay.nonce.clone()) else {
            return;
        };
        let eligible: Vec<u32> = engine
            .spaces()
            .iter()
            .filter(|space| space.relay().url == url && space.relay().key == Some(key))
            .filter(|space| !space.has_ended())
            // A space that this device founded and nobody has heard of is pushed first.
            .filter(|space| !space.is_unheard_of() || self.has_heard_of(space.number()))
            .map(Space::number)
            .filter(|number| {
                self.spaces.get(number).is_some_and(|sync| {
                    sync.backoff.is_over(now)
                        && sync.healing.agreed.is_none()
                        && (self.live.is_some() || sync.wants_pull)
                })
            })
            .collect();
        if let Some((_, pull)) = &relay.pull {
            let reads = |number: &u32| {
                pull.spaces
                    .iter()
                    .any(|reading| reading.number == *number && !reading.over)
            };
            if self.live.is_none() || eligible.iter().all(reads) {
                return;
            }
            self.cancel_pull(url);
        }
        if eligible.is_empty() {
            return;
        }

        let mut request = PullRequest {
            spaces: Vec::new(),
            live: self.live,
        };
        let mut readings = Vec::new();
        for number in eligible {
            let Some(space) = engine.space_by_number(number) else {
                continue;
            };
            let Some(device) = space.device_to_read_as() else {
                continue;
            };
            let proof = ReadProof::new(&key, nonce.clone(), space.id(), device, |text| {
                space.signing_key().sign(text)
            });
            let sync = self.spaces.get(&number);
            let for_keys = sync.is_some_and(|sync| sync.lacks_keys);
            let ask = sync.map(|sync| Ask::of(space, sync)).unwrap_or_default();
            let after = if for_keys {
                Cursor::start(&space.id()).position()
            } else {
                ask.after(space)
            };
            let again = space.is_enrolling() || space.reads_again() || space.is_on_trial();
            let whole = again || ask != Ask::Log || sync.is_some_and(|sync| sync.whole);
            let healing = sync.map(|sync| sync.healing).unwrap_or_default();
            let earlier = if names_earlier(space, healing) {
                space
                    .earlier(engine.store.as_ref(), healing.within)
                    .unwrap_or_default()
            } else {
                Vec::new()
            };
            request.spaces.push(PullSpace {
                proof,
                after,
                earlier,
                whole,
                from_checkpoint: for_keys || ask == Ask::Checkpoint,
                ids: Vec::new(),
            });
            readings.push(Reading {
                number,
                device,
                page: Vec::new(),
                ask,
                offered: None,
                expects: self.spaces.get(&number).and_then(|sync| sync.taken),
                whole,
                for_keys,
                over: false,
                refused: false,
                done: false,
            });
        }
        if readings.is_empty() {
            return;
        }
        for reading in &readings {
            self.spaces.entry(reading.number).or_default().wants_pull = false;
        }
        let purpose = Purpose::Pull {
            relay: url.to_owned(),
        };
        let id = self.request(purpose, url, codec::encode(&request));
        let pull = Pull {
            reader: SequenceReader::new(limits::FRAME),
            spaces: readings,
            greeted: false,
            pending: 0,
            last_frame: now,
        };
        self.relays.entry(url.to_owned()).or_default().pull = Some((id, pull));
    }

    /// Whether the relay took an entry of the space since it was last asked, or had it before.
    fn has_heard_of(&self, number: u32) -> bool {
        self.spaces
            .get(&number)
            .is_some_and(|sync| sync.heard_of || sync.sent_below.is_some())
    }

    /// B: a piece of a pull's answer.
    pub fn handle_chunk(
        &mut self,
        engine: &mut Engine,
        id: RequestId,
        bytes: &[u8],
        now: Timestamp,
    ) {
        let url = match self.requests.get(&id).cloned() {
            Some(Purpose::Pull { relay }) => relay,
            Some(Purpose::Fetch { relay, space }) => {
                return self.fetch_chunk(engine, (id, &relay, space), bytes, now);
            }
            _ => return,
        };
        let taken = self.relays.entry(url.clone()).or_default().pull.take();
        let Some((pull_id, mut pull)) = taken else {
            return;
        };
        pull.reader.push(bytes);
        let broken = loop {
            match pull.reader.next_item::<Frame>() {
                Ok(Some(frame)) => {
                    if pull.is_of_use(&frame) {
                        pull.last_frame = now;
                    }
                    if let Err(problem) = self.frame(engine, &url, &mut pull, frame, now) {
                        break Some(problem);
                    }
                    if self.renounced {
                        break None;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(Problem::Garbled(error.to_string())),
            }
        };
        let is_pointless = pull.is_pointless();
        // Put back, so that a failure below finds and cancels it.
        self.relays.entry(url.clone()).or_default().pull = Some((pull_id, pull));
        if std::mem::take(&mut self.renounced) {
            return self.cancel_pulls();
        }
        if let Some(problem) = broken {
            self.relay_failed(engine, &url, problem, now);
        } else if is_pointless && self.live.is_none() {
            self.cancel_pull(&url);
        }
    }

    /// B: a pull's answer came to its end.
    pub fn handle_end(&mut self, engine: &mut Engine, id: RequestId, now: Timestamp) {
        match self.requests.remove(&id) {
            Some(Purpose::Pull { relay }) => self.pull_ended(engine, &relay, now),
            Some(Purpose::Fetch { relay, space }) => {
                self.fetch_ended(engine, (id, &relay, space), now);
            }
            _ => {}
        }
    }

    pub(super) fn pull_ended(&mut self, engine: &mut Engine, url: &str, now: Timestamp) {
        let ended = self.relays.entry(url.to_owned()).or_default().pull.take();
        let Some((_, pull)) = ended else { return };
        let unfinished = pull
            .spaces
            .iter()
            .any(|reading| !reading.over && !reading.done);
        if self.live.is_some() || unfinished || !pull.reader.is_empty() {
            // A live answer ends only where the relay stops.
            self.relay_failed(engine, url, Problem::Offline, now);
        }
    }

    fn frame(
        &mut self,
        engine: &mut Engine,
        url: &str,
        pull: &mut Pull,
        frame: Frame,
        now: Timestamp,
    ) -> Result<(), Problem> {
        match frame {
            Frame::Hello { .. } if pull.greeted => {
                return Err(Problem::Garbled("it greets twice".into()));
            }
            hello @ Frame::Hello { .. } => {
                pull.greeted = true;
                self.hello(engine, url, hello, now);
                let key = self.relays.get(url).and_then(|relay| relay.key);
                for reading in &mut pull.spaces {
                    let space = engine.space_by_number(reading.number);
                    reading.over |= space.is_none_or(|space| space.relay().key != key);
                }
            }
            Frame::Heartbeat { .. } if self.live.is_none() => {
                return Err(Problem::Garbled("it waits instead of answering".into()));
            }
            Frame::Heartbeat { nonce } => {
                let relay = self.relays.entry(url.to_owned()).or_default();
                relay.nonce = Some((nonce, now));
                relay.backoff.reset();
                for reading in pull.spaces.iter().filter(|r| r.done && !r.over) {
                    self.spaces.entry(reading.number).or_default().synced = Some(now);
                }
            }
            Frame::Attachment { space, bytes } => {
                pull.take(space, Item::Attachment(bytes.0))?;
            }
            Frame::Entry { space, seq, entry } => {
                let bytes = entry.0;
                pull.take(space, Item::Entry { seq, bytes })?;
            }
            Frame::Own { space, seq, id, .. } => {
                pull.take(space, Item::Own { seq, id })?;
            }
            Frame::Page {
                space,
                receipt,
                head,
            } => {
                let reading = pull.reading(space)?;
                let items = std::mem::take(&mut reading.page);
                let bytes: usize = items.iter().map(Item::size).sum();
                let is_offered = reading.offered.is_some();
                let may_be_empty = is_offered || reading.for_keys;
                if items.is_empty() && receipt.position.seq < head && !may_be_empty {
                    return Err(Problem::Garbled("an empty page before the end".into()));
                }
                if !reading.over {
                    // An answer that goes on and on would otherwise keep a sync from its end.
                    if reading.done && self.live.is_none() {
                        return Err(Problem::Garbled("it goes on after the end".into()));
                    }
                    reading.over = if is_offered {
                        !self.offered(engine, reading, items, &receipt, now)
                    } else {
                        !self.page(engine, reading, items, &receipt, head, now)
                    };
                    reading.done = receipt.position.seq >= head;
                    if !reading.over {
                        // A greeting alone says little of whether the rest will come.
                        self.relays
                            .entry(url.to_owned())
                            .or_default()
                            .backoff
                            .reset();
                    }
                }
                pull.pending = pull.pending.saturating_sub(bytes);
            }
            Frame::Checkpoint {
                space, checkpoint, ..
            } => pull.reading(space)?.offer(checkpoint)?,
            Frame::Refused {
                space,
                code,
                agreed,
            } => {
                let reading = pull.reading(space)?;
                if reading.refused {
                    return Err(Problem::Garbled("it refuses a space twice".into()));
                }
                reading.refused = true;
                if std::mem::replace(&mut reading.over, true) {
                    return Ok(());
                }
                let number = reading.number;
                if code == RefusalCode::Dropped {
                    self.dropped(engine, (number, reading.ask), now);
                    return Ok(());
                }
                if code == RefusalCode::UnknownPosition {
                    self.place_unknown(engine, number, agreed, now);
                    return Ok(());
                }
                if code == RefusalCode::NotFound && self.space_unknown(engine, number, now) {
                    return Ok(());
                }
                // A relay that took its first entry has lost it: it is sent once more.
                if engine
                    .space_by_number(number)
                    .is_some_and(Space::is_unheard_of)
                {
                    self.spaces.entry(number).or_default().heard_of = false;
                }
                let problem = refused(engine, number, code);
                self.space_failed(engine, number, problem, now);
            }
        }
        Ok(())
    }

    /// Takes one page of a space; says whether it was good.
    fn page(
        &mut self,
        engine: &mut Engine,
        reading: &mut Reading,
        items: Vec<Item>,
        receipt: &Receipt,
        head: u64,
        now: Timestamp,
    ) -> bool {
        let number = reading.number;
        if std::mem::take(&mut reading.ask) == Ask::FromStart
            && let Err(error) = self.begins_anew(engine, number)
        {
            self.space_failed(engine, number, error.into(), now);
            return false;
        }
        let end = End {
            history: receipt.generation,
            seq: receipt.position.seq,
            is_all: receipt.position.seq >= head,
        };
        if reading.for_keys {
            self.take_keys(engine, number, &items, end.is_all, now);
            return !end.is_all;
        }
        match engine.receive(number, items, receipt, end.is_all, now.0) {
            Ok(received) => self.taken(engine, reading, received, end, now),
            Err(error) => {
                self.not_taken(engine, reading, error, now);
                false
            }
        }
    }
}

/// Whether an entry of this device with a smaller counter is not in the log yet.
pub(super) fn is_on_its_way(engine: &Engine, number: u32, below: u32) -> bool {
    let store = engine.store.as_ref();
    engine
        .space_by_number(number)
        .and_then(|space| space.first_on_its_way(store).ok().flatten())
        .is_some_and(|counter| counter < below)
}

/// A relay's refusal as a problem of a space. A space that has been read is known to it: that it
/// says otherwise may mean that this device was removed, which nobody has to be told.
pub(super) fn refused(engine: &Engine, number: u32, code: RefusalCode) -> Problem {
    let was_read = engine
        .space_by_number(number)
        .is_some_and(|space| space.cursor().seq > 0 || space.is_enrolling());
    match code {
        RefusalCode::NotFound if was_read => Problem::Offline,
        code => Problem::Refused(code),
    }
}
