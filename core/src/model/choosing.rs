//! What is copied of a plan into another space: everything, or some goals with what belongs to
//! them.
//!
//! To a goal belongs what names it, directly or over others: statuses, revisions, verdicts, notes,
//! check-ins. With that goes what is named by it and would be missing: measures, what a check-in
//! corrected. What was withdrawn stays behind, and so does every word about other goals.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::model::ids::{GoalId, RecordId, TextId};
use crate::model::kinds::check_in::CheckIn;
use crate::model::kinds::goal::Goal;
use crate::model::kinds::measure::Measure;
use crate::model::kinds::note::Note;
use crate::model::kinds::withdrawal::Withdrawal;
use crate::model::kinds::{Kind, Record};
use crate::model::log::Log;
use crate::model::plan::Plan;
use crate::model::record::Author;
use crate::model::records::Records;
use crate::model::time::read_date;

/// Records of one document, with those who wrote them.
pub type Chosen = BTreeMap<RecordId, Vec<Author>>;

impl Plan {
    /// The records of the plan that belong to some goals, and those `named` by what is copied of the
    /// logs. Grants that are over by `today` stay behind.
    pub fn chosen(
        &self,
        goals: &BTreeSet<GoalId>,
        named: &BTreeSet<RecordId>,
        today: NaiveDate,
    ) -> Chosen {
        let records = self.records();
        let over = self.grants(today).into_iter();
        let over = over.filter(|grant| grant.state.is_over());
        let over: BTreeSet<RecordId> = over.map(|grant| grant.id.record()).collect();
        let mut belong: BTreeSet<RecordId> = goals.iter().map(|goal| goal.record()).collect();
        belong.retain(|goal| records.find(*goal).is_some());
        // Until nothing more names what belongs already.
        loop {
            let names = |record: &Record| record.links().iter().any(|link| belong.contains(link));
            let more: Vec<_> = live(records)
                .filter(|(id, record)| !belong.contains(id) && names(record))
                .map(|(id, _)| id)
                .collect();
            if more.is_empty() {
                break;
            }
            belong.extend(more);
        }
        let of_plan =
            live(records).filter(|(id, record)| record.is_of_plan() && !over.contains(id));
        belong.extend(of_plan.map(|(id, _)| id));
        let mut start = belong.clone();
        start.extend(named);
        let mut chosen = with_named(records, start);
        // A measure is known by its first version, and shows as the last.
        let later = records.of::<Measure>().filter(|entry| {
            let first = entry.record.measure(entry.id).record();
            chosen.contains_key(&first) && !records.is_withdrawn(entry.id)
        });
        let later: BTreeSet<RecordId> = later.map(|entry| entry.id).collect();
        chosen.extend(with_named(records, later));
        add_versions(records, &mut chosen);
        // A chain that leads to another goal ends there.
        let is_other = |id: RecordId| records.get::<Goal>(id).is_some() && !belong.contains(&id);
        // A void speaks of devices in this space.
        let stays = |record: &Record| {
            record.kind() == Kind::Void || record.links().into_iter().any(is_other)
        };
        chosen.retain(|id, _| {
            let record = records.find(*id).map(|(record, _)| record);
            !is_other(*id) && !record.is_some_and(stays)
        });
        chosen
    }

    /// Every record of the plan that counts, but what is between people and devices there: grants,
    /// voids, and where copies came from, which is told anew.
    pub fn everything(&self) -> Chosen {
        let between = |kind| matches!(kind, Kind::Grant | Kind::Provenance | Kind::Void);
        let all = self.records().all();
        all.filter(|(_, record, _)| !between(record.kind()))
            .map(|(id, _, authors)| (id, authors.to_vec()))
            .collect()
    }

    /// The texts that some of the plan's records name.
    pub fn texts_of(&self, chosen: &Chosen) -> BTreeSet<TextId> {
        let ids = chosen.keys();
        ids.filter_map(|id| Some(self.records().get::<Note>(*id)?.record.text))
            .collect()
    }
}

impl Log {
    /// The check-ins on some goals from a date on, with what they correct, and what they name in the
    /// plan. Where one of those was withdrawn, its withdrawal goes along; where that speaks of others
    /// too, which it would show, the check-in stays behind with them.
    pub fn chosen(
        &self,
        goals: &BTreeSet<GoalId>,
        from: NaiveDate,
    ) -> (Chosen, BTreeSet<RecordId>) {
        let records = self.records();
        let of_goals = |record: &CheckIn| record.goal.is_some_and(|goal| goals.contains(&goal));
        let is_late = |record: &CheckIn| read_date(record.date).is_ok_and(|date| from <= date);
        let belong = records.of::<CheckIn>().filter(|entry| {
            let live = !records.is_withdrawn(entry.id);
            live && of_goals(entry.record) && is_late(entry.record)
        });
        let mut belong: BTreeSet<RecordId> = belong.map(|entry| entry.id).collect();
        let (mut chosen, withdrawals) = loop {
            let chosen = with_named(records, belong.clone());
            let withdrawals: Vec<_> = records
                .of::<Withdrawal>()
                .filter(|entry| !records.is_withdrawn(entry.id))
                .filter(|entry| {
                    entry
                        .record
                        .records
                        .iter()
                        .all(|id| chosen.contains_key(id))
                })
                .collect();
            let told = withdrawals.iter().flat_map(|entry| &entry.record.records);
            let told: BTreeSet<RecordId> = told.copied().collect();
            let before = belong.len();
            belong.retain(|id| {
                let corrected = with_named(records, [*id].into());
                let mut withdrawn = corrected.keys().filter(|id| records.is_withdrawn(**id));
                withdrawn.all(|id| told.contains(id))
            });
            if belong.len() == before {
                break (chosen, withdrawals);
            }
        };
        for withdrawal in withdrawals {
            chosen.insert(withdrawal.id, withdrawal.authors.to_vec());
        }
        let named = chosen.keys().filter_map(|id| records.find(*id));
        let named = named.flat_map(|(record, _)| record.links());
        let elsewhere = named.filter(|id| !chosen.contains_key(id)).collect();
        (chosen, elsewhere)
    }

    /// Every record of the month that counts, but where copies came from.
    pub fn everything(&self) -> Chosen {
        let all = self.records().all();
        all.filter(|(_, record, _)| record.kind() != Kind::Provenance)
            .map(|(id, _, authors)| (id, authors.to_vec()))
            .collect()
    }
}

/// What was not withdrawn, nor is one.
fn live(records: &Records) -> impl Iterator<Item = (RecordId, &Record)> {
    let stays = |id, record: &Record| {
        let is_about_others = matches!(record.kind(), Kind::Provenance | Kind::Withdrawal);
        !is_about_others && !records.is_withdrawn(id)
    };
    let all = records.all();
    all.filter(move |(id, record, _)| stays(*id, record))
        .map(|(id, record, _)| (id, record))
}

/// These with everything that they name in the document.
fn with_named(records: &Records, belong: BTreeSet<RecordId>) -> Chosen {
    let mut chosen = Chosen::new();
    let mut waiting: Vec<_> = belong.into_iter().collect();
    while let Some(id) = waiting.pop() {
        if let Some((record, authors)) = records.find(id)
            && chosen.insert(id, authors.to_vec()).is_none()
        {
            waiting.extend(record.links());
        }
    }
    chosen
}

/// Adds what came of items that are among these. An item is known by its first version, and shows as
/// the last: a value that was removed would be there again.
fn add_versions(records: &Records, chosen: &mut Chosen) {
    loop {
        let is_later = |(id, record): &(RecordId, &Record)| {
            let is_new = record.kind().place().is_some() && !chosen.contains_key(id);
            is_new && record.replaces().iter().any(|old| chosen.contains_key(old))
        };
        let later = live(records).filter(is_later);
        let later: BTreeSet<RecordId> = later.map(|(id, _)| id).collect();
        if later.is_empty() {
            break;
        }
        chosen.extend(with_named(records, later));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, day, mood, per_day, revision, therapist};
    use crate::model::{
        Content, GoalProfile, GrantScope, NewCheckIn, NewGrant, NewMeasure, NewNote, NewRevision,
        NewWithdrawal, Outcome, Value,
    };

    /// Whoever comes later would read what the client chose not to show.
    #[test]
    fn only_what_belongs_to_the_chosen_goals_goes_along() {
        let mut space = Space::default();
        let kept = space.goal(client());
        space.clock += 1;
        let left = space.goal(therapist());
        let wording = space.propose(client(), revision(kept), 1);
        let other = space.propose(client(), revision(left), 1);
        let note = |about| NewNote {
            text: TextId([7; 16]),
            about,
            title: None,
        };
        let note_about = |space: &mut Space, about| {
            space.clock += 1;
            space.put(therapist(), |plan, stamp| note(about).record(plan, stamp))
        };
        let on_kept = note_about(&mut space, Some(wording.record()));
        let alone = note_about(&mut space, None);
        let on_left = note_about(&mut space, Some(left.record()));
        let taken_back = note_about(&mut space, Some(kept.record()));
        let withdrawal = NewWithdrawal {
            records: vec![taken_back],
        };
        let withdrawal = space.put(therapist(), |plan, stamp| plan.withdraw(&withdrawal, stamp));

        let plan = space.plan();
        let chosen = plan.chosen(&[kept].into(), &BTreeSet::new(), day(9));
        for id in [kept.record(), wording.record(), on_kept] {
            assert!(chosen.contains_key(&id), "{id}");
        }
        assert_eq!(chosen[&on_kept], [therapist()]);
        for id in [
            left.record(),
            other.record(),
            alone,
            on_left,
            taken_back,
            withdrawal,
        ] {
            assert!(!chosen.contains_key(&id), "{id}");
        }
        let all = plan.everything();
        assert!(all.contains_key(&left.record()) && all.contains_key(&withdrawal));
    }

    #[test]
    fn check_ins_go_along_from_the_chosen_day_on() {
        let mut space = Space::default();
        let kept = space.goal(client());
        space.clock += 1;
        let left = space.goal(client());
        let early = space.say(kept, Outcome::Done, 1);
        let late = space.say(kept, Outcome::Done, 2);
        let other = space.say(left, Outcome::Done, 2);
        let (chosen, named) = space.log().chosen(&[kept].into(), day(2));
        assert_eq!(chosen.keys().collect::<Vec<_>>(), [&late]);
        assert!(named.contains(&kept.record()));
        let all: Vec<_> = space.log().everything().into_keys().collect();
        let mut expected = [early, late, other];
        expected.sort_unstable();
        assert_eq!(all, expected);
    }

    /// A mood that was rated on the newer scale would be out of range.
    #[test]
    fn a_measure_comes_along_in_all_its_versions() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let define = |space: &mut Space, new: &NewMeasure| {
            space.clock += 1;
            space.put(client(), |plan, stamp| new.record(plan, stamp))
        };
        let first = define(&mut space, &mood());
        let wider = NewMeasure {
            measure: Some(first.into()),
            max: 100,
            ..mood()
        };
        let second = define(&mut space, &wider);
        let target = NewRevision {
            target: Some(per_day(1.0, first.into())),
            ..revision(goal)
        };
        space.clock += 1;
        space.propose(client(), target, 1);
        let chosen = space.plan().chosen(&[goal].into(), &[].into(), day(9));
        assert!(chosen.contains_key(&first) && chosen.contains_key(&second));
    }

    /// What somebody took back would show again, to new people.
    /// Another therapist would read what the client has taken back, or what another goal is for.
    #[test]
    fn a_profile_brings_its_values_as_they_stand_and_no_other_goals() {
        let mut space = Space::default();
        let value = |name: &str| Value {
            name: name.into(),
            importance: 9,
            meaning: None,
        };
        let put = |space: &mut Space, content: Content| {
            space.clock += 1;
            space.put(client(), |p, s| content.add(p, None, s))
        };
        let family = put(&mut space, value("Family").into());
        let work = put(&mut space, value("Work").into());
        let goal = |space: &mut Space| {
            space.clock += 1;
            let goal = space.goal(client());
            let profile = GoalProfile {
                values: vec![family, work],
                ..GoalProfile::of(goal)
            };
            (goal, put(space, profile.into()))
        };
        let (kept, profile) = goal(&mut space);
        let (_, other) = goal(&mut space);
        space.clock += 1;
        let friends = value("Friends");
        let renamed = space.put(client(), |p, s| p.change(None, family, &friends, s));
        let removed = space.put(client(), |p, s| Kind::Value.remove(p, None, work, s));

        let plan = space.plan();
        let chosen = plan.chosen(&[kept].into(), &BTreeSet::new(), day(9));
        let with = [profile, family, work, renamed, removed];
        assert!(with.iter().all(|id| chosen.contains_key(id)));
        assert!(!chosen.contains_key(&other));
        space
            .records
            .retain(|stored| chosen.contains_key(&stored.record.id));
        let copied = space.plan();
        assert_eq!(copied.left_out(), []);
        let values = copied.items(Kind::Value);
        assert_eq!(values.len(), 1);
        assert_eq!(values[0].content, friends.into());
    }

    #[test]
    fn what_was_withdrawn_and_corrected_goes_along_as_withdrawn_or_not_at_all() {
        let mut space = Space::default();
        let kept = space.goal(client());
        space.clock += 1;
        let left = space.goal(client());
        let wrong = space.say(kept, Outcome::Done, 3);
        let correct = |space: &mut Space, old: RecordId| {
            space.clock += 1;
            let (plan, log) = (space.plan(), space.log());
            let new = NewCheckIn {
                date: Some(day(3)),
                replaces: vec![old.into()],
                ..NewCheckIn::new(kept, Outcome::Partial)
            };
            let stamp = Space::stamp(client(), space.clock);
            let record = new.record(&plan, Some(&log), &stamp).unwrap();
            space.store(record, client())
        };
        let right = correct(&mut space, wrong);
        let other = space.say(left, Outcome::Done, 3);
        let withdraw = |space: &mut Space, records: Vec<RecordId>| {
            space.clock += 1;
            let stamp = Space::stamp(client(), space.clock);
            let withdrawal = NewWithdrawal { records };
            let record = space.log().withdraw(&withdrawal, &stamp).unwrap();
            space.store(record, client())
        };
        let mut alone = space.clone();
        let taken_back = withdraw(&mut alone, vec![wrong]);
        let (chosen, _) = alone.log().chosen(&[kept].into(), day(1));
        let mut expected = [wrong, right, taken_back];
        expected.sort_unstable();
        assert_eq!(chosen.into_keys().collect::<Vec<_>>(), expected);
        // Together with what is not to be seen.
        withdraw(&mut space, vec![wrong, other]);
        let (chosen, _) = space.log().chosen(&[kept].into(), day(1));
        assert_eq!(chosen.into_keys().collect::<Vec<_>>(), []);
    }

    /// The new people would read what the ones before were there for.
    #[test]
    fn grants_that_are_over_stay_behind() {
        let mut space = Space::default();
        let grant = |space: &mut Space, until| {
            space.clock += 1;
            let new = NewGrant {
                person: therapist().person,
                scope: GrantScope::Plan,
                purpose: "Therapy".into(),
                from: Some(day(1)),
                until,
            };
            space.put(client(), |_, stamp| new.record(stamp))
        };
        let over = grant(&mut space, Some(day(5)));
        let holds = grant(&mut space, None);
        let chosen = space.plan().chosen(&[].into(), &[].into(), day(9));
        assert!(chosen.contains_key(&holds) && !chosen.contains_key(&over));
    }
}
