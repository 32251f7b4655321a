//! Relays and members who offer a false start. Where the relay still has the log, a newcomer reads that;
//! where it has not, the space says what is wrong, and the others go on.

use std::path::{Path, PathBuf};

use waymark_server::inspect;
use waymark_tests::story::{assert_same, assert_settled, goal, log, notes, settle, status, sync};
use waymark_tests::{Asked, Device, Liar, Reply, TestRelay, read_frames};
use waymark_wire::chain::{Chain, Cursor};
use waymark_wire::checkpoint::{Checkpoint, CheckpointBody};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{Generation, SpaceId};
use waymark_wire::message::{Frame, PlacedEntry};
use waymark_wire::receipt::Receipt;
use waymark_wire::signature::SigningKey;

use super::support::{Diary, is_fetch, missing, publish, pull};

/// What a relay says that offers a checkpoint to everybody who asks for one, whether anybody agreed on it
/// or not.
struct Offers {
    directory: PathBuf,
    key: SigningKey,
    space: SpaceId,
    alter: fn(&mut Checkpoint),
}

impl Offers {
    fn by(liar: &Liar, relay: &TestRelay, space: SpaceId, alter: fn(&mut Checkpoint)) -> Self {
        Self {
            directory: relay.directory().to_owned(),
            key: liar.key(),
            space,
            alter,
        }
    }

    /// Says it from now on.
    fn begin(self, liar: &Liar) {
        liar.lie(move |asked: &Asked, reply: Reply| self.answer(asked, reply));
    }

    fn answer(&self, asked: &Asked, reply: Reply) -> Reply {
        let (Some(pull), Reply::Whole(200, body)) = (pull(asked), &reply) else {
            return reply;
        };
        let of = (0..).zip(&pull.spaces);
        let mut of = of.filter(|(_, asked)| asked.proof.space == self.space);
        let Some((number, asked)) = of.next().filter(|(_, asked)| asked.from_checkpoint) else {
            return reply;
        };
        let frames = read_frames(body).into_iter();
        let mut frames: Vec<Frame> = frames
            .filter(|frame| space_of(frame) != Some(number))
            .collect();
        frames.extend(self.frames(number, asked.after.seq));
        Reply::Whole(200, frames.iter().flat_map(codec::encode).collect())
    }

    fn frames(&self, space: u16, after: u64) -> Vec<Frame> {
        let log = entries(&self.directory, &self.space);
        let places = (1..).zip(&log).filter(|(_, entry)| {
            let entry = Entry::parse((*entry).clone()).unwrap();
            entry.header().kind == Kind::Checkpoint
        });
        let (seq, checkpoint) = places.last().unwrap();
        let bytes = altered(checkpoint, self.alter);
        let entry = Entry::parse(bytes.clone()).unwrap();
        let public = CheckpointBody::parse(entry.body()).unwrap().public;
        assert!(public.seq > after);
        let placed = PlacedEntry {
            seq,
            entry: Bytes(bytes),
        };
        let acks = Vec::new();
        let mut frames = vec![Frame::Checkpoint {
            space,
            checkpoint: placed,
            acks,
        }];
        let mut cursor = Cursor::start(&self.space);
        for (seq, bytes) in (1..).zip(&log) {
            let entry = Entry::parse(bytes.clone()).unwrap();
            let under = if seq == 1 { SpaceId::ZERO } else { self.space };
            cursor = cursor.after(&entry.id(&under));
            if seq > public.seq || entry.header().kind == Kind::Membership {
                if entry.header().kind == Kind::Membership {
                    frames.extend(attachments(&self.directory, space));
                }
                let entry = Bytes(bytes.clone());
                frames.push(Frame::Entry { space, seq, entry });
            }
            if seq == public.seq {
                let there = Cursor {
                    chain: public.chain,
                    ..cursor
                };
                frames.push(self.page(space, there, log.len()));
                cursor = there;
            }
        }
        frames.push(self.page(space, cursor, log.len()));
        frames
    }

    fn page(&self, space: u16, cursor: Cursor, head: usize) -> Frame {
        let sign = |text: &[u8]| self.key.sign(text);
        let generation = Generation([5; 16]);
        Frame::Page {
            space,
            receipt: Receipt::new(&self.space, generation, cursor.position(), sign),
            head: head as u64,
        }
    }
}

const fn space_of(frame: &Frame) -> Option<u16> {
    match frame {
        Frame::Attachment { space, .. }
        | Frame::Checkpoint { space, .. }
        | Frame::Entry { space, .. }
        | Frame::Own { space, .. }
        | Frame::Page { space, .. }
        | Frame::Refused { space, .. } => Some(*space),
        Frame::Hello { .. } | Frame::Heartbeat { .. } => None,
    }
}

fn entries(directory: &Path, space: &SpaceId) -> Vec<Vec<u8>> {
    let stored = inspect::entries(directory).unwrap().into_iter();
    let own = stored.filter(|entry| entry.space == *space);
    own.map(|entry| entry.bytes).collect()
}

fn attachments(directory: &Path, space: u16) -> Vec<Frame> {
    let db = rusqlite::Connection::open(directory.join("relay.db")).unwrap();
    let mut rows = db.prepare("SELECT bytes FROM attachment").unwrap();
    let rows = rows.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let frame = |bytes: rusqlite::Result<Vec<u8>>| Frame::Attachment {
        space,
        bytes: Bytes(bytes.unwrap()),
    };
    rows.map(frame).collect()
}

/// A checkpoint with another public part, under the signature of the true one.
fn altered(bytes: &[u8], alter: fn(&mut Checkpoint)) -> Vec<u8> {
    let entry = Entry::parse(bytes.to_vec()).unwrap();
    let body = CheckpointBody::parse(entry.body()).unwrap();
    let mut public = body.public;
    alter(&mut public);
    let altered = CheckpointBody::assemble(&public, body.private).unwrap();
    let rest = &bytes[52 + entry.body().len()..];
    [&bytes[..52], &altered, rest].concat()
}

/// A relay could give a newcomer another past than the one that everybody else has.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_offer_is_refused_and_the_log_is_read() {
    type Lie = fn(&mut Checkpoint);
    let lies: [(&str, Lie); 4] = [
        ("counters", |c| c.counters.swap(0, 1)),
        ("chain", |c| c.chain = Chain([3; 32])),
        ("fewer entries", |c| c.seq -= 1),
        ("snapshots", |c| c.snapshots.truncate(1)),
    ];
    let mut diary = Diary::new().await;
    diary.publish().await;
    let plan = diary.plan;
    for (what, alter) in lies {
        let second = link_later(&diary).await;
        Offers::by(&diary.liar, &diary.relay, diary.space(), alter).begin(&diary.liar);
        settle(&[&second]).await;
        assert_eq!(notes(&second, plan).len(), 9, "{what}");
        let mut second = second;
        assert_eq!(missing(&mut second, diary.space()), 0, "{what}");
        assert_settled(&second);
        diary.liar.be_honest();
        settle(&[&second, &diary.phone]).await;
        assert_same(plan, &[&second, &diary.phone]);
    }
    // The truth is taken.
    let second = link_later(&diary).await;
    Offers::by(&diary.liar, &diary.relay, diary.space(), |_| {}).begin(&diary.liar);
    settle(&[&second]).await;
    let mut second = second;
    assert!(missing(&mut second, diary.space()) > 0);
    assert_eq!(notes(&second, plan).len(), 9);
}

/// A second phone that has accepted its welcome and has read nothing.
async fn link_later(diary: &Diary) -> Device {
    let second = Device::with_relay(&diary.liar.url());
    let card = second.client().people().card("Kim", "second").unwrap();
    diary.phone.client().people().add_own_device(&card).unwrap();
    sync(&diary.phone).await.unwrap();
    let welcome = diary.phone.client().people().welcome(&card).unwrap();
    second.client().people().accept(&welcome.unwrap()).unwrap();
    second
}

/// One member, with the relay's help, could be the only witness of the past.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_confirmed_is_not_started_at() {
    let diary = Diary::new().await;
    let plan = diary.plan;
    let second = link_later(&diary).await;
    publish(&diary.tablet).await;
    Offers::by(&diary.liar, &diary.relay, diary.space(), |_| {}).begin(&diary.liar);
    settle(&[&second]).await;
    let mut second = second;
    assert_eq!(missing(&mut second, diary.space()), 0);
    assert_eq!(notes(&second, plan).len(), 9);
    assert_settled(&second);
}

/// Where there is nothing else, a person decides; until then nothing is shown that is not certain, and
/// the person's other spaces are as they should be.
#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_else_is_left_a_person_decides() {
    let mut diary = Diary::new().await;
    let plan = diary.plan;
    let other = diary.phone.client().people().create_plan().unwrap();
    let read = goal(&diary.phone, other, "read");
    log(&diary.phone, other, read, "in another plan");
    settle(&[&diary.phone]).await;
    let second = link_later(&diary).await;
    // The client's phone never looks at it.
    publish(&diary.tablet).await;
    diary.relay.pass(121).await;
    for _ in 0..2 {
        let refused = sync(&second).await.unwrap_err();
        assert_eq!(refused.code(), "relay_untrusted", "{refused}");
        assert!(refused.to_string().contains("confirmed"), "{refused}");
    }
    let people = second.client().people();
    assert_eq!(
        status(&second, plan).problem.as_deref(),
        Some("relay_untrusted")
    );
    assert!(!status(&second, plan).ready);
    assert_eq!(notes(&second, other), ["in another plan"]);
    assert_eq!(
        people.start_unconfirmed(other).unwrap_err().code(),
        "not_allowed"
    );
    people.start_unconfirmed(plan).unwrap();
    settle(&[&second]).await;
    assert_eq!(notes(&second, plan).len(), 9);
    assert!(status(&second, plan).unconfirmed);
    assert_settled(&second);
    let again = people.start_unconfirmed(plan);
    assert_eq!(again.unwrap_err().code(), "not_allowed");
}

/// A relay that has lost what it should keep must not leave a newcomer half, silent, or without its other
/// plans.
#[tokio::test(flavor = "multi_thread")]
async fn snapshots_that_are_kept_back_are_said_to_be_missing() {
    let diary = Diary::dropped().await;
    let plan = diary.plan;
    let other = diary.phone.client().people().create_plan().unwrap();
    let read = goal(&diary.phone, other, "read");
    log(&diary.phone, other, read, "in another plan");
    settle(&[&diary.phone]).await;
    let space = diary.space();
    let keeps_back = |altered: bool| {
        move |asked: &Asked, reply: Reply| {
            let mut spaces = pull(asked).into_iter().flat_map(|pull| pull.spaces);
            let is_of = spaces.any(|asked| asked.proof.space == space);
            let Reply::Whole(200, body) = &reply else {
                return reply;
            };
            if !is_fetch(asked) || !is_of {
                return reply;
            }
            let mut frames = read_frames(body);
            frames.retain_mut(|frame| match frame {
                Frame::Entry { entry, .. } if altered => {
                    entry.0[80] ^= 1;
                    true
                }
                Frame::Entry { .. } => false,
                _ => true,
            });
            Reply::Whole(200, frames.iter().flat_map(codec::encode).collect())
        }
    };
    for altered in [false, true] {
        let second = link_later(&diary).await;
        diary.liar.lie(keeps_back(altered));
        for _ in 0..3 {
            let _ = sync(&second).await;
        }
        let shown = status(&second, plan);
        assert_eq!(
            shown.problem.as_deref(),
            Some("relay_untrusted"),
            "{shown:?}"
        );
        let detail = shown.problem_detail.unwrap();
        assert!(detail.contains("of its snapshots"), "{detail}");
        assert!(shown.fetching > 0);
        // The other plan is there, and can be written in.
        assert!(notes(&second, other).contains(&"in another plan".to_owned()));
        log(&second, other, read, "from the second");
        let _ = sync(&second).await;
        assert_eq!(status(&second, other).problem, None);
        assert_eq!(status(&second, other).unsent, 0);

        diary.liar.be_honest();
        settle(&[&second, &diary.phone]).await;
        assert_same(plan, &[&second, &diary.phone]);
        assert_eq!(notes(&second, plan).len(), 12);
        assert_settled(&second);
    }
}

/// The same, where the relay has the log: a newcomer reads that, and keeps what it wrote meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_reads_the_log_where_snapshots_are_missing_and_it_is_there() {
    let mut diary = Diary::new().await;
    diary.publish().await;
    diary.days(3).await;
    diary.publish().await;
    let plan = diary.plan;
    let second = link_later(&diary).await;
    // Nothing that is asked for by its id comes.
    diary.liar.lie(|asked, reply| {
        let Reply::Whole(200, body) = &reply else {
            return reply;
        };
        if !is_fetch(asked) {
            return reply;
        }
        let mut frames = read_frames(body);
        frames.retain(|frame| !matches!(frame, Frame::Entry { .. }));
        Reply::Whole(200, frames.iter().flat_map(codec::encode).collect())
    });
    for _ in 0..4 {
        let _ = sync(&second).await;
    }
    assert_eq!(notes(&second, plan).len(), 12);
    let mut second = second;
    assert_eq!(missing(&mut second, diary.space()), 0);
    diary.liar.be_honest();
    settle(&[&second, &diary.phone, &diary.tablet]).await;
    assert_same(plan, &[&second, &diary.phone, &diary.tablet]);
    assert_settled(&second);
}
