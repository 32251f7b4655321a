//! `waymark`: the demonstration, and a look into a device's database. Exit codes: 0 all is well,
//! 1 a verdict failed or it could not be done, 2 wrong use.
//!
//! - [`args`]: the command line.
//! - [`demo`]: 34 weeks with a phone, a tablet, a second phone and a relay, and what is checked.
//! - [`show`]: the plan and the last week of a device.
//! - [`page`]: lines on standard output, with colour where that is wanted.
#![forbid(unsafe_code)]

mod args;
mod demo;
mod page;
mod show;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use self::args::{Command, Waymark};
use self::page::Page;

fn main() -> ExitCode {
    let page = Page::stdout();
    match Waymark::parse().command {
        Command::Demo(demo) => match demo::run(&demo, &page) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => complain(&error, if error.is_wrong_use() { 2 } else { 1 }),
        },
        Command::Show(show) => match show::run(&show, &page) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error, if error.is_wrong_use() { 2 } else { 1 }),
        },
    }
}

fn complain(error: &impl std::fmt::Display, code: u8) -> ExitCode {
    // Where standard error is closed too, the exit code has to do.
    let _ = writeln!(io::stderr(), "waymark: {error}");
    ExitCode::from(code)
}
