//! The engines that a relay keeps its logs in, as a measurement opens them.

use std::fmt;
use std::path::Path;

use super::bare::Bare;
use crate::servers::PostgresServer;

/// What a log is kept in: SQLite, or a PostgreSQL server of this process's own.
pub struct Engine(Option<PostgresServer>);

impl Engine {
    /// SQLite.
    #[must_use]
    pub const fn sqlite() -> Self {
        Self(None)
    }

    /// PostgreSQL, where it is installed.
    #[must_use]
    pub fn postgres() -> Option<Self> {
        PostgresServer::start("load").map(Some).map(Self)
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.0 {
            None => "SQLite",
            Some(_) => "PostgreSQL",
        }
    }

    /// The address of a new, empty database; `None` where a directory is enough.
    pub(super) fn database(&self) -> Option<String> {
        self.0.as_ref().map(PostgresServer::database)
    }

    /// Bare rows in a new database.
    pub(super) fn bare(&self, directory: &Path) -> Bare {
        match self.database() {
            None => Bare::sqlite(directory),
            Some(address) => Bare::postgres(&address),
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
