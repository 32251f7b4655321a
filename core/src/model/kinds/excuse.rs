//! That a day asks nothing of anybody, for every goal. The client's device writes it by itself
//! (`model/short_days.rs`), and the client takes it back by removing it.
//!
//! Its bytes say neither which device found it, nor when or where: two phones that travelled along
//! excuse the day once, and what was taken back on one comes from neither of them again.

use chrono::{DateTime, NaiveDate, Utc};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::codes;
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::item::{Changes, Fields, Place};
use crate::model::kinds::Kind;
use crate::model::log::Log;
use crate::model::plan::Plan;
use crate::model::short_days::{Stay, short_days};
use crate::role::Role;

codes! {
    /// Why a day is excused by itself.
    ExcuseReason {
        /// It lasted less than twelve hours on the client's device, by travel or by law.
        ShortDay = 1 "short_day",
    }
}

/// An excused day, whatever goal it is about.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Excuse {
    /// Why.
    #[n(0)]
    pub reason: ExcuseReason,
}

impl Fields for Excuse {
    const KIND: Kind = Kind::Excuse;
    const KEYS: u64 = 1;
    const ACTION: &'static str = "excuse a day";
    const WRITERS: &'static [Role] = &[Role::Client];
    const CHANGES: Changes = Changes::Never;
    const PLACE: Place = Place::Log;
    const TWINS: bool = true;

    fn check(&self) -> Result<(), InputError> {
        Ok(())
    }

    #[cfg(test)]
    fn sample(_: &mut crate::model::testing::Space) -> Self {
        SHORT_DAY
    }
}

/// The excuse of a day that was too short.
const SHORT_DAY: Excuse = Excuse {
    reason: ExcuseReason::ShortDay,
};

impl Plan {
    /// The [short days](short_days) on which something was to be done.
    pub fn short_days(&self, stays: &[Stay], now: DateTime<Utc>) -> Vec<NaiveDate> {
        let begun = self.goal_ids().into_iter();
        let Some(first) = begun.filter_map(|goal| self.first_in_force(goal)).min() else {
            return Vec::new();
        };
        let mut short = short_days(stays, now, self.known_settings().cut_off_hour);
        short.retain(|date| first <= *date);
        short
    }
}

impl Log {
    /// Makes the record that excuses a day of this month because it was too short. None where it was
    /// excused already, also where that was taken back.
    ///
    /// # Errors
    /// If the role is not the client's.
    pub fn excuse(
        &self,
        plan: &Plan,
        date: NaiveDate,
        stamp: &Stamp,
    ) -> Result<Option<NewRecord>, InputError> {
        let record = plan.add(&SHORT_DAY, Some(date), stamp)?;
        let known = self.records().item(Excuse::KIND, record.id);
        Ok(known.is_none().then_some(record))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use chrono_tz::Tz;

    use super::*;
    use crate::model::testing::{Space, client, day, revision, therapist};
    use crate::model::{
        DayResult, GoalId, NewCheckIn, Outcome, RecordId, day_results, progress, projection_hash,
    };

    /// A goal in force from the 1st of May 2026, and a client who flew from Honolulu to Auckland: of
    /// the 11th there were eight hours.
    fn flown() -> (Space, GoalId, [Stay; 2]) {
        let mut space = Space::default();
        let goal = space.goal(client());
        space.propose(client(), revision(goal), 1);
        let since = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let stays = [
            Stay {
                since: since("2026-04-01T00:00:00Z"),
                zone: Tz::Pacific__Honolulu,
            },
            Stay {
                since: since("2026-05-11T07:00:00Z"),
                zone: Tz::Pacific__Auckland,
            },
        ];
        (space, goal, stays)
    }

    /// Writes the excuses that a device finds when it is looked for them.
    fn look(space: &mut Space, stays: &[Stay], device: u8) -> Vec<RecordId> {
        let now = stays[1].since + TimeDelta::days(3);
        (space.device, space.clock) = (device, space.clock + 1_000);
        let stamp = Space::stamp(client(), space.clock);
        let (plan, log) = (space.plan(), space.log());
        let short = plan.short_days(stays, now).into_iter();
        let records: Vec<_> = short
            .filter_map(|date| log.excuse(&plan, date, &stamp).unwrap())
            .collect();
        records
            .into_iter()
            .map(|record| space.store(record, client()))
            .collect()
    }

    fn results(space: &Space, goal: GoalId) -> Vec<DayResult> {
        let dates = day(10)..=day(12);
        let views = day_results(&space.plan(), &[space.log()], goal, dates, day(13)).unwrap();
        views.iter().map(|view| view.result).collect()
    }

    /// Two phones in one bag would excuse a day twice, and one of them would do so again after it was
    /// taken back.
    #[test]
    fn two_phones_with_the_same_short_day_excuse_it_once_and_undo_it_once() {
        use DayResult::{Excused, Missed};
        let (mut phone, goal, stays) = flown();
        let mut tablet = phone.clone();
        let ids = look(&mut phone, &stays, 1);
        assert_eq!(ids.len(), 1);
        assert_eq!(look(&mut tablet, &stays, 2), ids);
        phone.merge(&tablet);
        tablet.merge(&phone);
        let hash = |space: &Space| projection_hash(&space.plan(), &[space.log()]);
        assert_eq!(hash(&phone), hash(&tablet));
        let (plan, log) = (phone.plan(), phone.log());
        assert_eq!(log.items(Kind::Excuse, &plan).len(), 1);
        assert_eq!(results(&phone, goal), [Missed, Excused, Missed]);
        assert!(
            look(&mut phone, &stays, 1).is_empty(),
            "it is there already"
        );

        let view = day_results(&plan, &[log], goal, day(11)..=day(11), day(13)).unwrap();
        let excuse = view[0].excuse.unwrap();
        assert_eq!(excuse, ids[0]);
        phone.clock += 1;
        let log = phone.log();
        phone.put(client(), |p, s| {
            Kind::Excuse.remove(p, Some(&log), excuse, s)
        });
        assert_eq!(results(&phone, goal), [Missed, Missed, Missed]);
        tablet.merge(&phone);
        assert!(look(&mut tablet, &stays, 2).is_empty());
        assert_eq!(results(&tablet, goal), [Missed, Missed, Missed]);
    }

    /// A journey would end a streak, or what was done on the way would not count.
    #[test]
    fn it_excuses_every_goal_and_what_was_done_counts_all_the_same() {
        let (mut space, goal, stays) = flown();
        let other = space.goal(client());
        space.propose(client(), revision(other), 1);
        for (of, on) in (9..=10)
            .chain(12..=13)
            .map(|on| (goal, on))
            .chain([(other, 11)])
        {
            space.clock += 1;
            let check_in = NewCheckIn {
                date: Some(day(on)),
                ..NewCheckIn::new(of, Outcome::Done)
            };
            space.put(client(), |plan, stamp| check_in.record(plan, None, stamp));
        }
        let streak = |space: &Space| {
            let seen = progress(&space.plan(), &[space.log()], goal, day(14), 0);
            seen.unwrap().streak
        };
        assert_eq!(streak(&space), 2);
        look(&mut space, &stays, 0);
        assert_eq!(streak(&space), 4);
        assert_eq!(results(&space, other)[1], DayResult::Done);
    }

    /// Whoever begins today would find excuses of journeys long before.
    #[test]
    fn days_before_any_goal_need_no_excuse() {
        let (_, _, stays) = flown();
        let mut space = Space::default();
        assert!(look(&mut space, &stays, 0).is_empty());
        let goal = space.goal(client());
        space.propose(client(), revision(goal), 12);
        assert!(look(&mut space, &stays, 0).is_empty());
    }

    /// A therapist's journey would excuse the client.
    #[test]
    fn only_the_clients_device_excuses() {
        let (space, _, _) = flown();
        let refused = space.refused(therapist(), |plan, stamp| {
            let excuse = space.log().excuse(plan, day(11), stamp);
            excuse.map(Option::unwrap)
        });
        assert!(refused.to_string().contains("may not excuse a day"));
    }
}
