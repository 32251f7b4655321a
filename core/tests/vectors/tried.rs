//! What members of the space in `life` try, as the rules allow it or not.

use waymark_wire::ids::{AttachmentHash, DeviceNumber, PersonTag};
use waymark_wire::membership::{Add, NewAgreementKey, Op, Rights, SUITE_XWING};
use waymark_wire::signature::SigningKey;

use super::life::NAMES;
use super::membership::{CLIENT, THERAPIST};
use super::rules::add;
use super::support::counting;

/// Everything that is tried.
pub(super) fn tried() -> Vec<Tried> {
    [
        after_people(),
        after_a_leave_or_removal(),
        with_a_phrase(),
        forgetting(),
        after_the_end(),
    ]
    .concat()
}

/// Something that a member tries.
#[derive(Clone)]
pub(super) struct Tried {
    pub(super) what: &'static str,
    pub(super) after: u32,
    pub(super) by: usize,
    pub(super) ops: Vec<Op>,
    pub(super) keys: Vec<u16>,
}

fn by(after: u32, by: usize, what: &'static str, ops: &[Op], keys: &[u16]) -> Tried {
    Tried {
        what,
        after,
        by,
        ops: ops.to_vec(),
        keys: keys.to_vec(),
    }
}

fn remove(device: u16) -> Op {
    Op::Remove(DeviceNumber(device))
}

fn hand_out(device: u16) -> Op {
    Op::Seal(DeviceNumber(device))
}

fn rotate(suite: u8) -> Op {
    Op::Rotate(Some(NewAgreementKey {
        suite,
        agreement_key: AttachmentHash(counting(3)),
    }))
}

fn fresh(device: u16, person: PersonTag, rights: Rights) -> Op {
    add(device, "new", person, rights)
}

/// After height 1: phone 0, reserve 1, tablet 2, desk 3, supporter 4.
fn after_people() -> Vec<Tried> {
    let new_key = || rotate(SUITE_XWING);
    let writer = || fresh(5, CLIENT, Rights::WRITE);
    let phrase = |device, person| fresh(device, person, Rights::RECOVERY);
    let full: Vec<_> = (5..258).map(many).collect();
    let t = |who, what, ops: &[Op], keys: &[u16]| by(1, who, what, ops, keys);
    vec![
        t(0, "removing without a new key", &[remove(3)], &[]),
        t(
            0,
            "removing with a new key",
            &[remove(3), new_key()],
            &[0, 1, 2, 4],
        ),
        t(
            2,
            "a writer removes an own device",
            &[remove(3), new_key()],
            &[0, 1, 2, 4],
        ),
        t(
            2,
            "a writer removes somebody else",
            &[remove(4), new_key()],
            &[0, 1, 2, 3],
        ),
        t(2, "removing oneself", &[remove(2)], &[]),
        t(
            2,
            "removing oneself with a new key",
            &[remove(2), new_key()],
            &[0, 1, 3, 4],
        ),
        t(
            0,
            "removing nobody",
            &[remove(5), new_key()],
            &[0, 1, 2, 3, 4],
        ),
        t(
            0,
            "removing twice",
            &[remove(3), remove(3), new_key()],
            &[0, 1, 2, 4],
        ),
        t(
            0,
            "removing whom it adds",
            &[writer(), remove(5), new_key()],
            &[0, 1, 2, 3, 4],
        ),
        t(
            0,
            "a new key and no agreement key",
            &[Op::Rotate(None)],
            &[0, 1, 2, 3, 4],
        ),
        t(
            0,
            "an agreement key of another suite",
            &[rotate(2)],
            &[0, 1, 2, 3, 4],
        ),
        t(
            4,
            "a reader replaces the key",
            &[new_key()],
            &[0, 1, 2, 3, 4],
        ),
        t(0, "two new keys", &[new_key(), new_key()], &[0, 1, 2, 3, 4]),
        t(
            0,
            "a new key, not for everybody",
            &[new_key()],
            &[0, 1, 2, 3],
        ),
        t(
            0,
            "a new key for who goes",
            &[remove(3), new_key()],
            &[0, 1, 2, 3, 4],
        ),
        t(0, "the key once more", &[hand_out(4)], &[4]),
        t(
            0,
            "the key once more, and somebody new",
            &[hand_out(2), writer()],
            &[2, 5],
        ),
        t(0, "the key once more, to nobody", &[hand_out(5)], &[5]),
        t(
            0,
            "the key once more, to whom it adds",
            &[writer(), hand_out(5)],
            &[5],
        ),
        t(
            0,
            "the key once more, to whom it removes",
            &[hand_out(3), remove(3)],
            &[],
        ),
        t(
            0,
            "the key once more, twice",
            &[hand_out(4), hand_out(4)],
            &[4, 4],
        ),
        t(
            0,
            "the key once more before a new one",
            &[hand_out(4), new_key()],
            &[0, 1, 2, 3, 4],
        ),
        t(
            0,
            "the key once more after a new one",
            &[new_key(), hand_out(4)],
            &[0, 1, 2, 3, 4],
        ),
        t(4, "a reader hands out the key", &[hand_out(2)], &[2]),
        t(2, "leaving", &[Op::Leave], &[]),
        t(2, "leaving and more", &[Op::Leave, hand_out(4)], &[4]),
        t(0, "the last admin leaves", &[Op::Leave], &[]),
        t(0, "closing", &[Op::Close(None)], &[]),
        t(0, "closing and more", &[Op::Close(None), hand_out(4)], &[4]),
        t(
            0,
            "closing with a key for somebody",
            &[Op::Close(None)],
            &[4],
        ),
        t(2, "a writer closes", &[Op::Close(None)], &[]),
        t(0, "a phrase", &[phrase(5, CLIENT)], &[5]),
        t(
            0,
            "a phrase of somebody else's",
            &[phrase(5, THERAPIST)],
            &[5],
        ),
        t(2, "a writer's phrase", &[phrase(5, THERAPIST)], &[5]),
        t(
            0,
            "two phrases",
            &[phrase(5, CLIENT), add(6, "newer", CLIENT, Rights::RECOVERY)],
            &[5, 6],
        ),
        t(
            0,
            "an op of a known number with other parts",
            &[Op::Reserved(2)],
            &[],
        ),
        t(
            0,
            "256 members",
            &full[..251],
            &(5..256).collect::<Vec<_>>(),
        ),
        t(
            0,
            "257 members",
            &full[..252],
            &(5..257).collect::<Vec<_>>(),
        ),
    ]
}

/// One of many new members, whose keys need not be computed.
fn many(device: u16) -> Op {
    let mut seed = [0xab; 32];
    seed[..2].copy_from_slice(&device.to_be_bytes());
    Op::Add(Add {
        device: DeviceNumber(device),
        person: CLIENT,
        signing_key: SigningKey::from_seed(&seed).unwrap().verifying_key(),
        suite: SUITE_XWING,
        agreement_key: AttachmentHash(counting(1)),
        rights: Rights::READ,
    })
}

/// After height 3, where 3 was removed and 5 came; after height 5, where 4 left.
fn after_a_leave_or_removal() -> Vec<Tried> {
    let new_key = || rotate(SUITE_XWING);
    let writer = || fresh(6, CLIENT, Rights::WRITE);
    vec![
        by(
            3,
            3,
            "a removed device signs",
            &[new_key()],
            &[0, 1, 2, 4, 5],
        ),
        by(
            3,
            0,
            "a number given again",
            &[fresh(3, CLIENT, Rights::WRITE)],
            &[3],
        ),
        by(
            3,
            0,
            "a removed device's key",
            &[add(6, NAMES[3], CLIENT, Rights::READ)],
            &[6],
        ),
        by(
            3,
            0,
            "a removed device is removed",
            &[remove(3), new_key()],
            &[0, 1, 2, 4, 5],
        ),
        by(5, 0, "adding before there is a new key", &[writer()], &[6]),
        by(
            5,
            0,
            "the key that is to be replaced once more",
            &[hand_out(2)],
            &[2],
        ),
        by(
            5,
            2,
            "removing oneself before there is a new key",
            &[remove(2)],
            &[],
        ),
        by(
            5,
            0,
            "adding with a new key",
            &[writer(), new_key()],
            &[0, 1, 2, 5, 6],
        ),
        by(5, 2, "leaving too", &[Op::Leave], &[]),
        by(5, 0, "closing instead", &[Op::Close(None)], &[]),
        by(5, 4, "who has left", &[new_key()], &[0, 1, 2, 5]),
    ]
}

/// After height 7: phone 0, reserve 1, tablet 2, second desk 5, phrase 6.
fn with_a_phrase() -> Vec<Tried> {
    let new_key = || rotate(SUITE_XWING);
    let t = |who, what, ops: &[Op], keys: &[u16]| by(7, who, what, ops, keys);
    let second = fresh(7, CLIENT, Rights::RECOVERY);
    vec![
        t(
            0,
            "the phrase is removed by a phone",
            &[remove(6), new_key()],
            &[0, 1, 2, 5],
        ),
        t(0, "a second phrase", std::slice::from_ref(&second), &[7]),
        t(
            0,
            "a phone puts another phrase in its place",
            &[remove(6), second.clone(), new_key()],
            &[0, 1, 2, 5, 7],
        ),
        t(0, "a phone closes", &[Op::Close(None)], &[]),
        t(0, "a phone leaves with the phrase", &[Op::Leave], &[]),
        t(6, "the phrase closes", &[Op::Close(None)], &[]),
        t(6, "the phrase leaves, and nobody leads", &[Op::Leave], &[]),
        t(
            6,
            "the phrase removes a phone",
            &[remove(0), new_key()],
            &[1, 2, 5, 6],
        ),
        t(6, "the phrase removes itself", &[remove(6)], &[]),
        t(
            6,
            "the phrase replaces itself with a new key",
            &[remove(6), second, new_key()],
            &[0, 1, 2, 5, 7],
        ),
    ]
}

/// After height 9: phone 0, reserve 1, tablet 2, second desk 5, phrase 7. The next one forgets.
fn forgetting() -> Vec<Tried> {
    let new_key = || rotate(SUITE_XWING);
    let everybody = [0, 1, 2, 5, 7];
    let t = |who, what, ops: &[Op], keys: &[u16]| by(9, who, what, ops, keys);
    vec![
        t(0, "forgetting", &[Op::Forget, new_key()], &everybody),
        t(
            0,
            "forgetting behind the new key",
            &[new_key(), Op::Forget],
            &everybody,
        ),
        t(
            7,
            "the phrase forgets",
            &[Op::Forget, new_key()],
            &everybody,
        ),
        t(2, "a writer forgets", &[Op::Forget, new_key()], &everybody),
        t(0, "forgetting under the same key", &[Op::Forget], &[]),
        t(
            0,
            "forgetting twice",
            &[Op::Forget, Op::Forget, new_key()],
            &everybody,
        ),
        t(
            0,
            "forgetting with the key once more",
            &[Op::Forget, hand_out(2)],
            &[2],
        ),
        t(
            0,
            "forgetting, not for everybody",
            &[Op::Forget, new_key()],
            &[0, 1, 2, 7],
        ),
        t(
            0,
            "forgetting, removing and adding",
            &[
                Op::Forget,
                remove(5),
                fresh(8, CLIENT, Rights::READ),
                new_key(),
            ],
            &[0, 1, 2, 7, 8],
        ),
        t(
            0,
            "forgetting and closing",
            &[Op::Forget, Op::Close(None)],
            &[],
        ),
    ]
}

fn after_the_end() -> Vec<Tried> {
    let new_key = rotate(SUITE_XWING);
    let everybody = [0, 1, 2, 5, 7];
    let forgets = [Op::Forget, new_key.clone()];
    vec![
        by(11, 0, "a new key after the end", &[new_key], &everybody),
        by(11, 0, "forgetting after the end", &forgets, &everybody),
        by(11, 7, "closing twice", &[Op::Close(None)], &[]),
    ]
}
