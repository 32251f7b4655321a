//! Reading over HTTP: what goes to whom, pages, places, status.

use waymark_wire::chain::{Cursor, Position};
use waymark_wire::codec::Bytes;
use waymark_wire::ids::EntryId;
use waymark_wire::membership::{Op, Rights};
use waymark_wire::message::{Frame, PULL_PATH, PullRequest, RefusalCode, StatusAnswer};

use crate::client::{Client, TestRelay, frames, header, refused_code};
use crate::testing::{Change, Space, start};

/// A device reads the entries of others as they were sent, its own as stubs, and can compute the
/// chain that the receipt is for.
#[tokio::test]
async fn a_reader_gets_what_others_wrote_and_stubs_of_its_own() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    let (invitation, second) = grown(&mut client, &mut space).await;
    let (own, others) = (space.batch(0), space.batch(second));
    let entries = vec![own.clone(), others.clone()];
    let appended = client.taken(&space.request(entries, &[])).await;
    let read = client.read(&space, 0).await;
    let seen: Vec<_> = read
        .iter()
        .filter(|frame| !matches!(frame, Frame::Attachment { .. }))
        .cloned()
        .collect();
    let whole = |seq, bytes: &[u8]| Frame::Entry {
        space: 0,
        seq,
        entry: Bytes(bytes.to_vec()),
    };
    let expected = vec![
        // Membership entries come whole, the reader's own too.
        whole(1, &space.founding.entry),
        whole(2, &invitation.entry),
        Frame::Own {
            space: 0,
            seq: 3,
            id: space.id_of(&own),
            length: 388,
        },
        whole(4, &others),
        Frame::Page {
            space: 0,
            receipt: appended.receipt,
            head: 4,
        },
    ];
    assert_eq!(seen, expected);
}

/// A device that enrols anew has to see what it wrote before, which it may have lost.
#[tokio::test]
async fn own_entries_come_whole_where_that_is_asked() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    let (invitation, second) = grown(&mut client, &mut space).await;
    let (own, others) = (space.batch(0), space.batch(second));
    let entries = vec![own.clone(), others.clone()];
    client.taken(&space.request(entries, &[])).await;
    let mut asked = client.ask(&space, 0, start(&space.id)).await;
    asked.whole = true;
    let spaces = vec![asked];
    let request = PullRequest { spaces, live: None };
    let read = frames(&client.post(PULL_PATH, &request).await);
    let whole: Vec<_> = read
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Entry { entry, .. } => Some(entry.0),
            Frame::Own { .. } => panic!("a stub came"),
            _ => None,
        })
        .collect();
    let sent = [space.founding.entry.clone(), invitation.entry, own, others];
    assert_eq!(whole, sent);
}

/// Whoever starts the next epoch seals to the newest key of each member; what is not needed any
/// more does not come.
#[tokio::test]
async fn a_renewed_key_goes_to_writers_and_dropped_ones_to_nobody() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    let (invitation, writer) = grown(&mut client, &mut space).await;
    let (addition, key) = space.add(0, 2, Rights::READ);
    client.change(&space, &addition).await;
    let reader = space.accept(0, &addition, key);
    let (op, fresh) = space.renewal();
    let first = space.act(writer, vec![op], vec![fresh.clone()]);
    client.change(&space, &first).await;
    space.take(writer, &first);
    let second = space.act(0, vec![Op::Rotate(None)], vec![]);
    client.change(&space, &second).await;
    space.take(0, &second);
    // Of the first epoch only the keys that members still have, of the writer the newest.
    let [founders, readers] = [&space.founding, &addition].map(|c| vec![c.attachments[0].clone()]);
    let sealed =
        |change: &Change, to: usize| change.attachments[change.attachments.len() - 3 + to].clone();
    for by in [0, writer] {
        let expected = [
            founders.clone(),
            vec![],
            readers.clone(),
            vec![fresh.clone(), sealed(&first, by)],
            vec![sealed(&second, by)],
        ];
        assert_eq!(attachments(&client.read(&space, by).await), expected);
    }
    let expected = [
        vec![],
        vec![],
        vec![],
        vec![sealed(&first, reader)],
        vec![sealed(&second, reader)],
    ];
    assert_eq!(attachments(&client.read(&space, reader).await), expected);
    let status: StatusAnswer = client.status(&space, reader).await.read();
    let entries = [&space.founding, &invitation, &addition, &first, &second];
    let entries: usize = entries.iter().map(|change| change.entry.len()).sum();
    let kept = entries + 3 * 1_216 + 6 * 1_168;
    assert_eq!(status.bytes, u64::try_from(kept).unwrap());
}

/// A sealed key is for one membership; an agreement key for whoever may have to seal to it.
#[tokio::test]
async fn attachments_go_to_those_they_are_for() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    let (writer_change, writer) = grown(&mut client, &mut space).await;
    let (reader_change, key) = space.add(0, 2, Rights::READ);
    client.change(&space, &reader_change).await;
    let reader = space.accept(0, &reader_change, key);
    let [founder_keys, writer_keys, reader_keys] =
        [&space.founding, &writer_change, &reader_change].map(|c| c.attachments.clone());
    // Attachments that stand directly before each membership entry.
    let founder = attachments(&client.read(&space, 0).await);
    assert_eq!(
        founder,
        [
            founder_keys.clone(),
            vec![writer_keys[0].clone()],
            vec![reader_keys[0].clone()]
        ]
    );
    let second = attachments(&client.read(&space, writer).await);
    assert_eq!(
        second,
        [
            vec![founder_keys[0].clone()],
            writer_keys,
            vec![reader_keys[0].clone()]
        ]
    );
    let third = attachments(&client.read(&space, reader).await);
    assert_eq!(third, [vec![], vec![], vec![reader_keys[1].clone()]]);
}

/// A long log comes in pages, each with a receipt for the place that it reached; reading goes on
/// from any place.
#[tokio::test]
async fn pages_follow_each_other_without_gap() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    let (_, second) = grown(&mut client, &mut space).await;
    let mut cursor = Cursor::start(&space.id).after(&space.id.into());
    cursor = cursor.after(&space.membership.head());
    let mut middle = None;
    for round in 0..6 {
        let entries: Vec<_> = (0..50).map(|_| space.batch(second)).collect();
        for entry in &entries {
            cursor = cursor.after(&space.id_of(entry));
        }
        client.taken(&space.request(entries, &[])).await;
        if round == 2 {
            middle = Some(cursor.position());
        }
    }
    let whole = client.read(&space, 0).await;
    assert_eq!(pages(&whole, &space, &client), [(256, 302), (302, 302)]);
    assert_eq!(seqs(&whole), (1..=302).collect::<Vec<_>>());
    let spaces = vec![client.ask(&space, 0, middle.unwrap()).await];
    let request = PullRequest { spaces, live: None };
    let rest = frames(&client.post(PULL_PATH, &request).await).split_off(1);
    assert_eq!(seqs(&rest), (153..=302).collect::<Vec<_>>());
    let Some(Frame::Page { receipt, .. }) = rest.last() else {
        panic!("no page ends the answer");
    };
    assert_eq!(receipt.position, cursor.position());
    // Nothing new: an empty page says so.
    let spaces = vec![client.ask(&space, 0, cursor.position()).await];
    let request = PullRequest { spaces, live: None };
    let nothing = frames(&client.post(PULL_PATH, &request).await).split_off(1);
    assert_eq!(pages(&nothing, &space, &client), [(302, 302)]);
}

/// A relay that lost entries says up to where it agrees, so that a device can bring them back.
#[tokio::test]
async fn a_place_that_is_not_on_the_log_is_answered_with_one_that_is() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    let mut places = vec![client.taken(&space.create()).await.receipt.position];
    for _ in 0..3 {
        let batch = space.batch(0);
        let taken = client.taken(&space.request(vec![batch], &[])).await;
        places.push(taken.receipt.position);
    }
    let lost = Cursor::start(&space.id).after(&EntryId([1; 32])).position();
    let beyond = Position {
        seq: 9,
        ..places[3]
    };
    let cases = [
        (vec![], start(&space.id)),
        (vec![lost], start(&space.id)),
        (vec![lost, places[2], places[0]], places[2]),
    ];
    for (earlier, agreed) in cases {
        let mut asked = client.ask(&space, 0, beyond).await;
        asked.earlier = earlier;
        let spaces = vec![asked];
        let request = PullRequest { spaces, live: None };
        let answer = frames(&client.post(PULL_PATH, &request).await).split_off(1);
        let refused = Frame::Refused {
            space: 0,
            code: RefusalCode::UnknownPosition,
            agreed: Some(agreed),
        };
        assert_eq!(answer, [refused]);
    }
}

/// One unreadable space must not keep a device from the others.
#[tokio::test]
async fn spaces_are_read_each_for_itself() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let one = Space::found(1);
    let unknown = Space::found(2);
    let two = Space::found(3);
    client.taken(&one.create()).await;
    client.taken(&two.create()).await;
    let mut spaces = Vec::new();
    for space in [&one, &unknown, &two] {
        spaces.push(client.ask(space, 0, start(&space.id)).await);
    }
    let request = PullRequest { spaces, live: None };
    let answer = client.post(PULL_PATH, &request).await;
    // Nobody states a length, nobody packs: sizes on the way are those of the log.
    assert_eq!(header(&answer.head, "content-encoding"), None);
    let read = frames(&answer);
    let of = |number: u16| -> Vec<_> {
        let is_of = |frame: &&Frame| space_of(frame) == Some(number);
        read.iter().filter(is_of).cloned().collect()
    };
    assert_eq!(seqs(&of(0)), [1]);
    assert_eq!(refused_code(&of(1)), RefusalCode::NotFound);
    assert_eq!(seqs(&of(2)), [1]);
}

#[tokio::test]
async fn status_tells_members_what_is_kept() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let batch = space.batch(0);
    let taken = client.taken(&space.request(vec![batch.clone()], &[])).await;
    let status: StatusAnswer = client.status(&space, 0).await.read();
    let sent = space.founding.entry.len() + 1_216 + 1_168 + batch.len();
    assert_eq!(status.bytes, u64::try_from(sent).unwrap());
    assert_eq!((status.oldest, status.quota), (1, None));
    assert_eq!(status.receipt, taken.receipt);
}

/// A space with a second device that writes.
async fn grown(client: &mut Client, space: &mut Space) -> (Change, usize) {
    client.taken(&space.create()).await;
    let (change, key) = space.add(0, 1, Rights::WRITE);
    client.change(space, &change).await;
    let second = space.accept(0, &change, key);
    (change, second)
}

/// What stood before each whole entry.
fn attachments(frames: &[Frame]) -> Vec<Vec<Vec<u8>>> {
    let (mut all, mut now) = (Vec::new(), Vec::new());
    for frame in frames {
        match frame {
            Frame::Attachment { bytes, .. } => now.push(bytes.0.clone()),
            Frame::Entry { .. } => all.push(std::mem::take(&mut now)),
            _ => assert!(now.is_empty()),
        }
    }
    all
}

/// The places of all entries.
fn seqs(frames: &[Frame]) -> Vec<u64> {
    frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Entry { seq, .. } | Frame::Own { seq, .. } => Some(*seq),
            _ => None,
        })
        .collect()
}

/// Where each page ended and the log did.
fn pages(frames: &[Frame], space: &Space, client: &Client) -> Vec<(u64, u64)> {
    frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Page { receipt, head, .. } => {
                assert!(receipt.is_signed_by(&client.relay, &space.id));
                Some((receipt.position.seq, *head))
            }
            _ => None,
        })
        .collect()
}

fn space_of(frame: &Frame) -> Option<u16> {
    match frame {
        Frame::Attachment { space, .. }
        | Frame::Entry { space, .. }
        | Frame::Own { space, .. }
        | Frame::Page { space, .. }
        | Frame::Refused { space, .. } => Some(*space),
        _ => None,
    }
}
