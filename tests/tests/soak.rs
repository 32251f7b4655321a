//! A minute of what `load soak` does for twenty: the relay's own program behind a network that breaks.

use std::time::Duration;

use indicatif::ProgressBar;
use waymark_tests::load::soak::{Soak, soak};

/// A check-in that was ticked off would be gone, or a clinic's machine fills up over a summer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_of_faults_loses_nothing_and_nothing_grows() {
    let plan = Soak {
        span: Duration::from_secs(60),
        spaces: 8,
        rate: 200,
        seed: 7,
    };
    let soaked = soak(plan, &ProgressBar::hidden()).await.expect("a run");
    let rows = soaked.rows();
    let missed: Vec<_> = rows.iter().filter(|row| row.met == Some(false)).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    // The network did what it is there for, and devices came through.
    for (fault, count) in soaked.faults {
        assert!(count > 3, "{fault}: {count}");
    }
    assert!(soaked.acknowledged > 500 && soaked.heard > 100, "{rows:#?}");
}
