//! Waymark for Kotlin, Swift and Python: the core's facade, one line for each call.
//!
//! - [`Waymark`]: one device of one person. It is opened with a [`WaymarkConfig`] and the app's
//!   [`KeyProvider`].
//! - [`Goals`], [`CheckIns`], [`Items`], [`Texts`]: what people write;
//!   [`Progress`]: how it goes. [`People`], [`Invitations`]: who reads it.
//! - [`Goals`], [`CheckIns`], [`Items`], [`Habits`], [`Reminders`], [`Texts`]: what people write. [`People`], [`Invitations`]: who reads it.
//! - [`Forgetting`]: what everybody is asked to forget.
//! - [`LiveSync`]: a connection that stays.
//! - [`ChangeListener`]: what an app implements to be told of what others write; [`Subscription`].
//!
//! The records and enums that cross are the core's own. Local calls are synchronous and durable
//! when they return; calls that talk to a relay are async and run on this library's own threads,
//! to their end also where the caller's task is cancelled. After [`Waymark::lock`] every call
//! gives `locked`.

mod anew;
mod catalogue;
mod check_ins;
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
mod members;
mod people;
mod progress;
mod recovery;
mod reminders;
mod runtime;
mod session;
mod texts;
mod undoing;
mod waymark;

pub use self::catalogue::{GoalTemplate, goal_templates, language_of, say};
pub use self::check_ins::{CheckIns, TimedCheckIn};
pub use self::config::WaymarkConfig;
pub use self::evidence::check_evidence;
pub use self::forgetting::Forgetting;
pub use self::goals::{GoalDraft, Goals};
pub use self::habits::{Habits, if_then_sentence, mastery_gain, pleasure_gain};
pub use self::held::{Held, check_member_evidence};
pub use self::invitations::{InvitationLink, Invitations};
pub use self::items::Items;
pub use self::key::{KeyProvider, KeyProviderError};
pub use self::listening::{ChangeListener, ListenerError, Subscription};
pub use self::live::LiveSync;
pub use self::people::People;
pub use self::progress::Progress;
pub use self::reminders::{Reminders, reminder_key};
pub use self::texts::Texts;
pub use self::waymark::{Waymark, remove_damaged, salvage, version};

uniffi::setup_scaffolding!();

// Dates cross as the core says.
type DateTime = chrono::DateTime<chrono::Utc>;
uniffi::use_remote_type!(waymark_core::chrono::NaiveDate);
uniffi::use_remote_type!(waymark_core::DateTime);
