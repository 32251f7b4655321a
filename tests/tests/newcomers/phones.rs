//! A new phone, and a new person.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::Datelike;
use waymark_core::client::{Change, PlanId};
use waymark_core::driver::Clock;
use waymark_core::model::DocumentKind;
use waymark_tests::story::{assert_same, assert_settled, goal, log, notes, settle, status, sync};
use waymark_tests::{Device, Heard, Reply, TestRelay, begin, link_phone, link_therapist};
use waymark_wire::ids::SpaceId;

use super::support::{DAY, Diary, is_fetch, missing, publish, pull, watch};

/// A new phone would read years of a log, or find that it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_phone_starts_where_the_relay_still_has_everything() {
    let diary = Diary::dropped().await;
    let (phone, tablet, plan) = (&diary.phone, &diary.tablet, diary.plan);
    let mut second = link_phone(phone).await;
    settle(&[phone, &second, tablet]).await;
    assert_same(plan, &[phone, &second, tablet]);
    assert_eq!(notes(&second, plan).len(), 12);
    assert_settled(&second);
    let shown = status(&second, plan);
    assert_eq!((shown.fetching, shown.unconfirmed), (0, false));
    assert!(missing(&mut second, diary.space()) > 15);
    // It writes, and everybody reads it.
    log(&second, plan, diary.walk, "from the second");
    settle(&[&second, phone, tablet]).await;
    assert_same(plan, &[phone, &second, tablet]);
    assert_eq!(notes(tablet, plan).len(), 13);
}

/// A new device whose day is that of the diary's end.
fn today(diary: &Diary) -> Device {
    let mut device = Device::with_relay(&diary.liar.url());
    let ahead = diary.phone.clock().now().0 - device.clock().now().0;
    device.clock().advance(ahead);
    device.reopen();
    device
}

/// What an app shows at once would come after years that nobody looks at.
#[tokio::test(flavor = "multi_thread")]
async fn the_plan_and_the_current_month_come_first_and_the_oldest_last() {
    let diary = Diary::dropped().await;
    let plan = diary.plan;
    let fetched = watch(&diary.liar);
    let second = today(&diary);
    let heard = Heard::from(&second);
    let card = second.client().people().card("Kim", "second").unwrap();
    diary.phone.client().people().add_own_device(&card).unwrap();
    waymark_tests::hand_over(&diary.phone, &second, &card).await;
    let logs = heard.all().into_iter().filter_map(|change| match change {
        Change::Records {
            plan: of, document, ..
        } if of == plan => document,
        _ => None,
    });
    let mut order: Vec<_> = logs.collect();
    order.dedup();
    order.retain(|key| key.kind == DocumentKind::Log);
    let months: Vec<u32> = order.iter().map(|key| key.part).collect();
    let (year, month) = (2026 * 12, 8);
    assert!(months.is_sorted_by(|one, next| one > next), "{months:?}");
    assert_eq!(months.first(), Some(&(year + month - 1)));
    assert!(months.len() >= 4);
    // What did not change since the first checkpoint is asked for by its id: first the plan alone.
    let fetched = fetched.lock().unwrap();
    let of_plan = fetched.iter().filter(|(space, _)| *space == diary.space());
    let counts: Vec<usize> = of_plan.map(|(_, ids)| ids.len()).collect();
    assert_eq!(counts, [1, 2]);
    assert_same(plan, &[&diary.phone, &second]);
}

/// Whoever is offline in the middle of it could not say how today was.
#[tokio::test(flavor = "multi_thread")]
async fn today_can_be_logged_while_older_months_are_still_to_come() {
    let mut diary = Diary::dropped().await;
    let (plan, walk) = (diary.plan, diary.walk);
    // The plan still comes, and nothing after it.
    let (asked_for, space) = (AtomicUsize::new(0), diary.space());
    diary.liar.lie(move |asked, reply| {
        if !is_fetch(asked) || pull(asked).unwrap().spaces[0].proof.space != space {
            return reply;
        }
        match asked_for.fetch_add(1, Ordering::Relaxed) {
            0 => reply,
            _ => Reply::Nothing,
        }
    });
    let mut second = today(&diary);
    let card = second.client().people().card("Kim", "second").unwrap();
    diary.phone.client().people().add_own_device(&card).unwrap();
    sync(&diary.phone).await.unwrap();
    let welcome = diary.phone.client().people().welcome(&card).unwrap();
    second.client().people().accept(&welcome.unwrap()).unwrap();
    for _ in 0..3 {
        assert_eq!(sync(&second).await.unwrap_err().code(), "offline");
    }
    let shown = status(&second, plan);
    assert!(shown.fetching > 0 && shown.ready, "{shown:?}");
    // The app ends and starts; today is here, and can be written in.
    second.reopen();
    let today = log(&second, plan, walk, "today, offline");
    let read = second.client().check_ins();
    let date = read.months(plan).unwrap().pop().unwrap();
    let month = read.in_month(plan, date.year(), date.month()).unwrap();
    assert!(month.iter().any(|check_in| check_in.id == today));
    // A month that has not come says so, and is not shown as empty.
    let early = read.in_month(plan, 2026, 5).unwrap_err();
    assert_eq!(early.code(), "offline", "{early}");
    assert!(early.to_string().contains("on its way"), "{early}");

    diary.liar.be_honest();
    diary.days(0).await;
    settle(&[&second, &diary.phone, &diary.tablet]).await;
    assert_same(plan, &[&diary.phone, &second, &diary.tablet]);
    assert_eq!(notes(&diary.tablet, plan).len(), 13);
    assert_settled(&second);
}

/// A therapist who joins after years would have an empty plan before them.
#[tokio::test(flavor = "multi_thread")]
async fn a_therapist_who_comes_later_reads_the_plan_from_its_beginning() {
    let diary = Diary::dropped().await;
    let (phone, tablet, plan) = (&diary.phone, &diary.tablet, diary.plan);
    let mut other = link_therapist(phone, plan).await;
    settle(&[phone, tablet, &other]).await;
    assert_same(plan, &[phone, tablet, &other]);
    assert_eq!(notes(&other, plan).len(), 12);
    assert!(missing(&mut other, diary.space()) > 15);
    assert_settled(&other);
    let members = other.client().people().members(plan).unwrap();
    assert!(members.iter().all(|member| member.name.is_some()));
}

/// A person alone has nobody to confirm a checkpoint, and changes phones all the same.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_alone_needs_nobodys_word() {
    let mut relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    for _ in 0..4 {
        log(&phone, plan, walk, &phone.clock().now().0.to_string());
        sync(&phone).await.unwrap();
        phone.clock().advance(20 * DAY);
    }
    publish(&phone).await;
    relay.pass(31).await;
    let mut second = link_phone(&phone).await;
    settle(&[&phone, &second]).await;
    assert_same(plan, &[&phone, &second]);
    assert!(missing(&mut second, SpaceId(plan.0)) > 0);
    assert!(!status(&second, plan).unconfirmed);
    assert_settled(&second);
    // A phone that is erased and linked anew is one like any other.
    let directory = second.directory().to_owned();
    second.close();
    std::fs::remove_dir_all(&directory).unwrap();
    std::fs::create_dir(&directory).unwrap();
    second.reopen();
    let card = second.client().people().card("Kim", "again").unwrap();
    phone.client().people().add_own_device(&card).unwrap();
    waymark_tests::hand_over(&phone, &second, &card).await;
    settle(&[&phone, &second]).await;
    assert_same(plan, &[&phone, &second]);
    assert_eq!(notes(&second, plan).len(), 4);
}

/// Where the relay has let go of the log because nobody said anything for months, the client's word is
/// all there is; a newcomer has to be able to see that.
#[tokio::test(flavor = "multi_thread")]
async fn what_rests_on_one_persons_word_is_shown_as_that() {
    let mut diary = Diary::new().await;
    publish(&diary.phone).await;
    diary.relay.pass(121).await;
    let second = link_phone(&diary.phone).await;
    settle(&[&diary.phone, &second]).await;
    let plan: PlanId = diary.plan;
    assert_same(plan, &[&diary.phone, &second]);
    assert!(status(&second, plan).unconfirmed);
    assert_settled(&second);
}
