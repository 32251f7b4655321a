//! `settings`: what holds for a plan as a whole.

use clap::Args;
use serde_json::json;
use waymark_core::model::{NewSettings, SettingsView};

use super::at::At;
use super::items::CONTRADICTED;
use crate::desk::DeskError;
use crate::page::{Ink, Page};
use crate::talk::Talk;

/// What is to hold; what is left out stays. Without any of it the settings are shown.
#[derive(Args, Debug)]
pub(crate) struct Settings {
    /// The client's time zone, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,

    /// The hour at which a new day begins, 0 to 11.
    #[arg(long, value_name = "HOUR")]
    day_begins: Option<u8>,

    /// How many goals may be active at a time before the client is asked, 1 to 20.
    #[arg(long, value_name = "N")]
    active_goals: Option<u8>,

    #[command(flatten)]
    at: At,
}

/// Shows the settings, or changes some.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Settings, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let goals = desk.client.goals();
    let new = NewSettings {
        cut_off_hour: args.day_begins,
        time_zone: args.time_zone.clone(),
        active_limit: args.active_goals,
    };
    let event = match new == NewSettings::default() {
        true => "settings",
        false => {
            goals.set_settings(plan, &new)?;
            "settings_changed"
        }
    };
    let settings = goals.settings(plan)?;
    let fields = json!({ "plan": plan, "settings": settings });
    talk.tell(event, fields, |page| show(page, &settings));
    Ok(())
}

fn show(page: Page, settings: &SettingsView) {
    let zone = settings.time_zone.as_deref();
    page.line(format_args!("time zone     {}", zone.unwrap_or("not said")));
    page.line(format_args!(
        "a day begins  at {:02}:00",
        settings.cut_off_hour
    ));
    page.line(format_args!(
        "active goals  {} at a time",
        settings.active_limit
    ));
    if !settings.conflict.is_empty() {
        page.line(page.ink(Ink::Yellow, CONTRADICTED));
    }
}
