//! `recover`: the 24 words that bring everything back.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use waymark_core::client::{KeyHolder, MemberView};
use zeroize::Zeroizing;

use super::init::{Names, relay};
use super::{carry_out, kept, not_done, people, status};
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
    /// Make 24 words and show them. They become good once it is said that they are on paper. Words that
    /// were made before have to be given, and end.
    New(New),
    /// Say that the words that `recover new` showed are on paper: they become good.
    Confirm(Confirm),
    /// Show the words once more that `recover new` made, as long as they are not good yet.
    Show(Asked),
    /// Give up the words that `recover new` made, as long as they are not good yet.
    Cancel(Asked),
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

    /// Do not ask whether they are on paper: they are kept from standard output.
    #[arg(long)]
    yes: bool,
}

/// Words that were made before.
#[derive(Args, Debug)]
struct Confirm {
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
        Command::Confirm(confirm) => run_confirm(confirm, talk),
        Command::Show(asked) => show_again(&Desk::open(&asked.place, talk)?),
        Command::Cancel(asked) => cancel(&Desk::open(&asked.place, talk)?),
        Command::Restore(restore) => run_restore(restore, talk),
        Command::Status(asked) => say(&Desk::open(&asked.place, talk)?),
    }
}

fn make(args: &New, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    let people = desk.client.people();
    if people.made_phrase()?.is_some() {
        talk.note("words were made already: `waymark recover show`, `confirm` or `cancel`");
    }
    let old = old_words(&desk, &args.words)?;
    let old = old.as_ref().map(|words| words.as_str());
    show(talk, &people.make_phrase(old)?);
    talk.note("Write them on paper and show them to nobody.");
    if let Err(error) = talk.consent(args.yes, "Are they on paper?") {
        talk.note("they are kept: `waymark recover show`, `confirm` or `cancel`");
        return Err(error);
    }
    confirm(&desk, old)
}

fn run_confirm(args: &Confirm, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    let old = old_words(&desk, &args.words)?;
    confirm(&desk, old.as_ref().map(|words| words.as_str()))
}

/// The words that are good now, which end with the new ones.
fn old_words(desk: &Desk, words: &Words) -> Result<Option<Zeroizing<String>>, DeskError> {
    let devices = desk.client.people().devices()?;
    let is_phrase = |device: &MemberView| device.holder == KeyHolder::Phrase;
    match devices.iter().any(is_phrase) {
        true => Ok(Some(words.read(desk.talk, "The words that you have")?)),
        false => Ok(None),
    }
}

fn confirm(desk: &Desk, old: Option<&str>) -> Result<(), DeskError> {
    desk.client.people().confirm_phrase(old)?;
    carry_out(desk)?;
    not_done::tell(desk)?;
    say(desk)
}

fn show(talk: Talk, words: &str) {
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
}

fn show_again(desk: &Desk) -> Result<(), DeskError> {
    let words = desk.client.people().made_phrase()?;
    let none = || DeskError::Wrong("no words are being made here".into());
    show(desk.talk, &words.ok_or_else(none)?);
    Ok(())
}

fn cancel(desk: &Desk) -> Result<(), DeskError> {
    desk.client.people().cancel_phrase()?;
    say(desk)
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
