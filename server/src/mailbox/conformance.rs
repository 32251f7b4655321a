//! What every [`Mailboxes`] has to hold. A backend's tests call [`mailbox_conformance`] with a
//! function that makes an empty one (and whatever has to live as long) for the test of this name, or
//! says that it is skipped.

use std::sync::Arc;

use tokio::task::JoinSet;
use waymark_wire::codec::Bytes;
use waymark_wire::limits;
use waymark_wire::message::{MailboxId, MailboxSlot};

use super::{Mailboxes, Put, PutOutcome, PutRefused};

/// Makes one test of each function below for the mailboxes that `$make` makes.
macro_rules! mailbox_conformance {
    ($make:ident) => {
        crate::mailbox::conformance::mailbox_conformance! { $make;
            what_one_side_puts_the_other_reads
            a_slot_is_written_once
            of_two_at_once_one_is_taken
            slot_0_makes_a_mailbox_and_nothing_else_does
            a_mailbox_holds_so_much_and_no_more
            a_mailbox_that_has_ended_is_none
            what_has_ended_is_removed_and_nothing_else
        }
    };
    ($make:ident; $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some((mailboxes, _keep)) = $make(stringify!($name)).await else {
                    return;
                };
                crate::mailbox::conformance::$name(mailboxes).await;
            }
        )*
    };
}
pub(crate) use mailbox_conformance;

const DAY: i64 = 24 * 60 * 60 * 1_000;
const NOW: i64 = 1_800_000_000_000;
const ONE: MailboxId = MailboxId([1; 32]);
const TWO: MailboxId = MailboxId([2; 32]);

/// Otherwise two who are never online together could not meet.
pub(crate) async fn what_one_side_puts_the_other_reads(mailboxes: impl Mailboxes) {
    assert_eq!(mailboxes.open(ONE, NOW).await, Ok(None));
    let held = put(&mailboxes, ONE, 0, b"offer", NOW).await;
    assert_eq!(held, Ok(vec![slot(0, b"offer")]));
    // In any order, with gaps.
    put(&mailboxes, ONE, 5, b"", NOW).await.unwrap();
    let held = put(&mailboxes, ONE, 1, b"card", NOW).await.unwrap();
    let all = [slot(0, b"offer"), slot(1, b"card"), slot(5, b"")];
    assert_eq!(held, all);
    assert_eq!(mailboxes.open(ONE, NOW).await.unwrap().unwrap(), all);
    put(&mailboxes, TWO, 0, b"other", NOW).await.unwrap();
    assert_eq!(mailboxes.open(ONE, NOW).await.unwrap().unwrap(), all);
    assert_eq!(mailboxes.open(MailboxId([3; 32]), NOW).await, Ok(None));
}

/// Otherwise somebody who learns of a mailbox could put a card of his own in the place of another.
pub(crate) async fn a_slot_is_written_once(mailboxes: impl Mailboxes) {
    for number in 0..limits::MAILBOX_SLOTS {
        put(&mailboxes, ONE, number, b"first", NOW).await.unwrap();
        let second = put(&mailboxes, ONE, number, b"second", NOW).await;
        assert_eq!(second, Err(PutRefused::Taken));
        // An answer that was lost is asked for again.
        let again = put(&mailboxes, ONE, number, b"first", NOW).await.unwrap();
        assert_eq!(again.len(), usize::from(number) + 1);
        assert!(again.iter().all(|slot| slot.bytes.0 == b"first"));
    }
}

/// Otherwise each of two could believe that its own card was the one that is read.
pub(crate) async fn of_two_at_once_one_is_taken(mailboxes: impl Mailboxes) {
    put(&mailboxes, ONE, 0, b"offer", NOW).await.unwrap();
    let mailboxes = Arc::new(mailboxes);
    let mut tasks = JoinSet::new();
    for writer in 0..8u8 {
        let mailboxes = mailboxes.clone();
        tasks.spawn(async move { (writer, put(&*mailboxes, ONE, 1, &[writer], NOW).await) });
    }
    let outcomes = tasks.join_all().await;
    let taken: Vec<_> = outcomes.iter().filter(|(_, held)| held.is_ok()).collect();
    let [(winner, held)] = &taken[..] else {
        panic!("{taken:?}");
    };
    let all = vec![slot(0, b"offer"), slot(1, &[*winner])];
    assert_eq!(held, &Ok(all.clone()));
    assert_eq!(mailboxes.open(ONE, NOW).await, Ok(Some(all)));
}

/// Otherwise an operator who asks for a token would keep mailboxes for anybody.
pub(crate) async fn slot_0_makes_a_mailbox_and_nothing_else_does(mailboxes: impl Mailboxes) {
    for number in 1..limits::MAILBOX_SLOTS {
        let early = put(&mailboxes, ONE, number, b"early", NOW).await;
        assert_eq!(early, Err(PutRefused::Unknown));
    }
    let without = |number| Put {
        may_create: false,
        ..request(ONE, number, b"x")
    };
    let refused = mailboxes.put(without(0), NOW).await.unwrap();
    assert_eq!(refused, Err(PutRefused::Admission));
    assert_eq!(mailboxes.open(ONE, NOW).await, Ok(None));
    put(&mailboxes, ONE, 0, b"x", NOW).await.unwrap();
    // Who answers needs no token, and what is there already makes nothing.
    for number in [1, 0] {
        let held = mailboxes.put(without(number), NOW).await.unwrap();
        assert_eq!(held, Ok(vec![slot(0, b"x"), slot(1, b"x")]));
    }
}

/// Otherwise a mailbox is a place for files.
pub(crate) async fn a_mailbox_holds_so_much_and_no_more(mailboxes: impl Mailboxes) {
    let large = vec![7; limits::MAILBOX + 1];
    let refused = put(&mailboxes, ONE, 0, &large, NOW).await;
    assert_eq!(refused, Err(PutRefused::Full));
    assert_eq!(mailboxes.open(ONE, NOW).await, Ok(None));
    put(&mailboxes, ONE, 0, &large[..40_000], NOW)
        .await
        .unwrap();
    let rest = limits::MAILBOX - 40_000;
    let refused = put(&mailboxes, ONE, 1, &large[..=rest], NOW).await;
    assert_eq!(refused, Err(PutRefused::Full));
    let held = put(&mailboxes, ONE, 1, &large[..rest], NOW).await.unwrap();
    assert_eq!(held.len(), 2);
    let refused = put(&mailboxes, ONE, 2, b"1", NOW).await;
    assert_eq!(refused, Err(PutRefused::Full));
    assert_eq!(mailboxes.open(ONE, NOW).await, Ok(Some(held)));
}

/// Otherwise an invitation that both sides think is over could still be taken up.
pub(crate) async fn a_mailbox_that_has_ended_is_none(mailboxes: impl Mailboxes) {
    let days = |mailbox, days| Put {
        days,
        ..request(mailbox, 0, b"offer")
    };
    for (mailbox, kept) in [(ONE, 1u8), (TWO, 30)] {
        mailboxes
            .put(days(mailbox, kept), NOW)
            .await
            .unwrap()
            .unwrap();
        let ends = NOW + DAY * i64::from(kept);
        // What comes later does not make it last.
        put(&mailboxes, mailbox, 1, b"x", ends - 1).await.unwrap();
        mailboxes
            .put(days(mailbox, 30), ends - 1)
            .await
            .unwrap()
            .unwrap();
        let held = mailboxes.open(mailbox, ends - 1).await.unwrap();
        assert_eq!(held.map(|held| held.len()), Some(2));
        assert_eq!(mailboxes.open(mailbox, ends).await, Ok(None));
        let late = put(&mailboxes, mailbox, 2, b"late", ends).await;
        assert_eq!(late, Err(PutRefused::Unknown));
        // Another may be made under the id, and holds nothing of the one before.
        let anew = put(&mailboxes, mailbox, 0, b"anew", ends).await;
        assert_eq!(anew, Ok(vec![slot(0, b"anew")]));
        let usual = ends + DAY * i64::from(limits::MAILBOX_DAYS_USUAL);
        assert_eq!(mailboxes.open(mailbox, usual).await, Ok(None));
    }
}

/// Otherwise a relay fills up with what nobody will ever read, or loses what somebody would.
pub(crate) async fn what_has_ended_is_removed_and_nothing_else(mailboxes: impl Mailboxes) {
    const MANY: u8 = 200;
    for number in 0..MANY {
        let mailbox = MailboxId([number; 32]);
        let put = Put {
            days: 1 + number % 2,
            ..request(mailbox, 0, &[number])
        };
        mailboxes.put(put, NOW).await.unwrap().unwrap();
    }
    let later = NOW + DAY;
    let mut rounds = 0;
    while mailboxes.sweep(later).await.unwrap() {
        rounds += 1;
        assert!(rounds <= MANY, "a sweep has no end");
    }
    for number in 0..MANY {
        // By the clock of before, so that what is there is seen even where its end has come.
        let held = mailboxes.open(MailboxId([number; 32]), NOW).await.unwrap();
        let expected = (number % 2 == 1).then(|| vec![slot(0, &[number])]);
        assert_eq!(held, expected, "{number}");
    }
    // Without a sweep, new ones make room.
    let later = later + DAY;
    for number in 0..u8::MAX {
        let mut id = [number; 32];
        id[0] = !number;
        let put = put(&mailboxes, MailboxId(id), 0, b"new", later).await;
        assert_eq!(put, Ok(vec![slot(0, b"new")]));
    }
    for number in 0..MANY {
        let held = mailboxes.open(MailboxId([number; 32]), NOW).await;
        assert_eq!(held, Ok(None), "{number}");
    }
}

fn slot(slot: u8, bytes: &[u8]) -> MailboxSlot {
    MailboxSlot {
        slot,
        bytes: Bytes(bytes.to_vec()),
    }
}

fn request(mailbox: MailboxId, number: u8, bytes: &[u8]) -> Put {
    Put {
        mailbox,
        slot: slot(number, bytes),
        days: limits::MAILBOX_DAYS_USUAL,
        may_create: true,
    }
}

async fn put(
    mailboxes: &impl Mailboxes,
    mailbox: MailboxId,
    number: u8,
    bytes: &[u8],
    now: i64,
) -> PutOutcome {
    let put = request(mailbox, number, bytes);
    mailboxes.put(put, now).await.unwrap()
}
