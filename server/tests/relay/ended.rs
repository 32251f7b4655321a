//! What a relay shows those whose membership is over, and of spaces that are.

use waymark_wire::membership::{Op, Rights};
use waymark_wire::message::{Frame, RefusalCode};

use crate::client::{Client, TestRelay, refused_code};
use crate::live::Live;
use crate::testing::Space;

/// The frame that ends a space for a reader that is none.
const fn not_found(space: u16) -> Frame {
    Frame::Refused {
        space,
        code: RefusalCode::NotFound,
        agreed: None,
    }
}

/// Somebody who is removed without a word sees what somebody sees whose relay lost the space, and
/// never the entry that says so.
#[tokio::test]
async fn who_is_removed_is_answered_like_a_stranger() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let (mut space, second) = grown(&mut client, 1).await;
    let mut live = Live::open(&relay, &[&space], second).await;
    assert_eq!(live.page().await, (0, 2));
    let removal = space.remove(0, second);
    client.change(&space, &removal).await;
    space.take(0, &removal);
    assert_eq!(live.next().await, Some(not_found(0)));
    assert_eq!(live.next().await, None);
    let unknown = Space::found(2);
    for (space, by) in [(&space, second), (&unknown, 0)] {
        assert_eq!(client.read(space, by).await, [not_found(0)]);
        let refusal = client.status(space, by).await.refusal();
        assert_eq!(refusal.code, RefusalCode::NotFound);
        assert_eq!(refusal.detail, "not_found");
    }
    // Nor by sending: a batch from before is not told what came since.
    let batch = space.batch(second);
    let refused = client.refused(&space.request(vec![batch], &[])).await;
    assert_eq!((refused.code, refused.head), (RefusalCode::NotFound, None));
    assert!(refused.membership.is_empty());
}

/// One client that ends a space must not end a therapist's work with the others.
#[tokio::test]
async fn a_live_answer_lasts_as_long_as_one_of_its_spaces() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let (mut one, second) = grown(&mut client, 1).await;
    let (mut two, _) = grown(&mut client, 2).await;
    let mut live = Live::open(&relay, &[&one, &two], second).await;
    assert_eq!((live.page().await, live.page().await), ((0, 2), (1, 2)));
    let removal = one.remove(0, second);
    client.change(&one, &removal).await;
    assert_eq!(live.next().await, Some(not_found(0)));
    let batch = two.batch(0);
    client.taken(&two.request(vec![batch], &[])).await;
    assert_eq!(live.page().await, (1, 3));
    let leave = two.act(second, vec![Op::Leave], vec![]);
    client.change(&two, &leave).await;
    assert_eq!(live.next().await, Some(not_found(1)));
    assert_eq!(live.next().await, None);
}

/// A page must not be read before the removal and sent after it with what it holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_on_its_way_shows_the_removal() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    for seed in 0..20 {
        let (mut space, second) = grown(&mut client, seed).await;
        let mut live = Live::open(&relay, &[&space], second).await;
        live.page().await;
        let mut requests = Vec::new();
        for _ in 0..5 {
            let batch = space.batch(0);
            requests.push(space.request(vec![batch], &[]));
        }
        let removal = space.remove(0, second);
        requests.push(space.request(vec![removal.entry.clone()], &removal.attachments));
        space.take(0, &removal);
        let batch = space.batch(0);
        requests.push(space.request(vec![batch], &[]));
        let mut writer = relay.client().await;
        let writing = tokio::spawn(async move {
            for request in requests {
                writer.taken(&request).await;
            }
        });
        let mut seen = 2;
        loop {
            match live.next().await {
                Some(Frame::Entry { seq, .. }) => {
                    assert_eq!(seq, seen + 1);
                    seen = seq;
                }
                Some(Frame::Page { head, .. }) => assert!(head <= 7, "{head}"),
                Some(frame) => {
                    assert_eq!(frame, not_found(0));
                    break;
                }
                None => panic!("the answer ended without a word"),
            }
        }
        assert!(seen <= 7, "{seen}");
        assert_eq!(live.next().await, None);
        writing.await.unwrap();
    }
}

/// What was written stays readable when a plan has come to its end, and everybody hears that it has.
#[tokio::test]
async fn a_closed_space_stays_open_to_its_members() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let (mut space, second) = grown(&mut client, 1).await;
    let mut live = Live::open(&relay, &[&space], second).await;
    live.page().await;
    let close = space.act(0, vec![Op::Close(None)], vec![]);
    client.change(&space, &close).await;
    space.take(0, &close);
    match live.next().await {
        Some(Frame::Entry { entry, .. }) => assert_eq!(entry.0, close.entry),
        other => panic!("{other:?}"),
    }
    let batch = space.batch(second);
    let refused = client.refused(&space.request(vec![batch], &[])).await;
    assert_eq!(refused.code, RefusalCode::Closed);
    assert_eq!(refused.head.map(|head| head.seq), Some(3));
    let read = client.read(&space, second).await;
    let entries = read.iter().filter(|f| matches!(f, Frame::Entry { .. }));
    assert_eq!(entries.count(), 3);
}

/// A device that has gone and come again is another membership: the old one's proof stays worthless.
#[tokio::test]
async fn who_is_added_again_reads_under_the_new_number_alone() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let (mut space, second) = grown(&mut client, 1).await;
    let removal = space.remove(0, second);
    client.change(&space, &removal).await;
    space.take(0, &removal);
    let (addition, key) = space.add(0, 1, Rights::WRITE);
    client.change(&space, &addition).await;
    let third = space.accept(0, &addition, key);
    let old = client.read(&space, second).await;
    assert_eq!(refused_code(&old), RefusalCode::NotFound);
    let new = client.read(&space, third).await;
    let entries = new.iter().filter(|f| matches!(f, Frame::Entry { .. }));
    assert_eq!(entries.count(), 4);
}

/// A space with a second device, of another person, that writes: its index.
async fn grown(client: &mut Client, seed: u64) -> (Space, usize) {
    let mut space = Space::found(seed);
    client.taken(&space.create()).await;
    let (change, key) = space.add(0, 1, Rights::WRITE);
    client.change(&space, &change).await;
    let second = space.accept(0, &change, key);
    (space, second)
}
