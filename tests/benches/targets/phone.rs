//! Phones whose directory and key a measurement knows, and the records that they wrote.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use waymark_core::client::{Client, Config, PlanId};
use waymark_core::driver::{Clock, SystemEntropy};
use waymark_core::engine::Engine;
use waymark_core::gate::DocumentName;
use waymark_core::store::SqliteStore;
use waymark_tests::TestClock;
use waymark_wire::ids::SpaceId;

use crate::diary::Diary;

/// The key of every database here.
pub(crate) const STORAGE_KEY: [u8; 32] = [7; 32];
/// 2026-05-01 00:00 UTC.
const START: i64 = 1_777_593_600_000;

/// One client's phone with a plan and a diary.
pub(crate) struct Phone {
    pub(crate) directory: TempDir,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) client: Client,
    pub(crate) plan: PlanId,
    pub(crate) diary: Diary,
    /// When it last logged a check-in.
    pub(crate) last: i64,
}

impl Phone {
    /// A phone that has begun.
    pub(crate) fn begin(relay: &str) -> Self {
        let directory = TempDir::new().expect("a directory");
        let clock = Arc::new(TestClock::at(START));
        let client = open(directory.path(), relay, Arc::clone(&clock));
        client.people().begin("Kim", "phone").expect("begins");
        let plan = client.people().create_plan().expect("a plan");
        let diary = Diary::begin(&client, plan);
        Self {
            directory,
            clock,
            client,
            plan,
            diary,
            last: START,
        }
    }

    /// Logs some check-ins, ten a day.
    pub(crate) fn log(&mut self, count: usize) {
        for _ in 0..count {
            let check_in = self.diary.next();
            self.last = self.clock.now().0;
            let logged = self.client.check_ins().log(self.plan, &check_in);
            logged.expect("logged");
            self.clock.advance(self.diary.pause());
        }
    }
}

/// How many check-ins a device shows.
pub(crate) fn shown(client: &Client, plan: PlanId) -> usize {
    use chrono::Datelike;
    let check_ins = client.check_ins();
    let months = check_ins.months(plan).expect("months");
    let of = |month: &chrono::NaiveDate| {
        let shown = check_ins.in_month(plan, month.year(), month.month());
        shown.expect("a month").len()
    };
    months.iter().map(of).sum()
}

/// Opens a database of a phone here.
pub(crate) fn open(directory: &Path, relay: &str, clock: Arc<TestClock>) -> Client {
    let config = Config::new(directory, relay);
    Client::open_with(config, &STORAGE_KEY, clock).expect("it opens")
}

/// The bytes of every record in the logs of a plan, month by month, from a database that nobody
/// has open.
pub(crate) fn records(directory: &Path, plan: PlanId) -> Vec<(u32, Vec<Vec<u8>>)> {
    let store = SqliteStore::open(directory, &STORAGE_KEY, SystemEntropy::default());
    let store = Box::new(store.expect("it opens"));
    let mut engine = Engine::open(store, Box::new(SystemEntropy::default())).expect("an engine");
    let (space, store, _) = engine.space_mut(&SpaceId(plan.0)).expect("the plan");
    let mut names: Vec<DocumentName> = space.document_names().filter(|n| n.part > 0).collect();
    names.sort_unstable();
    let of = |name: DocumentName| {
        let document = space.document(store, name).expect("a month");
        let records = document.records().map(|record| record.bytes.to_vec());
        (name.part, records.collect())
    };
    names.into_iter().map(of).collect()
}
