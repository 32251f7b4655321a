//! What an operator does beside serving.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
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

pub(crate) fn run(verb: &Verb) -> Result<ExitCode, End> {
    match verb {
        Verb::Restore(restore) => go_on_from(restore).map(|()| ExitCode::SUCCESS),
        Verb::Check(kept) => check(kept),
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
