//! Goals that begin with a template of the catalogue.

use super::goals::{Goals, agree_to_last};
use super::{PlanId, WaymarkError, space_of};
use crate::catalogue::{Language, template};
use crate::model::{GoalId, MeasureId, NewGoal, RecordId};

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
        let begun = |made: &[RecordId]| GoalId::from(id(made, 0).unwrap_or(RecordId([0; 16])));
        let made = match template.measure(language) {
            Some(measure) => self.0.write_steps(
                space_of(plan),
                &[
                    &|_, plan, stamp| goal.record(plan, stamp),
                    &|_, plan, stamp| measure.record(plan, stamp),
                    &|made, plan, stamp| {
                        let counted = id(made, 1).map(MeasureId::from);
                        let wording = template.revision(language, begun(made), counted);
                        wording.record(plan, stamp)
                    },
                    &agree_to_last,
                ],
            ),
            None => self.0.write_steps(
                space_of(plan),
                &[
                    &|_, plan, stamp| goal.record(plan, stamp),
                    &|made, plan, stamp| {
                        let wording = template.revision(language, begun(made), None);
                        wording.record(plan, stamp)
                    },
                    &agree_to_last,
                ],
            ),
        };
        made.map(GoalId::from)
    }
}
