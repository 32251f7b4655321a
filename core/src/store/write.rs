//! Changes to the database, gathered before they are committed.

use std::fmt;

use crate::store::Table;

/// One change to the database.
#[derive(Clone, Eq, PartialEq)]
pub enum Write {
    /// Puts `value` at `key`, in place of what was there.
    Put {
        /// The table.
        table: Table,
        /// The key: opaque bytes, stored in clear.
        key: Vec<u8>,
        /// The value: stored sealed.
        value: Vec<u8>,
    },
    /// Removes what is at `key`, if anything.
    Delete {
        /// The table.
        table: Table,
        /// The key.
        key: Vec<u8>,
    },
    /// Removes every row whose key starts with `prefix`; the empty prefix empties the table.
    DeletePrefix {
        /// The table.
        table: Table,
        /// The start of the keys.
        prefix: Vec<u8>,
    },
}

/// Shows lengths, not bytes: values are what a person wrote.
impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { table, key, value } => {
                write!(f, "Put({table:?}, {} B, {} B)", key.len(), value.len())
            }
            Self::Delete { table, key } => write!(f, "Delete({table:?}, {} B)", key.len()),
            Self::DeletePrefix { table, prefix } => {
                write!(f, "DeletePrefix({table:?}, {} B)", prefix.len())
            }
        }
    }
}

/// Gathers writes for one commit. Later writes win over earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Transaction(Vec<Write>);

impl Transaction {
    /// An empty transaction.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it deletes this one row by its key.
    pub(crate) fn deletes(&self, table: Table, key: &[u8]) -> bool {
        let is_it = |write: &Write| matches!(write, Write::Delete { table: of, key: known } if *of == table && known == key);
        self.0.iter().any(is_it)
    }

    /// See [`Write::Put`].
    pub fn put(
        &mut self,
        table: Table,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
    ) -> &mut Self {
        self.push(Write::Put {
            table,
            key: key.into(),
            value: value.into(),
        })
    }

    /// See [`Write::Delete`].
    pub fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) -> &mut Self {
        self.push(Write::Delete {
            table,
            key: key.into(),
        })
    }

    /// See [`Write::DeletePrefix`].
    pub fn delete_prefix(&mut self, table: Table, prefix: impl Into<Vec<u8>>) -> &mut Self {
        self.push(Write::DeletePrefix {
            table,
            prefix: prefix.into(),
        })
    }

    /// Adds a write.
    pub fn push(&mut self, write: Write) -> &mut Self {
        self.0.push(write);
        self
    }

    /// Takes what was gathered and leaves the transaction empty.
    pub fn take(&mut self) -> Vec<Write> {
        std::mem::take(&mut self.0)
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Transaction> for Vec<Write> {
    fn from(transaction: Transaction) -> Self {
        transaction.0
    }
}

impl Extend<Write> for Transaction {
    fn extend<I: IntoIterator<Item = Write>>(&mut self, writes: I) {
        self.0.extend(writes);
    }
}
