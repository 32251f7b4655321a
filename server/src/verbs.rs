//! What an operator does beside serving.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{ArgGroup, Args, Subcommand};
use waymark_server::Stats;
use waymark_server::log::Flaw;

use crate::{End, several};

/// What an operator does beside serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Go on from a backup: after its files have been put back, and before the relay is started.
    ///
    /// Gives the relay's history another name. Devices then know that it was restored, bring back
    /// what the backup lacks, and do not take it for a relay that tells two stories.
    Restore(Restore),
    /// Look whether everything that is kept is what the relay took; it may run meanwhile.
    ///
    /// Goes through every space: a log without holes, each entry once, as its member signed it, with
    /// the chain that its readers hold; log ends, memberships, keys and checkpoints that agree.
    /// Changes nothing. Each flaw is a line with the first digits of the space's id, and the last
    /// line counts. Exit code 0: all is well; 1: something is wrong; 2: it could not be looked at.
    Check(Kept),
    /// Say how much is kept: spaces, entries, mailboxes, and the largest spaces; the relay may run
    /// meanwhile.
    ///
    /// A relay notes of no entry when it came, so how old they are it cannot say.
    Stats(Asked),
    /// Copy a relay's directory into a new one, as of one moment; the relay may run and take entries
    /// meanwhile.
    ///
    /// The copy has the relay's key: keep it as safe as the relay. To go on from it, put it in the
    /// place of the relay's directory and run `restore`.
    Backup(Copying),
}

/// Where the backup is.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Restore {
    /// The relay's directory, with the backup's `relay.db`, `relay.key` and `relay.secret`, and
    /// nothing else of what was there before.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The PostgreSQL database that the backup was put back into. No node may run.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

/// Where what is kept is.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Kept {
    /// The relay's directory.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The PostgreSQL database of a relay of several nodes.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

/// What is copied where.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("kept").required(true))]
pub(crate) struct Copying {
    /// The relay's directory.
    #[arg(long, value_name = "DIR", group = "kept")]
    data: Option<PathBuf>,

    /// Databases of several nodes are copied by PostgreSQL's own tools, which this names.
    #[arg(long, value_name = "URL", group = "kept")]
    store: Option<String>,

    /// Where the copy goes: a directory that is new or empty.
    #[arg(value_name = "DEST")]
    to: PathBuf,
}

/// How much is asked for, and how it is said.
#[derive(Args, Debug)]
pub(crate) struct Asked {
    #[command(flatten)]
    kept: Kept,

    /// Say it as one JSON object; times are milliseconds since the Unix epoch, or null.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(verb: &Verb) -> Result<ExitCode, End> {
    match verb {
        Verb::Restore(restore) => go_on_from(restore).map(|()| ExitCode::SUCCESS),
        Verb::Check(kept) => check(kept),
        Verb::Stats(asked) => stats(asked),
        Verb::Backup(copying) => backup(copying).map(|()| ExitCode::SUCCESS),
    }
}

/// Has the relay go on from a backup, and says from where.
fn go_on_from(backup: &Restore) -> Result<(), End> {
    let restored = match (&backup.store, &backup.data) {
        (Some(store), _) => several::restore(store)?,
        (None, data) => {
            let data = data.as_deref().unwrap_or(Path::new(""));
            waymark_server::restore(data).map_err(|why| End::CannotRun(why.to_string()))?
        }
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
fn check(kept: &Kept) -> Result<ExitCode, End> {
    let mut out = io::stdout();
    let mut tell = |flaw: &Flaw| {
        // Where nobody reads this, the exit code still says it.
        let _ = writeln!(out, "{flaw}");
    };
    let checked = match (&kept.store, &kept.data) {
        (Some(store), _) => several::check(store, &mut tell)?,
        (None, data) => {
            let data = data.as_deref().unwrap_or(Path::new(""));
            let checked = waymark_server::check(data, &mut tell);
            checked.map_err(|why| End::CannotLook(why.to_string()))?
        }
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
    let Some(data) = &copying.data else {
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

/// Says how much is kept.
fn stats(asked: &Asked) -> Result<ExitCode, End> {
    let stats = match (&asked.kept.store, &asked.kept.data) {
        (Some(store), _) => several::stats(store)?,
        (None, data) => {
            let data = data.as_deref().unwrap_or(Path::new(""));
            waymark_server::stats(data).map_err(|why| End::CannotRun(why.to_string()))?
        }
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
