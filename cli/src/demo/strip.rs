//! The strip: one column a week, when the phone was online and how much was logged.

use super::calendar::Network;
use super::diary::Diary;

/// Nothing, then more and more.
const LEVELS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const WEEK: u32 = 7;

/// The lines of the strip.
pub(crate) fn strip(diary: &Diary, network: &Network) -> Vec<String> {
    let weeks = diary.days.div_ceil(WEEK);
    let days = |week: u32| week * WEEK + 1..=(week * WEEK + WEEK).min(diary.days);
    let online: Vec<usize> = (0..weeks)
        .map(|week| days(week).filter(|day| network.is_online(*day)).count())
        .collect();
    let mut logged = vec![0; online.len()];
    for report in &diary.reports {
        let week = (diary.day_of(report.at).saturating_sub(1)) / WEEK;
        if let Some(slot) = usize::try_from(week)
            .ok()
            .and_then(|week| logged.get_mut(week))
        {
            *slot += 1;
        }
    }
    let most = logged.iter().copied().max().unwrap_or(0);
    // A full week online is the highest level, and so is the busiest week.
    let line = |values: &[usize], top: usize| -> String {
        values.iter().map(|value| level(*value, top)).collect()
    };
    vec![
        format!("week       {}", ruler(weeks)),
        format!("online     {}", line(&online, 7)),
        format!("check-ins  {}", line(&logged, most)),
    ]
}

fn level(value: usize, top: usize) -> char {
    let step = (value * (LEVELS.len() - 1)).div_ceil(top.max(1));
    LEVELS[step.min(LEVELS.len() - 1)]
}

/// The numbers of the weeks, each fifth where there is room.
fn ruler(weeks: u32) -> String {
    let mut text = String::new();
    for week in (1..=weeks).filter(|week| *week == 1 || week % 5 == 0) {
        let column = usize::try_from(week - 1).unwrap_or(0);
        if text.len() <= column {
            text.push_str(&" ".repeat(column - text.len()));
            text.push_str(&week.to_string());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::generator::generate;
    use super::*;

    #[test]
    fn each_week_has_its_column_and_a_gap_shows() {
        let diary = generate(34, 238);
        let lines = strip(&diary, &Network::new(34, 238));
        assert_eq!(lines[0], "week       1   5    10   15   20   25   30");
        let cells = |line: &str| line.chars().skip(11).collect::<Vec<_>>();
        let (online, logged) = (cells(&lines[1]), cells(&lines[2]));
        assert_eq!((online.len(), logged.len()), (34, 34));
        // Days 73 to 93: weeks 12 and 13 are offline from Monday to Sunday.
        assert_eq!(online[11..13], ['·', '·']);
        assert!(
            logged[11..13].iter().all(|cell| *cell != '·'),
            "and the diary goes on"
        );
        assert!(logged.contains(&'█'));
    }

    #[test]
    fn a_last_week_that_is_not_full_counts_too() {
        assert_eq!(
            strip(&generate(1, 8), &Network::new(1, 8))[1]
                .chars()
                .skip(11)
                .count(),
            2
        );
    }
}
