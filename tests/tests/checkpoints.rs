//! Checkpoints from the first entry to the relay's drop, as an app has them made.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_core::client::{HeldView, PlanId};
use waymark_core::model::GoalId;
use waymark_core::space::Space;
use waymark_server::inspect::{StoredEntry, entries};
use waymark_tests::story::{assert_same, assert_settled, goal, log, notes, settle, status, sync};
use waymark_tests::{Device, Reply, TestRelay, begin, forge, link_therapist, post};
use waymark_wire::ack::{Ack, CheckpointFault};
use waymark_wire::checkpoint::{Checkpoint, CheckpointBody, CheckpointPrivate};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{DeviceNumber, SpaceId};
use waymark_wire::message::{APPEND_PATH, AppendRequest, RefusalAnswer, RefusalCode};

/// More batches than a log has behind its last checkpoint.
const MANY: usize = 301;

/// A client's phone, the therapist's tablet, and what they share, behind a relay.
struct Stage {
    relay: TestRelay,
    phone: Device,
    tablet: Device,
    plan: PlanId,
    walk: GoalId,
}

impl Stage {
    async fn set() -> Self {
        let relay = TestRelay::start().await;
        let (phone, plan) = begin(&relay);
        let tablet = link_therapist(&phone, plan).await;
        let walk = goal(&phone, plan, "walk");
        settle(&[&phone, &tablet]).await;
        Self {
            relay,
            phone,
            tablet,
            plan,
            walk,
        }
    }

    /// The phone writes so many batches of one check-in each.
    async fn write(&self, batches: usize) {
        for number in 0..batches {
            log(&self.phone, self.plan, self.walk, &format!("{number}"));
            sync(&self.phone).await.unwrap();
        }
    }

    /// What the relay has of the plan.
    fn stored(&self) -> Vec<StoredEntry> {
        let mut all = entries(self.relay.directory()).unwrap();
        all.retain(|entry| entry.space == SpaceId(self.plan.0));
        all
    }

    fn kinds(&self) -> Vec<Kind> {
        let kind = |stored: StoredEntry| Entry::parse(stored.bytes).unwrap().header().kind;
        self.stored().into_iter().map(kind).collect()
    }

    fn acks(&self) -> Vec<Ack> {
        let entries = self.stored().into_iter();
        let entries = entries.map(|stored| Entry::parse(stored.bytes).unwrap());
        let acks = entries.filter(|entry| entry.header().kind == Kind::Ack);
        acks.map(|entry| Ack::parse(entry.body()).unwrap())
            .collect()
    }
}

async fn tend(device: &Device) {
    device.client().sync().tend().await.unwrap();
}

fn held(device: &Device) -> Vec<HeldView> {
    device.client().held().list().unwrap()
}

fn count(kinds: &[Kind], of: Kind) -> usize {
    kinds.iter().filter(|kind| **kind == of).count()
}

/// A log would grow for ever; or what somebody wrote would be gone with what is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn two_people_publish_agree_and_go_on_after_the_relay_has_dropped() {
    let mut stage = Stage::set().await;
    let (away, offline) = link_away(&stage).await;
    stage.write(MANY).await;
    settle(&[&stage.phone, &stage.tablet]).await;
    let before = stage.stored().len();
    // An ordinary sync is for what people wrote alone.
    assert_eq!(count(&stage.kinds(), Kind::Checkpoint), 0);
    tend(&stage.phone).await;
    let kinds = stage.kinds();
    assert_eq!(count(&kinds, Kind::Checkpoint), 1);
    assert!(count(&kinds, Kind::Snapshot) >= 1);
    assert_settled(&stage.phone);
    assert_eq!(status(&stage.phone, stage.plan).covered, before as u64);
    // Whoever finds it publishes none, and says that it is right.
    tend(&stage.tablet).await;
    settle(&[&stage.phone, &stage.tablet]).await;
    assert_eq!(count(&stage.kinds(), Kind::Checkpoint), 1);
    let named = stage.stored().into_iter();
    let mut named = named.filter(|stored| {
        Entry::parse(stored.bytes.clone()).unwrap().header().kind == Kind::Checkpoint
    });
    assert_eq!(stage.acks(), [Ack::CheckpointOk(named.next().unwrap().id)]);
    assert_eq!(status(&stage.tablet, stage.plan).covered, before as u64);

    // It looks before it answers anybody.
    stage.relay.pass(29).await;
    sync(&stage.phone).await.unwrap();
    assert!(stage.stored().len() >= before);
    stage.relay.pass(1).await;
    sync(&stage.phone).await.unwrap();
    let kept = stage.stored();
    assert!(kept.len() < 20, "{} entries are left", kept.len());
    // Both go on; so does what was written before.
    log(&stage.phone, stage.plan, stage.walk, "afterwards");
    let _ = goal(&stage.tablet, stage.plan, "by the therapist");
    settle(&[&stage.phone, &stage.tablet]).await;
    assert_eq!(notes(&stage.tablet, stage.plan).len(), MANY + 4);
    assert_same(stage.plan, &[&stage.phone, &stage.tablet]);
    assert_settled(&stage.phone);
    assert_settled(&stage.tablet);
    // Whoever was away since long before keeps all that it had, and what it wrote meanwhile.
    let _ = sync(&away).await;
    let there = notes(&away, stage.plan);
    assert!(there.len() >= 3, "{there:?}");
    assert!(away.client().goals().get(stage.plan, offline).is_ok());
    assert_eq!(held(&away), []);
}

/// A second tablet that has read a part, and writes a goal while it is offline.
async fn link_away(stage: &Stage) -> (Device, GoalId) {
    let away = link_therapist(&stage.phone, stage.plan).await;
    for note in ["a", "b", "c"] {
        log(&stage.phone, stage.plan, stage.walk, note);
    }
    settle(&[&stage.phone, &away]).await;
    let offline = goal(&away, stage.plan, "written offline");
    (away, offline)
}

/// Whoever may write could make the relay destroy what others wrote, and nobody would know who it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_leaves_everything_out_destroys_nothing_and_is_named() {
    let mut stage = Stage::set().await;
    stage.write(5).await;
    settle(&[&stage.phone, &stage.tablet]).await;
    let (space, covered) = (SpaceId(stage.plan.0), stage.stored().len());
    let entry = stage
        .tablet
        .inside(|engine| empty_checkpoint(engine.space(&space).unwrap()));
    let append = AppendRequest {
        space,
        entries: vec![Bytes(entry.into_bytes())],
        attachments: Vec::new(),
        admission: None,
        heals: false,
    };
    let address = stage.relay.url();
    let address = address.trim_start_matches("http://");
    let (status_code, _) = post(address, APPEND_PATH, &codec::encode(&append))
        .await
        .unwrap();
    assert_eq!(status_code, 200);

    settle(&[&stage.phone]).await;
    let held = held(&stage.phone);
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].reason, "checkpoint_missing");
    assert_eq!(held[0].name.as_deref(), Some("Dr. Ada"));
    assert_eq!(held[0].place.seq, covered as u64 + 1);
    assert_eq!(status(&stage.phone, stage.plan).covered, 0);
    assert!(matches!(
        stage.acks()[..],
        [Ack::CheckpointBad(_, CheckpointFault::Missing)]
    ));
    let before = stage.stored().len();
    stage.relay.pass(1_000).await;
    sync(&stage.phone).await.unwrap();
    assert_eq!(stage.stored().len(), before);
    log(&stage.phone, stage.plan, stage.walk, "afterwards");
    settle(&[&stage.phone]).await;
    assert_settled(&stage.phone);
}

/// What a member's other software would make of the whole log so that everything in it is gone.
fn empty_checkpoint(space: &Space) -> Entry {
    let cursor = *space.cursor();
    let membership = space.book().unwrap().membership();
    let counters = space.counters();
    let counter = |own: DeviceNumber| counters.get(usize::from(own.0)).copied().unwrap_or(0);
    let everybody = membership.everybody().iter();
    let public = Checkpoint {
        seq: cursor.seq,
        chain: cursor.chain,
        height: membership.height(),
        counters: everybody.map(|member| counter(member.device)).collect(),
        snapshots: Vec::new(),
        kept: Vec::new(),
    };
    let own = space.device().unwrap();
    let place = (Kind::Checkpoint, own, counter(own));
    forge::entry(space, place, space.signing_key(), |sealed| {
        let private = sealed(&CheckpointPrivate::default().to_text());
        CheckpointBody::assemble(&public, &private).unwrap()
    })
}

/// Words would wait for ever behind something that nobody needs.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_for_a_checkpoint_that_does_not_get_through() {
    let refusal = codec::encode(&RefusalAnswer {
        code: RefusalCode::Unsupported,
        detail: "kind 3".into(),
        nonce: Bytes(vec![1; 24]),
        seqs: Vec::new(),
        head: None,
        membership: Vec::new(),
    });
    let dropped = || Reply::Nothing;
    for (what, reply, is_taken) in [
        ("refused", Reply::Whole(422, refusal), false),
        ("cut off", dropped(), false),
        ("cut off when it was taken", dropped(), true),
    ] {
        let stage = waymark_tests::Stage::set().await;
        settle(&[&stage.phone, &stage.tablet]).await;
        if is_taken {
            stage.liar.lie(|asked, honest| {
                let is_append = asked.path == APPEND_PATH;
                if is_append { Reply::Nothing } else { honest }
            });
        } else {
            stage.liar.answer(APPEND_PATH, reply);
        }
        let tended = stage.phone.client().sync().tend_beyond(0).await;
        assert_eq!(tended.is_ok(), what == "refused", "{what}: {tended:?}");
        stage.liar.be_honest();
        log(&stage.phone, stage.plan, stage.goal, "afterwards");
        settle(&[&stage.phone, &stage.tablet]).await;
        assert_settled(&stage.phone);
        assert_same(stage.plan, &[&stage.phone, &stage.tablet]);
        let kinds = entries(stage.relay.directory()).unwrap().into_iter();
        let kinds = kinds.map(|stored| Entry::parse(stored.bytes).unwrap().header().kind);
        let kinds: Vec<Kind> = kinds.collect();
        // A home may have been cut off too.
        let (snapshots, checkpoints) = (
            count(&kinds, Kind::Snapshot),
            count(&kinds, Kind::Checkpoint),
        );
        assert_eq!((snapshots > 0, checkpoints), (is_taken, 0), "{what}");
        // The next one comes through, and is right.
        stage.phone.client().sync().tend_beyond(0).await.unwrap();
        settle(&[&stage.phone, &stage.tablet]).await;
        assert!(status(&stage.tablet, stage.plan).covered > 0, "{what}");
        assert_eq!(held(&stage.tablet), [], "{what}");
    }
}
