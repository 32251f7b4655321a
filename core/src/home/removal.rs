//! Removing an own device: from home, from every space that it is in, and with every reserve that it
//! knew. Each space does it in one entry, together with a new key.

use waymark_wire::ids::DeviceNumber;
use zeroize::Zeroizing;

use super::list::{HomeList, keep_pending, pending_key};
use super::upkeep::{reserve_member, reserves_in};
use crate::crypto::MembershipKeys;
use crate::engine::Engine;
use crate::membership::{SpaceKind, Wish};
use crate::space::SpaceError;
use crate::store::{Table, Transaction};

/// Removes the device that is `device` in home. It happens with the next sync. Says which spaces
/// have something new to send, by local number.
///
/// # Errors
/// [`SpaceError::NotAllowed`] where there is no such device, it is this one, or the recovery phrase;
/// [`SpaceError`] where the store fails. Nothing is wanted then.
pub fn remove_device(engine: &mut Engine, device: DeviceNumber) -> Result<Vec<u32>, SpaceError> {
    let home = super::home_of(engine).ok_or(SpaceError::NotAllowed("there is no home here"))?;
    let number = home.number();
    if home.device() == Some(device) {
        return Err(SpaceError::NotAllowed("a device does not remove itself"));
    }
    let member = home
        .book()
        .and_then(|book| book.membership().member(device));
    let lost = member
        .map(|member| member.signing_key)
        .ok_or(SpaceError::NotAllowed("there is no such device"))?;
    let Some((home, store, _)) = engine.parts(number) else {
        return Ok(Vec::new());
    };
    let list = HomeList::read(home, store)?;
    let mut transaction = Transaction::new();
    home.wish(&mut transaction, &Wish::Remove(device))?;
    let mut touched = vec![number];

    let others: Vec<u32> = engine
        .spaces()
        .iter()
        .filter(|space| !matches!(space.kind(), SpaceKind::Home | SpaceKind::Beacon))
        .filter(|space| space.is_ready() && !space.is_enrolling() && !space.has_ended())
        .map(crate::space::Space::number)
        .collect();
    for other in others {
        let Some((space, _, entropy)) = engine.parts(other) else {
            continue;
        };
        let Some(book) = space.book().filter(|book| !book.membership().is_closed()) else {
            continue;
        };
        let places = list.places.iter().filter(|place| place.home_key == lost);
        let keys = places.map(|place| place.signing_key);
        for key in keys.chain(reserves_in(space)) {
            if let Some(member) = book.membership().member_with_key(&key) {
                space.wish(&mut transaction, &Wish::Remove(member.device))?;
            }
        }
        let fresh = MembershipKeys::generate(entropy);
        if let Some(member) = reserve_member(space, &fresh)? {
            space.wish(&mut transaction, &Wish::Add(member))?;
            let id = space.id();
            transaction.delete(Table::Home, pending_key(&id));
            let bytes = Zeroizing::new(fresh.to_bytes().to_vec());
            keep_pending(&mut transaction, &id, &bytes);
        }
        touched.push(other);
    }
    engine.store.commit(transaction.into())?;
    Ok(touched)
}
