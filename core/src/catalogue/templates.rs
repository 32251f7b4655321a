//! Templates of goals: a beginning that a person makes their own.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::catalogue::{Language, Texts, texts};
use crate::model::{
    Comparison, GoalId, MeasureId, NewMeasure, NewRevision, Period, Schedule, SchedulePattern,
    Target, Weekday,
};

/// The largest amount that a template's measure takes as a rating; amounts have their own range.
const MEASURE_MAX: i32 = 10;

/// A template of a goal. Its texts are `template.<key>.area`, `.statement`, `.rationale`, `.measure`
/// where it has a target, and `.step.1` and on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The key.
    pub key: String,
    /// On which days.
    pub schedule: TemplateSchedule,
    /// How much, where something is counted.
    pub target: Option<TemplateTarget>,
    /// How many first steps it suggests.
    pub steps: u8,
}

/// The days of a template.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateSchedule {
    /// Every day.
    Daily {},
    /// So many times in an ISO week.
    TimesAWeek {
        /// How many, 1 to 7.
        times: u16,
    },
    /// On these weekdays, as ISO 8601 numbers them.
    Weekdays {
        /// 1 is Monday.
        days: Vec<u8>,
    },
}

/// The amount of a template.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateTarget {
    /// At least so much.
    pub value: f64,
    /// `min`, `count` or `steps`.
    pub unit: String,
    /// `day`, `week` or `month`.
    pub period: String,
}

/// Every template.
pub fn templates() -> &'static [Template] {
    static ALL: LazyLock<Vec<Template>> =
        LazyLock::new(|| serde_json::from_str(include_str!("templates.json")).unwrap_or_default());
    &ALL
}

/// The template with this key.
pub fn template(key: &str) -> Option<&'static Template> {
    templates().iter().find(|template| template.key == key)
}

impl Template {
    /// The area of life.
    pub fn area(&self, language: Language) -> String {
        self.say(texts(language), "area")
    }

    /// The first steps that it suggests.
    pub fn steps(&self, language: Language) -> Vec<String> {
        let step = |number| self.say(texts(language), &format!("step.{number}"));
        (1..=self.steps).map(step).collect()
    }

    /// What is counted, to define before the wording is written; none where nothing is.
    pub fn measure(&self, language: Language) -> Option<NewMeasure> {
        let target = self.target.as_ref()?;
        Some(NewMeasure {
            measure: None,
            label: self.say(texts(language), "measure"),
            min: 0,
            max: MEASURE_MAX,
            step: 1,
            unit: Some(target.unit.clone()),
            low_label: None,
            high_label: None,
        })
    }

    /// The wording of a goal. `measure` is the one that was defined for it.
    pub fn revision(
        &self,
        language: Language,
        goal: GoalId,
        measure: Option<MeasureId>,
    ) -> NewRevision {
        let texts = texts(language);
        NewRevision {
            goal,
            replaces: Vec::new(),
            statement: self.say(texts, "statement"),
            target: measure.and_then(|measure| self.counted(measure)),
            schedule: Some(Schedule {
                pattern: self.pattern(),
                ..Schedule::daily()
            }),
            effective_from: None,
            rationale: Some(self.say(texts, "rationale")),
        }
    }

    fn counted(&self, measure: MeasureId) -> Option<Target> {
        let target = self.target.as_ref()?;
        let period = Period::ALL.iter().find(|p| p.as_str() == target.period)?;
        Some(Target {
            measure: Some(measure),
            comparison: Comparison::AtLeast,
            value: Some(target.value),
            unit: None,
            period: *period,
            due: None,
        })
    }

    fn pattern(&self) -> SchedulePattern {
        match &self.schedule {
            TemplateSchedule::Daily {} => SchedulePattern::Daily,
            TemplateSchedule::TimesAWeek { times } => SchedulePattern::TimesAWeek { times: *times },
            TemplateSchedule::Weekdays { days } => {
                let known = days.iter().filter_map(|day| Weekday::read(*day).ok());
                SchedulePattern::Weekdays {
                    days: known.collect(),
                }
            }
        }
    }

    fn say(&self, texts: &Texts, what: &str) -> String {
        let key = format!("template.{}.{what}", self.key);
        texts.say(&key, &[]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NewGoal;
    use crate::model::testing::{Space, client};

    /// A person who begins with a template would be told that the engine's own words are wrong.
    #[test]
    fn every_template_makes_a_goal_in_every_language() {
        assert!(templates().len() >= 6);
        for language in Language::ALL {
            for template in templates() {
                let mut space = Space::default();
                let goal = NewGoal {
                    area: Some(template.area(*language)),
                };
                let goal = space.put(client(), |plan, stamp| goal.record(plan, stamp));
                let measure = template.measure(*language).map(|measure| {
                    MeasureId::from(space.put(client(), |plan, stamp| measure.record(plan, stamp)))
                });
                let revision = template.revision(*language, goal.into(), measure);
                assert_eq!(revision.target.is_some(), template.target.is_some());
                space.put(client(), |plan, stamp| revision.record(plan, stamp));
                let steps = template.steps(*language);
                assert!(!steps.is_empty() && steps.iter().all(|step| !step.is_empty()));
            }
        }
    }
}
