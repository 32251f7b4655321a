//! When a sync has come to its end.

use super::Machine;
use super::machine::Purpose;
use crate::engine::Engine;
use crate::space::Space;

impl Machine {
    /// A: whether every space is read to its end and everything said is in the log, apart from
    /// spaces that wait after a failure.
    #[must_use]
    pub fn is_settled(&self, engine: &Engine) -> bool {
        let busy = self.requests.values().any(|purpose| match purpose {
            Purpose::Pull { relay } => self.live.is_none() || self.is_behind(relay),
            Purpose::Append { .. }
            | Purpose::Fetch { .. }
            | Purpose::Greet { .. }
            | Purpose::Heal { .. } => true,
            Purpose::Mail { .. } => false,
        });
        !busy
            && self.is_mail_settled(engine)
            && engine
                .spaces()
                .iter()
                .all(|space| self.is_space_settled(engine, space))
    }

    fn is_space_settled(&self, engine: &Engine, space: &Space) -> bool {
        let Some(sync) = self.spaces.get(&space.number()) else {
            return false;
        };
        let relay = self.relays.get(&space.relay().url);
        let waits = sync.backoff.retry_at().is_some()
            || relay.is_some_and(|relay| relay.backoff.retry_at().is_some());
        if !waits && self.is_fetching(engine, space.number()) {
            return false;
        }
        let holds_back = sync.start.failed.is_some() && space.holds_back();
        waits
            || space.has_ended()
            || (!sync.wants_pull
                && sync.healing.agreed.is_none()
                && (space.is_closed()
                    || holds_back
                    || (!sync.wants_push && (sync.withheld || is_sent(engine, space)))))
    }

    /// Whether a relay's answer has not yet come to the end of a log.
    fn is_behind(&self, url: &str) -> bool {
        let pull = self.relays.get(url).and_then(|relay| relay.pull.as_ref());
        pull.is_some_and(|(_, pull)| pull.is_behind())
    }
}

/// Whether everything that this device wrote in a space is in the log.
fn is_sent(engine: &Engine, space: &Space) -> bool {
    let store = engine.store.as_ref();
    // What lacks what was before something was forgotten sends nothing until it has started behind that.
    !space.holds_key() || space.lacks_what_was_before() || space.is_sent(store).unwrap_or_default()
}
