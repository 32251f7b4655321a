//! What an app is told when something does not work: fifteen stable codes in four classes.
//! `docs/errors.md` says what to do about each.

use waymark_wire::message::RefusalCode;

use crate::crypto::CryptoError;
use crate::driver::{HttpError, SyncFailed};
use crate::gate::GateError;
use crate::membership::{CardError, WelcomeError};
use crate::model::{IdError, InputError};
use crate::pairing::{LinkError, PairingError, ShortCodeError};
use crate::space::SpaceError;
use crate::store::StoreError;
use crate::sync::Problem;

/// What an app does about an error.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum ErrorClass {
    /// Nothing: it is tried again, and everything is kept.
    Wait,
    /// Ask the person: something has to be freed, unlocked, updated or allowed.
    AskUser,
    /// Correct what was given.
    FixInput,
    /// Report it: something is broken, or somebody misbehaves.
    Report,
}

/// Why a call did not do what was asked. Whatever it was about is as it was before.
///
/// `reason` is for whoever debugs: it names what was wrong and holds nothing that people wrote.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error), uniffi::export(Display))]
pub enum WaymarkError {
    /// A contact card or welcome cannot be used.
    #[error("the card cannot be used: {reason}")]
    BadCard {
        /// What was wrong.
        reason: String,
    },
    /// The device's database is damaged.
    #[error("the database is damaged: {reason}")]
    Damaged {
        /// What was noticed.
        reason: String,
    },
    /// A fault of this library.
    #[error("an internal fault: {reason}")]
    Internal {
        /// What was noticed.
        reason: String,
    },
    /// What was given breaks a rule.
    #[error("the input is refused: {reason}")]
    InvalidInput {
        /// The field and the rule.
        reason: String,
    },
    /// The storage key is not the one that the database was made with, or is gone.
    #[error("the key of the database is lost: {reason}")]
    KeyLost {
        /// What was noticed.
        reason: String,
    },
    /// The database is open elsewhere, its key cannot be had at the moment, or the client was
    /// locked.
    #[error("the database is locked: {reason}")]
    Locked {
        /// By whom.
        reason: String,
    },
    /// A newer version of the app made this.
    #[error("a newer app is needed: {reason}")]
    NeedsNewerApp {
        /// What this version does not know.
        reason: String,
    },
    /// This person or device may not do this.
    #[error("not allowed: {reason}")]
    NotAllowed {
        /// The rule.
        reason: String,
    },
    /// There is no such thing here.
    #[error("not found: {reason}")]
    NotFound {
        /// What was looked for.
        reason: String,
    },
    /// The relay cannot be reached.
    #[error("the relay cannot be reached: {reason}")]
    Offline {
        /// What was noticed.
        reason: String,
    },
    /// The relay cannot serve now.
    #[error("the relay cannot serve now: {reason}")]
    RelayBusy {
        /// What it said.
        reason: String,
    },
    /// The relay shows something that cannot be true; nothing of it was taken.
    #[error("the relay is not to be believed: {reason}")]
    RelayUntrusted {
        /// What it showed.
        reason: String,
    },
    /// The device's disk failed or refuses to be written.
    #[error("the database could not be written: {reason}")]
    StorageFailed {
        /// What the system said.
        reason: String,
    },
    /// The device's disk is full.
    #[error("the disk is full: {reason}")]
    StorageFull {
        /// What the system said.
        reason: String,
    },
    /// One more goal would be active than the plan's limit. It may be, where the person wants it.
    #[error("more goals would be active than the plan's limit: {reason}")]
    TooManyActive {
        /// The limit.
        reason: String,
    },
}

impl WaymarkError {
    /// The stable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadCard { .. } => "bad_card",
            Self::Damaged { .. } => "damaged",
            Self::Internal { .. } => "internal",
            Self::InvalidInput { .. } => "invalid_input",
            Self::KeyLost { .. } => "key_lost",
            Self::Locked { .. } => "locked",
            Self::NeedsNewerApp { .. } => "needs_newer_app",
            Self::NotAllowed { .. } => "not_allowed",
            Self::NotFound { .. } => "not_found",
            Self::Offline { .. } => "offline",
            Self::RelayBusy { .. } => "relay_busy",
            Self::RelayUntrusted { .. } => "relay_untrusted",
            Self::StorageFailed { .. } => "storage_failed",
            Self::StorageFull { .. } => "storage_full",
            Self::TooManyActive { .. } => "too_many_active",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Offline { .. } | Self::RelayBusy { .. } => ErrorClass::Wait,
            Self::KeyLost { .. }
            | Self::Locked { .. }
            | Self::NeedsNewerApp { .. }
            | Self::NotAllowed { .. }
            | Self::StorageFull { .. }
            | Self::TooManyActive { .. } => ErrorClass::AskUser,
            Self::BadCard { .. } | Self::InvalidInput { .. } | Self::NotFound { .. } => {
                ErrorClass::FixInput
            }
            Self::Damaged { .. }
            | Self::Internal { .. }
            | Self::RelayUntrusted { .. }
            | Self::StorageFailed { .. } => ErrorClass::Report,
        }
    }

    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound {
            reason: what.into(),
        }
    }

    pub(super) fn invalid(why: impl ToString) -> Self {
        Self::InvalidInput {
            reason: why.to_string(),
        }
    }
}

impl From<StoreError> for WaymarkError {
    fn from(error: StoreError) -> Self {
        let reason = error.to_string();
        match error {
            StoreError::Damaged { .. } => Self::Damaged { reason },
            StoreError::Full => Self::StorageFull { reason },
            StoreError::Locked => Self::Locked { reason },
            StoreError::NewerFormat { .. } => Self::NeedsNewerApp { reason },
            StoreError::Io { .. } | StoreError::ReadOnly { .. } => Self::StorageFailed { reason },
            StoreError::WrongKey => Self::KeyLost { reason },
        }
    }
}

impl From<SpaceError> for WaymarkError {
    fn from(error: SpaceError) -> Self {
        let reason = error.to_string();
        match error {
            SpaceError::Store(error) => error.into(),
            SpaceError::Gate(error) => error.into(),
            SpaceError::NotAllowed(_) => Self::NotAllowed { reason },
            SpaceError::OnItsWay => Self::Offline { reason },
            SpaceError::Checkpoint { .. }
            | SpaceError::Entry { .. }
            | SpaceError::Forgotten { .. }
            | SpaceError::Forked { .. }
            | SpaceError::Membership(_)
            | SpaceError::MembershipEntry { .. }
            | SpaceError::OwnUnknown { .. }
            | SpaceError::Relay(_)
            | SpaceError::Restored { .. }
            | SpaceError::Signature { .. } => Self::RelayUntrusted { reason },
            SpaceError::Crypto(_) => Self::Internal { reason },
        }
    }
}

impl From<GateError> for WaymarkError {
    fn from(error: GateError) -> Self {
        let reason = error.to_string();
        match error {
            GateError::Damaged(_) => Self::Damaged { reason },
            GateError::OutOfBounds
            | GateError::TooLarge(_)
            | GateError::TextExists
            | GateError::Malformed(_) => Self::InvalidInput { reason },
            GateError::UnknownText => Self::NotFound { reason },
            _ => Self::Internal { reason },
        }
    }
}

impl From<InputError> for WaymarkError {
    fn from(error: InputError) -> Self {
        let reason = error.to_string();
        match error {
            InputError::UnknownCheckIn(_)
            | InputError::UnknownGoal(_)
            | InputError::UnknownMeasure(_)
            | InputError::UnknownRecord(_)
            | InputError::UnknownRevision(_)
            | InputError::NothingUndone => Self::NotFound { reason },
            InputError::NotYourRole { .. } | InputError::NotYours(_) => Self::NotAllowed { reason },
            InputError::TooManyActive { .. } => Self::TooManyActive { reason },
            _ => Self::InvalidInput { reason },
        }
    }
}

impl From<IdError> for WaymarkError {
    fn from(error: IdError) -> Self {
        Self::invalid(error)
    }
}

impl From<CardError> for WaymarkError {
    fn from(error: CardError) -> Self {
        Self::BadCard {
            reason: error.to_string(),
        }
    }
}

impl From<WelcomeError> for WaymarkError {
    fn from(error: WelcomeError) -> Self {
        Self::BadCard {
            reason: error.to_string(),
        }
    }
}

impl From<LinkError> for WaymarkError {
    fn from(error: LinkError) -> Self {
        let reason = error.to_string();
        match error {
            LinkError::Version(_) => Self::NeedsNewerApp { reason },
            _ => Self::InvalidInput { reason },
        }
    }
}

impl From<ShortCodeError> for WaymarkError {
    fn from(error: ShortCodeError) -> Self {
        let reason = error.to_string();
        match error {
            ShortCodeError::Purpose => Self::NeedsNewerApp { reason },
            _ => Self::InvalidInput { reason },
        }
    }
}

impl From<PairingError> for WaymarkError {
    fn from(error: PairingError) -> Self {
        let reason = error.to_string();
        match error {
            PairingError::Ended(_) | PairingError::Stage(_) => Self::NotAllowed { reason },
            PairingError::Lifetime | PairingError::Relay => Self::InvalidInput { reason },
            PairingError::Stored => Self::Damaged { reason },
            PairingError::Card(_)
            | PairingError::Crypto(_)
            | PairingError::NotCardKeys
            | PairingError::TooLarge(_) => Self::Internal { reason },
        }
    }
}

impl From<CryptoError> for WaymarkError {
    fn from(error: CryptoError) -> Self {
        Self::Internal {
            reason: error.to_string(),
        }
    }
}

impl From<HttpError> for WaymarkError {
    fn from(error: HttpError) -> Self {
        Self::InvalidInput {
            reason: error.to_string(),
        }
    }
}

impl From<Problem> for WaymarkError {
    fn from(problem: Problem) -> Self {
        let reason = problem.to_string();
        match problem {
            Problem::Offline => Self::Offline { reason },
            Problem::Refused(
                RefusalCode::Nonce | RefusalCode::TooOften | RefusalCode::Unavailable,
            ) => Self::RelayBusy { reason },
            Problem::Refused(
                RefusalCode::Admission | RefusalCode::NotFound | RefusalCode::Quota,
            ) => Self::NotAllowed { reason },
            Problem::Refused(_) | Problem::RolledBack | Problem::Garbled(_) => {
                Self::RelayUntrusted { reason }
            }
            Problem::Space(error) => error.into(),
        }
    }
}

impl From<SyncFailed> for WaymarkError {
    fn from(SyncFailed(problem): SyncFailed) -> Self {
        problem.into()
    }
}

/// The same for the bindings, which take no borrowed text.
#[cfg(feature = "uniffi")]
#[uniffi::export]
impl WaymarkError {
    /// The stable name of this error.
    #[uniffi::method(name = "code")]
    pub fn owned_code(&self) -> String {
        self.code().into()
    }

    /// What to do about it.
    #[uniffi::method(name = "error_class")]
    pub fn owned_class(&self) -> ErrorClass {
        self.class()
    }
}

#[cfg(feature = "uniffi")]
impl From<uniffi::UnexpectedUniFFICallbackError> for WaymarkError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        // A foreign exception comes with its whole stack trace.
        Self::Internal {
            reason: error.reason.chars().take(200).collect(),
        }
    }
}
