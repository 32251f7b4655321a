//! `waymark`: a device for people who work at a desk, and the demonstration. Exit codes: 0 all is
//! well, 1 a verdict failed or it could not be done, 2 wrong use.
//!
//! - [`args`]: the command line.
//! - [`verbs`]: what a device does, a file for each verb; [`desk`]: the device that it works on.
//! - [`talk`], [`waiting`]: how a verb speaks and asks, and what it shows meanwhile.
//! - [`demo`]: 34 weeks with a phone, a tablet, a second phone and a relay, and what is checked.
//! - [`show`]: the plan and the last week of a device.
//! - [`page`]: lines on standard output, with colour where that is wanted.
#![forbid(unsafe_code)]

mod args;
mod demo;
mod desk;
mod page;
mod show;
mod talk;
mod verbs;
mod waiting;

use std::env;
use std::process::ExitCode;

use clap::Parser;

use self::args::{Command, Demo, Show, Waymark};
use self::talk::Talk;

fn main() -> ExitCode {
    let waymark = match Waymark::try_parse() {
        Ok(waymark) => waymark,
        Err(error) => return misread(&error),
    };
    let talk = Talk::new(waymark.json);
    let done = match &waymark.command {
        Command::Accept(args) => verbs::accept::run(args, talk),
        Command::BeginAnew(args) => verbs::begin_anew::run(args, talk),
        Command::Close(args) => verbs::close::run(args, talk),
        Command::Demo(args) => return demonstrate(args, talk),
        Command::Devices(args) => verbs::devices::run(args, talk),
        Command::Evidence(args) => verbs::evidence::run(args, talk),
        Command::FollowRelay(args) => verbs::follow_relay::run(args, talk),
        Command::Goal(args) => verbs::goal::run(args, talk),
        Command::Progress(args) => verbs::progress::run(args, talk),
        Command::CheckIn(args) => verbs::check_in::run(args, talk),
        Command::Forget(args) => verbs::forget::run(args, talk),
        Command::Grant(args) => verbs::grant::run(args, talk),
        Command::Habit(args) => verbs::habit::run(args, talk),
        Command::Held(args) => verbs::held::run(args, talk),
        Command::Init(args) => verbs::init::run(args, talk),
        Command::Invite(args) => verbs::invite::run(args, talk),
        Command::Leave(args) => verbs::leave::run(args, talk),
        Command::Link(args) => verbs::link::run(args, talk),
        Command::Members(args) => verbs::members::run(args, talk),
        Command::OfferCopy(args) => verbs::offer_copy::run(args, talk),
        Command::Recover(args) => verbs::recover::run(args, talk),
        Command::Repair(args) => verbs::repair::run(args, talk),
        Command::Review(args) => verbs::review::run(args, talk),
        Command::Revoke(args) => verbs::revoke::run(args, talk),
        Command::Rotate(args) => verbs::rotate::run(args, talk),
        Command::SafetyNumber(args) => verbs::safety_number::run(args, talk),
        Command::Session(args) => verbs::session::run(args, talk),
        Command::Settings(args) => verbs::settings::run(args, talk),
        Command::Show(args) => return look(args, talk),
        Command::Status(args) => verbs::status::run(args, talk),
        Command::Sync(args) => verbs::sync::run(args, talk),
        Command::Checkpoint(args) => verbs::checkpoint::run(args, talk),
        Command::TakeOver(args) => verbs::take_over::run(args, talk),
        Command::UndoDevice(args) => verbs::undo_device::run(args, talk),
        Command::Win(args) => verbs::win::run(args, talk),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            talk.complain(error.code(), &error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Says what is wrong with a command line, or shows the help that was asked for.
fn misread(error: &clap::Error) -> ExitCode {
    // Where nobody reads any more, it is lost; the exit code still tells.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or("say what to do");
    // What could not be read does not say whether it is for programs.
    let json = env::args_os().any(|argument| argument == "--json");
    Talk::new(json).complain("wrong_use", &message);
    ExitCode::from(2)
}

fn demonstrate(args: &Demo, talk: Talk) -> ExitCode {
    match demo::run(args, talk) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => complain(talk, &error, error.is_wrong_use()),
    }
}

fn look(args: &Show, talk: Talk) -> ExitCode {
    match show::run(args, talk) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(talk, &error, error.is_wrong_use()),
    }
}

fn complain(talk: Talk, error: &impl std::fmt::Display, is_wrong_use: bool) -> ExitCode {
    match is_wrong_use {
        true => {
            talk.complain("wrong_use", error);
            ExitCode::from(2)
        }
        false => {
            talk.complain("failed", error);
            ExitCode::from(1)
        }
    }
}
