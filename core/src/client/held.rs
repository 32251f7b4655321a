//! What was held back: who signed it, why, and what a person may do about it.

use std::sync::Arc;

use serde::Serialize;
use waymark_wire::ids::SpaceId;

use super::{Inner, PlanId, WaymarkError};
use crate::model::DocumentKind;
use crate::space::{Inspected, Quarantined, Space};

/// Something that was held back: kept, shown, and not applied.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HeldView {
    /// Where it stands.
    pub place: HeldPlace,
    /// The name of the person whose device signed it, once this device can read it.
    pub name: Option<String>,
    /// That device's name, once this device can read it.
    pub device_name: Option<String>,
    /// That device's number in the space.
    pub number: u16,
    /// Why, as a stable name.
    pub reason: String,
    /// What kind of document it is for, where that is known.
    pub document: Option<DocumentKind>,
}

/// Where something stands that was held back.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HeldPlace {
    /// The plan or other space.
    pub space: PlanId,
    /// The entry's place in its log.
    pub seq: u64,
    /// The section's place in the entry, from 0; none where it is the whole entry.
    pub section: Option<u32>,
}

/// What is held, for whoever has to look.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HeldContents {
    /// What it is in words and numbers, without what anybody wrote.
    pub description: String,
    /// The section as it travelled, or the sealed entry as it stands in the log. A section holds
    /// what people wrote.
    pub bytes: Vec<u8>,
}

/// What became of something that was released.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum HeldOutcome {
    /// It is part of its document now.
    Applied,
    /// It is still not acceptable; the list has the newest reason.
    Held,
    /// It is applied when what it builds on has come.
    Waiting,
}

/// What was held back.
#[derive(Clone, Copy)]
pub struct Held<'c>(pub(super) &'c Arc<Inner>);

impl Held<'_> {
    /// Everything that is held back, space by space in the order of their logs.
    ///
    /// # Errors
    /// The storage's.
    pub fn list(&self) -> Result<Vec<HeldView>, WaymarkError> {
        let inner = self.0.shared.lock();
        let store = inner.engine.store.as_ref();
        let mut list = Vec::new();
        for space in inner.engine.spaces() {
            let held = space.quarantined(store)?;
            list.extend(held.into_iter().map(|held| view(space, held)));
        }
        Ok(list)
    }

    /// What is held at a place.
    ///
    /// # Errors
    /// `not_found` where nothing is held there, `not_allowed` where the log's entry is not kept any
    /// more, or the storage's.
    pub fn inspect(&self, place: HeldPlace) -> Result<HeldContents, WaymarkError> {
        let inner = self.0.shared.lock();
        let space = inner.engine.space(&SpaceId(place.space.0));
        let space = space.ok_or_else(|| WaymarkError::not_found("space"))?;
        let store = inner.engine.store.as_ref();
        let found = space.inspect_held(store, (place.seq, place.section))?;
        let found = found.ok_or_else(nothing)?;
        Ok(HeldContents {
            description: described(&found),
            bytes: found.bytes,
        })
    }

    /// Has what is held be judged again, for instance after an update of the app, and after it what
    /// waits behind it. What is still not acceptable stays held.
    ///
    /// # Errors
    /// `not_found` where nothing is held there, `not_allowed` where the log's entry is not kept any
    /// more, or the storage's; nothing has changed then.
    pub fn release(&self, place: HeldPlace) -> Result<HeldOutcome, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let id = SpaceId(place.space.0);
        let space = inner.engine.space_mut(&id);
        let (space, store, _) = space.ok_or_else(|| WaymarkError::not_found("space"))?;
        let released = space.release(store, (place.seq, place.section))?;
        let released = released.ok_or_else(nothing)?;
        inner.machine.released(id, released.changes);
        self.0.shared.wake();
        Ok(match (released.applied, released.waits) {
            (true, _) => HeldOutcome::Applied,
            (false, true) => HeldOutcome::Waiting,
            (false, false) => HeldOutcome::Held,
        })
    }

    /// Gives up what is held: it is not opened again on this device. What waits behind it is held,
    /// with the reason `behind_discarded`. Other devices are not affected.
    ///
    /// # Errors
    /// `not_found` where nothing is held there, or the storage's; nothing has changed then.
    pub fn discard(&self, place: HeldPlace) -> Result<(), WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let space = inner.engine.space_mut(&SpaceId(place.space.0));
        let (space, store, _) = space.ok_or_else(|| WaymarkError::not_found("space"))?;
        let was_held = space.discard(store, (place.seq, place.section))?;
        was_held.then_some(()).ok_or_else(nothing)
    }
}

fn view(space: &Space, held: Quarantined) -> HeldView {
    let roster = space.book().and_then(|book| book.roster(held.device));
    let code = held
        .document
        .and_then(|document| u8::try_from(document.kind).ok());
    HeldView {
        place: HeldPlace {
            space: PlanId(space.id().0),
            seq: held.seq,
            section: held.section,
        },
        name: roster.map(|member| member.name.clone()),
        device_name: roster.map(|member| member.device_name.clone()),
        number: held.device.0,
        reason: held.reason,
        document: code.and_then(|code| DocumentKind::read(code).ok()),
    }
}

fn described(found: &Inspected) -> String {
    let bytes = found.bytes.len();
    let Some(section) = &found.section else {
        return format!("{bytes} bytes that are not read as changes");
    };
    let name = section.name();
    let code = u8::try_from(name.kind).ok();
    let kind = code.and_then(|code| DocumentKind::read(code).ok());
    let kind = kind.map_or_else(|| name.kind.to_string(), |kind| kind.as_str().into());
    let operations: usize = section.changes().iter().map(|body| body.ops.len()).sum();
    format!(
        "document {kind}, part {}: changes {} to {} of its device, {operations} operations, {bytes} bytes",
        name.part,
        section.first_seq(),
        section.last_seq(),
    )
}

fn nothing() -> WaymarkError {
    WaymarkError::not_found("nothing is held at this place")
}
