//! The measures that Waymark is held to, each beside its baseline in the same run.
//!
//! `cargo bench -p waymark-tests` runs all of them; a name or part of one after `--` runs those
//! that have it, and `--quick` takes fewer rounds, for a first look. What every measure is and
//! which numbers are its target stands in `docs/benchmarks.md`.
//!
//! - [`diary`]: the check-in that everything is measured with.
//! - [`bare`], [`proxy`]: what the baselines stand on, and what counts bytes.
//! - one module for each row or two of the table.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    reason = "a measurement stops where its own set-up fails"
)]

mod bare;
mod catch_up;
mod diary;
mod live;
mod local;
mod membership;
mod newcomer;
mod notes;
mod opening;
mod phone;
mod progress;
mod proxy;
mod relay_log;
mod sealing;
mod snapshots;
mod summaries;
mod wire;

use std::process::ExitCode;

use waymark_tests::{report, rounds};

use self::report::Row;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Fewer rounds and smaller heaps of data; the numbers are no results then.
    pub(crate) quick: bool,
}

impl Effort {
    /// So many, or so many for a first look.
    pub(crate) const fn of(self, whole: usize, quick: usize) -> usize {
        if self.quick { quick } else { whole }
    }
}

/// A measure's name, and what gives its rows.
type Measure = (&'static str, fn(Effort) -> Vec<Row>);

const MEASURES: [Measure; 17] = [
    ("log", local::log_a_check_in),
    ("open", opening::open_a_plan),
    ("progress", progress::of_ten_years),
    ("wire", wire::append_requests),
    ("live", live::edit_to_event),
    ("catch-up", catch_up::a_reader_catches_up),
    ("newcomer", catch_up::a_newcomer_reads_everything),
    ("checkpoint", newcomer::from_a_checkpoint),
    ("snapshot", snapshots::from_a_checkpoint),
    ("gate", snapshots::gate_per_change),
    ("seal", sealing::seal_and_open),
    ("relay", relay_log::appends),
    ("rotation", membership::rotation),
    ("chain", membership::chain),
    ("spaces", membership::many_spaces),
    ("summaries", summaries::of_many_clients),
    ("notes", notes::of_two_people),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let child = opening::run_as_child(&arguments);
    let child = child.or_else(|| snapshots::run_as_child(&arguments));
    if let Some(code) = child.or_else(|| newcomer::run_as_child(&arguments)) {
        return code;
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let mut rows = Vec::new();
    for (name, measure) in MEASURES {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            eprintln!("measuring: {name}");
            rows.extend(measure(Effort { quick }));
        }
    }
    report::show(&rows);
    if quick {
        println!("\nA first look with fewer rounds: no results.");
    }
    ExitCode::SUCCESS
}
