//! The form rules: whether a change is one that an honest device can have made, decided from the
//! change and its causal past alone. Every device therefore decides alike, whatever else its copy
//! of the document holds.
//!
//! - The author is a member (now or earlier), and so is every actor that an op names.
//! - The author's previous change is a dependency; of the others none lies in the past of another.
//! - The first counter is one more than the highest in the past. This is what Automerge's commit
//!   does, whose heads have everything it knows in their past.
//! - A text is made under a name that the past does not have; a record may be put again.
//! - An insert names a text of the past, or of this change, and an element of it.
//! - A delete names elements of the past, or of this change, none of them deleted there.
//! - What was ever inserted into one text stays within its limit.

use super::change::{Op, PlainChange, joins};
use super::error::GateError;
use super::id::OpId;
use super::past::{Past, Place};
use super::texts::{Spot, Texts};

/// Checks the ops of `change` at `place`. Where `note` is set, texts learn of them on the way;
/// after an error the caller takes that back.
pub(super) fn check(
    past: &mut Past,
    place: &Place,
    change: &PlainChange,
    note: bool,
) -> Result<(), GateError> {
    change.max_op()?;
    if !change.body.touches_text() {
        return Ok(());
    }
    let mut texts = past
        .texts
        .take()
        .ok_or(GateError::Engine("texts are not indexed"))?;
    let checked = check_texts(past, &mut texts, place, change, note);
    past.texts = Some(texts);
    checked
}

fn check_texts(
    past: &Past,
    texts: &mut Texts,
    place: &Place,
    change: &PlainChange,
    note: bool,
) -> Result<(), GateError> {
    let mut now = change.start_op;
    let mut before: Option<&Op> = None;
    for op in &change.body.ops {
        let bound = |actor| place.bound(actor, now);
        let spot = |id: OpId| past.actor(&id.actor).map(|actor| (actor, id.counter));
        let own: Spot = (place.actor, now);
        let last = OpId {
            counter: now - 1,
            actor: change.actor,
        };
        if before.is_some_and(|before| joins(before, op, last)) {
            return Err(GateError::Malformed("run"));
        }
        let len = u32::try_from(op.len()).map_err(|_| GateError::Overflow)?;
        match op {
            Op::Record(_) => {}
            Op::MakeText { id } => {
                if texts.made(id, bound) {
                    // A known change is checked again with itself in the document, but never in
                    // its own past.
                    return Err(GateError::TextExists);
                }
                if note {
                    texts.make(*id, own);
                }
            }
            Op::Insert { text, after, chars } => {
                let text = spot(*text).ok_or(GateError::UnknownText)?;
                let after = match after {
                    Some(after) => Some(spot(*after).ok_or(GateError::UnknownElement)?),
                    None => None,
                };
                texts.check_insert(text, after, chars.len(), bound)?;
                if note {
                    let bytes = u32::try_from(chars.len()).map_err(|_| GateError::Overflow)?;
                    texts.insert(text, own, len, bytes);
                }
            }
            Op::Delete { text, first, count } => {
                let text = spot(*text).ok_or(GateError::UnknownText)?;
                let first = spot(*first).ok_or(GateError::UnknownElement)?;
                texts.check_delete(text, first, *count, bound)?;
                if note {
                    texts.delete(text, first, *count, own);
                }
            }
        }
        now += len;
        before = Some(op);
    }
    Ok(())
}
