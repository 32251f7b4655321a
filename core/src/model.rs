//! The domain: goals, revisions, check-ins, and what follows from them.
//!
//! A document holds **records**: immutable CBOR maps, known by the hash of their bytes. Nothing in
//! a record ever changes; what changes is a **chain** of records that name the ones they replace.
//! Everything an app shows is a **view**, a pure fold over records:
//!
//! ```text
//!  SourceRecord ──► records ──► Plan ─────┐
//!  (bytes, authors)    │                  ├──► day_results, period_results, projection_json
//!                      └──────► Log ──────┘
//!                       (a month)
//! ```
//!
//! - Writing: a `New…` value, the [`Stamp`] of who writes when and where, and the [`Plan`] to check
//!   against give a [`NewRecord`] or an [`InputError`]. No clock and no randomness are read.
//! - Reading: [`Plan::fold`] and [`Log::fold`] take records in any order and give the same result
//!   for the same records. What does not count is listed with its [`Reason`], never dropped.
//! - In force: which revision of a goal holds on which date is decided in `acceptance`.
//! - Undone: what a device wrote that a client takes back as a whole (`kinds/void.rs`, `undone`) does
//!   not count, in the plan and in the logs.
//! - A kind of record is one file under `kinds/` (type, rule, tests) and one line in the list of
//!   `kinds.rs`.
//!
//! Streaks, strength and consistency fold over [`day_results`] in `progress`.

mod acceptance;
#[cfg(feature = "uniffi")]
mod bindings;
mod cbor;
mod celebrating;
mod chain;
mod choosing;
mod codes;
mod coping;
mod day;
mod days_off;
mod document;
mod focus;
pub(crate) mod forgetting;
mod goal_state;
mod growth;
mod ids;
mod input;
mod item;
pub(crate) mod json;
mod kinds;
mod left_out;
mod log;
mod logged;
mod observed;
mod offer;
mod ordering;
#[cfg(feature = "http")]
mod outlook;
mod period;
mod plan;
mod practice;
mod progress;
mod projection;
mod quantity;
pub(crate) mod reached;
mod readings;
mod record;
mod records;
mod reminding;
mod resting;
mod reviews;
mod said;
mod say;
mod series;
mod sessions;
mod short_days;
mod smart;
mod stacking;
mod text;
mod threads;
mod time;
mod today;
mod undone;
mod values_report;
mod views;
#[cfg(feature = "http")]
mod written;

pub use celebrating::{CelebrationView, MilestoneView, RewardState, RewardView};
pub use choosing::Chosen;
pub use codes::{
    AchievementStatus, Comparison, GrantScope, LifecycleStatus, Outcome, Period, Undoing, Verdict,
    Weekday,
};
pub use coping::{CopingView, coping};
pub use day::{DayPlan, DayRating, DayResult, DayView, day_results};
pub use document::{DocumentKey, DocumentKind};
pub use focus::PlanWarning;
pub use growth::{GoalGrowth, GrowthView, MilestoneOnTheWay, growth};
#[cfg(feature = "http")]
pub(crate) use growth::{goals_on, growth_with};
pub use ids::{
    CheckInId, GoalId, GrantId, IdError, MeasureId, NoteId, PersonTag, RecordId, RevisionId, TextId,
};
pub use input::{InputError, NewRecord, Stamp};
pub use item::ItemView;
pub use kinds::action_step::{ActionStep, StepStatus};
pub use kinds::activity::Activity;
pub use kinds::agenda_item::AgendaItem;
pub use kinds::aspiration::Aspiration;
pub use kinds::balance::Balance;
pub use kinds::celebration::Celebration;
pub use kinds::celebration_how::{Audience, CelebrationHow};
pub use kinds::change_talk::{ChangeTalk, Motive};
pub use kinds::check_in::{CheckInState, CheckInView, NewCheckIn, Rating};
pub use kinds::check_in_reason::CheckInReason;
pub use kinds::circumstance::Circumstance;
pub use kinds::comment::Comment;
pub use kinds::coping_strategy::CopingStrategy;
pub use kinds::decision::{DecidedBy, Decision, DecisionOption};
pub use kinds::excuse::{Excuse, ExcuseReason};
pub use kinds::goal::NewGoal;
pub use kinds::goal_focus::GoalFocus;
pub use kinds::goal_order::GoalOrder;
pub use kinds::goal_profile::{GoalProfile, GoalScope};
pub use kinds::grant::{GrantRecord, GrantState, NewGrant};
pub use kinds::habit::{Habit, HabitPlace};
pub use kinds::homework::Homework;
pub use kinds::if_then::IfThen;
pub use kinds::measure::{MeasureView, NewMeasure};
pub use kinds::message::Message;
pub use kinds::messages_read::MessagesRead;
pub use kinds::milestone::Milestone;
pub use kinds::milestone_reached::MilestoneReached;
pub use kinds::note::{NewNote, NoteView};
pub use kinds::observance::{Observance, YearlyDay};
pub use kinds::problem_solving::ProblemSolving;
#[cfg(feature = "http")]
pub(crate) use kinds::provenance::copies_in;
pub use kinds::provenance::{NewProvenance, ProvenanceView};
pub use kinds::read_receipts::ReadReceipts;
pub use kinds::reading::{
    CopingReading, EmotionReading, ExerciseReading, OutcomeReading, PracticeReading, Reading,
    ReadingOf, Ruler, RulerReading, SleepFigures, SleepReading,
};
pub use kinds::reminder::{Reminder, ReminderText};
pub use kinds::review::{Review, ReviewDecision, ReviewedGoal};
pub use kinds::revision::NewRevision;
pub use kinds::reward::{Reward, RewardKind};
pub use kinds::reward_claimed::RewardClaimed;
pub use kinds::reward_unlocked::RewardUnlocked;
pub use kinds::schedule::{Pause, Schedule, SchedulePattern};
pub use kinds::self_compassion::SelfCompassion;
pub use kinds::session::Session;
pub use kinds::setback::Setback;
pub use kinds::settings::{ACTIVE_LIMIT, NewSettings, SettingsView};
pub use kinds::status::{NewStatus, StatusView};
pub use kinds::target::Target;
pub use kinds::timer_start::TimerStart;
pub use kinds::value::Value;
pub use kinds::verdict::NewVerdict;
pub use kinds::void::{NewVoid, VoidView};
pub use kinds::win::{Win, WinKind};
pub use kinds::withdrawal::NewWithdrawal;
pub use kinds::{Content, Kind};
pub use left_out::{LeftOut, Reason};
pub use log::{Log, LogView};
pub use offer::Offer;
#[cfg(feature = "http")]
pub use outlook::PlanDay;
#[cfg(feature = "http")]
pub(crate) use outlook::{Counts, Glance, Outlook};
pub use period::{PeriodView, period_results};
pub use plan::Plan;
pub use practice::{
    NewPractice, PracticeDay, RunningTimer, practice_days, running_timers, stop_timer,
};
#[cfg(feature = "http")]
pub(crate) use progress::GoalMonths;
pub use progress::{
    DEFAULT_GRACE, GRACE_LIMIT, ProgressMessage, ProgressUnit, ProgressView, progress,
};
pub use projection::{projection_hash, projection_json};
pub use readings::{ReadingView, readings};
pub use record::{Author, Put, RECORD_LIMIT, SourceRecord};
#[cfg(feature = "http")]
pub(crate) use record::{claimed_at, is_timeless};
pub(crate) use record::{kind_number, spoken_of};
pub use reminding::{NextReminder, REMINDER_LIMIT, next_reminders};
pub use reviews::{ReviewDue, ReviewView};
#[cfg(feature = "http")]
pub(crate) use said::SaidDays;
pub use series::{GoalRulers, RulerPoint, RulerSeries, goal_rulers};
pub use sessions::{AgendaView, HomeworkView, SessionView};
pub use short_days::{Stay, has_short_days, short_days};
pub use smart::{SmartIssue, SmartReport, smart};
pub use stacking::{HabitCycle, HabitStack, RoutineStep, RoutineView};
pub use text::{LABEL_LIMIT, LINK_LIMIT, NOTE_LIMIT, STATEMENT_LIMIT};
pub use threads::GoalThread;
pub use time::{instant_of, local_date, zone};
pub use today::{GoalToday, today};
pub use undone::Undone;
pub use values_report::{ValueShare, ValuesReport, values_report};
pub use views::{
    ConflictKind, ConflictView, GoalView, InForceView, PlanView, RevisionState, RevisionView,
    VerdictView,
};

#[cfg(feature = "http")]
pub(crate) use written::Written;

#[cfg(test)]
mod acceptance_checks;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod role_checks;
#[cfg(test)]
pub(crate) mod testing;
