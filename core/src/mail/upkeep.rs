//! Leading invitations on, as far as nobody has to be asked. Every step can be cut off anywhere: it
//! is found undone and done the next time.

use waymark_wire::message::MailboxId;

use super::{Kept, entering, owner};
use crate::engine::Engine;
use crate::pairing::{PairingError, Stage};
use crate::space::SpaceError;
use crate::store::Transaction;

/// What upkeep has changed.
#[derive(Debug, Default)]
pub struct Upkept {
    /// Spaces that have something new to send or to read, by local number.
    pub touched: Vec<u32>,
    /// Invitations that went on.
    pub changed: Vec<MailboxId>,
}

/// Leads every invitation on, as far as it can be done now. One that cannot be does not hold the
/// others back.
pub fn upkeep(engine: &mut Engine, now_ms: i64) -> Upkept {
    let mut upkept = Upkept::default();
    let open = engine.mail.all();
    let open = open.filter(|(_, kept)| may_go_on(kept, now_ms));
    let open: Vec<MailboxId> = open.map(|(mailbox, _)| *mailbox).collect();
    for mailbox in open {
        let mut has_changed = false;
        // One step may be what the next one waits for.
        while let Some(kept) = engine.mail.copy(&mailbox) {
            match lead_on(engine, kept, now_ms, &mut upkept.touched) {
                Ok(true) => has_changed = true,
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, "an invitation does not go on");
                    break;
                }
            }
        }
        if has_changed {
            upkept.changed.push(mailbox);
        }
    }
    upkept
}

/// Whether there may be something to do. Most wait for people, and this is asked often.
fn may_go_on(kept: &Kept, now_ms: i64) -> bool {
    let about = &kept.about;
    let is_next = match kept.pairing.stage() {
        Stage::Done | Stage::Ended(_) => true,
        Stage::Offered => about.card.is_some(),
        Stage::Agreed => kept.pairing.is_owner() && !about.welcomed,
        _ => false,
    };
    !about.settled && (is_next || is_over(kept, now_ms))
}

fn is_over(kept: &Kept, now_ms: i64) -> bool {
    kept.pairing.expires_ms().is_some_and(|end| end <= now_ms)
}

/// Does the next step of one invitation; says whether it did something.
fn lead_on(
    engine: &mut Engine,
    mut kept: Kept,
    now_ms: i64,
    touched: &mut Vec<u32>,
) -> Result<bool, SpaceError> {
    if kept.about.settled {
        return Ok(false);
    }
    match kept.pairing.stage() {
        Stage::Done if kept.pairing.is_owner() => settle(engine, kept),
        Stage::Done => entering::enter(engine, kept, touched),
        Stage::Ended(_) => owner::take_back(engine, kept, touched),
        _ if is_over(&kept, now_ms) => {
            let entropy = engine.entropy.as_mut();
            kept.pairing.handle(&[], now_ms, entropy);
            store(engine, Transaction::new(), kept)
        }
        Stage::Offered => answer(engine, kept, now_ms),
        Stage::Agreed if kept.pairing.is_owner() && !kept.about.welcomed => {
            owner::take_in(engine, kept, now_ms, touched)
        }
        _ => Ok(false),
    }
}

/// Accepts what is offered, where this device's person has done so before it was seen.
fn answer(engine: &mut Engine, mut kept: Kept, now_ms: i64) -> Result<bool, SpaceError> {
    let Some(card) = kept.about.card.clone() else {
        return Ok(false);
    };
    let entropy = engine.entropy.as_mut();
    match kept.pairing.accept(card.0, now_ms, entropy) {
        Ok(()) => store(engine, Transaction::new(), kept),
        Err(error) => fail(engine, kept, &error.to_string(), now_ms),
    }
}

/// Keeps what was changed, with what belongs to it.
pub(super) fn store(
    engine: &mut Engine,
    transaction: Transaction,
    kept: Kept,
) -> Result<bool, SpaceError> {
    let Engine { mail, store, .. } = engine;
    mail.commit(store.as_mut(), transaction, kept)?;
    Ok(true)
}

/// Nothing is left to do: the keys of its card go.
pub(super) fn settle(engine: &mut Engine, mut kept: Kept) -> Result<bool, SpaceError> {
    kept.about.settled = true;
    let mut transaction = Transaction::new();
    kept.erase_keys(&mut transaction);
    store(engine, transaction, kept)
}

/// It comes to nothing on this device: the other is told that it ends, and this person why.
pub(super) fn fail(
    engine: &mut Engine,
    mut kept: Kept,
    reason: &str,
    now_ms: i64,
) -> Result<bool, SpaceError> {
    kept.about.failed = Some(reason.into());
    match kept.pairing.refuse(now_ms, engine.entropy.as_mut()) {
        Ok(()) | Err(PairingError::Ended(_)) => {}
        Err(_) => return settle(engine, kept),
    }
    store(engine, Transaction::new(), kept)
}
