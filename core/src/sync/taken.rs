//! What a page that a space has taken means for the sync: what the app is told of it, whether the relay
//! kept its word, and what comes next where the log was read to its end.

use waymark_wire::ids::{Generation, SpaceId};

use super::pull::is_on_its_way;
use super::reading::Reading;
use super::{Event, Machine, Problem, Timestamp};
use crate::engine::Engine;
use crate::membership::{BookError, SpaceKind};
use crate::space::{Received, Space, SpaceError};
use crate::succession;

/// Where in the log a page ends.
#[derive(Clone, Copy)]
pub(super) struct End {
    /// Of which history the log is.
    pub(super) history: Generation,
    /// After which entry.
    pub(super) seq: u64,
    /// The log ends there, too.
    pub(super) is_all: bool,
}

/// What a space still wants of the relay, once a page is taken.
struct Wants {
    /// The membership once more, for a key that was left out.
    keys: bool,
    /// What others seal to this device comes only where it is asked for by its own number, which was
    /// another one when this was asked.
    as_itself: bool,
}

impl Machine {
    /// Goes on from a page that a space has taken. Says whether more is to be taken of this answer.
    pub(super) fn taken(
        &mut self,
        engine: &mut Engine,
        reading: &Reading,
        received: Received,
        end: End,
        now: Timestamp,
    ) -> bool {
        match self.go_on(engine, reading, received, end, now) {
            Ok(goes_on) => goes_on,
            Err(problem) => {
                self.space_failed(engine, reading.number, problem, now);
                false
            }
        }
    }

    fn go_on(
        &mut self,
        engine: &mut Engine,
        reading: &Reading,
        mut received: Received,
        end: End,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        let number = reading.number;
        let Some(space) = engine.space_by_number(number) else {
            return Ok(false);
        };
        let id = space.id();
        let wants = Wants {
            keys: space.misses_key(),
            as_itself: space.device_to_read_as() != Some(reading.device),
        };
        let in_home = space.kind() == SpaceKind::Home && !received.changes.is_empty();
        self.upkeep_due |= received.membership || in_home;
        self.tell(id, &mut received);
        let sync = self.spaces.entry(number).or_default();
        if received.membership {
            // Its entries may be numbered anew, and those of borrowed keys have others' numbers.
            sync.sent_below = None;
        }
        if let Some(lie) = self.lie_in(engine, reading, end) {
            self.spaces.entry(number).or_default().balks = true;
            return Err(SpaceError::Relay(lie).into());
        }
        if !end.is_all {
            let sync = self.spaces.entry(number).or_default();
            sync.wants_pull |= wants.as_itself;
            return Ok(!wants.as_itself);
        }
        if let Some((space, store, _)) = engine.parts(number)
            && let Err(error) = space.rest_checkpoints(store, now.0)
        {
            // Nothing is lost by waiting until the next time.
            tracing::warn!(%error, "what has rested was not let go of");
        }
        if Self::starts_behind_cut(engine, number, now)? {
            let sync = self.spaces.entry(number).or_default();
            sync.caught_up = false;
            sync.wants_pull = true;
            self.events.push_back(Event::Status { space: id });
            return Ok(true);
        }
        Ok(self.caught_up(engine, (number, id), &received, &wants, now))
    }

    /// Tells the app what came.
    fn tell(&mut self, space: SpaceId, received: &mut Received) {
        let changes = std::mem::take(&mut received.changes);
        if !changes.is_empty() {
            self.events.push_back(Event::Changed { space, changes });
        }
        if received.membership {
            self.events.push_back(Event::Membership { space });
        }
        if received.forgot {
            let given_up = received.given_up;
            self.events.push_back(Event::Forgotten { space, given_up });
        }
    }

    /// Where a log that goes well so far does not hold what the relay has said of it.
    fn lie_in(&mut self, engine: &Engine, reading: &Reading, end: End) -> Option<&'static str> {
        let number = reading.number;
        let sync = self.spaces.entry(number).or_default();
        if sync.taken.is_some_and(|taken| taken.history != end.history) {
            // A backup was put back since: what is not in it is sent again.
            sync.taken = None;
            sync.sent_below = None;
            sync.wants_push = true;
        }
        let taken = sync.taken.take_if(|taken| taken.seq <= end.seq);
        if taken.is_some_and(|taken| is_on_its_way(engine, number, taken.below)) {
            return Some("it took an entry and shows another in its place");
        }
        if !end.is_all {
            return None;
        }
        let space = engine.space_by_number(number)?;
        if !space.reaches_welcome() {
            return Some("it shows less than the welcome says there is");
        }
        let expected = reading.expects.filter(|taken| taken.history == end.history);
        let is_short = expected.is_some_and(|taken| end.seq < taken.seq);
        let returned = self.check_returned(engine, number);
        returned.or(is_short.then_some("it shows less than it took"))
    }

    /// The log was read to its end. Says whether more is to be taken of this answer.
    fn caught_up(
        &mut self,
        engine: &Engine,
        (number, id): (u32, SpaceId),
        received: &Received,
        wants: &Wants,
        now: Timestamp,
    ) -> bool {
        let space = engine.space_by_number(number);
        let lacks_key = space.is_some_and(Space::lacks_key);
        let sync = self.spaces.entry(number).or_default();
        let first = !sync.caught_up;
        self.upkeep_due |= first || succession::waits_for(engine, number);
        sync.caught_up = true;
        sync.whole = false;
        sync.keys_left_out = 0;
        if let Some(tends) = sync.tends.as_mut().filter(|tends| !tends.is_read) {
            tends.is_read = true;
            sync.wants_push = true;
        }
        sync.start.is_dropped = false;
        sync.synced = Some(now);
        sync.balks &= received.confirmed == 0;
        if !sync.balks {
            sync.backoff.reset();
        }
        let problem = sync.problem.take();
        // Nothing is wrong with the relay, and this device goes on: somebody hands it the key.
        sync.problem = lacks_key.then(|| SpaceError::from(BookError::KeyRefused).into());
        // Nor is anything wrong with what it sends now.
        sync.problem = sync.problem.take().or(sync.start.failed.clone());
        // What the log does not show although it was read to its end has to be sent again; and
        // where a part of what waited is there, it is the next part's turn.
        sync.wants_push |= first || received.membership || received.asked || problem.is_some();
        sync.wants_push |= received.confirmed > 0 || received.checkpoints || received.wrote;
        let asks_for_keys = wants.keys && !std::mem::replace(&mut sync.asked_for_keys, true);
        sync.lacks_keys |= asks_for_keys;
        let asks_anew = asks_for_keys || (wants.as_itself && self.live.is_some());
        sync.wants_pull |= asks_anew;
        if first || problem.is_some() || received.confirmed > 0 {
            self.events.push_back(Event::Status { space: id });
        }
        !asks_anew
    }
}
