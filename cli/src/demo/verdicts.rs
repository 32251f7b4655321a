//! The verdicts: what must hold at the end, checked. One that fails makes the command fail.

use std::collections::BTreeMap;

use serde_json::json;
use waymark_core::client::{Client, PlanId, WaymarkError};
use waymark_core::model::{CheckInId, CheckInState, CheckInView};
use waymark_server::inspect;

use super::cast::{CLIENT, NEW_PHONE, PHONE, TABLET, THERAPIST};
use super::error::DemoError;
use super::folder;
use super::needles::Needles;
use super::operator::hex;
use super::story::{NOTE, NOTE_TITLE, RELAY, Story};
use super::tamper::Tampered;
use crate::page::{Ink, count, thousands};
use crate::talk::Talk;

/// What holds and what does not.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Vec<(bool, String)>);

impl Verdicts {
    /// Adds one.
    fn add(&mut self, holds: bool, text: String) {
        self.0.push((holds, text));
    }

    /// Whether all hold.
    pub(crate) fn all_hold(&self) -> bool {
        self.0.iter().all(|(holds, _)| *holds)
    }

    /// Shows them.
    pub(crate) fn show(&self, talk: Talk) {
        for (holds, text) in &self.0 {
            talk.tell("verdict", json!({ "holds": holds, "text": text }), |page| {
                let mark = match holds {
                    true => page.ink(Ink::Green, "holds "),
                    false => page.ink(Ink::Red, "FAILED"),
                };
                page.line(format_args!("  {mark}  {text}"));
            });
        }
    }
}

/// Checks everything at the end of the story.
///
/// # Errors
/// Where something cannot be read; a verdict that fails is no error.
pub(crate) fn check(story: &Story<'_>, tampered: &Tampered) -> Result<Verdicts, DemoError> {
    let mut verdicts = Verdicts::default();
    equal_state(story, &mut verdicts)?;
    every_check_in_once(story, &mut verdicts)?;
    judged_as_before(story, &mut verdicts)?;
    nothing_left_behind(story, &mut verdicts)?;
    unreachable(story, &mut verdicts);
    verdicts.add(tampered.was_refused(), tampered.to_string());
    nothing_readable(story, &mut verdicts)?;
    Ok(verdicts)
}

fn equal_state(story: &Story<'_>, verdicts: &mut Verdicts) -> Result<(), DemoError> {
    let devices = story.devices();
    let mut hashes = Vec::new();
    let mut notes = Vec::new();
    for device in &devices {
        hashes.push(device.client.projection_hash(story.plan)?);
        if let Some(text) = story.note {
            notes.push(device.client.texts().read(story.plan, text)?);
        }
    }
    let equal = hashes.windows(2).all(|pair| pair[0] == pair[1])
        && notes.windows(2).all(|pair| pair[0] == pair[1]);
    let hash = hashes
        .first()
        .map_or_else(String::new, |hash| hex(&hash[..8]));
    verdicts.add(
        equal && devices.len() == 3,
        format!(
            "{} devices show the same plan, log and notes (SHA-256 {hash}…)",
            devices.len()
        ),
    );
    Ok(())
}

fn every_check_in_once(story: &Story<'_>, verdicts: &mut Verdicts) -> Result<(), DemoError> {
    let wanted = story.diary.reports.len();
    let mut all = true;
    for device in story.devices() {
        all &= has_each_once(story, &shown(&device.client, story.plan)?);
    }
    verdicts.add(
        all,
        format!(
            "none of {} is missing or there twice, on any device",
            count(wanted, "check-in")
        ),
    );
    Ok(())
}

/// Compares what a device shows with the diary, entry by entry and by id.
fn has_each_once(story: &Story<'_>, shown: &[CheckInView]) -> bool {
    let reports = &story.diary.reports;
    let mut logged: Vec<CheckInId> = story.told.logged.clone();
    let mut ids: Vec<CheckInId> = shown.iter().map(|view| view.id).collect();
    logged.sort_unstable();
    ids.sort_unstable();
    let scales: BTreeMap<_, _> = story.measures.iter().zip(0..).collect();
    let same = |(view, report): (&CheckInView, &super::diary::Report)| {
        let mut ratings: Vec<(usize, i32)> = view
            .ratings
            .iter()
            .filter_map(|rating| Some((*scales.get(&rating.measure)?, rating.value)))
            .collect();
        ratings.sort_unstable();
        view.at == report.at
            && view.outcome == report.outcome
            && view.quantity == report.quantity.map(f64::from)
            && view.note == report.note
            && ratings == report.ratings
            && view.state == CheckInState::Counted
    };
    shown.len() == reports.len() && ids == logged && shown.iter().zip(reports).all(same)
}

/// Every check-in that a device shows, by instant.
fn shown(client: &Client, plan: PlanId) -> Result<Vec<CheckInView>, WaymarkError> {
    use chrono::Datelike;
    let mut all = Vec::new();
    for month in client.check_ins().months(plan)? {
        all.extend(
            client
                .check_ins()
                .in_month(plan, month.year(), month.month())?,
        );
    }
    all.sort_by_key(|view| (view.at, view.id));
    Ok(all)
}

fn judged_as_before(story: &Story<'_>, verdicts: &mut Verdicts) -> Result<(), DemoError> {
    let before = &story.told.judged;
    let (Some(first), Some(last)) = (before.first(), before.last()) else {
        return Ok(());
    };
    let mut same = true;
    for device in story.devices() {
        let check_ins = device.client.check_ins();
        same &= check_ins.days(story.plan, story.goal, first.date, last.date)? == *before;
    }
    let days = before.len();
    verdicts.add(
        same,
        format!("days 1–{days} are judged as they were before the change"),
    );
    Ok(())
}

fn nothing_left_behind(story: &Story<'_>, verdicts: &mut Verdicts) -> Result<(), DemoError> {
    let mut clean = true;
    for device in story.devices() {
        for space in device.client.status()? {
            let counts = [space.unsent, space.on_the_way, space.waiting, space.held];
            clean &= space.ready && space.problem.is_none() && counts == [0; 4];
        }
        clean &= device.client.goals().view(story.plan)?.left_out.is_empty();
    }
    verdicts.add(
        clean,
        "nothing waits to be sent, nothing is held back or left out".into(),
    );
    Ok(())
}

fn unreachable(story: &Story<'_>, verdicts: &mut Verdicts) {
    let tries = &story.told.unreachable;
    let holds = tries.iter().all(|tried| {
        tried.error == Some("offline")
            && tried.status.as_deref() == Some("offline")
            && usize::try_from(tried.waiting).is_ok_and(|waiting| waiting >= tried.logged)
    });
    let times = count(tries.len(), "time").replace("1 time", "once");
    verdicts.add(
        holds && !tries.is_empty(),
        format!("with the relay out of reach ({times}) local calls went on, the status said so"),
    );
}

fn nothing_readable(story: &Story<'_>, verdicts: &mut Verdicts) -> Result<(), DemoError> {
    let client = &story.phone.client;
    let records = client.export_records(story.plan)?;
    let too_many = |_| DemoError::Story("there is too much to look for");
    let needles = Needles::new(texts(story), &records).map_err(too_many)?;

    // What can be found at all: everything as a device shows it, unsealed.
    let mut dump = client.export_all()?.into_bytes();
    for member in client.people().members(story.plan)? {
        let names = [member.name, member.device_name];
        dump.extend(
            names
                .into_iter()
                .flatten()
                .flat_map(|name| format!("\n{name}").into_bytes()),
        );
    }
    if let Some(text) = story.note {
        dump.extend(client.texts().read(story.plan, text)?.into_bytes());
    }
    records.iter().for_each(|record| dump.extend(record));
    story.folder.write("unsealed/dump", &dump)?;

    let files = folder::contents(&story.folder.join(RELAY))?;
    let traffic = story.wire.traffic();
    let in_files = needles.found_in(files.iter().map(Vec::as_slice));
    let in_traffic = needles.found_in(traffic.iter().map(|stream| stream.bytes.as_slice()));
    let number = thousands(needles.count());
    verdicts.add(
        in_files == 0 && in_traffic == 0,
        format!(
            "of {number} texts, names and records, {in_files} stand in the relay's files and \
             {in_traffic} in the captured traffic"
        ),
    );
    let found = needles.found_in([dump.as_slice()]);
    verdicts.add(
        found == needles.count() && found > 0,
        format!(
            "the same search finds {} of {number} in an unsealed dump",
            thousands(found)
        ),
    );
    let sealed = inspect::entries(&story.folder.join(RELAY))?;
    let entries: Vec<Vec<u8>> = sealed.into_iter().map(|entry| entry.bytes).collect();
    let control = Needles::new([], &entries).map_err(too_many)?;
    let up = traffic
        .iter()
        .filter(|stream| stream.up)
        .map(|stream| stream.bytes.as_slice());
    let captured = control.found_in(up);
    verdicts.add(
        captured == control.count() && captured > 0,
        format!(
            "and {} of {} sealed entries in the captured traffic",
            thousands(captured),
            thousands(control.count())
        ),
    );
    Ok(())
}

/// Everything readable that people wrote or chose.
fn texts<'s>(story: &'s Story<'_>) -> Vec<&'s str> {
    let aim = &story.diary.aim;
    let mut texts = vec![
        CLIENT,
        THERAPIST,
        PHONE.name,
        TABLET.name,
        NEW_PHONE.name,
        aim.area,
        aim.counted,
        aim.rationale,
        aim.first.0,
        aim.later.0,
    ];
    if story.note.is_some() {
        texts.push(NOTE_TITLE);
        texts.extend(NOTE.map(str::trim));
    }
    texts.extend(story.diary.scales.iter().map(|scale| scale.label));
    texts.extend(
        story
            .diary
            .reports
            .iter()
            .filter_map(|report| report.note.as_deref()),
    );
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_verdict_fails_all() {
        let mut verdicts = Verdicts::default();
        verdicts.add(true, "well".into());
        assert!(verdicts.all_hold());
        verdicts.add(false, "not well".into());
        assert!(!verdicts.all_hold());
    }
}
