//! What the machine decides to do next: which relays to ask who they are, which spaces to send to
//! and to read, and which answers to wait for no longer.
//!
//! [`Machine::plan`] is called where nothing is left to be done. It goes relay by relay, and asks
//! for nothing of a relay or a space that waits after a failure.

use waymark_wire::codec;
use waymark_wire::ids::SpaceId;
use waymark_wire::message::PullRequest;

use super::machine::{Purpose, Taken};
use super::{Machine, Problem, Timestamp};
use crate::engine::Engine;
use crate::space::Space;

/// A nonce is good for ten minutes by the relay's clock; a younger one is asked for before that.
const NONCE_MS: i64 = 8 * 60 * 1_000;
/// How long an entry that the relay took may be missing in an answer that is open.
const SHOWN_MS: i64 = 30_000;

impl Machine {
    pub(super) fn plan(&mut self, engine: &mut Engine, now: Timestamp) {
        self.goes_on_at = None;
        self.give_up_overdue(engine, now);
        let relays = self.relays.values_mut().map(|relay| &mut relay.backoff);
        let spaces = self.spaces.values_mut().map(|sync| &mut sync.backoff);
        for backoff in relays.chain(spaces).filter(|backoff| backoff.is_over(now)) {
            backoff.lapse();
        }
        let urls: Vec<String> = self.relays.keys().cloned().collect();
        for url in urls {
            let relay = self.relays.entry(url.clone()).or_default();
            if !relay.backoff.is_over(now) || relay.greeting {
                continue;
            }
            // Where another key was shown than a space knows, ask who it is before trying again.
            if self.meets_a_stranger(engine, &url, now) {
                self.relays.entry(url.clone()).or_default().key = None;
            }
            let relay = self.relays.entry(url.clone()).or_default();
            let fresh = relay
                .nonce
                .as_ref()
                .is_some_and(|(_, at)| now.0 - at.0 < NONCE_MS);
            if relay.key.is_none() || (!fresh && relay.pull.is_none()) {
                if self.wants_anything(engine, &url, now) {
                    self.greet(&url);
                }
                continue;
            }
            self.pin(engine, &url, now);
            self.plan_documents(engine, &url, now);
            self.plan_pushes(engine, &url, now);
            self.plan_pull(engine, &url, now);
        }
    }

    fn give_up_overdue(&mut self, engine: &mut Engine, now: Timestamp) {
        for url in self.relays.keys().cloned().collect::<Vec<_>>() {
            if self.overdue_at(&url).is_none_or(|at| at > now) {
                continue;
            }
            let pull = self.relays.get(&url).and_then(|relay| relay.pull.as_ref());
            let pull = pull.map(|(_, pull)| pull.deadline());
            let first = pull.into_iter().chain(self.fetch_deadline(&url)).min();
            if first.is_some_and(|deadline| deadline <= now) {
                self.relay_failed(engine, &url, Problem::Offline, now);
            } else {
                for sync in self.spaces.values_mut() {
                    sync.taken = sync.taken.map(|taken| Taken { at: now, ..taken });
                }
                self.cancel_pull(&url);
            }
        }
    }

    /// When a relay's answer is given up: where no frame comes to its end, or an entry that the
    /// relay took does not come.
    pub(super) fn overdue_at(&self, url: &str) -> Option<Timestamp> {
        let fetch = self.fetch_deadline(url);
        let Some((_, pull)) = &self.relays.get(url)?.pull else {
            return fetch;
        };
        let syncs = pull.numbers().filter_map(|n| self.spaces.get(&n));
        let taken = syncs.filter_map(|sync| Some(sync.taken?.at.plus(SHOWN_MS)));
        taken.chain([pull.deadline()]).chain(fetch).min()
    }

    /// Whether a space that is to be tried knows this relay under another key.
    fn meets_a_stranger(&self, engine: &Engine, url: &str, now: Timestamp) -> bool {
        let Some(key) = self.relays.get(url).and_then(|relay| relay.key) else {
            return false;
        };
        let is_tried = |space: &&Space| {
            let sync = self.spaces.get(&space.number());
            sync.is_some_and(|sync| sync.wants_pull && sync.backoff.is_over(now))
        };
        let here = |space: &&Space| space.relay().url == url;
        let mut tried = engine.spaces().iter().filter(here).filter(is_tried);
        tried.any(|space| space.relay().key.is_some_and(|known| known != key))
    }

    /// Has every space that knows no key of its relay hold it to the one that it showed.
    pub(super) fn pin(&mut self, engine: &mut Engine, url: &str, now: Timestamp) {
        let Some(key) = self.relays.get(url).and_then(|relay| relay.key) else {
            return;
        };
        for (number, _) in Self::spaces_at(engine, url) {
            let Some((space, store, _)) = engine.parts(number) else {
                continue;
            };
            let is_known = space.relay().key == Some(key);
            let waits = self
                .spaces
                .get(&number)
                .is_some_and(|s| !s.backoff.is_over(now));
            if is_known || waits {
                continue;
            }
            if let Err(error) = space.pin_relay(store, key) {
                self.space_failed(engine, number, error.into(), now);
            }
        }
    }

    fn wants_anything(&self, engine: &Engine, url: &str, now: Timestamp) -> bool {
        engine
            .spaces()
            .iter()
            .filter(|space| space.relay().url == url)
            .any(|space| {
                let is_fetching = self.is_fetching(engine, space.number());
                self.spaces.get(&space.number()).is_some_and(|sync| {
                    let wants = sync.wants_pull || sync.wants_push || is_fetching;
                    sync.backoff.is_over(now) && wants
                })
            })
    }

    fn greet(&mut self, url: &str) {
        let body = codec::encode(&PullRequest::default());
        self.request(
            Purpose::Greet {
                relay: url.to_owned(),
            },
            url,
            body,
        );
        self.relays.entry(url.to_owned()).or_default().greeting = true;
    }

    /// The spaces of a relay, with their ids.
    pub(super) fn spaces_at(engine: &Engine, url: &str) -> Vec<(u32, SpaceId)> {
        let at = |space: &&Space| space.relay().url == url;
        engine
            .spaces()
            .iter()
            .filter(at)
            .map(|space| (space.number(), space.id()))
            .collect()
    }
}
