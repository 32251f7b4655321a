//! What an operator asks whether all is as it was taken: after a crash, a restore, or for a quiet
//! night. It only reads, and a relay may run meanwhile.

use std::path::Path;

use crate::data_dir::OpenError;
use crate::log::{self, Checked, Fault, Flaw, SqliteLook};

/// Why what a relay keeps could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It could not be read to the end; that says nothing of what is in it.
    #[error("the database could not be read: {0}")]
    Read(String),
}

impl From<Fault> for LookError {
    fn from(fault: Fault) -> Self {
        Self::Read(fault.to_string())
    }
}

/// Looks at everything in a relay's directory and tells what is wrong: holes in a log, entries with
/// two places, entries and keys that are not what they were, signatures of nobody who was a member,
/// chains, log ends and checkpoints that do not agree, and what SQLite says of its file.
///
/// # Errors
/// [`LookError`] where there is nothing that can be looked at.
pub fn check(data: &Path, tell: &mut dyn FnMut(&Flaw)) -> Result<Checked, LookError> {
    Ok(log::check(&look(data)?, tell)?)
}

/// Opens what is in a relay's directory, to look at it.
pub(crate) fn look(data: &Path) -> Result<SqliteLook, OpenError> {
    SqliteLook::open(data).map_err(|why| OpenError::Database {
        path: data.to_path_buf(),
        why,
    })
}
