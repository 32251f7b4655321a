//! Checkpoints that people's devices bring into the log, and a relay that lets go of what they cover.

use std::sync::{Arc, Mutex};

use waymark_core::client::PlanId;
use waymark_core::model::GoalId;
use waymark_tests::story::{goal, log, notes, settle};
use waymark_tests::{Asked, Device, Liar, Reply, TestRelay, begin_at, link_therapist};
use waymark_wire::codec;
use waymark_wire::ids::{EntryId, SpaceId};
use waymark_wire::limits;
use waymark_wire::message::{PULL_PATH, PullRequest};

/// A day, in milliseconds.
pub(super) const DAY: i64 = 24 * 60 * 60 * 1_000;

/// A client and a therapist, with a diary over months, of which the relay has let go up to a checkpoint.
pub(super) struct Diary {
    pub(super) relay: TestRelay,
    /// What the devices take for the relay.
    pub(super) liar: Liar,
    pub(super) phone: Device,
    pub(super) tablet: Device,
    pub(super) plan: PlanId,
    pub(super) walk: GoalId,
}

impl Diary {
    /// One that the relay has whole.
    pub(super) async fn new() -> Self {
        let relay = TestRelay::start().await;
        let liar = Liar::before(&relay).await;
        let (phone, plan) = begin_at(&liar.url());
        let walk = goal(&phone, plan, "walk");
        let tablet = link_therapist(&phone, plan).await;
        let mut diary = Self {
            relay,
            liar,
            phone,
            tablet,
            plan,
            walk,
        };
        diary.days(9).await;
        settle(&[&diary.phone, &diary.tablet]).await;
        diary
    }

    /// One of which the relay has let go up to the second of two checkpoints.
    pub(super) async fn dropped() -> Self {
        let mut diary = Self::new().await;
        diary.publish().await;
        diary.days(3).await;
        diary.publish().await;
        diary.relay.pass(31).await;
        diary
    }

    /// So many check-ins, each ten days after the one before, each in an entry of its own.
    pub(super) async fn days(&mut self, count: u32) {
        for _ in 0..count {
            let day = notes(&self.phone, self.plan).len();
            log(&self.phone, self.plan, self.walk, &format!("day {day}"));
            self.phone.client().sync().now().await.unwrap();
            self.phone.clock().advance(10 * DAY);
            self.tablet.clock().advance(10 * DAY);
        }
    }

    /// The phone publishes a checkpoint of every space, and the tablet says what it finds.
    pub(super) async fn publish(&mut self) {
        publish(&self.phone).await;
        settle(&[&self.phone, &self.tablet]).await;
    }

    pub(super) const fn space(&self) -> SpaceId {
        SpaceId(self.plan.0)
    }
}

/// Has a device bring a checkpoint into the log of every space in which anything was written.
pub(super) async fn publish(device: &Device) {
    device.client().sync().tend_beyond(0).await.unwrap();
}

/// How many entries of a space's log a device has never kept, or let go of.
pub(super) fn missing(device: &mut Device, space: SpaceId) -> u64 {
    device.inside(|engine| {
        let (space, store, _) = engine.space_mut(&space).unwrap();
        space.cursor().seq - space.entries(store).unwrap().len() as u64
    })
}

/// The ids that were asked for, request by request.
pub(super) type Fetched = Arc<Mutex<Vec<(SpaceId, Vec<EntryId>)>>>;

/// The pull that was asked for.
pub(super) fn pull(asked: &Asked) -> Option<PullRequest> {
    let is_pull = asked.path == PULL_PATH;
    is_pull.then(|| codec::decode(&asked.body, limits::PULL_BODY).unwrap())
}

/// Whether entries are asked for by their ids.
pub(super) fn is_fetch(asked: &Asked) -> bool {
    pull(asked).is_some_and(|pull| pull.spaces.iter().any(|space| !space.ids.is_empty()))
}

/// Notes what is asked for by ids, and passes it on.
pub(super) fn watch(liar: &Liar) -> Fetched {
    let fetched = Fetched::default();
    let seen = Arc::clone(&fetched);
    liar.lie(move |asked: &Asked, reply: Reply| {
        for space in pull(asked).into_iter().flat_map(|pull| pull.spaces) {
            if !space.ids.is_empty() {
                seen.lock().unwrap().push((space.proof.space, space.ids));
            }
        }
        reply
    });
    fetched
}
