//! Days on which a goal asks for nothing because of where it stood: on hold, over, or not wanted.
//!
//! Where a goal stood on a date is what the statuses say that were given up to it: those of them that no
//! other of them has replaced, in the end. While two contradict each other it is the newest status that
//! both come from. A status counts from the local date on that its device stamped, that whole date
//! included. Of a clock that ran wrong only the dates are wrong: what replaces its status holds over it
//! on every date from its own on.

use chrono::NaiveDate;

use crate::model::chain::Chain;
use crate::model::codes::LifecycleStatus;
use crate::model::day::DayPlan;
use crate::model::ids::RecordId;
use crate::model::kinds::settings::SettingsView;
use crate::model::kinds::status::{self, GoalStatus};
use crate::model::records::{Entry, Records};

/// What days mean for a goal by where it stood, from a date on until the next; none where it ran.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Resting(Vec<(NaiveDate, Option<DayPlan>)>);

impl Resting {
    /// By the statuses of a goal and their chain.
    pub(crate) fn of(
        records: &Records,
        chain: &Chain,
        statuses: &[Entry<'_, GoalStatus>],
        settings: &SettingsView,
    ) -> Self {
        let dated =
            |entry: &Entry<'_, GoalStatus>| Some((entry.record.counts_from(settings)?, entry.id));
        let mut dated: Vec<_> = statuses.iter().filter_map(dated).collect();
        dated.sort_unstable();
        let ancestry = chain.ancestry();
        let (mut heads, mut changes): (Vec<RecordId>, Vec<_>) = (Vec::new(), Vec::new());
        for given in dated.chunk_by(|(one, _), (other, _)| one == other) {
            for (_, id) in given {
                if !heads.iter().any(|head| ancestry.is_above(*id, *head)) {
                    heads.retain(|head| !ancestry.is_above(*head, *id));
                    heads.push(*id);
                }
            }
            let meant = meant(status::of(records, &ancestry, &heads));
            let before = changes.last().and_then(|(_, plan)| *plan);
            if let Some((date, _)) = given.first().filter(|_| meant != before) {
                changes.push((*date, meant));
            }
        }
        Self(changes)
    }

    /// What a date means, unless the goal ran on it.
    pub(crate) fn on(&self, date: NaiveDate) -> Option<DayPlan> {
        let begun = self.0.partition_point(|(from, _)| *from <= date);
        self.0.get(begun.checked_sub(1)?)?.1
    }
}

/// What a day means while a goal stands there, unless it runs.
const fn meant(status: LifecycleStatus) -> Option<DayPlan> {
    match status {
        _ if status.runs() => None,
        LifecycleStatus::OnHold => Some(DayPlan::Paused),
        _ => Some(DayPlan::NotScheduled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::write;
    use crate::model::testing::{Space, client, day};
    use crate::model::{GoalId, Kind, NewSettings, NewStatus};

    /// Milliseconds of a device's clock at noon in Berlin on a day of May.
    fn noon(on: i64) -> i64 {
        (on - 1) * 86_400_000
    }

    fn give(space: &mut Space, goal: GoalId, at: i64, to: LifecycleStatus) {
        let status = NewStatus {
            goal,
            to,
            achievement: None,
            reason: None,
        };
        space.clock = at;
        space.put(client(), |plan, stamp| status.record(plan, stamp));
    }

    fn plans(space: &Space, goal: GoalId, days: std::ops::RangeInclusive<u32>) -> Vec<DayPlan> {
        let schedule = crate::model::Schedule::daily();
        let off = space.plan().days_off(goal);
        days.map(|on| off.plan_of(&schedule, day(on))).collect()
    }

    fn settle(space: &mut Space, cut_off_hour: u8, zone: &str) {
        let settings = NewSettings {
            cut_off_hour: Some(cut_off_hour),
            time_zone: Some(zone.into()),
            ..NewSettings::default()
        };
        space.put(client(), |plan, stamp| settings.record(plan, stamp));
    }

    /// A day at whose end the client set the goal aside would be asked for all the same, or the one
    /// before it would not; and after a journey it would be another.
    #[test]
    fn a_status_counts_on_the_date_that_its_device_stamped_wherever_the_client_goes_later() {
        use DayPlan::{Expected, Paused};
        let mut space = Space::default();
        let goal = space.goal(client());
        settle(&mut space, 4, "Asia/Tokyo");
        // The device is in Berlin: 01:59 and 02:00 UTC are 03:59 and 04:00 there.
        let four = noon(3) + 16 * 3_600_000;
        let mut earlier = space.clone();
        give(&mut earlier, goal, four - 60_000, LifecycleStatus::OnHold);
        assert_eq!(plans(&earlier, goal, 2..=4), [Expected, Paused, Paused]);
        give(&mut space, goal, four, LifecycleStatus::OnHold);
        assert_eq!(plans(&space, goal, 2..=4), [Expected, Expected, Paused]);
        settle(&mut space, 11, "Pacific/Honolulu");
        assert_eq!(plans(&space, goal, 2..=4), [Expected, Expected, Paused]);
        give(&mut space, goal, noon(6), LifecycleStatus::Active);
        assert_eq!(plans(&space, goal, 5..=6), [Paused, Expected]);
        let history = space.plan().status_history(goal);
        let dates: Vec<_> = history.iter().map(|status| status.date).collect();
        assert_eq!(dates, [day(4), day(6)]);
        assert_eq!(history[1].replaces, [history[0].id]);
    }

    /// What an earlier version wrote would take no day off.
    #[test]
    fn a_status_without_a_date_counts_in_the_zone_and_with_the_cut_off_of_the_plan() {
        use DayPlan::{Expected, Paused};
        let mut space = Space::default();
        let goal = space.goal(client());
        settle(&mut space, 4, "Asia/Tokyo");
        // 18:59 and 19:00 UTC are 03:59 and 04:00 of the day after.
        let of_the_third = noon(3) + (9 * 60 - 1) * 60_000;
        for (at, on) in [(of_the_third, 3), (of_the_third + 60_000, 4)] {
            let stamp = Space::stamp(client(), at);
            let status = GoalStatus {
                kind: Kind::GoalStatus,
                at: stamp.at.timestamp_millis(),
                goal,
                to: LifecycleStatus::OnHold.code(),
                replaces: Vec::new(),
                reason: None,
                achievement: None,
                date: None,
            };
            let mut space = space.clone();
            space.store(write(&status, &stamp).unwrap(), client());
            assert_eq!(space.plan().status_history(goal)[0].date, day(on));
            let meant = |of_may| if of_may < on { Expected } else { Paused };
            assert_eq!(plans(&space, goal, 2..=5), [2, 3, 4, 5].map(meant));
        }
    }

    /// Two devices would show other days as missed, or one of two answers would win unseen.
    #[test]
    fn while_two_contradict_each_other_what_both_come_from_says_what_its_days_mean() {
        use DayPlan::{Expected, NotScheduled, Paused};
        let mut space = Space::default();
        let goal = space.goal(client());
        give(&mut space, goal, noon(2), LifecycleStatus::OnHold);
        let mut phone = space.clone();
        give(&mut phone, goal, noon(4), LifecycleStatus::Active);
        give(&mut space, goal, noon(6), LifecycleStatus::Completed);
        let before = space.clone();
        space.merge(&phone);
        phone.merge(&before);
        // Alone until the other came.
        assert_eq!(
            plans(&space, goal, 3..=7),
            [Paused, Expected, Expected, Paused, Paused]
        );
        assert_eq!(plans(&phone, goal, 1..=31), plans(&space, goal, 1..=31));
        give(&mut space, goal, noon(8), LifecycleStatus::Completed);
        assert_eq!(plans(&space, goal, 7..=8), [Paused, NotScheduled]);
    }

    /// Whoever set a clock right would wait for its goal until the wrong date.
    #[test]
    fn what_was_given_with_a_wrong_clock_ends_with_what_replaces_it() {
        use DayPlan::{Expected, NotScheduled};
        let mut space = Space::default();
        let goal = space.goal(client());
        give(&mut space, goal, noon(3), LifecycleStatus::Cancelled);
        give(&mut space, goal, noon(20), LifecycleStatus::Active);
        give(&mut space, goal, noon(5), LifecycleStatus::Cancelled);
        give(&mut space, goal, noon(7), LifecycleStatus::Active);
        assert_eq!(
            plans(&space, goal, 2..=7),
            [
                Expected,
                NotScheduled,
                NotScheduled,
                NotScheduled,
                NotScheduled,
                Expected
            ]
        );
        assert_eq!(plans(&space, goal, 19..=20), [Expected, Expected]);
    }

    /// What was only proposed or agreed to would never be asked for.
    #[test]
    fn a_goal_asks_from_its_proposal_on_and_not_once_it_is_over_or_on_hold() {
        for status in LifecycleStatus::ALL {
            let runs = meant(*status).is_none();
            let is_asking =
                ["proposed", "planned", "accepted", "active"].contains(&status.as_str());
            assert_eq!(runs, is_asking, "{status:?}");
        }
    }
}
