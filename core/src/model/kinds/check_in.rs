//! A check-in: what the client did on a day, with a quantity, ratings and a note. It never
//! changes; a correction is another check-in that replaces it.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::Outcome;
use crate::model::document::DocumentKey;
use crate::model::ids::{CheckInId, GoalId, MeasureId, RecordId, RevisionId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::json;
use crate::model::kinds::Kind;
use crate::model::left_out::Reason;
use crate::model::log::Log;
use crate::model::plan::Plan;
use crate::model::quantity::Quantity;
use crate::model::record::{Home, RecordKind, write};
use crate::model::records::{Entry, Records};
use crate::model::text::{
    LABEL_LIMIT, LINK_LIMIT, NOTE_LIMIT, TextField, check_count, in_range, read_links,
};
use crate::model::time::{
    OFFSET_LIMIT, is_zone_name, local_date, offset_minutes, read_date, read_instant, write_date,
    write_instant, zone,
};
use crate::role::Role;

const NOTE: TextField = TextField::optional("note", NOTE_LIMIT);
const UNIT: TextField = TextField::required("unit", LABEL_LIMIT);

/// A check-in as stored. Date, zone and offset are those of the device at the moment.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct CheckIn {
    #[n(0)]
    pub(crate) kind: Kind,
    #[n(1)]
    pub(crate) at: i64,
    #[n(2)]
    pub(crate) goal: Option<GoalId>,
    #[n(3)]
    pub(crate) date: i32,
    #[n(4)]
    pub(crate) time_zone: String,
    #[n(5)]
    pub(crate) offset: i16,
    #[n(6)]
    pub(crate) outcome: u8,
    #[n(7)]
    pub(crate) quantity: Option<Quantity>,
    #[n(8)]
    pub(crate) unit: Option<String>,
    #[n(9)]
    #[cbor(skip_if = "BTreeMap::is_empty")]
    pub(crate) ratings: BTreeMap<MeasureId, i32>,
    #[n(10)]
    pub(crate) note: Option<String>,
    #[n(11)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub(crate) replaces: Vec<CheckInId>,
    #[n(12)]
    pub(crate) revision_seen: Option<RevisionId>,
}

impl RecordKind for CheckIn {
    const WRITERS: &'static [Role] = &[Role::Client];
    const ACTION: &'static str = "check in";
    const WITHDRAWABLE: bool = true;

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Log(read_date(self.date)?))
    }

    fn check(&self) -> Result<(), Reason> {
        read_instant(self.at)?;
        read_date(self.date)?;
        Outcome::read(self.outcome)?;
        in_range(is_zone_name(&self.time_zone))?;
        in_range((-OFFSET_LIMIT..=OFFSET_LIMIT).contains(&self.offset))?;
        in_range(self.quantity.is_none_or(Quantity::in_range))?;
        UNIT.read_opt(self.unit.as_deref())?;
        NOTE.read_opt(self.note.as_deref())?;
        read_links(self.ratings.len() + self.replaces.len() + 2)
    }

    fn links(&self) -> Vec<RecordId> {
        let replaced = self.replaces.iter().map(|id| id.record());
        let rated = self.ratings.keys().map(|id| id.record());
        let goal = self.goal.map(GoalId::record);
        let seen = self.revision_seen.map(RevisionId::record);
        replaced.chain(rated).chain(goal).chain(seen).collect()
    }

    fn belongs_to(&self) -> Vec<RecordId> {
        let goal = self.goal.map(GoalId::record);
        self.replaces().into_iter().chain(goal).collect()
    }

    fn replaces(&self) -> Vec<RecordId> {
        self.replaces.iter().map(|id| id.record()).collect()
    }

    /// A correction keeps goal and month: an entry must not count in two places.
    fn refer(entry: Entry<'_, Self>, records: &Records) -> Result<(), Reason> {
        for old in &entry.record.replaces {
            match records.get::<Self>(old.record()) {
                Some(old) => in_range(old.record.goal == entry.record.goal)?,
                None if records.knows(old.record()) => {}
                None => return Err(Reason::UnknownReference),
            }
        }
        Ok(())
    }
}

impl CheckIn {
    /// Whether it counts beside the plan.
    pub(crate) fn fits(&self, plan: &Plan) -> Result<(), Reason> {
        let goal = self
            .goal
            .map(|goal| plan.goal_state(goal).ok_or(Reason::UnknownReference));
        let state = goal.transpose()?;
        for (measure, value) in &self.ratings {
            let state = plan
                .measure_state(*measure)
                .ok_or(Reason::UnknownReference)?;
            in_range(state.admits(plan.records(), *value))?;
        }
        let date = read_date(self.date)?;
        let revision = state.and_then(|state| state.history.in_force_on(date));
        in_range(plan.takes_unit(revision, self.unit.as_deref()))
    }

    /// What it says about its day.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::read(self.outcome).unwrap_or(Outcome::NoteOnly)
    }
}

/// A check-in to log.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NewCheckIn {
    /// The goal it is about; none for a mood on its own.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
    /// The day it is about; without one it is the stamp's local date.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub date: Option<NaiveDate>,
    /// What it says about the day.
    pub outcome: Outcome,
    /// An amount from 0 to 1,000,000,000 with at most three decimals.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub quantity: Option<f64>,
    /// The unit of the amount; without one it is that of the goal's target.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub unit: Option<String>,
    /// Up to 62, each measure once.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub ratings: Vec<Rating>,
    /// At most 4,000 characters.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub note: Option<String>,
    /// The entries it corrects, of the same goal and month.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub replaces: Vec<CheckInId>,
    /// The revision that the app showed.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub revision_seen: Option<RevisionId>,
}

/// One rating.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Rating {
    /// What was rated.
    pub measure: MeasureId,
    /// How.
    pub value: i32,
}

impl NewCheckIn {
    /// A check-in about a goal that says only that much.
    pub fn new(goal: GoalId, outcome: Outcome) -> Self {
        Self {
            goal: Some(goal),
            date: None,
            outcome,
            quantity: None,
            unit: None,
            ratings: Vec::new(),
            note: None,
            replaces: Vec::new(),
            revision_seen: None,
        }
    }

    /// Makes the record. `log` is that of its month; only a correction needs it.
    ///
    /// # Errors
    /// If goal, measure or a corrected entry is unknown, a rating lies outside its measure, the
    /// unit is not that of the target, the note is too long, or the role is not the client's.
    pub fn record(
        &self,
        plan: &Plan,
        log: Option<&Log>,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError> {
        let date = self.checked_date(plan, stamp)?;
        self.check_corrections(date, log)?;
        self.made_on(date, plan, stamp)
    }

    /// Makes the record of a correction whose entry is made with it, and so is in no log yet.
    pub(crate) fn made(&self, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        self.made_on(self.checked_date(plan, stamp)?, plan, stamp)
    }

    fn made_on(
        &self,
        date: NaiveDate,
        plan: &Plan,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError> {
        let tz = zone(&stamp.time_zone)?;
        if let Some(goal) = self.goal {
            let state = plan.goal_state(goal).ok_or(InputError::UnknownGoal(goal))?;
            if !plan.takes_unit(state.history.in_force_on(date), self.unit.as_deref()) {
                return Err(InputError::OtherUnit(goal));
            }
        }
        let links = self.ratings.len() + self.replaces.len();
        check_count("ratings and corrected entries", links, LINK_LIMIT - 2)?;
        let quantity =
            |amount| Quantity::new(amount).ok_or(InputError::NotAnAmount { field: "quantity" });
        let mut replaces = self.replaces.clone();
        replaces.sort_unstable();
        replaces.dedup();
        let check_in = CheckIn {
            kind: Kind::CheckIn,
            at: write_instant(stamp.at)?,
            goal: self.goal,
            date: write_date("date", date)?,
            time_zone: tz.name().to_owned(),
            offset: offset_minutes(stamp.at, tz),
            outcome: self.outcome.code(),
            quantity: self.quantity.map(quantity).transpose()?,
            unit: self.unit.clone(),
            ratings: self.checked_ratings(plan)?,
            note: self.note.clone(),
            replaces,
            revision_seen: self.revision_seen,
        };
        write(&check_in, stamp)
    }

    /// The day, where the texts can be kept.
    fn checked_date(&self, plan: &Plan, stamp: &Stamp) -> Result<NaiveDate, InputError> {
        NOTE.check_opt(self.note.as_deref())?;
        UNIT.check_opt(self.unit.as_deref())?;
        let tz = zone(&stamp.time_zone)?;
        let today = || local_date(stamp.at, tz, plan.known_settings().cut_off_hour);
        Ok(self.date.unwrap_or_else(today))
    }

    fn checked_ratings(&self, plan: &Plan) -> Result<BTreeMap<MeasureId, i32>, InputError> {
        let mut ratings = BTreeMap::new();
        for rating in self.ratings.iter().copied() {
            plan.check_rating(rating)?;
            let Rating { measure, value } = rating;
            if ratings.insert(measure, value).is_some() {
                return Err(InputError::RatedTwice(measure));
            }
        }
        Ok(ratings)
    }

    fn check_corrections(&self, date: NaiveDate, log: Option<&Log>) -> Result<(), InputError> {
        for id in &self.replaces {
            let unknown = InputError::UnknownCheckIn(*id);
            let log = log.ok_or(unknown.clone())?;
            let old = log.records().get::<CheckIn>(id.record()).ok_or(unknown)?;
            if old.record.goal != self.goal || DocumentKey::log(date) != Some(log.month()) {
                return Err(InputError::CorrectionMoves(*id));
            }
        }
        Ok(())
    }
}

/// A check-in.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CheckInView {
    /// The check-in.
    pub id: CheckInId,
    /// The goal it is about.
    pub goal: Option<GoalId>,
    /// The day it is about, as stamped.
    #[serde(serialize_with = "json::date")]
    pub date: NaiveDate,
    /// When it was written, by the device's clock.
    #[serde(serialize_with = "json::instant")]
    pub at: DateTime<Utc>,
    /// The device's time zone at that moment.
    pub time_zone: String,
    /// Minutes ahead of UTC at that moment.
    pub offset_minutes: i16,
    /// What it says about the day.
    pub outcome: Outcome,
    /// The amount.
    pub quantity: Option<f64>,
    /// The unit of the amount, if it was given.
    pub unit: Option<String>,
    /// The ratings, by measure.
    pub ratings: Vec<Rating>,
    /// The note.
    pub note: Option<String>,
    /// What it corrects.
    pub replaces: Vec<CheckInId>,
    /// Whether it counts, and if not, why.
    pub state: CheckInState,
    /// It corrects an entry that was withdrawn at the same time: the correction counts, people
    /// should look.
    pub corrects_withdrawn: bool,
}

/// Whether a check-in counts.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum CheckInState {
    /// It counts.
    Counted,
    /// A correction counts instead.
    Replaced,
    /// It is one of several corrections of an entry, and another one counts.
    SetAside,
    /// It was taken back.
    Withdrawn,
}

/// A check-in as an app sees it.
pub(crate) fn view(
    entry: Entry<'_, CheckIn>,
    state: CheckInState,
    corrects_withdrawn: bool,
) -> Option<CheckInView> {
    let stored = entry.record;
    let rating = |(measure, value): (&MeasureId, &i32)| Rating {
        measure: *measure,
        value: *value,
    };
    Some(CheckInView {
        id: entry.id.into(),
        goal: stored.goal,
        date: read_date(stored.date).ok()?,
        at: read_instant(stored.at).ok()?,
        time_zone: stored.time_zone.clone(),
        offset_minutes: stored.offset,
        outcome: stored.outcome(),
        quantity: stored.quantity.map(Quantity::amount),
        unit: stored.unit.clone(),
        ratings: stored.ratings.iter().map(rating).collect(),
        note: stored.note.clone(),
        replaces: stored.replaces.clone(),
        state,
        corrects_withdrawn,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RecordId;
    use crate::model::testing::{Space, client, mood, therapist};

    #[test]
    fn a_check_in_is_small_enough_for_weeks_offline() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let calm = space.put(client(), |p, s| mood().record(p, s)).into();
        space.clock += 1;
        let energy = space.put(client(), |p, s| mood().record(p, s)).into();
        let check_in = NewCheckIn {
            ratings: vec![
                Rating {
                    measure: calm,
                    value: 7,
                },
                Rating {
                    measure: energy,
                    value: 3,
                },
            ],
            note: Some("a".repeat(80)),
            ..NewCheckIn::new(goal, Outcome::Done)
        };
        let record = check_in
            .record(&space.plan(), None, &Space::stamp(client(), 5))
            .unwrap();
        assert!(record.bytes.len() <= 190, "{} bytes", record.bytes.len());
    }

    #[test]
    fn a_rating_outside_its_measure_is_refused_and_left_out_where_it_arrives() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let measure: MeasureId = space.put(client(), |p, s| mood().record(p, s)).into();
        let rated = |value| NewCheckIn {
            ratings: vec![Rating { measure, value }],
            ..NewCheckIn::new(goal, Outcome::NoteOnly)
        };
        let error = space.refused(client(), |p, s| rated(11).record(p, None, s));
        assert_eq!(
            error.to_string(),
            format!("rating 11 of measure {measure} is outside 0–10")
        );
        let inside = space.put(client(), |p, s| rated(10).record(p, None, s));
        // The same from a device that did not check.
        let mut record: CheckIn = minicbor::decode(space.bytes(inside)).unwrap();
        record.ratings.insert(measure, 11);
        let outside = space.put(client(), |_, s| write(&record, s));
        let log = space.log();
        let view = log.view(&space.plan());
        assert_eq!(view.check_ins.len(), 1);
        assert_eq!(
            (view.left_out[0].id, view.left_out[0].reason),
            (outside, Reason::OutOfRange)
        );
    }

    #[test]
    fn narrowing_a_scale_later_makes_no_old_rating_disappear() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let measure: MeasureId = space.put(client(), |p, s| mood().record(p, s)).into();
        let rated = |value| NewCheckIn {
            ratings: vec![Rating { measure, value }],
            ..NewCheckIn::new(goal, Outcome::NoteOnly)
        };
        space.put(client(), |p, s| rated(9).record(p, None, s));
        let narrow = crate::model::NewMeasure {
            measure: Some(measure),
            max: 5,
            ..mood()
        };
        space.put(client(), |p, s| narrow.record(p, s));
        assert_eq!(space.log().view(&space.plan()).check_ins.len(), 1);
        let error = space.refused(client(), |p, s| rated(9).record(p, None, s));
        assert_eq!(
            error,
            InputError::RatingOutside {
                measure,
                value: 9,
                min: 0,
                max: 5
            }
        );
    }

    #[test]
    fn only_the_client_checks_in() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let check_in = NewCheckIn::new(goal, Outcome::Done);
        let error = space.refused(therapist(), |p, s| check_in.record(p, None, s));
        assert_eq!(error.to_string(), "a therapist may not check in");
        let smuggled = space.forge(therapist(), |plan| {
            check_in.record(plan, None, &Space::stamp(client(), 0))
        });
        assert_eq!(
            space.log().view(&space.plan()).left_out[0].reason,
            Reason::OutOfRole
        );
        assert_eq!(space.log().view(&space.plan()).left_out[0].id, smuggled);
    }

    #[test]
    fn a_correction_of_what_is_not_there_is_refused() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let lost = CheckInId::from(RecordId([9; 16]));
        let check_in = NewCheckIn {
            replaces: vec![lost],
            ..NewCheckIn::new(goal, Outcome::Done)
        };
        let log = space.log();
        let error = space.refused(client(), |p, s| check_in.record(p, Some(&log), s));
        assert_eq!(error, InputError::UnknownCheckIn(lost));
    }

    #[test]
    fn a_smuggled_correction_of_another_goals_entry_counts_nowhere() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let other = space.goal(client());
        let check_in = NewCheckIn::new(goal, Outcome::Done);
        let entry = space.put(client(), |p, s| check_in.record(p, None, s));
        let log = space.log();
        let moved = NewCheckIn {
            replaces: vec![entry.into()],
            ..NewCheckIn::new(other, Outcome::Done)
        };
        let error = space.refused(client(), |p, s| moved.record(p, Some(&log), s));
        assert_eq!(error, InputError::CorrectionMoves(entry.into()));
        // The same from a device that did not check, and one that corrects nothing known.
        let mut record: CheckIn = minicbor::decode(space.bytes(entry)).unwrap();
        record.goal = Some(other);
        record.replaces = vec![entry.into()];
        let moved = space.put(client(), |_, s| write(&record, s));
        record.replaces = vec![RecordId([9; 16]).into()];
        let orphan = space.put(client(), |_, s| write(&record, s));
        let view = space.log().view(&space.plan());
        assert_eq!(view.check_ins.len(), 1);
        assert_eq!(view.check_ins[0].state, CheckInState::Counted);
        let reason = |id| {
            view.left_out
                .iter()
                .find(|left| left.id == id)
                .map(|left| left.reason)
        };
        assert_eq!(reason(moved), Some(Reason::OutOfRange));
        assert_eq!(reason(orphan), Some(Reason::UnknownReference));
    }
}
