//! Codes from closed lists. In a record they are numbers, never reused; outside they carry the
//! names of FHIR R4 (4.0.1) where it has them.

/// Declares a closed list: the variant, its number in records and its name outside.
macro_rules! codes {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal $text:literal,)+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every code of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name outside of records.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The number in records.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $number,)+ }
            }

            /// Reads a number.
            ///
            /// # Errors
            /// `needs_newer_app` for one that is not in the list: a newer app wrote it, and
            /// guessing would show people what nobody said.
            pub const fn read(code: u8) -> Result<Self, $crate::model::Reason> {
                match code {
                    $($number => Ok(Self::$variant),)+
                    _ => Err($crate::model::Reason::NeedsNewerApp),
                }
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.u8(self.code())?.ok()
            }
        }

        // Not derived: a derived decoder turns an unknown number in an optional field into nothing.
        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                d: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                Self::read(d.u8()?).map_err(minicbor::decode::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use codes;

codes! {
    /// How far a goal was achieved: FHIR R4 `goal-achievement`.
    AchievementStatus {
        /// Met.
        Achieved = 5 "achieved",
        /// Getting better.
        Improving = 2 "improving",
        /// Being worked on.
        InProgress = 1 "in-progress",
        /// Neither better nor worse.
        NoChange = 4 "no-change",
        /// No progress was seen.
        NoProgress = 8 "no-progress",
        /// Not met.
        NotAchieved = 7 "not-achieved",
        /// Cannot be met.
        NotAttainable = 9 "not-attainable",
        /// Met, and kept so.
        Sustaining = 6 "sustaining",
        /// Getting worse.
        Worsening = 3 "worsening",
    }
}

codes! {
    /// On which side of its value a target is met.
    Comparison {
        /// The sum is the value or more.
        AtLeast = 1 "at_least",
        /// The sum is the value or less; needs an entry to be judged.
        AtMost = 2 "at_most",
    }
}

codes! {
    /// What a grant is about.
    GrantScope {
        /// The whole space: everything in it, its past too.
        Plan = 1 "plan",
    }
}

codes! {
    /// Where a goal stands: FHIR R4 `Goal.lifecycleStatus`.
    LifecycleStatus {
        /// Agreed to, not begun.
        Accepted = 3 "accepted",
        /// Being worked on.
        Active = 4 "active",
        /// Left before it was met.
        Cancelled = 7 "cancelled",
        /// Ended.
        Completed = 6 "completed",
        /// Written by mistake.
        EnteredInError = 8 "entered-in-error",
        /// Paused.
        OnHold = 5 "on-hold",
        /// Prepared, not yet agreed to.
        Planned = 2 "planned",
        /// Suggested. Every goal begins here.
        Proposed = 1 "proposed",
        /// Suggested and not wanted.
        Rejected = 9 "rejected",
    }
}

codes! {
    /// What a check-in says about its day.
    Outcome {
        /// It was done.
        Done = 1 "done",
        /// There was a reason not to.
        Excused = 4 "excused",
        /// Only a note, a rating or a quantity.
        NoteOnly = 5 "note_only",
        /// A part of it was done.
        Partial = 2 "partial",
        /// It was a day of rest.
        Rest = 3 "rest",
    }
}

codes! {
    /// The time over which a target sums quantities, in local dates.
    Period {
        /// A local date.
        Day = 1 "day",
        /// A calendar month.
        Month = 3 "month",
        /// An ISO week, from Monday to Sunday.
        Week = 2 "week",
    }
}

codes! {
    /// What a void does.
    Undoing {
        /// It lets count again what was undone.
        Restored = 2 "restored",
        /// It takes back what a device wrote.
        Undone = 1 "undone",
    }
}

codes! {
    /// What a person says about a revision: FHIR R4 extension `goal-acceptance`.
    Verdict {
        /// Wants it.
        Agree = 1 "agree",
        /// Does not want it.
        Disagree = 2 "disagree",
        /// Has not decided.
        Pending = 3 "pending",
    }
}

codes! {
    /// A day of the week. The number is that of ISO 8601.
    Weekday {
        /// Day 1.
        Monday = 1 "monday",
        /// Day 2.
        Tuesday = 2 "tuesday",
        /// Day 3.
        Wednesday = 3 "wednesday",
        /// Day 4.
        Thursday = 4 "thursday",
        /// Day 5.
        Friday = 5 "friday",
        /// Day 6.
        Saturday = 6 "saturday",
        /// Day 7.
        Sunday = 7 "sunday",
    }
}

impl From<chrono::Weekday> for Weekday {
    fn from(day: chrono::Weekday) -> Self {
        match day {
            chrono::Weekday::Mon => Self::Monday,
            chrono::Weekday::Tue => Self::Tuesday,
            chrono::Weekday::Wed => Self::Wednesday,
            chrono::Weekday::Thu => Self::Thursday,
            chrono::Weekday::Fri => Self::Friday,
            chrono::Weekday::Sat => Self::Saturday,
            chrono::Weekday::Sun => Self::Sunday,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;

    #[test]
    fn numbers_read_back_and_unknown_ones_need_a_newer_app() {
        for status in LifecycleStatus::ALL {
            assert_eq!(LifecycleStatus::read(status.code()), Ok(*status));
        }
        assert_eq!(LifecycleStatus::read(200), Err(Reason::NeedsNewerApp));
        assert_eq!(Outcome::read(0), Err(Reason::NeedsNewerApp));
    }

    #[test]
    fn goal_codes_are_those_of_fhir_r4() {
        let mut codes: Vec<_> = LifecycleStatus::ALL.iter().map(|s| s.as_str()).collect();
        codes.sort_unstable();
        assert_eq!(
            codes,
            [
                "accepted",
                "active",
                "cancelled",
                "completed",
                "entered-in-error",
                "on-hold",
                "planned",
                "proposed",
                "rejected"
            ]
        );
        assert!(
            AchievementStatus::ALL
                .iter()
                .any(|s| s.as_str() == "not-attainable")
        );
    }
}
