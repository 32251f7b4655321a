//! The mailboxes of invitations: one request at a time for each, which puts something or reads, and
//! whose answer is all that the mailbox holds.
//!
//! Each is asked once when a sync runs, and again as long as there is something to put. In live mode
//! it is asked again after a while, so that two people who sit together see each other's steps. A
//! mailbox that waits for the other person, or for a relay that does not answer, keeps nothing else
//! from coming to rest.

use waymark_wire::codec;
use waymark_wire::limits;
use waymark_wire::message::{
    MailboxAnswer, MailboxId, MailboxRequest, MailboxSlot, RefusalAnswer, RefusalCode,
};

use super::backoff::Backoff;
use super::machine::Purpose;
use super::{Event, Failure, Machine, Problem, Timestamp};
use crate::engine::Engine;
use crate::mail;
use crate::pairing::{Request, Side, Stage};
use crate::store::Transaction;

/// Between two looks into a mailbox in live mode: shortly after something happened, and at most.
const OFTEN_MS: i64 = 3_000;
const SELDOM_MS: i64 = 60_000;
/// The longer nothing happens, the longer until the next look: this part of it.
const PART: i64 = 20;
/// Requests in a row; an honest mailbox is through with all its slots before.
const IN_A_ROW: u8 = 16;
/// Days after which an invitation is forgotten, whatever has become of it.
const FORGOTTEN_MS: i64 = 60 * 24 * 60 * 60 * 1_000;

/// How one mailbox stands.
#[derive(Debug, Default)]
pub(super) struct MailSync {
    /// Ask it now.
    wants: bool,
    asking: bool,
    /// Somebody has written in this device's turn: what it is decides.
    only_reads: bool,
    /// Requests since this was last wanted from outside.
    in_a_row: u8,
    /// In live mode: when to ask again.
    ask_at: Option<Timestamp>,
    /// When something last happened.
    changed_at: Option<Timestamp>,
    backoff: Backoff,
    problem: Option<Problem>,
}

impl MailSync {
    /// It is to be asked, because somebody wants it.
    fn hurry(&mut self) {
        self.wants = true;
        self.in_a_row = 0;
        self.backoff.hurry();
    }

    /// The relay does not want to be asked before `until`.
    pub(super) fn told(&mut self, until: Timestamp) {
        self.backoff.told(until);
    }

    /// When to look again in live mode.
    fn rest(&mut self, now: Timestamp) {
        let quiet = now.0 - self.changed_at.get_or_insert(now).0;
        let wait = (quiet / PART).clamp(OFTEN_MS, SELDOM_MS);
        self.ask_at = Some(now.plus(wait));
    }
}

impl Machine {
    /// A: why the mailbox of an invitation is not as it should be, if it is not.
    #[must_use]
    pub fn mail_problem(&self, mailbox: &MailboxId) -> Option<Problem> {
        self.mail.get(mailbox)?.problem.clone()
    }

    /// A: the first such problem of an invitation that is not over.
    #[must_use]
    pub fn any_mail_problem(&self, engine: &Engine) -> Option<Problem> {
        let open = engine.mail.all().filter(|(_, kept)| kept.is_open());
        let mut problems = open.filter_map(|(mailbox, _)| self.mail_problem(mailbox));
        problems.next()
    }

    /// C: this device's person did something with an invitation.
    pub fn mail_soon(&mut self, mailbox: MailboxId) {
        let sync = self.mail.entry(mailbox).or_default();
        sync.hurry();
        sync.changed_at = None;
    }

    /// C: what time it is by the app's clock, in milliseconds since the Unix epoch, and today's local
    /// date in days since 1970-01-01: invitations end by it, and old ones are forgotten.
    pub fn look_at_mail(&mut self, engine: &mut Engine, now_ms: i64, today: i32) {
        engine.mail.today = Some(today);
        self.lead_mail_on(engine, now_ms);
        let is_old = |since: i64| now_ms.saturating_sub(since) > FORGOTTEN_MS;
        let all = engine.mail.all();
        let old: Vec<MailboxId> = all
            .filter(|(_, kept)| is_old(kept.about.since_ms))
            .map(|(mailbox, _)| *mailbox)
            .collect();
        for mailbox in old {
            let Engine { mail, store, .. } = engine;
            if let Err(error) = mail.remove(store.as_mut(), &mailbox) {
                tracing::warn!(%error, "an old invitation is not forgotten");
            }
        }
    }

    /// Leads every invitation on, as far as nobody has to be asked.
    pub(super) fn lead_mail_on(&mut self, engine: &mut Engine, now_ms: i64) {
        let upkept = mail::upkeep(engine, now_ms);
        if !upkept.touched.is_empty() {
            self.meet(engine);
            self.upkeep_due = true;
        }
        for number in upkept.touched {
            self.spaces.entry(number).or_default().wants_push = true;
        }
        for id in upkept.changed {
            self.mail.entry(id).or_default().hurry();
            self.events.push_back(Event::Pairing { id });
        }
    }

    /// Every mailbox is to be asked, whatever failed before.
    pub(super) fn hurry_mail(&mut self) {
        self.mail.values_mut().for_each(MailSync::hurry);
    }

    /// Whoever carried out the requests is gone.
    pub(super) fn forget_mail_requests(&mut self) {
        for sync in self.mail.values_mut() {
            sync.wants |= std::mem::take(&mut sync.asking);
        }
    }

    /// Begins to keep book of mailboxes that are new, and ends it for those that are gone.
    pub(super) fn meet_mail(&mut self, engine: &Engine) {
        self.mail.retain(|id, _| engine.mail.get(id).is_some());
        for (id, _) in engine.mail.all() {
            self.mail.entry(*id).or_insert_with(|| MailSync {
                wants: true,
                ..MailSync::default()
            });
        }
    }

    /// Whether every mailbox was asked, apart from those that wait after a failure.
    pub(super) fn is_mail_settled(&self, engine: &Engine) -> bool {
        engine.mail.all().all(|(id, kept)| {
            let Some(sync) = self.mail.get(id) else {
                return false;
            };
            let relay = self.relays.get(&kept.pairing.link().relay.url);
            let waits = sync.backoff.retry_at().is_some()
                || relay.is_some_and(|relay| relay.backoff.retry_at().is_some());
            !sync.asking && (waits || !sync.wants)
        })
    }

    /// When to look again, if nothing else happens.
    pub(super) fn mail_timeout(&self) -> Option<Timestamp> {
        let waits = self.mail.values().filter_map(|sync| {
            let live = sync.ask_at.filter(|_| self.live.is_some() && !sync.asking);
            sync.backoff.retry_at().or(live)
        });
        waits.min()
    }

    /// Asks the mailboxes that are to be asked.
    pub(super) fn plan_mail(&mut self, engine: &Engine, now: Timestamp) {
        for (id, kept) in engine.mail.all() {
            let url = &kept.pairing.link().relay.url;
            let relay = self.relays.get(url);
            let sync = self.mail.entry(*id).or_default();
            if sync.asking
                || !sync.backoff.is_over(now)
                || relay.is_some_and(|relay| !relay.backoff.is_over(now))
            {
                continue;
            }
            sync.backoff.lapse();
            if self.live.is_some() && sync.ask_at.is_some_and(|at| at <= now) {
                sync.wants = true;
                sync.in_a_row = 0;
            }
            if !std::mem::take(&mut sync.wants) {
                continue;
            }
            sync.ask_at = None;
            let Some(next) = kept.pairing.poll(now.0) else {
                continue;
            };
            let (put, days) = match next {
                Request::Put { slot, days } if !std::mem::take(&mut sync.only_reads) => {
                    (Some(slot), days)
                }
                Request::Put { .. } | Request::Read => (None, None),
            };
            sync.asking = true;
            sync.in_a_row = sync.in_a_row.saturating_add(1);
            let purpose = Purpose::Mail {
                mailbox: *id,
                put: put.as_ref().map(|put| put.slot),
            };
            let body = codec::encode(&MailboxRequest {
                mailbox: *id,
                put,
                days,
                admission: None,
            });
            self.request(purpose, &url.clone(), body);
        }
    }

    /// Everything that a mailbox holds has come.
    pub(super) fn handle_mail(
        &mut self,
        engine: &mut Engine,
        id: MailboxId,
        put: Option<u8>,
        body: &[u8],
        now: Timestamp,
    ) {
        let answer: MailboxAnswer = match codec::decode(body, limits::MAILBOX_BODY) {
            Ok(answer) => answer,
            Err(error) => {
                return self.mail_failed(engine, id, Problem::Garbled(error.to_string()), now);
            }
        };
        let shows = |slot| answer.slots.iter().any(|shown| shown.slot == slot);
        let is_shown = put.is_none_or(shows);
        if !self.take_mail(engine, id, &answer.slots, now) {
            return;
        }
        if !is_shown {
            let problem = Problem::Garbled("it does not show what was put".into());
            return self.mail_failed(engine, id, problem, now);
        }
        self.mail_answered(engine, id, now);
    }

    /// Hands to a pairing what its mailbox holds; says whether that could be stored.
    fn take_mail(
        &mut self,
        engine: &mut Engine,
        id: MailboxId,
        slots: &[MailboxSlot],
        now: Timestamp,
    ) -> bool {
        let Some(mut kept) = engine.mail.copy(&id) else {
            return false;
        };
        let before = kept.pairing.to_bytes();
        let stage = kept.pairing.stage();
        let events = kept.pairing.handle(slots, now.0, engine.entropy.as_mut());
        if kept.pairing.to_bytes() == before {
            return true;
        }
        let is_news = !events.is_empty() || kept.pairing.stage() != stage;
        let Engine { mail, store, .. } = engine;
        if let Err(error) = mail.commit(store.as_mut(), Transaction::new(), kept) {
            self.mail_failed(engine, id, error.into(), now);
            return false;
        }
        if is_news {
            self.mail.entry(id).or_default().changed_at = Some(now);
            self.events.push_back(Event::Pairing { id });
        }
        true
    }

    fn mail_answered(&mut self, engine: &Engine, id: MailboxId, now: Timestamp) {
        let next = engine.mail.get(&id);
        let next = next.and_then(|kept| kept.pairing.poll(now.0));
        let sync = self.mail.entry(id).or_default();
        sync.asking = false;
        sync.backoff.reset();
        // What is left to put is put at once, but not for ever to a relay that loses it.
        let puts = matches!(next, Some(Request::Put { .. }));
        sync.wants |= puts && sync.in_a_row < IN_A_ROW;
        sync.ask_at = None;
        if next.is_some() {
            sync.rest(now);
        }
        if sync.problem.take().is_some() {
            self.events.push_back(Event::Pairing { id });
        }
    }

    /// The relay refuses.
    pub(super) fn mail_refused(
        &mut self,
        engine: &mut Engine,
        id: MailboxId,
        put: Option<u8>,
        (status, body): (u16, &[u8]),
        now: Timestamp,
    ) {
        let answer = match codec::decode::<RefusalAnswer>(body, limits::MAILBOX_BODY) {
            Ok(answer) => answer,
            Err(error) => {
                let problem = match status {
                    500.. => Problem::Offline,
                    _ => Problem::Garbled(format!("status {status}: {error}")),
                };
                return self.mail_failed(engine, id, problem, now);
            }
        };
        let (sync, kept) = (self.mail.entry(id).or_default(), engine.mail.get(&id));
        let Some(kept) = kept else { return };
        match answer.code {
            // The mailbox is not there yet, or no longer.
            RefusalCode::NotFound if put != Some(0) => {
                let makes_it = kept.pairing.side() == Side::Inviter;
                let is_over = matches!(kept.pairing.stage(), Stage::Ended(_));
                if !self.take_mail(engine, id, &[], now) {
                    return;
                }
                self.mail_answered(engine, id, now);
                let sync = self.mail.entry(id).or_default();
                sync.wants &= makes_it && !is_over;
                if is_over {
                    sync.ask_at = None;
                }
            }
            RefusalCode::MailboxTaken if sync.in_a_row < IN_A_ROW => {
                sync.asking = false;
                sync.only_reads = true;
                sync.wants = true;
            }
            code => self.mail_failed(engine, id, Problem::Refused(code), now),
        }
    }

    /// A request about a mailbox had no answer.
    pub(super) fn mail_lost(
        &mut self,
        engine: &mut Engine,
        id: MailboxId,
        failure: Failure,
        now: Timestamp,
    ) {
        let problem = match failure {
            Failure::TooLarge => Problem::Garbled("it is longer than answers are".into()),
            Failure::TimedOut | Failure::Unreachable => Problem::Offline,
        };
        self.mail_failed(engine, id, problem, now);
    }

    /// It waits, and nothing else does.
    fn mail_failed(
        &mut self,
        engine: &mut Engine,
        id: MailboxId,
        problem: Problem,
        now: Timestamp,
    ) {
        tracing::debug!(%problem, "a mailbox waits");
        let sync = self.mail.entry(id).or_default();
        sync.asking = false;
        sync.wants = true;
        sync.backoff.failed(now, engine.entropy.as_mut());
        if sync.problem.replace(problem.clone()) != Some(problem) {
            self.events.push_back(Event::Pairing { id });
        }
    }
}
