//! The verbs of the built command against a real relay, each call a process of its own.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails makes its test fail"
)]

#[path = "desk/alone.rs"]
mod alone;
#[path = "desk/anew.rs"]
mod anew;
#[path = "desk/damage.rs"]
mod damage;
#[path = "desk/deciding.rs"]
mod deciding;
#[path = "desk/evidence.rs"]
mod evidence;
#[path = "desk/grants.rs"]
mod grants;
#[path = "desk/harness.rs"]
mod harness;
#[path = "desk/items.rs"]
mod items;
#[path = "desk/own_devices.rs"]
mod own_devices;
#[path = "desk/plan.rs"]
mod plan;
#[path = "desk/recovery.rs"]
mod recovery;
#[path = "desk/reviews.rs"]
mod reviews;
#[path = "desk/sharing.rs"]
mod sharing;
#[path = "desk/undone.rs"]
mod undone;
#[path = "desk/words.rs"]
mod words;
#[path = "desk/wrong_use.rs"]
mod wrong_use;
