//! What was held back.

use std::sync::Arc;

use waymark_core::client::{
    HeldContents, HeldOutcome, HeldPlace, HeldView, MemberEvidence, WaymarkError,
};

use crate::session::Session;

/// What was held back: kept, shown, and not applied.
#[derive(uniffi::Object)]
pub struct Held(pub(crate) Arc<Session>);

#[uniffi::export]
impl Held {
    /// Everything that is held back, space by space in the order of their logs.
    ///
    /// # Errors
    /// `locked`, or the storage's.
    pub fn list(&self) -> Result<Vec<HeldView>, WaymarkError> {
        self.0.call(|c| c.held().list())
    }

    /// What is held at a place.
    ///
    /// # Errors
    /// `not_found` where nothing is held there, `not_allowed` where the log's entry is not kept any
    /// more, `locked`, or the storage's.
    pub fn inspect(&self, place: HeldPlace) -> Result<HeldContents, WaymarkError> {
        self.0.call(|c| c.held().inspect(place))
    }

    /// Has what is held be judged again, for instance after an update of the app, and after it what
    /// waits behind it. What is still not acceptable stays held.
    ///
    /// # Errors
    /// As [`Held::inspect`]; nothing has changed then.
    pub fn release(&self, place: HeldPlace) -> Result<HeldOutcome, WaymarkError> {
        self.0.call(|c| c.held().release(place))
    }

    /// Gives up what is held: it is not opened again on this device. Other devices are not
    /// affected.
    ///
    /// # Errors
    /// `not_found` where nothing is held there, `locked`, or the storage's; nothing has changed
    /// then.
    pub fn discard(&self, place: HeldPlace) -> Result<(), WaymarkError> {
        self.0.call(|c| c.held().discard(place))
    }

    /// What this device keeps as proof that devices of members wrote two different changes under one
    /// number: at most one for each device of a space.
    ///
    /// # Errors
    /// `locked`, or the storage's.
    pub fn evidence(&self) -> Result<Vec<MemberEvidence>, WaymarkError> {
        self.0.call(|c| c.held().evidence())
    }
}

/// Checks evidence against a member's device that somebody handed over, with nothing but its bytes.
///
/// # Errors
/// `invalid_input` where they prove nothing, with the reason.
#[uniffi::export]
pub fn check_member_evidence(bytes: Vec<u8>) -> Result<MemberEvidence, WaymarkError> {
    MemberEvidence::check(&bytes)
}
