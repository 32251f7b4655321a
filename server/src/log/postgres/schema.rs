//! Making the database's tables, bringing older ones up to date, and finding out whether it is this
//! relay's.

use std::ops::Range;
use std::thread;
use std::time::Duration;

use tokio_postgres::{Client, Transaction};
use waymark_wire::ids::Generation;
use waymark_wire::signature::VerifyingKey;

use super::StoreAddress;

/// Each step from one version to the next; a step is never altered once released.
const MIGRATIONS: [&str; 4] = [
    include_str!("../../../migrations/postgres/0001.sql"),
    include_str!("../../../migrations/postgres/0002.sql"),
    include_str!("../../../migrations/postgres/0003.sql"),
    include_str!("../../../migrations/postgres/0004.sql"),
];

/// How often a node tries anew where another one makes the tables at the same moment.
const TRIES: u32 = 5;

const NO_RELAY: &str = "there is no relay in it";

/// Why a PostgreSQL database cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// It does not hold what it should.
    #[error("the database is damaged: {0}")]
    Damaged(&'static str),
    /// It says that something is on the disk which is not.
    #[error(
        "the database does not wait for its disk: set fsync = on, or what a phone has ticked off is lost where the power goes"
    )]
    NotDurable,
    /// A newer relay has written it.
    #[error("the database is of version {found}, and this relay knows versions up to {known}")]
    Newer {
        /// Its version.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// No relay of this version has opened it yet.
    #[error(
        "the database is of version {found}: start this relay on it once, which brings it up to date"
    )]
    Older {
        /// Its version.
        found: i64,
    },
    /// Another relay's nodes serve it.
    #[error(
        "the database is of a relay with another key: bring that one's relay.key into the data \
         directory, or devices will refuse this node"
    )]
    OtherKey,
    /// It holds spaces of shards that are said to be in another.
    #[error(
        "the database holds spaces that the shards of the file say are in another: move them, or say \
         where they are, or nobody finds them"
    )]
    OtherShards,
    /// It cannot be reached, or says so itself.
    #[error("the database cannot be used: {0}")]
    Engine(#[from] tokio_postgres::Error),
    /// It answered, and then did not.
    #[error("the database cannot be used: {0}")]
    Lost(String),
    /// No thread or runtime could be started for it.
    #[error("no thread could be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// What a database says it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Identity {
    /// The history that receipts belong to.
    pub(crate) generation: Generation,
    /// The key of all nodes.
    pub(crate) key: VerifyingKey,
}

/// Whose the database is; `None` where it holds no relay yet.
pub(crate) fn identity(address: &StoreAddress) -> Result<Option<Identity>, PostgresError> {
    with_client(address, async |client| {
        let transaction = client.transaction().await?;
        Ok(found(&transaction).await?.map(|(_, identity)| identity))
    })
}

/// Brings the database to the newest version, and tells its generation, which is `new`'s where the
/// database is new.
pub(super) fn migrate(address: &StoreAddress, new: Identity) -> Result<Generation, PostgresError> {
    let mut left = TRIES;
    loop {
        left -= 1;
        let migrated = with_client(address, async |client| migrate_with(client, new).await);
        match migrated {
            // Another node may have made the same tables meanwhile.
            Err(PostgresError::Engine(error)) if error.as_db_error().is_some() && left > 0 => {
                thread::sleep(Duration::from_millis(200));
            }
            migrated => return migrated,
        }
    }
}

/// Refuses a database of another version than the newest, for whoever does not bring it up to date.
pub(super) fn refuse_other(address: &StoreAddress) -> Result<(), PostgresError> {
    with_client(address, async |client| {
        let transaction = client.transaction().await?;
        let Some((version, _)) = found(&transaction).await? else {
            return Err(PostgresError::Damaged(NO_RELAY));
        };
        refuse_newer(version)?;
        if version < known() {
            return Err(PostgresError::Older { found: version });
        }
        Ok(())
    })
}

/// Refuses a database with spaces in these shards, which are in another.
pub(crate) fn refuse_strays(
    address: &StoreAddress,
    shards: &[Range<u16>],
) -> Result<(), PostgresError> {
    if shards.is_empty() {
        return Ok(());
    }
    // The first id of a shard, or one behind all.
    let first = |shard: u16| match shard.checked_mul(16) {
        Some(bits) => bits.to_be_bytes().to_vec(),
        None => vec![0xff; 33],
    };
    with_client(address, async |client| {
        for shards in shards {
            let stray = "SELECT EXISTS
                (SELECT 1 FROM space WHERE id >= $1 AND id < $2 AND used >= 0)";
            let (from, to) = (first(shards.start), first(shards.end));
            if client.query_one(stray, &[&from, &to]).await?.try_get(0)? {
                return Err(PostgresError::OtherShards);
            }
        }
        Ok(())
    })
}

/// Gives the database another generation: it was brought back from a backup.
pub(super) fn renew(address: &StoreAddress, new: Generation) -> Result<(u64, u64), PostgresError> {
    with_client(address, async |client| {
        let transaction = client.transaction().await?;
        let Some((version, _)) = found(&transaction).await? else {
            return Err(PostgresError::Damaged(NO_RELAY));
        };
        refuse_newer(version)?;
        let count = async |sql| -> Result<u64, PostgresError> {
            let rows: i64 = transaction.query_one(sql, &[]).await?.try_get(0)?;
            Ok(u64::try_from(rows).unwrap_or_default())
        };
        let spaces = count("SELECT count(*) FROM space").await?;
        let entries = count("SELECT count(*) FROM entry").await?;
        let renew = "UPDATE relay SET generation = $1";
        transaction.execute(renew, &[&&new.0[..]]).await?;
        transaction.commit().await?;
        Ok((spaces, entries))
    })
}

async fn migrate_with(client: &mut Client, new: Identity) -> Result<Generation, PostgresError> {
    let fsync: String = client.query_one("SHOW fsync", &[]).await?.try_get(0)?;
    if fsync != "on" {
        return Err(PostgresError::NotDurable);
    }
    let transaction = client.transaction().await?;
    let found = found(&transaction).await?;
    let done = found.map_or(0, |(version, _)| version);
    refuse_newer(done)?;
    for (version, migration) in (1i64..).zip(MIGRATIONS) {
        if version > done {
            transaction.batch_execute(migration).await?;
        }
    }
    let identity = match found {
        Some((_, identity)) => {
            let update = "UPDATE relay SET version = $1 WHERE version < $1";
            transaction.execute(update, &[&known()]).await?;
            identity
        }
        None => {
            let insert = "INSERT INTO relay (is_here, version, generation, key)
                          VALUES (true, $1, $2, $3)";
            let (generation, key) = (&new.generation.0[..], &new.key.0[..]);
            transaction
                .execute(insert, &[&known(), &generation, &key])
                .await?;
            new
        }
    };
    transaction.commit().await?;
    if identity.key == new.key {
        Ok(identity.generation)
    } else {
        Err(PostgresError::OtherKey)
    }
}

/// The version and the identity of what is there, which no other node brings up to date meanwhile.
async fn found(db: &Transaction<'_>) -> Result<Option<(i64, Identity)>, PostgresError> {
    let table = "SELECT to_regclass('relay') IS NOT NULL";
    if !db.query_one(table, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let relay = "SELECT version, generation, key FROM relay FOR UPDATE";
    let row = db.query_opt(relay, &[]).await?;
    let row = row.ok_or(PostgresError::Damaged("it has no generation"))?;
    let generation: Vec<u8> = row.try_get(1)?;
    let key: Vec<u8> = row.try_get(2)?;
    match (generation.try_into(), key.try_into()) {
        (Ok(generation), Ok(key)) => {
            let (generation, key) = (Generation(generation), VerifyingKey(key));
            Ok(Some((row.try_get(0)?, Identity { generation, key })))
        }
        _ => Err(PostgresError::Damaged("its generation or key is cut off")),
    }
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn refuse_newer(found: i64) -> Result<(), PostgresError> {
    let known = known();
    if found > known {
        return Err(PostgresError::Newer { found, known });
    }
    Ok(())
}

/// Runs `f` with a connection of its own, on a thread that may block.
fn with_client<T>(
    address: &StoreAddress,
    f: impl AsyncFnOnce(&mut Client) -> Result<T, PostgresError>,
) -> Result<T, PostgresError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut client = address.connect().await?;
        f(&mut client).await
    })
}
