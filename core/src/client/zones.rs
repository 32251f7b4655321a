//! Where the device is: in which time zone, since when, and the days that a journey made too short.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use waymark_wire::codec;
use waymark_wire::ids::SpaceId;

use super::write::put;
use super::{Client, Inner, WaymarkError};
use crate::membership::SpaceKind;
use crate::model::{DocumentKey, Stay, has_short_days, zone};
use crate::space::Space;
use crate::store::{Store, StoreError, Table, Transaction};

/// The row.
const STAYS: &[u8] = b"stays";
/// Stays that are kept. A day is short because of the newest.
const KEPT: usize = 32;

/// Where the device is now.
pub(super) struct Here(Mutex<At>);

struct At {
    zone: Tz,
    /// The local date on which short days were looked for last.
    looked_on: Option<NaiveDate>,
}

impl Here {
    pub(super) fn new(zone: Tz) -> Self {
        let looked_on = None;
        Self(Mutex::new(At { zone, looked_on }))
    }

    fn lock(&self) -> MutexGuard<'_, At> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// Says that the device is in another time zone, an IANA name: what is written from now on is
    /// stamped with it, and reminders follow its wall clock. Call it when the system says so; at the
    /// next start the configuration says it.
    ///
    /// A local date that lasts less than twelve hours on the client's device is excused for every goal
    /// of the client's own plans by itself. Removing that [`Excuse`](crate::model::Excuse) takes it
    /// back, once and for all devices.
    ///
    /// # Errors
    /// `invalid_input` for an unknown zone, or the storage's; nothing is changed then.
    pub fn set_time_zone(&self, name: &str) -> Result<(), WaymarkError> {
        let zone = zone(name)?;
        self.inner.remember_stay(zone)?;
        let mut here = self.inner.here.lock();
        (here.zone, here.looked_on) = (zone, None);
        drop(here);
        self.inner.excuse_short_days();
        Ok(())
    }
}

impl Inner {
    /// The device's time zone.
    pub(super) fn zone(&self) -> Tz {
        self.here.lock().zone
    }

    /// Keeps where the device is, when it opens. What is not kept now costs at most an excuse.
    pub(super) fn arrive(&self) {
        match self.remember_stay(self.zone()) {
            Ok(false) => {}
            Ok(true) => self.excuse_short_days(),
            Err(error) => tracing::warn!(%error, "the time zone was not kept"),
        }
    }

    /// Excuses the days that were too short on this device, in every plan of its own person: once a
    /// day, and after a journey. What fails is done the next time.
    pub(super) fn excuse_short_days(&self) {
        let today = self.calendar_date();
        if self.here.lock().looked_on == Some(today) {
            return;
        }
        match self.try_excuse() {
            Ok(()) => self.here.lock().looked_on = Some(today),
            Err(error) => tracing::warn!(%error, "a short day was not excused"),
        }
    }

    /// Keeps that the device is in a zone from now on. Says whether that is news.
    fn remember_stay(&self, zone: Tz) -> Result<bool, StoreError> {
        let since = self.now();
        let store = &mut self.shared.lock().engine.store;
        let mut stays = kept(store.as_ref())?;
        // What a clock that was set back had said of later is not true any more.
        stays.retain(|stay| stay.since <= since);
        if stays.last().is_some_and(|stay| stay.zone == zone) {
            return Ok(false);
        }
        stays.push(Stay { since, zone });
        let newest = stays.iter().skip(stays.len().saturating_sub(KEPT));
        let rows: Vec<(i64, &str)> = newest
            .map(|stay| (stay.since.timestamp_millis(), stay.zone.name()))
            .collect();
        let mut transaction = Transaction::new();
        transaction.put(Table::Meta, STAYS, codec::encode(&rows));
        store.commit_soon(transaction.into())?;
        Ok(true)
    }

    fn try_excuse(&self) -> Result<(), WaymarkError> {
        let (stays, plans) = {
            let engine = &self.shared.lock().engine;
            let spaces = engine.spaces().iter();
            let plans = spaces.filter(|space| space.kind() == SpaceKind::Care);
            let plans: Vec<SpaceId> = plans.map(Space::id).collect();
            (kept(engine.store.as_ref())?, plans)
        };
        if !has_short_days(&stays, self.now()) {
            return Ok(());
        }
        // What is wrong with one plan keeps no other from it.
        let excused = plans.into_iter().map(|id| self.excuse_in(id, &stays));
        excused.fold(Ok(()), Result::and)
    }

    fn excuse_in(&self, id: SpaceId, stays: &[Stay]) -> Result<(), WaymarkError> {
        let inner = &mut *self.shared.lock();
        let engine = &mut inner.engine;
        let Some(stamp) = self.client_stamp(engine, id)? else {
            return Ok(());
        };
        let plan = self.views.plan(engine, id)?;
        let mut due = Vec::new();
        for date in plan.short_days(stays, stamp.at) {
            if let Some(month) = DocumentKey::log(date) {
                let log = self.views.log(engine, id, month)?;
                due.extend(log.excuse(&plan, date, &stamp)?);
            }
        }
        if !due.is_empty() {
            put(inner, id, due)?;
            self.shared.wake();
        }
        Ok(())
    }
}

/// Where the device was, as far as that was kept, oldest first.
fn kept(store: &dyn Store) -> Result<Vec<Stay>, StoreError> {
    let row = match store.get(Table::Meta, STAYS) {
        Err(StoreError::Damaged { .. }) => None,
        row => row?,
    };
    let row = row.unwrap_or_default();
    // Of another version: then it is not known.
    let rows: Vec<(i64, String)> = codec::decode(&row, usize::MAX).unwrap_or_default();
    let stay = |(since, name): (i64, String)| {
        let (since, zone) = (DateTime::from_timestamp_millis(since)?, zone(&name).ok()?);
        Some(Stay { since, zone })
    };
    Ok(rows.into_iter().filter_map(stay).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use chrono::Utc;

    use super::*;
    use crate::client::{Config, PlanId, PlanSummary};
    use crate::crypto::SeededEntropy;
    use crate::driver::Clock;
    use crate::model::{
        Content, DayResult, Excuse, ExcuseReason, GoalId, Kind, LifecycleStatus, NewCheckIn,
        NewGoal, NewRevision, NewSettings, NewStatus, Outcome, Reminder, ReminderText, Schedule,
    };
    use crate::store::MemoryDisk;
    use crate::sync::Timestamp;

    /// A phone with its clock.
    struct Phone {
        disk: MemoryDisk,
        clock: Arc<Hands>,
    }

    #[derive(Default)]
    struct Hands(AtomicI64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
    }

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    impl Phone {
        fn new() -> Self {
            Self {
                disk: MemoryDisk::new(),
                clock: Arc::default(),
            }
        }

        fn turn(&self, to: &str) {
            let millis = utc(to).timestamp_millis();
            self.clock.0.store(millis, Ordering::SeqCst);
        }

        /// Opens the app at a time, in a zone.
        fn open(&self, at: &str, zone: &str) -> Client {
            self.turn(at);
            let mut config = Config::new("/nowhere", "http://relay");
            config.time_zone = zone.into();
            let store = Box::new(self.disk.open().unwrap());
            let seed = self.clock.now().0.to_be_bytes();
            let mut entropy = [0; 32];
            entropy[..8].copy_from_slice(&seed);
            let entropy = Box::new(SeededEntropy::new(entropy));
            Client::with_store(config, store, entropy, Arc::clone(&self.clock) as _).unwrap()
        }

        /// A new one, with a daily goal.
        fn begun(at: &str, zone: &str) -> (Self, Client, PlanId, GoalId) {
            let phone = Self::new();
            let client = phone.open(at, zone);
            client.people().begin("Kim", "phone").unwrap();
            let plan = client.people().create_plan().unwrap();
            let wording = NewRevision {
                goal: GoalId([0; 16]),
                replaces: Vec::new(),
                statement: "Walk".into(),
                target: None,
                schedule: Some(Schedule::daily()),
                effective_from: None,
                rationale: None,
            };
            let goals = client.goals();
            let goal = goals.create(plan, &NewGoal::default(), &wording).unwrap();
            let status = NewStatus {
                goal,
                to: LifecycleStatus::Active,
                achievement: None,
                reason: None,
            };
            goals.set_status(plan, &status).unwrap();
            (phone, client, plan, goal)
        }

        fn in_honolulu() -> (Self, Client, PlanId, GoalId) {
            Self::begun("2026-05-01T20:00:00Z", "Pacific/Honolulu")
        }
    }

    fn excused(client: &Client, plan: PlanId) -> Vec<String> {
        let excuses = client.items().list(plan, Kind::Excuse).unwrap().into_iter();
        excuses
            .filter_map(|excuse| Some(excuse.date?.to_string()))
            .collect()
    }

    fn result(client: &Client, plan: PlanId, goal: GoalId, date: &str) -> DayResult {
        let date = day(date);
        let days = client.check_ins().days(plan, goal, date, date).unwrap();
        days[0].result
    }

    /// A client who lands with the app open would be told that a day of eight hours was left out.
    #[test]
    fn a_day_that_a_journey_swallows_is_excused_at_once_and_the_client_takes_it_back() {
        let (phone, client, plan, goal) = Phone::in_honolulu();
        phone.turn("2026-05-11T07:00:00Z");
        client.set_time_zone("Pacific/Auckland").unwrap();
        assert_eq!(excused(&client, plan), ["2026-05-11"]);
        assert_eq!(
            result(&client, plan, goal, "2026-05-11"),
            DayResult::Excused
        );
        let logged = client
            .check_ins()
            .log(plan, &NewCheckIn::new(goal, Outcome::Rest));
        let entries = client.check_ins().on(plan, day("2026-05-11")).unwrap();
        assert_eq!(entries[0].id, logged.unwrap());
        assert_eq!(entries[0].time_zone, "Pacific/Auckland");

        let (kind, date) = (Kind::Excuse, Some(day("2026-05-11")));
        let content = Content::from(Excuse {
            reason: ExcuseReason::ShortDay,
        });
        let found = client.items().list(plan, kind).unwrap();
        assert_eq!(found[0].content, content);
        client
            .items()
            .remove(plan, kind, found[0].id, date)
            .unwrap();
        for at in ["2026-05-12T07:00:00Z", "2026-05-13T07:00:00Z"] {
            phone.turn(at);
            client.inner.look_at_the_date();
            assert!(excused(&client, plan).is_empty(), "it does not come again");
        }
    }

    /// A traveller would log something and see it under no today, or be asked for it again.
    #[test]
    fn today_is_the_day_of_what_the_client_logs_wherever_the_client_is() {
        let (phone, client, plan, goal) = Phone::in_honolulu();
        let at_home = NewSettings {
            time_zone: Some("Pacific/Honolulu".into()),
            ..NewSettings::default()
        };
        client.goals().set_settings(plan, &at_home).unwrap();
        let of = |plan: &PlanSummary| plan.today.as_ref().unwrap().date;
        let summary = || of(&client.people().summaries().unwrap()[0]);
        assert_eq!(summary(), day("2026-05-01"));
        // The evening of the 11th in Auckland, and in Honolulu still the 10th.
        phone.turn("2026-05-11T07:00:00Z");
        client.set_time_zone("Pacific/Auckland").unwrap();
        let done = NewCheckIn::new(goal, Outcome::Done);
        client.check_ins().log(plan, &done).unwrap();
        let today = client.goals().today(plan).unwrap();
        assert_eq!(today, day("2026-05-11"));
        assert_eq!(client.check_ins().on(plan, today).unwrap().len(), 1);
        assert_eq!(summary(), today, "by the plan");
        phone.turn("2026-05-12T07:00:00Z");
        assert_eq!(summary(), day("2026-05-12"), "by the row that was kept");
    }

    /// Who opens the app only after the flight would be told so all the same.
    #[test]
    fn a_journey_with_the_app_closed_is_noticed_when_it_opens() {
        let (phone, client, plan, goal) = Phone::in_honolulu();
        client.close().unwrap();
        let client = phone.open("2026-05-11T07:00:00Z", "Pacific/Auckland");
        assert_eq!(excused(&client, plan), ["2026-05-11"]);
        assert_eq!(
            result(&client, plan, goal, "2026-05-11"),
            DayResult::Excused
        );
        client.close().unwrap();
        // The way back makes a day long.
        let client = phone.open("2026-05-20T07:00:00Z", "Pacific/Honolulu");
        assert_eq!(excused(&client, plan), ["2026-05-11"]);
    }

    /// Where the law takes a day away nobody travels, and no zone changes.
    #[test]
    fn a_day_that_the_law_skips_is_excused_at_the_next_sync() {
        let (phone, client, plan, _) = Phone::begun("2011-12-20T20:00:00Z", "Pacific/Apia");
        phone.turn("2011-12-31T20:00:00Z");
        client.inner.look_at_the_date();
        assert_eq!(excused(&client, plan), ["2011-12-30"]);
    }

    /// A disk that is full would keep the app from opening, for a day that nobody asked about.
    #[test]
    fn where_a_zone_cannot_be_kept_the_app_opens_and_a_word_is_refused_whole() {
        let phone = Phone::new();
        phone.disk.fail_commits(Some(StoreError::Full));
        let client = phone.open("2026-05-01T20:00:00Z", "Pacific/Honolulu");
        let refused = client.set_time_zone("Pacific/Auckland").unwrap_err();
        assert_eq!(refused.code(), "storage_full");
        assert_eq!(client.inner.zone(), Tz::Pacific__Honolulu);
        phone.disk.fail_commits(None);
        let refused = client.set_time_zone("Europe/Atlantis").unwrap_err();
        assert_eq!(refused.code(), "invalid_input");
        assert_eq!(client.set_time_zone("Pacific/Auckland"), Ok(()));
        assert_eq!(client.inner.zone(), Tz::Pacific__Auckland);
    }

    /// A traveller would be woken at home's morning.
    #[test]
    fn reminders_follow_the_zone_that_the_device_is_in() {
        let (phone, client, plan, goal) = Phone::in_honolulu();
        let reminder = Reminder {
            about: Some(goal.record()),
            minute: 9 * 60,
            weekdays: Vec::new(),
            text: ReminderText::Moment,
            is_on: true,
        };
        client.items().add(plan, reminder).unwrap();
        let next = |until| {
            let next = client.reminders().next(plan, utc(until), 64).unwrap();
            let told = next
                .iter()
                .map(|next| next.at.format("%dT%H:%MZ").to_string());
            told.collect::<Vec<_>>()
        };
        assert_eq!(next("2026-05-03T20:00:00Z"), ["02T19:00Z", "03T19:00Z"]);
        phone.turn("2026-05-11T07:00:00Z");
        client.set_time_zone("Pacific/Auckland").unwrap();
        // Nine in the morning of the 12th and 13th there; the 11th is excused.
        assert_eq!(next("2026-05-13T00:00:00Z"), ["11T21:00Z", "12T21:00Z"]);
        let refused = client
            .reminders()
            .next(plan, utc("2026-05-13T00:00:00Z"), 65);
        assert_eq!(refused.unwrap_err().code(), "invalid_input");
    }
}
