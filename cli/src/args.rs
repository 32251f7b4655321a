//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::verbs::accept::Accept;
use crate::verbs::begin_anew::BeginAnew;
use crate::verbs::check_in::CheckIn;
use crate::verbs::checkpoint::Checkpoint;
use crate::verbs::close::Close;
use crate::verbs::devices::Devices;
use crate::verbs::evidence::Evidence;
use crate::verbs::follow_relay::FollowRelay;
use crate::verbs::forget::Forget;
use crate::verbs::goal::Goal;
use crate::verbs::grant::Grant;
use crate::verbs::habit::Habit;
use crate::verbs::held::Held;
use crate::verbs::init::Init;
use crate::verbs::invite::Invite;
use crate::verbs::leave::Leave;
use crate::verbs::link::Link;
use crate::verbs::members::Members;
use crate::verbs::offer_copy::OfferCopy;
use crate::verbs::progress::Progress;
use crate::verbs::recover::Recover;
use crate::verbs::repair::Repair;
use crate::verbs::review::Review;
use crate::verbs::revoke::Revoke;
use crate::verbs::rotate::Rotate;
use crate::verbs::safety_number::SafetyNumber;
use crate::verbs::session::Session;
use crate::verbs::settings::Settings;
use crate::verbs::status::Status;
use crate::verbs::sync::Sync;
use crate::verbs::take_over::TakeOver;
use crate::verbs::undo_device::UndoDevice;
use crate::verbs::win::Win;

/// Days of the story where nothing else is said: 34 weeks.
pub(crate) const DAYS: u32 = 238;

/// Waymark on a desk: a device with a plan, or for other people's plans, and the demonstration.
///
/// Exit codes: 0 done, 1 failed, 2 wrong use. Colour is left out where NO_COLOR is set.
#[derive(Debug, Parser)]
#[command(name = "waymark", version, arg_required_else_help = true)]
pub(crate) struct Waymark {
    /// Print one JSON object per line, each with the field `event`; what is for people goes to
    /// standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Begin as a new person with this device, and create a plan.
    Init(Init),
    /// Invite somebody: prints a link and a short code, waits for the other side, and has both
    /// compare six digits.
    Invite(Invite),
    /// Follow somebody's invitation; the link is asked for, since it is a secret.
    Accept(Accept),
    /// Add a further device of one's own; `--join` on the new one.
    Link(Link),
    /// Show this person's devices, or remove one.
    Devices(Devices),
    /// Show what proves that a relay told two stories, or a member's device wrote two changes under
    /// one number, write it to a file, or check such a file.
    Evidence(Evidence),
    /// Show the goals of a plan, create one, propose another wording, agree, decline, say where one
    /// stands, put them in order, choose what comes first, or ask what is open about one.
    Goal(Goal),
    /// Check in on a goal, or show the check-ins of a day.
    CheckIn(CheckIn),
    /// Show how goals go: the last four weeks, streaks, and how far each has become a habit.
    Progress(Progress),
    /// Show the habits in the order of a day, hang one on a moment or on another habit, change or
    /// remove one.
    Habit(Habit),
    /// Show what went well, write it down, change or remove it.
    Win(Win),
    /// Show the reviews of a plan and when the next one is due, or write down what is to become of
    /// goals.
    Review(Review),
    /// Show the sessions with agenda, notes and homework, plan one, add to its agenda, tick something
    /// off, write a note, or give homework.
    Session(Session),
    /// Show what holds for a plan as a whole, or change it: the client's time zone, when a day begins,
    /// how many goals are active at a time.
    Settings(Settings),
    /// Show who can read a plan, since when, and when they were last heard.
    Members(Members),
    /// Say what for and how long somebody may read a plan, withdraw that, or show it.
    Grant(Grant),
    /// Have everybody forget a goal, a check-in or a note: shows first what goes. What somebody has
    /// read, they may have kept.
    Forget(Forget),
    /// Take a person's access to a plan back, or end one membership by its number.
    Revoke(Revoke),
    /// Undo what one device wrote in a plan, let it count again, or show what is undone.
    UndoDevice(UndoDevice),
    /// Leave somebody else's plan, support space or circle.
    Leave(Leave),
    /// Close a plan, support space or circle: it stays readable, and nothing more is written.
    Close(Close),
    /// Replace the key of a plan, or hand it once more to a member that lacks it.
    Rotate(Rotate),
    /// Go on with a relay whose log undoes a removal, and remove whoever it was once more.
    FollowRelay(FollowRelay),
    /// Go on in a new plan, "from now on": whoever is invited there reads what is taken along, and
    /// nothing older.
    BeginAnew(BeginAnew),
    /// Therapists: offer a client who lost everything a copy of the old plan in the new one.
    OfferCopy(OfferCopy),
    /// Take over the copy that a therapist offers, or show what is offered.
    TakeOver(TakeOver),
    /// The 24 words that bring everything back.
    Recover(Recover),
    /// Where the database is damaged: keep what is sound, and have the rest fetched again.
    Repair(Repair),
    /// Show sixty digits that are equal where two people see the same members.
    SafetyNumber(SafetyNumber),
    /// Show what was held back as not acceptable, have it judged again, or give it up.
    Held(Held),
    /// Show how the device stands: spaces, recovery, open invitations.
    Status(Status),
    /// Read what others wrote and send what this device wrote.
    Sync(Sync),
    /// The same, and write a checkpoint where a log has grown long: new devices have less to read then,
    /// and the relay may let go of what it covers. For a device on power, with a network that costs
    /// nothing.
    Checkpoint(Checkpoint),
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
        all_have_help(&command);
    }

    /// Of 64 people one has such a tag, whose access nobody could take back.
    #[test]
    fn a_tag_may_begin_with_a_hyphen() {
        for args in [
            ["revoke", "-Ab8cdef", "--yes"].as_slice(),
            &["grant", "-Ab8cdef", "--purpose", "Therapy"],
            &["take-over", "-Ab8cdef", "--yes"],
        ] {
            let said = [&["waymark"], args].concat();
            let said = Waymark::command().try_get_matches_from(said).unwrap();
            let (_, said) = said.subcommand().unwrap();
            let meant: Option<&String> = said.get_one("person");
            assert_eq!(meant.map(String::as_str), Some("-Ab8cdef"));
        }
    }

    fn all_have_help(command: &clap::Command) {
        let subs = command.get_subcommands();
        for sub in subs.filter(|sub| sub.get_name() != "help") {
            assert!(sub.get_about().is_some(), "{}", sub.get_name());
            for flag in sub.get_arguments() {
                assert!(flag.get_help().is_some(), "{}", flag.get_id());
            }
            all_have_help(sub);
        }
    }
}
