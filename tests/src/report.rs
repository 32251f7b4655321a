//! The table of results.

use std::time::Duration;

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub measure: String,
    /// What it took.
    pub ours: String,
    /// What the baseline took.
    pub baseline: String,
    /// How the two compare.
    pub ratio: String,
    /// What is asked for.
    pub target: String,
    /// Whether it is reached; `None` for lines that are there for orientation.
    pub met: Option<bool>,
}

impl Row {
    /// A line without a target.
    pub fn note(measure: &str, ours: String, baseline: String) -> Self {
        Self {
            measure: measure.into(),
            ours,
            baseline,
            ratio: String::new(),
            target: String::new(),
            met: None,
        }
    }

    /// Two times without a target.
    pub fn compared(measure: &str, ours: Duration, baseline: Duration) -> Self {
        let ratio = ours.as_secs_f64() / baseline.as_secs_f64();
        Self {
            ratio: format!("{ratio:.2}×"),
            ..Self::note(measure, time(ours), time(baseline))
        }
    }

    /// A time that may be at most so many times the baseline's.
    pub fn at_most_times(measure: &str, ours: Duration, baseline: Duration, most: f64) -> Self {
        let ratio = ours.as_secs_f64() / baseline.as_secs_f64();
        Self {
            measure: measure.into(),
            ours: time(ours),
            baseline: time(baseline),
            ratio: format!("{ratio:.2}×"),
            target: format!("≤ {most:.2}×"),
            met: Some(ratio <= most),
        }
    }

    /// A time that may be at most so long, whatever the baseline takes.
    pub fn at_most(
        measure: &str,
        ours: Duration,
        baseline: Option<Duration>,
        most: Duration,
    ) -> Self {
        let ratio = baseline.map(|b| format!("{:.2}×", ours.as_secs_f64() / b.as_secs_f64()));
        Self {
            measure: measure.into(),
            ours: time(ours),
            baseline: baseline.map_or_else(|| "–".into(), time),
            ratio: ratio.unwrap_or_default(),
            target: format!("≤ {}", time(most)),
            met: Some(ours <= most),
        }
    }

    /// Bytes, of which there may be so many.
    pub fn bytes(measure: &str, ours: u64, baseline: Option<u64>, most: u64) -> Self {
        let ratio = baseline.map(|b| format!("{:.2}×", as_f64(ours) / as_f64(b)));
        Self {
            measure: measure.into(),
            ours: bytes(ours),
            baseline: baseline.map_or_else(|| "–".into(), bytes),
            ratio: ratio.unwrap_or_default(),
            target: format!("≤ {}", bytes(most)),
            met: Some(ours <= most),
        }
    }
}

/// Prints the table.
pub fn show(rows: &[Row]) {
    let verdict = |row: &Row| match row.met {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "",
    };
    let head = ["measure", "ours", "baseline", "ratio", "target", ""].map(String::from);
    let mut lines = vec![head];
    lines.extend(rows.iter().map(|row| {
        [
            row.measure.clone(),
            row.ours.clone(),
            row.baseline.clone(),
            row.ratio.clone(),
            row.target.clone(),
            verdict(row).into(),
        ]
    }));
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    println!();
    for line in &lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        println!("{}", cells.join("  ").trim_end());
    }
    let judged = rows.iter().filter(|row| row.met.is_some()).count();
    let missed = rows.iter().filter(|row| row.met == Some(false)).count();
    println!("\n{judged} targets, {missed} missed");
}

/// A time with three digits that count.
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (value, unit) = if seconds < 1e-3 {
        (seconds * 1e6, "µs")
    } else if seconds < 1.0 {
        (seconds * 1e3, "ms")
    } else {
        (seconds, "s")
    };
    let decimals = if value < 10.0 {
        2
    } else {
        usize::from(value < 100.0)
    };
    format!("{value:.decimals$} {unit}")
}

/// Bytes; from 10,000 on in thousands.
pub fn bytes(bytes: u64) -> String {
    if bytes < 10_000 {
        format!("{bytes} B")
    } else if bytes < 10_000_000 {
        format!("{:.1} kB", as_f64(bytes) / 1e3)
    } else {
        format!("{:.1} MB", as_f64(bytes) / 1e6)
    }
}

/// Exact up to 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "nothing here counts so far")]
pub const fn as_f64(number: u64) -> f64 {
    number as f64
}
