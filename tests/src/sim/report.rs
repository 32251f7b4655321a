//! What happened in a run, and in many.

use std::collections::BTreeMap;
use std::fmt;

/// What one run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What it followed from.
    pub seed: u64,
    /// The hash of everything that happened, in order: equal for equal seeds.
    pub trace: [u8; 32],
    /// How often what happened.
    pub tally: Tally,
    /// Which check failed and how, if one did.
    pub failure: Option<String>,
}

/// How often what happened, by kind.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<(Group, String), u64>);

/// What is counted together.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Group {
    /// Runs, entries and the like.
    Run,
    /// What people did, as far as it was allowed.
    Operation,
    /// What was refused to them, by code.
    Refused,
    /// What went wrong on purpose.
    Fault,
    /// Rare branches that were forced.
    Forced,
    /// What the rules allow to be missing, and was.
    Exempt,
    /// The most of something that there was in one run.
    Most,
}

impl Tally {
    /// Counts one more.
    pub fn count(&mut self, group: Group, name: &str) {
        self.add(group, name, 1);
    }

    /// Counts so many more.
    pub fn add(&mut self, group: Group, name: &str, count: u64) {
        *self.0.entry((group, name.to_owned())).or_default() += count;
    }

    /// How many there were.
    #[must_use]
    pub fn of(&self, group: Group, name: &str) -> u64 {
        self.0
            .get(&(group, name.to_owned()))
            .copied()
            .unwrap_or_default()
    }

    /// How many there were in a group.
    #[must_use]
    pub fn sum(&self, group: Group) -> u64 {
        let all = self.0.iter();
        all.filter(|((of, _), _)| *of == group)
            .map(|(_, count)| count)
            .sum()
    }

    /// Adds what another run counted.
    pub fn take(&mut self, other: &Self) {
        for ((group, name), count) in &other.0 {
            match group {
                Group::Most => self.most(name, *count),
                _ => self.add(*group, name, *count),
            }
        }
    }

    /// Notes how much of something there was in one run.
    pub fn most(&mut self, name: &str, count: u64) {
        let most = self.0.entry((Group::Most, name.to_owned())).or_default();
        *most = count.max(*most);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = None;
        for ((group, name), count) in &self.0 {
            if last != Some(*group) {
                let title = match group {
                    Group::Run => "runs",
                    Group::Operation => "operations",
                    Group::Refused => "refused operations",
                    Group::Fault => "faults injected",
                    Group::Forced => "rare branches forced",
                    Group::Exempt => "may be missing, and is",
                    Group::Most => "most in one run",
                };
                match group {
                    Group::Most => writeln!(f, "{title}")?,
                    _ => writeln!(f, "{title}: {}", self.sum(*group))?,
                }
                last = Some(*group);
            }
            writeln!(f, "  {name:<44} {count:>10}")?;
        }
        Ok(())
    }
}
