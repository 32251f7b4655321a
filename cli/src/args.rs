//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Days of the story where nothing else is said: 34 weeks.
pub(crate) const DAYS: u32 = 238;

/// Waymark on a desk: see what it does, and look into a device's database.
#[derive(Debug, Parser)]
#[command(name = "waymark", version, arg_required_else_help = true)]
pub(crate) struct Waymark {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play 34 weeks with a phone that is often offline, a therapist's tablet, a second phone and a
    /// relay, show what each of them sees, and check that nothing was lost or readable.
    ///
    /// Exit codes: 0 every verdict holds, 1 a verdict failed or the story could not be played to
    /// its end, 2 wrong use.
    Demo(Demo),
    /// Show the plan and the last week of a device's database, for instance of a phone that
    /// `demo --keep` left behind. Nothing is written into the plan.
    Show(Show),
}

/// How the demonstration goes.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Replay a recorded diary instead of making one up: a CSV file with the columns `date`,
    /// `resptime_s` and 26 ratings `mood_*`, `pat_*`, `se_*`, `phy_*`, in local times of
    /// Europe/Amsterdam.
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) check_ins: Option<PathBuf>,

    /// What everything random follows from: the diary, when the phone is online, and every key.
    #[arg(long, value_name = "N", default_value_t = 34)]
    pub(crate) seed: u64,

    /// Keep the relay's and the devices' directories and the captured traffic in DIR, which is made
    /// or must be empty.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,

    /// How many days the made-up diary has.
    #[arg(long, value_name = "N", default_value_t = DAYS, hide = true,
          conflicts_with = "check_ins", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) days: u32,

    /// Spoil something on purpose, to see the verdict fail.
    #[arg(long, value_name = "WHAT", hide = true)]
    pub(crate) spoil: Option<Spoil>,
}

/// What to spoil.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Spoil {
    /// A check-in is logged once more than the diary has it.
    Doubled,
    /// A note stands readable in the relay's directory.
    Leak,
    /// A check-in of the diary is not logged.
    Missing,
}

/// Which device to show.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// Directory of the device.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,

    /// File with the device's storage key: 64 hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// A mistake in the flags would otherwise show only to whoever uses that flag.
    #[test]
    fn the_flags_fit_together_and_each_has_its_help() {
        let mut command = Waymark::command();
        command.build();
        command.clone().debug_assert();
        for sub in command
            .get_subcommands()
            .filter(|sub| sub.get_name() != "help")
        {
            assert!(sub.get_about().is_some(), "{}", sub.get_name());
            for flag in sub.get_arguments() {
                assert!(flag.get_help().is_some(), "{}", flag.get_id());
            }
        }
    }
}
