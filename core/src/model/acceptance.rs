//! Which revision of a goal is in force on which date.
//!
//! The history of a goal is played from its verdicts, date by date. Dates are claims in the
//! client's zone and are taken as stamped; within a date there is no order, so the order in which
//! records arrive cannot matter.
//!
//! - **Needed**: a first revision by the client needs the client's agreement; every other needs
//!   the client's and, where the episode has a therapist, one therapist's.
//! - **Voice**: a person's later verdict replaces the earlier, while it is heard; two that differ
//!   on one date mean none.
//! - **Accepted** is a revision on the date on which the last needed agreement stands. It holds
//!   from then, or from its effective date if that is later; until then a voice can take it back.
//!   A disagreement on the very date that would complete the agreement still prevents it.
//! - **In force** on a date is the deepest accepted revision whose date has come. What is in force
//!   hears no more verdicts, nor does what it replaced.
//! - **Closed** is what is neither above nor below an accepted revision: a sibling was agreed
//!   first. If that agreement is taken back before it held, the siblings are open again; what was
//!   said while they were closed stays unheard.
//! - **Tied** are revisions of different lines that became accepted on one date. None of them
//!   holds; only a revision that descends from all of them goes on.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::model::chain::{Ancestry, Chain};
use crate::model::codes::Verdict;
use crate::model::ids::{PersonTag, RecordId};
use crate::model::say::TherapistsSay;
use crate::role::Role;

/// A revision, as far as acceptance goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proposal {
    pub(crate) id: RecordId,
    /// A first revision by the client.
    pub(crate) clients_first: bool,
    pub(crate) effective_from: Option<NaiveDate>,
}

/// One person's verdict on one revision.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Saying {
    pub(crate) date: NaiveDate,
    pub(crate) revision: RecordId,
    pub(crate) person: PersonTag,
    pub(crate) role: Role,
    pub(crate) verdict: Verdict,
}

/// A revision that everyone needed has agreed to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Accepted {
    pub(crate) revision: RecordId,
    /// The first date on which it may hold.
    pub(crate) from: NaiveDate,
}

/// Where a revision stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stand {
    /// Accepted; its date has not come.
    Agreed,
    /// A sibling was agreed first.
    Closed,
    /// Open to verdicts, but somebody disagrees.
    Declined,
    /// It holds.
    InForce,
    /// Open to verdicts.
    Open,
    /// What replaced it holds.
    Superseded,
    /// Accepted on the same date as another.
    Tied,
}

/// The history of a goal's revisions.
#[derive(Clone, Debug)]
pub(crate) struct History {
    proposals: BTreeMap<RecordId, Proposal>,
    ancestry: Ancestry,
    therapists: TherapistsSay,
    voices: BTreeMap<RecordId, BTreeMap<(PersonTag, Role), Verdict>>,
    /// All on one line, the deepest last.
    accepted: Vec<Accepted>,
    /// When each accepted one was agreed to: who was needed then is who is needed.
    agreed_on: BTreeMap<RecordId, NaiveDate>,
    tied: BTreeSet<RecordId>,
}

impl History {
    /// Plays the verdicts on the revisions of one goal.
    pub(crate) fn play(
        proposals: impl IntoIterator<Item = Proposal>,
        chain: &Chain,
        sayings: BTreeSet<Saying>,
        therapists: TherapistsSay,
    ) -> Self {
        let mut history = Self {
            proposals: proposals
                .into_iter()
                .map(|proposal| (proposal.id, proposal))
                .collect(),
            ancestry: chain.ancestry(),
            therapists,
            voices: BTreeMap::new(),
            accepted: Vec::new(),
            agreed_on: BTreeMap::new(),
            tied: BTreeSet::new(),
        };
        let mut days: BTreeMap<NaiveDate, Vec<Saying>> = BTreeMap::new();
        for saying in sayings {
            days.entry(saying.date).or_default().push(saying);
        }
        for (date, sayings) in days {
            history.day(date, &sayings);
        }
        history
    }

    /// The revision in force on a date.
    pub(crate) fn in_force_on(&self, date: NaiveDate) -> Option<RecordId> {
        self.accepted
            .iter()
            .rev()
            .find(|a| a.from <= date)
            .map(|a| a.revision)
    }

    /// Which revisions are in force from which dates on, in the order of the dates.
    pub(crate) fn timeline(&self) -> Vec<Accepted> {
        let dates: BTreeSet<_> = self.accepted.iter().map(|a| a.from).collect();
        let mut timeline: Vec<Accepted> = Vec::new();
        for from in dates {
            if let Some(revision) = self.in_force_on(from)
                && timeline.last().is_none_or(|last| last.revision != revision)
            {
                timeline.push(Accepted { revision, from });
            }
        }
        timeline
    }

    /// Where a revision stands, seen on a date.
    pub(crate) fn stand(&self, id: RecordId, today: NaiveDate) -> Stand {
        let current = self.in_force_on(today);
        if current == Some(id) {
            return Stand::InForce;
        }
        if current.is_some_and(|current| self.ancestry.is_above(id, current)) {
            return Stand::Superseded;
        }
        if self.tied.contains(&id) {
            return Stand::Tied;
        }
        if self.accepted.iter().any(|a| a.revision == id) {
            return Stand::Agreed;
        }
        if !self.is_eligible(id) {
            return Stand::Closed;
        }
        let mut voices = self.voices.get(&id).into_iter().flat_map(BTreeMap::values);
        match voices.any(|verdict| *verdict == Verdict::Disagree) {
            true => Stand::Declined,
            false => Stand::Open,
        }
    }

    /// Whether anything was ever agreed to.
    pub(crate) fn has_accepted(&self) -> bool {
        !self.accepted.is_empty()
    }

    /// The tied revisions, as long as nothing that replaces them all is agreed to.
    pub(crate) fn open_ties(&self) -> Vec<RecordId> {
        let settles = |a: &Accepted| {
            self.tied
                .iter()
                .all(|tied| self.ancestry.is_above(*tied, a.revision))
        };
        match self.accepted.iter().any(settles) {
            true => Vec::new(),
            false => self.tied.iter().copied().collect(),
        }
    }

    /// Whether the revision is a first one by the client.
    pub(crate) fn is_clients_first(&self, id: RecordId) -> bool {
        self.proposals
            .get(&id)
            .is_some_and(|proposal| proposal.clients_first)
    }

    /// Whether one revision descends from another.
    pub(crate) fn is_above(&self, old: RecordId, new: RecordId) -> bool {
        self.ancestry.is_above(old, new)
    }

    /// What was said on one date.
    fn day(&mut self, date: NaiveDate, sayings: &[Saying]) {
        let in_force = self.in_force_on(date);
        let heard: Vec<_> = sayings
            .iter()
            .filter(|saying| self.is_heard(saying.revision, in_force))
            .collect();
        let mut said: BTreeMap<(RecordId, PersonTag, Role), BTreeSet<Verdict>> = BTreeMap::new();
        for saying in &heard {
            let by = (saying.revision, saying.person, saying.role);
            said.entry(by).or_default().insert(saying.verdict);
        }
        for ((revision, person, role), verdicts) in said {
            let voices = self.voices.entry(revision).or_default();
            match verdicts.first() {
                Some(verdict) if verdicts.len() == 1 => voices.insert((person, role), *verdict),
                _ => voices.remove(&(person, role)),
            };
        }
        // Taken back. What is in force was not heard about, so it stays.
        let stays = |a: &Accepted| {
            let agreed_on = self.agreed_on.get(&a.revision).copied().unwrap_or(date);
            self.is_agreed(a.revision, agreed_on)
        };
        let accepted: Vec<_> = self.accepted.iter().copied().filter(stays).collect();
        self.accepted = accepted;
        self.accept(date, heard.iter().map(|saying| saying.revision).collect());
    }

    /// Accepts what became agreed on a date, or ties it.
    fn accept(&mut self, date: NaiveDate, touched: BTreeSet<RecordId>) {
        let is_new = |id: &RecordId| {
            self.is_agreed(*id, date) && !self.accepted.iter().any(|a| a.revision == *id)
        };
        let new: Vec<_> = touched.into_iter().filter(is_new).collect();
        for id in &new {
            if new
                .iter()
                .any(|other| !self.ancestry.on_one_line(*id, *other))
            {
                self.tied.insert(*id);
            } else if let Some(proposal) = self.proposals.get(id) {
                let from = proposal
                    .effective_from
                    .map_or(date, |effective| effective.max(date));
                self.agreed_on.insert(*id, date);
                self.accepted.push(Accepted {
                    revision: *id,
                    from,
                });
            }
        }
        let ancestry = &self.ancestry;
        self.accepted.sort_by_key(|a| ancestry.depth(a.revision));
    }

    /// Whether verdicts on the revision have an effect, with that one in force.
    fn is_heard(&self, id: RecordId, in_force: Option<RecordId>) -> bool {
        let settled = in_force.is_some_and(|now| now == id || self.ancestry.is_above(id, now));
        !settled && self.is_eligible(id)
    }

    /// Whether the revision is on one line with everything decided. The tied ones are not: each of
    /// them has another beside it.
    fn is_eligible(&self, id: RecordId) -> bool {
        let accepted = self.accepted.iter().map(|a| a.revision);
        let mut decided = accepted.chain(self.tied.iter().copied());
        decided.all(|other| self.ancestry.on_one_line(id, other))
    }

    /// Whether everyone agrees who is needed on a date. A therapist who came later has no say in
    /// what was settled before.
    fn is_agreed(&self, id: RecordId, date: NaiveDate) -> bool {
        let (Some(proposal), Some(voices)) = (self.proposals.get(&id), self.voices.get(&id)) else {
            return false;
        };
        let agrees = |needed: Role| {
            voices
                .iter()
                .any(|((_, role), said)| *role == needed && *said == Verdict::Agree)
        };
        let therapist_needed = self.therapists.is_on(date) && !proposal.clients_first;
        agrees(Role::Client) && (!therapist_needed || agrees(Role::Therapist))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::day;
    use Verdict::{Agree, Disagree, Pending};

    const CLIENT: Role = Role::Client;
    const THERAPIST: Role = Role::Therapist;

    /// Revisions of a goal with what was said about them on days of May.
    #[derive(Clone, Default)]
    struct Story {
        links: Vec<(RecordId, Vec<RecordId>)>,
        proposals: Vec<Proposal>,
        sayings: BTreeSet<Saying>,
        /// The day of May on which a therapist came, instead of before all.
        alone_until: Option<u32>,
    }

    fn id(n: u8) -> RecordId {
        RecordId([n; 16])
    }

    impl Story {
        /// Revision 1, the client's first, agreed on the 1st and in force.
        fn begun() -> Self {
            let mut story = Self::default().first(1, true);
            story.say(1, 1, CLIENT, Agree);
            story
        }

        fn first(mut self, n: u8, clients_first: bool) -> Self {
            self.links.push((id(n), Vec::new()));
            self.proposals.push(Proposal {
                id: id(n),
                clients_first,
                effective_from: None,
            });
            self
        }

        fn then(mut self, n: u8, replaces: &[u8]) -> Self {
            self.links
                .push((id(n), replaces.iter().map(|old| id(*old)).collect()));
            self.proposals.push(Proposal {
                id: id(n),
                clients_first: false,
                effective_from: None,
            });
            self
        }

        fn from(mut self, n: u8, on: u32) -> Self {
            let proposal = self
                .proposals
                .iter_mut()
                .find(|proposal| proposal.id == id(n))
                .unwrap();
            proposal.effective_from = Some(day(on));
            self
        }

        fn say(&mut self, on: u32, n: u8, role: Role, verdict: Verdict) {
            self.say_as(7, on, n, role, verdict);
        }

        fn say_as(&mut self, person: u8, on: u32, n: u8, role: Role, verdict: Verdict) {
            let person = PersonTag([person; 16]);
            self.sayings.insert(Saying {
                date: day(on),
                revision: id(n),
                person,
                role,
                verdict,
            });
        }

        fn both(&mut self, on: u32, n: u8) {
            self.say(on, n, CLIENT, Agree);
            self.say(on, n, THERAPIST, Agree);
        }

        fn play(&self) -> History {
            let chain = Chain::new(self.links.iter().cloned());
            let proposals = self.proposals.iter().copied();
            let since = self.alone_until.map_or(NaiveDate::MIN, day);
            let therapists = TherapistsSay {
                since: Some(since),
                earlier: BTreeSet::new(),
            };
            History::play(proposals, &chain, self.sayings.clone(), therapists)
        }

        /// `(day, revision)` from which each revision holds.
        fn timeline(&self) -> Vec<(u32, u8)> {
            use chrono::Datelike;
            let timeline = self.play().timeline();
            timeline
                .iter()
                .map(|a| (a.from.day(), a.revision.0[0]))
                .collect()
        }
    }

    #[test]
    fn a_clients_first_holds_on_the_clients_word_and_nobody_elses() {
        let mut story = Story::default().first(1, true);
        story.say(3, 1, THERAPIST, Agree);
        assert_eq!(story.timeline(), []);
        story.say(4, 1, CLIENT, Agree);
        assert_eq!(story.timeline(), [(4, 1)]);
        story.say(5, 1, THERAPIST, Disagree);
        assert_eq!(
            story.timeline(),
            [(4, 1)],
            "what is in force hears no more verdicts"
        );
    }

    #[test]
    fn a_therapists_first_needs_the_client() {
        let mut story = Story::default().first(1, false);
        story.say(3, 1, THERAPIST, Agree);
        assert_eq!(story.timeline(), []);
        assert_eq!(story.play().stand(id(1), day(9)), Stand::Open);
        story.say(5, 1, CLIENT, Agree);
        assert_eq!(story.timeline(), [(5, 1)]);
    }

    #[test]
    fn later_revisions_need_both_from_the_later_agreement_or_the_effective_date() {
        let mut story = Story::begun().then(2, &[1]);
        story.say(4, 2, CLIENT, Agree);
        assert_eq!(story.timeline(), [(1, 1)]);
        story.say(8, 2, THERAPIST, Agree);
        assert_eq!(story.timeline(), [(1, 1), (8, 2)]);
        assert_eq!(story.clone().from(2, 20).timeline(), [(1, 1), (20, 2)]);
        assert_eq!(
            story.clone().from(2, 2).timeline(),
            [(1, 1), (8, 2)],
            "never before"
        );
        assert_eq!(
            story.clone().from(2, 20).play().stand(id(2), day(19)),
            Stand::Agreed
        );
    }

    #[test]
    fn without_a_therapist_the_client_decides_and_with_several_one_is_enough() {
        let mut alone = Story {
            alone_until: Some(31),
            ..Story::begun().then(2, &[1])
        };
        alone.say(4, 2, CLIENT, Agree);
        assert_eq!(alone.timeline(), [(1, 1), (4, 2)]);
        // A therapist who comes later does not turn judged days around, but has a say from then on.
        alone = Story {
            alone_until: Some(6),
            ..alone
        }
        .then(3, &[2]);
        alone.say(8, 3, CLIENT, Agree);
        assert_eq!(alone.timeline(), [(1, 1), (4, 2)]);
        alone.say(9, 3, THERAPIST, Agree);
        assert_eq!(alone.timeline(), [(1, 1), (4, 2), (9, 3)]);
        let mut several = Story::begun().then(2, &[1]);
        several.say_as(8, 4, 2, THERAPIST, Disagree);
        several.say_as(9, 5, 2, THERAPIST, Agree);
        several.say(6, 2, CLIENT, Agree);
        assert_eq!(several.timeline(), [(1, 1), (6, 2)]);
    }

    #[test]
    fn the_sibling_agreed_first_closes_the_others() {
        let mut story = Story::begun().then(2, &[1]).then(3, &[1]).then(4, &[3]);
        story.both(5, 3);
        story.both(6, 2);
        assert_eq!(story.timeline(), [(1, 1), (5, 3)]);
        let history = story.play();
        assert_eq!(history.stand(id(2), day(6)), Stand::Closed);
        assert_eq!(history.stand(id(1), day(6)), Stand::Superseded);
        assert_eq!(history.stand(id(4), day(6)), Stand::Open);
        // What replaces only what is closed is closed as well.
        let after = story.then(5, &[2]);
        assert_eq!(after.play().stand(id(5), day(6)), Stand::Closed);
    }

    #[test]
    fn two_first_revisions_are_siblings() {
        let mut story = Story::default().first(1, true).first(2, false);
        story.say(2, 1, CLIENT, Agree);
        story.both(3, 2);
        assert_eq!(story.timeline(), [(2, 1)]);
        assert_eq!(story.play().stand(id(2), day(3)), Stand::Closed);
    }

    #[test]
    fn agreed_on_one_date_is_a_tie_and_the_replaced_one_stays() {
        let mut story = Story::begun()
            .then(2, &[1])
            .then(3, &[1])
            .then(4, &[1])
            .then(5, &[2]);
        story.both(5, 2);
        story.both(5, 3);
        assert_eq!(story.timeline(), [(1, 1)]);
        assert_eq!(story.play().open_ties(), [id(2), id(3)]);
        // A third sibling and what replaces only one of the tied come too late.
        story.both(6, 4);
        story.both(6, 5);
        assert_eq!(story.timeline(), [(1, 1)]);
        assert_eq!(story.play().stand(id(4), day(7)), Stand::Closed);
        assert_eq!(story.play().stand(id(5), day(7)), Stand::Closed);
        // One that replaces all the tied decides.
        let mut settled = story.then(6, &[2, 3]);
        settled.both(8, 6);
        assert_eq!(settled.timeline(), [(1, 1), (8, 6)]);
        assert_eq!(settled.play().open_ties(), []);
        assert_eq!(settled.play().stand(id(2), day(8)), Stand::Superseded);
    }

    #[test]
    fn a_disagreement_takes_an_agreement_back_until_it_holds() {
        let mut story = Story::begun().then(2, &[1]).from(2, 10);
        story.both(4, 2);
        assert_eq!(story.timeline(), [(1, 1), (10, 2)]);
        let mut late = story.clone();
        late.say(10, 2, CLIENT, Disagree);
        assert_eq!(late.timeline(), [(1, 1), (10, 2)], "its date has come");
        story.say(6, 2, CLIENT, Disagree);
        assert_eq!(story.timeline(), [(1, 1)]);
        assert_eq!(story.play().stand(id(2), day(9)), Stand::Declined);
        story.say(12, 2, CLIENT, Agree);
        assert_eq!(story.timeline(), [(1, 1), (12, 2)]);
    }

    #[test]
    fn the_first_agreement_counts_and_undecided_is_none() {
        let mut story = Story::begun().then(2, &[1]);
        story.both(4, 2);
        story.say(6, 2, CLIENT, Agree);
        assert_eq!(story.timeline(), [(1, 1), (4, 2)]);
        let mut undecided = Story::begun().then(2, &[1]);
        undecided.say(3, 2, CLIENT, Agree);
        undecided.say(4, 2, CLIENT, Pending);
        undecided.say(5, 2, THERAPIST, Agree);
        assert_eq!(undecided.timeline(), [(1, 1)]);
        assert_eq!(undecided.play().stand(id(2), day(6)), Stand::Open);
    }

    #[test]
    fn two_verdicts_of_one_person_on_one_date_mean_none() {
        let mut story = Story::begun().then(2, &[1]);
        story.both(4, 2);
        story.say(4, 2, CLIENT, Disagree);
        assert_eq!(story.timeline(), [(1, 1)]);
        assert_eq!(story.play().stand(id(2), day(5)), Stand::Open);
    }

    #[test]
    fn nothing_comes_in_force_on_a_date_on_which_the_client_took_the_word_back() {
        let mut story = Story::begun().then(2, &[1]);
        story.say(3, 2, CLIENT, Agree);
        story.say(5, 2, CLIENT, Disagree);
        story.say(5, 2, THERAPIST, Agree);
        assert_eq!(story.timeline(), [(1, 1)]);
    }

    #[test]
    fn the_deepest_agreed_one_whose_date_has_come_holds() {
        let mut story = Story::begun().then(2, &[1]).then(3, &[2]).from(2, 10);
        story.both(4, 2);
        story.both(5, 3);
        assert_eq!(
            story.timeline(),
            [(1, 1), (5, 3)],
            "the one between never holds"
        );
        let skipped = {
            let mut story = Story::begun().then(2, &[1]).then(3, &[2]);
            story.both(5, 3);
            story.both(6, 2);
            story
        };
        assert_eq!(skipped.timeline(), [(1, 1), (5, 3)]);
        let mut between = Story::begun().then(2, &[1]).then(3, &[2]).from(3, 20);
        between.both(4, 3);
        between.both(6, 2);
        assert_eq!(between.timeline(), [(1, 1), (6, 2), (20, 3)]);
    }

    #[test]
    fn siblings_are_open_again_when_the_agreement_that_closed_them_is_taken_back() {
        let mut story = Story::begun().then(2, &[1]).then(3, &[1]).from(2, 20);
        story.both(4, 2);
        story.say(5, 3, THERAPIST, Agree);
        assert_eq!(story.play().stand(id(3), day(6)), Stand::Closed);
        story.say(6, 2, CLIENT, Disagree);
        assert_eq!(story.play().stand(id(3), day(6)), Stand::Open);
        story.say(7, 3, CLIENT, Agree);
        assert_eq!(
            story.timeline(),
            [(1, 1)],
            "what was said of a closed one stays unheard"
        );
        story.say(8, 3, THERAPIST, Agree);
        assert_eq!(story.timeline(), [(1, 1), (8, 3)]);
    }
}
