//! A relay that tells two stories: it is caught with its own signatures, said once, and everything goes
//! on; one that was restored and says so is not accused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::time::sleep;
use waymark_core::client::{Change, ForkEvidence};
use waymark_core::driver::Clock as _;
use waymark_server::inspect::entries;
use waymark_tests::story::{assert_same, log, meet, notes, status, sync};
use waymark_tests::{Device, Heard, Reply, Stage, fixture, until};
use waymark_wire::message::{APPEND_PATH, PULL_PATH};

/// The therapist writes a note that only the relay knows.
async fn write_note(stage: &Stage, text: &str) {
    let texts = stage.tablet.client().texts();
    let note = texts.create(stage.plan, None, Some(text)).unwrap();
    texts.splice(stage.plan, note.text, 0, 0, text).unwrap();
    sync(&stage.tablet).await.unwrap();
}

fn titles(stage: &Stage, device: &Device) -> Vec<String> {
    let notes = device.client().texts().list(stage.plan).unwrap();
    notes.into_iter().filter_map(|note| note.title).collect()
}

fn evidence(device: &Device) -> Vec<ForkEvidence> {
    device.client().sync().evidence().unwrap()
}

fn alarms(stage: &Stage, heard: &Heard) -> usize {
    let plan = stage.plan;
    let told = heard.all();
    let told = told
        .iter()
        .filter(|change| **change == Change::Forked { plan });
    told.count()
}

/// The relay takes the phone's entry behind the therapist's, says so, and shows both the other way
/// round.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_forks_is_caught_once_and_the_proof_stands_alone() {
    let mut stage = Stage::set().await;
    meet(&[&stage.phone, &stage.tablet]).await;
    write_note(&stage, "first").await;
    let space = stage.space();
    let all = entries(stage.relay.directory()).unwrap();
    let known = all.iter().filter(|entry| entry.space == space).count();
    stage.liar.show(space, move |mut log| {
        if log.len() == known {
            log.pop();
        } else {
            log.swap(known - 1, known);
        }
        log
    });
    let heard = Heard::from(&stage.phone);
    log(&stage.phone, stage.plan, stage.goal, "4");
    sync(&stage.phone).await.unwrap();
    until("an alarm", || alarms(&stage, &heard) == 1).await;
    // What it shows is merged all the same.
    assert_eq!(titles(&stage, &stage.phone), ["first"]);
    assert!(notes(&stage.phone, stage.plan).contains(&"4".into()));

    let kept = evidence(&stage.phone);
    assert_eq!(kept.len(), 1);
    assert_eq!(status(&stage.phone, stage.plan).evidence, 1);
    assert_eq!(kept[0].plan, Some(stage.plan));
    assert_eq!(kept[0].relay, Some(stage.liar.url()));
    let noticed = kept[0].noticed.unwrap().timestamp_millis();
    let ago = stage.phone.clock().now().0 - noticed;
    assert!(ago.abs() < 3_600_000, "by the device's own clock");
    // Somebody else, with nothing but the bytes.
    let bytes = kept[0].proof.clone();
    let checked = ForkEvidence::check(&bytes).unwrap();
    assert_eq!(checked.seq, u64::try_from(known).unwrap() + 1);
    assert_eq!(
        checked.relay_key,
        stage.liar.key().verifying_key().to_string()
    );
    assert_eq!(checked.space, space.to_string());
    assert_ne!(checked.one, checked.other);
    for place in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[place] ^= 1;
        let refused = ForkEvidence::check(&altered).unwrap_err();
        assert_eq!(refused.code(), "invalid_input", "{place}");
    }

    // The lie goes on, and so does the phone; it is not said again, also not after a start.
    for note in ["5", "6"] {
        log(&stage.phone, stage.plan, stage.goal, note);
        sync(&stage.phone).await.unwrap();
        assert_eq!(alarms(&stage, &heard), 1);
        stage.phone.reopen();
    }
    assert_eq!(status(&stage.phone, stage.plan).on_the_way, 0);
    assert_eq!(evidence(&stage.phone), kept);
    assert!(evidence(&stage.tablet).is_empty());
}

/// When the phone hears that its entry is taken.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Word {
    /// Before its question for the log fails.
    AtOnce,
    /// After that.
    Late,
}

/// The phone hears that its entry is taken; then the relay is as it was before that, and somebody else
/// writes in that place.
async fn goes_on_from_a_backup(says_so: bool, word: Word) -> (Stage, Arc<Heard>) {
    let mut stage = Stage::set().await;
    meet(&[&stage.phone, &stage.tablet]).await;
    stage.relay.stop().await;
    let backup = fixture::copy_of(stage.relay.directory());
    stage.relay.restart().await;
    let taken = AtomicBool::new(false);
    let failed = AtomicUsize::new(0);
    stage.liar.lie(move |asked, reply| {
        if asked.path == APPEND_PATH && taken.swap(true, Ordering::SeqCst) {
            // It is sent again while the log is asked for; the word of it comes after that failed.
            let before = failed.load(Ordering::SeqCst);
            for _ in 0..100 {
                if failed.load(Ordering::SeqCst) > before {
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
            thread::sleep(Duration::from_millis(50));
        }
        if asked.path == PULL_PATH && taken.load(Ordering::SeqCst) {
            failed.fetch_add(1, Ordering::SeqCst);
            return Reply::Nothing;
        }
        reply
    });
    let heard = Heard::from(&stage.phone);
    log(&stage.phone, stage.plan, stage.goal, "4");
    sync(&stage.phone).await.unwrap_err();
    if word == Word::Late {
        sync(&stage.phone).await.unwrap_err();
        sleep(Duration::from_millis(200)).await;
    }

    stage.relay.stop().await;
    for file in fs::read_dir(stage.relay.directory()).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    for file in fs::read_dir(backup.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), stage.relay.directory().join(file.file_name())).unwrap();
    }
    if says_so {
        waymark_server::restore(stage.relay.directory()).unwrap();
    }
    stage.relay.restart().await;
    stage.liar.be_honest();
    write_note(&stage, "meanwhile").await;
    if !says_so && let Err(error) = sync(&stage.phone).await {
        // Where the word came last, it is a lie that ends the sync which finds it.
        assert_eq!(error.code(), "relay_untrusted", "{error}");
    }
    meet(&[&stage.phone, &stage.tablet]).await;
    // Either way nothing is lost.
    assert_same(stage.plan, &[&stage.phone, &stage.tablet]);
    assert_eq!(notes(&stage.tablet, stage.plan), ["0", "1", "2", "3", "4"]);
    assert_eq!(titles(&stage, &stage.phone), ["meanwhile"]);
    (stage, heard)
}

/// An operator who did what is to be done after a loss would otherwise stand there as a liar.
#[tokio::test(flavor = "multi_thread")]
async fn an_honest_restore_leaves_no_evidence() {
    for word in [Word::AtOnce, Word::Late] {
        let (stage, heard) = goes_on_from_a_backup(true, word).await;
        assert!(evidence(&stage.phone).is_empty());
        assert_eq!(alarms(&stage, &heard), 0);
    }
}

/// The same without a word about it is what a relay does that tells two stories.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_kept_secret_is_a_fork() {
    for word in [Word::AtOnce, Word::Late] {
        let (stage, heard) = goes_on_from_a_backup(false, word).await;
        until("an alarm", || alarms(&stage, &heard) == 1).await;
        let kept = evidence(&stage.phone);
        assert_eq!(kept.len(), 1);
        assert!(ForkEvidence::check(&kept[0].proof).is_ok());
        assert!(evidence(&stage.tablet).is_empty());
    }
}
