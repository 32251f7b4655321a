//! Every flow of people, devices and keys, in every order of who is online when: a table of flows and a
//! table of turns, with one end for all of them.
//!
//! - [`flows`]: what is begun, and what a person does who looks at a device.
//! - [`turns`]: who has a network when.
//! - [`end`]: the same members everywhere, everybody listed opens the newest word and nobody else does,
//!   and nothing is pending.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

#[path = "orders/end.rs"]
mod end;
#[path = "orders/flows.rs"]
mod flows;
#[path = "orders/stage.rs"]
mod stage;
#[path = "orders/turns.rs"]
mod turns;

use waymark_core::pairing::Purpose;

use self::flows::Flow;
use self::stage::Stage;
use self::turns::orders;

/// Plays a flow in every order.
async fn play(flow: Flow) {
    for order in orders(flow.participants()) {
        let mut stage = Stage::set(flow).await;
        flow.begin(&mut stage);
        for turn in &order.turns {
            flow.look(&mut stage, *turn);
            stage.turn(*turn).await;
        }
        // Whoever was away comes back, and the people look again.
        for round in 0..6 {
            for who in stage::ALL {
                flow.look(&mut stage, who);
                stage.turn(who).await;
            }
            assert!(round < 5 || flow.is_done(&stage), "{flow:?}, {order:?}");
        }
        let expected = flow.expected(&stage);
        end::check(&mut stage, &expected, &format!("{flow:?}, {order:?}")).await;
    }
}

/// A therapist would be in for one phone and not for the other, or wait for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_therapist_is_invited() {
    play(Flow::Invite(Purpose::Plan)).await;
}

/// The client would have made a plan that the therapist never enters.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_invited() {
    play(Flow::Invite(Purpose::Client)).await;
}

/// The supporter would see less than the client published, or the other phone not know who reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_supporter_is_invited() {
    play(Flow::Invite(Purpose::Supporter)).await;
}

/// A peer would be missing from the circle.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_is_invited_to_a_circle() {
    play(Flow::Invite(Purpose::Circle)).await;
}

/// The new phone would lack a plan, or the therapist not know of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_own_device_is_linked_by_invitation() {
    play(Flow::Invite(Purpose::Device)).await;
}

/// The same in person, with a card.
#[tokio::test(flavor = "multi_thread")]
async fn an_own_device_is_linked_by_its_card() {
    play(Flow::Link).await;
}

/// A thief would go on reading on one phone's word.
#[tokio::test(flavor = "multi_thread")]
async fn an_own_device_is_removed() {
    play(Flow::RemoveDevice).await;
}

/// The therapist would read on, or the key that both replace at once shut somebody out.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_revoked_who_replaces_the_key_meanwhile() {
    play(Flow::Revoke).await;
}

/// Whoever left would read on, or the others stop writing.
#[tokio::test(flavor = "multi_thread")]
async fn a_therapist_leaves() {
    play(Flow::Leave).await;
}

/// A grant would outlive its day because the phone that gave it is in a drawer.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_ends() {
    play(Flow::GrantEnds).await;
}

/// Everything would be lost with the only phone at hand, or the finder read on.
#[tokio::test(flavor = "multi_thread")]
async fn words_bring_everything_back_and_the_lost_phone_is_removed() {
    play(Flow::Recover).await;
}

/// Somebody would stay behind in the old plan.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_begins_anew() {
    play(Flow::BeginAnew).await;
}

/// What the therapist kept for the client would not come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_offered_and_taken_over() {
    play(Flow::Offer).await;
}
