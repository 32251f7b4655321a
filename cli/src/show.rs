//! The plan and the last week of a device, from its database.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{Datelike, NaiveDate, TimeDelta};
use waymark_core::client::{Client, Config, PlanId, WaymarkError};
use waymark_core::driver::Clock;
use waymark_core::model::GoalView;
use waymark_core::sync::Timestamp;

use crate::args::Show;
use crate::demo::week::{Shown, week};
use crate::page::{Ink, Page, count};

/// Ratings that have room beside a day.
const RATINGS: usize = 2;

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShowError {
    /// The device does not open.
    #[error("{0}")]
    Device(#[from] WaymarkError),
    /// There is no key in the file.
    #[error("{} holds no key: 64 hexadecimal digits are needed", .0.display())]
    Key(PathBuf),
    /// There is no database in the directory; opening one would make it.
    #[error("{} holds no device's database", .0.display())]
    NoDatabase(PathBuf),
}

impl ShowError {
    /// Whether what was asked was wrong, rather than that something failed.
    pub(crate) const fn is_wrong_use(&self) -> bool {
        match self {
            Self::Key(_) | Self::NoDatabase(_) => true,
            Self::Device(error) => matches!(error, WaymarkError::KeyLost { .. }),
        }
    }
}

/// Shows every plan of a device.
///
/// # Errors
/// [`ShowError`].
pub(crate) fn run(args: &Show, page: &Page) -> Result<(), ShowError> {
    let key = fs::read_to_string(&args.key_file)
        .ok()
        .and_then(|text| parse_key(text.trim()));
    let key = key.ok_or_else(|| ShowError::Key(args.key_file.clone()))?;
    if !args.data.join("waymark.sqlite").is_file() {
        return Err(ShowError::NoDatabase(args.data.clone()));
    }
    let clock = Arc::new(LastDay::default());
    // Nothing is sent, so no relay's address is needed.
    let config = Config::new(&args.data, "http://127.0.0.1:8447");
    let client = Client::open_with(config, &key, Arc::clone(&clock) as Arc<dyn Clock>)?;
    for plan in client.people().plans() {
        show(*page, &client, &clock, plan)?;
    }
    Ok(())
}

fn show(page: Page, client: &Client, clock: &LastDay, plan: PlanId) -> Result<(), WaymarkError> {
    let last = last_day(client, plan)?;
    if let Some(last) = last {
        // The plan as it stood on its last day, however long ago that is.
        clock.set(last);
    }
    let view = client.goals().view(plan)?;
    page.line(format_args!(
        "{}",
        page.ink(Ink::Bold, format_args!("Plan {plan}"))
    ));
    for member in client.people().members(plan)? {
        let name = member.name.unwrap_or_default();
        let role = member
            .role
            .map_or_else(String::new, |role| format!("{role:?}").to_lowercase());
        page.line(format_args!(
            "  {name}, {role}: {}",
            member.device_name.unwrap_or_default()
        ));
    }
    for goal in &view.goals {
        let revisions = goal.timeline.len();
        page.heading(&format!("{} ({})", goal.statement, goal.status.as_str()));
        page.line(format_args!(
            "  {} agreed so far",
            count(revisions, "revision")
        ));
        let Some(last) = last else {
            continue;
        };
        let first = last.checked_sub_days(chrono::Days::new(6)).unwrap_or(last);
        page.line(format_args!(
            "  the week up to {}",
            last.format("%-d %B %Y")
        ));
        let measures = view
            .measures
            .iter()
            .filter(|measure| measure.unit.is_none());
        let shown = Shown {
            plan,
            goal: goal.id,
            revisions: asked(goal),
            measures: measures
                .take(RATINGS)
                .map(|m| (m.id, m.label.clone()))
                .collect(),
        };
        for line in week(client, &shown, first)? {
            page.line(format_args!("  {line}"));
        }
    }
    Ok(())
}

/// What the revision in force asks for a day.
fn asked(goal: &GoalView) -> Vec<(waymark_core::model::RevisionId, u16)> {
    let asked = |revision: &waymark_core::model::RevisionView| {
        let value = revision.target.as_ref()?.value?;
        let whole = (0..=u16::MAX).find(|whole| f64::from(*whole) >= value)?;
        Some((revision.id, whole))
    };
    goal.in_force.iter().filter_map(asked).collect()
}

/// The date of the last check-in.
fn last_day(client: &Client, plan: PlanId) -> Result<Option<NaiveDate>, WaymarkError> {
    for month in client.check_ins().months(plan)?.into_iter().rev() {
        let check_ins = client
            .check_ins()
            .in_month(plan, month.year(), month.month())?;
        if let Some(last) = check_ins.last() {
            return Ok(Some(last.date));
        }
    }
    Ok(None)
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(key)
}

/// A clock that stands at noon of a day.
#[derive(Debug, Default)]
struct LastDay(AtomicI64);

impl LastDay {
    fn set(&self, date: NaiveDate) {
        let noon = date.and_time(chrono::NaiveTime::MIN) + TimeDelta::hours(12);
        self.0
            .store(noon.and_utc().timestamp_millis(), Ordering::SeqCst);
    }
}

impl Clock for LastDay {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        assert_eq!(parse_key(&"0f".repeat(32)), Some([15; 32]));
        for wrong in [
            "",
            "0f",
            &"0g".repeat(32),
            &"é".repeat(32),
            &"+f".repeat(32),
        ] {
            assert_eq!(parse_key(wrong), None, "{wrong}");
        }
    }
}
