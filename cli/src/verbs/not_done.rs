//! What was wanted and cannot be any more, because somebody else's change came first. It is said once.

use serde_json::{Value, json};
use waymark_core::client::{NotDone, PlanId, Wanted};

use crate::desk::{Desk, DeskError};

/// Says what cannot be any more, in every space, and counts it as seen.
///
/// # Errors
/// The database's.
pub(super) fn tell(desk: &Desk) -> Result<(), DeskError> {
    for space in desk.client.status()? {
        let Some(id) = space.space.filter(|_| !space.not_done.is_empty()) else {
            continue;
        };
        for not_done in &space.not_done {
            desk.talk.tell("not_done", fields(id, not_done), |page| {
                page.line(format_args!("{id}: {}", told(not_done)));
            });
        }
        desk.client.people().forget_not_done(id)?;
    }
    Ok(())
}

/// Why something has not happened in a space: it cannot be any more, which is said, or it has to wait.
pub(super) fn or_pending(desk: &Desk, space: Option<PlanId>, pending: String) -> DeskError {
    let status = match desk.client.status() {
        Ok(status) => status,
        Err(error) => return error.into(),
    };
    let mut spaces = status.iter().filter(|known| known.space == space);
    let not_done = spaces.find_map(|known| known.not_done.first().cloned());
    match (tell(desk), not_done) {
        (Err(error), _) => error,
        (Ok(()), Some(not_done)) => DeskError::NotDone(not_done.reason),
        (Ok(()), None) => DeskError::Pending(pending),
    }
}

fn fields(space: PlanId, not_done: &NotDone) -> Value {
    // It holds texts and numbers only, which JSON has.
    let mut fields = serde_json::to_value(not_done).unwrap_or_else(|_| json!({}));
    fields["space"] = json!(space);
    fields
}

/// What was wanted, and why it cannot be, as one line.
pub(super) fn told(not_done: &NotDone) -> String {
    format!(
        "not done: {} ({})",
        wanted(&not_done.wanted),
        not_done.reason
    )
}

/// What was wanted.
pub(super) fn wanted(wanted: &Wanted) -> String {
    let member = |number: &u16, name: &Option<String>| match name {
        Some(name) => format!("{name} ({number})"),
        None => format!("member {number}"),
    };
    match wanted {
        Wanted::Add { name, device_name } => format!("let in {name} with {device_name}"),
        Wanted::Close => "close it".into(),
        Wanted::Forget => "have something forgotten".into(),
        Wanted::HandKey { number, name } => format!("give the key to {}", member(number, name)),
        Wanted::Leave => "leave it".into(),
        Wanted::NewKey => "replace the key".into(),
        Wanted::Phrase => "make a recovery phrase".into(),
        Wanted::Remove { number, name } => format!("remove {}", member(number, name)),
        Wanted::RemovePerson { name, .. } => {
            let name = name.as_deref().unwrap_or("somebody");
            format!("take {name}'s access back")
        }
    }
}
