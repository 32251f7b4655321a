//! What membership entries name by hash: that it is there, and how long it is kept.

use waymark_wire::ids::AttachmentHash;
use waymark_wire::membership::{Op, Rights};
use waymark_wire::message::RefusalCode;

use super::{append, create, grown, make};
use crate::log::Log;
use crate::testing::{Change, Space};

/// Otherwise a member would be added who can never open anything.
pub(crate) async fn attachments_come_with_what_names_them(log: impl Log) {
    let mut space = Space::found(1);
    let bare = append(&log, &space, vec![space.founding.entry.clone()], &[]).await;
    assert_eq!(bare.refused.unwrap().code, RefusalCode::Attachment);
    assert!(log.membership(space.id).await.unwrap().is_none());
    create(&log, &space).await;
    let (change, _) = space.add(0, 1, Rights::WRITE);
    let with = |attachments: Vec<Vec<u8>>| Change {
        attachments,
        ..change.clone()
    };
    let [key, sealed] = <[Vec<u8>; 2]>::try_from(change.attachments.clone()).unwrap();
    let wrong = [
        with(vec![key.clone()]),
        with(vec![sealed.clone()]),
        with(vec![key.clone(), sealed.clone(), vec![1; 1_216]]),
        with(vec![key.clone(), sealed[1..].to_vec()]),
    ];
    for wrong in wrong {
        let refused = make(&log, &space, &wrong).await.refused.unwrap();
        assert_eq!(refused.code, RefusalCode::Attachment);
    }
    let unnamed = append(&log, &space, vec![], std::slice::from_ref(&key)).await;
    assert_eq!(unnamed.refused.unwrap().code, RefusalCode::BadRequest);
    let large = with(vec![key.clone(), sealed.clone(), vec![0; 3_000]]);
    assert_eq!(
        make(&log, &space, &large).await.refused.unwrap().code,
        RefusalCode::TooLarge
    );
    assert_eq!(make(&log, &space, &change).await.refused, None);
    // Its entry may come again alone.
    assert_eq!(make(&log, &space, &with(vec![])).await.seqs, [2]);
    let hashes = [&sealed, &key].map(|bytes| AttachmentHash::of(bytes));
    let missing = AttachmentHash([0; 32]);
    let kept = log.attachments(space.id, vec![hashes[0], missing, hashes[1]]);
    assert_eq!(kept.await.unwrap(), [sealed, key]);
    let other = Space::found(2);
    create(&log, &other).await;
    let elsewhere = log.attachments(other.id, hashes.to_vec());
    assert!(elsewhere.await.unwrap().is_empty());
}

/// Otherwise a relay keeps for ever what a key that leaks much later would open.
pub(crate) async fn sealed_keys_go_when_the_second_epoch_after_theirs_begins(log: impl Log) {
    let (mut space, second, added) = grown(&log).await;
    let [founder, founders_seal] = halves(&space.founding);
    let mut epochs = vec![vec![founders_seal]];
    let mut sent = vec![space.founding.entry.clone(), added.entry.clone()];
    let [member, members_seal] = halves(&added);
    epochs[0].push(members_seal);
    for epoch in 1..5 {
        // In each epoch one entry that starts it and one that seals in it once more.
        let again = Op::Seal(space.devices[second].number);
        for ops in [vec![Op::Rotate(None)], vec![again]] {
            let change = space.act(0, ops, vec![]);
            assert_eq!(make(&log, &space, &change).await.refused, None);
            space.take(0, &change);
            sent.push(change.entry);
            epochs.resize(epoch + 1, Vec::new());
            epochs[epoch].extend(change.attachments);
        }
        for (older, sealed) in epochs.iter().enumerate() {
            let kept = kept(&log, &space, sealed).await;
            let expected = if older + 2 <= epoch { 0 } else { sealed.len() };
            assert_eq!(kept.len(), expected, "of epoch {older} in {epoch}");
        }
        let keys = [founder.clone(), member.clone()];
        assert_eq!(kept(&log, &space, &keys).await, keys);
        let last_two = epochs.iter().rev().take(2).flatten();
        let expected = size(sent.iter().chain(&keys).chain(last_two));
        assert_eq!(bytes(&log, &space).await, expected);
    }
    // The entries that named what is gone are where they were.
    assert_eq!(
        log.page(space.id, 0).await.unwrap().entries.len(),
        sent.len()
    );
}

/// Otherwise the keys of people who are gone stay for ever.
pub(crate) async fn members_keys_go_with_them(log: impl Log) {
    let (mut space, second, added) = grown(&log).await;
    let [founder, _] = halves(&space.founding);
    let [member, _] = halves(&added);
    // Who renews its key has one.
    let (rotate, fresh) = space.renewal();
    let change = space.act(0, vec![rotate], vec![fresh.clone()]);
    assert_eq!(make(&log, &space, &change).await.refused, None);
    space.take(0, &change);
    let all = [founder, fresh.clone(), member.clone()];
    assert_eq!(
        kept(&log, &space, &all).await,
        [fresh.clone(), member.clone()]
    );
    let before = bytes(&log, &space).await;
    let leave = space.act(second, vec![Op::Leave], vec![]);
    assert_eq!(make(&log, &space, &leave).await.refused, None);
    space.take(second, &leave);
    assert_eq!(kept(&log, &space, &all).await, vec![fresh.clone()]);
    let after = before + size([&leave.entry]) - size([&member]);
    assert_eq!(bytes(&log, &space).await, after);
    // In one entry with its rotation, where somebody is removed.
    let rotate = space.act(0, vec![Op::Rotate(None)], vec![]);
    make(&log, &space, &rotate).await;
    space.take(0, &rotate);
    let (change, key) = space.add(0, 2, Rights::WRITE);
    make(&log, &space, &change).await;
    let third = space.accept(0, &change, key);
    let [key, _] = halves(&change);
    let removal = space.remove(0, third);
    assert_eq!(make(&log, &space, &removal).await.refused, None);
    assert!(kept(&log, &space, &[key]).await.is_empty());
    assert_eq!(kept(&log, &space, &all).await, [fresh]);
}

/// Otherwise a member loses a key that an entry in force still hands to it.
pub(crate) async fn keys_that_are_named_again_stay(log: impl Log) {
    let (mut space, second, added) = grown(&log).await;
    let [_, sealed] = halves(&added);
    // The same bytes once more in each epoch, given again or not.
    for given in [true, false, true, false] {
        let rotate = space.act(0, vec![Op::Rotate(None)], vec![]);
        assert_eq!(make(&log, &space, &rotate).await.refused, None);
        space.take(0, &rotate);
        let mut seal = space.seal_as(0, second, sealed.clone());
        if !given {
            seal.attachments.clear();
        }
        assert_eq!(make(&log, &space, &seal).await.refused, None);
        space.take(0, &seal);
        let same = kept(&log, &space, std::slice::from_ref(&sealed)).await;
        assert_eq!(same, vec![sealed.clone()]);
    }
}

/// A team of ten with four devices each, of whom one is lost: otherwise they cannot lock it out.
pub(crate) async fn forty_devices_get_a_new_key_in_one_entry(log: impl Log) {
    let mut space = Space::found(1);
    create(&log, &space).await;
    for device in 1..40u8 {
        let (change, key) = space.add(0, device / 4, Rights::WRITE);
        assert_eq!(make(&log, &space, &change).await.refused, None);
        space.accept(0, &change, key);
    }
    let removal = space.remove(0, 39);
    assert_eq!(removal.attachments.len(), 39);
    assert_eq!(make(&log, &space, &removal).await.refused, None);
    let handed_out = kept(&log, &space, &removal.attachments).await;
    assert_eq!(handed_out, removal.attachments);
}

/// The agreement key and the sealed key that come with an addition.
fn halves(change: &Change) -> [Vec<u8>; 2] {
    change.attachments.clone().try_into().unwrap()
}

async fn kept(log: &impl Log, space: &Space, of: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let hashes = of.iter().map(|bytes| AttachmentHash::of(bytes)).collect();
    log.attachments(space.id, hashes).await.unwrap()
}

async fn bytes(log: &impl Log, space: &Space) -> u64 {
    log.usage(space.id).await.unwrap().unwrap().bytes
}

fn size<'a>(of: impl IntoIterator<Item = &'a Vec<u8>>) -> u64 {
    let size: usize = of.into_iter().map(Vec::len).sum();
    u64::try_from(size).unwrap()
}
