//! A phone without a network, for the tests of the facade.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::NaiveDate;

use super::{Client, Config, PlanId};
use crate::crypto::SeededEntropy;
use crate::driver::{Clock, Http};
use crate::model::{GoalId, NewGoal, NewRevision, Schedule};
use crate::store::MemoryDisk;
use crate::sync::Timestamp;

/// 2026-05-01, noon in UTC.
const NOON: i64 = 1_777_636_800_000;

/// A client's phone with a plan.
pub(crate) struct Phone {
    pub(crate) client: Client,
    pub(crate) plan: PlanId,
    pub(crate) clock: Arc<Hands>,
}

/// A clock that the test turns.
#[derive(Debug)]
pub(crate) struct Hands(AtomicI64);

impl Hands {
    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl Phone {
    pub(crate) fn new() -> Self {
        let store = Box::new(MemoryDisk::new().open().unwrap());
        let entropy = Box::new(SeededEntropy::new([1; 32]));
        let config = Config::new("/nowhere", "http://relay");
        let clock = Arc::new(Hands(AtomicI64::new(NOON)));
        let http = Http::new(&[]).unwrap();
        let told = Arc::clone(&clock) as Arc<dyn Clock>;
        let client = Client::with_http(config, (store, entropy), told, http).unwrap();
        client.people().begin("Kim", "phone").unwrap();
        let plan = client.people().create_plan().unwrap();
        Self {
            client,
            plan,
            clock,
        }
    }

    /// A daily goal without a target.
    pub(crate) fn goal(&self, statement: &str) -> GoalId {
        let wording = NewRevision::first(statement, Schedule::daily());
        let goals = self.client.goals();
        goals
            .create(self.plan, &NewGoal { area: None }, &wording)
            .unwrap()
    }
}

/// A day of May 2026.
pub(crate) fn day(of_may: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 5, of_may).unwrap()
}
