//! The state of the machine, and what it makes of commands, answers and failures. What it decides to
//! do next is in `plan`.

use std::collections::{BTreeMap, VecDeque};

use waymark_wire::codec::Bytes;
use waymark_wire::ids::{Generation, Height, SpaceId};
use waymark_wire::message::{APPEND_PATH, MAILBOX_PATH, MailboxId, PULL_PATH};
use waymark_wire::signature::VerifyingKey;

use super::backoff::Backoff;
use super::heal::{Branch, Healing};
use super::mail::MailSync;
use super::reading::Pull;
use super::start::Starting;
use super::{Effect, Event, Failure, Problem, RequestId, SpaceStatus, Timestamp};
use crate::engine::Engine;
use crate::home;
use crate::membership::SpaceKind;
use crate::space::{Change, Space};
use crate::succession;

/// The sync state machine of one device.
#[derive(Debug, Default)]
pub struct Machine {
    pub(super) relays: BTreeMap<String, Relay>,
    pub(super) spaces: BTreeMap<u32, SpaceSync>,
    pub(super) mail: BTreeMap<MailboxId, MailSync>,
    pub(super) requests: BTreeMap<RequestId, Purpose>,
    pub(super) live: Option<u16>,
    /// Something may have changed in home or in who is in a space.
    pub(super) upkeep_due: bool,
    /// This device gave up its memberships for others: what was asked for under them is of no use.
    pub(super) renounced: bool,
    /// How many spaces could be read, of how many, when that was last looked at.
    progress: Option<(usize, usize)>,
    /// There is more to do at once.
    pub(super) goes_on_at: Option<Timestamp>,
    pub(super) effects: VecDeque<Effect>,
    pub(super) events: VecDeque<Event>,
    next_request: u64,
}

/// What is known of one relay.
#[derive(Debug, Default)]
pub(super) struct Relay {
    pub(super) nonce: Option<(Bytes, Timestamp)>,
    pub(super) key: Option<VerifyingKey>,
    pub(super) greeting: bool,
    pub(super) nonce_refused: bool,
    pub(super) pull: Option<(RequestId, Pull)>,
    pub(super) backoff: Backoff,
}

/// How one space stands.
#[derive(Debug, Default)]
pub(super) struct SpaceSync {
    /// Read the log again.
    pub(super) wants_pull: bool,
    /// The log was read to its end since the machine started: this device may write.
    pub(super) caught_up: bool,
    /// There may be something to send.
    pub(super) wants_push: bool,
    pub(super) pushing: bool,
    /// The relay took the entries below this counter; the log has to show them yet.
    pub(super) sent_below: Option<u32>,
    /// What the relay said it took last and has not shown yet.
    pub(super) taken: Option<Taken>,
    /// The membership at which the append under way was made.
    pub(super) sent_at: Option<Height>,
    /// Whose numbers the entries in it have.
    pub(super) sent_as: Option<VerifyingKey>,
    /// The counter of the first entry in it.
    pub(super) sent_from: Option<u32>,
    /// A checkpoint is to be published, if one is due.
    pub(super) tends: Option<Tends>,
    /// The membership at which the relay last said that another entry came first.
    pub(super) moved_at: Option<Height>,
    /// How far the log was read when the relay last said that a counter is another entry's.
    pub(super) counted_at: Option<u64>,
    /// The relay named an entry as this device's that it does not know: own entries are to come whole.
    pub(super) whole: bool,
    /// The relay has the space, although this device has read nothing of it: it was restored from
    /// before it heard that.
    pub(super) heard_of: bool,
    /// The relay refused or hid what was sent, and has shown none of it since: that its log can be
    /// read is no reason to try again sooner.
    pub(super) balks: bool,
    /// Something is wanted that cannot be done with what the relay has shown.
    pub(super) withheld: bool,
    /// How it stands with what the relay lost.
    pub(super) healing: Healing,
    /// How it stands with starting at a checkpoint.
    pub(super) start: Starting,
    /// The log is to be read once more from its beginning, for the keys that the relay left out.
    pub(super) lacks_keys: bool,
    /// That was done since somebody last asked for a sync.
    pub(super) asked_for_keys: bool,
    /// How often a page lacked the key that somebody has sealed to this device when it asked for it.
    pub(super) keys_left_out: u8,
    pub(super) backoff: Backoff,
    pub(super) problem: Option<Problem>,
    pub(super) synced: Option<Timestamp>,
}

/// A checkpoint is to be published, if one is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tends {
    /// Beyond how many batches behind the last one that is so.
    pub(super) most: u64,
    /// The log was read to its end since that was asked for: somebody else may have been faster.
    pub(super) is_read: bool,
}

/// What a relay said that it took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// The history in which it said so: one that was restored from a backup says nothing of it.
    pub(super) history: Generation,
    /// The place of the last entry.
    pub(super) seq: u64,
    /// The counter after its own.
    pub(super) below: u32,
    /// When it said so.
    pub(super) at: Timestamp,
}

/// What a request was for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    Append {
        relay: String,
        space: u32,
        below: u32,
    },
    /// Entries by their ids.
    Fetch {
        relay: String,
        space: u32,
    },
    Greet {
        relay: String,
    },
    /// So many entries that the relay lost are given back.
    Heal {
        relay: String,
        space: u32,
        branch: Branch,
        count: usize,
    },
    /// What was put into which slot, or nothing.
    Mail {
        mailbox: MailboxId,
        put: Option<u8>,
    },
    Pull {
        relay: String,
    },
}

impl Machine {
    /// A machine that knows nothing yet: it reads every log before it writes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            upkeep_due: true,
            ..Self::default()
        }
    }

    /// A: how a space stands.
    #[must_use]
    pub fn status(&self, number: u32) -> SpaceStatus {
        let sync = self.spaces.get(&number);
        SpaceStatus {
            synced: sync.and_then(|sync| sync.synced),
            problem: sync.and_then(|sync| sync.problem.clone()),
        }
    }

    /// C: try everything now, whatever failed before.
    pub fn sync_now(&mut self, engine: &Engine) {
        self.meet(engine);
        self.network_is_back();
        for sync in self.spaces.values_mut() {
            sync.start.tries_again |= sync.start.failed.take().is_some();
            sync.wants_pull = true;
            sync.wants_push = true;
            sync.asked_for_keys = false;
            sync.tends = None;
        }
    }

    /// C: the same, and bring checkpoints into the logs in which more than `most` batches stand behind
    /// the last one. What of a checkpoint could not be sent is taken back by the next
    /// [`sync_now`](Self::sync_now): nothing else is to wait for it.
    pub fn tend(&mut self, engine: &Engine, most: u64) {
        self.sync_now(engine);
        for sync in self.spaces.values_mut() {
            let is_read = false;
            sync.tends = Some(Tends { most, is_read });
        }
    }

    /// C: bring no more of checkpoints into logs than is on its way.
    pub fn tend_no_more(&mut self) {
        for sync in self.spaces.values_mut() {
            sync.tends = None;
        }
    }

    /// C: keep answers open, with a heartbeat every so many seconds, or no longer.
    pub fn set_live(&mut self, heartbeat: Option<u16>) {
        self.live = heartbeat;
        self.cancel_pulls();
        self.hurry_mail();
        for sync in self.spaces.values_mut() {
            sync.wants_pull = true;
        }
    }

    /// C: the device has a network again, or another one. What waits to be tried again is tried at once,
    /// and a live connection is made anew.
    pub fn network_is_back(&mut self) {
        if self.live.is_some() {
            // An answer that is open says nothing of this moment, and its connection may be dead.
            self.cancel_pulls();
        }
        for relay in self.relays.values_mut() {
            relay.backoff.hurry();
        }
        self.hurry_mail();
        for sync in self.spaces.values_mut() {
            sync.backoff.hurry();
            sync.wants_pull |= self.live.is_some();
        }
    }

    /// C: whoever carried out the requests is gone, so nothing of them will be handed in: what they
    /// were for is wanted again.
    pub fn forget_requests(&mut self) {
        self.cancel_pulls();
        self.requests.clear();
        self.effects.clear();
        for relay in self.relays.values_mut() {
            relay.greeting = false;
        }
        self.forget_mail_requests();
        for sync in self.spaces.values_mut() {
            sync.wants_push |= sync.pushing;
            sync.pushing = false;
            sync.healing.is_busy = false;
            sync.start.fetch = None;
        }
    }

    /// C: this device wrote something in a space.
    pub fn local_change(&mut self, number: u32) {
        // One that is new is met with everything to do.
        if let Some(sync) = self.spaces.get_mut(&number) {
            sync.wants_push = true;
        }
    }

    /// C: this device was welcomed into a space, perhaps again: whatever was known of one with this
    /// number is no more, and an answer under way was asked for without it.
    pub fn joined(&mut self, number: u32) {
        self.cancel_pulls();
        self.cancel_appends(&[number]);
        self.spaces.remove(&number);
        self.upkeep_due = true;
    }

    /// C: something that was held was released, and changed this.
    pub fn released(&mut self, space: SpaceId, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.events.push_back(Event::Changed { space, changes });
        }
        self.events.push_back(Event::Status { space });
    }

    /// C: this device entered a space or founded one, or wants something of home: home and the other
    /// spaces are brought into line with the next effect.
    pub const fn upkeep_soon(&mut self) {
        self.upkeep_due = true;
    }

    /// D: what is to be done next, until `None`.
    pub fn poll_effect(&mut self, engine: &mut Engine, now: Timestamp) -> Option<Effect> {
        if self.effects.is_empty() {
            self.meet(engine);
            self.tell_of_forks(engine, now);
            self.lead_mail_on(engine, now.0);
            self.upkeep(engine);
            self.tell_progress(engine);
            self.plan(engine, now);
            self.plan_mail(engine, now);
        }
        self.effects.pop_front()
    }

    /// Says how many spaces can be read, where there are others to come or that was so before.
    fn tell_progress(&mut self, engine: &Engine) {
        let spaces = engine.spaces().iter();
        let spaces = spaces.filter(|space| space.kind() != SpaceKind::Beacon);
        let known = spaces.clone().count();
        let ready = spaces.filter(|space| space.is_ready()).count();
        let before = self.progress.replace((ready, known));
        let was_whole = before.is_none_or(|(ready, known)| ready == known);
        if before != Some((ready, known)) && !(was_whole && ready == known) {
            self.events.push_back(Event::Progress { ready, known });
        }
    }

    /// Brings home and the other spaces into line.
    fn upkeep(&mut self, engine: &mut Engine) {
        // A home that was read in part lists reserves that later records replace.
        let home = home::home_of(engine).map(Space::number);
        let read = |number| self.spaces.get(&number).is_some_and(|sync| sync.caught_up);
        if !self.upkeep_due || !home.is_none_or(read) {
            return;
        }
        self.upkeep_due = false;
        let spaces = &self.spaces;
        let is_read = |number| spaces.get(&number).is_some_and(|sync| sync.caught_up);
        let succeeded = succession::upkeep(engine, &is_read);
        match home::upkeep(engine) {
            Ok(touched) => {
                self.meet(engine);
                for number in touched {
                    self.spaces.entry(number).or_default().wants_push = true;
                }
            }
            // What is damaged says so where it is read.
            Err(error) => tracing::warn!(%error, "home is not in line with the other spaces"),
        }
        match succeeded {
            Ok(touched) => touched.into_iter().for_each(|n| self.local_change(n)),
            Err(error) => tracing::warn!(%error, "a space that follows another has to wait"),
        }
    }

    /// D: what the app is to be told, until `None`.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// D: when to poll again, if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let relays = self
            .relays
            .values()
            .filter_map(|relay| relay.backoff.retry_at());
        let spaces = self
            .spaces
            .values()
            .filter_map(|sync| sync.backoff.retry_at());
        let pulls = self.relays.keys().filter_map(|url| self.overdue_at(url));
        let mail = self.mail_timeout();
        let more = self.goes_on_at;
        relays
            .chain(spaces)
            .chain(pulls)
            .chain(mail)
            .chain(more)
            .min()
    }

    /// B: a request was answered, whole.
    pub fn handle_answer(
        &mut self,
        engine: &mut Engine,
        id: RequestId,
        status: u16,
        body: &[u8],
        now: Timestamp,
    ) {
        let Some(purpose) = self.requests.remove(&id) else {
            return;
        };
        if let Purpose::Mail { mailbox, put } = purpose {
            return if status == 200 {
                self.handle_mail(engine, mailbox, put, body, now);
            } else {
                self.mail_refused(engine, mailbox, put, (status, body), now);
            };
        }
        if status != 200 {
            return self.handle_refusal(engine, &purpose, status, body, now);
        }
        match purpose {
            Purpose::Append {
                relay,
                space,
                below,
            } => {
                self.handle_appended(engine, &relay, space, below, body, now);
            }
            // The answers to these come in pieces.
            Purpose::Fetch { relay, space } => {
                self.fetch_ended(engine, (id, &relay, space), now);
            }
            Purpose::Greet { relay } => self.handle_greeting(engine, &relay, body, now),
            Purpose::Heal {
                relay,
                space,
                branch,
                count,
            } => {
                self.handle_healed(engine, (&relay, space), (branch, count), body, now);
            }
            Purpose::Mail { .. } => {}
            Purpose::Pull { relay } => self.pull_ended(engine, &relay, now),
        }
    }

    /// B: a request had no answer, or its answer broke off.
    pub fn handle_failure(
        &mut self,
        engine: &mut Engine,
        id: RequestId,
        failure: Failure,
        now: Timestamp,
    ) {
        let Some(purpose) = self.requests.remove(&id) else {
            return;
        };
        tracing::debug!(?failure, "a request failed");
        let relay = match &purpose {
            Purpose::Append { relay, .. }
            | Purpose::Fetch { relay, .. }
            | Purpose::Greet { relay }
            | Purpose::Heal { relay, .. }
            | Purpose::Pull { relay } => relay.clone(),
            Purpose::Mail { mailbox, .. } => {
                return self.mail_lost(engine, *mailbox, failure, now);
            }
        };
        if let Purpose::Append { space, .. } = purpose {
            let sync = self.spaces.entry(space).or_default();
            sync.pushing = false;
            sync.wants_push = true;
        }
        if let Purpose::Heal { space, .. } = purpose {
            self.spaces.entry(space).or_default().healing.is_busy = false;
        }
        let problem = match failure {
            Failure::TooLarge => Problem::Garbled("it is longer than answers are".into()),
            Failure::TimedOut | Failure::Unreachable => Problem::Offline,
        };
        self.relay_failed(engine, &relay, problem, now);
    }

    /// A relay as a whole failed: all its spaces wait.
    pub(super) fn relay_failed(
        &mut self,
        engine: &mut Engine,
        url: &str,
        problem: Problem,
        now: Timestamp,
    ) {
        self.cancel_pull(url);
        self.cancel_fetches(url);
        let relay = self.relays.entry(url.to_owned()).or_default();
        relay.greeting = false;
        relay.backoff.failed(now, engine.entropy.as_mut());
        for space in engine
            .spaces()
            .iter()
            .filter(|space| space.relay().url == url)
        {
            let sync = self.spaces.entry(space.number()).or_default();
            sync.wants_pull = true;
            sync.wants_push = true;
            sync.sent_below = None;
            sync.taken = None;
            sync.problem = Some(problem.clone());
            self.events.push_back(Event::Status { space: space.id() });
        }
    }

    /// One space failed: it waits, the others go on.
    pub(super) fn space_failed(
        &mut self,
        engine: &mut Engine,
        number: u32,
        problem: Problem,
        now: Timestamp,
    ) {
        tracing::warn!(space = number, %problem, "a space is not in sync");
        let sync = self.spaces.entry(number).or_default();
        sync.wants_pull = true;
        sync.wants_push = true;
        sync.sent_below = None;
        sync.taken = None;
        sync.problem = Some(problem);
        sync.backoff.failed(now, engine.entropy.as_mut());
        if let Some(space) = engine.space_by_number(number) {
            self.events.push_back(Event::Status { space: space.id() });
        }
    }

    pub(super) fn request(&mut self, purpose: Purpose, url: &str, body: Vec<u8>) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        let (path, streamed) = match purpose {
            Purpose::Append { .. } | Purpose::Heal { .. } => (APPEND_PATH, false),
            Purpose::Greet { .. } => (PULL_PATH, false),
            Purpose::Mail { .. } => (MAILBOX_PATH, false),
            Purpose::Fetch { .. } | Purpose::Pull { .. } => (PULL_PATH, true),
        };
        let url = format!("{}{path}", url.trim_end_matches('/'));
        self.requests.insert(id, purpose);
        self.effects.push_back(Effect::Request {
            id,
            url,
            body,
            streamed,
        });
        id
    }

    /// Gives up the answer that a relay is sending, to ask anew.
    pub(super) fn cancel_pull(&mut self, url: &str) {
        if let Some((id, pull)) = self.relays.entry(url.to_owned()).or_default().pull.take() {
            self.requests.remove(&id);
            self.effects.push_back(Effect::Cancel(id));
            for number in pull.numbers() {
                self.spaces.entry(number).or_default().wants_pull = true;
            }
        }
    }

    /// Gives up what is being sent in some spaces.
    pub(super) fn cancel_appends(&mut self, numbers: &[u32]) {
        let is_meant = |purpose: &Purpose| matches!(purpose, Purpose::Append { space, .. } | Purpose::Heal { space, .. } if numbers.contains(space));
        for (id, _) in self.requests.extract_if(.., |_, purpose| is_meant(purpose)) {
            self.effects.push_back(Effect::Cancel(id));
        }
    }

    pub(super) fn cancel_pulls(&mut self) {
        for url in self.relays.keys().cloned().collect::<Vec<_>>() {
            self.cancel_pull(&url);
        }
    }

    /// Begins to keep book of spaces that are new.
    pub(super) fn meet(&mut self, engine: &Engine) {
        self.meet_mail(engine);
        // The number of a space that is gone may come again.
        self.spaces
            .retain(|number, _| engine.space_by_number(*number).is_some());
        for space in engine.spaces() {
            self.spaces
                .entry(space.number())
                .or_insert_with(|| SpaceSync {
                    wants_pull: true,
                    wants_push: true,
                    ..SpaceSync::default()
                });
            self.relays.entry(space.relay().url.clone()).or_default();
        }
    }
}
