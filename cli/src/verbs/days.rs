//! On which days something is to be done.

use clap::Args;
use waymark_core::model::{Schedule, SchedulePattern, Weekday};

/// On which days: one of these, or every day.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(super) struct Days {
    /// Every day.
    #[arg(long)]
    daily: bool,

    /// So many times in a week.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=7))]
    times_a_week: Option<u16>,

    /// On these days of the week: monday,thursday.
    #[arg(long, value_name = "DAYS", value_delimiter = ',', value_parser = weekday)]
    weekdays: Vec<Weekday>,
}

impl Days {
    /// The schedule, where one was said.
    pub(super) fn schedule(&self) -> Option<Schedule> {
        let pattern = match (self.daily, self.times_a_week) {
            (true, _) => SchedulePattern::Daily,
            (_, Some(times)) => SchedulePattern::TimesAWeek { times },
            _ if self.weekdays.is_empty() => return None,
            _ => SchedulePattern::Weekdays {
                days: self.weekdays.clone(),
            },
        };
        Some(Schedule {
            pattern,
            ..Schedule::daily()
        })
    }
}

fn weekday(name: &str) -> Result<Weekday, String> {
    let mut all = Weekday::ALL.iter();
    let begins = |day: &&Weekday| name.len() >= 2 && day.as_str().starts_with(&name.to_lowercase());
    let found = all.find(begins);
    found
        .copied()
        .ok_or_else(|| "a day is written as monday or mon".into())
}
