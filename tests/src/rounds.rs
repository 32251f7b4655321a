//! Ours and the baseline in turn, so that whatever else the machine does meets both.

use std::time::{Duration, Instant};

/// What two things took, each the median of its rounds.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// Waymark.
    pub ours: Duration,
    /// What it is held against.
    pub baseline: Duration,
}

/// Runs both `rounds` times after a warm-up round each, in turn.
pub fn in_turn(
    rounds: usize,
    mut ours: impl FnMut() -> Duration,
    mut baseline: impl FnMut() -> Duration,
) -> Pair {
    ours();
    baseline();
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        times.0.push(ours());
        times.1.push(baseline());
    }
    Pair {
        ours: median(times.0),
        baseline: median(times.1),
    }
}

/// The middle one; zero of none.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// How long something takes.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

/// How long one of `count` took on average.
pub fn each(whole: Duration, count: usize) -> Duration {
    whole / u32::try_from(count).unwrap_or(u32::MAX)
}
