//! Opening a plan of ten years and showing this month, each time in a process of its own, beside
//! loading the same records as one Automerge document.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use automerge::{ActorId, Automerge};
use chrono::{DateTime, Datelike};
use waymark_core::client::PlanId;
use waymark_tests::{TestClock, TestRelay};

use crate::Effort;
use crate::bare;
use crate::phone::{self, Phone};
use crate::report::{Row, as_f64, bytes};
use crate::rounds::{median, timed};

/// Ten years of ten a day.
const CHECK_INS: usize = 36_500;
/// Check-ins that are pushed at once.
const BATCH: usize = 100;
const CHILD: &str = "--in-a-process-of-its-own";

pub(crate) fn open_a_plan(effort: Effort) -> Vec<Row> {
    let count = effort.of(CHECK_INS, 3_600);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let relay = runtime.block_on(TestRelay::start());
    let mut phone = Phone::begin(&relay.url());
    for _ in 0..count / BATCH {
        phone.log(BATCH);
        runtime.block_on(phone.client.sync().now()).expect("synced");
    }
    // In the month of the last check-in.
    let now = phone.last;
    let (directory, plan) = (phone.directory, phone.plan);
    drop(phone.client);
    drop(runtime);

    let document = directory.path().join("all.automerge");
    let logged = save_as_one(directory.path(), plan, &document);
    assert_eq!(logged, count, "every check-in is in the baseline too");

    let ours = || {
        let arguments = [
            "open".to_owned(),
            path(directory.path()),
            plan.to_string(),
            now.to_string(),
        ];
        in_a_process(&arguments)
    };
    let baseline = || in_a_process(&["load".to_owned(), path(&document)]);
    let rounds = effort.of(11, 3);
    let (mut opened, mut loaded) = (vec![ours()], vec![baseline()]);
    for _ in 0..rounds {
        opened.push(ours());
        loaded.push(baseline());
    }
    let time = |taken: &[Taken]| median(taken.iter().map(|taken| taken.time).collect());
    let middle = |taken: &[Taken], of: fn(&Taken) -> u64| {
        let mut grown: Vec<u64> = taken.iter().map(of).collect();
        grown.sort_unstable();
        grown[grown.len() / 2]
    };
    let measure = format!("open a plan of {count} check-ins, show this month");
    let mut rows = vec![Row::at_most_times(
        &measure,
        time(&opened),
        time(&loaded),
        0.2,
    )];
    let grown = |measure: &str, of: fn(&Taken) -> u64| {
        let (ours, baseline) = (middle(&opened, of), middle(&loaded, of));
        let ratio = as_f64(ours) / as_f64(baseline);
        Row {
            measure: measure.into(),
            ours: bytes(ours),
            baseline: bytes(baseline),
            ratio: format!("{ratio:.2}×"),
            target: "≤ 0.33×".into(),
            met: (baseline > 0).then_some(ratio <= 1.0 / 3.0),
        }
    };
    rows.push(grown("  growth of memory", |taken| taken.memory.resident));
    rows.push(grown("  without the program's own pages", |taken| {
        taken.memory.anonymous
    }));
    rows
}

/// What a process of its own says.
#[derive(Clone, Copy, Debug)]
struct Taken {
    time: Duration,
    memory: Memory,
}

/// Bytes that a process has in memory; 0 where the system does not say.
#[derive(Clone, Copy, Debug)]
struct Memory {
    /// All of them. The pages of the program that were touched are among them: more of a program that
    /// was built without link-time optimisation.
    resident: u64,
    /// Those that it has written.
    anonymous: u64,
}

fn in_a_process(arguments: &[String]) -> Taken {
    let own = std::env::current_exe().expect("its own path");
    let output = Command::new(own).arg(CHILD).args(arguments).output();
    let output = output.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
    match numbers.as_deref() {
        Ok([nanos, resident, anonymous]) => Taken {
            time: Duration::from_nanos(*nanos),
            memory: Memory {
                resident: *resident,
                anonymous: *anonymous,
            },
        },
        _ => panic!("{arguments:?}: {output:?}"),
    }
}

/// Does what [`in_a_process`] asks for; `None` where nobody did.
pub(crate) fn run_as_child(arguments: &[String]) -> Option<ExitCode> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let before = Memory::now();
    let time = match arguments.as_slice() {
        [CHILD, "open", directory, plan, now] => {
            let plan: PlanId = plan.parse().expect("a plan");
            let now: i64 = now.parse().expect("a time");
            let clock = Arc::new(TestClock::at(now));
            let today = DateTime::from_timestamp_millis(now).expect("a time");
            let (time, kept) = timed(|| {
                let client = phone::open(Path::new(directory), "http://127.0.0.1:9", clock);
                let view = client.goals().view(plan).expect("the plan");
                let check_ins = client.check_ins();
                let month = check_ins.in_month(plan, today.year(), today.month());
                (client, view, month.expect("this month"))
            });
            assert!(
                !kept.1.goals.is_empty() && !kept.2.is_empty(),
                "nothing to show"
            );
            say(time, before);
            drop(kept);
            time
        }
        [CHILD, "load", document] => {
            let (time, kept) = timed(|| {
                let saved = std::fs::read(document).expect("the document");
                Automerge::load(&saved).expect("it loads")
            });
            say(time, before);
            drop(kept);
            time
        }
        _ => return None,
    };
    Some(if time.is_zero() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Prints the time, and by how much the process has grown, while everything is still held.
fn say(time: Duration, before: Memory) {
    let now = Memory::now();
    let resident = now.resident.saturating_sub(before.resident);
    let anonymous = now.anonymous.saturating_sub(before.anonymous);
    println!("{} {resident} {anonymous}", time.as_nanos());
}

impl Memory {
    fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes =
                line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
            kilobytes.unwrap_or_default() * 1024
        };
        Self {
            resident: bytes("VmRSS:"),
            anonymous: bytes("RssAnon:"),
        }
    }
}

/// Saves every check-in of a plan in one Automerge document, a change for each. Says how many.
fn save_as_one(directory: &Path, plan: PlanId, to: &Path) -> usize {
    let mut document = Automerge::new().with_actor(ActorId::from([1; 16]));
    let mut count = 0;
    for (_, records) in phone::records(directory, plan) {
        for record in &records {
            bare::put(&mut document, record);
        }
        count += records.len();
    }
    std::fs::write(to, document.save()).expect("saved");
    count
}

fn path(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}
