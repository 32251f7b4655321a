//! SMART: whether a goal is specific, measurable, achievable, relevant and time-bound (Doran 1981,
//! Management Review 70(11)), and what could be said where it is not. A pure function of what people
//! wrote: it looks at what is there, and reads no sense into the wording.
//!
//! | | fulfilled where |
//! |---|---|
//! | specific | there are days or an amount, and the wording has at least three words |
//! | measurable | there is an amount of a measure, or so many times a week |
//! | achievable | the newest confidence is 7 or more out of 10, the threshold of Brief Action Planning (Gutnick et al. 2014) |
//! | relevant | its profile names a value that was not removed |
//! | time-bound | there is a date until which it goes, today or later |

use chrono::NaiveDate;
use serde::Serialize;

use crate::catalogue::{Argument, Language, texts};
use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::kinds::Kind;
use crate::model::kinds::schedule::SchedulePattern;
use crate::model::plan::Plan;
use crate::model::views::GoalView;

/// Words that a wording has at least.
const WORDS: usize = 3;
/// Characters that count as a word in scripts that set no spaces.
const CHARACTERS_OF_A_WORD: usize = 2;
/// Confidence at least, 0 to 10.
const CONFIDENCE: u8 = 7;

/// How a goal stands by the five letters, seen on a date. None where a letter is fulfilled.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SmartReport {
    /// The goal.
    pub goal: GoalId,
    /// How many of the five are fulfilled.
    pub fulfilled: u8,
    /// What could make it specific.
    pub specific: Option<SmartIssue>,
    /// What could make it measurable.
    pub measurable: Option<SmartIssue>,
    /// What could make it achievable.
    pub achievable: Option<SmartIssue>,
    /// What could make it relevant.
    pub relevant: Option<SmartIssue>,
    /// What could make it time-bound.
    pub time_bound: Option<SmartIssue>,
}

/// What is open about a goal, as a question that a person can answer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[non_exhaustive]
pub enum SmartIssue {
    /// Achievable: what would make the confidence one higher?
    Achievable {
        /// The newest confidence, 0 to 6.
        confidence: u8,
    },
    /// Achievable: nobody said yet how sure they are.
    AchievableUnknown,
    /// Measurable: nothing is counted.
    Measurable,
    /// Relevant: it serves no value.
    Relevant,
    /// Specific: neither days nor an amount are said.
    SpecificPlan,
    /// Specific: the wording is very short.
    SpecificWords,
    /// Time-bound: no date is said.
    TimeBound,
    /// Time-bound: the date has gone by.
    TimeBoundOver,
}

impl SmartIssue {
    /// The key of its text in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Achievable { .. } => "smart.achievable",
            Self::AchievableUnknown => "smart.achievable_unknown",
            Self::Measurable => "smart.measurable",
            Self::Relevant => "smart.relevant",
            Self::SpecificPlan => "smart.specific_plan",
            Self::SpecificWords => "smart.specific_words",
            Self::TimeBound => "smart.time_bound",
            Self::TimeBoundOver => "smart.time_bound_over",
        }
    }

    /// The question in a language.
    pub fn question(self, language: Language) -> String {
        let arguments = match self {
            Self::Achievable { confidence } => vec![Argument::new("confidence", confidence)],
            _ => Vec::new(),
        };
        let said = texts(language).say(self.key(), &arguments);
        said.unwrap_or_else(|| self.key().into())
    }
}

/// How a goal stands by the five letters. `confidence` is the newest on its ruler, 0 to 10.
///
/// # Errors
/// [`InputError::UnknownGoal`].
pub fn smart(
    plan: &Plan,
    goal: GoalId,
    confidence: Option<u8>,
    today: NaiveDate,
) -> Result<SmartReport, InputError> {
    let view = plan
        .goal(goal, today)
        .ok_or(InputError::UnknownGoal(goal))?;
    let mut values = view.profile.iter().flat_map(|profile| &profile.values);
    let living = plan.items(Kind::Value);
    let serves = values.any(|id| living.iter().any(|value| value.id == *id));
    let specific = specific(&view);
    let measurable = (!is_measurable(&view)).then_some(SmartIssue::Measurable);
    let achievable = match confidence {
        None => Some(SmartIssue::AchievableUnknown),
        Some(confidence) if confidence < CONFIDENCE => Some(SmartIssue::Achievable { confidence }),
        Some(_) => None,
    };
    let relevant = (!serves).then_some(SmartIssue::Relevant);
    let time_bound = match view.until() {
        None => Some(SmartIssue::TimeBound),
        Some(until) if until < today => Some(SmartIssue::TimeBoundOver),
        Some(_) => None,
    };
    let letters = [specific, measurable, achievable, relevant, time_bound];
    let fulfilled = letters.iter().filter(|issue| issue.is_none()).count();
    Ok(SmartReport {
        goal,
        fulfilled: u8::try_from(fulfilled).unwrap_or_default(),
        specific,
        measurable,
        achievable,
        relevant,
        time_bound,
    })
}

fn specific(goal: &GoalView) -> Option<SmartIssue> {
    let wording = goal.wording();
    let has_plan = wording.is_some_and(|wording| {
        let amount = wording.target.as_ref().and_then(|target| target.value);
        amount.is_some() || wording.schedule.is_some()
    });
    match words(&goal.statement) < WORDS {
        _ if !has_plan => Some(SmartIssue::SpecificPlan),
        true => Some(SmartIssue::SpecificWords),
        false => None,
    }
}

fn is_measurable(goal: &GoalView) -> bool {
    goal.wording().is_some_and(|wording| {
        let amount = wording.target.as_ref().and_then(|target| target.value);
        let pattern = wording.schedule.as_ref().map(|schedule| &schedule.pattern);
        amount.is_some() || matches!(pattern, Some(SchedulePattern::TimesAWeek { .. }))
    })
}

/// Words of a text: what stands between spaces, and in scripts that set none, characters by twos.
fn words(text: &str) -> usize {
    let words = text.split_whitespace().map(|part| {
        let unspaced = part.chars().filter(|c| is_unspaced(*c)).count();
        unspaced.div_ceil(CHARACTERS_OF_A_WORD).max(1)
    });
    words.sum()
}

/// Whether a character belongs to a script that sets no spaces between words: Thai, Lao, Burmese,
/// Khmer, Japanese, Chinese.
const fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::item::Fields;
    use crate::model::testing::{Space, client, day, minutes, per_day, revision};
    use crate::model::{GoalProfile, NewRevision, RecordId, Schedule, Target, Value};

    const MEDITATE: &str = "Meditate 10 min daily to reduce stress until 2026-06-30";

    /// A goal in these words, with a value.
    fn worded(
        space: &mut Space,
        wording: impl FnOnce(&mut Space, GoalId) -> NewRevision,
    ) -> GoalId {
        let goal = space.goal(client());
        let wording = wording(space, goal);
        space.propose(client(), wording, 1);
        let value = Value::sample(space);
        let value = space.put(client(), |p, s| p.add(&value, None, s));
        serves(space, goal, vec![value]);
        goal
    }

    fn serves(space: &mut Space, goal: GoalId, values: Vec<RecordId>) {
        let profile = GoalProfile {
            values,
            ..GoalProfile::of(goal)
        };
        space.clock += 1;
        space.put(client(), |p, s| p.add(&profile, None, s));
    }

    fn meditate(space: &mut Space, goal: GoalId) -> NewRevision {
        let measure = space.put(client(), |p, s| minutes().record(p, s)).into();
        NewRevision {
            statement: MEDITATE.into(),
            target: Some(Target {
                due: NaiveDate::from_ymd_opt(2026, 6, 30),
                ..per_day(10.0, measure)
            }),
            ..revision(goal)
        }
    }

    fn bare(statement: &str, goal: GoalId) -> NewRevision {
        NewRevision {
            statement: statement.into(),
            schedule: None,
            ..revision(goal)
        }
    }

    fn report(space: &Space, goal: GoalId, confidence: Option<u8>) -> SmartReport {
        smart(&space.plan(), goal, confidence, day(2)).unwrap()
    }

    /// The vector of `domain.md` row 12.
    #[test]
    fn ten_minutes_a_day_until_june_are_five_of_five() {
        let mut space = Space::default();
        let goal = worded(&mut space, meditate);
        let report = report(&space, goal, Some(8));
        assert_eq!(
            report,
            SmartReport {
                goal,
                fulfilled: 5,
                specific: None,
                measurable: None,
                achievable: None,
                relevant: None,
                time_bound: None,
            }
        );
    }

    /// The same row: of what is only wished for, three letters are open.
    #[test]
    fn to_feel_better_says_neither_what_nor_how_much_nor_until_when() {
        let mut space = Space::default();
        let goal = worded(&mut space, |_, goal| bare("feel better", goal));
        let report = report(&space, goal, Some(8));
        assert_eq!(report.specific, Some(SmartIssue::SpecificPlan));
        assert_eq!(report.measurable, Some(SmartIssue::Measurable));
        assert_eq!(report.time_bound, Some(SmartIssue::TimeBound));
        assert_eq!((report.achievable, report.relevant), (None, None));
        assert_eq!(report.fulfilled, 2);
    }

    /// Somebody who is half sure would be told no, and not asked what would help.
    #[test]
    fn below_seven_it_is_asked_what_would_make_it_one_higher() {
        let mut space = Space::default();
        let goal = worded(&mut space, meditate);
        let issue = |confidence| report(&space, goal, confidence).achievable;
        assert_eq!(issue(Some(7)), None);
        assert_eq!(issue(None), Some(SmartIssue::AchievableUnknown));
        let six = issue(Some(6)).unwrap();
        assert_eq!(six, SmartIssue::Achievable { confidence: 6 });
        assert_eq!(
            six.question(Language::English),
            "Confidence is at 6 of 10. What would make it one higher?"
        );
    }

    /// A goal would count as somebody's own although nothing of theirs speaks for it any more.
    #[test]
    fn without_a_living_value_it_is_asked_what_it_is_for() {
        let mut space = Space::default();
        let goal = worded(&mut space, meditate);
        let value = space.plan().items(Kind::Value)[0].id;
        space.clock += 1;
        space.put(client(), |p, s| Kind::Value.remove(p, None, value, s));
        let relevant = |space: &Space| report(space, goal, Some(8)).relevant;
        assert_eq!(relevant(&space), Some(SmartIssue::Relevant));
        serves(&mut space, goal, vec![]);
        assert_eq!(relevant(&space), Some(SmartIssue::Relevant));
    }

    #[test]
    fn a_date_that_has_gone_by_asks_for_another_and_the_end_of_the_days_is_one() {
        let mut space = Space::default();
        let until = |end| Schedule {
            end: Some(day(end)),
            ..Schedule::daily()
        };
        let goal = worded(&mut space, |_, goal| NewRevision {
            schedule: Some(until(9)),
            ..revision(goal)
        });
        let time_bound = |on| {
            let report = smart(&space.plan(), goal, None, day(on)).unwrap();
            report.time_bound
        };
        assert_eq!(time_bound(9), None);
        assert_eq!(time_bound(10), Some(SmartIssue::TimeBoundOver));
    }

    /// What is written in Japanese would always be called too short.
    #[test]
    fn words_are_counted_in_every_script() {
        assert_eq!(words("feel better"), 2);
        assert_eq!(words("毎日散歩する"), 3);
        assert_eq!(words("Täglich 10 Minuten gehen"), 4);
        assert_eq!(words("散歩"), 1);
        let mut space = Space::default();
        let goal = worded(&mut space, |_, goal| NewRevision {
            statement: "Walk".into(),
            ..revision(goal)
        });
        let specific = report(&space, goal, None).specific;
        assert_eq!(specific, Some(SmartIssue::SpecificWords));
    }

    #[test]
    fn every_question_stands_in_every_language() {
        let all = [
            SmartIssue::Achievable { confidence: 3 },
            SmartIssue::AchievableUnknown,
            SmartIssue::Measurable,
            SmartIssue::Relevant,
            SmartIssue::SpecificPlan,
            SmartIssue::SpecificWords,
            SmartIssue::TimeBound,
            SmartIssue::TimeBoundOver,
        ];
        for language in Language::ALL {
            for issue in all {
                assert!(
                    texts(*language).has(issue.key()),
                    "{issue:?} in {language:?}"
                );
                assert!(!issue.question(*language).contains('{'));
            }
        }
    }
}
