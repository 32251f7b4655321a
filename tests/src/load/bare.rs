//! Bare durable rows: the table of a relay's entries in the same engine with the same settings, one
//! transaction for what has queued, an answer after COMMIT, and nothing else: no locks, no look-ups, no
//! rules, no ends of logs.

use std::path::Path;
use std::thread;

use rusqlite::{Connection, params};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Client, NoTls};

/// The most rows in one transaction, as in a relay.
const GROUP: usize = 256;
/// Rows that wait.
const QUEUE: usize = 4_096;
/// Bytes of the entry of a lone check-in.
const ENTRY: usize = 52 + 256 + 16 + 64;
/// Connections that write to PostgreSQL, as in a relay.
const WRITERS: usize = 4;
/// Pages in SQLite's journal from which on they are moved to the file where nobody waits, and where
/// somebody does, as in a relay.
const JOURNAL: (u32, u32) = (512, 4_096);

/// A row as a relay keeps an entry.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The space's number.
    pub(super) space: i64,
    /// Its place.
    pub(super) seq: i64,
    /// Its signer's count.
    pub(super) counter: i64,
    /// Its id.
    pub(super) id: [u8; 32],
    /// The chain through it.
    pub(super) chain: [u8; 32],
    /// The entry.
    pub(super) bytes: Vec<u8>,
}

impl Row {
    /// A row as the entry of a lone check-in takes, the `turn`th of a space.
    pub(super) fn like(space: usize, turn: usize) -> Self {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        Self {
            space: number(space) + 1,
            seq: number(turn) + 1,
            counter: number(turn),
            id: [1; 32],
            chain: [2; 32],
            bytes: vec![3; ENTRY],
        }
    }
}

type Job = (Row, oneshot::Sender<()>);

/// A table, and the threads that write to it.
#[derive(Debug)]
pub(super) struct Bare {
    queues: Vec<mpsc::Sender<Job>>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// What rows are written to.
trait Table: Send + 'static {
    /// Writes rows, durably.
    fn commit(&mut self, rows: &[Row]);

    /// What is to be done after they were answered; `is_busy` where more wait.
    fn rest(&mut self, _is_busy: bool) {}
}

impl Bare {
    /// A table in a new SQLite file.
    pub(super) fn sqlite(directory: &Path) -> Self {
        Self::over(vec![Sqlite::make(directory)])
    }

    /// A table in an empty PostgreSQL database.
    pub(super) fn postgres(address: &str) -> Self {
        let tables: Vec<_> = (0..WRITERS).map(|_| Postgres::connect(address)).collect();
        tables[0].make();
        Self::over(tables)
    }

    fn over(tables: Vec<impl Table>) -> Self {
        let mut bare = Self {
            queues: Vec::new(),
            threads: Vec::new(),
        };
        for table in tables {
            let (queue, jobs) = mpsc::channel(QUEUE);
            bare.queues.push(queue);
            bare.threads.push(thread::spawn(move || run(table, jobs)));
        }
        bare
    }

    /// Writes a row; it is durable when this comes back.
    pub(super) async fn append(&self, row: Row) {
        let writer = usize::try_from(row.space).unwrap_or(0) % self.queues.len();
        let (reply, written) = oneshot::channel();
        let queued = self.queues[writer].send((row, reply)).await;
        assert!(queued.is_ok(), "a writer has ended");
        written.await.expect("it was written");
    }

    /// Ends the threads.
    pub(super) fn close(self) {
        drop(self.queues);
        for thread in self.threads {
            thread.join().expect("a writer ends well");
        }
    }
}

fn run(mut table: impl Table, mut jobs: mpsc::Receiver<Job>) {
    while let Some((row, reply)) = jobs.blocking_recv() {
        let (mut rows, mut replies) = (vec![row], vec![reply]);
        while rows.len() < GROUP
            && let Ok((row, reply)) = jobs.try_recv()
        {
            rows.push(row);
            replies.push(reply);
        }
        table.commit(&rows);
        for reply in replies {
            // Whoever measures waits, or has had enough.
            let _ = reply.send(());
        }
        table.rest(!jobs.is_empty());
    }
}

struct Sqlite {
    db: Connection,
    /// Pages that the journal holds, about.
    journal: u32,
}

impl Sqlite {
    fn make(directory: &Path) -> Self {
        let db = Connection::open(directory.join("bare.db")).expect("a database");
        for (name, value) in [("journal_mode", "wal"), ("synchronous", "full")] {
            let set = db.pragma_update_and_check(None, name, value, |_| Ok(()));
            set.or_else(|error| match error {
                rusqlite::Error::QueryReturnedNoRows => Ok(()),
                error => Err(error),
            })
            .expect("a pragma");
        }
        // The journal is grown to the size at which it is used, as in a relay.
        let bytes = 4_096 * JOURNAL.0;
        db.execute_batch(&format!(
            "PRAGMA cache_size = -16384;
             CREATE TABLE entry (place INTEGER PRIMARY KEY, signer INTEGER NOT NULL,
                 counter INTEGER NOT NULL, id BLOB NOT NULL, chain BLOB NOT NULL,
                 bytes BLOB NOT NULL) STRICT;
             CREATE UNIQUE INDEX entry_by_signer ON entry (signer, counter);
             BEGIN; CREATE TABLE spare (bytes BLOB NOT NULL) STRICT;
             INSERT INTO spare VALUES (zeroblob({bytes})); COMMIT; DROP TABLE spare;",
        ))
        .expect("tables");
        db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
            .expect("a pragma");
        let mut made = Self { db, journal: 0 };
        made.checkpoint();
        made
    }

    fn checkpoint(&mut self) {
        let moved = self
            .db
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                row.get::<_, u32>(1)
            });
        moved.expect("moved");
        self.journal = 0;
    }
}

impl Table for Sqlite {
    fn commit(&mut self, rows: &[Row]) {
        let transaction = self.db.transaction().expect("begins");
        {
            let insert = "INSERT INTO entry (place, signer, counter, id, chain, bytes)
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let mut insert = transaction.prepare_cached(insert).expect("prepared");
            for row in rows {
                let bound = params![
                    row.space << 32 | row.seq,
                    row.space << 16,
                    row.counter,
                    row.id,
                    row.chain,
                    row.bytes
                ];
                insert.execute(bound).expect("inserted");
            }
        }
        transaction.commit().expect("committed");
        let pages = self
            .db
            .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1));
        self.journal = pages.unwrap_or(0);
    }

    fn rest(&mut self, is_busy: bool) {
        let most = if is_busy { JOURNAL.1 } else { JOURNAL.0 };
        if self.journal > most {
            self.checkpoint();
        }
    }
}

struct Postgres {
    runtime: Runtime,
    client: Client,
}

impl Postgres {
    fn connect(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(address, NoTls)
                .await
                .expect("a connection");
            // It ends with its client.
            tokio::spawn(async move {
                let _ = connection.await;
            });
            client
        });
        Self { runtime, client }
    }

    fn make(&self) {
        let made = self.client.batch_execute(
            "CREATE TABLE entry (space bigint NOT NULL, seq bigint NOT NULL,
                 device bigint NOT NULL, counter bigint NOT NULL, id bytea NOT NULL,
                 chain bytea NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (space, seq));
             ALTER TABLE entry ALTER COLUMN bytes SET STORAGE EXTERNAL;
             CREATE UNIQUE INDEX entry_by_signer ON entry (space, device, counter);",
        );
        self.runtime.block_on(made).expect("a table");
    }
}

impl Table for Postgres {
    fn commit(&mut self, rows: &[Row]) {
        fn all<T>(rows: &[Row], of: impl Fn(&Row) -> T) -> Vec<T> {
            rows.iter().map(of).collect()
        }
        let ids: Vec<&[u8]> = rows.iter().map(|row| &row.id[..]).collect();
        let chains: Vec<&[u8]> = rows.iter().map(|row| &row.chain[..]).collect();
        let bytes: Vec<&[u8]> = rows.iter().map(|row| &row.bytes[..]).collect();
        let work = async {
            let transaction = self.client.transaction().await?;
            transaction
                .execute(
                    "INSERT INTO entry (space, seq, device, counter, id, chain, bytes)
                     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
                                          $5::bytea[], $6::bytea[], $7::bytea[])",
                    &[
                        &all(rows, |row| row.space),
                        &all(rows, |row| row.seq),
                        &all(rows, |_| 0_i64),
                        &all(rows, |row| row.counter),
                        &ids,
                        &chains,
                        &bytes,
                    ],
                )
                .await?;
            transaction.commit().await
        };
        self.runtime.block_on(work).expect("committed");
    }
}
