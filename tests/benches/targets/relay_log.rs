//! What a relay's log takes, without HTTP: many spaces append at once, one entry each time, and the
//! writer commits together what has queued. Beside it bare rows of the same size in the same
//! engine, committed in the same way, with one signature check by ring for each.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rusqlite::{Connection, params};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use waymark_core::crypto::{MembershipKeys, SeededEntropy};
use waymark_core::membership::{KeySet, NewMember, RelayAddress, SpaceKind, found};
use waymark_core::role::Role;
use waymark_server::log::{Append, Log, SqliteLog};
use waymark_wire::chain::Cursor;
use waymark_wire::entry::{Entry, Header, Kind, TAG};
use waymark_wire::ids::{DeviceNumber, EntryId, Generation, Height, PersonTag, SpaceId};
use waymark_wire::membership::Rights;
use waymark_wire::padding;
use waymark_wire::signature::SigningKey;

use crate::Effort;
use crate::report::{Row, as_f64};
use crate::rounds::in_turn;

/// Spaces, each with one device that waits for its answer before it appends again.
const SPACES: usize = 512;
/// The most that the writer commits at once, as in the relay.
const GROUP: usize = 256;
/// From so many pages on the journal is moved to the file, as in the relay.
const JOURNAL: usize = 512;
/// What a row has beside the entry: id and chain.
const BESIDE: usize = 64;

pub(crate) fn appends(effort: Effort) -> Vec<Row> {
    let each = effort.of(40, 5);
    let spaces: Vec<Space> = (0..SPACES).map(|seed| Space::found(seed, each)).collect();
    let entries: Vec<Vec<u8>> = spaces.iter().flat_map(|s| s.entries.clone()).collect();
    let runtime = Runtime::new().expect("a runtime");
    let pair = in_turn(
        effort.of(9, 3),
        || ours(&runtime, &spaces),
        || bare_rows(&entries),
    );
    let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    let rate = |time: Duration| as_f64(count) / time.as_secs_f64();
    let ratio = rate(pair.ours) / rate(pair.baseline);
    vec![Row {
        measure: format!("relay appends through Log, {SPACES} spaces at once"),
        ours: format!("{:.0}/s", rate(pair.ours)),
        baseline: format!("{:.0}/s", rate(pair.baseline)),
        ratio: format!("{ratio:.2}×"),
        target: "≥ 0.80×".into(),
        met: Some(ratio >= 0.8),
    }]
}

/// A space's first entry, and what its one device appends.
struct Space {
    id: SpaceId,
    founding: Append,
    entries: Vec<Vec<u8>>,
}

impl Space {
    fn found(seed: usize, count: usize) -> Self {
        let mut bytes = [9; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let mut entropy = SeededEntropy::new(bytes);
        let keys = MembershipKeys::generate(&mut entropy);
        let founder = NewMember {
            person: PersonTag([1; 16]),
            keys: KeySet::of(&keys).expect("keys"),
            rights: Rights::ADMIN,
            role: Role::Client,
            name: "Kim".into(),
            device_name: "phone".into(),
            level: 1,
            since: 20_000,
            used_as: None,
        };
        let relay = RelayAddress {
            url: "http://127.0.0.1:9".into(),
            key: None,
        };
        let kind = SpaceKind::Care;
        let founded = found(&[founder], kind, Some(&relay), None, &keys, &mut entropy);
        let (draft, _) = founded.expect("a first entry");
        let id = SpaceId::from(draft.entry.id(&SpaceId::ZERO));
        let founding = Append {
            heals: false,
            now: 0,
            space: id,
            entries: vec![draft.entry.into_bytes()],
            attachments: draft.attachments,
            may_create: true,
        };
        let seed = *keys.to_bytes().first_chunk::<32>().expect("a seed");
        let key = SigningKey::from_seed(&seed).expect("a key");
        let entries = (1..)
            .take(count)
            .map(|counter| batch(&id, &key, counter))
            .collect();
        Self {
            id,
            founding,
            entries,
        }
    }
}

/// An entry as one check-in makes it; what is sealed is not looked at.
fn batch(space: &SpaceId, key: &SigningKey, counter: u32) -> Vec<u8> {
    let header = Header {
        kind: Kind::Batch,
        device: DeviceNumber(0),
        counter,
        height: Height(0),
        seen: Cursor::start(space).position(),
        salt: [2; 16],
    };
    let body = [0x5a; padding::SMALLEST + TAG];
    let at = EntryId::from(*space);
    Entry::assemble(header, &body, space, &at, |text| key.sign(text)).into_bytes()
}

fn ours(runtime: &Runtime, spaces: &[Space]) -> Duration {
    let directory = TempDir::new().expect("a directory");
    let log = SqliteLog::open(directory.path(), Generation([1; 16]), 1_024);
    let log = Arc::new(log.expect("a log"));
    let took = runtime.block_on(async {
        for space in spaces {
            let outcome = log.append(space.founding.clone()).await.expect("appended");
            assert_eq!(outcome.seqs, [1]);
        }
        let appenders: Vec<_> = spaces
            .iter()
            .map(|space| (space.id, space.entries.clone()))
            .collect();
        let start = Instant::now();
        let tasks: Vec<_> = appenders
            .into_iter()
            .map(|(space, entries)| {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    for entry in entries {
                        let append = Append {
                            heals: false,
                            now: 0,
                            space,
                            entries: vec![entry],
                            attachments: Vec::new(),
                            may_create: false,
                        };
                        let outcome = log.append(append).await.expect("appended");
                        assert_eq!(outcome.refused, None);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("all are in");
        }
        start.elapsed()
    });
    runtime.block_on(log.close());
    took
}

/// Two threads check signatures, a third commits what has queued meanwhile. As many are under way
/// at once as there are spaces: from before its check until after its commit.
fn bare_rows(entries: &[Vec<u8>]) -> Duration {
    let directory = TempDir::new().expect("a directory");
    let mut db = bare_database(directory.path());
    let key = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).expect("a key");
    let text = [7; 79];
    let signature = key.sign(&text);
    let public = UnparsedPublicKey::new(&ED25519, key.public_key().as_ref().to_vec());
    let next = AtomicUsize::new(0);
    let (room, freed) = sync_channel::<()>(SPACES);
    (0..SPACES).for_each(|_| room.send(()).expect("room"));
    let freed = Mutex::new(freed);
    let start = Instant::now();
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Vec<u8>>(SPACES);
        for _ in 0..2 {
            let (sender, public, next, freed) = (sender.clone(), &public, &next, &freed);
            let (text, signature) = (&text, signature.as_ref());
            scope.spawn(move || {
                while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let waits = freed.lock().expect("nobody panics");
                    waits.recv().expect("the writer frees room");
                    drop(waits);
                    public.verify(text, signature).expect("signed");
                    let mut row = Vec::with_capacity(entry.len() + BESIDE);
                    row.extend_from_slice(entry);
                    row.resize(entry.len() + BESIDE, 1);
                    sender.send(row).expect("the writer waits");
                }
            });
        }
        drop(sender);
        let mut place = 0_i64;
        let mut pages = 0;
        while let Ok(first) = receiver.recv() {
            let transaction = db.transaction().expect("begins");
            let before = place;
            {
                let insert = "INSERT INTO row (place, bytes) VALUES (?1, ?2)";
                let mut insert = transaction.prepare_cached(insert).expect("prepared");
                let group = std::iter::once(first).chain(receiver.try_iter());
                for row in group.take(GROUP) {
                    place += 1;
                    pages += 1;
                    insert.execute(params![place, row]).expect("inserted");
                }
            }
            transaction.commit().expect("committed");
            // The last rows free room that nobody waits for.
            for _ in before..place {
                let _ = room.try_send(());
            }
            // About eight rows a page, and two pages more with each commit.
            if pages > JOURNAL * 8 {
                checkpoint(&db);
                pages = 0;
            }
        }
    });
    start.elapsed()
}

fn bare_database(directory: &Path) -> Connection {
    let db = Connection::open(directory.join("bare.db")).expect("a database");
    for (name, value) in [("journal_mode", "wal"), ("synchronous", "full")] {
        let set = db.pragma_update_and_check(None, name, value, |_| Ok(()));
        set.or_else(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => Ok(()),
            error => Err(error),
        })
        .expect("a pragma");
    }
    db.execute_batch(
        "PRAGMA cache_size = -16384;
         CREATE TABLE row (place INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
         BEGIN; CREATE TABLE spare (bytes BLOB NOT NULL) STRICT;
         INSERT INTO spare VALUES (zeroblob(2097152)); COMMIT; DROP TABLE spare;",
    )
    .expect("tables");
    db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
        .expect("a pragma");
    checkpoint(&db);
    db
}

fn checkpoint(db: &Connection) {
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        .expect("moved");
}
