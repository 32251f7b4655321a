//! Which keys open what: tried, not asked.

use std::path::Path;

use waymark_core::crypto::{EpochKey, MembershipKeys, open};
use waymark_core::engine::Engine;
use waymark_core::membership::Book;
use waymark_core::store::{Store, Table};
use waymark_server::inspect;
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{DeviceNumber, SpaceId};

/// A batch, with the id of the membership entry under which it is sealed.
pub type Batch = (Entry, [u8; 32]);

/// The batches of a space's log as a device has them.
///
/// # Panics
/// Where the device is not in the space.
pub fn batches(engine: &mut Engine, id: SpaceId) -> Vec<Batch> {
    let (space, store, _) = engine.space_mut(&id).expect("the space");
    let membership = space.book().expect("a member").membership();
    let entries = space.entries(store).expect("the log").into_iter();
    entries
        .filter(|entry| entry.header().kind == Kind::Batch)
        .map(|entry| {
            let under = membership.id_at(entry.header().height);
            (entry, under.expect("a height of the chain").0)
        })
        .collect()
}

/// Every epoch key that a device holds, of whatever space.
///
/// # Panics
/// Where the store fails.
pub fn epoch_keys(store: &dyn Store) -> Vec<EpochKey> {
    let rows = store.scan(Table::Epoch, &[], None, usize::MAX);
    let keys = rows.expect("rows").into_iter();
    keys.map(|(_, key)| EpochKey::from_slice(&key).expect("a key"))
        .collect()
}

/// How many batches open with any of these epoch keys.
#[must_use]
pub fn opened(batches: &[Batch], id: SpaceId, keys: &[EpochKey]) -> usize {
    let opens = |(entry, under): &&Batch| {
        let header = entry.header().to_bytes();
        let mut keys = keys.iter();
        keys.any(|key| open(key, &id.0, under, &header, entry.body()).is_ok())
    };
    batches.iter().filter(opens).count()
}

/// The epoch keys that a membership's own keys open, with the relay's whole database at hand: what a
/// reserve, a phrase or a stolen key is really good for.
///
/// # Panics
/// Where the database cannot be read, or holds no such space.
#[must_use]
pub fn opened_by(
    relay: &Path,
    id: SpaceId,
    keys: &MembershipKeys,
    own: DeviceNumber,
) -> Vec<EpochKey> {
    let stored = inspect::entries(relay).expect("the relay's database");
    let log = stored.into_iter().filter(|entry| entry.space == id);
    let log = log.map(|entry| Entry::parse(entry.bytes).expect("an entry"));
    let mut chain = log.filter(|entry| entry.header().kind == Kind::Membership);
    let attachments = attachments(relay);
    let first = chain.next().expect("the first entry");
    let mut book = Book::found(&first).expect("a space");
    let mut found = Vec::new();
    let mut take = |book: &mut Book, entry: &Entry| {
        if let Ok(Some((_, key))) = book.take_key(entry, keys, own, &attachments) {
            found.push(key);
        }
    };
    take(&mut book, &first);
    for entry in chain {
        book.apply(&entry).expect("an entry that counts");
        take(&mut book, &entry);
    }
    found
}

/// Everything that the relay keeps to hand out by hash.
pub(crate) fn attachments(relay: &Path) -> Vec<Vec<u8>> {
    let db = rusqlite::Connection::open(relay.join("relay.db")).expect("the database");
    let mut rows = db.prepare("SELECT bytes FROM attachment").expect("a table");
    let rows = rows.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("attachments")
}
