//! What can go wrong with the device's database.

use std::fmt;

use crate::store::Table;

/// Why the database did not open, answer or take a write.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Bytes on the disk are not what was written there.
    #[error("the database is damaged{}: {what}", InTable(*table))]
    Damaged {
        /// Where, if it can be told.
        table: Option<Table>,
        /// What was noticed. Describes the damage, never the content.
        what: String,
    },
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The operating system refused or failed.
    #[error("the database could not be read or written: {what}")]
    Io {
        /// What it said.
        what: String,
    },
    /// Another process, or another handle in this one, has the database open.
    #[error("the database is open elsewhere")]
    Locked,
    /// A newer version of the app made this database; this one would lose what it cannot see.
    #[error("the database has format {found}, newer than the {known} that this version knows")]
    NewerFormat {
        /// The format of the database.
        found: u32,
        /// The newest format that this version reads.
        known: u32,
    },
    /// The directory or the file may not be written.
    #[error("the database may not be written: {what}")]
    ReadOnly {
        /// What the operating system said.
        what: String,
    },
    /// The database was made under another storage key.
    ///
    /// A database restored onto a phone whose keychain did not come along looks exactly like one
    /// opened with a mistyped key: the store sees a key that does not fit and cannot tell which. So
    /// this one error stands for both, and the facade reports it as a lost key.
    #[error("the storage key does not fit this database")]
    WrongKey,
}

struct InTable(Option<Table>);

impl fmt::Display for InTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |table| write!(f, " in table {}", table.name()))
    }
}
