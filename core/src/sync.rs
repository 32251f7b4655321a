//! The sync machine: what to ask of which relay, and what to make of the answers. It does no I/O
//! and reads no clock and no random source; whoever drives it passes the time and carries out its
//! effects, be it the driver, a test or a simulation.
//!
//! [`Machine`] has four kinds of methods:
//! - **A**, getters: [`Machine::status`], [`Machine::mail_problem`], [`Machine::is_settled`];
//! - **B**, events in: [`Machine::handle_answer`], [`Machine::handle_chunk`],
//!   [`Machine::handle_end`], [`Machine::handle_failure`];
//! - **C**, commands of the app: [`Machine::sync_now`], [`Machine::set_live`],
//!   [`Machine::local_change`];
//! - **D**, out: [`Machine::poll_effect`], [`Machine::poll_event`], [`Machine::poll_timeout`], in
//!   this order, after every A–C.
//!
//! In every space: membership and log first, then what this device has to say.

mod backoff;
mod fetch;
mod forked;
mod heal;
mod machine;
mod mail;
mod plan;
mod pull;
mod push;
mod reading;
mod refused;
mod restored;
mod settled;
mod start;
mod taken;
mod types;

pub use self::machine::Machine;
#[cfg(test)]
pub(crate) use self::push::up_to_draft;
pub use self::types::{Effect, Event, Failure, Problem, RequestId, SpaceStatus, Timestamp};
