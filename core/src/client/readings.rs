//! Readings: what the client notes about days beside check-ins, and what follows from it.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{Inner, PlanId, WaymarkError};
use crate::model::{CopingView, GoalId, GoalRulers, ReadingView, coping, goal_rulers, readings};

/// The readings of a plan. They are written as [items](super::Items).
#[derive(Clone, Copy)]
pub struct Readings<'c>(pub(super) &'c Arc<Inner>);

impl Readings<'_> {
    /// The readings between two dates, both included, by date and instant, each with what follows from
    /// it: by how much a feeling changed, how long a night was.
    ///
    /// # Errors
    /// `not_found`, or the storage's; `invalid_input` where the range is longer than ten years.
    pub fn between(
        &self,
        plan: PlanId,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<ReadingView>, WaymarkError> {
        let (folded, logs) = self.0.seen(plan, from, to)?;
        Ok(readings(&folded, &logs, &(from..=to)))
    }

    /// How a goal's importance, confidence and readiness went between two dates, both included.
    ///
    /// # Errors
    /// As [`Readings::between`]; `not_found` for an unknown goal.
    pub fn rulers(
        &self,
        plan: PlanId,
        goal: GoalId,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<GoalRulers, WaymarkError> {
        let (folded, logs) = self.0.seen(plan, from, to)?;
        Ok(goal_rulers(&folded, &logs, goal, &(from..=to))?)
    }

    /// The coping strategies, those first that helped most on average between two dates, both included.
    /// What was not rated has no place rather than the last.
    ///
    /// # Errors
    /// As [`Readings::between`].
    pub fn coping(
        &self,
        plan: PlanId,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<CopingView>, WaymarkError> {
        let (folded, logs) = self.0.seen(plan, from, to)?;
        Ok(coping(&folded, &logs, &(from..=to)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{Phone, day};
    use crate::model::{
        CopingReading, CopingStrategy, EmotionReading, Reading, ReadingOf, Ruler, RulerReading,
    };

    fn note(phone: &Phone, of: ReadingOf, goal: Option<GoalId>, on: NaiveDate) {
        let reading = Reading {
            goal,
            ..Reading::new(of)
        };
        let items = phone.client.items();
        items.add_on(phone.plan, reading, Some(on), None).unwrap();
    }

    /// An app would show how somebody felt on the day on which they wrote it down, or not at all.
    #[test]
    fn what_is_noted_is_read_on_its_day_with_the_change_that_follows() {
        let phone = Phone::new();
        let april = day(1) - chrono::Days::new(1);
        let calmer = |intensity, after| {
            ReadingOf::AnEmotion(EmotionReading {
                emotion: "Fear".into(),
                intensity,
                trigger: None,
                skill: None,
                after,
            })
        };
        note(&phone, calmer(80, Some(45)), None, april);
        note(&phone, calmer(60, None), None, day(1));
        let readings = phone.client.readings();
        let seen = readings.between(phone.plan, april, day(1)).unwrap();
        let seen: Vec<_> = seen.iter().map(|view| (view.date, view.change)).collect();
        assert_eq!(seen, [(april, Some(-35)), (day(1), None)]);
        let later = readings.between(phone.plan, day(1), day(1)).unwrap();
        assert_eq!(later.len(), 1);
        let long = readings.between(phone.plan, day(1), day(1) + chrono::Days::new(4_000));
        assert_eq!(long.unwrap_err().code(), "invalid_input");
    }

    /// Confidence that grew over months would look as if it had begun this month.
    #[test]
    fn rulers_reach_over_months_and_an_unknown_goal_is_named() {
        let phone = Phone::new();
        let goal = phone.goal("Sleep");
        let sure = |value| {
            ReadingOf::ARuler(RulerReading {
                ruler: Ruler::Confidence,
                value,
            })
        };
        let march = day(1) - chrono::Days::new(60);
        for (value, on) in [(4, march), (5, day(1)), (7, day(2))] {
            note(&phone, sure(value), Some(goal), on);
        }
        let readings = phone.client.readings();
        let rulers = readings.rulers(phone.plan, goal, march, day(2)).unwrap();
        let confidence = rulers.confidence;
        assert_eq!((confidence.trend, confidence.newest), (Some(3), Some(7)));
        assert_eq!(rulers.importance.newest, None);
        let unknown = readings.rulers(phone.plan, GoalId([9; 16]), march, day(2));
        assert_eq!(unknown.unwrap_err().code(), "not_found");
    }

    /// In a hard hour a person would look for what helped, and find what came to mind first.
    #[test]
    fn what_helped_most_stands_first() {
        let phone = Phone::new();
        let strategy = |label: &str| {
            let strategy = CopingStrategy {
                label: label.into(),
                when_to_use: None,
                rank: None,
            };
            phone.client.items().add(phone.plan, strategy).unwrap()
        };
        let (walk, call) = (strategy("Walk"), strategy("Call Sam"));
        for (strategy, helped) in [(walk, 3), (call, 8)] {
            let of = CopingReading {
                strategy,
                before: Some(9),
                after: Some(5),
                helped: Some(helped),
            };
            note(&phone, ReadingOf::ACopingUse(of), None, day(1));
        }
        let readings = phone.client.readings();
        let seen = readings.coping(phone.plan, day(1), day(1)).unwrap();
        let seen: Vec<_> = seen.iter().map(|v| (v.id, v.place, v.eased)).collect();
        let expected = [(call, Some(1), Some(4.0)), (walk, Some(2), Some(4.0))];
        assert_eq!(seen, expected);
    }
}
