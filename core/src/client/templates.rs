//! Goals that begin with a template of the catalogue.

use super::goals::{Goals, agree_to_last};
use super::write::Step;
use super::{PlanId, WaymarkError, space_of};
use crate::catalogue::{Language, template};
use crate::model::{GoalId, MeasureId, NewGoal, Plan, RecordId, Stamp};

impl Goals<'_> {
    /// Creates a goal from a template, in the words of a language, with a measure where something is
    /// counted. From then on it is the person's own.
    ///
    /// # Errors
    /// `not_found` for an unknown template; else as [`Goals::create`].
    pub fn begin_with(
        &self,
        plan: PlanId,
        key: &str,
        language: Language,
    ) -> Result<GoalId, WaymarkError> {
        let unknown = || WaymarkError::not_found(format!("template {key}"));
        let template = template(key).ok_or_else(unknown)?;
        let goal = NewGoal {
            area: Some(template.area(language)),
        };
        let id = |made: &[RecordId], place: usize| made.get(place).copied();
        let begin = |_: &[RecordId], plan: &Plan, stamp: &Stamp| goal.record(plan, stamp);
        let measure = template.measure(language);
        let measure = measure.as_ref().map(|measure| {
            move |_: &[RecordId], plan: &Plan, stamp: &Stamp| measure.record(plan, stamp)
        });
        let word = |made: &[RecordId], plan: &Plan, stamp: &Stamp| {
            let goal = GoalId::from(id(made, 0).unwrap_or(RecordId([0; 16])));
            let counted = id(made, 1).map(MeasureId::from);
            template
                .revision(language, goal, counted)
                .record(plan, stamp)
        };
        let mut steps: Vec<&Step<'_>> = vec![&begin];
        steps.extend(measure.as_ref().map(|measure| measure as &Step<'_>));
        steps.extend([&word as &Step<'_>, &agree_to_last]);
        let made = self.0.write_steps(space_of(plan), &steps);
        made.map(GoalId::from)
    }
}
