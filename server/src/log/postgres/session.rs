//! One connection to PostgreSQL, driven by the thread that uses it: it asks, and waits.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use futures_util::future::{join, join_all};
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::StoreAddress;
use crate::log::rows::Fault;

/// How long a statement may take, wait for another's lock, or leave its transaction idle, in
/// milliseconds: a node that hangs must not hold up the others for ever.
const PATIENCE: &str = "\
    SET lock_timeout = 10000; SET statement_timeout = 30000;\
    SET idle_in_transaction_session_timeout = 10000;";

/// What is acknowledged is on the disk, whatever the database's own setting.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') = 'off'";

/// What is bound to a statement.
pub(super) type Bound<'a> = [&'a (dyn ToSql + Sync)];

/// A connection with its statements.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    /// Drives the connection while somebody waits for an answer. Gone only while this is dropped.
    runtime: Option<Runtime>,
    prepared: RefCell<HashMap<&'static str, Statement>>,
    is_broken: Cell<bool>,
}

impl Session {
    /// Connects, on a thread that may block.
    pub(super) fn open(address: &StoreAddress) -> Result<Self, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Fault::Engine(error.into()))?;
        let client = runtime.block_on(async {
            let client = address.connect().await?;
            client.batch_execute(PATIENCE).await?;
            client.batch_execute(DURABLE).await?;
            Ok::<_, tokio_postgres::Error>(client)
        })?;
        Ok(Self {
            client,
            runtime: Some(runtime),
            prepared: RefCell::default(),
            is_broken: Cell::new(false),
        })
    }

    /// Whether nothing more can be asked of it.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.get() || self.client.is_closed()
    }

    /// Runs statements that are not kept, and take nothing.
    pub(super) fn batch(&self, sql: &str) -> Result<(), Fault> {
        self.wait(self.client.batch_execute(sql))
    }

    /// The rows of a statement, which is prepared once.
    pub(super) fn query(&self, sql: &'static str, bound: &Bound<'_>) -> Result<Vec<Row>, Fault> {
        let statement = self.prepared(sql)?;
        self.wait(self.client.query(&statement, bound))
    }

    /// The only row of a statement, where there is one.
    pub(super) fn row(&self, sql: &'static str, bound: &Bound<'_>) -> Result<Option<Row>, Fault> {
        let statement = self.prepared(sql)?;
        self.wait(self.client.query_opt(&statement, bound))
    }

    /// How many rows a statement changed.
    pub(super) fn execute(&self, sql: &'static str, bound: &Bound<'_>) -> Result<u64, Fault> {
        let statement = self.prepared(sql)?;
        self.wait(self.client.execute(&statement, bound))
    }

    /// Begins a transaction with the rows of a statement, without waiting in between.
    pub(super) fn begin_with(
        &self,
        begin: &str,
        (sql, bound): (&'static str, &Bound<'_>),
    ) -> Result<Vec<Row>, Fault> {
        let statement = self.prepared(sql)?;
        self.wait(async {
            let begun = self.client.batch_execute(begin);
            let (begun, rows) = join(begun, self.client.query(&statement, bound)).await;
            begun?;
            rows
        })
    }

    /// Runs statements and commits, without waiting in between. Where one fails nothing is committed:
    /// PostgreSQL makes of the end of a transaction that has failed its undoing.
    pub(super) fn commit_with(
        &self,
        statements: &[(&'static str, &Bound<'_>)],
    ) -> Result<(), Fault> {
        let prepared = statements.iter().map(|(sql, _)| self.prepared(sql));
        let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
        self.wait(async {
            let sent = prepared.iter().zip(statements);
            let sent = sent.map(|(statement, (_, bound))| self.client.execute(statement, bound));
            let commit = self.client.batch_execute("COMMIT");
            let (done, committed) = join(join_all(sent), commit).await;
            done.into_iter().collect::<Result<Vec<_>, _>>()?;
            committed
        })
    }

    fn prepared(&self, sql: &'static str) -> Result<Statement, Fault> {
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(self.client.prepare(sql))?;
        self.prepared.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }

    fn wait<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Fault> {
        let Some(runtime) = &self.runtime else {
            return Err(Fault::Damaged("the connection is closed"));
        };
        runtime.block_on(answer).map_err(|error| {
            // After anything but an ordinary refusal nobody knows what the server still does.
            let is_ordinary = error.as_db_error().is_some_and(|error| {
                error.severity() == "ERROR" && !error.code().code().starts_with("57P")
            });
            if !is_ordinary {
                self.is_broken.set(true);
            }
            error.into()
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A runtime that is dropped waits, which a thread that serves connections may not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What PostgreSQL says of itself, without the values that it adds for whoever may see them.
impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(said) => {
                Self::Engine(format!("{} ({})", said.message(), said.code().code()).into())
            }
            None => Self::Engine(error.into()),
        }
    }
}
