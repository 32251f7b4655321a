//! Why the story could not be told.

use std::io;
use std::path::PathBuf;

use waymark_core::client::WaymarkError;
use waymark_server::OpenError;
use waymark_server::log::SchemaError;

use super::recorded::RecordedError;

/// Why the story could not be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// A device did not do what it was asked.
    #[error("a device failed: {0}")]
    Device(#[from] WaymarkError),
    /// The directory to keep things in has something in it.
    #[error("{} is not empty; --keep takes a new or an empty directory", .0.display())]
    NotEmpty(PathBuf),
    /// The diary cannot be used.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    /// The relay does not open.
    #[error("the relay failed: {0}")]
    Relay(#[from] OpenError),
    /// The relay's database cannot be read.
    #[error("the relay's database failed: {0}")]
    RelayDatabase(#[from] SchemaError),
    /// The relay's database cannot be changed.
    #[error("the relay's database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Something of the system's.
    #[error("{what}: {why}")]
    System {
        /// What was used.
        what: String,
        /// Why it failed.
        why: io::Error,
    },
    /// The story did not go as it must.
    #[error("the story went wrong: {0}")]
    Story(&'static str),
    /// The directory to keep things in cannot be used.
    #[error("{} cannot be used: {why}", path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
}

impl DemoError {
    /// Whether what was asked was wrong, rather than that something failed.
    pub(crate) const fn is_wrong_use(&self) -> bool {
        matches!(
            self,
            Self::NotEmpty(_) | Self::Recorded(_) | Self::Unusable { .. }
        )
    }

    /// For what the system refuses.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |why| Self::System { what, why }
    }
}
