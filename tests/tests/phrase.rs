//! A recovery phrase on its way from being drawn to being good: also where the app dies in between,
//! where two phones make one, and where whoever made it is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_core::client::{KeyHolder, RecoveryState, Wanted};
use waymark_core::home;
use waymark_core::membership::SpaceKind;
use waymark_core::recovery::Phrase;
use waymark_core::store::{Table, Transaction};
use waymark_tests::story::{assert_same, goal, log, notes, phrase, settle, sync};
use waymark_tests::{Device, TestRelay, begin, link_phone};

fn state(device: &Device) -> RecoveryState {
    device.client().people().recovery().unwrap()
}

fn refusal(device: &Device, old: Option<&str>) -> &'static str {
    let people = device.client().people();
    people.make_phrase(old).unwrap_err().code()
}

/// How many phrases home has.
fn phrases(device: &Device) -> usize {
    let devices = device.client().people().devices().unwrap();
    let phrases = devices.iter().filter(|d| d.holder == KeyHolder::Phrase);
    phrases.count()
}

/// What a device was told that it cannot do in home, and why.
fn not_done_in_home(device: &Device) -> Vec<(Wanted, String)> {
    let status = device.client().status().unwrap();
    let mut home = status
        .into_iter()
        .filter(|s| s.kind == Some(SpaceKind::Home));
    let not_done = home.next().unwrap().not_done;
    not_done.into_iter().map(|n| (n.wanted, n.reason)).collect()
}

/// These words, and nothing else, bring the plan back.
async fn assert_good(relay: &TestRelay, words: &str, known: &Device) {
    let found = Device::new(relay);
    let people = found.client().people();
    people.restore(words, "Kim", "found").unwrap();
    settle(&[&found]).await;
    let plans = people.plans();
    assert!(!plans.is_empty(), "the words lead to nothing");
    for plan in plans {
        assert_same(plan, &[&found, known]);
    }
}

/// Words that nobody has on paper could only be ended by themselves: the person would go without for
/// ever, and without knowing.
#[tokio::test(flavor = "multi_thread")]
async fn words_become_good_only_once_they_are_on_paper() {
    let relay = TestRelay::start().await;
    let (mut phone, _) = begin(&relay);
    let words = phone.client().people().make_phrase(None).unwrap();
    // The app dies before anybody has seen them, and syncs when it starts.
    phone.reopen();
    settle(&[&phone]).await;
    assert_eq!(
        (state(&phone), phrases(&phone)),
        (RecoveryState::Unconfirmed, 0)
    );
    assert_eq!(refusal(&phone, None), "not_allowed");
    let again = phone.client().people().made_phrase().unwrap();
    assert_eq!(again.unwrap().as_str(), words.as_str());

    phone.client().people().cancel_phrase().unwrap();
    assert_eq!(state(&phone), RecoveryState::None);
    assert_eq!(phone.client().people().made_phrase().unwrap(), None);
    let people = phone.client().people();
    assert_eq!(people.cancel_phrase().unwrap_err().code(), "not_allowed");
    assert_eq!(
        people.confirm_phrase(None).unwrap_err().code(),
        "not_allowed"
    );

    let other = people.make_phrase(None).unwrap();
    assert_ne!(other.as_str(), words.as_str());
    people.confirm_phrase(None).unwrap();
    assert_eq!(
        people.confirm_phrase(None).unwrap_err().code(),
        "not_allowed"
    );
    settle(&[&phone]).await;
    assert_eq!((state(&phone), phrases(&phone)), (RecoveryState::Ready, 1));
    // They stand on the device no longer.
    assert_eq!(phone.client().people().made_phrase().unwrap(), None);
    assert_eq!(
        phone.client().people().cancel_phrase().unwrap_err().code(),
        "not_allowed"
    );
    assert_good(&relay, &other, &phone).await;
}

/// Somebody who loses the paper before the next sync would be stuck with it.
#[tokio::test(flavor = "multi_thread")]
async fn words_that_are_on_paper_are_given_up_as_long_as_no_log_has_them() {
    let relay = TestRelay::start().await;
    let (phone, _) = begin(&relay);
    settle(&[&phone]).await;
    let words = phrase(&phone, None);
    let again = phone.client().people().made_phrase().unwrap();
    assert_eq!(again.unwrap().as_str(), words.as_str());
    phone.client().people().cancel_phrase().unwrap();
    settle(&[&phone]).await;
    assert_eq!((state(&phone), phrases(&phone)), (RecoveryState::None, 0));

    let words = phrase(&phone, None);
    settle(&[&phone]).await;
    // So is a replacement, and the old words hold on.
    let _ = phrase(&phone, Some(&words));
    phone.client().people().cancel_phrase().unwrap();
    settle(&[&phone]).await;
    assert_eq!((state(&phone), phrases(&phone)), (RecoveryState::Ready, 1));
    assert_good(&relay, &words, &phone).await;
}

/// A thief who finds a phone with new words on its screen would own home with them.
#[tokio::test(flavor = "multi_thread")]
async fn the_old_words_are_asked_for_again_when_the_new_ones_are_on_paper() {
    let relay = TestRelay::start().await;
    let (phone, _) = begin(&relay);
    let old = phrase(&phone, None);
    settle(&[&phone]).await;
    let people = phone.client().people();
    let new = people.make_phrase(Some(&old)).unwrap();
    for wrong in [None, Some(new.as_str())] {
        let refused = people.confirm_phrase(wrong).unwrap_err();
        assert_eq!(refused.code(), "not_allowed", "{wrong:?}");
    }
    settle(&[&phone]).await;
    assert_eq!(state(&phone), RecoveryState::Ready, "the old ones hold");
    people.confirm_phrase(Some(&old)).unwrap();
    settle(&[&phone]).await;
    assert_good(&relay, &new, &phone).await;
}

/// The second phone would keep words that never work, say that they are on their way, and never make
/// others.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_phones_that_make_a_phrase_the_second_is_told_and_goes_on() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "one");
    let second = link_phone(&phone).await;
    settle(&[&phone, &second]).await;
    let good = phrase(&phone, None);
    let bad = phrase(&second, None);
    sync(&phone).await.unwrap();
    sync(&second).await.unwrap();
    let told = not_done_in_home(&second);
    assert_eq!(
        told,
        [(Wanted::Phrase, "there is a recovery phrase already".into())]
    );
    settle(&[&phone, &second]).await;
    for device in [&phone, &second] {
        assert_eq!((state(device), phrases(device)), (RecoveryState::Ready, 1));
        assert_eq!(device.client().people().made_phrase().unwrap(), None);
    }
    let thief = Device::new(&relay);
    thief
        .client()
        .people()
        .restore(&bad, "Kim", "thief")
        .unwrap();
    assert!(sync(&thief).await.is_err());
    assert_eq!(thief.client().people().plans(), []);
    assert_good(&relay, &good, &second).await;
    // And it makes another one, with the words that are good.
    assert_eq!(refusal(&second, None), "not_allowed");
    let next = phrase(&second, Some(&good));
    settle(&[&second, &phone]).await;
    assert_eq!(state(&phone), RecoveryState::Ready);
    assert_good(&relay, &next, &phone).await;
}

/// The same where both replace it: the paper with the second words is worth nothing.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_phones_that_replace_the_phrase_the_second_is_told_and_goes_on() {
    let relay = TestRelay::start().await;
    let (phone, _) = begin(&relay);
    let second = link_phone(&phone).await;
    let old = phrase(&phone, None);
    settle(&[&phone, &second]).await;
    let good = phrase(&phone, Some(&old));
    let bad = phrase(&second, Some(&old));
    sync(&phone).await.unwrap();
    sync(&second).await.unwrap();
    settle(&[&phone, &second]).await;
    let told = not_done_in_home(&second);
    assert_eq!(
        told,
        [(Wanted::Phrase, "this phrase is no member any more".into())]
    );
    assert_eq!(
        (state(&second), phrases(&second)),
        (RecoveryState::Ready, 1)
    );
    assert_eq!(second.client().people().made_phrase().unwrap(), None);
    for dead in [&old, &bad] {
        assert_eq!(refusal(&second, Some(dead)), "not_allowed");
    }
    assert_good(&relay, &good, &second).await;
}

/// The other phone would promise that the words suffice, and they would lead nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_phrase_whose_maker_was_lost_before_its_beacon_is_not_called_good() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "one");
    let second = link_phone(&phone).await;
    settle(&[&phone, &second]).await;
    let words = phone.client().people().make_phrase(None).unwrap();
    let made = Phrase::parse(&words).unwrap();
    phone.inside(|engine| {
        assert!(home::made_phrase(engine).unwrap().is_some());
        home::confirm_phrase(engine, None).unwrap();
    });
    // Home gets the phrase; whoever was to put the beacon up is gone.
    phone.with_store(|store| {
        let mut transaction = Transaction::new();
        transaction.delete(Table::Home, b"phrase made".to_vec());
        store.commit(transaction.take()).unwrap();
    });
    settle(&[&phone]).await;
    phone.close();
    settle(&[&second]).await;
    assert_eq!(
        (state(&second), phrases(&second)),
        (RecoveryState::Pending, 1)
    );
    let nobody = Device::new(&relay);
    nobody
        .client()
        .people()
        .restore(&made.text(), "Kim", "x")
        .unwrap();
    assert!(sync(&nobody).await.is_err());
    // The words on paper are good for making others.
    let next = phrase(&second, Some(&words));
    settle(&[&second]).await;
    assert_eq!(state(&second), RecoveryState::Ready);
    assert_good(&relay, &next, &second).await;
    assert_eq!(notes(&second, plan), ["one"]);
}
