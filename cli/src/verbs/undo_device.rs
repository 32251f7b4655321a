//! `undo-device`: undoes what one device wrote in a plan, or lets it count again.

use chrono::NaiveDate;
use clap::Args;
use serde_json::{Value, json};
use waymark_core::client::{MemberView, PlanId, UndoneDevice};

use super::at::At;
use super::carry_out;
use crate::desk::{Desk, DeskError};
use crate::page::{Ink, Page, count};
use crate::talk::Talk;

/// Which device, and since when.
#[derive(Args, Debug)]
pub(crate) struct UndoDevice {
    /// The device: its number, as `members` shows it, also where it is none any more, or its name,
    /// or its person's. Without one, what is undone is shown.
    #[arg(value_name = "DEVICE")]
    device: Option<String>,

    /// Undo what it wrote since this day, by its own word; else everything. What it writes from now
    /// on is undone too.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "device")]
    since: Option<NaiveDate>,

    /// Let count again what was undone.
    #[arg(long, requires = "device", conflicts_with = "since")]
    take_back: bool,

    /// Do not ask.
    #[arg(long, requires = "device")]
    yes: bool,

    #[command(flatten)]
    at: At,
}

/// Undoes, takes that back, or shows what is undone.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &UndoDevice, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let Some(device) = &args.device else {
        return list(&desk, plan);
    };
    let members = desk.client.people().members(plan)?;
    let number = numbered(&members, device)?;
    match args.take_back {
        true => take_back(&desk, plan, number, args.yes),
        false => undo(&desk, plan, number, args),
    }
}

fn undo(desk: &Desk, plan: PlanId, number: u16, args: &UndoDevice) -> Result<(), DeskError> {
    let since = args.since.map(|since| format!(" since {since}"));
    let since = since.unwrap_or_default();
    desk.talk.note(
        "What is undone stays in the plan and is not shown; --take-back brings all of it back.\n\
         It is still a member: to end that as well, `waymark revoke` or `waymark devices remove N`.",
    );
    let question = format!("Undo everything that device {number} wrote{since}?");
    desk.talk.consent(args.yes, &question)?;
    let people = desk.client.people();
    let undone = people.undo_device(plan, number, args.since)?;
    desk.talk.tell("undone", fields(&undone, plan), |page| {
        let records = usize::try_from(undone.records).unwrap_or(usize::MAX);
        let records = count(records, "record");
        page.line(format_args!("{}: {records} undone", told(page, &undone)));
    });
    carry_out(desk)
}

fn take_back(desk: &Desk, plan: PlanId, number: u16, is_said: bool) -> Result<(), DeskError> {
    let question = format!("Let everything count again that device {number} wrote?");
    desk.talk.consent(is_said, &question)?;
    desk.client.people().redo_device(plan, number)?;
    let fields = json!({ "plan": plan, "number": number });
    desk.talk.tell("redone", fields, |page| {
        page.line(format_args!("what device {number} wrote counts again"));
    });
    carry_out(desk)
}

fn list(desk: &Desk, plan: PlanId) -> Result<(), DeskError> {
    let undone = desk.client.people().undone_devices(plan)?;
    for undone in &undone {
        let fields = fields(undone, plan);
        desk.talk.tell("undone_device", fields, |page| {
            let by = undone.undone_by.as_deref().unwrap_or("(not told yet)");
            let on = undone.at.format("%Y-%m-%d");
            let why = page.ink(Ink::Dim, format!("by {by} on {on}"));
            page.line(format_args!(
                "{}: {} {why}",
                told(page, undone),
                count(
                    usize::try_from(undone.records).unwrap_or(usize::MAX),
                    "record"
                ),
            ));
        });
    }
    if undone.is_empty() {
        desk.talk.note("nothing is undone in this plan");
    }
    Ok(())
}

/// The number of the device that is meant.
fn numbered(members: &[MemberView], meant: &str) -> Result<u16, DeskError> {
    if let Ok(number) = meant.parse() {
        return Ok(number);
    }
    let is = |name: &Option<String>| {
        let name = name.as_deref().unwrap_or_default();
        name.to_lowercase() == meant.to_lowercase()
    };
    let by_device = members.iter().filter(|member| is(&member.device_name));
    let by_person = members.iter().filter(|member| is(&member.name));
    let mut found: Vec<u16> = by_device.map(|member| member.number).collect();
    if found.is_empty() {
        found = by_person.map(|member| member.number).collect();
    }
    match found[..] {
        [number] => Ok(number),
        [] => Err(DeskError::Wrong(format!("no device here is \"{meant}\""))),
        _ => Err(DeskError::Wrong(format!(
            "more than one device is \"{meant}\": say the number that `waymark members` shows"
        ))),
    }
}

fn told(page: Page, undone: &UndoneDevice) -> String {
    let name = undone.name.as_deref().unwrap_or("(not told yet)");
    let device = undone.device_name.as_deref().unwrap_or("(not told yet)");
    let since = undone.since.map(|since| format!(", since {since}"));
    let number = page.ink(Ink::Bold, undone.number.to_string());
    format!("{number}  {name}: {device}{}", since.unwrap_or_default())
}

fn fields(undone: &UndoneDevice, plan: PlanId) -> Value {
    // It holds texts, numbers and dates only, which JSON has.
    let mut fields = serde_json::to_value(undone).unwrap_or_else(|_| json!({}));
    fields["plan"] = json!(plan);
    fields
}

#[cfg(test)]
mod tests {
    use waymark_core::client::KeyHolder;
    use waymark_core::model::PersonTag;

    use super::*;

    fn member(number: u16, name: &str, device: &str) -> MemberView {
        MemberView {
            name: Some(name.into()),
            role: None,
            device_name: Some(device.into()),
            rights: "write".into(),
            this_device: false,
            number,
            person: PersonTag([7; 16]),
            holder: KeyHolder::Device,
            since: None,
            last_heard: None,
            last_heard_seq: None,
        }
    }

    /// What another device wrote must not be undone for one of the same name.
    #[test]
    fn a_device_is_only_found_where_no_other_can_be_meant() {
        let members = [
            member(0, "Kim", "phone"),
            member(1, "Ada", "tablet"),
            member(2, "Kim", "tablet"),
            member(3, "Bob", "desk"),
        ];
        let found = |meant| numbered(&members, meant).ok();
        assert_eq!(found("Phone"), Some(0));
        assert_eq!(found("ada"), Some(1));
        assert_eq!(found("2"), Some(2));
        assert_eq!(found("17"), Some(17), "one that is gone");
        for nobody in ["tablet", "Kim", "Eve", "", "-1"] {
            assert_eq!(found(nobody), None, "{nobody}");
        }
    }
}
