//! What an operator does beside serving.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use waymark_server::Stats;
use waymark_server::log::Flaw;

use crate::flags::{Database, Place, Retention, Serving};
use crate::{End, several};

/// What an operator does beside serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serve, as without a verb.
    Serve(Box<Serving>),
    /// Go on from a backup: after its files have been put back, and before the relay is started.
    ///
    /// Gives the relay's history another name. Devices then know that it was restored, bring back
    /// what the backup lacks, and do not take it for a relay that tells two stories.
    Restore(Place),
    /// Look whether everything that is kept is what the relay took; it may run meanwhile.
    ///
    /// Goes through every space: a log without holes, each entry once, as its member signed it, with
    /// the chain that its readers hold; log ends, memberships, keys and checkpoints that agree.
    /// Changes nothing. Each flaw is a line with the first digits of the space's id, and the last
    /// line counts. Exit code 0: all is well; 1: something is wrong; 2: it could not be looked at.
    Check(Place),
    /// Say how much is kept: spaces, entries, mailboxes, and the largest spaces; the relay may run
    /// meanwhile.
    ///
    /// A relay notes of no entry when it came, so how old they are it cannot say.
    Stats(Asked),
    /// Say what may go, or with --remove let go of it: mailboxes that have ended, entries that
    /// checkpoints let go of, and spaces that nobody has used for --space-days.
    ///
    /// A relay that runs does this by itself every hour. --remove needs a relay over a directory to be
    /// stopped; nodes over a database may run.
    Gc(Collecting),
    /// Copy a relay's directory into a new one, as of one moment; the relay may run and take entries
    /// meanwhile.
    ///
    /// The copy has the relay's key: keep it as safe as the relay. To go on from it, put it in the
    /// place of the relay's directory and run `restore`.
    Backup(Copying),
}

/// What goes.
#[derive(Args, Debug)]
pub(crate) struct Collecting {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    retention: Retention,

    /// Let go of it.
    #[arg(long)]
    remove: bool,
}

/// What is copied where.
#[derive(Args, Debug)]
pub(crate) struct Copying {
    #[command(flatten)]
    place: Place,

    /// Where the copy goes: a directory that is new or empty.
    #[arg(value_name = "DEST")]
    to: PathBuf,
}

/// How much is asked for, and how it is said.
#[derive(Args, Debug)]
pub(crate) struct Asked {
    #[command(flatten)]
    place: Place,

    /// Say it as one JSON object; times are milliseconds since the Unix epoch, or null.
    #[arg(long)]
    json: bool,
}

impl Verb {
    /// Where what it is about is.
    pub(crate) fn place_mut(&mut self) -> &mut Place {
        match self {
            Self::Serve(serving) => &mut serving.place,
            Self::Restore(place) | Self::Check(place) => place,
            Self::Stats(asked) => &mut asked.place,
            Self::Gc(collecting) => &mut collecting.place,
            Self::Backup(copying) => &mut copying.place,
        }
    }
}

pub(crate) fn run(verb: Verb) -> Result<ExitCode, End> {
    match verb {
        Verb::Serve(serving) => crate::run(*serving),
        Verb::Restore(place) => go_on_from(&place).map(|()| ExitCode::SUCCESS),
        Verb::Check(place) => check(&place),
        Verb::Stats(asked) => stats(&asked),
        Verb::Gc(collecting) => collect(&collecting).map(|()| ExitCode::SUCCESS),
        Verb::Backup(copying) => backup(&copying).map(|()| ExitCode::SUCCESS),
    }
}

/// Where a relay keeps what it keeps.
enum Kept<'a> {
    /// In this directory.
    In(&'a Path),
    /// In a database that several nodes share.
    Shared(&'a Database),
}

/// Where what a verb is about is kept. A node of several has a directory, too, for its key.
fn kept(place: &Place) -> Result<Kept<'_>, End> {
    match &place.data {
        _ if place.database.is_named() => Ok(Kept::Shared(&place.database)),
        Some(data) => Ok(Kept::In(data)),
        None => Err(End::WrongUse(
            "say where the relay's logs are: --data DIR or --store URL".into(),
        )),
    }
}

/// Has the relay go on from a backup, and says from where.
fn go_on_from(place: &Place) -> Result<(), End> {
    let restored = match kept(place)? {
        Kept::In(data) => {
            waymark_server::restore(data).map_err(|why| End::CannotRun(why.to_string()))?
        }
        Kept::Shared(database) => several::restore(database)?,
    };
    let (entries, spaces) = (restored.entries, restored.spaces);
    // It is done, also where nobody reads this.
    let _ = writeln!(
        io::stdout(),
        "restored; entries: {entries}, spaces: {spaces}, new generation: {}. Start the relay, and \
         devices bring back what they have beyond that.",
        restored.generation
    );
    Ok(())
}

/// Says what is wrong, and how much was looked at.
fn check(place: &Place) -> Result<ExitCode, End> {
    let mut out = io::stdout();
    let mut tell = |flaw: &Flaw| {
        // Where nobody reads this, the exit code still says it.
        let _ = writeln!(out, "{flaw}");
    };
    let checked = match kept(place)? {
        Kept::In(data) => {
            let checked = waymark_server::check(data, &mut tell);
            checked.map_err(|why| End::CannotLook(why.to_string()))?
        }
        Kept::Shared(database) => several::check(database, &mut tell)?,
    };
    let _ = writeln!(
        io::stdout(),
        "checked; entries: {}, spaces: {}, wrong: {}",
        checked.entries,
        checked.spaces,
        checked.flaws
    );
    Ok(ExitCode::from(u8::from(checked.flaws > 0)))
}

/// Copies a relay's directory.
fn backup(copying: &Copying) -> Result<(), End> {
    let Kept::In(data) = kept(&copying.place)? else {
        return Err(End::WrongUse(
            "PostgreSQL copies its databases itself: use pg_dump for one moment, or pg_basebackup \
             with archived journals for every moment; and copy relay.key from a node's directory"
                .into(),
        ));
    };
    let bytes = waymark_server::backup(data, &copying.to);
    let bytes = bytes.map_err(|why| End::CannotRun(why.to_string()))?;
    // It is done, also where nobody reads this.
    let _ = writeln!(
        io::stdout(),
        "copied; bytes of the database: {bytes}. It has the relay's key: keep it as safe as the relay."
    );
    Ok(())
}

/// Says what may go, or lets go of it and says what that was.
fn collect(collecting: &Collecting) -> Result<(), End> {
    let (days, kept) = (collecting.retention.days(), kept(&collecting.place)?);
    let what = if collecting.remove {
        let runtime = crate::runtime()?;
        let collected = match kept {
            Kept::In(data) => runtime.block_on(waymark_server::collect(data, days)),
            Kept::Shared(database) => several::collect(&runtime, database, days)?,
        };
        collected.map_err(|why| End::CannotRun(why.to_string()))?
    } else {
        match kept {
            Kept::In(data) => waymark_server::collectable(data, days),
            Kept::Shared(database) => several::collectable(database, days)?,
        }
        .map_err(|why| End::CannotRun(why.to_string()))?
    };
    let done = if collecting.remove { "gone" } else { "may go" };
    let mut said = format!(
        "{done}: ended mailboxes: {}, checkpoints with entries to drop: {}",
        what.mailboxes, what.checkpoints
    );
    if let Some(unused) = what.unused {
        said += &format!(
            ", unused spaces: {} of {} bytes",
            unused.spaces, unused.bytes
        );
        if unused.unknown > 0 {
            let unknown = unused.unknown;
            said += &format!("; {unknown} spaces stay, since it was not noted when they were used");
        }
    }
    // It is done, also where nobody reads this.
    let _ = writeln!(io::stdout(), "{said}");
    Ok(())
}

/// Says how much is kept.
fn stats(asked: &Asked) -> Result<ExitCode, End> {
    let stats = match kept(&asked.place)? {
        Kept::In(data) => {
            waymark_server::stats(data).map_err(|why| End::CannotRun(why.to_string()))?
        }
        Kept::Shared(database) => several::stats(database)?,
    };
    let said = if asked.json {
        json(&stats)
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        words(&stats, now)
    };
    write!(io::stdout(), "{said}")
        .map(|()| ExitCode::SUCCESS)
        .map_err(|why| End::CannotRun(format!("cannot say it: {why}")))
}

fn words(stats: &Stats, now: i64) -> String {
    let totals = &stats.totals;
    let mut said = format!(
        "spaces: {}\nentries: {}\nbytes of entries and keys: {}\nmailboxes: {}\n\
         bytes in mailboxes: {}\n",
        totals.spaces, totals.entries, totals.bytes, totals.mailboxes, totals.mail_bytes
    );
    if let Some(end) = totals.first_end {
        said += &format!("first mailbox ends: {}\n", moment(end, now));
    }
    if let Some(due) = totals.first_due {
        said += &format!("first entries may go: {}\n", moment(due, now));
    }
    if !stats.largest.is_empty() {
        said += "largest spaces:\n";
    }
    for size in &stats.largest {
        let (space, entries, bytes) = (&size.space, size.entries, size.bytes);
        said += &format!("  {space}  entries: {entries}, bytes: {bytes}\n");
    }
    said
}

/// How far a moment is from now, in whole hours.
fn moment(at: i64, now: i64) -> String {
    let hours = at.abs_diff(now) / (60 * 60 * 1_000);
    if at < now {
        format!("{hours} h ago")
    } else {
        format!("in {hours} h")
    }
}

/// Numbers and digits alone: nothing in it has to be escaped.
fn json(stats: &Stats) -> String {
    let time = |at: Option<i64>| at.map_or_else(|| "null".to_owned(), |at| at.to_string());
    let totals = &stats.totals;
    let largest: Vec<_> = stats
        .largest
        .iter()
        .map(|size| {
            let (space, entries, bytes) = (&size.space, size.entries, size.bytes);
            format!(r#"{{"space":"{space}","entries":{entries},"bytes":{bytes}}}"#)
        })
        .collect();
    format!(
        "{{\"spaces\":{},\"entries\":{},\"bytes\":{},\"mailboxes\":{},\"mail_bytes\":{},\
         \"first_end\":{},\"first_due\":{},\"largest\":[{}]}}\n",
        totals.spaces,
        totals.entries,
        totals.bytes,
        totals.mailboxes,
        totals.mail_bytes,
        time(totals.first_end),
        time(totals.first_due),
        largest.join(",")
    )
}
