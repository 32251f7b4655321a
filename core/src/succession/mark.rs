//! A space that is being founded to follow another is none until the copies are in it.

use waymark_wire::ids::SpaceId;

use crate::space::{Space, SpaceError};
use crate::store::{Store, StoreError, Table, Transaction};

/// Marks a space that is being founded to follow another, until the copies are in it: nothing is
/// done for it before.
pub fn mark(transaction: &mut Transaction, new: &SpaceId) {
    transaction.put(Table::Meta, marker(new), []);
}

/// Takes the mark away.
pub fn unmark(transaction: &mut Transaction, new: &SpaceId) {
    transaction.delete(Table::Meta, marker(new));
}

/// Whether a space still has the mark.
///
/// # Errors
/// [`SpaceError`] where the store fails.
pub fn is_marked(store: &dyn Store, new: &SpaceId) -> Result<bool, SpaceError> {
    match store.get(Table::Meta, &marker(new)) {
        // What is not known to be unfinished is not erased.
        Err(StoreError::Damaged { .. }) => Ok(false),
        row => Ok(row?.is_some()),
    }
}

fn marker(new: &SpaceId) -> Vec<u8> {
    [b"founding ".as_slice(), &new.0].concat()
}

/// Erases spaces that still have the mark: the device went off while they were being founded, and
/// nobody has seen anything of them.
///
/// # Errors
/// [`SpaceError`] where the store fails.
pub fn erase_marked(store: &mut dyn Store, spaces: &mut Vec<Space>) -> Result<(), SpaceError> {
    let marked = |space: &Space| is_marked(store, &space.id());
    let unfinished = spaces
        .iter()
        .map(|space| Ok((space.number(), space.id(), marked(space)?)));
    let unfinished: Vec<_> = unfinished.collect::<Result<_, SpaceError>>()?;
    for (number, id, _) in unfinished.into_iter().filter(|(_, _, marked)| *marked) {
        let mut transaction = Transaction::new();
        unmark(&mut transaction, &id);
        Space::erase(&mut transaction, number);
        store.commit(transaction.into())?;
        spaces.retain(|space| space.number() != number);
    }
    Ok(())
}
