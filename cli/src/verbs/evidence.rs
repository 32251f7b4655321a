//! `evidence`: what proves that a relay told two stories, to show, hand on and check.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use waymark_core::client::ForkEvidence;
use waymark_wire::limits;

use crate::desk::{Desk, DeskError, Place};
use crate::page::Page;
use crate::talk::Talk;

/// Which evidence.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Evidence {
    #[command(flatten)]
    place: Place,

    /// Its number, as `evidence` shows it; without one, all of it is shown.
    #[arg(value_name = "N")]
    number: Option<usize>,

    /// Write it to FILE, which must not be there yet, for others to check.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check evidence with nothing but its file. Whether the key that signed is a certain relay's,
    /// that relay says.
    Verify(Verify),
}

/// What to check.
#[derive(Args, Debug)]
struct Verify {
    /// The file that `evidence --out` wrote.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Shows, writes or checks.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Evidence, talk: Talk) -> Result<(), DeskError> {
    if let Some(Command::Verify(verify)) = &args.command {
        return run_verify(&verify.file, talk);
    }
    let desk = Desk::open(&args.place, talk)?;
    let all = desk.client.sync().evidence()?;
    let chosen = (1..).zip(&all);
    let chosen = chosen.filter(|(number, _)| args.number.is_none_or(|wanted| wanted == *number));
    let chosen: Vec<(usize, &ForkEvidence)> = chosen.collect();
    if let (Some(number), true) = (args.number, chosen.is_empty()) {
        return Err(DeskError::Wrong(format!("no evidence is number {number}")));
    }
    if let Some(file) = &args.out {
        let [(number, evidence)] = chosen[..] else {
            let many = format!("say which: there are {} pieces of evidence", all.len());
            return Err(DeskError::Wrong(many));
        };
        write(file, &evidence.proof)?;
        let fields = json!({ "number": number, "file": file });
        talk.tell("evidence_written", fields, |page| {
            page.line(format_args!("{} proves it", file.display()));
        });
        return Ok(());
    }
    for (number, evidence) in &chosen {
        let mut fields = fields(evidence);
        fields["number"] = json!(number);
        talk.tell("evidence", fields, |page| {
            page.line(format_args!("{number}  {}", told(evidence)));
            details(page, evidence);
        });
    }
    if all.is_empty() {
        talk.note("no relay is known to have told two stories");
    }
    Ok(())
}

fn run_verify(file: &Path, talk: Talk) -> Result<(), DeskError> {
    let what = file.display().to_string();
    let mut bytes = Vec::new();
    // What is longer is none, however long it is.
    let most = u64::try_from(limits::EVIDENCE).unwrap_or(u64::MAX);
    File::open(file)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(DeskError::io(what))?;
    let evidence = ForkEvidence::check(&bytes)?;
    talk.tell("evidence_verified", fields(&evidence), |page| {
        page.line(format_args!("it is proven: {}", told(&evidence)));
        details(page, &evidence);
    });
    talk.note("Whose key that is, is not in the file: compare it with the relay's.");
    Ok(())
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), DeskError> {
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let written = opened.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(DeskError::io(file.display().to_string()))
}

fn fields(evidence: &ForkEvidence) -> Value {
    serde_json::to_value(evidence).unwrap_or_else(|_| json!({}))
}

fn told(evidence: &ForkEvidence) -> String {
    let relay = match &evidence.relay {
        Some(relay) => format!("the relay {relay}"),
        None => format!("the relay with the key {}", evidence.relay_key),
    };
    let of = match &evidence.plan {
        Some(plan) => format!("plan {plan}"),
        None => format!("the space {}", evidence.space),
    };
    format!("{relay} told two stories of {of}")
}

fn details(page: Page, evidence: &ForkEvidence) {
    if let Some(at) = evidence.noticed {
        page.line(format_args!(
            "   noticed {}",
            at.format("%Y-%m-%d %H:%M UTC")
        ));
    }
    let (seq, generation) = (evidence.seq, &evidence.generation);
    page.line(format_args!(
        "   at place {seq} of its generation {generation} it signed the chain"
    ));
    page.line(format_args!("     {}  and", evidence.one));
    page.line(format_args!("     {}", evidence.other));
}
