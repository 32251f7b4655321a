//! How far a message has come: what a person looks at who waits for an answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_core::client::{Delivery, DeliveryState, MessageView, PlanId};
use waymark_core::model::{
    ActionStep, AgendaItem, Kind, Message, NewSettings, PersonTag, RecordId, Review,
    ReviewDecision, ReviewedGoal, Session, StepStatus,
};
use waymark_tests::story::{assert_same, goal, log, settle, sync};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist};

const HOUR: i64 = 60 * 60 * 1_000;

fn send(device: &Device, plan: PlanId, text: &str) -> RecordId {
    let text = text.into();
    let message = Message { text, about: None };
    device.client().items().add(plan, message).unwrap()
}

fn shown(device: &Device, plan: PlanId) -> Vec<MessageView> {
    let today = device.client().goals().today(plan).unwrap();
    let messages = device.client().messages();
    messages.between(plan, today, today).unwrap()
}

fn delivery(device: &Device, plan: PlanId, id: RecordId) -> Delivery {
    let all = shown(device, plan);
    let mut of_id = all.into_iter().filter(|message| message.id == id);
    of_id.next().unwrap().delivery.unwrap()
}

fn state(device: &Device, plan: PlanId, id: RecordId) -> DeliveryState {
    delivery(device, plan, id).state
}

/// Whether these are exactly the person of this name.
fn is_one(persons: &[PersonTag], device: &Device, plan: PlanId, name: &str) -> bool {
    let [person] = persons else {
        return false;
    };
    let members = device.client().people().members(plan).unwrap();
    let mut of_person = members
        .into_iter()
        .filter(|member| member.person == *person);
    of_person.any(|member| member.name.as_deref() == Some(name))
}

/// A person would believe that words have arrived which are still on the phone, or wait for an answer
/// to words that nobody has.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_queued_then_sent_then_delivered_then_read() {
    let mut relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    settle(&[&phone, &tablet]).await;

    // Without a network it waits, however often somebody tries and opens the app.
    relay.stop().await;
    let id = send(&phone, plan, "It was a hard week");
    assert_eq!(state(&phone, plan, id), DeliveryState::Queued);
    sync(&phone).await.unwrap_err();
    phone.reopen();
    assert_eq!(state(&phone, plan, id), DeliveryState::Queued);

    relay.restart().await;
    settle(&[&phone]).await;
    assert_eq!(state(&phone, plan, id), DeliveryState::Sent);
    // That the tablet has it is known once it says something after it.
    settle(&[&tablet, &phone]).await;
    assert_eq!(state(&phone, plan, id), DeliveryState::Sent);
    let _ = goal(&tablet, plan, "rest");
    settle(&[&tablet, &phone]).await;
    let known = delivery(&phone, plan, id);
    assert_eq!(known.state, DeliveryState::Delivered);
    assert!(is_one(&known.delivered_to, &phone, plan, "Dr. Ada"));
    assert_eq!(known.silent, []);

    assert_eq!(shown(&tablet, plan)[0].delivery, None, "it is the client's");
    tablet.client().messages().mark_read(plan, &[id]).unwrap();
    settle(&[&tablet]).await;
    phone.reopen();
    assert_eq!(state(&phone, plan, id), DeliveryState::Delivered);
    settle(&[&phone]).await;
    assert_eq!(state(&phone, plan, id), DeliveryState::Read);
    let read_by = &shown(&phone, plan)[0].read_by;
    assert!(is_one(read_by, &phone, plan, "Dr. Ada"));
    // Read twice, it is said once.
    tablet.client().messages().mark_read(plan, &[id]).unwrap();
    let said = tablet.client().items().list(plan, Kind::MessagesRead);
    assert_eq!(said.unwrap().len(), 1);

    // Other words under the same message have a way of their own.
    phone.reopen();
    let message = shown(&phone, plan).remove(0);
    let text = "It was a hard week, and it is over".into();
    let changed = Message { text, about: None };
    let items = phone.client().items();
    items.change(plan, id, message.date, changed).unwrap();
    assert_eq!(state(&phone, plan, id), DeliveryState::Queued);
    settle(&[&phone, &tablet]).await;
    assert_eq!(state(&phone, plan, id), DeliveryState::Sent);

    // The client's other phone knows the same of it.
    let second = link_phone(&phone).await;
    settle(&[&phone, &second, &tablet]).await;
    tablet.client().messages().mark_read(plan, &[id]).unwrap();
    settle(&[&phone, &second, &tablet]).await;
    for device in [&phone, &second] {
        assert_eq!(state(device, plan, id), DeliveryState::Read);
    }
    assert_same(plan, &[&phone, &second, &tablet]);
}

/// Somebody would be told on who chose not to be, or their silence be taken for not caring.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_lets_nobody_know_what_they_read_leaves_it_at_delivered() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    let quiet = tablet.client().messages();
    assert!(quiet.sends_receipts(plan).unwrap());
    quiet.send_receipts(plan, false).unwrap();
    assert!(!quiet.sends_receipts(plan).unwrap());
    let id = send(&phone, plan, "Hello");
    settle(&[&phone, &tablet]).await;
    quiet.mark_read(plan, &[id]).unwrap();
    let _ = goal(&tablet, plan, "rest");
    settle(&[&tablet, &phone]).await;
    let known = delivery(&phone, plan, id);
    assert_eq!(known.state, DeliveryState::Delivered);
    assert!(is_one(&known.silent, &phone, plan, "Dr. Ada"));
    let said = phone.client().items().list(plan, Kind::MessagesRead);
    assert!(said.unwrap().is_empty());
    let unknown = quiet.mark_read(plan, &[RecordId([9; 16])]).unwrap_err();
    assert_eq!(unknown.code(), "not_found");

    // Who changes their mind tells of what they read from then on.
    quiet.send_receipts(plan, true).unwrap();
    quiet.mark_read(plan, &[id]).unwrap();
    settle(&[&tablet, &phone]).await;
    assert_eq!(state(&phone, plan, id), DeliveryState::Read);
}

/// What a relay lost would be called sent, as long as it is on its way again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_relay_has_lost_is_sent_once_it_is_in_its_log_again() {
    let mut relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    let walk = goal(&phone, plan, "walk");
    settle(&[&phone, &tablet]).await;
    let backup = relay.backup().await;
    let id = send(&phone, plan, "Hello");
    settle(&[&phone]).await;
    assert_eq!(state(&phone, plan, id), DeliveryState::Sent);
    relay.put_back(backup).await;
    // Others wrote meanwhile: the log goes on otherwise, and what was lost follows.
    let _ = goal(&tablet, plan, "rest");
    settle(&[&tablet]).await;
    log(&phone, plan, walk, "a check-in");
    settle(&[&phone]).await;
    assert_eq!(state(&phone, plan, id), DeliveryState::Sent);
    settle(&[&tablet]).await;
    let _ = goal(&tablet, plan, "read");
    settle(&[&tablet, &phone]).await;
    assert_eq!(state(&phone, plan, id), DeliveryState::Delivered);
    phone.reopen();
    assert_eq!(state(&phone, plan, id), DeliveryState::Delivered);
}

/// A comment on an entry would be lost beside it, or change what the client wrote.
#[tokio::test(flavor = "multi_thread")]
async fn a_comment_stands_beside_what_it_is_about_and_comes_as_far_as_a_message() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    let walk = goal(&phone, plan, "walk");
    let check_in = log(&phone, plan, walk, "hard").record();
    settle(&[&phone, &tablet]).await;
    let today = tablet.client().goals().today(plan).unwrap();
    let messages = tablet.client().messages();
    let day = Some(today);
    let id = messages.comment(plan, check_in, day, "Well done").unwrap();
    let on_goal = messages.comment(plan, walk.record(), None, "Nice").unwrap();
    // What is not there cannot be commented on.
    for (about, date) in [(check_in, None), (walk.record(), day)] {
        let error = messages.comment(plan, about, date, "lost").unwrap_err();
        assert_eq!(error.code(), "not_found");
    }
    let of = |device: &Device, date| {
        let messages = device.client().messages();
        messages.comments(plan, check_in, date).unwrap()
    };
    let queued = of(&tablet, day)[0].delivery.clone().unwrap();
    assert_eq!(queued.state, DeliveryState::Queued);
    settle(&[&tablet, &phone]).await;
    for date in [day, None] {
        let seen = of(&phone, date);
        assert_eq!((seen.len(), seen[0].id), (1, id));
        assert_eq!(seen[0].text, "Well done");
    }
    phone
        .client()
        .messages()
        .mark_read(plan, &[id, on_goal])
        .unwrap();
    settle(&[&phone, &tablet]).await;
    let read = of(&tablet, day)[0].delivery.clone().unwrap();
    assert_eq!(read.state, DeliveryState::Read);
    assert!(shown(&tablet, plan).is_empty(), "it is no message");
    assert_same(plan, &[&phone, &tablet]);
}

/// What was agreed on in a session would be seen by one of both, or be due on the therapist's day.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_prepared_by_both_and_leaves_homework_and_a_date() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    let at_home = NewSettings {
        cut_off_hour: None,
        time_zone: Some("Pacific/Auckland".into()),
        active_limit: None,
    };
    phone.client().goals().set_settings(plan, &at_home).unwrap();
    let walk = goal(&phone, plan, "walk");
    let session = phone
        .client()
        .items()
        .add(plan, Session::default())
        .unwrap();
    settle(&[&phone, &tablet]).await;
    let add = |device: &Device, text: &str| {
        let text = text.into();
        let item = AgendaItem {
            session,
            text,
            is_done: false,
        };
        device.client().items().add(plan, item).unwrap()
    };
    // Both without a network.
    let (own, theirs) = (add(&phone, "My sister"), add(&tablet, "The week"));
    let texts = phone.client().texts();
    let note = texts.create(plan, Some(session), None).unwrap();
    settle(&[&phone, &tablet]).await;
    let splice = |device: &Device, at, words: &str| {
        let texts = device.client().texts();
        texts.splice(plan, note.text, at, 0, words).unwrap();
    };
    splice(&phone, 0, "slept ");
    settle(&[&phone, &tablet]).await;
    splice(&phone, 6, "well");
    splice(&tablet, 0, "She ");
    let step = ActionStep {
        what: "Call her".into(),
        goal: Some(walk),
        status: StepStatus::NotStarted,
        due: None,
        place: None,
        minutes: None,
    };
    let reviews = tablet.client().reviews();
    let step_id = reviews.give_homework(plan, session, &step).unwrap();
    let nowhere = reviews.give_homework(plan, RecordId([9; 16]), &step);
    assert_eq!(nowhere.unwrap_err().code(), "not_found");
    let today = phone.client().goals().today(plan).unwrap();
    let review = Review {
        goals: vec![ReviewedGoal {
            goal: walk,
            rating: Some(7),
            decision: ReviewDecision::Keep,
            note: None,
        }],
        next_due: Some(today),
        session: Some(session),
    };
    let id = tablet.client().items().add(plan, review).unwrap();
    settle(&[&phone, &tablet, &phone]).await;
    for device in [&phone, &tablet] {
        let sessions = device.client().reviews().sessions(plan).unwrap();
        let agenda: Vec<_> = sessions[0].agenda.iter().map(|on| on.id).collect();
        assert_eq!(agenda.len(), 2);
        assert!(agenda.contains(&own) && agenda.contains(&theirs));
        let said = device
            .client()
            .texts()
            .read(plan, sessions[0].notes[0].text);
        assert_eq!(said.unwrap(), "She slept well");
        assert_eq!(sessions[0].homework[0].step_id, step_id);
        let steps = device.client().items().list(plan, Kind::ActionStep);
        assert_eq!(steps.unwrap().len(), 1);
        let due = device.client().reviews().due(plan).unwrap();
        assert_eq!((due.last, due.days_overdue), (Some(id), 0));
        device.client().reviews().list(plan).unwrap();
    }
    assert_same(plan, &[&phone, &tablet]);
    // It is noon in UTC and midnight in Auckland, where a day ends at three. In Amsterdam, where the
    // tablet is, this day goes on for hours.
    let overdue = || reviews.due(plan).unwrap().days_overdue;
    tablet.clock().advance(3 * HOUR - 1);
    assert_eq!(overdue(), 0);
    tablet.clock().advance(1);
    assert_eq!(overdue(), 1);
}
