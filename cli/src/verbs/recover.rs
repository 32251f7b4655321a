//! `recover`: the 24 words that bring everything back.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use waymark_core::client::{KeyHolder, RecoveryState};
use zeroize::Zeroizing;

use super::init::{Names, relay};
use super::{carry_out, kept, people, status};
use crate::desk::{Desk, DeskError, Place, Settings, spaces};
use crate::page::count;
use crate::talk::Talk;

/// What about the words.
#[derive(Args, Debug)]
pub(crate) struct Recover {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make 24 words and show them, this once. Words that were made before have to be given, and end.
    New(New),
    /// Bring everything back on a device that has nothing, with the words alone.
    Restore(Restore),
    /// Say whether the words would suffice now.
    Status(Asked),
}

/// Where the words come from.
#[derive(Args, Debug)]
struct Words {
    /// File with the words, instead of typing them.
    #[arg(long, value_name = "FILE")]
    words_file: Option<PathBuf>,
}

/// Words anew.
#[derive(Args, Debug)]
struct New {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    words: Words,
}

/// A new device.
#[derive(Args, Debug)]
struct Restore {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    words: Words,

    #[command(flatten)]
    names: Names,

    /// The address of the relay that home is on.
    #[arg(long, value_name = "URL")]
    relay: Option<String>,
}

/// Of which device.
#[derive(Args, Debug)]
struct Asked {
    #[command(flatten)]
    place: Place,
}

impl Words {
    fn read(&self, talk: Talk, question: &str) -> Result<Zeroizing<String>, DeskError> {
        let Some(path) = &self.words_file else {
            return talk.ask_hidden(question);
        };
        let words = fs::read_to_string(path).map(Zeroizing::new);
        words.map_err(|error| DeskError::Wrong(format!("{}: {error}", path.display())))
    }
}

/// Does it.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Recover, talk: Talk) -> Result<(), DeskError> {
    match &args.command {
        Command::New(new) => make(new, talk),
        Command::Restore(restore) => run_restore(restore, talk),
        Command::Status(asked) => say(&Desk::open(&asked.place, talk)?),
    }
}

fn make(args: &New, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    let people = desk.client.people();
    let has_words = people.recovery()? != RecoveryState::None;
    let old = match has_words {
        true => Some(args.words.read(talk, "The words that you have")?),
        false => None,
    };
    let words = people.make_phrase(old.as_ref().map(|words| words.as_str()))?;
    let list: Vec<&str> = words.split(' ').collect();
    talk.tell("phrase", json!({ "words": list }), |page| {
        for (row, words) in list.chunks(4).enumerate() {
            let words: String = (row * 4 + 1..)
                .zip(words)
                .map(|(place, word)| format!("{place:>4} {word:<9}"))
                .collect();
            page.line(words.trim_end());
        }
    });
    talk.note("Write them on paper and show them to nobody. They are not shown again.");
    carry_out(&desk)?;
    say(&desk)
}

fn say(desk: &Desk) -> Result<(), DeskError> {
    let state = desk.client.people().recovery()?;
    desk.talk
        .tell("recovery", json!({ "state": state }), |page| {
            page.line(status::told(state));
        });
    Ok(())
}

fn run_restore(args: &Restore, talk: Talk) -> Result<(), DeskError> {
    let (name, device_name) = args.names.given(talk)?;
    let settings = Settings::new(&relay(talk, args.relay.as_deref())?);
    let words = args.words.read(talk, "The 24 words")?;
    let desk = Desk::make(&args.place, talk, settings)?;
    if let Err(error) = desk.client.people().restore(&words, &name, &device_name) {
        desk.unmake();
        return Err(error.into());
    }
    let synced = desk.sync();
    let devices = desk.client.people().devices().unwrap_or_default();
    if let Err(error) = synced {
        if !devices.is_empty() {
            return Err(kept(&desk, error));
        }
        // A relay does not say whether it knows the words, so the next try begins afresh.
        talk.note("these words lead to nothing at this relay, or it cannot be reached");
        desk.unmake();
        return Err(error.into());
    }
    let plans = spaces(&desk.client);
    let ids: Vec<_> = plans.iter().map(|(_, id)| id).collect();
    let fields = json!({ "directory": args.place.directory(), "plans": ids });
    talk.tell("restored", fields, |page| {
        page.line(format_args!("back: {}", count(ids.len(), "space")));
    });
    let others = devices
        .iter()
        .filter(|device| device.holder == KeyHolder::Device && !device.this_device);
    for device in others {
        talk.tell("device", people::fields(device), |page| {
            page.line(people::line(page, device));
        });
    }
    talk.note("Is one of these devices lost? Remove it: `waymark devices remove N`.");
    Ok(())
}
