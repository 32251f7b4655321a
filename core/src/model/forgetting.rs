//! What belongs to something that is to be forgotten, and goes with it.
//!
//! To a goal belong its statuses, its wordings with what was said of them, its check-ins, the notes
//! about any of these with their texts, what takes back nothing else; and the measures that nothing
//! else names. To a check-in belongs what it corrects and what corrects it. What this version cannot
//! read and names any of it belongs to it, too.

use std::collections::{BTreeMap, BTreeSet};

use crate::forgotten::Forgotten;
use crate::model::ids::{MeasureId, RecordId, TextId};
use crate::model::kinds::check_in::CheckIn;
use crate::model::kinds::measure::Measure;
use crate::model::kinds::{Kind, Record};
use crate::model::record::read;

/// A record, as far as this version can read it.
#[expect(clippy::large_enum_variant, reason = "nearly every record is known")]
enum Told<'a> {
    Known(Record),
    Unknown(&'a [u8]),
}

/// What is named and all that belongs to it among these records, of whatever documents.
pub(crate) fn belonging<'a>(
    records: impl IntoIterator<Item = (RecordId, &'a [u8])>,
    named: &Forgotten,
) -> Forgotten {
    let told = records.into_iter().map(|(id, bytes)| {
        let told = read(bytes).map_or(Told::Unknown(bytes), Told::Known);
        (id, told)
    });
    let told: BTreeMap<RecordId, Told<'a>> = told.collect();
    let mut gone = named.clone();
    loop {
        let before = gone.len();
        for (id, told) in &told {
            let belongs = gone.records.contains(id)
                || match told {
                    Told::Known(record) => belongs(record, &gone),
                    Told::Unknown(bytes) => names(bytes, &gone),
                };
            if belongs {
                gone.records.insert(*id);
                // A goal keeps what one of its links replaced; an entry and an item are one thing.
                if let Told::Known(record) = told
                    && (record.kind() == Kind::CheckIn || record.kind().place().is_some())
                {
                    gone.records.extend(record.replaces());
                }
            }
        }
        gone.texts.extend(texts(&told, &gone));
        if gone.len() == before {
            break;
        }
    }
    let is_goal = |id| matches!(told.get(id), Some(Told::Known(Record::Goal(_))));
    if gone.records.iter().any(is_goal) {
        let measures = measures(&told, &gone);
        gone.records.extend(measures);
    }
    gone
}

/// What goes of some records, and of the texts that their notes tell of: those that are about something
/// which is neither among them nor known otherwise, since it was forgotten while they were written, and
/// those that are about what is known to be `forgotten`, with that itself.
pub(crate) fn about_nothing(
    records: &[(RecordId, &[u8])],
    is_known: &dyn Fn(RecordId) -> bool,
    forgotten: &Forgotten,
) -> Forgotten {
    let own: BTreeSet<RecordId> = records.iter().map(|(id, _)| *id).collect();
    let mut missing = forgotten.clone();
    for record in records.iter().filter_map(|(_, bytes)| read(bytes).ok()) {
        let about = record.belongs_to().into_iter();
        missing
            .records
            .extend(about.filter(|id| !own.contains(id) && !is_known(*id)));
    }
    let mut gone = belonging(records.iter().copied(), &missing);
    gone.records
        .retain(|id| own.contains(id) || forgotten.records.contains(id));
    gone
}

/// Whether a record is about something that goes.
fn belongs(record: &Record, gone: &Forgotten) -> bool {
    let goes = |id: RecordId| gone.records.contains(&id);
    let mut about = record.belongs_to().into_iter();
    match record {
        Record::Note(note) => about.any(goes) || gone.texts.contains(&note.text),
        Record::Withdrawal(_) => about.all(goes),
        _ => about.any(goes),
    }
}

/// Whether bytes that cannot be read hold the name of something that goes.
fn names(bytes: &[u8], gone: &Forgotten) -> bool {
    let mut windows = bytes.windows(RecordId([0; 16]).0.len());
    windows.any(|window| {
        let id = window.try_into().map(RecordId);
        id.is_ok_and(|id| gone.records.contains(&id))
    })
}

/// The texts of the notes that go, and of no note that stays.
fn texts(told: &BTreeMap<RecordId, Told<'_>>, gone: &Forgotten) -> BTreeSet<TextId> {
    let notes = told.iter().filter_map(|(id, told)| match told {
        Told::Known(Record::Note(note)) => Some((gone.records.contains(id), note.text)),
        _ => None,
    });
    let (go, stay): (Vec<_>, Vec<_>) = notes.partition(|(goes, _)| *goes);
    let texts = go.into_iter().map(|(_, text)| text);
    let stays = |text: &TextId| stay.iter().any(|(_, other)| other == text);
    texts.filter(|text| !stays(text)).collect()
}

/// The measures, in all their versions, that what goes names and nothing that stays.
fn measures(told: &BTreeMap<RecordId, Told<'_>>, gone: &Forgotten) -> BTreeSet<RecordId> {
    let named = told.iter().flat_map(|(id, told)| {
        let goes = gone.records.contains(id);
        named_by(told).into_iter().map(move |id| (goes, id))
    });
    let (go, stay): (Vec<_>, Vec<_>) = named.partition(|(goes, _)| *goes);
    let stay: BTreeSet<RecordId> = stay.into_iter().map(|(_, id)| id).collect();
    let go = go.into_iter().map(|(_, id)| id);
    let go: BTreeSet<RecordId> = go.filter(|id| !stay.contains(id)).collect();
    let first = |id: &RecordId, measure: &Measure| measure.measure(*id).record();
    let versions = told.iter().filter_map(|(id, told)| match told {
        Told::Known(Record::Measure(measure)) => Some((*id, first(id, measure))),
        _ => None,
    });
    versions
        .filter(|(_, first)| go.contains(first))
        .map(|(id, _)| id)
        .collect()
}

/// The measures that a record names by their first version.
fn named_by(told: &Told<'_>) -> Vec<RecordId> {
    match told {
        Told::Known(Record::CheckIn(CheckIn { ratings, .. })) => {
            ratings.keys().map(|id| id.record()).collect()
        }
        Told::Known(Record::GoalRevision(revision)) => {
            let target = revision.target.as_ref();
            let measure = target.and_then(|target| target.measure);
            measure.map(MeasureId::record).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, day, mood, per_day, revision, therapist};
    use crate::model::{
        GoalId, NewCheckIn, NewMeasure, NewNote, NewRecord, NewRevision, NewWithdrawal, Outcome,
        Rating, Verdict,
    };

    fn all(space: &Space, named: &[RecordId]) -> Forgotten {
        let named = Forgotten {
            records: named.iter().copied().collect(),
            ..Forgotten::default()
        };
        let records = space.records.iter();
        belonging(
            records.map(|s| (s.record.id, s.record.bytes.as_slice())),
            &named,
        )
    }

    fn check_in(space: &mut Space, new: NewCheckIn) -> RecordId {
        space.clock += 1;
        let (plan, log) = (space.plan(), space.log());
        let record = new.record(&plan, Some(&log), &Space::stamp(client(), space.clock));
        space.store(record.unwrap(), client())
    }

    fn on(goal: GoalId, date: u32) -> NewCheckIn {
        NewCheckIn {
            date: Some(day(date)),
            ..NewCheckIn::new(goal, Outcome::Done)
        }
    }

    fn put(space: &mut Space, make: impl FnOnce(&mut Space) -> RecordId) -> RecordId {
        space.clock += 1;
        make(space)
    }

    /// Something of a goal that is to be forgotten would stay with everybody, or something of another
    /// one go for ever.
    #[test]
    fn to_a_goal_belongs_what_speaks_of_it_and_nothing_else() {
        let mut space = Space::default();
        let goal = space.goal(client());
        space.clock += 1;
        let other = space.goal(therapist());
        let measure = |space: &mut Space, new: NewMeasure| {
            put(space, |space| {
                space.put(client(), |plan, stamp| new.record(plan, stamp))
            })
        };
        let own = measure(&mut space, mood());
        let version = NewMeasure {
            measure: Some(own.into()),
            label: "Urge, in the evening".into(),
            ..mood()
        };
        let version = measure(&mut space, version);
        let label = "Both".into();
        let shared = measure(&mut space, NewMeasure { label, ..mood() });
        let unused = "Unused".into();
        let unused = measure(
            &mut space,
            NewMeasure {
                label: unused,
                ..mood()
            },
        );
        space.clock += 1;
        let wording = NewRevision {
            target: Some(per_day(1.0, own.into())),
            ..revision(goal)
        };
        let wording = space.propose(client(), wording, 1);
        space.verdict(therapist(), wording, Verdict::Agree, 1);
        let agreed = space.records.last().unwrap().record.id;
        let others_wording = space.propose(client(), revision(other), 1);
        let rated = NewCheckIn {
            ratings: vec![Rating {
                measure: shared.into(),
                value: 1,
            }],
            ..on(goal, 2)
        };
        let first = check_in(&mut space, rated.clone());
        let seen = NewCheckIn {
            goal: Some(other),
            revision_seen: Some(wording),
            ..rated
        };
        let of_other = check_in(&mut space, seen);
        let note = |space: &mut Space, text: u8, about: Option<RecordId>| {
            let note = NewNote {
                text: TextId([text; 16]),
                about,
                title: None,
            };
            put(space, |space| {
                space.put(therapist(), |plan, stamp| note.record(plan, stamp))
            })
        };
        let about = note(&mut space, 1, Some(wording.record()));
        let alone = note(&mut space, 2, None);
        let shared_text = note(&mut space, 2, Some(goal.record()));
        let withdraw = |space: &mut Space, records: Vec<RecordId>| {
            let withdrawal = NewWithdrawal { records };
            put(space, |space| {
                space.put(therapist(), |plan, stamp| plan.withdraw(&withdrawal, stamp))
            })
        };
        let of_its_own = withdraw(&mut space, vec![about]);
        let of_both = withdraw(&mut space, vec![about, alone]);

        let gone = all(&space, &[goal.record()]);
        for id in [
            goal.record(),
            wording.record(),
            agreed,
            first,
            about,
            shared_text,
            of_its_own,
            own,
            version,
        ] {
            assert!(gone.records.contains(&id), "{id}");
        }
        for id in [
            other.record(),
            others_wording.record(),
            of_other,
            alone,
            of_both,
            shared,
            unused,
        ] {
            assert!(!gone.records.contains(&id), "{id}");
        }
        // A text goes with its last note.
        assert_eq!(gone.texts, [TextId([1; 16])].into());
    }

    /// What a check-in said before it was corrected would stay, or come back.
    #[test]
    fn to_a_check_in_belong_its_corrections_and_what_it_corrected() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let (first, twice) = (
            check_in(&mut space, on(goal, 3)),
            check_in(&mut space, on(goal, 3)),
        );
        let correcting = |old: &[RecordId]| NewCheckIn {
            replaces: old.iter().map(|id| (*id).into()).collect(),
            ..on(goal, 3)
        };
        let both = check_in(&mut space, correcting(&[first, twice]));
        let again = check_in(&mut space, correcting(&[both]));
        let another = check_in(&mut space, on(goal, 4));
        for named in [first, twice, both, again] {
            let gone = all(&space, &[named]);
            assert_eq!(gone.records, [first, twice, both, again].into());
        }
        assert_eq!(all(&space, &[another]).records, [another].into());
    }

    /// What was written offline about something forgotten would come back, or what is about something
    /// else go with it.
    #[test]
    fn what_is_about_what_is_not_here_is_told_from_all_else() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let known = check_in(&mut space, on(goal, 1));
        let missing = GoalId([9; 16]);
        let orphan = NewCheckIn::new(missing, Outcome::Done);
        let orphan = put(&mut space, |space| {
            let plan = space.plan();
            let at = Space::stamp(client(), space.clock);
            let mut record = on(goal, 2).record(&plan, Some(&space.log()), &at).unwrap();
            let named = |id: GoalId| id.record().0;
            let (from, to) = (named(goal), named(orphan.goal.unwrap()));
            let at = record.bytes.windows(16).position(|w| w == from).unwrap();
            record.bytes[at..at + 16].copy_from_slice(&to);
            record.id = RecordId::of(&record.bytes);
            space.store(record, client())
        });
        let records: Vec<_> = space
            .records
            .iter()
            .map(|stored| (stored.record.id, stored.record.bytes.as_slice()))
            .collect();
        let unsent: Vec<_> = records
            .iter()
            .copied()
            .filter(|(id, _)| *id == known || *id == orphan)
            .collect();
        let is_here = |id: RecordId| id == goal.record();
        let nothing = Forgotten::default();
        let gone = about_nothing(&unsent, &is_here, &nothing);
        assert_eq!(gone.records, [orphan].into());
        let gone = about_nothing(&records, &|_| false, &nothing);
        assert_eq!(gone.records, [orphan].into());
    }

    /// A newer app's words about a goal would stay, because an older one forgets it.
    #[test]
    fn what_cannot_be_read_and_names_it_goes_along() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let newer = |id: RecordId| {
            let bytes = [&[0xa2, 0, 23, 1, 0x50][..], &id.0].concat();
            NewRecord {
                id: RecordId::of(&bytes),
                document: crate::model::DocumentKey::PLAN,
                bytes,
            }
        };
        let about = space.store(newer(goal.record()), client());
        let other = space.store(newer(RecordId([3; 16])), client());
        let gone = all(&space, &[goal.record()]);
        assert!(gone.records.contains(&about) && !gone.records.contains(&other));
        let text = Forgotten {
            texts: [TextId([9; 16])].into(),
            ..Forgotten::default()
        };
        assert_eq!(belonging([], &text), text);
    }
}
