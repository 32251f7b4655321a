//! What becomes of a request that a relay refuses.

use waymark_wire::codec;
use waymark_wire::message::{RefusalAnswer, RefusalCode};

use super::machine::Purpose;
use super::{Machine, Problem, RequestId, Timestamp};
use crate::engine::Engine;

/// Bytes of an answer that is read whole, at most.
const ANSWER: usize = 4 * 1024 * 1024;
/// Seconds for which a relay is left alone because it said so, at most: the rest it has to say again.
const LONGEST_SECONDS: u32 = 3_600;

impl Machine {
    /// B: a request was refused, by a relay that does not want to be asked again for so many seconds.
    pub fn handle_wait(
        &mut self,
        engine: &mut Engine,
        id: RequestId,
        (status, body): (u16, &[u8]),
        seconds: u32,
        now: Timestamp,
    ) {
        let purpose = self.requests.get(&id).cloned();
        self.handle_answer(engine, id, status, body, now);
        let until = now.plus(i64::from(seconds.min(LONGEST_SECONDS)) * 1_000);
        // Of what it concerns, that waits now which failed by it.
        let (relay, space) = match purpose {
            Some(Purpose::Mail { mailbox, .. }) => {
                if let Some(mail) = self.mail.get_mut(&mailbox) {
                    mail.told(until);
                }
                return;
            }
            Some(
                Purpose::Append { relay, space, .. }
                | Purpose::Fetch { relay, space }
                | Purpose::Heal { relay, space, .. },
            ) => (relay, Some(space)),
            Some(Purpose::Greet { relay } | Purpose::Pull { relay }) => (relay, None),
            None => return,
        };
        if let Some(relay) = self.relays.get_mut(&relay) {
            relay.backoff.told(until);
        }
        if let Some(sync) = space.and_then(|space| self.spaces.get_mut(&space)) {
            sync.backoff.told(until);
        }
    }

    /// What becomes of a request that the relay refuses: its space waits, or all that are there.
    pub(super) fn handle_refusal(
        &mut self,
        engine: &mut Engine,
        purpose: &Purpose,
        status: u16,
        body: &[u8],
        now: Timestamp,
    ) {
        let (Purpose::Append { relay, .. }
        | Purpose::Fetch { relay, .. }
        | Purpose::Greet { relay }
        | Purpose::Heal { relay, .. }
        | Purpose::Pull { relay }) = purpose
        else {
            return;
        };
        let answer = match codec::decode::<RefusalAnswer>(body, ANSWER) {
            Ok(answer) => answer,
            Err(error) => {
                if let Purpose::Append { space, .. } = purpose {
                    self.spaces.entry(*space).or_default().pushing = false;
                }
                if let Purpose::Heal { space, .. } = purpose {
                    self.spaces.entry(*space).or_default().healing.is_busy = false;
                }
                // A proxy before a relay that is not there says so in words of its own.
                let problem = match status {
                    500.. => Problem::Offline,
                    _ => Problem::Garbled(format!("status {status}: {error}")),
                };
                return self.relay_failed(engine, relay, problem, now);
            }
        };
        let state = self.relays.entry(relay.clone()).or_default();
        // An append needs none: the one that there is stays, which a pull may be using.
        if state.nonce.is_none()
            || !matches!(purpose, Purpose::Append { .. } | Purpose::Heal { .. })
        {
            state.nonce = Some((answer.nonce.clone(), now));
        }
        match purpose {
            Purpose::Append { space, .. } => self.append_refused(engine, *space, &answer, now),
            Purpose::Heal { space, branch, .. } => {
                self.healing_refused(engine, *space, *branch, &answer, now);
            }
            Purpose::Mail { .. } => {}
            Purpose::Fetch { .. } | Purpose::Greet { .. } | Purpose::Pull { .. } => {
                let pull = match purpose {
                    Purpose::Pull { .. } => state.pull.take(),
                    Purpose::Fetch { space, .. } => {
                        self.spaces.entry(*space).or_default().start.fetch = None;
                        None
                    }
                    _ => {
                        state.greeting = false;
                        None
                    }
                };
                for number in pull.iter().flat_map(|(_, pull)| pull.numbers()) {
                    self.spaces.entry(number).or_default().wants_pull = true;
                }
                // A fresh nonce came with the refusal; a relay that refuses it too is left alone.
                if answer.code == RefusalCode::Nonce && !state.nonce_refused {
                    state.nonce_refused = true;
                } else {
                    self.relay_failed(engine, relay, Problem::Refused(answer.code), now);
                }
            }
        }
    }
}
