//! Reading what others wrote: a reader that was away, and a device that is new. Beside them plain
//! Automerge, in memory: no network, no disk, no keys.

use std::time::Duration;

use automerge::{ActorId, Automerge};
use tokio::runtime::Runtime;
use waymark_core::client::PlanId;
use waymark_tests::{Device, TestRelay, link_therapist};

use crate::Effort;
use crate::bare;
use crate::diary::Diary;
use crate::phone::shown;
use crate::proxy::Proxy;
use crate::report::Row;
use crate::rounds::{in_turn, median, timed};

const WRITTEN: usize = 1_000;
const HISTORY: usize = 10_000;
const BATCH: usize = 100;

pub(crate) fn a_reader_catches_up(effort: Effort) -> Vec<Row> {
    let runtime = Runtime::new().expect("a runtime");
    let relay = runtime.block_on(TestRelay::start());
    let mut writer = Writer::begin(&relay.url());
    let tablet = runtime.block_on(link_therapist(&writer.phone, writer.plan));

    let mut parts = (Vec::new(), Vec::new());
    let mut shows = 0;
    let ours = || {
        writer.log(WRITTEN);
        shows += WRITTEN;
        let (pushed, ()) = timed(|| sync(&runtime, &writer.phone));
        let (read, ()) = timed(|| sync(&runtime, &tablet));
        assert_eq!(shown(tablet.client(), writer.plan), shows, "all are there");
        parts.0.push(pushed);
        parts.1.push(read);
        pushed + read
    };
    let mut plain = Plain::new();
    let pair = in_turn(effort.of(11, 2), ours, || plain.round(WRITTEN).0);
    let plain_bytes = plain.round(WRITTEN).1;

    let proxy = Proxy::to(&relay.url());
    let mut counted = Writer::begin(&proxy.url());
    let reader = runtime.block_on(link_therapist(&counted.phone, counted.plan));
    counted.log(WRITTEN);
    proxy.take();
    sync(&runtime, &counted.phone);
    let pushed = proxy.take().both();
    sync(&runtime, &reader);
    let read = proxy.take().both();

    let both = format!(
        "1,000 written offline: pushed and caught up ({} + {})",
        crate::report::time(median(parts.0)),
        crate::report::time(median(parts.1))
    );
    let most = Duration::from_millis(40);
    vec![
        Row::at_most(&both, pair.ours, Some(pair.baseline), most),
        Row::bytes(
            "  bytes pushed, both ways",
            pushed,
            Some(plain_bytes),
            75_000,
        ),
        Row::bytes(
            "  bytes caught up, both ways",
            read,
            Some(plain_bytes),
            75_000,
        ),
    ]
}

pub(crate) fn a_newcomer_reads_everything(effort: Effort) -> Vec<Row> {
    let runtime = Runtime::new().expect("a runtime");
    let relay = runtime.block_on(TestRelay::start());
    let count = effort.of(HISTORY, 1_000);
    let writer = Writer::with_history(&runtime, &relay.url(), count);
    let ours = || {
        let newcomer = welcome(&runtime, &writer, &relay.url());
        let (read, ()) = timed(|| sync(&runtime, &newcomer));
        assert_eq!(
            shown(newcomer.client(), writer.plan),
            count,
            "all are there"
        );
        read
    };
    let baseline = || Plain::new().round(count).0;
    let pair = in_turn(effort.of(7, 2), ours, baseline);
    let plain_bytes = Plain::new().round(count).1;

    let proxy = Proxy::to(&relay.url());
    let counted = Writer::with_history(&runtime, &proxy.url(), count);
    let newcomer = welcome(&runtime, &counted, &proxy.url());
    proxy.take();
    sync(&runtime, &newcomer);
    let read = proxy.take().both();

    let measure = format!("a new device with {count} in batches of {BATCH}");
    let most = Duration::from_millis(250);
    vec![
        Row::at_most(&measure, pair.ours, Some(pair.baseline), most),
        Row::bytes("  bytes, both ways", read, Some(plain_bytes), 800_000),
    ]
}

/// A phone whose user writes ten check-ins a day.
pub(crate) struct Writer {
    pub(crate) phone: Device,
    pub(crate) plan: PlanId,
    diary: Diary,
}

impl Writer {
    fn begin(url: &str) -> Self {
        let phone = Device::with_relay(url);
        let people = phone.client().people();
        people.begin("Kim", "phone").expect("begins");
        let plan = people.create_plan().expect("a plan");
        let diary = Diary::begin(phone.client(), plan);
        Self { phone, plan, diary }
    }

    pub(crate) fn with_history(runtime: &Runtime, url: &str, count: usize) -> Self {
        let mut writer = Self::begin(url);
        for _ in 0..count / BATCH {
            writer.log(BATCH);
            sync(runtime, &writer.phone);
        }
        writer
    }

    fn log(&mut self, count: usize) {
        for _ in 0..count {
            let check_in = self.diary.next();
            let logged = self.phone.client().check_ins().log(self.plan, &check_in);
            logged.expect("logged");
            self.phone.clock().advance(self.diary.pause());
        }
    }
}

/// A therapist's new tablet that was welcomed and has read nothing yet.
pub(crate) fn welcome(runtime: &Runtime, writer: &Writer, url: &str) -> Device {
    let tablet = Device::with_relay(url);
    let card = tablet.client().people().card("Dr. Ada", "tablet");
    let card = card.expect("a card");
    let people = writer.phone.client().people();
    people.add_therapist(writer.plan, &card).expect("wanted");
    sync(runtime, &writer.phone);
    let welcome = people.welcome(&card).expect("a card");
    let welcome = welcome.expect("it is in the log");
    tablet.client().people().accept(&welcome).expect("accepted");
    tablet
}

pub(crate) fn sync(runtime: &Runtime, device: &Device) {
    let synced = runtime.block_on(device.client().sync().now());
    synced.expect("synced");
}

/// Two copies of a document of plain Automerge, with records of the size that check-ins have.
struct Plain {
    writer: Automerge,
    reader: Automerge,
    noise: u64,
}

impl Plain {
    fn new() -> Self {
        Self {
            writer: Automerge::new().with_actor(ActorId::from([1; 16])),
            reader: Automerge::new().with_actor(ActorId::from([2; 16])),
            noise: 1,
        }
    }

    /// Writes records, and lets the reader have them: how long that takes, and how many bytes.
    fn round(&mut self, count: usize) -> (Duration, u64) {
        let before = self.writer.get_heads();
        for _ in 0..count {
            self.noise += 1;
            let digest = ring::digest::digest(&ring::digest::SHA256, &self.noise.to_be_bytes());
            bare::put(&mut self.writer, &digest.as_ref().repeat(5));
        }
        let (time, bytes) = timed(|| {
            let bytes = self.writer.save_after(&before);
            let loaded = self.reader.load_incremental(&bytes);
            loaded.expect("it loads");
            bytes
        });
        (time, u64::try_from(bytes.len()).unwrap_or(u64::MAX))
    }
}
