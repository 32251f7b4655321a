//! What a member with the right keys and bad intentions sends: refused with a reason in little time
//! and memory, kept with the signer's number, and everything else goes on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::fs;
use std::time::Instant;

use waymark_core::client::PlanId;
use waymark_core::gate::Section;
use waymark_core::model::GoalId;
use waymark_tests::hostile::{inputs, send_instead};
use waymark_tests::story::{assert_settled, goal, log, meet, notes, status, sync};
use waymark_tests::{Device, TestRelay, begin, forge, link_therapist};
use waymark_wire::ids::SpaceId;

/// 31 days: the next check-in is in the log of the next month.
const MONTH: i64 = 31 * 86_400_000;

/// One person's broken or hostile app would otherwise end the plan for everybody.
#[tokio::test(flavor = "multi_thread")]
async fn batches_that_kill_automerge_are_held_with_their_signer_and_the_rest_goes_on() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let goal = goal(&phone, plan, "walk");
    let tablet = link_therapist(&phone, plan).await;
    let inputs = inputs();
    for (number, (name, bytes)) in (1..).zip(&inputs) {
        log(&phone, plan, goal, name);
        send_instead(&mut phone, plan, bytes).await;
        let before = (Instant::now(), memory());
        sync(&tablet).await.unwrap();
        // A second is no promise of ours, but the difference between refusing and reading.
        assert!(before.0.elapsed().as_secs() < 5, "{name}");
        let grown = memory().saturating_sub(before.1);
        assert!(grown < 64 * 1024, "{name}: {grown} KiB");
        assert_eq!(status(&tablet, plan).held, number, "{name}");
        assert_eq!(status(&tablet, plan).problem, None);
    }
    let diagnostics = tablet.client().diagnostics().unwrap();
    assert_eq!(diagnostics.held.len(), inputs.len());
    for held in &diagnostics.held {
        assert!(held.contains("device 0"), "{held}");
        let reason = held.rsplit(", ").next().unwrap();
        assert!(
            ["malformed", "overflow", "too_large"].contains(&reason),
            "{held}"
        );
    }

    let last = diagnostics.held.last().unwrap();
    assert!(last.ends_with("too_large"), "the bomb is none: {last}");

    // What follows in that month waits for what was replaced; other documents go on.
    log(&phone, plan, goal, "this month");
    sync(&phone).await.unwrap();
    sync(&tablet).await.unwrap();
    assert!(notes(&tablet, plan).is_empty());
    assert_eq!(status(&tablet, plan).waiting, 1);
    goes_on(&phone, &tablet, plan, goal).await;
}

/// KiB that the process holds.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}

/// The phone's honest edits of other documents arrive, and the tablet's own everywhere.
async fn goes_on(phone: &Device, tablet: &Device, plan: PlanId, goal: GoalId) {
    phone.clock().advance(MONTH);
    log(phone, plan, goal, "next month");
    let texts = tablet.client().texts();
    let note = texts.create(plan, None, Some("session")).unwrap();
    meet(&[phone, tablet]).await;
    assert_eq!(notes(tablet, plan), ["next month"]);
    let texts = phone.client().texts().list(plan).unwrap();
    assert!(texts.iter().any(|view| view.text == note.text));
    assert_settled(phone);
    assert_settled(tablet);
}

/// A section that is well-formed but does not say what its signer did: nothing of it is applied, and
/// what waits behind it says so after a restart, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_section_whose_hash_is_wrong_is_held_alone_and_later_ones_wait() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let goal = goal(&phone, plan, "walk");
    let mut tablet = link_therapist(&phone, plan).await;
    log(&phone, plan, goal, "first");
    sync(&phone).await.unwrap();
    log(&phone, plan, goal, "second");
    phone.inside(|engine| {
        let (space, store, entropy) = engine.space_mut(&SpaceId(plan.0)).unwrap();
        assert!(space.seal(store, entropy).unwrap());
        let key = waymark_core::model::DocumentKey::log(
            chrono::NaiveDate::from_ymd_opt(2026, 5, 1).unwrap(),
        )
        .unwrap();
        let name = waymark_core::gate::DocumentName {
            kind: u16::from(key.kind.code()),
            part: key.part,
        };
        let author = space.actor();
        // Another record under the same sequence number, with the wrong hash at its end.
        let mut other = waymark_core::gate::Document::new(author);
        let made = ["x", "y"].map(|record| {
            let made = other.put_record(record.as_bytes()).unwrap();
            made.unwrap().stored
        });
        let section = Section::build(name, &made[1..]).unwrap();
        let mut raw = section.raw().to_vec();
        let end = raw.len() - 1;
        raw[end] ^= 1;
        forge::replace_newest(space, store, &[&[0][..], &raw].concat());
    });
    log(&phone, plan, goal, "third");
    sync(&phone).await.unwrap();
    sync(&tablet).await.unwrap();
    assert_eq!(notes(&tablet, plan), ["first"]);
    for _ in 0..2 {
        let status = status(&tablet, plan);
        assert_eq!((status.held, status.waiting), (1, 1));
        let diagnostics = tablet.client().diagnostics().unwrap();
        assert!(diagnostics.held[0].ends_with("hash_mismatch"));
        tablet.reopen();
    }
    phone.clock().advance(MONTH);
    log(&phone, plan, goal, "next month");
    meet(&[&phone, &tablet]).await;
    assert_eq!(notes(&tablet, plan), ["first", "next month"]);
}
