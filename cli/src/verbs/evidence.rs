//! `evidence`: what proves that a relay told two stories, or that a member's device wrote two changes
//! under one number, to show, hand on and check.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use waymark_core::client::{ForkEvidence, MemberEvidence, WaymarkError};
use waymark_core::equivocation;
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
    /// Check evidence with nothing but its file. Whose key it is that signed, a relay or a space's
    /// members say.
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
    let relays = desk.client.sync().evidence()?.into_iter();
    let members = desk.client.held().evidence()?.into_iter();
    let all = relays.map(Proof::Relay).chain(members.map(Proof::Member));
    let all: Vec<Proof> = all.collect();
    let chosen = (1..).zip(&all);
    let chosen = chosen.filter(|(number, _)| args.number.is_none_or(|wanted| wanted == *number));
    let chosen: Vec<(usize, &Proof)> = chosen.collect();
    if let (Some(number), true) = (args.number, chosen.is_empty()) {
        return Err(DeskError::Wrong(format!("no evidence is number {number}")));
    }
    if let Some(file) = &args.out {
        let [(number, evidence)] = chosen[..] else {
            let many = format!("say which: there are {} pieces of evidence", all.len());
            return Err(DeskError::Wrong(many));
        };
        write(file, evidence.bytes())?;
        if let Proof::Member(_) = evidence {
            talk.note("Whoever gets the file can read what stands in the two entries.");
        }
        let fields = json!({ "number": number, "file": file });
        talk.tell("evidence_written", fields, |page| {
            page.line(format_args!("{} proves it", file.display()));
        });
        return Ok(());
    }
    for (number, evidence) in &chosen {
        let mut fields = evidence.fields();
        fields["piece"] = json!(number);
        if let Proof::Relay(_) = evidence {
            fields["number"] = json!(number);
        }
        talk.tell(evidence.event(), fields, |page| {
            page.line(format_args!("{number}  {}", evidence.told()));
            evidence.details(page);
        });
    }
    if all.is_empty() {
        talk.note("no relay is known to have told two stories, and no device of a member's");
    }
    Ok(())
}

fn run_verify(file: &Path, talk: Talk) -> Result<(), DeskError> {
    let what = file.display().to_string();
    let mut bytes = Vec::new();
    // What is longer is none, however long it is.
    let most = limits::EVIDENCE.max(equivocation::LIMIT);
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    File::open(file)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(DeskError::io(what))?;
    let evidence = Proof::check(&bytes)?;
    talk.tell("evidence_verified", evidence.fields(), |page| {
        page.line(format_args!("it is proven: {}", evidence.told()));
        evidence.details(page);
    });
    talk.note(match evidence {
        Proof::Relay(_) => "Whose key that is, is not in the file: compare it with the relay's.",
        Proof::Member(_) => "Whose key that is, is not in the file: the members of the space know.",
    });
    Ok(())
}

/// What is proven.
enum Proof {
    /// That a relay told two stories.
    Relay(ForkEvidence),
    /// That a member's device wrote two changes under one number.
    Member(MemberEvidence),
}

impl Proof {
    /// Whichever of them the bytes are.
    fn check(bytes: &[u8]) -> Result<Self, WaymarkError> {
        match ForkEvidence::check(bytes) {
            Ok(relay) => Ok(Self::Relay(relay)),
            Err(no_relay) => match MemberEvidence::check(bytes) {
                Ok(member) => Ok(Self::Member(member)),
                Err(_) => Err(no_relay),
            },
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Relay(evidence) => &evidence.proof,
            Self::Member(evidence) => &evidence.proof,
        }
    }

    const fn event(&self) -> &'static str {
        match self {
            Self::Relay(_) => "evidence",
            Self::Member(_) => "member_evidence",
        }
    }

    fn fields(&self) -> Value {
        let fields = match self {
            Self::Relay(evidence) => serde_json::to_value(evidence),
            Self::Member(evidence) => serde_json::to_value(evidence),
        };
        fields.unwrap_or_else(|_| json!({}))
    }

    fn told(&self) -> String {
        match self {
            Self::Relay(evidence) => told(evidence),
            Self::Member(evidence) => told_of_member(evidence),
        }
    }

    fn details(&self, page: Page) {
        match self {
            Self::Relay(evidence) => details(page, evidence),
            Self::Member(evidence) => {
                page.line("   it signed both of the entries");
                page.line(format_args!("     {}  and", evidence.one));
                page.line(format_args!("     {}", evidence.other));
            }
        }
    }
}

fn told_of_member(evidence: &MemberEvidence) -> String {
    let who = match (&evidence.name, &evidence.device_name) {
        (Some(name), Some(device)) => format!("{name} ({device})"),
        _ => format!("the device with the key {}", evidence.signer_key),
    };
    let of = match &evidence.plan {
        Some(plan) => format!("plan {plan}"),
        None => format!("the space {}", evidence.space),
    };
    let change = evidence.change;
    format!("{who} wrote two changes under the number {change} in {of}")
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), DeskError> {
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let written = opened.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(DeskError::io(file.display().to_string()))
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
