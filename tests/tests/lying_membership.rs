//! A relay that lies about who is in a space: it is refused, by name, and nothing is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_core::client::{MembershipChange, PlanId, WaymarkError};
use waymark_server::inspect;
use waymark_tests::forge::addition;
use waymark_tests::story::{
    assert_same, assert_settled, goal, log, meet, notes, readers, status, sync,
};
use waymark_tests::{Stage, hand_over, link_therapist};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::DeviceNumber;
use waymark_wire::membership::{AGREEMENT_KEY, Add, Core, Op};
use waymark_wire::message::Frame;
use waymark_wire::signature::VerifyingKey;

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

/// A device that believed it would be locked out until the next rotation, without knowing why.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_withheld_or_altered_is_named_and_asked_for() {
    let stage = Stage::set().await;
    stage.phone.client().people().rotate(stage.plan).unwrap();
    sync(&stage.phone).await.unwrap();
    log(&stage.phone, stage.plan, stage.goal, "under the new key");
    sync(&stage.phone).await.unwrap();
    let spoil = |frame| match frame {
        Frame::Attachment { space, mut bytes } => {
            let middle = bytes.0.len() / 2;
            bytes.0[middle] ^= 1;
            Frame::Attachment { space, bytes }
        }
        other => other,
    };
    stage.liar.reframe(spoil);
    let error = sync(&stage.tablet).await.unwrap_err();
    assert!(error.to_string().contains("does not open"), "{error}");
    let detail = status(&stage.tablet, stage.plan).problem_detail;
    assert!(detail.unwrap().contains("does not open"));
    // What is older is read, and what is written waits.
    assert_eq!(notes(&stage.tablet, stage.plan), ["0", "1", "2", "3"]);
    let texts = stage.tablet.client().texts();
    texts.create(stage.plan, None, Some("waits")).unwrap();
    assert_eq!(acks(&stage), 1);

    // The phone hands the key out once more, and the relay spoils that too: it is asked again.
    sync(&stage.phone).await.unwrap();
    let handed_out = handed_out(&stage);
    assert_eq!(handed_out, 1);
    let error = sync(&stage.tablet).await.unwrap_err();
    assert!(error.to_string().contains("does not open"), "{error}");
    stage.liar.be_honest();
    meet(&[&stage.tablet, &stage.phone]).await;
    assert_eq!(notes(&stage.tablet, stage.plan).len(), 5);
    assert_same(stage.plan, &[&stage.phone, &stage.tablet]);
    for device in [&stage.phone, &stage.tablet] {
        assert_settled(device);
    }
    assert_eq!(acks(&stage), 1);
}

/// How many acks the relay has.
fn acks(stage: &Stage) -> usize {
    let stored = inspect::entries(stage.relay.directory()).unwrap();
    let of = |entry: &&inspect::StoredEntry| entry.space == stage.space();
    let acks = stored.iter().filter(of);
    acks.filter(|entry| kind(&entry.bytes) == Kind::Ack).count()
}

/// How often the plan's key was handed out once more, as people are told.
fn handed_out(stage: &Stage) -> usize {
    let history = stage.phone.client().people().history(stage.plan).unwrap();
    let mut changes = history.iter().flat_map(|step| &step.changes);
    let is_handed =
        |change: &&MembershipChange| matches!(change, MembershipChange::KeyHandedOut { .. });
    changes.by_ref().filter(is_handed).count()
}

/// Whoever hears of it from a person can do it by hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_handed_out_by_number() {
    let stage = Stage::set().await;
    let people = stage.phone.client().people();
    let members = people.members(stage.plan).unwrap();
    let own = members.iter().find(|member| member.this_device).unwrap();
    let other = readers(&stage.phone, stage.plan);
    let other = other.iter().find(|member| !member.this_device).unwrap();
    let refused = people.hand_key(stage.plan, own.number).unwrap_err();
    assert_eq!(refused.code(), "not_allowed");
    let refused = people.hand_key(stage.plan, 999).unwrap_err();
    assert_eq!(refused.code(), "not_found");
    people.hand_key(stage.plan, other.number).unwrap();
    meet(&[&stage.phone, &stage.tablet]).await;
    assert_eq!(handed_out(&stage), 1);
    assert_same(stage.plan, &[&stage.phone, &stage.tablet]);
}

/// A new key is sealed to everybody's agreement key. Where the relay left one out, what a device wrote
/// would otherwise wait behind a change that it cannot make, and the change for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_withheld_agreement_key_is_named_and_holds_up_no_batch() {
    let stage = Stage::set().await;
    let desk = link_therapist(&stage.phone, stage.plan).await;
    let withhold = || {
        stage.liar.reframe(|frame| match frame {
            Frame::Attachment { space, mut bytes } if bytes.0.len() == AGREEMENT_KEY => {
                bytes.0[0] ^= 1;
                Frame::Attachment { space, bytes }
            }
            other => other,
        });
    };
    withhold();
    sync(&stage.tablet).await.unwrap();

    stage.tablet.client().people().rotate(stage.plan).unwrap();
    for text in ["first", "second"] {
        let texts = stage.tablet.client().texts();
        texts.create(stage.plan, None, Some(text)).unwrap();
        withhold();
        let error = sync(&stage.tablet).await.unwrap_err();
        stage.liar.be_honest();
        assert_eq!(error.code(), "relay_untrusted");
        assert!(error.to_string().contains("agreement key of"), "{error}");
        let stands = status(&stage.tablet, stage.plan);
        assert_eq!(stands.problem.as_deref(), Some("relay_untrusted"));
        assert_eq!((stands.unsent, stands.on_the_way), (0, 0));
        meet(&[&stage.phone, &desk]).await;
        assert_same(stage.plan, &[&stage.phone, &stage.tablet, &desk]);
    }
    // The others change the key, and it follows.
    stage.phone.client().people().rotate(stage.plan).unwrap();
    sync(&stage.phone).await.unwrap();
    log(&stage.phone, stage.plan, stage.goal, "under the new key");
    sync(&stage.phone).await.unwrap();
    withhold();
    sync(&stage.tablet).await.unwrap_err();
    stage.liar.be_honest();
    assert_eq!(notes(&stage.tablet, stage.plan).len(), 5);
    assert_same(stage.plan, &[&stage.phone, &stage.tablet]);
    // Once the relay shows it, the change is made.
    sync(&stage.tablet).await.unwrap();
    assert_eq!(status(&stage.tablet, stage.plan).problem, None);
    meet(&[&stage.phone, &desk]).await;
    assert_same(stage.plan, &[&stage.phone, &stage.tablet, &desk]);
}

/// A second plan of the same two people, with a check-in that the therapist has not seen.
async fn other_plan(stage: &Stage) -> PlanId {
    let people = stage.phone.client().people();
    let other = people.create_plan().unwrap();
    let card = stage.tablet.client().people().card("Dr. Ada", "tablet");
    let card = card.unwrap();
    people.add_therapist(other, &card).unwrap();
    hand_over(&stage.phone, &stage.tablet, &card).await;
    let sleep = goal(&stage.phone, other, "sleep");
    log(&stage.phone, other, sleep, "there");
    sync(&stage.phone).await.unwrap();
    other
}

/// The tablet and what is shown to it: the true log, and an entry behind it that the client's phone
/// signed.
async fn with_forged(
    stage: &mut Stage,
    change: impl FnOnce(&mut Core),
) -> Result<(), WaymarkError> {
    let id = stage.space();
    let forged = stage.phone.inside(|engine| {
        let (space, store, _) = engine.space_mut(&id).unwrap();
        addition(space, store, change)
    });
    stage.liar.show(id, move |mut log| {
        log.push(forged.bytes().to_vec());
        log
    });
    sync(&stage.tablet).await
}

fn added(core: &mut Core) -> &mut Add {
    match core.ops.as_mut_slice() {
        [Op::Add(add)] => add,
        other => panic!("not one addition: {other:?}"),
    }
}

/// With such keys anybody signs as that device, or one device's words are another's. A client's own
/// phone that was taken over, or is broken, makes them, and the relay hands them on.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_small_order_and_taken_numbers_are_refused_by_name_and_the_rest_goes_on() {
    let mut stage = Stage::set().await;
    sync(&stage.tablet).await.unwrap();
    let other = other_plan(&stage).await;
    let known = readers(&stage.tablet, stage.plan);
    let own = known
        .iter()
        .find(|member| member.this_device)
        .unwrap()
        .number;
    type Forge = Box<dyn FnOnce(&mut Core)>;
    let small_order = |key: [u8; 32]| -> Forge {
        Box::new(move |core| added(core).signing_key = VerifyingKey(key))
    };
    let mut identity = [0; 32];
    identity[0] = 1;
    let renumbered = |number: u16| -> Forge {
        Box::new(move |core| {
            added(core).device = DeviceNumber(number);
            core.keys[0].device = DeviceNumber(number);
        })
    };
    let lies: [(Forge, &str); 5] = [
        (small_order([0; 32]), "small order"),
        (small_order(identity), "small order"),
        (renumbered(own), "was added where"),
        (renumbered(0), "was added where"),
        (renumbered(40), "was added where"),
    ];
    for (forge, words) in lies {
        let error = with_forged(&mut stage, forge).await.unwrap_err();
        assert_eq!(error.code(), "relay_untrusted", "{error}");
        assert!(error.to_string().contains(words), "{error}");
        let stands = status(&stage.tablet, stage.plan);
        assert_eq!(stands.problem.as_deref(), Some("relay_untrusted"));
        assert!(stands.problem_detail.unwrap().contains(words));
        assert_eq!(readers(&stage.tablet, stage.plan).len(), known.len());
        assert_eq!(notes(&stage.tablet, stage.plan), ["0", "1", "2", "3"]);
        // Other plans at the same relay go on.
        assert_eq!(notes(&stage.tablet, other), ["there"]);
        assert_eq!(status(&stage.tablet, other).problem, None);
    }
    stage.recovers().await;
}

/// The same entry without the lie is believed: it is refused above for what was changed in it alone.
#[tokio::test(flavor = "multi_thread")]
async fn an_addition_as_it_should_be_is_believed() {
    let mut stage = Stage::set().await;
    sync(&stage.tablet).await.unwrap();
    let before = readers(&stage.tablet, stage.plan).len();
    with_forged(&mut stage, |core| {
        added(core);
    })
    .await
    .unwrap();
    assert_eq!(readers(&stage.tablet, stage.plan).len(), before + 1);
}
