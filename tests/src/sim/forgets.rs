//! Forgetting in a run: people have a goal, a check-in or a text forgotten by everybody. In the end
//! nobody has anything of it, what was written about it meanwhile went with it, and nothing else did.

use std::collections::BTreeSet;

use waymark_core::client::{Client, Forgettable, PlanId};
use waymark_core::model::{RecordId, TextId};

use super::edits;
use super::oracle::{About, Forget, Oracle, What, Written};
use super::report::Group;
use super::standing::Standing;
use super::world::World;

/// What goes with something, by what was said when it was written.
#[derive(Debug, Default)]
pub(super) struct Gone {
    pub(super) records: BTreeSet<RecordId>,
    pub(super) texts: BTreeSet<TextId>,
}

/// Somebody who leads a plan wants something in it forgotten; others try, and may not.
pub(super) fn forget(world: &mut World, number: usize, client: &Client, plan: PlanId) {
    let Some(item) = something(world, client, plan) else {
        return;
    };
    let said = client.forgetting().forget(plan, &[item]);
    // A device that dies in the commit may have done it or not.
    let is_perhaps = said
        .as_ref()
        .is_err_and(|error| error.code() == "storage_failed");
    let is_sure = world.heard("have something forgotten", said).is_some();
    if is_sure || is_perhaps {
        let what = match item {
            Forgettable::CheckIn { check_in } => What::Record(check_in.into()),
            Forgettable::Goal { goal } => What::Record(goal.into()),
            Forgettable::Text { text } => What::Text(text),
        };
        world.say(&format!("{number} has {what:?} forgotten in {plan}"));
        world.oracle.forgets.push(Forget {
            plan,
            device: number,
            what,
            is_sure,
        });
    }
}

fn something(world: &mut World, client: &Client, plan: PlanId) -> Option<Forgettable> {
    match world.chance.below(3) {
        0 => {
            let goals = client.goals().list(plan).unwrap_or_default();
            let goal = world.chance.pick(&goals)?.id;
            Some(Forgettable::Goal { goal })
        }
        1 => {
            let check_in = edits::some_check_in(world, client, plan)?.id;
            Some(Forgettable::CheckIn { check_in })
        }
        _ => {
            let is_scratch = world.chance.is(300);
            let (text, _) = edits::some_note(world, client, plan, is_scratch)?;
            Some(Forgettable::Text { text })
        }
    }
}

impl Gone {
    /// Takes what one thing takes along: what belongs to it, what it corrects and what corrects it, and
    /// the notes of a text.
    fn add(&mut self, records: &[&Written], what: What) {
        match what {
            What::Record(id) => drop(self.records.insert(id)),
            What::Text(id) => drop(self.texts.insert(id)),
        }
        loop {
            let before = (self.records.len(), self.texts.len());
            for record in records {
                let About {
                    belongs_to,
                    corrects,
                    text,
                    ..
                } = &record.about;
                let mut names = belongs_to.iter().chain(corrects);
                let is_of_text = text.is_some_and(|text| self.texts.contains(&text));
                if is_of_text || names.any(|id| self.records.contains(id)) {
                    self.records.insert(record.id);
                }
                if self.records.contains(&record.id) {
                    self.records.extend(corrects);
                    self.texts.extend(text);
                }
            }
            if before == (self.records.len(), self.texts.len()) {
                return;
            }
        }
    }
}

impl Oracle {
    /// All that goes in a plan, if what everybody wanted there comes to pass.
    pub(super) fn may_go(&self, plan: PlanId) -> Gone {
        let mut gone = self.gone(plan, |_| true);
        let forgets = self.forgets.iter().filter(|forget| forget.plan == plan);
        let wanted: Vec<What> = forgets.map(|forget| forget.what).collect();
        if wanted.is_empty() {
            return gone;
        }
        // What was kept although its writer was told that it failed is not known here, nor what it was
        // about.
        let records = self.written_in(plan);
        let known: BTreeSet<RecordId> = records.iter().map(|written| written.id).collect();
        let is_unknown = |id: &RecordId| !known.contains(id);
        let takes_unknown = wanted
            .iter()
            .any(|what| matches!(what, What::Record(id) if is_unknown(id)));
        for record in records {
            let About {
                belongs_to,
                corrects,
                ..
            } = &record.about;
            // It may correct or be corrected by that.
            let is_linked = !belongs_to.is_empty() && takes_unknown;
            if is_linked || belongs_to.iter().chain(corrects).any(is_unknown) {
                gone.records.insert(record.id);
            }
        }
        gone
    }

    fn written_in(&self, plan: PlanId) -> Vec<&Written> {
        let records = self.records.iter();
        records.filter(|written| written.plan == plan).collect()
    }

    /// What goes in a plan with those things of which `is_it` says so.
    fn gone(&self, plan: PlanId, is_it: impl Fn(&Forget) -> bool) -> Gone {
        let records = self.written_in(plan);
        let mut gone = Gone::default();
        let forgets = self.forgets.iter().filter(|forget| forget.plan == plan);
        for forget in forgets.filter(|forget| is_it(forget)) {
            gone.add(&records, forget.what);
        }
        gone
    }
}

impl World {
    /// What somebody was told will be forgotten is nowhere, neither shown nor in what a member's disk
    /// has. Where the plan was closed before, or who wanted it has gone, was set back or was told that
    /// it cannot be, it may be there.
    pub(super) fn check_forgotten(&mut self, plan: PlanId, standing: &Standing, members: &[usize]) {
        if standing.is_closed() {
            return;
        }
        let lasts = |forget: &Forget| {
            let device = &self.devices[forget.device];
            let is_in = members.contains(&forget.device) && device.copied_at.is_none();
            forget.is_sure && is_in && !self.was_refused.contains(&forget.device)
        };
        let all = self
            .oracle
            .forgets
            .iter()
            .filter(|forget| forget.plan == plan);
        let wanted = u64::try_from(all.filter(|forget| lasts(forget)).count()).unwrap_or(u64::MAX);
        let gone = self.oracle.gone(plan, lasts);
        let words = self
            .oracle
            .records
            .iter()
            .filter(|w| gone.records.contains(&w.id));
        let words: Vec<&str> = words.filter_map(|w| w.about.words.as_deref()).collect();
        let mut wrong = Vec::new();
        for number in members.iter().copied() {
            let Some(client) = &self.devices[number].client else {
                continue;
            };
            if client.forgetting().is_pending(plan).unwrap_or(true) {
                wrong.push(format!(
                    "{number} still has something to be forgotten in {plan}"
                ));
            }
            let there = self.records(number, plan).unwrap_or_default();
            if let Some(id) = gone.records.iter().find(|id| there.contains(id)) {
                wrong.push(format!("{number} has {id}, which is forgotten in {plan}"));
            }
            let mut texts = gone.texts.iter();
            if let Some(id) = texts.find(|id| client.texts().read(plan, **id).is_ok()) {
                wrong.push(format!("{number} has {id}, which is forgotten in {plan}"));
            }
            let disk = &self.devices[number].disk;
            if let Some(words) = words.iter().find(|words| disk.shows(words.as_bytes())) {
                wrong.push(format!("{number} has “{words}” still, forgotten in {plan}"));
            }
        }
        self.tally.add(Group::Run, "things forgotten", wanted);
        for why in wrong {
            self.fail(why);
        }
    }
}
