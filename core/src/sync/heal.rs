//! A relay that has lost a part of a log: what it lost is appended again in the old order, until the
//! chain is what it was. Where its log goes on otherwise, the space goes back to where both agree, is
//! read on from there, and the lost branch follows behind.

use waymark_wire::chain::Position;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::message::{AppendAnswer, AppendRequest, RefusalAnswer, RefusalCode};
use waymark_wire::receipt::Receipt;

use super::machine::Purpose;
use super::{Event, Machine, Problem, Timestamp};
use crate::engine::Engine;
use crate::home;
use crate::space::{Gap, Returned, Space, SpaceError};

/// Bytes of an append answer, at most.
const ANSWER: usize = 64 * 1024;
/// How long a relay that does not know a space is left alone after it was given the space again.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What is being given back to a relay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Branch {
    /// The log as it was, after this place: up to there, both agree.
    Same {
        /// The number of the last entry before.
        after: u64,
    },
    /// Lost entries, behind what the relay's log is now.
    Lost {
        /// Which is the first.
        first: u32,
    },
}

/// How the healing of one space stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Healing {
    /// The relay said that it does not know a place: earlier ones are to be named.
    pub(super) names: bool,
    /// Between which places its log ends, as far as it has said.
    pub(super) within: Option<Gap>,
    /// The number of the entry up to which both agree; what follows is being given back.
    pub(super) agreed: Option<u64>,
    /// A part of it is on its way.
    pub(super) is_busy: bool,
    /// The place for which everything was given back, until the relay shows that it has it.
    healed_to: Option<u64>,
    /// Of how many of the lost entries the relay said that it has taken them, and how far the log was
    /// read then.
    taken: Option<u64>,
    /// The relay knew nothing of the space, or this device is none of its members any more.
    is_unknown: bool,
    /// The space has gone back before, since it was last in sync.
    went_back: bool,
}

impl Healing {
    /// Whether the relay's log is known not to be what it was.
    pub(super) const fn is_under_way(&self) -> bool {
        self.names || self.agreed.is_some()
    }
}

impl Machine {
    /// The relay says that this device's place is not on its log, but `agreed` is.
    pub(super) fn place_unknown(
        &mut self,
        engine: &mut Engine,
        number: u32,
        agreed: Option<Position>,
        now: Timestamp,
    ) {
        let Some(space) = engine.space_by_number(number) else {
            return;
        };
        let seq = space.cursor().seq;
        if space.is_on_trial() {
            let lost = SpaceError::Relay("it has lost what it showed");
            return self.start_refused(engine, number, lost, now);
        }
        if space.is_closed() {
            // Nothing is ever added there, and whoever has read it has it.
            let sync = self.spaces.entry(number).or_default();
            sync.synced = Some(now);
            sync.problem = None;
            return;
        }
        let sync = self.spaces.entry(number).or_default();
        let healing = &mut sync.healing;
        if !space.heals() || healing.healed_to.take() == Some(seq) {
            // It took everything, and has lost it again.
            healing.names = false;
            return self.space_failed(engine, number, Problem::RolledBack, now);
        }
        // What was sent before this was known may have failed for this alone.
        sync.backoff.hurry();
        if !std::mem::replace(&mut healing.names, true) {
            healing.within = None;
            sync.wants_pull = true;
            return;
        }
        healing.names = false;
        let within = healing.within.take();
        let known = engine
            .parts(number)
            .map(|(space, store, _)| space.earlier(store, within));
        let named = match known {
            Some(Ok(places)) => places,
            Some(Err(error)) => return self.space_failed(engine, number, error.into(), now),
            None => return,
        };
        let is_named = |place: &Position| place.seq == 0 || named.contains(place);
        let Some(agreed) = agreed.filter(is_named) else {
            let lie = Problem::Garbled("it agrees on a place that was not named".into());
            return self.space_failed(engine, number, lie, now);
        };
        let space = engine.space_by_number(number);
        let places = named.iter().map(|place| place.seq);
        let gap = Gap::left(within, seq, places, agreed.seq);
        if let Some(gap) = space.zip(gap).and_then(|(space, gap)| space.narrows(gap)) {
            let sync = self.spaces.entry(number).or_default();
            sync.healing.names = true;
            sync.healing.within = Some(gap);
            sync.wants_pull = true;
            return;
        }
        if let Some(error) = space.and_then(|space| space.cannot_give_back(agreed.seq)) {
            // Somebody who has kept more gives it back, where nothing was forgotten.
            let problem = match error {
                SpaceError::Forgotten { .. } => error.into(),
                _ => Problem::RolledBack,
            };
            return self.space_failed(engine, number, problem, now);
        }
        self.begin_healing(engine, number, agreed.seq);
    }

    /// The relay says that there is no such space, or none for this device. At most daily it is given
    /// everything again, in case it has lost it.
    pub(super) fn space_unknown(
        &mut self,
        engine: &mut Engine,
        number: u32,
        now: Timestamp,
    ) -> bool {
        let asks_as_listed = match home::ask_as_listed(engine, number) {
            Ok(asks) => asks,
            Err(error) => {
                self.space_failed(engine, number, error.into(), now);
                return true;
            }
        };
        let Some((space, store, _)) = engine.parts(number) else {
            return false;
        };
        // It was added once more, in a log that goes on otherwise.
        if let Ok(Some(seq)) = space.parted_before(store) {
            self.go_back(engine, number, seq, now);
            return true;
        }
        if asks_as_listed {
            return false;
        }
        if let Err(error) = space.ask_as_other(store) {
            self.space_failed(engine, number, error.into(), now);
            return true;
        }
        if !space.heals()
            || !space.has_all_after(0)
            || !matches!(space.may_return(store, now.0, DAY_MS), Ok(true))
        {
            return false;
        }
        self.begin_healing(engine, number, 0);
        self.spaces.entry(number).or_default().healing.is_unknown = true;
        true
    }

    fn begin_healing(&mut self, engine: &Engine, number: u32, agreed: u64) {
        let sync = self.spaces.entry(number).or_default();
        sync.healing.agreed = Some(agreed);
        sync.healing.is_unknown = false;
        sync.caught_up = false;
        sync.sent_below = None;
        sync.taken = None;
        sync.problem = Some(Problem::RolledBack);
        tracing::warn!(space = number, agreed, "the relay has lost entries");
        if let Some(space) = engine.space_by_number(number) {
            self.events.push_back(Event::Status { space: space.id() });
        }
    }

    /// Gives back the next part of what a relay lost. Says whether this is what a space has to do now.
    pub(super) fn plan_healing(
        &mut self,
        engine: &mut Engine,
        url: &str,
        number: u32,
        now: Timestamp,
    ) -> bool {
        let Some((space, store, _)) = engine.parts(number) else {
            return false;
        };
        let sync = self.spaces.entry(number).or_default();
        if sync.healing.is_busy || !sync.backoff.is_over(now) {
            return sync.healing.is_under_way() || sync.healing.is_busy;
        }
        let (branch, part) = match sync.healing.agreed {
            Some(after) => (Branch::Same { after }, space.returned_after(store, after)),
            None if sync.healing.names => return true,
            None if space.has_lost() && sync.caught_up && sync.wants_push => {
                // What the relay took is shown first.
                if sync
                    .healing
                    .taken
                    .is_some_and(|at| at >= space.cursor().seq)
                {
                    return true;
                }
                let first = space.first_lost().unwrap_or_default();
                (Branch::Lost { first }, space.lost_entries(store))
            }
            None => return false,
        };
        let part = match part {
            Ok(part) => part,
            Err(error) => {
                self.space_failed(engine, number, error.into(), now);
                return true;
            }
        };
        if part.entries.is_empty() {
            self.healed(engine, number, None);
            return true;
        }
        if let Err(error) = space.renew_after(store, &part) {
            self.space_failed(engine, number, error.into(), now);
            return true;
        }
        let id = space.id();
        self.give_back(url, number, id, branch, part);
        true
    }

    fn give_back(
        &mut self,
        url: &str,
        number: u32,
        space: waymark_wire::ids::SpaceId,
        branch: Branch,
        part: Returned,
    ) {
        let purpose = Purpose::Heal {
            relay: url.to_owned(),
            space: number,
            branch,
            count: part.entries.len(),
        };
        let entries = part.entries.into_iter();
        let request = AppendRequest {
            space,
            attachments: part.attachments.into_iter().map(Bytes).collect(),
            entries: entries.map(|entry| Bytes(entry.into_bytes())).collect(),
            admission: None,
            heals: true,
        };
        self.request(purpose, url, codec::encode(&request));
        self.spaces.entry(number).or_default().healing.is_busy = true;
    }

    /// The relay took what was given back.
    pub(super) fn handle_healed(
        &mut self,
        engine: &mut Engine,
        (url, number): (&str, u32),
        (branch, count): (Branch, usize),
        body: &[u8],
        now: Timestamp,
    ) {
        self.spaces.entry(number).or_default().healing.is_busy = false;
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
        if answer.seqs.len() != count || !space.relay().key.as_ref().is_some_and(signed) {
            let error = SpaceError::Relay("it does not say where it put what it took");
            return self.space_failed(engine, number, error.into(), now);
        }
        if let Err(error) = Self::take_word(engine, number, &answer.receipt) {
            return self.space_failed(engine, number, error.into(), now);
        }
        let Some(space) = engine.space_by_number(number) else {
            return;
        };
        match branch {
            Branch::Same { after } => {
                let agreed = agreed_with(after, &answer.seqs);
                let is_unknown = self.spaces.entry(number).or_default().healing.is_unknown;
                if agreed < after + answer.seqs.len() as u64 {
                    if is_unknown {
                        return self.is_stranger(engine, number, now);
                    }
                    return self.go_back(engine, number, agreed, now);
                }
                let is_done = agreed >= space.cursor().seq;
                let sync = self.spaces.entry(number).or_default();
                sync.healing.agreed = Some(agreed);
                if is_done {
                    self.healed(engine, number, Some(&answer.receipt));
                }
            }
            Branch::Lost { first } => {
                let read_to = space.cursor().seq;
                let is_read = answer.seqs.iter().all(|seq| *seq <= read_to);
                if is_read && space.first_lost() == Some(first) {
                    let lie = "it took an entry again and shows another in its place";
                    return self.space_failed(engine, number, SpaceError::Relay(lie).into(), now);
                }
                let sync = self.spaces.entry(number).or_default();
                sync.healing.taken = answer.seqs.iter().max().copied();
                sync.wants_pull = true;
                sync.wants_push = true;
            }
        }
    }

    /// The relay refused what was given back, from some entry on.
    pub(super) fn healing_refused(
        &mut self,
        engine: &mut Engine,
        number: u32,
        branch: Branch,
        answer: &RefusalAnswer,
        now: Timestamp,
    ) {
        let sync = self.spaces.entry(number).or_default();
        sync.healing.is_busy = false;
        let is_final = matches!(
            answer.code,
            RefusalCode::Attachment
                | RefusalCode::BadRequest
                | RefusalCode::Closed
                | RefusalCode::Counter
                | RefusalCode::Forbidden
                | RefusalCode::MembershipMoved
                | RefusalCode::NotFound
                | RefusalCode::StaleMembership
                | RefusalCode::Unsupported
        );
        match branch {
            Branch::Same { after } => {
                let agreed = agreed_with(after, &answer.seqs);
                // The first entry names the space: nothing else can stand in its place.
                if sync.healing.is_unknown {
                    return self.is_stranger(engine, number, now);
                }
                if is_final && agreed > 0 {
                    return self.go_back(engine, number, agreed, now);
                }
                sync.healing.agreed = None;
                let problem = super::pull::refused(engine, number, answer.code);
                self.space_failed(engine, number, problem, now);
            }
            Branch::Lost { .. } if !answer.seqs.is_empty() => {
                sync.healing.taken = answer.seqs.iter().max().copied();
                sync.wants_pull = true;
                sync.wants_push = true;
            }
            Branch::Lost { .. } if is_final => self.take_up_lost(engine, number, now),
            Branch::Lost { .. } => {
                let problem = super::pull::refused(engine, number, answer.code);
                self.space_failed(engine, number, problem, now);
            }
        }
    }

    fn take_up_lost(&mut self, engine: &mut Engine, number: u32, now: Timestamp) {
        let Some((space, store, entropy)) = engine.parts(number) else {
            return;
        };
        if let Err(error) = space.take_up_lost(store, entropy) {
            return self.space_failed(engine, number, error.into(), now);
        }
        let sync = self.spaces.entry(number).or_default();
        sync.wants_push = true;
        self.upkeep_due = true;
    }

    /// The log was read to its end: what the relay took of the lost entries has to be there.
    pub(super) fn check_returned(&mut self, engine: &Engine, number: u32) -> Option<&'static str> {
        let healing = &mut self.spaces.entry(number).or_default().healing;
        healing.healed_to = None;
        healing.names = false;
        let taken = healing.taken.take();
        let space = engine.space_by_number(number)?;
        let is_short = taken.is_some_and(|at| at > space.cursor().seq);
        if !space.has_lost() {
            let healing = &mut self.spaces.entry(number).or_default().healing;
            healing.went_back = false;
        }
        is_short.then_some("it shows less than it took back")
    }

    /// Everything is back: the log is read on, which shows it.
    fn healed(&mut self, engine: &Engine, number: u32, receipt: Option<&Receipt>) {
        let Some(space) = engine.space_by_number(number) else {
            return;
        };
        let is_restored = receipt.is_some_and(|receipt| space.is_of_other_history(receipt));
        let sync = self.spaces.entry(number).or_default();
        sync.healing.agreed = None;
        sync.healing.healed_to = Some(space.cursor().seq);
        sync.wants_pull = true;
        sync.wants_push = true;
        tracing::info!(
            space = number,
            is_restored,
            "the relay has everything again"
        );
        self.events.push_back(Event::Healed {
            space: space.id(),
            is_restored,
        });
    }

    /// The relay has the space, and not this device's membership: most likely that has ended.
    fn is_stranger(&mut self, engine: &mut Engine, number: u32, now: Timestamp) {
        self.spaces.entry(number).or_default().healing = Healing::default();
        self.space_failed(engine, number, Problem::Offline, now);
    }

    /// The relay's log goes on otherwise after the entry `agreed`.
    fn go_back(&mut self, engine: &mut Engine, number: u32, agreed: u64, now: Timestamp) {
        let Some((space, store, _)) = engine.parts(number) else {
            return;
        };
        if let Err(error) = space.rewind(store, agreed) {
            return self.space_failed(engine, number, error.into(), now);
        }
        let id = space.id();
        let sync = self.spaces.entry(number).or_default();
        let again = std::mem::replace(&mut sync.healing.went_back, true);
        sync.healing = Healing {
            went_back: true,
            ..Healing::default()
        };
        sync.caught_up = false;
        sync.sent_below = None;
        sync.taken = None;
        sync.whole = false;
        sync.wants_pull = true;
        sync.wants_push = true;
        self.upkeep_due = true;
        self.events.push_back(Event::Membership { space: id });
        self.events.push_back(Event::Status { space: id });
        if again {
            // A relay that shows now this and now that is not followed at any speed.
            self.space_failed(engine, number, Problem::RolledBack, now);
        }
    }
}

/// How far the relay puts entries where they stood before, of those after the entry `after`.
fn agreed_with(after: u64, seqs: &[u64]) -> u64 {
    let same = (after + 1..).zip(seqs).take_while(|(old, new)| old == *new);
    after + same.count() as u64
}

/// Whether a pull of this space names earlier places.
pub(super) fn names_earlier(space: &Space, healing: Healing) -> bool {
    healing.names && space.heals()
}
