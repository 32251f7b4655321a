//! Why a verb did not do what was asked.

use std::io;

use waymark_core::client::{ErrorClass, WaymarkError};

/// Why a verb did not do what was asked. What it had done before stands in its output.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeskError {
    /// The engine's answer.
    #[error("{0}")]
    Client(#[from] WaymarkError),
    /// The person said no.
    #[error("nothing was done")]
    Declined,
    /// An invitation ended without a result.
    #[error("the invitation has ended: {0}")]
    Ended(String),
    /// The system refused.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        error: io::Error,
    },
    /// There was nobody to ask.
    #[error("no answer to \"{0}\"")]
    NoAnswer(String),
    /// It cannot be any more: somebody else's change came first.
    #[error("it cannot be done any more: {0}")]
    NotDone(String),
    /// It is kept, and has not happened yet.
    #[error("{0}")]
    Pending(String),
    /// What was asked cannot be meant.
    #[error("{0}")]
    Wrong(String),
}

impl DeskError {
    /// An error of the system's.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |error| Self::Io { what, error }
    }

    /// Its stable name: one of the engine's, or of these.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Client(error) => error.code(),
            Self::Declined => "declined",
            Self::Ended(_) => "invitation_ended",
            Self::Io { .. } => "io",
            Self::NoAnswer(_) => "no_answer",
            Self::NotDone(_) => "not_done",
            Self::Pending(_) => "pending",
            Self::Wrong(_) => "wrong_use",
        }
    }

    /// 2 where what was asked has to be corrected, otherwise 1.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Client(error) if error.class() == ErrorClass::FixInput => 2,
            Self::Client(WaymarkError::KeyLost { .. }) | Self::NoAnswer(_) | Self::Wrong(_) => 2,
            _ => 1,
        }
    }
}
