//! A whole fleet in one thread, everything from one number: devices through the real facade, machine,
//! crypto and documents, relays with the real routes, rules and database, and between them a network
//! and a time of their own. Equal seeds give equal runs, to the byte.
//!
//! A run has two phases. First people write and decide who reads what, while the network loses, delays,
//! doubles and cuts, devices die between any two effects and in the middle of commits, are restored from
//! backups and cloned, and relays restart. Then the faults stop, everybody syncs until nothing new
//! comes, and what must be true is looked at.
//!
//! - `world`, `net`, `play`: the run, event by event.
//! - `device`, `disk`, `relays`: what it is made of; `lies`: what relays make of it.
//! - `acts`, `edits`, `membership`, `forgets`: what people do, and `forgers`: what nobody may;
//!   `checkpoints`: what goes by itself.
//! - `oracle`, `ledger`, `standing`, `checks`, `written`: what must be true at the end, by code that shares
//!   nothing with what it checks but the formats of the wire.
//! - `chance`: where all of it comes from.

mod acts;
mod chance;
mod checkpoints;
mod checks;
mod device;
mod disk;
mod edits;
mod forgers;
mod forgets;
mod ledger;
mod lies;
mod membership;
mod net;
mod oracle;
mod play;
mod relays;
mod report;
mod standing;
mod world;
mod written;

use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::ValueEnum;

pub use self::report::{Group, Outcome, Tally};
use self::world::World;

/// What nobody but members may ever see: all words of all runs begin with it.
const NEEDLE: &str = "Xyloquartz";

/// How a run goes.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How much is done.
    pub steps: usize,
    /// Whether devices are restored from backups.
    pub restores: bool,
    /// Whether devices are cloned.
    pub clones: bool,
    /// How relays behave.
    pub relays: Relays,
    /// Whether what relays lose has to be with everybody again in the end, or only the rest.
    pub heals: bool,
    /// Whether devices publish checkpoints, and time passes until they rest.
    pub checkpoints: bool,
    /// Whether relays drop entries before everybody has read them.
    pub drops: bool,
    /// Whether people have something forgotten by everybody.
    pub forgets: bool,
    /// Whether a member turns bad, and signs what it may not.
    pub forgers: bool,
    /// Whether everything that happens is printed.
    pub verbose: bool,
    /// What is broken on purpose, to see that it is found.
    pub sabotage: Option<Sabotage>,
}

impl Options {
    /// What `simulate` is to be told, apart from the seed.
    #[must_use]
    pub fn arguments(&self) -> String {
        let relays = self.relays.to_possible_value();
        let relays = relays.map(|value| value.get_name().to_owned());
        let flags = [
            (!self.restores, "--no-restores"),
            (!self.clones, "--no-clones"),
            (self.heals, "--heals"),
            (self.checkpoints, "--checkpoints"),
            (self.drops, "--drops"),
            (self.forgets, "--forgets"),
            (self.forgers, "--forgers"),
        ];
        let set = flags.iter().filter(|(is_set, _)| *is_set);
        let set = set.map(|(_, flag)| format!(" {flag}"));
        let (steps, relays) = (self.steps, relays.unwrap_or_default());
        format!(
            "--steps {steps} --relays {relays}{}",
            set.collect::<String>()
        )
    }
}

/// How relays behave until the faults stop. From then on they are honest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Relays {
    /// As they should, but that they restart.
    Honest,
    /// They leave things out of answers, repeat, reorder and damage them, answer without end, with
    /// something else or with refusals, and keep silent to some devices or about some spaces.
    Tampering,
    /// That, and they go back to what they were, openly or not, show two logs, and say that they took
    /// what they did not keep.
    Lying,
}

/// A fault that no rule allows: a run that has it must fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sabotage {
    /// Disks say that something is safe before it is.
    DisksLie,
    /// Everybody who was ever in a space gets everybody's keys.
    KeysShared,
    /// A device is set back by one operation, and nobody is told.
    SetBack,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            steps: 300,
            restores: true,
            clones: true,
            relays: Relays::Tampering,
            heals: false,
            checkpoints: false,
            drops: false,
            forgets: false,
            forgers: false,
            verbose: false,
            sabotage: None,
        }
    }
}

/// Plays one run.
#[must_use]
pub fn run(seed: u64, options: Options) -> Outcome {
    let played = catch_unwind(AssertUnwindSafe(|| World::new(seed, options).play(seed)));
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Outcome {
            seed,
            trace: [0; 32],
            tally: Tally::default(),
            failure: Some(format!("panic: {}", text.unwrap_or_default())),
        }
    })
}
