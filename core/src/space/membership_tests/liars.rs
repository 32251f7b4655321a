//! Members who break their word inside what only members can read, where no relay can tell.

use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Header};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, SpaceId};
use waymark_wire::membership::{Core, MembershipBody, Op, Rights};
use waymark_wire::padding;

use super::device::new_member;
use super::fleet::{Fleet, keys_of};
use crate::crypto::{
    AgreementPublicKey, EpochInfo, EpochKey, MembershipKeys, SeededEntropy, open_epoch_key,
    open_roster, seal_epoch_key, seal_roster,
};
use crate::membership::{KeySet, NewMember, Roster, Signer, SpaceKind, Steps, Wish};
use crate::role::Role;
use crate::space::keys;
use crate::store::{Store, Table};

const WRITE: Rights = Rights::WRITE;

/// What a liar may say otherwise.
pub(super) struct Lie {
    pub(super) core: Core,
    pub(super) roster: Roster,
    attachments: Vec<Vec<u8>>,
    space: SpaceId,
    /// The members' agreement keys.
    members: Vec<(DeviceNumber, Vec<u8>)>,
    /// Seals what nobody opens in place of the roster.
    is_garbled: bool,
}

/// Has a device append an entry that rotates, or adds somebody, with a lie in it.
pub(super) fn lie(
    fleet: &mut Fleet,
    device: usize,
    add: Option<NewMember>,
    twist: impl FnOnce(&mut Lie),
) {
    let entropy = &mut SeededEntropy::new([77; 32]);
    let liar = &fleet.devices[device];
    let (space, store, own) = (&liar.space, liar.store(), liar.number());
    let book = space.book().unwrap();
    let mut fresh = MembershipKeys::from_bytes(&*space.keys.to_bytes()).unwrap();
    fresh.renew_agreement(entropy);
    let rotates = add.is_none();
    let steps = Steps {
        rotate: rotates.then(|| KeySet::of(&fresh).unwrap()),
        add: add.into_iter().collect(),
        ..Steps::default()
    };
    let signer = Signer {
        device: own,
        keys: &space.keys,
        counter: space.next_counter(),
        seen: space.cursor().position(),
    };
    let agreement_key = |hash: &AttachmentHash| {
        store
            .get(Table::Attachment, &keys::attachment(0, hash))
            .unwrap()
    };
    let draft = book.draft(&steps, signer, &agreement_key, entropy).unwrap();
    let header: Header = *draft.entry.header();
    let body = MembershipBody::parse(draft.entry.body()).unwrap();
    let (core, id) = (body.core, space.id());
    let key = if rotates {
        let named = core.keys.iter().find(|key| key.device == own).unwrap();
        let mut sealed = draft.attachments.iter();
        let sealed = sealed.find(|bytes| AttachmentHash::of(bytes) == named.sealed);
        let info = EpochInfo::new(&id.0, &core.previous.0, None, own.0);
        open_epoch_key(fresh.agreement(), &info, sealed.unwrap()).unwrap()
    } else {
        let held = book.key_at(book.membership().height()).unwrap();
        EpochKey::from_slice(held.expose()).unwrap()
    };
    let bytes = header.to_bytes();
    let text = open_roster(&key, &id.0, &core.previous.0, &bytes, body.private).unwrap();
    let roster = codec::decode(padding::unpad(&text).unwrap(), usize::MAX).unwrap();
    let mut lie = Lie {
        core,
        roster,
        attachments: draft.attachments,
        space: id,
        members: book
            .membership()
            .members()
            .filter_map(|m| Some((m.device, agreement_key(&m.agreement_key)?)))
            .collect(),
        is_garbled: false,
    };
    twist(&mut lie);
    let mut padded = codec::encode(&lie.roster);
    padding::pad(&mut padded);
    let other = EpochKey::generate(entropy);
    let key = if lie.is_garbled { &other } else { &key };
    let private = seal_roster(key, &id.0, &lie.core.previous.0, &bytes, &padded).unwrap();
    let body = MembershipBody::assemble(&lie.core, &private).unwrap();
    let entry = Entry::assemble(header, &body, &id, &lie.core.previous, |text| {
        space.signing_key().sign(text)
    });
    fleet.relay.append(&[entry], &lie.attachments).unwrap();
}

/// Names other bytes for a member than what was sealed to it.
fn hand(lie: &mut Lie, device: u16, bytes: Vec<u8>) {
    let mut keys = lie.core.keys.iter_mut();
    let named = keys.find(|key| key.device.0 == device).unwrap();
    let before = std::mem::replace(&mut named.sealed, AttachmentHash::of(&bytes));
    let is_other = |bytes: &Vec<u8>| AttachmentHash::of(bytes) != before;
    lie.attachments.retain(is_other);
    lie.attachments.push(bytes);
}

/// Hands a member what opens for nobody.
pub(super) fn hand_garbage(lie: &mut Lie, device: u16) {
    hand(lie, device, vec![5; 1168]);
}

/// Hands a member another key than the rest gets.
pub(super) fn hand_another_key(lie: &mut Lie, device: u16) {
    let entropy = &mut SeededEntropy::new([78; 32]);
    let key = lie.members.iter().find(|(number, _)| number.0 == device);
    let recipient = AgreementPublicKey::from_bytes(&key.unwrap().1).unwrap();
    let info = EpochInfo::new(&lie.space.0, &lie.core.previous.0, None, device);
    let other = EpochKey::generate(entropy);
    let sealed = seal_epoch_key(&recipient, &info, &other, entropy).unwrap();
    hand(lie, device, sealed.to_vec());
}

/// Client, supporter and a therapist who lies; the therapist reads and writes honestly no more.
fn fleet() -> Fleet {
    let mut fleet = Fleet::of(&[(3, WRITE), (2, WRITE)]);
    fleet.devices[0].note("old");
    fleet.settle();
    fleet
}

/// The honest two go on, write to each other, and remove the liar.
fn go_on(fleet: &mut Fleet) {
    for _ in 0..2 {
        for device in [0, 1] {
            let text = format!("by {device} at {}", fleet.height());
            fleet.devices[device].note(&text);
            fleet.sync(device);
        }
    }
    fleet.wish(0, Wish::Remove(DeviceNumber(2)));
    for device in [0, 1, 0] {
        fleet.sync(device);
    }
    assert!(fleet.current().iter().all(|device| *device != 2));
    fleet.devices[1].note("without the liar");
    fleet.settle();
    let records = fleet.devices[0].records();
    assert_eq!(fleet.devices[1].records(), records);
    assert!(records.contains(b"without the liar".as_slice()));
    assert!(fleet.devices[1].notes.is_subset(&records));
    for device in [0, 1] {
        fleet.devices[device].crash();
        assert_eq!(fleet.devices[device].records(), records);
        let book = fleet.devices[device].space.book().unwrap();
        let known = |number| book.roster(DeviceNumber(number)).unwrap();
        assert_eq!(
            (known(0).role, known(0).name.as_str()),
            (Role::Client, "person 1")
        );
        assert_eq!(known(1).name, "person 3");
        assert_eq!(book.kind(), Some(SpaceKind::Care));
    }
}

/// A newcomer comes after the lie, is a member like any other, and writes what the others read.
fn newcomer_goes_on(fleet: &mut Fleet) -> usize {
    let new = fleet.add(0, 4, WRITE);
    fleet.devices[new].note("of the newcomer");
    fleet.settle();
    let records = fleet.devices[0].records();
    assert!(records.contains(b"of the newcomer".as_slice()));
    assert!(fleet.devices[1].records() == records);
    fleet.devices[new].crash();
    assert!(fleet.devices[new].space.is_ready());
    new
}

/// Whoever is there already holds the key before; whoever comes later misses what was before the lie,
/// and nothing else stops.
#[test]
fn a_wrong_link_stops_nobody() {
    let mut fleet = fleet();
    lie(&mut fleet, 2, None, |lie| {
        lie.roster.previous = Some(Bytes(vec![9; 32]));
    });
    go_on(&mut fleet);
    let new = newcomer_goes_on(&mut fleet);
    assert!(!fleet.devices[new].records().contains(b"old".as_slice()));
}

/// The same with no link at all, one of another length, and a private part that nobody opens.
#[test]
fn a_missing_or_unreadable_link_stops_nobody() {
    let twists: [fn(&mut Lie); 3] = [
        |lie| lie.roster.previous = None,
        |lie| lie.roster.previous = Some(Bytes(vec![9; 31])),
        |lie| lie.is_garbled = true,
    ];
    for twist in twists {
        let mut fleet = fleet();
        lie(&mut fleet, 2, None, twist);
        go_on(&mut fleet);
        newcomer_goes_on(&mut fleet);
    }
}

/// A member could otherwise rename the client, make a therapist the client, or turn the space into
/// another kind of space for whoever comes later.
#[test]
fn a_false_roster_is_not_believed_and_stops_nobody() {
    let twists: [fn(&mut Lie); 6] = [
        |lie| lie.roster.members[0].role = Role::Therapist,
        |lie| lie.roster.members[0].name = "somebody else".into(),
        |lie| lie.roster.members[2].role = Role::Client,
        |lie| lie.roster.members.clear(),
        |lie| lie.roster.members.reverse(),
        |lie| lie.roster.kind = Some(SpaceKind::Circle),
    ];
    for twist in twists {
        let mut fleet = fleet();
        lie(&mut fleet, 2, None, twist);
        go_on(&mut fleet);
        let new = newcomer_goes_on(&mut fleet);
        assert!(fleet.devices[new].records().contains(b"old".as_slice()));
        let book = fleet.devices[new].space.book().unwrap();
        let client = book.roster(DeviceNumber(0)).unwrap();
        assert_eq!(
            (client.role, client.name.as_str()),
            (Role::Client, "person 1")
        );
        assert_eq!(book.kind(), Some(SpaceKind::Care));
    }
}

/// Both lies together: a newcomer who cannot check the kind has the welcome's word for it.
#[test]
fn a_false_kind_behind_a_wrong_link_stops_no_newcomer() {
    let mut fleet = fleet();
    lie(&mut fleet, 2, None, |lie| {
        lie.roster.previous = Some(Bytes(vec![9; 32]));
        lie.roster.kind = Some(SpaceKind::Circle);
    });
    go_on(&mut fleet);
    newcomer_goes_on(&mut fleet);
}

/// The hash of a key is all that a relay can check. Nobody could rotate any more, so nobody could
/// ever remove the liar.
#[test]
fn a_key_that_nothing_can_be_sealed_to_keeps_nobody_from_rotating() {
    let mut fleet = fleet();
    let own = new_member(2, &keys_of(70), WRITE);
    lie(&mut fleet, 2, Some(own), |lie| {
        let Op::Add(add) = &mut lie.core.ops[0] else {
            panic!("it adds");
        };
        let unusable = vec![0xff; 1216];
        let before = add.agreement_key;
        add.agreement_key = AttachmentHash::of(&unusable);
        lie.attachments
            .retain(|bytes| AttachmentHash::of(bytes) != before);
        lie.attachments.push(unusable);
    });
    for device in [0, 1] {
        fleet.sync(device);
    }
    fleet.wish(1, Wish::Rotate);
    fleet.sync(1);
    go_on(&mut fleet);
    newcomer_goes_on(&mut fleet);
}

/// One member is left out of the new epoch; the others see nothing of it, and help.
#[test]
fn a_sealed_key_that_opens_for_nobody_is_mended_by_anybody() {
    let mut fleet = fleet();
    lie(&mut fleet, 2, None, |lie| hand_garbage(lie, 1));
    fleet.sync(1);
    assert!(fleet.devices[1].space.lacks_key());
    go_on(&mut fleet);
    newcomer_goes_on(&mut fleet);
}
