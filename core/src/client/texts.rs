//! Notes that people edit together: what two people type at once is merged, character by character.

use std::sync::Arc;

use super::cache::{care, name_of};
use super::{Inner, PlanId, WaymarkError, space_of};
use crate::gate::{Document, GateError, StoredChange};
use crate::model::{DocumentKey, NewNote, NoteId, NoteView, RecordId, TextId};

/// Characters of one insertion, at most; a longer one is made in several calls.
const INSERT_CHARS: usize = 20_000;

/// Notes of a plan.
#[derive(Clone, Copy)]
pub struct Texts<'c>(pub(super) &'c Arc<Inner>);

impl Texts<'_> {
    /// Makes an empty note, about a record or on its own.
    ///
    /// # Errors
    /// `invalid_input`, `not_found`, `not_allowed`, or the storage's.
    pub fn create(
        &self,
        plan: PlanId,
        about: Option<RecordId>,
        title: Option<&str>,
    ) -> Result<NoteView, WaymarkError> {
        let id = space_of(plan);
        let mut bytes = [0; 16];
        self.0.shared.lock().engine.entropy.fill(&mut bytes);
        let text = TextId(bytes);
        let new = NewNote {
            text,
            about,
            title: title.map(str::to_owned),
        };
        {
            // Refused before there is a text that nothing would name.
            let inner = &mut *self.0.shared.lock();
            let stamp = self.0.stamp(&mut inner.engine, id, None)?;
            let folded = self.0.views.plan(&mut inner.engine, id)?;
            new.record(&folded, &stamp)?;
        }
        self.edit(plan, |document| Ok(Some(document.make_text(text)?)))?;
        let record = self
            .0
            .write(id, None, |plan, stamp| new.record(plan, stamp))?;
        let note = NoteId::from(record);
        let found = self.list(plan)?.into_iter().find(|view| view.id == note);
        found.ok_or_else(|| WaymarkError::Internal {
            reason: "the new note is missing".into(),
        })
    }

    /// The notes of a plan, oldest first.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn list(&self, plan: PlanId) -> Result<Vec<NoteView>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        Ok(self
            .0
            .views
            .plan(&mut inner.engine, space_of(plan))?
            .notes())
    }

    /// What a note says now.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn read(&self, plan: PlanId, text: TextId) -> Result<String, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let (space, store, _) = care(&mut inner.engine, space_of(plan))?;
        let document = space.document(store, name_of(DocumentKey::PLAN))?;
        document
            .text(&text)
            .ok_or_else(|| WaymarkError::not_found(format!("text {text}")))
    }

    /// Deletes `delete` characters at `position` and inserts `insert` there. Positions and lengths
    /// count Unicode scalar values; at most 20,000 are inserted at once.
    ///
    /// # Errors
    /// `invalid_input` where the position lies outside the text or the insertion is too long;
    /// `not_found`, `not_allowed`, or the storage's.
    pub fn splice(
        &self,
        plan: PlanId,
        text: TextId,
        position: u32,
        delete: u32,
        insert: &str,
    ) -> Result<(), WaymarkError> {
        if insert.chars().count() > INSERT_CHARS {
            return Err(WaymarkError::invalid(
                "an insertion has at most 20,000 characters",
            ));
        }
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        self.edit(plan, |document| {
            document.splice_text(text, size(position), size(delete), insert)
        })
    }

    fn edit(
        &self,
        plan: PlanId,
        edit: impl FnOnce(&mut Document) -> Result<Option<StoredChange>, GateError>,
    ) -> Result<(), WaymarkError> {
        {
            let inner = &mut *self.0.shared.lock();
            let id = space_of(plan);
            self.0.stamp(&mut inner.engine, id, None)?;
            let (space, store, _) = care(&mut inner.engine, id)?;
            space.edit(store, name_of(DocumentKey::PLAN), |document| {
                Ok(edit(document)?.into_iter().collect())
            })?;
            let number = space.number();
            inner.machine.local_change(number);
        }
        self.0.shared.wake();
        Ok(())
    }
}
