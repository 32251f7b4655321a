//! Who lost the phone and the recovery phrase starts again from the therapist's copy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_core::client::PlanId;
use waymark_core::engine::Engine;
use waymark_core::gate::{ActorId, DocumentName, OpId};
use waymark_core::model::{
    Author, DocumentKey, GoalView, NewProvenance, NewRevision, NewVerdict, NewWithdrawal,
    PersonTag, Plan, Put, RevisionId, SourceRecord, Stamp, Verdict,
};
use waymark_core::role::Role;
use waymark_tests::story::{assert_same, goal, log, notes, settle};
use waymark_tests::{Device, TestRelay, begin, hand_over, link_therapist};
use waymark_wire::ids::SpaceId;

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// Adds a device that is in another plan to one more.
async fn add(phone: &Device, plan: PlanId, tablet: &Device) {
    let card = tablet.client().people().card("Dr. Ada", "tablet").unwrap();
    phone.client().people().add_therapist(plan, &card).unwrap();
    hand_over(phone, tablet, &card).await;
}

/// The goals, with everybody known by the role alone: a person has another tag in every plan.
fn goals(device: &Device, plan: PlanId) -> Vec<GoalView> {
    let mut goals = device.client().goals().list(plan).unwrap();
    for goal in &mut goals {
        for revision in goal.in_force.iter_mut().chain(&mut goal.proposals) {
            for verdict in &mut revision.verdicts {
                verdict.person = PersonTag([0; 16]);
            }
        }
    }
    goals
}

/// A plan with a year's work would be gone with the phone.
#[tokio::test(flavor = "multi_thread")]
async fn the_old_plan_comes_back_over_the_therapist_with_whose_everything_was() {
    let relay = TestRelay::start().await;
    let (lost, old) = begin(&relay);
    let tablet = link_therapist(&lost, old).await;
    let walk = goal(&lost, old, "walk");
    for day in 0..40 {
        log(&lost, old, walk, &format!("day {day:02}"));
        lost.clock().advance(DAY);
        tablet.clock().advance(DAY);
    }
    settle(&[&lost, &tablet]).await;
    let first = lost.client().goals().get(old, walk).unwrap().in_force;
    let revision = NewRevision {
        goal: walk,
        replaces: vec![first.unwrap().id],
        statement: "walk twice".into(),
        target: None,
        schedule: None,
        effective_from: None,
        rationale: None,
    };
    tablet.client().goals().propose(old, &revision).unwrap();
    let texts = tablet.client().texts();
    let note = texts
        .create(old, Some(walk.record()), Some("first session"))
        .unwrap();
    texts.splice(old, note.text, 0, 0, "It went well.").unwrap();
    settle(&[&lost, &tablet]).await;
    let before = goals(&lost, old);
    let notes_before = notes(&lost, old);
    assert_eq!(notes_before.len(), 40);
    drop(lost);

    // Another identity, another home, another plan.
    let (phone, new) = begin(&relay);
    phone.clock().advance(41 * DAY);
    add(&phone, new, &tablet).await;
    assert_eq!(phone.client().people().offers(new).unwrap(), []);
    tablet.client().people().offer_copy(old, new).unwrap();
    settle(&[&tablet, &phone]).await;
    // Nothing of it counts before the client says so.
    assert_eq!(phone.client().goals().list(new).unwrap(), []);
    assert!(notes(&phone, new).is_empty());
    let offers = phone.client().people().offers(new).unwrap();
    let [offer] = offers.as_slice() else {
        panic!("{offers:?}")
    };
    assert_eq!(
        (offer.name.as_deref(), offer.source, offer.check_ins),
        (Some("Dr. Ada"), Some(old), 40)
    );
    assert_eq!(offer.goals, ["walk"]);
    assert!(offer.missing > 40);

    let came = phone
        .client()
        .people()
        .take_over(new, offer.person)
        .unwrap();
    assert_eq!(came, offer.missing);
    assert_eq!(notes(&phone, new), notes_before);
    assert_eq!(goals(&phone, new), before);
    let texts = phone.client().texts();
    assert_eq!(texts.list(new).unwrap().len(), 1);
    assert_eq!(texts.read(new, note.text).unwrap(), "It went well.");
    settle(&[&phone, &tablet]).await;
    assert_same(new, &[&phone, &tablet]);
    assert_eq!(phone.client().people().offers(new).unwrap()[0].missing, 0);

    // The client's own again: what they wrote is theirs to take back, and the rest is not.
    let first = &phone.client().check_ins().in_month(new, 2026, 5).unwrap()[0];
    let check_ins = phone.client().check_ins();
    let withdrawal = NewWithdrawal {
        records: vec![first.id.record()],
    };
    check_ins.withdraw(new, first.date, &withdrawal).unwrap();
    log(&phone, new, walk, "and on");
    settle(&[&phone, &tablet]).await;
    assert_same(new, &[&phone, &tablet]);
    // A second time there is nothing more to come.
    tablet.client().people().offer_copy(old, new).unwrap();
    let again = phone
        .client()
        .people()
        .take_over(new, offer.person)
        .unwrap();
    assert_eq!(again, 0);
}

/// A therapist could put words into the client's plan, or somebody else's plan be given away.
#[tokio::test(flavor = "multi_thread")]
async fn a_therapist_offers_and_only_the_client_takes() {
    let relay = TestRelay::start().await;
    let (lost, old) = begin(&relay);
    let tablet = link_therapist(&lost, old).await;
    let walk = goal(&lost, old, "walk");
    log(&lost, old, walk, "before");
    settle(&[&lost, &tablet]).await;
    let (phone, new) = begin(&relay);
    add(&phone, new, &tablet).await;
    let people = tablet.client().people();
    assert_eq!(
        people.offer_copy(new, new).unwrap_err().code(),
        "not_allowed"
    );
    let by_client = phone.client().people().offer_copy(new, new);
    assert_eq!(by_client.unwrap_err().code(), "not_allowed");
    people.offer_copy(old, new).unwrap();
    let offer = &people.offers(new).unwrap()[0];
    let taken = people.take_over(new, offer.person);
    assert_eq!(taken.unwrap_err().code(), "not_allowed");
    let nobody = phone.client().people().take_over(new, offer.person);
    assert_eq!(
        nobody.unwrap_err().code(),
        "not_found",
        "it has not come yet"
    );
    settle(&[&tablet, &phone]).await;
    assert!(notes(&phone, new).is_empty() && notes(&tablet, new).is_empty());
}

/// A therapist would have the client agree to what the client never agreed to, and need no asking
/// ever after.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_says_nothing_about_what_is_the_plans_own() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let mut tablet = link_therapist(&phone, plan).await;
    settle(&[&phone, &tablet]).await;
    for device in [&phone, &tablet] {
        device.clock().advance(DAY);
    }
    let walk = goal(&phone, plan, "walk");
    settle(&[&phone, &tablet]).await;
    let first = phone.client().goals().get(plan, walk).unwrap().in_force;
    let wanted = NewRevision {
        goal: walk,
        replaces: vec![first.unwrap().id],
        statement: "run".into(),
        target: None,
        schedule: None,
        effective_from: None,
        rationale: None,
    };
    let open = tablet.client().goals().propose(plan, &wanted).unwrap();
    settle(&[&phone, &tablet]).await;

    let members = phone.client().people().members(plan).unwrap();
    let therapist = members.iter().find(|m| m.rights == "write").unwrap();
    let tag = therapist.person;
    tablet.inside(|engine| forge_an_offer(engine, plan, open));
    settle(&[&tablet, &phone]).await;
    let offers = phone.client().people().offers(plan).unwrap();
    assert_eq!((offers.len(), offers[0].missing), (1, 0), "{offers:?}");
    assert_eq!(phone.client().people().take_over(plan, tag).unwrap(), 0);
    let goal = phone.client().goals().get(plan, walk).unwrap();
    assert_eq!(goal.in_force.unwrap().statement, "walk");
    // The forged say of a therapist for ever came to nothing too.
    phone.client().people().revoke(plan, tag).unwrap();
    settle(&[&phone]).await;
    assert_eq!(phone.client().people().members(plan).unwrap().len(), 2);
}

/// Writes into the offered plan that the client agrees to a revision of the plan itself.
fn forge_an_offer(engine: &mut Engine, plan: PlanId, open: RevisionId) {
    let id = SpaceId(plan.0);
    let (space, store, _) = engine.space_mut(&id).unwrap();
    let stamp = Stamp {
        person: PersonTag([7; 16]),
        role: Role::Client,
        at: chrono::DateTime::from_timestamp_millis(1_777_636_800_000).unwrap(),
        time_zone: "UTC".into(),
    };
    let plan = DocumentName { kind: 1, part: 0 };
    let document = space.document(store, plan).unwrap();
    let records: Vec<_> = document.records().collect();
    let author = Author {
        person: stamp.person,
        role: Role::Client,
    };
    let op = OpId {
        counter: 1,
        actor: ActorId([7; 16]),
    };
    let puts = [Put { op, author }];
    let sources = records.iter().map(|record| SourceRecord {
        id: record.id,
        document: DocumentKey::PLAN,
        puts: &puts,
        bytes: &record.bytes,
    });
    let folded = Plan::fold(sources, None);
    let verdict = NewVerdict {
        revision: open,
        verdict: Verdict::Agree,
        date: None,
    };
    let verdict = verdict.record(&folded, &stamp).unwrap();
    let mut all: Vec<Vec<u8>> = records.iter().map(|r| r.bytes.to_vec()).collect();
    let mut ids: Vec<_> = records.iter().map(|record| record.id).collect();
    all.push(verdict.bytes);
    ids.push(verdict.id);
    let told = NewProvenance {
        source: SpaceId([3; 32]),
        person: stamp.person,
        role: Role::Client,
        records: ids,
        say: Some(
            chrono::NaiveDate::from_ymd_opt(2026, 5, 1).unwrap()
                ..chrono::NaiveDate::from_ymd_opt(9999, 1, 1).unwrap(),
        ),
    };
    let offered = DocumentKey::PLAN.offered().unwrap();
    all.push(told.record(offered, &stamp).unwrap().bytes);
    let name = DocumentName { kind: 9, part: 0 };
    space
        .edit(store, name, |document| {
            let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
            Ok(document.put_records(&all)?.into_iter().collect())
        })
        .unwrap();
}
