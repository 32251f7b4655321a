//! Which session is meant, and when one begins where this desk is.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{SessionView, instant_of, zone};

use super::meant;
use crate::desk::{Desk, DeskError};

/// How the beginning of a session is written.
const BEGINS: &str = "%Y-%m-%d %H:%M";
const DAY: &str = "%Y-%m-%d";

/// The one session of a plan that begins then, written as 2026-05-04 or "2026-05-04 16:30", or whose
/// id begins so.
///
/// # Errors
/// [`DeskError::Wrong`] where it is none or could be two, or the database's.
pub(super) fn one(desk: &Desk, plan: PlanId, meant: &str) -> Result<SessionView, DeskError> {
    let mut all = desk.client.reviews().sessions(plan)?;
    let zone = of(desk)?;
    let is_day = NaiveDate::parse_from_str(meant.trim(), DAY).is_ok();
    let format = if is_day { DAY } else { BEGINS };
    let known: Vec<_> = all
        .iter()
        .map(|view| {
            let begins = view.session.begins;
            let begins = begins.map(|at| at.with_timezone(&zone).format(format).to_string());
            (view.id, begins.unwrap_or_else(|| view.id.to_string()))
        })
        .collect();
    let known: Vec<_> = known.iter().map(|(id, at)| (*id, at.as_str())).collect();
    let id = meant::find("session", &known, meant)?;
    all.retain(|view| view.id == id);
    let none = || DeskError::Wrong(format!("no session here is \"{meant}\""));
    all.pop().ok_or_else(none)
}

/// When something begins, for people at this desk.
pub(super) fn begins(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format(BEGINS).to_string()
}

/// The time zone of this desk.
///
/// # Errors
/// `invalid_input` where its tables do not have it.
pub(super) fn of(desk: &Desk) -> Result<Tz, DeskError> {
    let zone = zone(&desk.settings.time_zone).map_err(WaymarkError::from)?;
    Ok(zone)
}

/// The instant of a time on the wall of this desk.
///
/// # Errors
/// [`DeskError::Wrong`] where no clock shows it.
pub(super) fn instant(desk: &Desk, local: NaiveDateTime) -> Result<DateTime<Utc>, DeskError> {
    let at = instant_of(local, of(desk)?);
    at.ok_or_else(|| DeskError::Wrong(format!("no clock shows {}", local.format(BEGINS))))
}

/// Reads when a session begins.
pub(super) fn read(text: &str) -> Result<NaiveDateTime, String> {
    NaiveDateTime::parse_from_str(text.trim(), BEGINS)
        .map_err(|_| "a time is written as \"2026-05-04 16:30\"".into())
}
