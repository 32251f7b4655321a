//! Goals: what people agree on.

use std::sync::Arc;

use chrono::NaiveDate;
use waymark_core::catalogue::Language;
use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{
    GoalId, GoalThread, GoalView, MeasureId, MeasureView, NewGoal, NewMeasure, NewRevision,
    NewSettings, NewStatus, NewWithdrawal, PlanView, PlanWarning, RecordId, RevisionId, Schedule,
    SettingsView, SmartIssue, SmartReport, StatusView, Target, Verdict,
};

use crate::session::Session;

/// A goal to create, with its first wording.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct GoalDraft {
    /// What is to be reached, in the client's words; 1 to 500 characters.
    pub statement: String,
    /// The area of life, in the client's own words; at most 100 characters.
    #[uniffi(default)]
    pub area: Option<String>,
    /// How much of what.
    #[uniffi(default)]
    pub target: Option<Target>,
    /// On which days. Without one no day is expected.
    #[uniffi(default)]
    pub schedule: Option<Schedule>,
    /// The first day on which it may hold; without one, as soon as it is agreed.
    #[uniffi(default)]
    pub effective_from: Option<NaiveDate>,
    /// Why, at most 500 characters.
    #[uniffi(default)]
    pub rationale: Option<String>,
}

impl GoalDraft {
    fn parts(self) -> (NewGoal, NewRevision) {
        let revision = NewRevision {
            // The core puts the new goal's here.
            goal: GoalId([0; 16]),
            replaces: Vec::new(),
            statement: self.statement,
            target: self.target,
            schedule: self.schedule,
            effective_from: self.effective_from,
            rationale: self.rationale,
        };
        (NewGoal { area: self.area }, revision)
    }
}

/// Goals, revisions, verdicts, measures and settings of plans.
#[derive(uniffi::Object)]
pub struct Goals(pub(crate) Arc<Session>);

#[uniffi::export]
impl Goals {
    /// Creates a goal with its first wording. A client's holds on the client's word; a therapist's
    /// is a proposal.
    ///
    /// # Errors
    /// `invalid_input` names the field and its limit; `not_found`, `not_allowed`, `locked`, or the
    /// storage's.
    pub fn create(&self, plan: PlanId, goal: GoalDraft) -> Result<GoalId, WaymarkError> {
        let (goal, revision) = goal.parts();
        self.0.call(|c| c.goals().create(plan, &goal, &revision))
    }

    /// Proposes another wording, target or schedule, and agrees to it.
    ///
    /// # Errors
    /// As for creating a goal.
    pub fn propose(&self, plan: PlanId, revision: NewRevision) -> Result<RevisionId, WaymarkError> {
        self.0.call(|c| c.goals().propose(plan, &revision))
    }

    /// Says yes or no to a proposal.
    ///
    /// # Errors
    /// `invalid_input` where the proposal is no longer open; else as for creating a goal.
    pub fn decide(
        &self,
        plan: PlanId,
        revision: RevisionId,
        verdict: Verdict,
    ) -> Result<RecordId, WaymarkError> {
        self.0.call(|c| c.goals().decide(plan, revision, verdict))
    }

    /// Makes a goal of an aspiration: creates it with its first wording and a profile that names the
    /// aspiration.
    ///
    /// # Errors
    /// `not_found` for an unknown aspiration; else as for creating a goal.
    pub fn refine(
        &self,
        plan: PlanId,
        aspiration: RecordId,
        goal: GoalDraft,
    ) -> Result<GoalId, WaymarkError> {
        let (goal, revision) = goal.parts();
        self.0
            .call(|c| c.goals().refine(plan, aspiration, &goal, &revision))
    }

    /// Gives a goal another status. `anyway` makes it active also where the plan's limit is reached:
    /// for who was asked and wants it.
    ///
    /// # Errors
    /// `too_many_active` where one more goal would be active than the plan's limit; else as for
    /// creating a goal.
    #[uniffi::method(default(anyway = false))]
    pub fn set_status(
        &self,
        plan: PlanId,
        status: NewStatus,
        anyway: bool,
    ) -> Result<RecordId, WaymarkError> {
        self.0.call(|c| match anyway {
            true => c.goals().set_status_anyway(plan, &status),
            false => c.goals().set_status(plan, &status),
        })
    }

    /// Puts a goal right behind another in the list, or first. Two devices that do so offline end with
    /// one list.
    ///
    /// # Errors
    /// `not_found` for an unknown goal, `not_allowed` for who is not the client, `locked`, or the
    /// storage's.
    #[uniffi::method(default(after = None))]
    pub fn reorder(
        &self,
        plan: PlanId,
        goal: GoalId,
        after: Option<GoalId>,
    ) -> Result<(), WaymarkError> {
        self.0.call(|c| c.goals().reorder(plan, goal, after))
    }

    /// Puts a goal into the focus: what the client looks at first for now. Beyond the plan's limit of
    /// active goals that is a warning, and stops nothing. Two devices that choose offline end with what
    /// both chose.
    ///
    /// # Errors
    /// `not_found` for an unknown goal, `not_allowed` for who is not the client, `locked`, or the
    /// storage's.
    pub fn focus_on(&self, plan: PlanId, goal: GoalId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.goals().focus_on(plan, goal))
    }

    /// Takes a goal out of the focus, if it was chosen.
    ///
    /// # Errors
    /// As for putting it there.
    pub fn leave_focus(&self, plan: PlanId, goal: GoalId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.goals().leave_focus(plan, goal))
    }

    /// The goals in the focus, in the order of the list. One that is over or on hold is in no focus, and
    /// is again when it goes on.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn focus(&self, plan: PlanId) -> Result<Vec<GoalView>, WaymarkError> {
        self.0.call(|c| c.goals().focus(plan))
    }

    /// Defines a measure, or replaces its definition.
    ///
    /// # Errors
    /// As for creating a goal.
    pub fn define_measure(
        &self,
        plan: PlanId,
        measure: NewMeasure,
    ) -> Result<MeasureId, WaymarkError> {
        self.0.call(|c| c.goals().define_measure(plan, &measure))
    }

    /// Changes the plan's settings.
    ///
    /// # Errors
    /// As for creating a goal.
    pub fn set_settings(
        &self,
        plan: PlanId,
        settings: NewSettings,
    ) -> Result<RecordId, WaymarkError> {
        self.0.call(|c| c.goals().set_settings(plan, &settings))
    }

    /// Takes records of the plan back. They stay in the document; views leave them out.
    ///
    /// # Errors
    /// As for creating a goal.
    pub fn withdraw(
        &self,
        plan: PlanId,
        withdrawal: NewWithdrawal,
    ) -> Result<RecordId, WaymarkError> {
        self.0.call(|c| c.goals().withdraw(plan, &withdrawal))
    }

    /// The goals as they stand today, in the order that people gave them. Those that nobody moved come
    /// behind, by the date until which they go, then oldest first.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn list(&self, plan: PlanId) -> Result<Vec<GoalView>, WaymarkError> {
        self.0.call(|c| c.goals().list(plan))
    }

    /// One goal as it stands today.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn get(&self, plan: PlanId, goal: GoalId) -> Result<GoalView, WaymarkError> {
        self.0.call(|c| c.goals().get(plan, goal))
    }

    /// Every status that a goal was given, in the order of the dates from which they count.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn status_history(
        &self,
        plan: PlanId,
        goal: GoalId,
    ) -> Result<Vec<StatusView>, WaymarkError> {
        self.0.call(|c| c.goals().status_history(plan, goal))
    }

    /// The ways from what a person longs for to what is done next that lead through an aspiration, a
    /// goal or an action step.
    ///
    /// # Errors
    /// `not_found` where it is none of the three, `locked`, or the storage's.
    pub fn threads(&self, plan: PlanId, of: RecordId) -> Result<Vec<GoalThread>, WaymarkError> {
        self.0.call(|c| c.goals().threads(plan, of))
    }

    /// How SMART a goal is, with a question for each letter that is open.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn smart(&self, plan: PlanId, goal: GoalId) -> Result<SmartReport, WaymarkError> {
        self.0.call(|c| c.goals().smart(plan, goal))
    }

    /// The measures, by label.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn measures(&self, plan: PlanId) -> Result<Vec<MeasureView>, WaymarkError> {
        self.0.call(|c| c.goals().measures(plan))
    }

    /// The settings that hold.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn settings(&self, plan: PlanId) -> Result<SettingsView, WaymarkError> {
        self.0.call(|c| c.goals().settings(plan))
    }

    /// Today's date by the plan's cut-off hour: on a device of the client's in the zone that it is in, on
    /// others' in the client's zone, as the plan last knew it.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn today(&self, plan: PlanId) -> Result<NaiveDate, WaymarkError> {
        self.0.call(|c| c.goals().today(plan))
    }

    /// The whole plan as it stands today.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn view(&self, plan: PlanId) -> Result<PlanView, WaymarkError> {
        self.0.call(|c| c.goals().view(plan))
    }
}

/// What is open about a goal, as a question in a language.
#[uniffi::export]
pub fn smart_question(language: Language, issue: SmartIssue) -> String {
    issue.question(language)
}

/// What people should know about a plan, as a sentence in a language.
#[uniffi::export]
pub fn plan_warning(language: Language, warning: PlanWarning) -> String {
    warning.sentence(language)
}
