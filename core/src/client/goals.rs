//! Goals: what people agree on.

use std::sync::Arc;

use chrono::NaiveDate;
use waymark_wire::ids::SpaceId;

use super::{Inner, PlanId, WaymarkError, space_of};
use crate::engine::Engine;
use crate::model::{
    GoalId, GoalView, InputError, MeasureId, MeasureView, NewGoal, NewMeasure, NewRecord,
    NewRevision, NewSettings, NewStatus, NewVerdict, NewWithdrawal, Plan, PlanView, RecordId,
    RevisionId, SettingsView, Stamp, StatusView, Verdict, local_date, zone,
};
use crate::role::Role;
use crate::space::Space;

/// Goals, revisions, verdicts, measures and settings of a plan.
#[derive(Clone, Copy)]
pub struct Goals<'c>(pub(super) &'c Arc<Inner>);

impl Goals<'_> {
    /// Creates a goal with its first wording. A client's holds on the client's word; a therapist's
    /// is a proposal. `revision.goal` is ignored: it is the new goal.
    ///
    /// # Errors
    /// `invalid_input` names the field and its limit; `not_found`, `not_allowed`, or the storage's.
    pub fn create(
        &self,
        plan: PlanId,
        goal: &NewGoal,
        revision: &NewRevision,
    ) -> Result<GoalId, WaymarkError> {
        let made = self.0.write_steps(
            space_of(plan),
            &[
                &|_, plan, stamp| goal.record(plan, stamp),
                &|made, plan, stamp| {
                    let goal = made.first().copied().map_or(revision.goal, GoalId::from);
                    NewRevision {
                        goal,
                        ..revision.clone()
                    }
                    .record(plan, stamp)
                },
                &agree_to_last,
            ],
        )?;
        Ok(GoalId::from(made))
    }

    /// Proposes another wording, target or schedule, and agrees to it.
    ///
    /// # Errors
    /// As [`Goals::create`].
    pub fn propose(
        &self,
        plan: PlanId,
        revision: &NewRevision,
    ) -> Result<RevisionId, WaymarkError> {
        let made = self.0.write_steps(
            space_of(plan),
            &[
                &|_: &[RecordId], p: &Plan, stamp: &Stamp| revision.record(p, stamp),
                &agree_to_last,
            ],
        )?;
        Ok(RevisionId::from(made))
    }

    /// Says yes or no to a proposal.
    ///
    /// # Errors
    /// `invalid_input` where the proposal is no longer open; else as [`Goals::create`].
    pub fn decide(
        &self,
        plan: PlanId,
        revision: RevisionId,
        verdict: Verdict,
    ) -> Result<RecordId, WaymarkError> {
        let verdict = NewVerdict {
            revision,
            verdict,
            date: None,
        };
        self.0.write(space_of(plan), None, |plan, stamp| {
            verdict.record(plan, stamp)
        })
    }

    /// Gives a goal another status.
    ///
    /// # Errors
    /// `too_many_active` where one more goal would be active than the plan's limit; else as
    /// [`Goals::create`].
    pub fn set_status(&self, plan: PlanId, status: &NewStatus) -> Result<RecordId, WaymarkError> {
        self.0.write(space_of(plan), None, |plan, stamp| {
            let record = status.record(plan, stamp)?;
            plan.has_room_for(status)?;
            Ok(record)
        })
    }

    /// Gives a goal another status, also where more goals are active than the plan's limit: for who
    /// was asked and wants it.
    ///
    /// # Errors
    /// As [`Goals::create`].
    pub fn set_status_anyway(
        &self,
        plan: PlanId,
        status: &NewStatus,
    ) -> Result<RecordId, WaymarkError> {
        self.0.write(space_of(plan), None, |plan, stamp| {
            status.record(plan, stamp)
        })
    }

    /// Defines a measure, or replaces its definition.
    ///
    /// # Errors
    /// As [`Goals::create`].
    pub fn define_measure(
        &self,
        plan: PlanId,
        measure: &NewMeasure,
    ) -> Result<MeasureId, WaymarkError> {
        let record = self
            .0
            .write(space_of(plan), None, |p, stamp| measure.record(p, stamp))?;
        Ok(measure.measure.unwrap_or_else(|| MeasureId::from(record)))
    }

    /// Changes the plan's settings.
    ///
    /// # Errors
    /// As [`Goals::create`].
    pub fn set_settings(
        &self,
        plan: PlanId,
        settings: &NewSettings,
    ) -> Result<RecordId, WaymarkError> {
        self.0.write(space_of(plan), None, |plan, stamp| {
            settings.record(plan, stamp)
        })
    }

    /// Takes records of the plan back. They stay in the document; views leave them out.
    ///
    /// # Errors
    /// As [`Goals::create`].
    pub fn withdraw(
        &self,
        plan: PlanId,
        withdrawal: &NewWithdrawal,
    ) -> Result<RecordId, WaymarkError> {
        self.0.write(space_of(plan), None, |plan, stamp| {
            plan.withdraw(withdrawal, stamp)
        })
    }

    /// The goals as they stand today, in the order that people gave them. Those that nobody moved come
    /// behind, by the date until which they go, then oldest first.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn list(&self, plan: PlanId) -> Result<Vec<GoalView>, WaymarkError> {
        Ok(self.view(plan)?.goals)
    }

    /// One goal as it stands today.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn get(&self, plan: PlanId, goal: GoalId) -> Result<GoalView, WaymarkError> {
        let (folded, today) = self.fold_today(plan)?;
        folded
            .goal(goal, today)
            .ok_or_else(|| WaymarkError::not_found(format!("goal {goal}")))
    }

    /// Every status that a goal was given, in the order of the dates from which they count.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn status_history(
        &self,
        plan: PlanId,
        goal: GoalId,
    ) -> Result<Vec<StatusView>, WaymarkError> {
        let folded = self.fold(plan)?;
        let known = folded.goal_state(goal);
        known.ok_or_else(|| WaymarkError::not_found(format!("goal {goal}")))?;
        Ok(folded.status_history(goal))
    }

    /// The measures, by label.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn measures(&self, plan: PlanId) -> Result<Vec<MeasureView>, WaymarkError> {
        Ok(self.view(plan)?.measures)
    }

    /// The settings that hold.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn settings(&self, plan: PlanId) -> Result<SettingsView, WaymarkError> {
        Ok(self.view(plan)?.settings)
    }

    /// The whole plan as it stands today.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn view(&self, plan: PlanId) -> Result<PlanView, WaymarkError> {
        let (folded, today) = self.fold_today(plan)?;
        Ok(folded.view(today))
    }

    /// Today's date by the plan's cut-off hour: on a device of the client's in the zone that it is in,
    /// which is that of what is logged there; on others' in the client's zone, as the plan last knew it.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn today(&self, plan: PlanId) -> Result<NaiveDate, WaymarkError> {
        Ok(self.fold_today(plan)?.1)
    }

    pub(super) fn fold(&self, plan: PlanId) -> Result<Arc<Plan>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        self.0.views.plan(&mut inner.engine, space_of(plan))
    }

    /// A plan with today's date there.
    pub(super) fn fold_today(&self, plan: PlanId) -> Result<(Arc<Plan>, NaiveDate), WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        self.0.plan_today(&mut inner.engine, space_of(plan))
    }
}

/// Whoever proposes something agrees to it.
pub(super) fn agree_to_last(
    made: &[RecordId],
    plan: &Plan,
    stamp: &Stamp,
) -> Result<NewRecord, InputError> {
    let revision = made.last().copied().map(RevisionId::from);
    let revision = revision.ok_or(InputError::Empty { field: "revision" })?;
    NewVerdict {
        revision,
        verdict: Verdict::Agree,
        date: None,
    }
    .record(plan, stamp)
}

impl Inner {
    /// A plan with today's date there.
    pub(super) fn plan_today(
        &self,
        engine: &mut Engine,
        id: SpaceId,
    ) -> Result<(Arc<Plan>, NaiveDate), WaymarkError> {
        let plan = self.views.plan(engine, id)?;
        let role = engine.space(&id).and_then(Space::own_role);
        let SettingsView {
            time_zone,
            cut_off_hour,
            ..
        } = plan.settings();
        let today = self.today(role, time_zone.as_deref(), cut_off_hour);
        Ok((plan, today))
    }

    /// Today's date in a plan, as [`Goals::today`] says, for this device's role and by the plan's
    /// settings.
    pub(super) fn today(
        &self,
        role: Option<Role>,
        known: Option<&str>,
        cut_off_hour: u8,
    ) -> NaiveDate {
        let known = known.filter(|_| role != Some(Role::Client));
        // A newer app may know more zones; the device's own is known.
        let known = known.and_then(|name| zone(name).ok());
        let zone = known.unwrap_or_else(|| self.zone());
        local_date(self.now(), zone, cut_off_hour)
    }
}
