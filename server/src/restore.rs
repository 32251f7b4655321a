//! What an operator does after putting a backup's files back: the relay says to devices that its
//! history is another one from here on, so that they give back what the backup lacks, and do not
//! take the relay for one that tells two stories.

use std::path::Path;

use waymark_wire::ids::Generation;

use crate::data_dir::{DataDir, OpenError};
use crate::log::{self, DATABASE, SchemaError};

/// A relay that goes on from a backup.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Restored {
    /// Its history from now on.
    pub generation: Generation,
    /// The spaces in the backup.
    pub spaces: u64,
    /// The entries in it.
    pub entries: u64,
}

/// Has the relay in `data`, whose files were put back from a backup, go on from there: checks that
/// the database can be read, and renews its generation. The key stays, by which devices know the
/// relay.
///
/// # Errors
/// [`OpenError`] where a relay runs on the directory, where there is no database or key, or where
/// they are damaged. Then nothing is changed.
pub fn restore(data: &Path) -> Result<Restored, OpenError> {
    let database = |why| OpenError::Database {
        path: data.to_path_buf(),
        why,
    };
    // Otherwise a slip in the path would make a new relay there.
    if !data.join(DATABASE).is_file() {
        return Err(database(SchemaError::Damaged(
            "there is none: put the backup's files back first",
        )));
    }
    let directory = DataDir::open(data)?;
    log::renew(&directory.path, directory.new_generation).map_err(database)
}
