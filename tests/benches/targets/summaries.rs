//! A therapist's list of plans with what each asks for today, from a database that was just opened: no
//! document is read. Beside it one query of SQLite over rows of the same bytes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Days, Utc};
use tempfile::TempDir;
use waymark_core::client::PlanId;
use waymark_core::driver::SystemEntropy;
use waymark_core::model::{NewCheckIn, NewGoal, NewRevision, Outcome, Schedule};
use waymark_core::store::{SqliteStore, Store, Table};
use waymark_tests::TestClock;

use crate::Effort;
use crate::bare::Rows;
use crate::phone::{self, STORAGE_KEY};
use crate::report::Row;
use crate::rounds::{in_turn, timed};

/// Clients of a therapist.
const CLIENTS: usize = 200;
/// Goals of each.
const GOALS: usize = 3;
/// Days with check-ins.
const WRITTEN: u64 = 14;
/// 2026-05-01 09:00 UTC.
const NOW: i64 = 1_777_626_000_000;
/// Until the thread that an opened client starts, which looks for what there is to sync, has come to rest.
const SETTLES: Duration = Duration::from_millis(20);
/// A relay that is not asked.
const NOWHERE: &str = "http://127.0.0.1:9";

pub(crate) fn of_many_clients(effort: Effort) -> Vec<Row> {
    let count = effort.of(CLIENTS, 20);
    let directory = TempDir::new().expect("a directory");
    let clock = Arc::new(TestClock::at(NOW));
    let client = phone::open(directory.path(), NOWHERE, Arc::clone(&clock));
    let people = client.people();
    people.begin("Ada", "desk").expect("begins");
    for _ in 0..count {
        let plan = people.create_plan().expect("a plan");
        fill(&client, plan);
    }
    // Makes the rows, as the end of a sync does.
    let shown = people.summaries().expect("the list");
    assert_eq!(shown.len(), count, "every client is in it");
    drop(client);

    let kept = rows(directory.path());
    assert_eq!(kept.len(), count, "a row for each");
    let bare_directory = TempDir::new().expect("a directory");
    let mut bare = Rows::make(bare_directory.path());
    kept.iter().for_each(|row| bare.commit(row));
    drop(bare);

    let ours = || {
        let client = phone::open(directory.path(), NOWHERE, Arc::clone(&clock));
        std::thread::sleep(SETTLES);
        let (time, list) = timed(|| client.people().summaries().expect("the list"));
        assert!(list.iter().all(|of| of.today.is_some()), "with today");
        time
    };
    let baseline = || {
        let bare = Rows::open(bare_directory.path());
        std::thread::sleep(SETTLES);
        let (time, read) = timed(|| bare.all());
        assert_eq!(read.len(), count, "every row is in it");
        time
    };
    let pair = in_turn(effort.of(21, 3), ours, baseline);
    let measure = format!("today of {count} clients, nothing loaded");
    vec![Row::at_most_times(&measure, pair.ours, pair.baseline, 2.0)]
}

/// Some goals, and two weeks of check-ins.
fn fill(client: &waymark_core::client::Client, plan: PlanId) {
    let now: DateTime<Utc> = DateTime::from_timestamp_millis(NOW).expect("a time");
    let mut diary = Vec::new();
    for goal in 0..GOALS {
        let wording = NewRevision::first(format!("Goal {goal}"), Schedule::daily());
        let goals = client.goals();
        let goal = goals.create(plan, &NewGoal { area: None }, &wording);
        let goal = goal.expect("a goal");
        for back in 1..=WRITTEN {
            let at = now - Days::new(back);
            diary.push((NewCheckIn::new(goal, Outcome::Done), at));
        }
    }
    let check_ins = client.check_ins();
    check_ins.log_many(plan, &diary).expect("logged");
}

/// What is kept of the list, from a database that nobody has open.
fn rows(directory: &Path) -> Vec<Vec<u8>> {
    let store = SqliteStore::open(directory, &STORAGE_KEY, SystemEntropy::default());
    let store = store.expect("it opens");
    let rows = store.scan(Table::Meta, b"summary", None, usize::MAX);
    let rows = rows.expect("the rows").into_iter();
    rows.map(|(_, value)| value).collect()
}
