//! A device that comes back after the relay has let go of what it would read next.

use waymark_tests::story::{assert_same, assert_settled, goal, log, notes, settle, status, sync};
use waymark_tests::{Device, Reply, link_phone, read_frames};
use waymark_wire::codec;
use waymark_wire::message::{Frame, RefusalCode};

use super::support::{Diary, is_fetch, missing, pull};

/// A diary whose owner's second phone lay in a drawer since before it was published, with unsent words.
async fn drawer() -> (Diary, Device) {
    let mut diary = Diary::new().await;
    let away = link_phone(&diary.phone).await;
    settle(&[&diary.phone, &away, &diary.tablet]).await;
    log(&away, diary.plan, diary.walk, "sent before");
    settle(&[&away, &diary.phone, &diary.tablet]).await;
    log(&away, diary.plan, diary.walk, "unsent");
    let texts = away.client().texts();
    let note = texts.create(diary.plan, None, Some("unsent")).unwrap();
    texts
        .splice(diary.plan, note.text, 0, 0, "Unsent words.")
        .unwrap();
    diary.days(3).await;
    diary.phone.client().people().rotate(diary.plan).unwrap();
    settle(&[&diary.phone, &diary.tablet]).await;
    diary.publish().await;
    diary.days(2).await;
    settle(&[&diary.phone, &diary.tablet]).await;
    diary.relay.pass(31).await;
    (diary, away)
}

/// What lay unsent on it is the one thing that nobody else has.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_from_a_drawer_has_everything_and_loses_nothing() {
    let (diary, mut away) = drawer().await;
    let (phone, tablet, plan) = (&diary.phone, &diary.tablet, diary.plan);
    settle(&[&away, phone, tablet]).await;
    assert_same(plan, &[phone, &away, tablet]);
    let all = notes(tablet, plan);
    assert!(
        all.contains(&"unsent".to_owned()) && all.len() == 16,
        "{all:?}"
    );
    let texts = tablet.client().texts();
    let note = texts.list(plan).unwrap().pop().unwrap();
    assert_eq!(texts.read(plan, note.text).unwrap(), "Unsent words.");
    assert_settled(&away);
    assert!(missing(&mut away, diary.space()) > 15);
    // It is the device that it was.
    let devices = away.client().people().devices().unwrap();
    assert_eq!(devices.len(), 2);
}

/// The relay lets go of it in the middle of an answer.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_while_it_is_read_is_started_over_too() {
    let (diary, away) = drawer().await;
    let (phone, tablet, plan) = (&diary.phone, &diary.tablet, diary.plan);
    let second = link_phone(phone).await;
    settle(&[phone, &second, tablet]).await;
    log(phone, plan, diary.walk, "later");
    sync(phone).await.unwrap();
    let space = diary.space();
    // Pages come, and then it says that the rest is gone: once.
    let is_over = std::sync::atomic::AtomicBool::new(false);
    diary.liar.lie(move |asked, reply| {
        let Reply::Whole(200, body) = &reply else {
            return reply;
        };
        let Some(pull) = pull(asked).filter(|_| !is_fetch(asked)) else {
            return reply;
        };
        let mut spaces = (0..).zip(&pull.spaces);
        let Some((number, _)) = spaces.find(|(_, asked)| asked.proof.space == space) else {
            return reply;
        };
        if is_over.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return reply;
        }
        let is_of = |frame: &Frame| {
            matches!(frame, Frame::Entry { space, .. } | Frame::Own { space, .. }
                | Frame::Attachment { space, .. } | Frame::Page { space, .. }
                | Frame::Checkpoint { space, .. } if *space == number)
        };
        let mut frames = read_frames(body);
        frames.retain(|frame| !is_of(frame));
        let (code, agreed) = (RefusalCode::Dropped, None);
        frames.push(Frame::Refused {
            space: number,
            code,
            agreed,
        });
        Reply::Whole(200, frames.iter().flat_map(codec::encode).collect())
    });
    settle(&[&second, phone, tablet, &away]).await;
    assert_same(plan, &[phone, &second, tablet, &away]);
    assert_settled(&second);
    assert_settled(&away);
}

/// Whoever was removed meanwhile is told no more than ever.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_removed_meanwhile_starts_nowhere() {
    let (diary, away) = drawer().await;
    let devices = diary.phone.client().people().devices().unwrap();
    let lost = devices.iter().find(|device| !device.this_device).unwrap();
    diary
        .phone
        .client()
        .people()
        .remove_device(lost.number)
        .unwrap();
    settle(&[&diary.phone, &diary.tablet]).await;
    let before = notes(&away, diary.plan);
    let refused = sync(&away).await.unwrap_err();
    assert_eq!(refused.code(), "offline", "{refused}");
    assert_eq!(notes(&away, diary.plan), before);
}

/// The battery dies between any two documents, or in the middle of the log.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_cut_off_goes_on_where_it_was() {
    let (diary, mut away) = drawer().await;
    let mut newcomer = link_phone(&diary.phone).await;
    let plan = diary.plan;
    let patience = std::time::Duration::from_millis(1);
    for device in [&mut newcomer, &mut away] {
        let mut rounds = 0;
        loop {
            rounds += 1;
            // Longer each time, so that it comes to an end.
            let client = device.client();
            let synced = tokio::time::timeout(patience * rounds, client.sync().now()).await;
            let is_over = matches!(synced, Ok(Ok(())));
            let shown = status(device, plan);
            device.reopen();
            if is_over && shown.fetching == 0 {
                break;
            }
            assert!(rounds < 400, "it never comes to an end");
        }
    }
    settle(&[&newcomer, &away, &diary.phone, &diary.tablet]).await;
    assert_same(plan, &[&newcomer, &away, &diary.phone, &diary.tablet]);
    assert_eq!(notes(&diary.tablet, plan).len(), 16);
    assert_settled(&away);
    assert_settled(&newcomer);
    let _ = goal(&away, plan, "afterwards");
    settle(&[&away, &diary.phone]).await;
    assert_same(plan, &[&away, &diary.phone]);
}
