//! A reminder of the client's: at which time of the wall clock, on which days, and with which words.
//! It is data: an app hands what comes next (`model/reminding.rs`) to the system, which rings.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::{Weekday, codes};
use crate::model::ids::RecordId;
use crate::model::input::InputError;
use crate::model::item::check::{DAY_MINUTES, between};
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::check_count;
use crate::role::Role;

/// Days of a week.
const WEEK: usize = 7;

codes! {
    /// The words of a reminder. They are chosen from this list, because whoever looks at a locked
    /// screen should learn nothing from them: neither the goal, nor that there is one.
    ReminderText {
        /// That it is the time that was arranged.
        Arranged = 1 "arranged",
        /// How the day was.
        Day = 2 "day",
        /// A greeting and no more.
        Hello = 3 "hello",
        /// A look into the app.
        Look = 4 "look",
        /// A moment for oneself.
        Moment = 5 "moment",
        /// A small step.
        Step = 6 "step",
    }
}

impl ReminderText {
    /// The key of its sentence in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Arranged => "reminder.arranged",
            Self::Day => "reminder.day",
            Self::Hello => "reminder.hello",
            Self::Look => "reminder.look",
            Self::Moment => "reminder.moment",
            Self::Step => "reminder.step",
        }
    }
}

/// When to be reminded of a goal, of a habit, or of nothing in particular.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Reminder {
    /// The goal or the habit, by the id under which it is listed. Without one it reminds of nothing in
    /// particular.
    #[n(0)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub about: Option<RecordId>,
    /// The time of the wall clock wherever the client is, in minutes since midnight: 0 to 1439.
    #[n(1)]
    pub minute: u16,
    /// Only on these weekdays. Without any, on all days that the goal's schedule is meant for, or on
    /// all days where there is no goal or schedule.
    #[n(2)]
    #[cbor(skip_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub weekdays: Vec<Weekday>,
    /// With which words.
    #[n(3)]
    pub text: ReminderText,
    /// Whether it is switched on.
    #[n(4)]
    #[cfg_attr(feature = "uniffi", uniffi(default = true))]
    pub is_on: bool,
}

impl Fields for Reminder {
    const KIND: Kind = Kind::Reminder;
    const KEYS: u64 = 5;
    const ACTION: &'static str = "set a reminder";
    const WRITERS: &'static [Role] = &[Role::Client];

    fn check(&self) -> Result<(), InputError> {
        between("minute", self.minute, 0, i64::from(DAY_MINUTES) - 1)?;
        check_count("weekdays", self.weekdays.len(), WEEK)
    }

    fn links(&self) -> Vec<Link> {
        let about = |id| Link::about(id, &[Kind::Goal, Kind::Habit]);
        self.about.map(about).into_iter().collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let goal = space.goal(crate::model::testing::client());
        Self {
            about: Some(goal.record()),
            weekdays: vec![Weekday::Monday, Weekday::Friday],
            ..Self::at(8, 30)
        }
    }
}

#[cfg(test)]
impl Reminder {
    /// Every day at a time, about nothing in particular.
    pub(crate) fn at(hour: u16, minute: u16) -> Self {
        Self {
            about: None,
            minute: hour * 60 + minute,
            weekdays: Vec::new(),
            text: ReminderText::Moment,
            is_on: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalogue::{Argument, Language, texts};

    /// A reminder would show a key, or words that nobody has looked at for what they give away.
    #[test]
    fn its_words_are_those_of_the_catalogue_in_every_language() {
        let keys: BTreeSet<_> = ReminderText::ALL.iter().map(|text| text.key()).collect();
        for language in Language::ALL {
            let texts = texts(*language);
            let neutral = texts.keys().filter(|key| key.starts_with("reminder."));
            assert_eq!(neutral.collect::<BTreeSet<_>>(), keys, "{language:?}");
            for text in ReminderText::ALL {
                assert_eq!(text.key(), format!("reminder.{}", text.as_str()));
                let said = texts.say(text.key(), &[Argument::new("time", "08:30")]);
                assert!(!said.unwrap().contains(['{', '}']), "{text:?}");
            }
        }
    }

    /// A time that no clock shows would never come, or at another one.
    #[test]
    fn it_is_at_a_time_of_the_day() {
        assert_eq!(Reminder::at(0, 0).check(), Ok(()));
        assert_eq!(Reminder::at(23, 59).check(), Ok(()));
        let refused = Reminder::at(24, 0).check().unwrap_err();
        assert_eq!(refused.to_string(), "minute 1440 is outside 0–1439");
        let eighth = Reminder {
            weekdays: vec![Weekday::Monday; 8],
            ..Reminder::at(8, 0)
        };
        let refused = eighth.check().unwrap_err();
        assert_eq!(refused.to_string(), "8 weekdays, at most 7 are allowed");
    }
}
