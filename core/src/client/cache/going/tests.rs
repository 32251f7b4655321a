//! What is kept of how goals go, in an open client.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{Datelike, Months, NaiveDate};

use crate::client::{Client, Config, PlanId, space_of};
use crate::crypto::SeededEntropy;
use crate::driver::Clock;
use crate::model::{
    CheckInId, DocumentKey, GoalId, NewCheckIn, NewGoal, NewRevision, NewWithdrawal, Outcome,
    ProgressMessage, ProgressView, Schedule, Win, WinKind,
};
use crate::store::MemoryDisk;
use crate::sync::Timestamp;

/// 2014-01-01, noon.
const BEGUN: i64 = 1_388_577_600_000;
const DAY: i64 = 86_400_000;

struct Turned(AtomicI64);

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A phone with a daily goal since 2014.
struct Phone {
    disk: MemoryDisk,
    clock: Arc<Turned>,
    client: Client,
    plan: PlanId,
    goal: GoalId,
}

impl Phone {
    fn begin() -> Self {
        let (disk, clock) = (MemoryDisk::new(), Arc::new(Turned(AtomicI64::new(BEGUN))));
        let client = open(&disk, &clock, 1);
        client.people().begin("Kim", "phone").unwrap();
        let plan = client.people().create_plan().unwrap();
        let wording = NewRevision::first("Walk", Schedule::daily());
        let goals = client.goals();
        let goal = goals.create(plan, &NewGoal::default(), &wording).unwrap();
        Self {
            disk,
            clock,
            client,
            plan,
            goal,
        }
    }

    fn wait(&self, days: i64) {
        self.clock.0.fetch_add(days * DAY, Ordering::SeqCst);
    }

    fn log(&self, date: NaiveDate, outcome: Outcome, replaces: &[CheckInId]) -> CheckInId {
        let check_in = NewCheckIn {
            date: Some(date),
            replaces: replaces.to_vec(),
            ..NewCheckIn::new(self.goal, outcome)
        };
        self.client.check_ins().log(self.plan, &check_in).unwrap()
    }

    fn seen(&self) -> ProgressView {
        self.client.progress().of(self.plan, self.goal, 1).unwrap()
    }

    /// What is seen, which is the same where nothing is kept.
    fn seen_alike(&self) -> ProgressView {
        let seen = self.seen();
        assert_eq!(self.seen(), seen, "looking twice");
        self.client.inner.views.clear();
        assert_eq!(self.seen(), seen, "nothing was kept");
        seen
    }

    fn reopen(&mut self) {
        let empty = MemoryDisk::new();
        self.client = open(&empty, &self.clock, 2);
        self.client = open(&self.disk, &self.clock, 3);
    }
}

fn open(disk: &MemoryDisk, clock: &Arc<Turned>, seed: u8) -> Client {
    let config = Config::new("nowhere", "http://127.0.0.1:9");
    let entropy = SeededEntropy::new([seed; 32]);
    let store = Box::new(disk.open().unwrap());
    Client::with_store(config, store, Box::new(entropy), Arc::clone(clock) as _).unwrap()
}

fn first_of_2014(month: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2014, 1, 1).unwrap() + Months::new(month)
}

/// After eleven years a person would be told that their goal is too old to look at.
#[test]
fn a_goal_of_any_age_has_progress() {
    let phone = Phone::begin();
    phone.log(first_of_2014(0), Outcome::Done, &[]);
    phone.wait(4_018);
    let seen = phone.seen();
    assert_eq!((seen.total, seen.best, seen.streak), (1, 1, 0));
    assert_eq!(seen.message, ProgressMessage::Restart);
    assert_eq!((seen.done, seen.expected), (0, 27), "today is still open");
}

/// A person would be shown a streak that their own check-ins do not have.
#[test]
fn what_was_kept_can_be_thrown_away_at_any_time() {
    let mut phone = Phone::begin();
    phone.wait(364);
    let mut logged = Vec::new();
    for month in 0..12 {
        for day in 0..10 {
            let date = first_of_2014(month) + chrono::Days::new(day);
            logged.push(phone.log(date, Outcome::Done, &[]));
        }
    }
    assert_eq!(phone.seen_alike().total, 120);
    // Only a few months are in memory at once from here on.
    phone.reopen();
    assert_eq!(phone.seen_alike().best, 10);
    let february = first_of_2014(1);
    let corrected = phone.log(february, Outcome::Rest, &[logged[10]]);
    assert_eq!(phone.seen_alike().total, 119);
    let records = vec![corrected.record()];
    let check_ins = phone.client.check_ins();
    let withdrawal = NewWithdrawal { records };
    check_ins
        .withdraw(phone.plan, february, &withdrawal)
        .unwrap();
    assert_eq!(phone.seen_alike().total, 120);
    phone.wait(40);
    assert_eq!(phone.seen_alike().streak, 0);
    let goals = phone.client.goals().list(phone.plan).unwrap();
    let next = NewRevision {
        goal: phone.goal,
        replaces: goals[0].in_force.iter().map(|held| held.id).collect(),
        schedule: None,
        ..NewRevision::first("Walk when I like", Schedule::daily())
    };
    phone.client.goals().propose(phone.plan, &next).unwrap();
    let today = phone.client.goals().today(phone.plan).unwrap();
    assert_eq!((today.year(), today.month()), (2015, 2));
    phone.log(today, Outcome::Done, &[]);
    assert_eq!(phone.seen_alike().total, 121);
}

/// On an old phone a check-in would take as long as all the years before it.
#[test]
fn one_more_check_in_reads_one_month() {
    let mut phone = Phone::begin();
    phone.wait(364);
    let months = (0..12).map(first_of_2014);
    let logged: Vec<_> = months
        .map(|day| phone.log(day, Outcome::Done, &[]))
        .collect();
    phone.reopen();
    let read = |phone: &Phone| {
        phone.client.inner.views.lock().logs.clear();
        phone.seen();
        let folded = phone.client.inner.views.lock();
        folded
            .logs
            .keys()
            .map(|(_, month)| *month)
            .collect::<Vec<_>>()
    };
    let part = |date| DocumentKey::log(date).unwrap().part;
    assert_eq!(read(&phone).len(), 12);
    assert_eq!(read(&phone), [0; 0]);
    let today = phone.client.goals().today(phone.plan).unwrap();
    phone.log(today, Outcome::Done, &[]);
    assert_eq!(read(&phone), [part(today)]);
    phone.log(first_of_2014(2), Outcome::Rest, &[logged[2]]);
    assert_eq!(read(&phone), [part(first_of_2014(2))]);
    // What is no part of judging leaves everything as it is.
    let win = Win {
        text: "Said no".into(),
        of: WinKind::Boundary,
        goal: Some(phone.goal),
    };
    phone.client.items().add(phone.plan, win).unwrap();
    assert_eq!(read(&phone), [0; 0]);
    let known = phone.client.inner.views.lock();
    assert_eq!(known.goings.len(), 1);
    assert!(known.goings.contains_key(&space_of(phone.plan)));
}
