//! What is told of the story, and what its tables and verdicts need.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use waymark_core::model::{CheckInId, DayView};

use crate::demo::cast::Synced;
use crate::demo::proxy::Passed;
use crate::page::{bytes, count, duration};

/// What is told of the story, and what its verdicts need.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Dated lines.
    pub(crate) lines: Vec<(u32, String)>,
    /// The id of every check-in, in the order of the diary.
    pub(crate) logged: Vec<CheckInId>,
    /// How long each took to be durable.
    pub(crate) log_times: Vec<Duration>,
    /// Coming back after a long time offline.
    pub(crate) returns: Vec<Return>,
    /// What a check-in alone cost on the wire, each time that there was just one.
    pub(crate) lone: Vec<Passed>,
    /// What the phones' and the tablet's syncs took in all.
    pub(crate) passed: Passed,
    /// The first sync of the new phone.
    pub(crate) newcomer: Option<Synced>,
    /// The days before the change, as the phone judged them then.
    pub(crate) judged: Vec<DayView>,
    /// What the phone said of its tries without a network.
    pub(crate) unreachable: Vec<Unreachable>,
}

/// Coming back after a long time offline.
#[derive(Clone, Debug)]
pub(crate) struct Return {
    /// On which day.
    pub(crate) day: u32,
    /// After how many.
    pub(crate) offline: u32,
    /// What was sent: places in the diary.
    pub(crate) reports: Range<usize>,
    /// The lengths of the entries that it became.
    pub(crate) entries: Vec<usize>,
    /// What the sync took.
    pub(crate) synced: Synced,
}

/// A try to sync without a network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Unreachable {
    /// On which day.
    pub(crate) day: u32,
    /// The error's code, or none where it went well.
    pub(crate) error: Option<&'static str>,
    /// The problem that the status names.
    pub(crate) status: Option<String>,
    /// Check-ins that were logged meanwhile, and how many changes wait.
    pub(crate) logged: usize,
    /// Changes that wait to be sent.
    pub(crate) waiting: u32,
}

impl Told {
    /// Adds up what a sync moved.
    pub(super) fn count(&mut self, synced: Synced) {
        self.passed.up += synced.passed.up;
        self.passed.down += synced.passed.down;
    }
}

impl fmt::Display for Return {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.entries.iter().sum::<usize>();
        let batches = match self.entries.len() {
            1 => "one batch".to_owned(),
            number => count(number, "batch").replace("batchs", "batches"),
        };
        write!(
            f,
            "online after {}, {} in {batches}, {}, {}",
            count(usize::try_from(self.offline).unwrap_or(usize::MAX), "day"),
            count(self.reports.len(), "check-in"),
            bytes(u64::try_from(length).unwrap_or(u64::MAX)),
            duration(self.synced.took)
        )
    }
}
