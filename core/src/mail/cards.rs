//! The keys of cards that wait to be welcomed, and whom a card adds.

use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::PersonTag;
use waymark_wire::membership::Rights;
use waymark_wire::signature::VerifyingKey;
use zeroize::Zeroizing;

use crate::crypto::MembershipKeys;
use crate::membership::{CardError, ContactCard, KeySet, NewMember};
use crate::role::Role;
use crate::space::{Space, SpaceError};
use crate::store::{Store, Table, Transaction};

/// Makes a card for one membership, and keeps its keys.
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "a client calls it"))]
pub(crate) fn issue(
    transaction: &mut Transaction,
    keys: &MembershipKeys,
    name: &str,
    device_name: &str,
    level: u16,
) -> Result<Vec<u8>, CardError> {
    let card = ContactCard::issue(name, device_name, level, std::slice::from_ref(keys))?;
    let public = VerifyingKey(keys.signing_public()?);
    let bytes = Zeroizing::new(codec::encode(&Bytes(keys.to_bytes().to_vec())));
    transaction.put(Table::Meta, card_key(&public), bytes.as_slice());
    Ok(card)
}

/// The keys of a card of this device; `None` where it has none with this public key.
pub(crate) fn card_keys(
    store: &dyn Store,
    public: &VerifyingKey,
) -> Result<Option<MembershipKeys>, SpaceError> {
    let Some(row) = store.get(Table::Meta, &card_key(public))? else {
        return Ok(None);
    };
    let row = Zeroizing::new(row);
    match codec::decode::<Bytes>(&row, usize::MAX) {
        Ok(bytes) => Ok(Some(MembershipKeys::from_bytes(&Zeroizing::new(bytes.0))?)),
        Err(_) => Ok(None),
    }
}

/// Where the keys of a card wait until somebody welcomes them.
pub(crate) fn card_key(public: &VerifyingKey) -> Vec<u8> {
    [b"card ".as_slice(), &public.0].concat()
}

/// Whom a card adds.
pub(crate) fn member(
    card: &ContactCard,
    keys: KeySet,
    person: PersonTag,
    rights: Rights,
    role: Role,
    since: i32,
) -> NewMember {
    NewMember {
        person,
        keys,
        rights,
        role,
        name: card.name.clone(),
        device_name: card.device_name.clone(),
        level: card.level,
        since,
        used_as: None,
    }
}

/// What a device that is added to home may do and is there: what this one may do and is. `None`
/// where this one cannot tell yet.
pub(crate) fn own_place(home: &Space) -> Result<Option<(PersonTag, Rights, Role)>, SpaceError> {
    let (person, rights) = home.own_member()?;
    // With borrowed keys it would give away the right that lasts.
    let role = home.own_role().filter(|_| !home.is_enrolling());
    Ok(role.map(|role| (person, rights, role)))
}
