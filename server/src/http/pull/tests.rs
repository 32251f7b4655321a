use std::sync::Mutex;

use tokio::sync::watch;
use waymark_wire::ids::{AttachmentHash, EntryId, Generation};
use waymark_wire::membership::Membership;
use waymark_wire::message::RefusalAnswer;
use waymark_wire::signature::SigningKey;

use super::*;
use crate::bus::LocalBus;
use crate::config::Limits;
use crate::log::{Append, AppendOutcome, Day, Fetched, SqliteLog, Start, Usage, Writing};
use crate::testing::{Change, Space};

/// A log in which something is appended just before the next page is read.
struct Racing {
    log: SqliteLog,
    first: Mutex<Option<Append>>,
}

impl Log for Racing {
    async fn append(&self, append: Append) -> Result<AppendOutcome, LogError> {
        self.log.append(append).await
    }

    async fn page(&self, space: SpaceId, after: u64) -> Result<Page, LogError> {
        let first = self.first.lock().unwrap().take();
        if let Some(first) = first {
            assert_eq!(self.log.append(first).await?.refused, None);
        }
        self.log.page(space, after).await
    }

    async fn agreed(
        &self,
        space: SpaceId,
        places: Vec<Position>,
    ) -> Result<Option<Position>, LogError> {
        self.log.agreed(space, places).await
    }

    async fn membership(&self, space: SpaceId) -> Result<Option<Arc<Membership>>, LogError> {
        self.log.membership(space).await
    }

    async fn attachments(
        &self,
        space: SpaceId,
        hashes: Vec<AttachmentHash>,
    ) -> Result<Vec<Vec<u8>>, LogError> {
        self.log.attachments(space, hashes).await
    }

    async fn usage(&self, space: SpaceId) -> Result<Option<Usage>, LogError> {
        self.log.usage(space).await
    }

    async fn start(&self, space: SpaceId) -> Result<Option<Start>, LogError> {
        self.log.start(space).await
    }

    async fn members(&self, space: SpaceId, after: u64, until: u64) -> Result<Page, LogError> {
        self.log.members(space, after, until).await
    }

    async fn entries(&self, space: SpaceId, ids: Vec<EntryId>) -> Result<Fetched, LogError> {
        self.log.entries(space, ids).await
    }

    async fn drop_due(&self, now: i64) -> Result<bool, LogError> {
        self.log.drop_due(now).await
    }

    async fn touch(&self, space: SpaceId, day: Day) -> Result<(), LogError> {
        self.log.touch(space, day).await
    }

    async fn runs(&self, today: Day) -> Result<(), LogError> {
        self.log.runs(today).await
    }

    async fn retire(&self, today: Day, since: Day) -> Result<bool, LogError> {
        self.log.retire(today, since).await
    }

    async fn set_wake(
        &self,
        space: SpaceId,
        device: DeviceNumber,
        token: Option<Vec<u8>>,
    ) -> Result<(), LogError> {
        self.log.set_wake(space, device, token).await
    }

    async fn wakes(&self, space: SpaceId) -> Result<Vec<(DeviceNumber, Vec<u8>)>, LogError> {
        self.log.wakes(space).await
    }

    fn generation(&self, space: &SpaceId) -> Generation {
        self.log.generation(space)
    }

    async fn size(&self) -> Result<u64, LogError> {
        self.log.size().await
    }

    fn writing(&self) -> &Writing {
        self.log.writing()
    }

    async fn health(&self) -> Result<(), LogError> {
        self.log.health().await
    }

    async fn close(&self) {
        self.log.close().await;
    }
}

/// Who is being removed could otherwise see in the very page that was being read who did it, and
/// the seal of what comes after.
#[tokio::test]
async fn a_removal_that_comes_before_the_page_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let log = SqliteLog::open(directory.path(), Generation([1; 16]), 16).unwrap();
    let mut space = Space::found(1);
    let (addition, key) = space.add(0, 1, Rights::WRITE);
    for change in [&space.founding, &addition] {
        let taken = log.append(request(&space, change)).await.unwrap();
        assert_eq!(taken.refused, None);
    }
    let second = space.accept(0, &addition, key);
    let removal = space.remove(0, second);
    let removal = request(&space, &removal);
    let node = node(log, Limits::default());
    let reader = |by: usize| Reader {
        space: space.id,
        device: space.devices[by].number,
        writes: true,
        whole: false,
    };
    let read = async |by| page(&node, 0, reader(by), 0, true).await;
    let (_, before) = read(second).await.ok().flatten().unwrap();
    assert_eq!(before.head, 2);
    *node.log.first.lock().unwrap() = Some(removal);
    let refused = read(second).await.err().unwrap();
    assert_eq!(refused.code, RefusalCode::NotFound);
    let (_, after) = read(0).await.ok().flatten().unwrap();
    assert_eq!(after.head, 3);
}

/// Whoever floods from somewhere is told when to come back, whatever is asked, and nobody else is.
#[tokio::test]
async fn an_address_may_ask_so_often() {
    let directory = tempfile::tempdir().unwrap();
    let log = SqliteLog::open(directory.path(), Generation([1; 16]), 16).unwrap();
    let mut limits = Limits::default();
    limits.rates.address = Some(1);
    let node = Arc::new(node(log, limits));
    let ask = async |address: &str| {
        let caller = node.rates.caller(address.parse().unwrap());
        let body = codec::encode(&PullRequest::default());
        let request = Request::new(Body::from(body));
        pull(
            State(node.clone()),
            ConnectInfo(InFlight::of(caller)),
            request,
        )
        .await
    };
    let mut granted = 0;
    let refused = loop {
        let answer = ask("192.0.2.1").await;
        if answer.status() != 200 {
            break answer;
        }
        granted += 1;
    };
    assert_eq!(refused.status(), 429);
    // Ten at once, and as many as seconds may have gone by.
    assert!((10..=20).contains(&granted), "{granted}");
    let after = refused.headers()["retry-after"].to_str().unwrap();
    assert_eq!(after, "1");
    let body = axum::body::to_bytes(refused.into_body(), 1_000)
        .await
        .unwrap();
    let refusal: RefusalAnswer = codec::decode(&body, 1_000).unwrap();
    assert_eq!(refusal.code, RefusalCode::TooOften);
    assert_eq!(ask("192.0.2.2").await.status(), 200);
}

fn node(log: SqliteLog, limits: Limits) -> Node<Racing, LocalBus> {
    // Whoever holds the other end may stop it, and nobody does.
    let (_, stopping) = watch::channel(false);
    let first = Mutex::new(None);
    Node::new(
        (Racing { log, first }, LocalBus::default()),
        (limits, None),
        SigningKey::from_seed(&[1; 32]).unwrap(),
        &[2; 32],
        stopping,
    )
}

fn request(space: &Space, change: &Change) -> Append {
    Append {
        heals: false,
        space: space.id,
        entries: vec![change.entry.clone()],
        attachments: change.attachments.clone(),
        may_create: true,
        terms: crate::log::Terms::default(),
        now: 0,
    }
}
