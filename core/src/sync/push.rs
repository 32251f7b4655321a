//! Sending: one append at a time in each space, after its log was read to the end.

use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::Kind;
use waymark_wire::ids::SpaceId;
use waymark_wire::limits;
use waymark_wire::message::{AppendAnswer, AppendRequest, RefusalAnswer, RefusalCode};

use super::machine::{Purpose, SpaceSync, Taken, Tends};
use super::pull::{is_on_its_way, refused};
use super::{Event, Machine, Problem, Timestamp};
use crate::engine::Engine;
use crate::membership::BookError;
use crate::space::{Published, Sealed, SpaceError, Unfulfilled};

/// Bytes of an append answer, at most.
const ANSWER: usize = 64 * 1024;
/// Bytes of entries in one append, at most.
const APPEND_BYTES: usize = limits::APPEND_BODY / 2;

impl Machine {
    /// Sends what there is to send in the spaces of a relay.
    pub(super) fn plan_pushes(&mut self, engine: &mut Engine, url: &str, now: Timestamp) {
        let key = self.relays.get(url).and_then(|relay| relay.key);
        for (number, id) in Self::spaces_at(engine, url) {
            let Some(space) = engine.space_by_number(number) else {
                continue;
            };
            // Nothing is handed to a relay that shows another key than this space knows.
            if key.is_none() || space.relay().key != key || space.has_ended() || space.holds_back()
            {
                continue;
            }
            if space.is_closed() {
                self.give_up_wishes(engine, number, now);
                continue;
            }
            if self.leaves_strangers(engine, number, now)
                || self.plan_healing(engine, url, number, now)
            {
                continue;
            }
            let Some(space) = engine.space_by_number(number) else {
                continue;
            };
            let unheard_of = space.is_unheard_of();
            let sync = self.spaces.entry(number).or_default();
            let unheard_of = unheard_of && !sync.heard_of;
            let ready = sync.caught_up || unheard_of;
            if !sync.wants_push || sync.pushing || !ready || !sync.backoff.is_over(now) {
                continue;
            }
            sync.wants_push = false;
            let (sent_below, tends) = (sync.sent_below, sync.tends);
            let next = match next_entries(engine, number, (sent_below, tends), now) {
                Ok(next) => next,
                Err(error) => {
                    self.space_failed(engine, number, error.into(), now);
                    continue;
                }
            };
            let outbox = next.entries;
            let sync = self.spaces.entry(number).or_default();
            sync.withheld = next.withheld.is_some();
            sync.tends = tends.filter(|_| next.tends);
            if next.held {
                self.events.push_back(Event::Status { space: id });
            }
            let sync = self.spaces.entry(number).or_default();
            // Reading and all other sending go on.
            if let Some(withheld) = next.withheld {
                tracing::warn!(space = number, %withheld, "a change cannot be made");
                if !std::mem::replace(&mut sync.asked_for_keys, true) {
                    sync.lacks_keys = true;
                    sync.wants_pull = true;
                }
                sync.problem = Some(withheld.into());
                self.events.push_back(Event::Status { space: id });
            }
            self.tell_unfulfilled(id, next.unfulfilled);
            let Some(last) = outbox.last() else { continue };
            let below = last.counter + 1;
            let from = outbox.first().map(|first| first.counter);
            let attachments = outbox.iter().flat_map(|sealed| sealed.attachments.clone());
            let request = AppendRequest {
                space: id,
                attachments: attachments.map(Bytes).collect(),
                entries: outbox
                    .into_iter()
                    .map(|s| Bytes(s.entry.into_bytes()))
                    .collect(),
                admission: None,
                heals: false,
            };
            let purpose = Purpose::Append {
                relay: url.to_owned(),
                space: number,
                below,
            };
            self.request(purpose, url, codec::encode(&request));
            let space = engine.space_by_number(number);
            let height = space.and_then(|space| Some(space.book()?.membership().height()));
            let sync = self.spaces.entry(number).or_default();
            sync.pushing = true;
            sync.sent_at = height;
            sync.sent_from = from;
            sync.sent_as = space.map(|space| space.signing_key().verifying_key());
        }
    }

    /// Nothing is added to a space that is closed: what was wanted there cannot be any more.
    fn give_up_wishes(&mut self, engine: &mut Engine, number: u32, now: Timestamp) {
        let sync = self.spaces.entry(number).or_default();
        if !sync.caught_up || !std::mem::take(&mut sync.wants_push) {
            return;
        }
        let Some((space, store, entropy)) = engine.parts(number) else {
            return;
        };
        let id = space.id();
        match space.give_up_wishes(store, entropy) {
            Ok(unfulfilled) => self.tell_unfulfilled(id, unfulfilled),
            Err(error) => self.space_failed(engine, number, error.into(), now),
        }
    }

    fn tell_unfulfilled(&mut self, space: SpaceId, all: Vec<Unfulfilled>) {
        // A phrase that cannot be is forgotten with its words.
        self.upkeep_due |= !all.is_empty();
        for unfulfilled in all {
            let unfulfilled = Box::new(unfulfilled);
            self.events
                .push_back(Event::Unfulfilled { space, unfulfilled });
        }
    }

    pub(super) fn handle_appended(
        &mut self,
        engine: &mut Engine,
        url: &str,
        number: u32,
        below: u32,
        body: &[u8],
        now: Timestamp,
    ) {
        self.spaces.entry(number).or_default().pushing = false;
        let answer: AppendAnswer = match codec::decode(body, ANSWER) {
            Ok(answer) => answer,
            Err(error) => {
                return self.relay_failed(engine, url, Problem::Garbled(error.to_string()), now);
            }
        };
        let relay = self.relays.entry(url.to_owned()).or_default();
        relay.nonce = Some((answer.nonce, now));
        let Some(space) = engine.space_by_number(number) else {
            return;
        };
        let signed = |key| answer.receipt.is_signed_by(key, &space.id());
        if !space.relay().key.as_ref().is_some_and(signed) {
            let error = SpaceError::Relay("its receipt is not signed by its key");
            return self.space_failed(engine, number, error.into(), now);
        }
        if let Err(error) = Self::take_word(engine, number, &answer.receipt) {
            return self.space_failed(engine, number, error.into(), now);
        }
        let Some(seq) = answer.seqs.last().copied() else {
            let error = SpaceError::Relay("it does not say where it put what it took");
            return self.space_failed(engine, number, error.into(), now);
        };
        // Whoever leaves is shown nothing any more, not even that.
        if let Some((space, store, _)) = engine.parts(number) {
            match space.note_if_left(store, below) {
                Ok(false) => {}
                Ok(true) => {
                    self.spaces.insert(number, SpaceSync::default());
                    let space = space.id();
                    self.cancel_pull(url);
                    return self.events.push_back(Event::Membership { space });
                }
                Err(error) => return self.space_failed(engine, number, error.into(), now),
            }
        }
        let Some(space) = engine.space_by_number(number) else {
            return;
        };
        // Where an answer is open, the entry may have come before this word of it; and with it this
        // device may have become another member, whose entries have numbers of their own.
        let sync = self.spaces.entry(number).or_default();
        if sync.sent_as != Some(space.signing_key().verifying_key()) {
            sync.wants_push = true;
            return self.events.push_back(Event::Status { space: space.id() });
        }
        let waits = is_on_its_way(engine, number, below);
        let unheard_of = space.is_unheard_of();
        let sync = self.spaces.entry(number).or_default();
        sync.sent_below = waits.then_some(below);
        sync.taken = waits.then_some(Taken {
            history: answer.receipt.generation,
            seq,
            below,
            at: now,
        });
        sync.moved_at = None;
        // There may be more; and only the log itself says that an entry is in it.
        sync.wants_push = true;
        sync.wants_pull |= self.live.is_none() || unheard_of;
        sync.caught_up |= unheard_of;
        self.events.push_back(Event::Status { space: space.id() });
    }

    pub(super) fn append_refused(
        &mut self,
        engine: &mut Engine,
        number: u32,
        answer: &RefusalAnswer,
        now: Timestamp,
    ) {
        let space = engine.space_by_number(number);
        let read_to = space.map(|space| space.cursor().seq);
        let sync = self.spaces.entry(number).or_default();
        sync.pushing = false;
        sync.wants_push = true;
        sync.wants_pull = true;
        sync.sent_below = None;
        let is_final = matches!(
            answer.code,
            RefusalCode::BadRequest
                | RefusalCode::Forbidden
                | RefusalCode::TooLarge
                | RefusalCode::Unsupported
        );
        // Nobody needs a checkpoint, and nothing else waits for it.
        if is_final
            && !sync.healing.is_under_way()
            && self.gives_up_checkpoint(engine, number, answer.seqs.len())
        {
            return;
        }
        let sync = self.spaces.entry(number).or_default();
        match answer.code {
            // Another entry came first: it is read, and what was wanted is signed anew. Or the relay
            // has lost the one that this names, or its signer: the log will show.
            RefusalCode::Closed
            | RefusalCode::MembershipMoved
            | RefusalCode::NotFound
            | RefusalCode::StaleMembership => {
                let Some(space) = engine.space_by_number(number) else {
                    return;
                };
                // Where it took a part, that part may be what moved it.
                let height = sync.sent_at.filter(|_| answer.seqs.is_empty());
                if sync.moved_at.is_some() && sync.moved_at == height {
                    sync.moved_at = None;
                    sync.balks = true;
                    let again = "it says that a membership entry came first, and shows none";
                    let problem = match answer.code {
                        RefusalCode::NotFound => refused(engine, number, answer.code),
                        _ => SpaceError::Relay(again).into(),
                    };
                    return self.space_failed(engine, number, problem, now);
                }
                sync.moved_at = height;
                sync.caught_up = false;
                sync.heard_of = true;
                let url = space.relay().url.clone();
                self.cancel_pull(&url);
            }
            // It will be found out why: the log is not what it was.
            _ if sync.healing.is_under_way() => {}
            // Perhaps another device with this one's keys has used it, or the log has lost what stood
            // before it: the log will show.
            RefusalCode::Counter if sync.counted_at != read_to => {
                sync.counted_at = read_to;
                sync.caught_up = false;
                sync.heard_of = true;
                let url = engine
                    .space_by_number(number)
                    .map(|s| s.relay().url.clone());
                if let Some(url) = url {
                    self.cancel_pull(&url);
                }
            }
            code => {
                sync.balks = true;
                let problem = refused(engine, number, code);
                self.space_failed(engine, number, problem, now);
            }
        }
    }
}

impl Machine {
    /// Takes back what is on its way of a checkpoint, where the relay refused a part of one behind the
    /// `taken` entries that it took. No other is made until the app asks again. Says whether it did.
    fn gives_up_checkpoint(&mut self, engine: &mut Engine, number: u32, taken: usize) -> bool {
        let sync = self.spaces.entry(number).or_default();
        let taken = u32::try_from(taken).unwrap_or(u32::MAX);
        let Some(refused) = sync.sent_from.map(|from| from.saturating_add(taken)) else {
            return false;
        };
        sync.tends = None;
        let Some((space, store, entropy)) = engine.parts(number) else {
            return false;
        };
        let is_part = space.is_of_checkpoint(store, refused).unwrap_or_default();
        is_part
            && space
                .take_back_checkpoint(store, entropy)
                .unwrap_or_default()
    }
}

/// What is to be sent next in a space.
#[derive(Default)]
struct Next {
    entries: Vec<Sealed>,
    /// A checkpoint of somebody else's was found to be bad.
    held: bool,
    /// There may be more to do for a checkpoint.
    tends: bool,
    unfulfilled: Vec<Unfulfilled>,
    /// Why a change of the membership that is wanted cannot be made now.
    withheld: Option<SpaceError>,
}

/// What is to be sent next in a space: what is sealed and not taken yet, sealing more if there is
/// nothing.
fn next_entries(
    engine: &mut Engine,
    number: u32,
    (sent_below, tends): (Option<u32>, Option<Tends>),
    now: Timestamp,
) -> Result<Next, SpaceError> {
    let mut made = Next::default();
    let Some((space, store, entropy)) = engine.parts(number) else {
        return Ok(made);
    };
    let owes = space.owes_checkpoint(store, now.0)?;
    if tends.is_none() && !owes && sent_below.is_none() {
        space.take_back_checkpoint(store, entropy)?;
    }
    space.take_up_stranded(store, entropy)?;
    space.take_back_draft(store, entropy)?;
    space.refuse_key(store, entropy)?;
    space.reseal(store, entropy)?;
    space.widen_wishes(store)?;
    if owes && space.is_to_end(store)? && !space.is_drafting(store)? {
        // What is left can be said by nobody once the space is closed, and perhaps by nobody else.
        while space.seal(store, entropy)? {}
        space.publish_checkpoint(store, entropy)?;
    }
    match space.draft_wishes(store, entropy) {
        Ok(drafted) => made.unfulfilled = drafted.unfulfilled,
        // The relay left out a key to which the next one has to be sealed. What was written does not
        // have to wait for it.
        Err(error @ SpaceError::Membership(BookError::AgreementKey(_))) => {
            made.withheld = Some(error);
        }
        Err(error) => return Err(error),
    }
    // A membership entry may come second and is made anew then: nothing is numbered behind it.
    if !space.is_drafting(store)? {
        while space.seal(store, entropy)? {}
        made.held = space.judge_checkpoints(store)?;
        space.speak_of_checkpoints(store, entropy)?;
        if owes {
            // What was forgotten is gone from the relay no sooner than others know what is left.
            space.publish_checkpoint(store, entropy)?;
        }
        made.tends = match tends.filter(|_| !owes) {
            Some(Tends { most, is_read }) if is_read => {
                space.tend_checkpoint(store, most, entropy)? != Published::Nothing
            }
            _ => true,
        };
    }
    let mut bytes = 0;
    let mut fits = |sealed: &Sealed| {
        let is_first = bytes == 0;
        bytes +=
            sealed.entry.bytes().len() + sealed.attachments.iter().map(Vec::len).sum::<usize>();
        is_first || bytes <= APPEND_BYTES
    };
    let next = space
        .to_send(store)?
        .into_iter()
        .skip_while(|sealed| sent_below.is_some_and(|below| sealed.counter < below))
        .take_while(|sealed| fits(sealed))
        .collect();
    made.entries = up_to_draft(next);
    Ok(made)
}

/// What stands behind a change of the membership waits for it: it may have to be sealed anew.
pub(crate) fn up_to_draft(mut next: Vec<Sealed>) -> Vec<Sealed> {
    let changes = |sealed: &Sealed| {
        let header = sealed.entry.header();
        header.kind == Kind::Membership && header.seen.seq > 0
    };
    if let Some(place) = next.iter().position(changes) {
        next.truncate(place + 1);
    }
    next
}
