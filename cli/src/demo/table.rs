//! Bytes and times in two tables, each beside what the same would cost without Waymark.

use std::ops::Range;
use std::time::Duration;

use super::error::DemoError;
use super::naive::Naive;
use super::proxy::Passed;
use super::story::Story;
use crate::page::{Ink, Page, bytes, count, duration, thousands};

/// Shows the tables.
///
/// # Errors
/// Where a baseline could not be made.
pub(crate) fn show(page: Page, story: &Story<'_>, batches: &[usize]) -> Result<(), DemoError> {
    let ids: Vec<[u8; 16]> = story.told.logged.iter().map(|id| id.0).collect();
    let naive = Naive::of(story.diary, &ids);
    let naive = naive.map_err(|_| DemoError::Story("Automerge refused the baseline"))?;
    show_bytes(page, story, &naive, batches);
    show_times(page, story, &naive);
    Ok(())
}

fn show_bytes(page: Page, story: &Story<'_>, naive: &Naive, batches: &[usize]) {
    let all = story.told.logged.len();
    let back = story
        .told
        .returns
        .iter()
        .max_by_key(|back| back.reports.len());
    let largest = back.map_or(0..0, |back| back.reports.clone());
    let heads = [count(all, "check-in"), "of them in one batch".to_owned()];
    let title = page.ink(Ink::Bold, format_args!("{:<44}", "bytes"));
    page.line(format_args!("  {title}{:>20}{:>26}", heads[0], heads[1]));
    let row = |name: &str, whole: usize, part: Option<usize>| {
        let each = |sum: usize, number: usize| {
            format!(
                "{} ({} each)",
                bytes(wide(sum)),
                thousands(sum / number.max(1))
            )
        };
        let part = part.filter(|_| !largest.is_empty());
        let part = part.map_or("–".into(), |part| each(part, largest.len()));
        page.line(format_args!(
            "  {name:<44}{:>20}{part:>26}",
            each(whole, all)
        ));
    };
    let sum = |sizes: &[usize], range: &Range<usize>| {
        sizes
            .get(range.clone())
            .map_or(0, |sizes| sizes.iter().sum::<usize>())
    };
    row(
        "as JSON objects",
        naive.json.iter().sum(),
        Some(sum(&naive.json, &largest)),
    );
    row(
        "as plain Automerge changes (fields, text)",
        naive.automerge.iter().sum(),
        Some(sum(&naive.automerge, &largest)),
    );
    row(
        "as Waymark entries, sealed, signed, padded",
        batches.iter().sum(),
        back.map(|back| back.entries.iter().sum()),
    );
    if let Some(back) = back {
        page.line(page.ink(
            Ink::Dim,
            format_args!(
                "  The batch is the one of day {}, {}; its sync took {} up and {} down with all of HTTP.",
                back.day,
                count(back.reports.len(), "check-in"),
                bytes(back.synced.passed.up),
                bytes(back.synced.passed.down)
            ),
        ));
    }
    let note = |text: String| page.line(page.ink(Ink::Dim, format_args!("  {text}")));
    if let Some(lone) = median(&story.told.lone, |passed: &Passed| passed.both()) {
        note(format!(
            "A sync with a single check-in moves {} up and {} down (median of {}).",
            bytes(lone.up),
            bytes(lone.down),
            story.told.lone.len()
        ));
    }
    note(format!(
        "All syncs of all devices: {} up, {} down. Automerge's saved documents: {}.",
        bytes(story.told.passed.up),
        bytes(story.told.passed.down),
        bytes(wide(naive.saved))
    ));
}

fn show_times(page: Page, story: &Story<'_>, naive: &Naive) {
    let told = &story.told;
    page.line(format_args!(
        "\n  {}",
        page.ink(Ink::Bold, "times on this machine")
    ));
    let row = |name: &str, time: Option<Duration>| {
        if let Some(time) = time {
            page.line(format_args!("  {name:<64}{:>10}", duration(time)));
        }
    };
    row(
        "log a check-in, durable on disk (median)",
        median(&told.log_times, |time| *time),
    );
    row(
        "the same fields as a plain Automerge commit, in memory (median)",
        median(&naive.commits, |time| *time),
    );
    let back = told.returns.iter().max_by_key(|back| back.reports.len());
    if let Some(back) = back {
        let name = format!("send {} at once", count(back.reports.len(), "check-in"));
        row(&name, Some(back.synced.took));
    }
    let newcomer = told.newcomer.as_ref();
    row(
        "the new phone reads everything from the start",
        newcomer.map(|synced| synced.took),
    );
}

/// The middle one.
fn median<T: Copy, K: Ord>(values: &[T], key: impl Fn(&T) -> K) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_by_key(key);
    sorted.get(sorted.len() / 2).copied()
}

fn wide(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&[9, 1, 5], |n| *n), Some(5));
        assert_eq!(median::<u8, u8>(&[], |n| *n), None);
    }
}
