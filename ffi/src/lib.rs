//! Waymark for Kotlin, Swift and Python: the core's facade, one line for each call.
//!
//! - [`Waymark`]: one device of one person. It is opened with a [`WaymarkConfig`] and the app's
//!   [`KeyProvider`].
//! - [`Goals`], [`CheckIns`], [`Items`], [`Practice`], [`Texts`]: what people write;
//!   [`Habits`], [`Reminders`], [`Readings`], [`Progress`], [`Milestones`]: what follows from it.
//! - [`Reviews`], [`Messages`]: looking at goals together, and what people say to each other.
//! - [`People`], [`Invitations`]: who reads it.
//! - [`Forgetting`]: what everybody is asked to forget.
//! - [`LiveSync`]: a connection that stays.
//! - [`ChangeListener`]: what an app implements to be told of what others write; [`Subscription`].
//! - [`LogSink`]: what it implements to have the library's events in its own log.
//! - [`ManualClock`]: a clock for tests of an app.
//!
//! The records and enums that cross are the core's own. Local calls are synchronous and durable
//! when they return; calls that talk to a relay are async and run on this library's own threads,
//! to their end also where the caller's task is cancelled. After [`Waymark::lock`] every call
//! gives `locked`, between [`Waymark::suspend`] and [`Waymark::resume`] too.

mod anew;
mod background;
mod catalogue;
mod check_ins;
mod clock;
mod config;
mod evidence;
mod forgetting;
mod goals;
mod grants;
mod habits;
mod held;
mod invitations;
mod items;
mod key;
mod listening;
mod live;
mod logging;
mod members;
mod messages;
mod milestones;
mod opening;
mod people;
mod practice;
mod progress;
mod readings;
mod recovery;
mod reminders;
mod reviews;
mod runtime;
mod session;
mod texts;
mod undoing;
mod values;
mod waymark;

pub use self::background::SyncEnd;
pub use self::catalogue::{GoalTemplate, goal_templates, language_of, say};
pub use self::check_ins::{CheckIns, TimedCheckIn};
pub use self::clock::ManualClock;
pub use self::config::WaymarkConfig;
pub use self::evidence::check_evidence;
pub use self::forgetting::Forgetting;
pub use self::goals::{GoalDraft, Goals, plan_warning, smart_question};
pub use self::habits::{Habits, if_then_sentence, mastery_gain, pleasure_gain};
pub use self::held::{Held, check_member_evidence};
pub use self::invitations::{InvitationLink, Invitations};
pub use self::items::Items;
pub use self::key::{KeyProvider, KeyProviderError};
pub use self::listening::{ChangeListener, ListenerError, Subscription};
pub use self::live::LiveSync;
pub use self::logging::{LogEvent, LogLevel, LogSink, set_log_sink};
pub use self::messages::Messages;
pub use self::milestones::{Milestones, audience_key, reward_key};
pub use self::people::People;
pub use self::practice::Practice;
pub use self::progress::Progress;
pub use self::readings::Readings;
pub use self::reminders::{Reminders, reminder_key};
pub use self::reviews::Reviews;
pub use self::texts::Texts;
pub use self::waymark::{Waymark, put_aside, remove_damaged, salvage, version};

uniffi::setup_scaffolding!();

// Dates cross as the core says.
type DateTime = chrono::DateTime<chrono::Utc>;
uniffi::use_remote_type!(waymark_core::chrono::NaiveDate);
uniffi::use_remote_type!(waymark_core::DateTime);
