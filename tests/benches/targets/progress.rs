//! How a goal of ten years goes: read anew after opening, and after one more check-in, beside loading
//! the same months as Automerge documents.

use std::sync::Arc;
use std::time::Duration;

use automerge::Automerge;
use waymark_core::client::PlanId;
use waymark_core::driver::Clock;
use waymark_tests::{TestClock, TestRelay};

use crate::Effort;
use crate::bare;
use crate::phone::{self, Phone};
use crate::report::Row;
use crate::rounds::{in_turn, timed};

/// Ten years of one a day.
const DAYS: usize = 3_650;
const DAY: i64 = 86_400_000;
/// Days between two syncs.
const MONTH: usize = 30;
/// Days that may be left out before a streak ends.
const GRACE: u8 = 1;

pub(crate) fn of_ten_years(effort: Effort) -> Vec<Row> {
    let days = effort.of(DAYS, 400);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let relay = runtime.block_on(TestRelay::start());
    let mut phone = Phone::begin(&relay.url());
    for day in 1..=days {
        log(&mut phone);
        if day % MONTH == 0 {
            runtime.block_on(phone.client.sync().now()).expect("synced");
        }
    }
    let Phone {
        directory,
        client,
        plan,
        diary,
        last,
        clock: _,
    } = phone;
    drop(client);
    drop(runtime);
    let months = saved(directory.path(), plan);

    let open = || {
        let clock = Arc::new(TestClock::at(last));
        phone::open(directory.path(), "http://127.0.0.1:9", clock)
    };
    let goal = diary.goal();
    let cold = || {
        let client = open();
        // What opening a plan takes is measured elsewhere.
        client.goals().list(plan).expect("the goals");
        let (time, seen) = timed(|| client.progress().of(plan, goal, GRACE));
        assert!(seen.expect("progress").total > 0, "nothing was done");
        time
    };
    let load = |months: &[Vec<u8>]| {
        let load = |saved: &Vec<u8>| Automerge::load(saved).expect("it loads");
        timed(|| months.iter().map(load).collect::<Vec<_>>()).0
    };
    let rounds = effort.of(11, 3);
    let whole = in_turn(rounds, cold, || load(&months));

    let clock = Arc::new(TestClock::at(last));
    let client = phone::open(directory.path(), "http://127.0.0.1:9", Arc::clone(&clock));
    let mut diary = diary;
    client.progress().of(plan, goal, GRACE).expect("progress");
    let one_more = || {
        clock.advance(DAY / 10);
        client.check_ins().log(plan, &diary.next()).expect("logged");
        timed(|| client.progress().of(plan, goal, GRACE).expect("progress")).0
    };
    let newest = months.len().saturating_sub(1);
    let newest = months.get(newest..).unwrap_or_default();
    let warm = in_turn(rounds, one_more, || load(newest));

    let measure = format!("how a goal of {days} days goes, every month read");
    vec![
        Row::compared(&measure, whole.ours, whole.baseline),
        Row::at_most(
            "  after one more check-in; beside it this month's document",
            warm.ours,
            Some(warm.baseline),
            Duration::from_millis(1),
        ),
    ]
}

/// The next day's check-in.
fn log(phone: &mut Phone) {
    phone.log(1);
    let next = phone.last + DAY;
    phone.clock.advance(next - phone.clock.now().0);
}

/// Each month's check-ins as an Automerge document of their own, saved.
fn saved(directory: &std::path::Path, plan: PlanId) -> Vec<Vec<u8>> {
    let months = phone::records(directory, plan).into_iter();
    let save = |(_, records): (u32, Vec<Vec<u8>>)| {
        let mut document = Automerge::new();
        records
            .iter()
            .for_each(|record| bare::put(&mut document, record));
        document.save()
    };
    months.map(save).collect()
}
