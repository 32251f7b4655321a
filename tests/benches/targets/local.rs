//! Logging a check-in: the facade beside an Automerge commit and a SQLite commit.

use std::collections::BTreeMap;

use automerge::Automerge;
use tempfile::TempDir;

use crate::Effort;
use crate::bare::{self, Rows};
use crate::phone::{Phone, records};
use crate::report::Row;
use crate::rounds::{each, in_turn, timed};

/// Check-ins in a round: enough that SQLite moves its journal to the file in each.
const ROUND: usize = 300;
/// A relay that is not asked.
const NOWHERE: &str = "http://127.0.0.1:9";

pub(crate) fn log_a_check_in(effort: Effort) -> Vec<Row> {
    let rounds = effort.of(21, 3);
    // The very records that the facade makes of such a diary.
    let mut writer = Phone::begin(NOWHERE);
    writer.log(ROUND * (rounds + 1));
    let (directory, plan) = (writer.directory, writer.plan);
    drop(writer.client);
    let mut written: Vec<(u32, Vec<u8>)> = records(directory.path(), plan)
        .into_iter()
        .flat_map(|(month, records)| records.into_iter().map(move |bytes| (month, bytes)))
        .collect();
    written.reverse();

    let mut phone = Phone::begin(NOWHERE);
    let ours = || each(timed(|| phone.log(ROUND)).0, ROUND);

    let directory = TempDir::new().expect("a directory");
    let mut rows = Rows::make(directory.path());
    let mut months: BTreeMap<u32, Automerge> = BTreeMap::new();
    let baseline = || {
        let round = written.split_off(written.len() - ROUND);
        let log = || {
            for (month, record) in round.iter().rev() {
                bare::put(months.entry(*month).or_default(), record);
                rows.commit(record);
            }
        };
        each(timed(log).0, ROUND)
    };
    let pair = in_turn(rounds, ours, baseline);
    let measure = "log a check-in, durable";
    vec![Row::at_most_times(measure, pair.ours, pair.baseline, 1.5)]
}
