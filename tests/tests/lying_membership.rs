//! A relay that lies about who is in a space: it is refused, by name, and nothing is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_tests::Stage;
use waymark_tests::story::{assert_same, log, meet, notes, sync};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::message::Frame;

fn kind(entry: &[u8]) -> Kind {
    Entry::parse(entry.to_vec()).unwrap().header().kind
}

/// Whoever was removed would be a member again.
#[tokio::test(flavor = "multi_thread")]
async fn a_membership_entry_that_is_shown_again_is_refused() {
    let stage = Stage::set().await;
    for place in [0, 1] {
        stage.liar.show(stage.space(), move |mut log| {
            let mut old = log.iter().filter(|entry| kind(entry) == Kind::Membership);
            let again = old.nth(place).cloned();
            log.push(again.unwrap());
            log
        });
        let error = sync(&stage.tablet).await.unwrap_err();
        assert_eq!(error.code(), "relay_untrusted", "{place}: {error}");
        assert_eq!(notes(&stage.tablet, stage.plan), ["0"]);
    }
    stage.recovers().await;
}

/// A therapist would go on writing under a key that a thief has.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_that_is_hidden_is_noticed() {
    let stage = Stage::set().await;
    stage.phone.client().people().rotate(stage.plan).unwrap();
    sync(&stage.phone).await.unwrap();
    log(&stage.phone, stage.plan, stage.goal, "under the new key");
    sync(&stage.phone).await.unwrap();
    stage.liar.show(stage.space(), |mut log| {
        let last = log
            .iter()
            .rposition(|entry| kind(entry) == Kind::Membership);
        log.remove(last.unwrap());
        log
    });
    stage.refuses("is not of an epoch in force").await;
    stage.liar.be_honest();
    meet(&[&stage.tablet, &stage.phone]).await;
    assert_same(stage.plan, &[&stage.phone, &stage.tablet]);
}

/// A device that believed it would be locked out without knowing why.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_withheld_or_altered_is_named_and_read_when_it_comes() {
    let stage = Stage::set().await;
    stage.phone.client().people().rotate(stage.plan).unwrap();
    sync(&stage.phone).await.unwrap();
    log(&stage.phone, stage.plan, stage.goal, "under the new key");
    sync(&stage.phone).await.unwrap();
    stage.liar.reframe(|frame| match frame {
        Frame::Attachment { space, mut bytes } => {
            let middle = bytes.0.len() / 2;
            bytes.0[middle] ^= 1;
            Frame::Attachment { space, bytes }
        }
        other => other,
    });
    let error = sync(&stage.tablet).await.unwrap_err();
    assert!(error.to_string().contains("does not open"), "{error}");
    assert_eq!(notes(&stage.tablet, stage.plan), ["0"]);
    stage.liar.be_honest();
    meet(&[&stage.tablet, &stage.phone]).await;
    assert_eq!(notes(&stage.tablet, stage.plan).len(), 5);
    assert_same(stage.plan, &[&stage.phone, &stage.tablet]);
}
