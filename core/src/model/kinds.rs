//! The list of kinds. A new kind is a file with its type, its rule and its tests, a `mod` and one
//! line at the end of the list; its number is never used for anything else.

use chrono::NaiveDate;
use minicbor::decode::{Decode, Decoder};
use minicbor::encode::{Encode, Encoder, Write};
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::item::{Fields, Item, ItemView, Place};
use crate::model::left_out::Reason;
use crate::model::log::Log;
use crate::model::plan::Plan;
use crate::model::record::{Author, Home, RecordKind};
use crate::model::records::{Entry, Records};
use crate::role::Role;

pub(crate) mod action_step;
pub(crate) mod activity;
pub(crate) mod agenda_item;
pub(crate) mod aspiration;
pub(crate) mod balance;
pub(crate) mod celebration;
pub(crate) mod celebration_how;
pub(crate) mod change_talk;
pub(crate) mod check_in;
pub(crate) mod check_in_reason;
pub(crate) mod circumstance;
pub(crate) mod comment;
pub(crate) mod coping_strategy;
pub(crate) mod decision;
pub(crate) mod excuse;
pub(crate) mod forgotten;
pub(crate) mod goal;
pub(crate) mod goal_order;
pub(crate) mod goal_profile;
pub(crate) mod grant;
pub(crate) mod habit;
pub(crate) mod homework;
pub(crate) mod if_then;
pub(crate) mod measure;
pub(crate) mod message;
pub(crate) mod messages_read;
pub(crate) mod milestone;
pub(crate) mod milestone_reached;
pub(crate) mod note;
pub(crate) mod observance;
pub(crate) mod problem_solving;
pub(crate) mod provenance;
pub(crate) mod read_receipts;
pub(crate) mod reading;
pub(crate) mod reminder;
pub(crate) mod review;
pub(crate) mod revision;
pub(crate) mod reward;
pub(crate) mod reward_claimed;
pub(crate) mod reward_unlocked;
pub(crate) mod schedule;
pub(crate) mod self_compassion;
pub(crate) mod session;
pub(crate) mod setback;
pub(crate) mod settings;
pub(crate) mod status;
pub(crate) mod target;
pub(crate) mod timer_start;
pub(crate) mod value;
pub(crate) mod verdict;
pub(crate) mod void;
pub(crate) mod win;
pub(crate) mod withdrawal;

/// Makes of the list: the kinds, a record of any kind, and the way from one to the other; and of its
/// items what people say with them.
macro_rules! kinds {
    (
        records { $($(#[$rdoc:meta])* $rnumber:literal $rkind:ident $rmodule:ident::$record:ident,)+ }
        items {
            $($(#[$idoc:meta])* $inumber:literal $ikind:ident $imodule:ident::$fields:ident as $content:ident,)+
        }
    ) => {
        kinds! {
            @all
            $($(#[$rdoc])* $rnumber $rkind [$rmodule::$record],)+
            $($(#[$idoc])* $inumber $ikind [Item<$imodule::$fields>],)+
        }

        /// What an item says: the fields of its kind.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(rename_all = "snake_case", untagged)]
        #[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
        #[non_exhaustive]
        pub enum Content {
            $($(#[$idoc])* $content($imodule::$fields),)+
        }

        impl Content {
            /// The kind that says this.
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$content(_) => Kind::$ikind,)+ }
            }

            /// The thing that it is the only one for, by whose id it is known then.
            pub(crate) fn only_for(&self) -> Option<RecordId> {
                match self { $(Self::$content(fields) => fields.only_for(),)+ }
            }

            /// Makes the record of a new item.
            pub(crate) fn add(
                &self,
                plan: &Plan,
                date: Option<NaiveDate>,
                stamp: &Stamp,
            ) -> Result<NewRecord, InputError> {
                match self { $(Self::$content(fields) => plan.add(fields, date, stamp),)+ }
            }

            /// Makes the record that changes an item.
            pub(crate) fn change(
                &self,
                plan: &Plan,
                log: Option<&Log>,
                id: RecordId,
                stamp: &Stamp,
            ) -> Result<NewRecord, InputError> {
                match self { $(Self::$content(fields) => plan.change(log, id, fields, stamp),)+ }
            }
        }

        impl Kind {
            /// Whether its items are each of a local date.
            pub const fn is_of_a_day(self) -> bool {
                matches!(self.place(), Some(Place::Log))
            }

            /// Whether it is a kind of item, and the document that its items belong in.
            pub(crate) const fn place(self) -> Option<Place> {
                match self {
                    $(Self::$ikind => Some($imodule::$fields::PLACE),)+
                    _ => None,
                }
            }

            /// Makes the record that removes an item of the kind.
            pub(crate) fn remove(
                self,
                plan: &Plan,
                log: Option<&Log>,
                id: RecordId,
                stamp: &Stamp,
            ) -> Result<NewRecord, InputError> {
                match self {
                    $(Self::$ikind => plan.remove::<$imodule::$fields>(log, id, stamp),)+
                    _ => Err(InputError::UnknownRecord(id)),
                }
            }

            /// The items of the kind among the records of a plan or a log, beside the plan.
            pub(crate) fn items(self, records: &Records, plan: &Records) -> Vec<ItemView> {
                match self {
                    $(Self::$ikind => {
                        let things = records.things::<$imodule::$fields>(plan).into_iter();
                        things.map(ItemView::from).collect()
                    })+
                    _ => Vec::new(),
                }
            }
        }

        /// For each kind of item one that fills every field, and how many keys its fields have.
        #[cfg(test)]
        pub(crate) fn samples(space: &mut crate::model::testing::Space) -> Vec<(Content, u64)> {
            vec![$(($imodule::$fields::sample(space).into(), $imodule::$fields::KEYS),)+]
        }

        /// What holds for each kind of item, for the tests of what is published.
        #[cfg(test)]
        pub(crate) const RULES: &[Rule] = &[$(Rule {
            kind: Kind::$ikind,
            keys: $imodule::$fields::KEYS,
            changes: $imodule::$fields::CHANGES,
            is_twin: $imodule::$fields::TWINS,
        },)+];

        $(impl From<$imodule::$fields> for Content {
            fn from(fields: $imodule::$fields) -> Self {
                Self::$content(fields)
            }
        })+
    };
    (@all $($(#[$doc:meta])* $number:literal $kind:ident [$record:ty],)+) => {
        /// What a record is.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
        pub enum Kind {
            $($(#[$doc])* $kind,)+
        }

        impl Kind {
            /// Every kind, in the order of the list: what a record may speak of comes first.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// The number in records.
            pub const fn number(self) -> u16 {
                match self { $(Self::$kind => $number,)+ }
            }

            /// The kind with that number; `None` if it is not known to this version.
            pub const fn of_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$kind),)+
                    _ => None,
                }
            }

            /// Which roles may write a record of this kind. Some records are open to fewer: a
            /// therapist's status only proposes.
            pub const fn writers(self) -> &'static [Role] {
                match self { $(Self::$kind => <$record>::WRITERS,)+ }
            }
        }

        /// A record of any kind.
        #[derive(Clone, Debug)]
        pub(crate) enum Record {
            $($kind($record),)+
        }

        impl Record {
            /// Decodes strict bytes of a known kind.
            pub(crate) fn decode(kind: Kind, bytes: &[u8]) -> Result<Self, Reason> {
                match kind {
                    $(Kind::$kind => minicbor::decode(bytes).map(Self::$kind),)+
                }
                // Codes that this version does not know are the only errors of their own kind.
                .map_err(|error| match error.is_custom() {
                    true => Reason::NeedsNewerApp,
                    false => Reason::Malformed,
                })
            }

            /// Its kind.
            pub(crate) const fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)+ }
            }

            /// See [`RecordKind::check`].
            pub(crate) fn check(&self) -> Result<(), Reason> {
                match self { $(Self::$kind(record) => record.check(),)+ }
            }

            /// See [`RecordKind::home`].
            pub(crate) fn home(&self) -> Result<Home, Reason> {
                match self { $(Self::$kind(record) => record.home(),)+ }
            }

            /// See [`RecordKind::may_write`].
            pub(crate) fn may_write(&self, role: Role) -> bool {
                match self { $(Self::$kind(record) => record.may_write(role),)+ }
            }

            /// See [`RecordKind::WITHDRAWABLE`].
            pub(crate) const fn is_withdrawable(&self) -> bool {
                match self { $(Self::$kind(_) => <$record>::WITHDRAWABLE,)+ }
            }

            /// See [`RecordKind::OF_PLAN`].
            pub(crate) const fn is_of_plan(&self) -> bool {
                match self { $(Self::$kind(_) => <$record>::OF_PLAN,)+ }
            }

            /// See [`RecordKind::links`].
            pub(crate) fn links(&self) -> Vec<RecordId> {
                match self { $(Self::$kind(record) => record.links(),)+ }
            }

            /// See [`RecordKind::belongs_to`].
            pub(crate) fn belongs_to(&self) -> Vec<RecordId> {
                match self { $(Self::$kind(record) => record.belongs_to(),)+ }
            }

            /// See [`RecordKind::replaces`].
            pub(crate) fn replaces(&self) -> Vec<RecordId> {
                match self { $(Self::$kind(record) => record.replaces(),)+ }
            }

            /// See [`RecordKind::fits`].
            pub(crate) fn fits(&self, plan: &Records) -> Result<(), Reason> {
                match self { $(Self::$kind(record) => RecordKind::fits(record, plan),)+ }
            }

            /// See [`RecordKind::refer`].
            pub(crate) fn refer(
                &self,
                id: RecordId,
                authors: &[Author],
                records: &Records,
            ) -> Result<(), Reason> {
                match self {
                    $(Self::$kind(record) => {
                        <$record>::refer(Entry { id, authors, record }, records)
                    })+
                }
            }
        }

        $(impl kind_of::Of for $record {
            fn of(record: &Record) -> Option<&Self> {
                match record {
                    Record::$kind(record) => Some(record),
                    _ => None,
                }
            }
        })+
    };
}

kinds! {
    records {
        /// Something that can be rated or counted.
        1 Measure measure::Measure,
        /// A goal, without its wording.
        2 Goal goal::Goal,
        /// A step in a goal's status chain.
        3 GoalStatus status::GoalStatus,
        /// A goal's wording, target and schedule.
        4 GoalRevision revision::GoalRevision,
        /// What a person says about a revision.
        5 Verdict verdict::VerdictRecord,
        /// The plan's day cut-off and time zone.
        6 PlanSettings settings::PlanSettings,
        /// A text in the document, and what it is about.
        7 Note note::Note,
        /// What the client did on a day.
        8 CheckIn check_in::CheckIn,
        /// Takes records back.
        9 Withdrawal withdrawal::Withdrawal,
        /// Who may read, what for and how long.
        10 Grant grant::Grant,
        /// Whose copies are, and where they come from.
        11 Provenance provenance::Provenance,
        /// Undoes what a device wrote.
        12 Void void::Void,
        /// What stands in the place of a forgotten record.
        13 Forgotten forgotten::Placeholder,
    }
    items {
        /// What a person longs for, still without a plan.
        14 Aspiration aspiration::Aspiration as AnAspiration,
        /// What matters to the client.
        15 Value value::Value as AValue,
        /// What a goal is for.
        16 GoalProfile goal_profile::GoalProfile as AGoalProfile,
        /// A step of an action plan.
        17 ActionStep action_step::ActionStep as AnActionStep,
        /// The place of a goal among the others.
        18 GoalOrder goal_order::GoalOrder as AGoalOrder,
        /// A decision that people prepare together and the client makes.
        19 Decision decision::Decision as ADecision,
        /// A habit and what it hangs on.
        20 Habit habit::Habit as AHabit,
        /// A plan for an obstacle.
        21 IfThen if_then::IfThen as AnIfThen,
        /// What helps when it is hard.
        22 CopingStrategy coping_strategy::CopingStrategy as ACopingStrategy,
        /// Something that went another way.
        23 Setback setback::Setback as ASetback,
        /// A problem and the way through it.
        24 ProblemSolving problem_solving::ProblemSolving as AProblemSolving,
        /// Something to do, and what it was like.
        25 Activity activity::Activity as AnActivity,
        /// What a person said in favour of a change.
        26 ChangeTalk change_talk::ChangeTalk as SomeChangeTalk,
        /// What speaks for and against a change.
        27 Balance balance::Balance as ABalance,
        /// A kind word to oneself.
        28 SelfCompassion self_compassion::SelfCompassion as SomeSelfCompassion,
        /// What surrounds a person.
        29 Circumstance circumstance::Circumstance as ACircumstance,
        /// Something that the client notes about a day.
        30 Reading reading::Reading as AReading,
        /// A timer that runs.
        31 TimerStart timer_start::TimerStart as ATimerStart,
        /// Why a check-in mattered.
        32 CheckInReason check_in_reason::CheckInReason as ACheckInReason,
        /// When to be reminded.
        33 Reminder reminder::Reminder as AReminder,
        /// Days that the client observes.
        34 Observance observance::Observance as AnObservance,
        /// A day that asks nothing.
        35 Excuse excuse::Excuse as AnExcuse,
        /// A point on the way to a goal.
        40 Milestone milestone::Milestone as AMilestone,
        /// A milestone that was reached.
        41 MilestoneReached milestone_reached::MilestoneReached as AMilestoneReached,
        /// Something that went well.
        42 Win win::Win as AWin,
        /// Something to celebrate.
        43 Celebration celebration::Celebration as ACelebration,
        /// How something is celebrated.
        44 CelebrationHow celebration_how::CelebrationHow as ACelebrationHow,
        /// Something to look forward to.
        45 Reward reward::Reward as AReward,
        /// A reward that was unlocked.
        46 RewardUnlocked reward_unlocked::RewardUnlocked as ARewardUnlocked,
        /// A reward that was taken.
        47 RewardClaimed reward_claimed::RewardClaimed as ARewardClaimed,
        /// A session.
        49 Session session::Session as ASession,
        /// What people say of goals, and what is to become of them.
        48 Review review::Review as AReview,
        /// Something to talk about in a session.
        50 AgendaItem agenda_item::AgendaItem as AnAgendaItem,
        /// A step that was agreed on in a session.
        51 Homework homework::Homework as SomeHomework,
        /// A message.
        52 Message message::Message as AMessage,
        /// A comment on something that is there.
        53 Comment comment::Comment as AComment,
        /// Which messages and comments somebody has read.
        54 MessagesRead messages_read::MessagesRead as WhatWasRead,
        /// Whether somebody lets the others know what they have read.
        55 ReadReceipts read_receipts::ReadReceipts as SomeReadReceipts,
    }
}

/// What holds for a kind of item.
#[cfg(test)]
pub(crate) struct Rule {
    pub(crate) kind: Kind,
    /// As [`Fields::KEYS`].
    pub(crate) keys: u64,
    /// As [`Fields::CHANGES`].
    pub(crate) changes: crate::model::item::Changes,
    /// As [`Fields::TWINS`].
    pub(crate) is_twin: bool,
}

/// What the list knows of each kind.
pub(crate) mod kind_of {
    use super::Record;

    /// Implemented by the list alone.
    pub(crate) trait Of: Sized + 'static {
        /// Itself, if the record is of this kind.
        fn of(record: &Record) -> Option<&Self>;
    }
}

impl<C> Encode<C> for Kind {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u16(self.number())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Kind {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let position = d.position();
        let unknown = || minicbor::decode::Error::message("unknown kind").at(position);
        Self::of_number(d.u16()?).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_kind_for_ever() {
        // Records are never rewritten: a number that changed would turn old data into something
        // else. Append to this list, never edit it.
        let numbers: Vec<_> = Kind::ALL
            .iter()
            .map(|kind| (kind.number(), *kind))
            .collect();
        assert_eq!(
            numbers,
            [
                (1, Kind::Measure),
                (2, Kind::Goal),
                (3, Kind::GoalStatus),
                (4, Kind::GoalRevision),
                (5, Kind::Verdict),
                (6, Kind::PlanSettings),
                (7, Kind::Note),
                (8, Kind::CheckIn),
                (9, Kind::Withdrawal),
                (10, Kind::Grant),
                (11, Kind::Provenance),
                (12, Kind::Void),
                (13, Kind::Forgotten),
                (14, Kind::Aspiration),
                (15, Kind::Value),
                (16, Kind::GoalProfile),
                (17, Kind::ActionStep),
                (18, Kind::GoalOrder),
                (19, Kind::Decision),
                (20, Kind::Habit),
                (21, Kind::IfThen),
                (22, Kind::CopingStrategy),
                (23, Kind::Setback),
                (24, Kind::ProblemSolving),
                (25, Kind::Activity),
                (26, Kind::ChangeTalk),
                (27, Kind::Balance),
                (28, Kind::SelfCompassion),
                (29, Kind::Circumstance),
                (30, Kind::Reading),
                (31, Kind::TimerStart),
                (32, Kind::CheckInReason),
                (33, Kind::Reminder),
                (34, Kind::Observance),
                (35, Kind::Excuse),
                (40, Kind::Milestone),
                (41, Kind::MilestoneReached),
                (42, Kind::Win),
                (43, Kind::Celebration),
                (44, Kind::CelebrationHow),
                (45, Kind::Reward),
                (46, Kind::RewardUnlocked),
                (47, Kind::RewardClaimed),
                (49, Kind::Session),
                (48, Kind::Review),
                (50, Kind::AgendaItem),
                (51, Kind::Homework),
                (52, Kind::Message),
                (53, Kind::Comment),
                (54, Kind::MessagesRead),
                (55, Kind::ReadReceipts),
            ]
        );
        assert_eq!(Kind::of_number(0), None);
    }

    #[test]
    fn only_client_and_therapist_write_in_care() {
        for kind in Kind::ALL {
            assert!(!kind.writers().contains(&Role::Guardian), "{kind:?}");
            assert!(!kind.writers().contains(&Role::Supporter), "{kind:?}");
            assert!(kind.writers().contains(&Role::Client), "{kind:?}");
        }
        assert_eq!(Kind::CheckIn.writers(), [Role::Client]);
    }
}
