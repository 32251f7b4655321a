//! One connection to PostgreSQL, driven by the thread that uses it: it asks, and waits.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use crate::log::rows::Fault;

/// How long a statement may take, wait for another's lock, or leave its transaction idle, in
/// milliseconds: a node that hangs must not hold up the others for ever.
const PATIENCE: &str = "\
    SET lock_timeout = 10000; SET statement_timeout = 30000;\
    SET idle_in_transaction_session_timeout = 10000;";

/// What is acknowledged is on the disk, whatever the database's own setting.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') = 'off'";

/// How long a silent network is waited for.
const SILENCE: Duration = Duration::from_secs(10);

/// What is bound to a statement.
pub(super) type Bound<'a> = [&'a (dyn ToSql + Sync)];

/// How a relay connects: it does not wait for ever for a machine that is gone.
pub(super) fn patient(config: &Config) -> Config {
    let mut config = config.clone();
    config
        .application_name("waymark-server")
        .connect_timeout(SILENCE)
        .keepalives_idle(SILENCE)
        .tcp_user_timeout(SILENCE);
    config
}

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
    pub(super) fn open(config: &Config) -> Result<Self, Fault> {
        let config = patient(config);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Fault::Engine(error.into()))?;
        let client = runtime.block_on(async {
            let (client, connection) = config.connect(NoTls).await?;
            // Ends with the client, or tells it that the server is gone.
            tokio::spawn(connection);
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
