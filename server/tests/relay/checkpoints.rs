//! Checkpoints over HTTP: who starts there, what is fetched by its id, and who is told to start anew.

use rusqlite::Connection;
use waymark_wire::chain::{Cursor, Position};
use waymark_wire::checkpoint::CheckpointBody;
use waymark_wire::codec::Bytes;
use waymark_wire::entry::{Kind, TAG};
use waymark_wire::message::{
    Frame, PULL_PATH, PlacedEntry, PullRequest, PullSpace, RefusalCode, StatusAnswer,
};

use crate::client::{Client, TestRelay, frames, refused_code};
use crate::testing::{Space, start};

/// A space of one person: its log of which the sixth is a snapshot, and the seventh a checkpoint that
/// covers five.
pub(crate) async fn published(client: &mut Client) -> (Space, Vec<Vec<u8>>) {
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let mut log = vec![space.founding.entry.clone()];
    log.extend((0..4).map(|_| space.batch(0)));
    log.push(space.snapshot(0));
    let public = space.checkpoint(&log, 5);
    let body = CheckpointBody::assemble(&public, &[7; 256 + TAG]).unwrap();
    log.push(space.with_body(0, Kind::Checkpoint, &body));
    log.push(space.batch(0));
    client.taken(&space.request(log[1..].to_vec(), &[])).await;
    (space, log)
}

async fn pull(client: &mut Client, asked: PullSpace) -> Vec<Frame> {
    let spaces = vec![asked];
    let request = PullRequest { spaces, live: None };
    frames(&client.post(PULL_PATH, &request).await).split_off(1)
}

fn place(space: &Space, log: &[Vec<u8>], seq: usize) -> Position {
    let ids = log[..seq].iter().map(|entry| space.id_of(entry));
    let start = Cursor::start(&space.id);
    ids.fold(start, |cursor, id| cursor.after(&id)).position()
}

/// A new phone has what it needs without the years before, and can verify all that it gets.
#[tokio::test]
async fn a_newcomer_starts_at_a_checkpoint() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let (space, log) = published(&mut client).await;
    let mut asked = client.ask(&space, 0, start(&space.id)).await;
    (asked.from_checkpoint, asked.whole) = (true, true);
    let read = pull(&mut client, asked).await;
    let whole = |seq: usize| Frame::Entry {
        space: 0,
        seq: u64::try_from(seq).unwrap(),
        entry: Bytes(log[seq - 1].clone()),
    };
    let checkpoint = Frame::Checkpoint {
        space: 0,
        checkpoint: PlacedEntry {
            seq: 7,
            entry: Bytes(log[6].clone()),
        },
        acks: Vec::new(),
    };
    assert_eq!(read[0], checkpoint);
    // The keys of the first entry, as always.
    assert!(matches!(
        read[1..3],
        [Frame::Attachment { .. }, Frame::Attachment { .. }]
    ));
    assert_eq!(read[3], whole(1));
    let page = |frame: &Frame| match frame {
        Frame::Page { receipt, head, .. } => (receipt.position, *head),
        other => panic!("{other:?}"),
    };
    assert_eq!(page(&read[4]), (place(&space, &log, 5), 8));
    assert_eq!(read[5..8], [whole(6), whole(7), whole(8)]);
    assert_eq!(page(&read[8]), (place(&space, &log, 8), 8));
    assert_eq!(read.len(), 9);

    // Who has read further than the checkpoint reads on; who did not ask gets the whole log.
    let mut further = client.ask(&space, 0, place(&space, &log, 6)).await;
    (further.from_checkpoint, further.whole) = (true, true);
    assert_eq!(pull(&mut client, further).await[..2], [whole(7), whole(8)]);
    assert_eq!(client.read(&space, 0).await.len(), 8 + 2 + 1);
}

/// The plan and this month come first, and only they.
#[tokio::test]
async fn snapshots_are_fetched_by_their_ids() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let (space, log) = published(&mut client).await;
    let mut asked = client.ask(&space, 0, start(&space.id)).await;
    // A batch cannot be asked for in this way.
    asked.ids = [6, 1, 5].map(|at: usize| space.id_of(&log[at])).to_vec();
    let read = pull(&mut client, asked).await;
    let entry = |seq: u64, at: usize| Frame::Entry {
        space: 0,
        seq,
        entry: Bytes(log[at].clone()),
    };
    assert_eq!(read[..2], [entry(7, 6), entry(6, 5)]);
    assert!(matches!(&read[2..], [Frame::Page { head: 8, .. }]));
    let stranger = Space::found(9);
    let mut asked = client.ask(&stranger, 0, start(&stranger.id)).await;
    asked.ids = vec![space.id_of(&log[5])];
    let refused = pull(&mut client, asked).await;
    assert_eq!(refused_code(&refused), RefusalCode::NotFound);
}

/// A device that was away for a year is told what to do, and what it has is still known.
#[tokio::test]
async fn who_comes_after_the_drop_is_told_to_start_at_a_checkpoint() {
    let (relay, directory) = TestRelay::start().await;
    let (space, log) = published(&mut relay.client().await).await;
    let status: StatusAnswer = relay.client().await.status(&space, 0).await.read();
    assert_eq!(status.oldest, 1);
    relay.stop().await;
    // As if it had rested.
    let db = Connection::open(directory.path().join("relay.db")).unwrap();
    let due = db.execute("UPDATE checkpoint SET due = 1 WHERE due > 1", []);
    assert_eq!(due.unwrap(), 1);
    drop(db);

    let relay = TestRelay::open(directory.path()).await;
    let mut client = relay.client().await;
    let mut kept = status.bytes;
    for _ in 0..200 {
        let status: StatusAnswer = client.status(&space, 0).await.read();
        if status.oldest == 6 {
            kept = status.bytes;
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(kept, status.bytes - 4 * 388);
    for seq in [0, 2, 4] {
        let asked = client.ask(&space, 0, place(&space, &log, seq)).await;
        let refused = pull(&mut client, asked).await;
        assert_eq!(refused_code(&refused), RefusalCode::Dropped);
    }
    for seq in [5, 7, 8] {
        let asked = client.ask(&space, 0, place(&space, &log, seq)).await;
        assert_eq!(pull(&mut client, asked).await.len(), 8 - seq + 1);
    }
    let mut asked = client.ask(&space, 0, place(&space, &log, 2)).await;
    asked.from_checkpoint = true;
    let read = pull(&mut client, asked).await;
    assert!(matches!(read[0], Frame::Checkpoint { .. }));
    // What was dropped and comes again has its place, and does not come back.
    let again = space.request(log.clone(), &space.founding.attachments);
    assert_eq!(client.taken(&again).await.seqs, (1..=8).collect::<Vec<_>>());
    let status: StatusAnswer = client.status(&space, 0).await.read();
    assert_eq!((status.oldest, status.bytes), (6, kept));
}
