//! The documents of a checkpoint: their snapshots are asked for by their ids, what the app shows first
//! before the rest, and each document is taken as soon as its snapshot is here.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike};
use waymark_wire::codec::{self, SequenceReader};
use waymark_wire::ids::EntryId;
use waymark_wire::limits;
use waymark_wire::message::{Frame, PullRequest, PullSpace};
use waymark_wire::proof::ReadProof;

use super::machine::Purpose;
use super::pull::refused;
use super::{Effect, Event, Machine, Problem, RequestId, Timestamp};
use crate::engine::Engine;
use crate::gate::DocumentName;
use crate::home;
use crate::membership::SpaceKind;
use crate::model::DocumentKind;
use crate::space::{Next, Received, Space, SpaceError, Turn};

/// Documents that are taken before the app and the network are looked at again.
const AT_ONCE: usize = 8;
/// For one whole frame.
const FRAME_MS: i64 = 120_000;

/// Snapshots that are being fetched.
#[derive(Debug)]
pub(super) struct Fetch {
    id: RequestId,
    reader: SequenceReader,
    asked: Vec<EntryId>,
    /// How many entries came.
    came: usize,
    is_done: bool,
    last_frame: Timestamp,
}

impl Fetch {
    /// When the next whole frame has to be here.
    pub(super) const fn deadline(&self) -> Timestamp {
        self.last_frame.plus(FRAME_MS)
    }
}

impl Machine {
    /// Goes on with the documents that are still to come in the spaces of a relay.
    pub(super) fn plan_documents(&mut self, engine: &mut Engine, url: &str, now: Timestamp) {
        for (number, _) in Self::spaces_at(engine, url) {
            let mut taken = 0;
            while self.goes_on_with_documents(engine, url, number, now) {
                taken += 1;
                if taken >= AT_ONCE {
                    self.goes_on_at = Some(now);
                    break;
                }
            }
        }
    }

    /// Does what is next for the documents of a space. Says whether a document was taken, after which
    /// there may be more to do.
    fn goes_on_with_documents(
        &mut self,
        engine: &mut Engine,
        url: &str,
        number: u32,
        now: Timestamp,
    ) -> bool {
        if !self.is_fetching(engine, number) {
            return false;
        }
        let Some((space, store, _)) = engine.parts(number) else {
            return false;
        };
        let sync = self.spaces.entry(number).or_default();
        if std::mem::take(&mut sync.start.tries_again) {
            space.forgive_start();
        }
        if let Some(fault) = space.start_fault() {
            self.documents_refused(engine, url, number, fault);
            return false;
        }
        let month = month_of(now);
        let next = match space.next_documents(store, &|name| turn_of(name, month)) {
            Ok(next) => next,
            Err(error) => {
                self.space_failed(engine, number, error.into(), now);
                return false;
            }
        };
        let Next {
            document,
            is_last,
            missing,
        } = next;
        let sync = self.spaces.entry(number).or_default();
        let is_idle = sync.start.fetch.is_none();
        if !missing.is_empty() && is_idle && sync.backoff.is_over(now) {
            self.fetch(engine, url, number, missing, now);
        }
        let Some((space, store, _)) = engine.parts(number) else {
            return false;
        };
        let taken = match document {
            Some(name) => space.take_document(store, name),
            None if is_last => space.finish_start(store),
            None => return false,
        };
        match taken {
            Ok(received) => {
                self.document_taken(engine, number, received, is_last);
                true
            }
            Err(error) => {
                self.document_refused(engine, url, number, error, now);
                false
            }
        }
    }

    /// Whether documents of a space are still to come, and can.
    pub(super) fn is_fetching(&self, engine: &Engine, number: u32) -> bool {
        let has_failed = self
            .spaces
            .get(&number)
            .is_some_and(|sync| sync.start.failed.is_some() || sync.start.refused.is_some());
        let space = engine.space_by_number(number);
        !has_failed && space.is_some_and(Space::wants_documents)
    }

    fn document_taken(&mut self, engine: &Engine, number: u32, received: Received, is_last: bool) {
        let Some(space) = engine.space_by_number(number) else {
            return;
        };
        let id = space.id();
        self.upkeep_due |= is_last || space.kind() == SpaceKind::Home;
        if !received.changes.is_empty() {
            let changes = received.changes;
            self.events.push_back(Event::Changed { space: id, changes });
        }
        self.events.push_back(Event::Status { space: id });
        let sync = self.spaces.entry(number).or_default();
        // What was written in it meanwhile is sent now.
        sync.wants_push = true;
        // And what the log does not have is written again once it was read to its end.
        sync.wants_pull |= is_last && self.live.is_none();
    }

    fn document_refused(
        &mut self,
        engine: &mut Engine,
        url: &str,
        number: u32,
        error: SpaceError,
        now: Timestamp,
    ) {
        match error {
            error @ SpaceError::Checkpoint { .. } => {
                self.documents_refused(engine, url, number, error);
            }
            SpaceError::Restored { .. } => self.is_a_copy(engine, number, now),
            error => self.space_failed(engine, number, error.into(), now),
        }
    }

    /// Asks for entries by their ids.
    fn fetch(
        &mut self,
        engine: &Engine,
        url: &str,
        number: u32,
        ids: Vec<EntryId>,
        now: Timestamp,
    ) {
        let relay = self.relays.get(url);
        let known = relay.and_then(|relay| relay.key.zip(relay.nonce.clone()));
        let Some((key, (nonce, _))) = known else {
            return;
        };
        let space = engine.space_by_number(number);
        let Some((space, device)) =
            space.and_then(|space| Some((space, space.device_to_read_as()?)))
        else {
            return;
        };
        if space.relay().key != Some(key) {
            return;
        }
        let sign = |text: &[u8]| space.signing_key().sign(text);
        let request = PullRequest {
            spaces: vec![PullSpace {
                proof: ReadProof::new(&key, nonce, space.id(), device, sign),
                after: space.cursor().position(),
                earlier: Vec::new(),
                whole: true,
                from_checkpoint: false,
                ids: ids.clone(),
            }],
            live: None,
        };
        let purpose = Purpose::Fetch {
            relay: url.to_owned(),
            space: number,
        };
        let id = self.request(purpose, url, codec::encode(&request));
        self.spaces.entry(number).or_default().start.fetch = Some(Fetch {
            id,
            reader: SequenceReader::new(limits::FRAME),
            asked: ids,
            came: 0,
            is_done: false,
            last_frame: now,
        });
    }

    /// A piece of an answer with entries that were asked for by their ids.
    pub(super) fn fetch_chunk(
        &mut self,
        engine: &mut Engine,
        (id, url, number): (RequestId, &str, u32),
        bytes: &[u8],
        now: Timestamp,
    ) {
        let sync = self.spaces.entry(number).or_default();
        let Some(mut fetch) = sync.start.fetch.take_if(|fetch| fetch.id == id) else {
            return;
        };
        fetch.reader.push(bytes);
        let broken = loop {
            match fetch.reader.next_item::<Frame>() {
                Ok(Some(frame)) => {
                    fetch.last_frame = now;
                    if let Err(problem) =
                        self.fetched(engine, (url, number), &mut fetch, frame, now)
                    {
                        break Some(problem);
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(Problem::Garbled(error.to_string())),
            }
        };
        self.spaces.entry(number).or_default().start.fetch = Some(fetch);
        if let Some(problem) = broken {
            self.relay_failed(engine, url, problem, now);
        }
    }

    fn fetched(
        &mut self,
        engine: &mut Engine,
        (url, number): (&str, u32),
        fetch: &mut Fetch,
        frame: Frame,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let garbled = |what: &str| Err(Problem::Garbled(what.into()));
        match frame {
            hello @ Frame::Hello { .. } => self.hello(engine, url, hello, now),
            Frame::Entry {
                space: 0, entry, ..
            } if !fetch.is_done => {
                fetch.came += 1;
                if fetch.came > fetch.asked.len() {
                    return garbled("more than was asked for");
                }
                let Some((space, store, _)) = engine.parts(number) else {
                    return Ok(());
                };
                // What was not asked for is not kept, and what was is missed then.
                space.keep_piece(store, entry.0)?;
                // A document may be whole now.
                self.goes_on_at = Some(now);
            }
            Frame::Page {
                space: 0, receipt, ..
            } if !fetch.is_done => {
                fetch.is_done = true;
                let space = engine.space_by_number(number);
                let is_signed = space.is_some_and(|space| {
                    let signed = |key| receipt.is_signed_by(key, &space.id());
                    space.relay().key.as_ref().is_some_and(signed)
                });
                if !is_signed {
                    return garbled("a receipt that is not signed");
                }
                Self::take_word(engine, number, &receipt)?;
            }
            Frame::Refused { space: 0, code, .. } => {
                fetch.is_done = true;
                fetch.asked.clear();
                let problem = refused(engine, number, code);
                self.space_failed(engine, number, problem, now);
            }
            _ => return garbled("something else than the entries that were asked for"),
        }
        Ok(())
    }

    /// An answer with entries that were asked for came to its end.
    pub(super) fn fetch_ended(
        &mut self,
        engine: &mut Engine,
        (id, url, number): (RequestId, &str, u32),
        now: Timestamp,
    ) {
        let sync = self.spaces.entry(number).or_default();
        let Some(fetch) = sync.start.fetch.take_if(|fetch| fetch.id == id) else {
            return;
        };
        if !fetch.is_done || !fetch.reader.is_empty() {
            return self.relay_failed(engine, url, Problem::Offline, now);
        }
        let Some((space, _, _)) = engine.parts(number) else {
            return;
        };
        let asked: BTreeSet<EntryId> = fetch.asked.into_iter().collect();
        space.are_missing(&asked);
    }

    /// Gives up what is being fetched from a relay.
    pub(super) fn cancel_fetches(&mut self, url: &str) {
        let is_meant =
            |purpose: &Purpose| matches!(purpose, Purpose::Fetch { relay, .. } if relay == url);
        let ended: Vec<_> = self
            .requests
            .extract_if(.., |_, purpose| is_meant(purpose))
            .collect();
        for (id, purpose) in ended {
            self.effects.push_back(Effect::Cancel(id));
            if let Purpose::Fetch { space, .. } = purpose {
                self.spaces.entry(space).or_default().start.fetch = None;
            }
        }
    }

    /// When what is being fetched from a relay has to go on.
    pub(super) fn fetch_deadline(&self, url: &str) -> Option<Timestamp> {
        let of = |purpose: &Purpose| match purpose {
            Purpose::Fetch { relay, space } if relay == url => Some(*space),
            _ => None,
        };
        let spaces = self.requests.values().filter_map(of);
        let fetches = spaces.filter_map(|space| self.spaces.get(&space)?.start.fetch.as_ref());
        fetches.map(Fetch::deadline).min()
    }
}

/// When a document's turn is: plans and home's list first, for nothing can be shown without them; then
/// the current month, then the months around it.
fn turn_of(name: DocumentName, month: u32) -> Turn {
    let is = |kind: DocumentKind| name.kind == u16::from(kind.code());
    if name == home::LIST || is(DocumentKind::Plan) {
        Turn(0, name.part)
    } else if !is(DocumentKind::Log) {
        Turn(4, u32::MAX - name.part)
    } else if name.part == month {
        Turn(Turn::FIRST, 0)
    } else {
        Turn(3, name.part.abs_diff(month))
    }
}

/// The month of a time as of a log's part. Where a person's own month is another one already, or still,
/// that comes next.
fn month_of(now: Timestamp) -> u32 {
    let date = DateTime::from_timestamp_millis(now.0).unwrap_or_default();
    let year = u32::try_from(date.year()).unwrap_or_default();
    year.saturating_mul(12).saturating_add(date.month0())
}
