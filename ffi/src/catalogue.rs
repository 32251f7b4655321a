//! The catalogue: texts by key, and templates of goals.

use waymark_core::catalogue::{self, Argument, Language};
use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::GoalId;

use crate::goals::Goals;

/// A template of a goal, in the words of a language.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct GoalTemplate {
    /// What to begin a goal with it by.
    pub key: String,
    /// The area of life.
    pub area: String,
    /// The wording.
    pub statement: String,
    /// Why one might want it.
    pub rationale: String,
    /// First steps.
    pub steps: Vec<String>,
}

/// The templates of goals, in the words of a language.
#[uniffi::export]
pub fn goal_templates(language: Language) -> Vec<GoalTemplate> {
    let none = GoalId([0; 16]);
    let all = catalogue::templates().iter();
    all.map(|template| {
        let wording = template.revision(language, none, None);
        GoalTemplate {
            key: template.key.clone(),
            area: template.area(language),
            statement: wording.statement,
            rationale: wording.rationale.unwrap_or_default(),
            steps: template.steps(language),
        }
    })
    .collect()
}

/// The sentence with a key, in a language; none for an unknown key.
#[uniffi::export]
pub fn say(language: Language, key: &str, arguments: Vec<Argument>) -> Option<String> {
    catalogue::texts(language).say(key, &arguments)
}

/// The first of a phone's languages (BCP 47 tags in its order) that the catalogue speaks; English
/// where it speaks none.
#[uniffi::export]
pub fn language_of(tags: Vec<String>) -> Language {
    Language::of_tags(tags.iter().map(String::as_str))
}

#[uniffi::export]
impl Goals {
    /// Creates a goal from a template, in the words of a language, with a measure where something is
    /// counted. From then on it is the person's own.
    ///
    /// # Errors
    /// `not_found` for an unknown template; else as for creating a goal.
    pub fn begin_with(
        &self,
        plan: PlanId,
        key: &str,
        language: Language,
    ) -> Result<GoalId, WaymarkError> {
        self.0.call(|c| c.goals().begin_with(plan, key, language))
    }
}
