//! The list of kinds. A new kind is a file with its type, its rule and its tests, a `mod` and one
//! line at the end of the list; its number is never used for anything else.

use minicbor::decode::{Decode, Decoder};
use minicbor::encode::{Encode, Encoder, Write};
use serde::Serialize;

use crate::model::ids::RecordId;
use crate::model::input::InputError;
use crate::model::item::{Fields, Item, ItemView, Link, Place, Rules};
use crate::model::kinds::check_in::Rating;
use crate::model::left_out::Reason;
use crate::model::record::{Author, Home, RecordKind};
use crate::model::records::{Entry, Records};
use crate::role::Role;

#[macro_use]
mod list;

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
pub(crate) mod goal_focus;
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
        /// That a goal is in the focus.
        56 GoalFocus goal_focus::GoalFocus as AGoalFocus,
    }
}

impl Kind {
    /// Whether its items are each of a local date.
    pub const fn is_of_a_day(self) -> bool {
        matches!(self.place(), Some(Place::Log))
    }

    /// Whether it is a kind of item, and the document that its items belong in.
    pub(crate) const fn place(self) -> Option<Place> {
        match self.rules() {
            Some(rules) => Some(rules.place),
            None => None,
        }
    }

    /// The items of the kind among the records of a plan or a log, beside the plan.
    pub(crate) fn items(self, records: &Records, plan: &Records) -> Vec<ItemView> {
        let things = records.things_of(self, plan).into_iter();
        things.map(ItemView::from).collect()
    }
}

/// What the list knows of each kind.
pub(crate) mod kind_of {
    use super::{Content, Record};

    /// Implemented by the list alone, for records.
    pub(crate) trait Of: Sized + 'static {
        /// Itself, if the record is of this kind.
        fn of(record: &Record) -> Option<&Self>;
    }

    /// Implemented by the list alone, for what items say.
    pub(crate) trait Said: Into<Content> + 'static {
        /// Itself, if this is what an item of its kind says.
        fn of(content: Content) -> Option<Self>;

        /// The same by reference.
        fn of_ref(content: &Content) -> Option<&Self>;
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
                (56, Kind::GoalFocus),
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
