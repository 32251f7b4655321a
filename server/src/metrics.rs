//! What a relay counts of itself, for whoever watches it: sums and times, and nothing of whom. No
//! label holds anything that came from outside. What each name means stands in `docs/metrics.md`.

use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::log::{AppendOutcome, LogError};

/// Bounds of times, in seconds: from a commit to a fast disk up to what nobody waits for.
const TIMES: [f64; 14] = [
    0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];
/// Bounds of how many go together.
const GROUPS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// One label, with a value of ours.
type Label = [(&'static str, &'static str); 1];

/// What one process counts. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    appends: Family<Label, Counter>,
    append_time: Histogram,
    /// Bytes of requests to append.
    pub(crate) appended: Counter,
    pulls: Family<Label, Counter>,
    /// Bytes of answers to pulls.
    pub(crate) pulled: Counter,
    /// Answers that stay open.
    pub(crate) live: Gauge,
    hints: Family<Label, Counter>,
    refused: Family<Label, Counter>,
    wakes: Family<Label, Counter>,
    /// Connections that are open.
    pub(crate) connections: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            appends: Family::default(),
            append_time: Histogram::new(TIMES),
            appended: Counter::default(),
            pulls: Family::default(),
            pulled: Counter::default(),
            live: Gauge::default(),
            hints: Family::default(),
            refused: Family::default(),
            wakes: Family::default(),
            connections: Gauge::default(),
        };
        // What is there from the start can be compared with later.
        for outcome in ["busy", "failed", "known", "refused", "taken"] {
            metrics
                .appends
                .get_or_create(&[("outcome", outcome)])
                .inc_by(0);
        }
        for kind in ["live", "once"] {
            metrics.pulls.get_or_create(&[("kind", kind)]).inc_by(0);
        }
        for way in [Hint::Sent, Hint::Heard, Hint::Missed] {
            metrics.hints.get_or_create(&way.label()).inc_by(0);
        }
        for wake in [Wake::Failed, Wake::Gone, Wake::Lost, Wake::Sent] {
            metrics.wakes.get_or_create(&wake.label()).inc_by(0);
        }
        metrics
    }
}

impl Metrics {
    /// Counts a request to append and how long it took.
    pub(crate) fn count_append(&self, outcome: &Result<AppendOutcome, LogError>, took: Duration) {
        let outcome = match outcome {
            Ok(outcome) if outcome.refused.is_some() => "refused",
            Ok(outcome) if outcome.is_new => "taken",
            Ok(_) => "known",
            Err(LogError::Busy) => "busy",
            Err(_) => "failed",
        };
        self.appends.get_or_create(&[("outcome", outcome)]).inc();
        self.append_time.observe(took.as_secs_f64());
    }

    /// Counts a request to pull.
    pub(crate) fn count_pull(&self, is_live: bool) {
        let kind = if is_live { "live" } else { "once" };
        self.pulls.get_or_create(&[("kind", kind)]).inc();
    }

    /// Counts what became of a hint.
    pub(crate) fn count_hint(&self, hint: Hint) {
        self.hints.get_or_create(&hint.label()).inc();
    }

    /// Counts what became of a wake.
    #[cfg(feature = "wake")]
    pub(crate) fn count_wake(&self, wake: Wake) {
        self.wakes.get_or_create(&wake.label()).inc();
    }

    /// Counts a refusal by the name of its code.
    pub(crate) fn count_refused(&self, reason: &'static str) {
        self.refused.get_or_create(&[("reason", reason)]).inc();
    }

    /// All that is counted, in the text of OpenMetrics. `size` is what the database takes, where that
    /// is known.
    pub(crate) fn text(&self, writing: &Writing, size: Option<u64>) -> String {
        let mut all = Registry::with_prefix("waymark");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        all.register("relay", "What runs", version);
        let appends = self.appends.clone();
        all.register("appends", "Requests to append, by outcome", appends);
        let time = self.append_time.clone();
        let help = "From a whole request to append to its durable outcome";
        all.register("append_seconds", help, time);
        let help = "Bytes of requests to append";
        all.register("append_bytes", help, self.appended.clone());
        all.register("pulls", "Requests to pull, by kind", self.pulls.clone());
        let help = "Bytes of answers to pulls";
        all.register("pull_bytes", help, self.pulled.clone());
        let help = "Answers that stay open";
        all.register("live_readers", help, self.live.clone());
        let help = "Hints that a space moved, by what became of them";
        all.register("hints", help, self.hints.clone());
        let help = "Requests, and spaces in pulls, that were refused, by reason";
        all.register("refused", help, self.refused.clone());
        let help = "Wakes of members that asked for them, by outcome";
        all.register("wakes", help, self.wakes.clone());
        let help = "Connections that are open";
        all.register("connections", help, self.connections.clone());
        let help = "Tasks that wait for a writer";
        all.register("write_queue", help, writing.waiting.clone());
        let help = "Tasks that went into one transaction";
        all.register("write_group", help, writing.group.clone());
        let help = "How long a transaction took, its wait for the disk included";
        all.register("commit_seconds", help, writing.commit.clone());
        if let Some(size) = size {
            let bytes: Gauge = Gauge::default();
            bytes.set(i64::try_from(size).unwrap_or(i64::MAX));
            let help = "Bytes that the database takes, its journal included";
            all.register("database_bytes", help, bytes);
        }
        let mut said = String::new();
        // Only the writer could fail, and a string does not.
        let _ = text::encode(&mut said, &all);
        said
    }
}

/// What became of a hint that a space moved.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hint {
    /// A reader was told, and looked.
    Heard,
    /// A reader found by itself what no hint had told it.
    Missed,
    /// An entry was taken, and whoever follows is told.
    Sent,
}

impl Hint {
    const fn label(self) -> Label {
        let way = match self {
            Self::Heard => "heard",
            Self::Missed => "missed",
            Self::Sent => "sent",
        };
        [("way", way)]
    }
}

/// What became of a wake.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wake {
    /// The gateway was not reached, or would not.
    Failed,
    /// The gateway does not know the token any more.
    Gone,
    /// Too many waited.
    Lost,
    /// The gateway has it.
    Sent,
}

impl Wake {
    const fn label(self) -> Label {
        let outcome = match self {
            Self::Failed => "failed",
            Self::Gone => "gone",
            Self::Lost => "lost",
            Self::Sent => "sent",
        };
        [("outcome", outcome)]
    }
}

/// What the writers of a log count. Clones count together.
#[derive(Clone, Debug)]
pub struct Writing {
    /// Tasks that wait.
    pub(crate) waiting: Gauge,
    group: Histogram,
    commit: Histogram,
}

impl Default for Writing {
    fn default() -> Self {
        Self {
            waiting: Gauge::default(),
            group: Histogram::new(GROUPS),
            commit: Histogram::new(TIMES),
        }
    }
}

impl Writing {
    /// Counts a transaction with so many tasks.
    pub(crate) fn count(&self, tasks: usize, took: Duration) {
        self.group
            .observe(f64::from(u32::try_from(tasks).unwrap_or(u32::MAX)));
        self.commit.observe(took.as_secs_f64());
    }
}

/// One more in a gauge, as long as this lasts.
#[derive(Debug)]
pub(crate) struct Held(Gauge);

impl Held {
    /// Adds one.
    pub(crate) fn one_of(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}
