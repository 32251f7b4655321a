//! What proves that a relay told two stories.

use waymark_core::client::{ForkEvidence, WaymarkError};

use crate::Waymark;

#[uniffi::export]
impl Waymark {
    /// What this device keeps as proof that a relay told two stories, home first.
    ///
    /// # Errors
    /// `locked`, or the storage's.
    pub fn evidence(&self) -> Result<Vec<ForkEvidence>, WaymarkError> {
        self.session.call(|client| client.sync().evidence())
    }
}

/// Checks evidence that somebody handed over, with nothing but its bytes.
///
/// # Errors
/// `invalid_input` where they prove nothing, with the reason.
#[uniffi::export]
pub fn check_evidence(bytes: Vec<u8>) -> Result<ForkEvidence, WaymarkError> {
    ForkEvidence::check(&bytes)
}
