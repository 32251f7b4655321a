//! A relay that lies about its logs: every lie is refused by name, nothing of it is applied, local
//! work goes on, and with an honest relay everything converges.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_core::crypto::{MembershipKeys, SeededEntropy};
use waymark_core::membership::{KeySet, NewMember, Signer, Steps};
use waymark_core::role::Role;
use waymark_server::inspect::entries;
use waymark_tests::story::{
    assert_same, assert_settled, goal, log, meet, notes, readers, status, sync,
};
use waymark_tests::{Device, Reply, Stage, forge, post};
use waymark_wire::codec;
use waymark_wire::ids::{DeviceNumber, PersonTag, SpaceId};
use waymark_wire::membership::Rights;
use waymark_wire::message::{APPEND_PATH, AppendRequest};
use waymark_wire::signature::SigningKey;

/// The last entries of the log are the phone's three check-ins.
fn from_end(log: &[Vec<u8>], back: usize) -> usize {
    log.len() - back
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_left_out_is_noticed() {
    let stage = Stage::set().await;
    stage.liar.show(stage.space(), |mut log| {
        log.remove(from_end(&log, 2));
        log
    });
    stage.refuses("leaves out or repeats").await;
    stage.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_in_another_order_and_twice_are_noticed() {
    let stage = Stage::set().await;
    stage.liar.show(stage.space(), |mut log| {
        let at = from_end(&log, 2);
        log.swap(at, at + 1);
        log
    });
    stage.refuses("leaves out or repeats").await;
    stage.liar.show(stage.space(), |mut log| {
        log.push(log[from_end(&log, 1)].clone());
        log
    });
    stage.refuses("leaves out or repeats").await;
    stage.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_is_refused_with_place_and_signer_wherever_it_is() {
    let stage = Stage::set().await;
    // In the ciphertext, in the salt, in what it says it had seen, in the signature.
    for at in [60, 40, 20, 380] {
        stage.liar.show(stage.space(), move |mut log| {
            let place = from_end(&log, 3);
            log[place][at] ^= 1;
            log
        });
        stage.refuses("device 0 did not sign it").await;
    }
    stage.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_another_space_is_refused() {
    let stage = Stage::set().await;
    let other = stage.phone.client().people().create_plan().unwrap();
    let away = goal(&stage.phone, other, "away");
    log(&stage.phone, other, away, "elsewhere");
    stage.phone.client().sync().now().await.unwrap();
    let all = entries(stage.relay.directory()).unwrap();
    let mut foreign = all.into_iter().filter(|e| e.space == SpaceId(other.0));
    let foreign = foreign.next_back().unwrap().bytes;
    stage.liar.show(stage.space(), move |mut log| {
        log.push(foreign.clone());
        log
    });
    stage.refuses("did not sign it").await;
    stage.recovers().await;
}

/// Somebody who knows the epoch key (the operator of a member's old phone) is still no member.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_signed_is_refused_batch_or_membership() {
    let mut stage = Stage::set().await;
    let space = stage.space();
    let stranger = MembershipKeys::generate(&mut SeededEntropy::new([9; 32]));
    let seed = stranger.to_bytes()[..32].try_into().unwrap();
    let signing = SigningKey::from_seed(&seed).unwrap();
    let forged = stage.tablet.inside(|engine| {
        let (space, _, entropy) = engine.space_mut(&space).unwrap();
        let number = space.device().unwrap();
        let as_tablet = forge::batch(space, number, 0, &signing, b"x");
        let as_phone = forge::batch(space, DeviceNumber(0), 9, &signing, b"x");
        let as_nobody = forge::batch(space, DeviceNumber(7), 0, &signing, b"x");
        // The phone's number, without the phone's key.
        let signer = Signer {
            device: DeviceNumber(0),
            keys: &stranger,
            counter: 9,
            seen: space.cursor().position(),
        };
        let member = NewMember {
            person: PersonTag([8; 16]),
            keys: KeySet::of(&stranger).unwrap(),
            rights: Rights::ADMIN,
            role: Role::Client,
            name: "Mallory".into(),
            device_name: "laptop".into(),
            level: 1,
            since: 20_574,
            used_as: None,
        };
        let steps = Steps {
            add: vec![member],
            ..Steps::default()
        };
        let book = space.book().unwrap();
        let added = book.draft(&steps, signer, &|_| None, entropy).unwrap();
        [as_tablet, as_phone, as_nobody, added.entry]
    });
    let words = [
        "did not sign it",
        "device 0 did not sign it",
        "device 7 did not sign it",
        "device 0 did not sign it",
    ];
    for (forged, words) in forged.into_iter().zip(words) {
        let bytes = forged.into_bytes();
        // Neither does the relay take it, for that matter.
        let refused = append(&stage, &bytes).await;
        assert!((400..500).contains(&refused), "{refused}");
        stage.liar.show(space, move |mut log| {
            log.push(bytes.clone());
            log
        });
        stage.refuses(words).await;
        assert_eq!(readers(&stage.tablet, stage.plan).len(), 2);
    }
    stage.recovers().await;
}

async fn append(stage: &Stage, entry: &[u8]) -> u16 {
    let request = AppendRequest {
        space: stage.space(),
        entries: vec![codec::Bytes(entry.to_vec())],
        attachments: Vec::new(),
        admission: None,
        heals: false,
    };
    let body = codec::encode(&request);
    let answer = post(stage.liar.honest(), APPEND_PATH, &body).await;
    answer.unwrap().0
}

/// A check-in would be marked as stored that exists on the phone alone.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_relay_took_and_does_not_show_is_not_done_and_is_sent_again() {
    let stage = Stage::set().await;
    log(&stage.phone, stage.plan, stage.goal, "hidden");
    // It tells everybody the log as it was.
    let true_log = entries(stage.relay.directory()).unwrap();
    let length = true_log.iter().filter(|e| e.space == stage.space()).count();
    stage.liar.show(stage.space(), move |mut log| {
        log.truncate(length);
        log
    });
    let error = sync(&stage.phone).await.unwrap_err();
    assert!(error.to_string().contains("less than it took"), "{error}");
    assert_eq!(status(&stage.phone, stage.plan).on_the_way, 1);
    // It takes it, forgets it, and shows somebody else's in its place.
    stage.liar.show(stage.space(), move |mut log| {
        log.truncate(length);
        log.push(log[0].clone());
        log
    });
    let error = sync(&stage.phone).await.unwrap_err();
    assert_eq!(error.code(), "relay_untrusted", "{error}");
    assert_eq!(status(&stage.phone, stage.plan).on_the_way, 1);
    stage.liar.be_honest();
    meet(&[&stage.phone, &stage.tablet]).await;
    assert!(notes(&stage.tablet, stage.plan).contains(&"hidden".into()));
    stage.liar.be_honest();
    assert_settled(&stage.phone);
}

/// A relay that goes on saying "another entry came first" would have the phone ask for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_is_a_lie_ends_the_sync() {
    let stage = Stage::set().await;
    log(&stage.phone, stage.plan, stage.goal, "unsent");
    for code in [4, 3] {
        // {0: code, 1: "", 2: a nonce}
        let refusal = vec![0xa3, 0, code, 1, 0x60, 2, 0x41, 0];
        stage.liar.answer(APPEND_PATH, Reply::Whole(409, refusal));
        let error = sync(&stage.phone).await.unwrap_err();
        assert_eq!(error.code(), "relay_untrusted", "{error}");
    }
    stage.liar.be_honest();
    meet(&[&stage.phone, &stage.tablet]).await;
    assert!(notes(&stage.tablet, stage.plan).contains(&"unsent".into()));
}

/// The therapist's new tablet would show an old plan and call it the newest.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_ends_before_the_welcome_or_is_another_space_is_refused() {
    let stage = Stage::set().await;
    for lie in ["it shows less than the welcome says", "another space's"] {
        let late = Device::with_relay(&stage.liar.url());
        let card = late.client().people().card("Dr. Eve", "late").unwrap();
        let people = stage.phone.client().people();
        people.add_therapist(stage.plan, &card).unwrap();
        stage.phone.client().sync().now().await.unwrap();
        let welcome = people.welcome(&card).unwrap().unwrap();
        late.client().people().accept(&welcome).unwrap();
        let home = entries(stage.relay.directory()).unwrap();
        let home: Vec<_> = home
            .into_iter()
            .filter(|e| e.space != stage.space())
            .collect();
        let another = lie.starts_with("another");
        stage.liar.show(stage.space(), move |mut log| {
            if another {
                return home.iter().map(|entry| entry.bytes.clone()).collect();
            }
            log.truncate(3);
            log
        });
        let error = sync(&late).await.unwrap_err();
        assert_eq!(error.code(), "relay_untrusted", "{error}");
        assert!(error.to_string().contains(lie), "{error}");
        stage.liar.be_honest();
        sync(&late).await.unwrap();
        assert_same(stage.plan, &[&stage.phone, &late]);
    }
    stage.recovers().await;
}
