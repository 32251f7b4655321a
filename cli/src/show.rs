//! The plan and the last week of a device, from its database.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{Datelike, NaiveDate, TimeDelta};
use serde_json::json;
use waymark_core::client::{Client, Config, KeyHolder, MemberView, PlanId, WaymarkError};
use waymark_core::driver::Clock;
use waymark_core::model::{GoalView, PlanView};
use waymark_core::sync::Timestamp;

use crate::args::Show;
use crate::demo::week::{Shown, week};
use crate::desk::parse_key;
use crate::page::{Ink, Page, count};
use crate::talk::Talk;

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
pub(crate) fn run(args: &Show, talk: Talk) -> Result<(), ShowError> {
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
        let last = last_day(&client, plan)?;
        if let Some(last) = last {
            // The plan as it stood on its last day, however long ago that is.
            clock.set(last);
        }
        let view = client.goals().view(plan)?;
        let members = client.people().members(plan)?;
        let fields = json!({ "plan": plan, "members": members, "last_day": last.map(|last| last.to_string()), "view": view });
        let mut shown = Ok(());
        talk.tell("plan", fields, |page| {
            shown = show(
                page,
                &client,
                &Seen {
                    plan,
                    last,
                    view,
                    members,
                },
            );
        });
        shown?;
    }
    Ok(())
}

/// One plan, as it stood on the last day of its log.
struct Seen {
    plan: PlanId,
    last: Option<NaiveDate>,
    view: PlanView,
    members: Vec<MemberView>,
}

fn show(page: Page, client: &Client, seen: &Seen) -> Result<(), WaymarkError> {
    let Seen {
        plan,
        last,
        view,
        members,
    } = seen;
    page.line(format_args!(
        "{}",
        page.ink(Ink::Bold, format_args!("Plan {plan}"))
    ));
    let devices = members
        .iter()
        .filter(|member| member.holder == KeyHolder::Device);
    for member in devices {
        let name = member.name.as_deref().unwrap_or_default();
        let role = member
            .role
            .map_or_else(String::new, |role| format!("{role:?}").to_lowercase());
        page.line(format_args!(
            "  {name}, {role}: {}",
            member.device_name.as_deref().unwrap_or_default()
        ));
    }
    for goal in &view.goals {
        let revisions = goal.timeline.len();
        page.heading(&format!("{} ({})", goal.statement, goal.status.as_str()));
        page.line(format_args!(
            "  {} agreed so far",
            count(revisions, "revision")
        ));
        let Some(last) = *last else {
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
            plan: *plan,
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
