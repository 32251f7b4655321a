//! Two versions of the app in one plan. What a newer one writes, today's does not know: it keeps that,
//! says that it is there, and takes nothing of it away when it changes what it does know.
//!
//! The newer app is played by a phone of today on which records are put below the facade.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use chrono::NaiveDate;
use minicbor::Encoder;
use waymark_core::client::PlanId;
use waymark_core::model::{
    Content, DocumentKey, Habit, HabitPlace, ItemView, Kind, Reason, RecordId,
};
use waymark_tests::forge::put_record;
use waymark_tests::story::{assert_same, assert_settled, goal, log, meet, notes};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist};

/// What only the newer app says.
const NEWER: &str = "of a newer app";
/// A kind that no version has yet.
const UNKNOWN: u16 = 60_000;
/// 2026-05-01 12:00 UTC, and that day.
const NOON: i64 = 1_777_636_800_000;
const DAY: i32 = 20_574;

/// A habit with a field that today's app does not know.
fn habit() -> Vec<u8> {
    item(Kind::Habit.number(), |fields| {
        let fields = fields.map(4).unwrap();
        fields.u8(0).unwrap().str("Stretch").unwrap();
        fields.u8(3).unwrap().str("the news").unwrap();
        fields.u8(4).unwrap().u8(1).unwrap();
        fields.u8(200).unwrap().str(NEWER).unwrap();
    })
}

/// The same of what stands in the log of a month: practice of four minutes.
fn practice() -> Vec<u8> {
    let mut bytes = item(Kind::Reading.number(), |fields| {
        let fields = fields.map(3).unwrap();
        fields.u8(0).unwrap().u8(2).unwrap();
        fields.u8(9).unwrap().u8(4).unwrap();
        fields.u8(200).unwrap().str(NEWER).unwrap();
    });
    // One more key: the day.
    bytes[0] += 1;
    let mut encoder = Encoder::new(bytes);
    encoder.u8(5).unwrap().map(3).unwrap();
    encoder.u8(0).unwrap().i32(DAY).unwrap();
    encoder.u8(1).unwrap().str("Europe/Amsterdam").unwrap();
    encoder.u8(2).unwrap().u8(120).unwrap();
    encoder.into_writer()
}

/// A record of a kind that today's app does not know.
fn unknown() -> Vec<u8> {
    item(UNKNOWN, |fields| {
        let fields = fields.map(1).unwrap();
        fields.u8(0).unwrap().str(NEWER).unwrap();
    })
}

/// A win of a sort that today's app does not know.
fn unknown_code() -> Vec<u8> {
    item(Kind::Win.number(), |fields| {
        let fields = fields.map(2).unwrap();
        fields.u8(0).unwrap().str(NEWER).unwrap();
        fields.u8(1).unwrap().u8(99).unwrap();
    })
}

fn item(kind: u16, fields: impl FnOnce(&mut Encoder<Vec<u8>>)) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder.map(3).unwrap();
    encoder.u8(0).unwrap().u16(kind).unwrap();
    encoder.u8(1).unwrap().i64(NOON).unwrap();
    encoder.u8(2).unwrap();
    fields(&mut encoder);
    encoder.into_writer()
}

/// How many records of a device hold what only the newer app says.
fn newer(device: &Device, plan: PlanId) -> usize {
    let records = device.client().export_records(plan).unwrap();
    let says = |bytes: &&Vec<u8>| {
        bytes
            .windows(NEWER.len())
            .any(|part| part == NEWER.as_bytes())
    };
    records.iter().filter(says).count()
}

/// The only item of a kind.
fn only(device: &Device, plan: PlanId, kind: Kind) -> ItemView {
    let mut items = device.client().items().list(plan, kind).unwrap();
    assert_eq!(items.len(), 1, "{kind:?}: {items:?}");
    items.pop().unwrap()
}

/// The kinds of what is left out because a newer app is needed.
fn waits_for_newer_app(device: &Device, plan: PlanId) -> Vec<Option<u16>> {
    let left_out = device.client().goals().view(plan).unwrap().left_out;
    let left_out = left_out.into_iter();
    let mut kinds: Vec<_> = left_out
        .filter(|left| left.reason == Reason::NeedsNewerApp)
        .map(|left| left.kind)
        .collect();
    kinds.sort_unstable();
    kinds
}

/// Whoever updated the phone first would lose what it wrote to the tablet that was not updated, with
/// the next word that is changed there; and the older app would not say why something is missing.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_app_writes_survives_the_edits_of_older_ones() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    let second = link_phone(&phone).await;
    let tablet = link_therapist(&phone, plan).await;
    let month = DocumentKey::log(NaiveDate::from_epoch_days(DAY).unwrap()).unwrap();
    for bytes in [habit(), unknown(), unknown_code()] {
        put_record(&mut phone, plan, DocumentKey::PLAN, &bytes);
    }
    put_record(&mut phone, plan, month, &practice());
    let stretch = RecordId::of(&habit());
    let waiting = [Some(Kind::Win.number()), Some(UNKNOWN)];
    meet(&[&phone, &second, &tablet]).await;

    // Everybody has all of it, sees what they can read, and is told of the rest.
    for device in [&phone, &second, &tablet] {
        assert_eq!(newer(device, plan), 4);
        assert_eq!(waits_for_newer_app(device, plan), waiting);
        for kind in [Kind::Habit, Kind::Reading] {
            assert!(only(device, plan, kind).needs_newer_app, "{kind:?}");
        }
        assert_eq!(device.client().items().list(plan, Kind::Win).unwrap(), []);
    }
    assert_same(plan, &[&phone, &second, &tablet]);

    // The older apps change what they know of it, and go on beside it.
    let shorter = Habit {
        text: "Stretch for a minute".into(),
        goal: Some(walk),
        anchor: None,
        cue: Some("the news".into()),
        place: HabitPlace::Before,
        minutes: Some(1),
    };
    let items = tablet.client().items();
    items.change(plan, stretch, None, shorter.clone()).unwrap();
    let read = only(&second, plan, Kind::Reading);
    let Content::AReading(mut reading) = read.content.clone() else {
        panic!("{read:?}");
    };
    reading.note = Some("on the train".into());
    let items = second.client().items();
    items.change(plan, read.id, read.date, reading).unwrap();
    log(&second, plan, walk, "as every day");
    meet(&[&tablet, &second, &phone]).await;

    // The newer one has all that it said, under what the others said; and so has a device that comes
    // only now.
    let newcomer = link_therapist(&phone, plan).await;
    meet(&[&phone, &newcomer, &tablet, &second]).await;
    let mut tablet = tablet;
    tablet.reopen();
    for device in [&phone, &second, &tablet, &newcomer] {
        assert_eq!(newer(device, plan), 6, "each change says it once more");
        let habit = only(device, plan, Kind::Habit);
        assert!(habit.needs_newer_app && habit.others.is_empty());
        assert_eq!(habit.content, shorter.clone().into());
        assert!(only(device, plan, Kind::Reading).needs_newer_app);
        assert_eq!(waits_for_newer_app(device, plan), waiting);
        assert_eq!(notes(device, plan), ["as every day"]);
        assert_settled(device);
    }
    assert_same(plan, &[&phone, &second, &tablet, &newcomer]);
}

/// Two devices of one person that stop one timer, each offline, would both have practised.
#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_two_devices_stop_offline_counts_once() {
    use waymark_core::model::TimerStart;
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let sit = goal(&phone, plan, "sit");
    let second = link_phone(&phone).await;
    let timer = TimerStart {
        goal: Some(sit),
        practice: None,
    };
    let timer = phone.client().practice().start(plan, timer).unwrap();
    meet(&[&phone, &second]).await;
    for (device, minutes) in [(&phone, 11), (&second, 12)] {
        let running = device.client().practice().running(plan).unwrap();
        assert_eq!(running.len(), 1);
        device.clock().advance(i64::from(minutes) * 60_000);
        device.client().practice().stop(plan, timer, None).unwrap();
    }
    meet(&[&phone, &second]).await;
    let day = NaiveDate::from_epoch_days(DAY).unwrap();
    for device in [&phone, &second] {
        let practice = device.client().practice();
        assert_eq!(practice.running(plan).unwrap(), []);
        let days = practice.days(plan, Some(sit), day, day).unwrap();
        let days: Vec<_> = days.iter().map(|day| (day.minutes, day.entries)).collect();
        assert_eq!(days, [(12.0, 1)]);
        let judged = device.client().check_ins().days(plan, sit, day, day);
        assert_eq!(judged.unwrap()[0].quantity, Some(12.0));
    }
    assert_same(plan, &[&phone, &second]);
}
