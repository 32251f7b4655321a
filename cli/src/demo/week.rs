//! The same week, as two devices show it.

use chrono::NaiveDate;
use waymark_core::client::{Client, PlanId, WaymarkError};
use waymark_core::model::{DayPlan, DayResult, DayView, GoalId, MeasureId, RevisionId};

/// What the lines of a week are made from.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The plan.
    pub(crate) plan: PlanId,
    /// The goal.
    pub(crate) goal: GoalId,
    /// What the revisions ask for a day.
    pub(crate) revisions: Vec<(RevisionId, u16)>,
    /// Measures to show, with their labels.
    pub(crate) measures: Vec<(MeasureId, String)>,
}

/// The lines of seven days, as a device shows them.
///
/// # Errors
/// The device's.
pub(crate) fn week(
    client: &Client,
    shown: &Shown,
    first: NaiveDate,
) -> Result<Vec<String>, WaymarkError> {
    let last = first
        .checked_add_days(chrono::Days::new(6))
        .unwrap_or(first);
    let days = client
        .check_ins()
        .days(shown.plan, shown.goal, first, last)?;
    Ok(days.iter().map(|day| line(day, shown)).collect())
}

/// Two devices' lines beside each other.
pub(crate) fn side_by_side(names: [&str; 2], left: &[String], right: &[String]) -> Vec<String> {
    let all = left.iter().map(String::as_str).chain([names[0]]);
    let width = all.map(|line| line.chars().count()).max().unwrap_or(0);
    let beside = |left: &str, right: &str| format!("{left:<width$}  │  {right}");
    let lines = left
        .iter()
        .zip(right)
        .map(|(left, right)| beside(left, right));
    [beside(names[0], names[1])]
        .into_iter()
        .chain(lines)
        .collect()
}

fn line(day: &DayView, shown: &Shown) -> String {
    let asked = shown
        .revisions
        .iter()
        .find(|(revision, _)| day.judged_by == Some(*revision));
    let amount = match (day.quantity, asked) {
        (Some(amount), Some((_, asked))) => {
            format!(
                "{amount}/{asked} {}",
                day.unit.as_deref().unwrap_or_default()
            )
        }
        (Some(amount), None) => format!("{amount} {}", day.unit.as_deref().unwrap_or_default()),
        (None, _) if day.result == DayResult::NotExpected && day.plan == DayPlan::Rest => {
            "rest day".to_owned()
        }
        (None, _) => word(day.result).to_owned(),
    };
    let ratings = shown.measures.iter().filter_map(|(measure, label)| {
        let rating = day
            .ratings
            .iter()
            .find(|rating| rating.measure == *measure)?;
        Some(format!("{label} {:.1}", rating.mean))
    });
    let ratings: Vec<_> = ratings.collect();
    let (mark, date) = (mark(day.result), day.date.format("%a %e %b"));
    format!("{date} {mark} {amount:<10} {}", ratings.join(" "))
        .trim_end()
        .to_owned()
}

const fn mark(result: DayResult) -> char {
    match result {
        DayResult::Done => '●',
        DayResult::Partial => '◐',
        DayResult::Missed => '○',
        DayResult::Excused | DayResult::Rest => '–',
        DayResult::NotExpected | DayResult::NoteOnly | DayResult::Open => '·',
    }
}

const fn word(result: DayResult) -> &'static str {
    match result {
        DayResult::Done => "done",
        DayResult::Excused => "excused",
        DayResult::Missed => "not today",
        DayResult::NotExpected => "",
        DayResult::NoteOnly => "note",
        DayResult::Open => "open",
        DayResult::Partial => "partly",
        DayResult::Rest => "rest",
    }
}

#[cfg(test)]
mod tests {
    use waymark_core::model::DayRating;

    use super::*;

    #[test]
    fn a_day_shows_what_was_asked_of_it() {
        let (revision, measure) = (RevisionId([1; 16]), MeasureId([2; 16]));
        let shown = Shown {
            plan: PlanId([0; 32]),
            goal: GoalId([0; 16]),
            revisions: vec![(revision, 15)],
            measures: vec![(measure, "mood".into())],
        };
        let day = DayView {
            date: NaiveDate::from_ymd_opt(2026, 4, 18).unwrap(),
            result: DayResult::Partial,
            plan: DayPlan::Expected,
            quantity: Some(12.0),
            unit: Some("min".into()),
            ratings: vec![DayRating {
                measure,
                count: 2,
                low: 6,
                high: 7,
                mean: 6.5,
            }],
            entries: Vec::new(),
            judged_by: Some(revision),
            excuse: None,
        };
        assert_eq!(line(&day, &shown), "Sat 18 Apr ◐ 12/15 min  mood 6.5");
        let silent = DayView {
            quantity: None,
            ratings: Vec::new(),
            result: DayResult::Missed,
            ..day
        };
        assert_eq!(line(&silent, &shown), "Sat 18 Apr ○ not today");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let lines = side_by_side(["a", "b"], &["● ü".into()], &["x".into()]);
        assert_eq!(lines, ["a    │  b", "● ü  │  x"]);
    }
}
