//! Relays that are not there, forget, or lie; and others who have the link.

use std::sync::{Arc, Mutex};

use waymark_core::client::{InvitationEnd, InvitationStage};
use waymark_core::crypto::{MembershipKeys, SeededEntropy};
use waymark_core::membership::ContactCard;
use waymark_core::pairing::{Link, Pairing, Purpose, Request, Stage};
use waymark_tests::story::{assert_settled, goal, log, notes, readers, sync};
use waymark_tests::{Asked, Device, Liar, Reply, TestRelay};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::limits;
use waymark_wire::message::{
    MAILBOX_PATH, MailboxAnswer, MailboxRequest, MailboxSlot, RefusalAnswer, RefusalCode,
};

use super::support::Two;

/// An honest answer about a mailbox, with its slots changed.
fn reslot(
    asked: &Asked,
    honest: Reply,
    change: impl Fn(&MailboxRequest, Vec<MailboxSlot>) -> Vec<MailboxSlot>,
) -> Reply {
    match honest {
        Reply::Whole(200, body) if asked.path == MAILBOX_PATH => {
            let request = codec::decode(&asked.body, limits::MAILBOX_BODY).unwrap();
            let answer: MailboxAnswer = codec::decode(&body, limits::MAILBOX_BODY).unwrap();
            let slots = change(&request, answer.slots);
            Reply::Whole(200, codec::encode(&MailboxAnswer { slots }))
        }
        other => other,
    }
}

/// Without a network everything waits, nothing is lost, and the plan goes on as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_relay_holds_up_nothing_else() {
    let mut relay = TestRelay::start().await;
    let mut two = Two::new(&relay, Purpose::Plan);
    relay.stop().await;
    two.invite().await;
    two.accept();
    for device in [&two.inviter, &two.invited] {
        assert_eq!(sync(device).await.unwrap_err().code(), "offline");
    }
    let seen = two.at_invited();
    assert_eq!(seen.stage, InvitationStage::Opening);
    assert_eq!(seen.problem.as_deref(), Some("offline"));
    let plan = two.space.unwrap();
    let walk = goal(&two.inviter, plan, "walk");
    log(&two.inviter, plan, walk, "offline");

    relay.restart().await;
    two.settle().await;
    relay.stop().await;
    assert_eq!(two.at_invited().problem, None);
    two.both_confirm();
    assert_eq!(sync(&two.inviter).await.unwrap_err().code(), "offline");
    two.inviter.reopen();
    relay.restart().await;
    two.settle().await;
    assert_eq!(two.stages(), [InvitationStage::Done; 2]);
    assert_eq!(notes(&two.invited, plan), ["offline"]);
}

/// Where only the mailboxes do not work, the plans do.
#[tokio::test(flavor = "multi_thread")]
async fn mailboxes_that_fail_hold_up_no_plan() {
    let relay = TestRelay::start().await;
    let liar = Liar::before(&relay).await;
    let mut two = Two::behind(&liar, Purpose::Plan);
    let plan = two.space.unwrap();
    two.invite().await;
    let refuse = |code: RefusalCode| {
        let refusal = RefusalAnswer {
            code,
            detail: String::new(),
            nonce: Bytes(vec![1; 24]),
            seqs: Vec::new(),
            head: None,
            membership: Vec::new(),
        };
        Reply::Whole(409, codec::encode(&refusal))
    };
    let empty = codec::encode(&MailboxAnswer { slots: Vec::new() });
    for (reply, code) in [
        (Reply::Nothing, "offline"),
        (Reply::Whole(502, b"<html>".to_vec()), "offline"),
        (Reply::Whole(404, b"<html>".to_vec()), "relay_untrusted"),
        (Reply::Whole(200, b"nonsense".to_vec()), "relay_untrusted"),
        (Reply::Whole(200, empty), "relay_untrusted"),
        (refuse(RefusalCode::Unavailable), "relay_busy"),
        (refuse(RefusalCode::Admission), "not_allowed"),
        (refuse(RefusalCode::NotFound), "not_allowed"),
        (refuse(RefusalCode::MailboxTaken), "relay_untrusted"),
    ] {
        let said = format!("{reply:?}");
        liar.answer(MAILBOX_PATH, reply);
        let walk = goal(&two.inviter, plan, "walk");
        log(&two.inviter, plan, walk, "all the same");
        let error = sync(&two.inviter).await.unwrap_err();
        assert_eq!(error.code(), code, "{said}");
        assert_eq!(two.at_inviter().problem.as_deref(), Some(code), "{said}");
        assert_eq!(two.at_inviter().stage, InvitationStage::Inviting);
        assert_settled(&two.inviter);
    }
    liar.be_honest();
    two.settle().await;
    assert_eq!(two.at_inviter().problem, None);
    two.accept();
    two.settle().await;
    two.both_confirm();
    two.settle().await;
    assert_eq!(notes(&two.invited, plan).len(), 9);
}

/// An operator restores a backup, and the two would wait for each other for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_was_lost_is_filled_again() {
    let mut relay = TestRelay::start().await;
    let mut two = Two::new(&relay, Purpose::Plan);
    two.until_comparing().await;
    two.both_confirm();
    relay.stop().await;
    let db = rusqlite::Connection::open(relay.directory().join("relay.db")).unwrap();
    assert!(db.execute("DELETE FROM mail", []).unwrap() >= 3);
    db.execute("DELETE FROM mailbox", []).unwrap();
    drop(db);
    relay.restart().await;
    two.invited_turn().await;
    two.settle().await;
    assert_eq!(two.stages(), [InvitationStage::Done; 2]);
    assert_eq!(readers(&two.invited, two.space.unwrap()).len(), 2);
}

/// The relay could put its own card in place of the therapist's, and be let in.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_the_relay_changed_ends_it() {
    for slot in 0..=4 {
        let relay = TestRelay::start().await;
        let liar = Liar::before(&relay).await;
        let mut two = Two::behind(&liar, Purpose::Plan);
        let lie = move |asked: &Asked, honest| {
            reslot(asked, honest, |request, mut slots| {
                let own = request.put.as_ref().map(|put| put.slot);
                for shown in slots.iter_mut().filter(|s| s.slot == slot) {
                    if own != Some(slot) {
                        shown.bytes.0[20] ^= 1;
                    }
                }
                slots
            })
        };
        two.invite().await;
        two.inviter_turn().await;
        liar.lie(lie);
        two.accept();
        for _ in 0..4 {
            for device in [&two.inviter, &two.invited] {
                let _ = sync(device).await;
                let _ = device.client().invitations().confirm(two.id(), true);
            }
        }
        let ends = [two.at_inviter(), two.at_invited()];
        let noticed = ends
            .iter()
            .filter(|seen| seen.end == Some(InvitationEnd::Untrusted));
        let detail: Vec<_> = noticed.map(|seen| seen.problem_detail.clone()).collect();
        assert!(!detail.is_empty(), "slot {slot}: {ends:#?}");
        for seen in ends {
            assert_ne!(seen.stage, InvitationStage::Done, "slot {slot}");
        }
        liar.be_honest();
        two.settle().await;
        two.assert_nobody_came();
    }
}

/// Somebody who has found the link, behind the same relay: answers in the invited one's place, with
/// a card of the same name.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_was_swapped_shows_another_code() {
    let relay = TestRelay::start().await;
    let liar = Liar::before(&relay).await;
    let mut two = Two::behind(&liar, Purpose::Plan);
    two.invite().await;
    two.inviter_turn().await;
    two.accept();
    let mallory = Arc::new(Mutex::new(Mallory::with(&two.link)));
    // The inviter is shown Mallory's answer, the invited one what it has written itself.
    let lie = Arc::clone(&mallory);
    liar.lie(move |asked, honest| {
        reslot(asked, honest, |request, mut slots| {
            let is_invited = request.put.as_ref().is_some_and(|put| put.slot % 2 == 1);
            let mut mallory = lie.lock().unwrap();
            let own = mallory.answer(&slots);
            let answered = slots.iter().position(|shown| shown.slot == 1);
            if let (Some(at), Some(own), false) = (answered, own, is_invited) {
                slots[at] = own;
            }
            slots
        })
    });
    sync(&two.invited).await.unwrap();
    sync(&two.inviter).await.unwrap();
    let shown = two.at_inviter();
    assert_eq!(shown.stage, InvitationStage::Comparing);
    assert_eq!(shown.name.as_deref(), Some("Dr. Ada"), "as far as it says");
    // To the invited one the relay is honest, so that it sees a code at all.
    liar.be_honest();
    sync(&two.invited).await.unwrap();
    let seen = two.at_invited();
    assert_eq!(seen.stage, InvitationStage::Comparing);
    assert_ne!(shown.code, seen.code);
    let invitations = two.inviter.client().invitations();
    invitations.confirm(two.id(), false).unwrap();
    two.settle().await;
    assert_eq!(two.at_invited().end, Some(InvitationEnd::CodesDiffer));
    two.assert_nobody_came();
}

/// Who has the link of somebody else.
struct Mallory {
    pairing: Pairing,
    entropy: SeededEntropy,
    own: Option<MailboxSlot>,
}

impl Mallory {
    fn with(link: &str) -> Self {
        Self {
            pairing: Pairing::open(Link::parse(link).unwrap()),
            entropy: SeededEntropy::new([6; 32]),
            own: None,
        }
    }

    /// What it would have put into slot 1.
    fn answer(&mut self, slots: &[MailboxSlot]) -> Option<MailboxSlot> {
        let now = 1_777_636_800_000;
        if self.pairing.stage() == Stage::Opening {
            let offer = slots.iter().filter(|shown| shown.slot == 0).cloned();
            let offer: Vec<_> = offer.collect();
            self.pairing.handle(&offer, now, &mut self.entropy);
        }
        if self.pairing.stage() == Stage::Offered {
            let keys = [MembershipKeys::generate(&mut self.entropy)];
            let card = ContactCard::issue("Dr. Ada", "tablet", 1, &keys).unwrap();
            self.pairing.accept(card, now, &mut self.entropy).unwrap();
            if let Some(Request::Put { slot, .. }) = self.pairing.poll(now) {
                self.own = Some(slot);
            }
        }
        self.own.clone()
    }
}

/// A link that was sent by mail and read by somebody else first.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_somebody_used_before_is_used_up() {
    let relay = TestRelay::start().await;
    let mut two = Two::new(&relay, Purpose::Plan);
    two.invite().await;
    two.inviter_turn().await;
    let thief = Device::new(&relay);
    let invitations = thief.client().invitations();
    invitations.accept(&two.link, "Dr. Ada", "tablet").unwrap();
    two.accept();
    sync(&thief).await.unwrap();
    two.settle().await;
    let refused = two.at_invited();
    assert_eq!(refused.end, Some(InvitationEnd::Untrusted));
    assert_eq!(refused.problem.as_deref(), Some("relay_untrusted"));
    // The one who was invited sees no code, so the inviter says no.
    let invitations = two.inviter.client().invitations();
    invitations.confirm(two.id(), false).unwrap();
    two.settle().await;
    sync(&thief).await.unwrap();
    let end = thief.client().invitations().get(two.id()).unwrap().end;
    assert_eq!(end, Some(InvitationEnd::CodesDiffer));
    two.assert_nobody_came();
}
