//! Practice: minutes of a day, and the timers that count them.

use std::sync::Arc;

use chrono::{Days, NaiveDate};

use super::{Inner, PlanId, WaymarkError, space_of};
use crate::model::{
    DocumentKey, GoalId, InputError, NewPractice, PracticeDay, RecordId, RunningTimer, TimerStart,
    practice_days, running_timers, stop_timer,
};

/// How far back a timer that runs is looked for, in days.
const REACH: u64 = 31;

/// Practice of a plan.
#[derive(Clone, Copy)]
pub struct Practice<'c>(pub(super) &'c Arc<Inner>);

impl Practice<'_> {
    /// Logs practice: a check-in where the goal counts minutes, else a reading, which counts toward
    /// nothing.
    ///
    /// # Errors
    /// `invalid_input` names the field and its limit; `not_found` for an unknown goal; `not_allowed`,
    /// or the storage's.
    pub fn log(&self, plan: PlanId, practice: &NewPractice) -> Result<RecordId, WaymarkError> {
        self.0.write(space_of(plan), None, |plan, stamp| {
            practice.record(plan, stamp)
        })
    }

    /// Starts a timer. It runs until somebody stops it, also over a restart and on the client's other
    /// devices. To let go of it without logging anything, remove the [item](super::Items::remove).
    ///
    /// # Errors
    /// As [`Practice::log`].
    pub fn start(&self, plan: PlanId, timer: TimerStart) -> Result<RecordId, WaymarkError> {
        super::Items(self.0).add(plan, timer)
    }

    /// The timers that run, oldest first: those that were started within a month.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn running(&self, plan: PlanId) -> Result<Vec<RunningTimer>, WaymarkError> {
        let today = super::Goals(self.0).today(plan)?;
        let from = today.checked_sub_days(Days::new(REACH)).unwrap_or(today);
        // Whoever travels may have started one on what is tomorrow here.
        let to = today.succ_opt().unwrap_or(today);
        let (folded, logs) = self.0.seen(plan, from, to)?;
        Ok(running_timers(&folded, &logs, self.0.now()))
    }

    /// Stops a timer and logs its minutes on the day on which it was started. `minutes`, 0 to 1,440,
    /// are told where it ran on unnoticed. Where two devices stop it, neither of which has heard of the
    /// other, it counts once. The id is that of what was logged.
    ///
    /// # Errors
    /// `not_found` where no such timer runs; else as [`Practice::log`].
    pub fn stop(
        &self,
        plan: PlanId,
        timer: RecordId,
        minutes: Option<u16>,
    ) -> Result<RecordId, WaymarkError> {
        let mut running = self.running(plan)?.into_iter();
        let month = running.find(|running| running.id == timer);
        let month = month.and_then(|timer| DocumentKey::log(timer.date));
        let month = month.ok_or(InputError::UnknownRecord(timer))?;
        self.0
            .write_all_in_month(space_of(plan), month, |plan, log, stamp| {
                stop_timer(plan, log, timer, minutes, stamp)
            })
    }

    /// The days with practice between two dates, both included: with a goal, what was noted for that
    /// goal alone.
    ///
    /// # Errors
    /// `not_found`, or the storage's; `invalid_input` where the range is longer than ten years.
    pub fn days(
        &self,
        plan: PlanId,
        goal: Option<GoalId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<PracticeDay>, WaymarkError> {
        let (folded, logs) = self.0.seen(plan, from, to)?;
        Ok(practice_days(&folded, &logs, goal, &(from..=to)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{Phone, day};
    use crate::model::Kind;

    const MINUTE: i64 = 60_000;

    fn minutes(phone: &Phone, goal: Option<GoalId>) -> Vec<(NaiveDate, f64)> {
        let practice = phone.client.practice();
        let days = practice.days(phone.plan, goal, day(1), day(31)).unwrap();
        days.iter().map(|day| (day.date, day.minutes)).collect()
    }

    /// Somebody who sat twice would see one of both, or no day at all.
    #[test]
    fn what_a_timer_counted_joins_what_was_told() {
        let phone = Phone::new();
        let goal = phone.goal("Sit");
        let practice = phone.client.practice();
        let told = NewPractice {
            goal: Some(goal),
            minutes: 4,
            ..NewPractice::default()
        };
        practice.log(phone.plan, &told).unwrap();
        let timer = TimerStart {
            goal: Some(goal),
            practice: Some("Breathing".into()),
        };
        let timer = practice.start(phone.plan, timer).unwrap();
        phone.clock.advance(6 * MINUTE + 59_000);
        let running = practice.running(phone.plan).unwrap();
        assert_eq!((running[0].id, running[0].minutes), (timer, 6));
        practice.stop(phone.plan, timer, None).unwrap();
        assert_eq!(practice.running(phone.plan).unwrap(), []);
        assert_eq!(minutes(&phone, Some(goal)), [(day(1), 10.0)]);
        let again = practice.stop(phone.plan, timer, None).unwrap_err();
        assert_eq!(again.code(), "not_found");
    }

    /// A timer of last month's last evening could not be stopped this month.
    #[test]
    fn a_timer_that_ran_into_the_next_month_counts_on_its_day() {
        let phone = Phone::new();
        phone.clock.advance(30 * 24 * 60 * MINUTE);
        let practice = phone.client.practice();
        let timer = practice.start(phone.plan, TimerStart::default()).unwrap();
        phone.clock.advance(24 * 60 * MINUTE);
        let long = practice.stop(phone.plan, timer, Some(1_441)).unwrap_err();
        assert_eq!(long.code(), "invalid_input");
        practice.stop(phone.plan, timer, Some(15)).unwrap();
        assert_eq!(minutes(&phone, None), [(day(31), 15.0)]);
    }

    /// Whoever pressed start by mistake would have practised.
    #[test]
    fn a_timer_that_is_let_go_of_logs_nothing() {
        let phone = Phone::new();
        let practice = phone.client.practice();
        let timer = practice.start(phone.plan, TimerStart::default()).unwrap();
        let items = phone.client.items();
        let gone = items.remove(phone.plan, Kind::TimerStart, timer, Some(day(1)));
        gone.unwrap();
        assert_eq!(practice.running(phone.plan).unwrap(), []);
        assert_eq!(minutes(&phone, None), []);
    }
}
