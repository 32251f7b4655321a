//! The demonstration: 34 weeks in seconds, with real devices, a real relay and real HTTP.
//!
//! - [`diary`]: what a client lives through; made up by [`generator`] or read by [`recorded`].
//! - [`calendar`]: when the phone is online, and on which days people agree on something.
//! - [`cast`], [`relay`], [`proxy`], [`clock`], [`folder`]: the devices, the relay, the wire between
//!   them that keeps every byte, their clock, and where their files are.
//! - [`story`]: what happens day by day; [`tamper`]: a relay that alters an entry.
//! - [`strip`], [`week`], [`operator`], [`table`]: what is shown of it ([`naive`] is what the
//!   numbers are compared with).
//! - [`verdicts`]: what must hold in the end; [`needles`]: that nothing can be read on the way.

mod calendar;
mod cast;
mod clock;
mod diary;
mod dice;
mod error;
mod folder;
mod generator;
mod naive;
mod needles;
mod operator;
mod proxy;
mod recorded;
mod relay;
mod story;
mod strip;
mod table;
mod tamper;
mod verdicts;
mod vocabulary;
pub(crate) mod week;

use std::path::Path;
use std::time::Instant;

use chrono::Datelike;
use indicatif::{ProgressBar, ProgressStyle};

use self::cast::{NEW_PHONE, PHONE, Part, TABLET};
use self::diary::Diary;
pub(crate) use self::error::DemoError;
use self::folder::Folder;
use self::story::{RELAY, Story};
use self::week::Shown;
use crate::args::{Demo, Spoil};
use crate::page::{Ink, Page, count, duration};
use crate::talk::Talk;

/// Tells the story. Says whether every verdict holds.
///
/// # Errors
/// [`DemoError`]; nothing has been done where it [is wrong use](DemoError::is_wrong_use).
pub(crate) fn run(args: &Demo, talk: Talk) -> Result<bool, DemoError> {
    let page = talk.story();
    let diary = match &args.check_ins {
        Some(file) => recorded::read(file)?,
        None => generator::generate(args.seed, args.days),
    };
    let folder = Folder::new(args.keep.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(DemoError::io("starting"))?;
    let holds = runtime.block_on(tell(args, talk, &diary, &folder))?;
    if let Some(kept) = &args.keep {
        next_commands(page, kept);
    }
    Ok(holds)
}

async fn tell(args: &Demo, talk: Talk, diary: &Diary, folder: &Folder) -> Result<bool, DemoError> {
    let page = talk.story();
    let started = Instant::now();
    introduce(page, args, diary);
    let mut story = Story::begin(diary, folder, args.seed, args.spoil).await?;
    let bar = progress(page, diary.days);
    for day in 1..=diary.days {
        story.play(day).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let batches = story.batches()?;
    let tampered = tamper::tamper(&mut story).await?;
    story.settle().await?;
    if args.spoil == Some(Spoil::Leak) {
        let leak = diary.reports.iter().find_map(|report| report.note.clone());
        let leak = leak.unwrap_or_else(|| diary.aim.first.0.to_owned());
        folder.write(&format!("{RELAY}/leak"), leak.as_bytes())?;
    }

    page.heading("When the phone was online");
    strip::strip(diary, &story.network)
        .iter()
        .for_each(|line| page.line(format_args!("  {line}")));
    page.heading("What happened");
    for (day, line) in &story.told.lines {
        page.line(format_args!("  day {day:>3}: {line}"));
    }
    show_week(page, &story)?;
    page.heading("What the relay's operator sees");
    let last = diary.date(diary.days).format("%-d %B %Y");
    operator::show(
        page,
        &tampered,
        &format!("day {}, {last}, 23:30", diary.days),
    );
    page.heading("One byte flipped at the relay");
    let refusal = tampered
        .refusal
        .as_ref()
        .map_or("nothing".into(), ToString::to_string);
    page.line(format_args!(
        "  {} says: {}",
        TABLET.name,
        page.ink(Ink::Yellow, refusal)
    ));
    page.line(format_args!(
        "  {} is {}",
        tampered.header.device, tampered.signer
    ));
    page.heading("What it costs");
    table::show(page, &story, &batches)?;
    page.heading("Verdicts");
    let verdicts = verdicts::check(&story, &tampered)?;
    verdicts.show(talk);
    keep(args, &story)?;
    page.line(format_args!(
        "\n  {} in {}",
        count_days(diary),
        duration(started.elapsed())
    ));
    Ok(verdicts.all_hold())
}

fn introduce(page: Page, args: &Demo, diary: &Diary) {
    let source = match &args.check_ins {
        Some(file) => format!("recorded in {}", file.display()),
        None => format!("made up from seed {}", args.seed),
    };
    page.line(page.ink(
        Ink::Bold,
        "Waymark: what is logged offline arrives, and the relay reads none of it",
    ));
    page.line(format_args!(
        "{}, {} with {} each, {source}; a phone, a tablet, a relay, HTTP on loopback",
        count_days(diary),
        count(diary.reports.len(), "check-in"),
        count(diary.scales.len(), "rating"),
    ));
}

fn count_days(diary: &Diary) -> String {
    count(usize::try_from(diary.days).unwrap_or(usize::MAX), "day")
}

fn progress(page: Page, days: u32) -> ProgressBar {
    if !page.is_watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(days.into());
    let style = ProgressStyle::with_template("  day {pos:>3} of {len} {wide_bar} {elapsed}");
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

/// The week in which the change came into force, on the phone and on the tablet.
fn show_week(page: Page, story: &Story<'_>) -> Result<(), DemoError> {
    let accepted = story.diary.date(story.calendar.accepted);
    let monday = accepted.week(chrono::Weekday::Mon).first_day();
    let labels = story
        .diary
        .scales
        .iter()
        .map(|scale| scale.label.to_owned());
    let shown = Shown {
        plan: story.plan,
        goal: story.goal,
        revisions: story.revisions.clone(),
        measures: story.measures.iter().copied().zip(labels).take(2).collect(),
    };
    let left = week::week(&story.phone.client, &shown, monday)?;
    let right = week::week(&story.tablet.client, &shown, monday)?;
    page.heading(&format!(
        "The week of {} {}, as both show it",
        monday.format("%-d %B"),
        monday.year()
    ));
    for line in week::side_by_side([PHONE.name, TABLET.name], &left, &right) {
        page.line(format_args!("  {line}"));
    }
    Ok(())
}

/// Writes down what helps to look into a directory that is kept.
fn keep(args: &Demo, story: &Story<'_>) -> Result<(), DemoError> {
    if args.keep.is_none() {
        return Ok(());
    }
    for (index, stream) in story.wire.traffic().iter().enumerate() {
        let way = if stream.up { "to-relay" } else { "from-relay" };
        story
            .folder
            .write(&format!("traffic/{:04}-{way}", index / 2), &stream.bytes)?;
    }
    let mut keys = String::new();
    for part in [PHONE, TABLET, NEW_PHONE] {
        let key = operator::hex(&part.storage_key(args.seed));
        story.folder.write(&key_file(part), key.as_bytes())?;
        keys += &format!("    {:<10} {key}\n", part.directory);
    }
    let readme = format!(
        "What `waymark demo` left behind (seed {}).\n\n\
         relay/          the relay's directory, for `waymark-server --data`\n\
         relay-altered/  a copy of it in which one byte of one entry was flipped\n\
         phone/ tablet/ new-phone/   the devices' databases, sealed\n\
         keys/           their storage keys, for `waymark show --key-file`\n\
         traffic/        every byte between the devices and the relay, by connection\n\
         unsealed/dump   the plan as anybody with a key reads it: what the search is checked with\n\n\
         The storage keys follow from the seed, which no real device's key ever would:\n\n{keys}",
        args.seed
    );
    story.folder.write("README", readme.as_bytes())
}

fn key_file(part: Part) -> String {
    format!("keys/{}", part.directory)
}

fn next_commands(page: Page, kept: &Path) {
    // Whoever came by cargo has no binaries on the path.
    let by_cargo = std::env::var_os("CARGO").is_some();
    let command = |name: &str| match by_cargo {
        true => format!("cargo run --release -p {name} --"),
        false => name.to_owned(),
    };
    let dir = kept.display();
    page.heading("To try next");
    page.line(format_args!(
        "  {} --data {dir}/{RELAY}",
        command("waymark-server")
    ));
    page.line(format_args!(
        "  {} show --data {dir}/{} --key-file {dir}/{}",
        command("waymark"),
        PHONE.directory,
        key_file(PHONE)
    ));
}
