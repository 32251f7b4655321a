//! Notes that people edit together: what two people type at once is merged, character by character.

use std::sync::Arc;

use serde::Serialize;

use super::cache::{care, name_of};
use super::{Inner, PlanId, WaymarkError, count, space_of};
use crate::gate::{Document, GateError, IsUndone, OpId, StoredChange};
use crate::model::{DocumentKey, NewNote, NoteId, NoteView, RecordId, TextId};
use crate::space::SpaceError;

/// Characters of one insertion, at most; a longer one is made in several calls.
const INSERT_CHARS: usize = 20_000;

/// A note without anything that undone devices did to it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct TextRestored {
    /// Characters that are not shown because such a device inserted them.
    pub hidden: u32,
    /// Characters that are not there because such a device, and nobody else, deleted them.
    pub deleted: u32,
    /// What the note would say if it had done neither.
    pub text: String,
}

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
        self.edit(plan, |document, _| Ok(Some(document.make_text(text)?)))?;
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

    /// What a note says now. What a device inserted that is undone is not shown; what it deleted is
    /// not there either: [`Texts::restored`] has it.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn read(&self, plan: PlanId, text: TextId) -> Result<String, WaymarkError> {
        self.with_undone(plan, |document, is_undone| {
            let shown = match is_undone {
                Some(is_undone) => document.text_without(&text, is_undone),
                None => document.text(&text),
            };
            shown.ok_or_else(|| WaymarkError::not_found(format!("text {text}")))
        })
    }

    /// What undone devices did to a note, and what it would say without any of it. Whoever misses
    /// something that such a device deleted writes it in again with [`Texts::splice`].
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn restored(&self, plan: PlanId, text: TextId) -> Result<TextRestored, WaymarkError> {
        self.with_undone(plan, |document, is_undone| {
            let restored = document.text_restored(&text, is_undone.unwrap_or(&|_| false));
            let restored = restored.map_err(SpaceError::from)?;
            Ok(TextRestored {
                hidden: count(restored.hidden),
                deleted: count(restored.deleted),
                text: restored.text,
            })
        })
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
        self.edit(plan, |document, is_undone| {
            document.splice_shown(text, size(position), size(delete), insert, is_undone)
        })
    }

    /// Looks at the plan's texts, with what is undone there, if anything is.
    fn with_undone<T>(
        &self,
        plan: PlanId,
        look: impl FnOnce(&Document, Option<IsUndone<'_>>) -> Result<T, WaymarkError>,
    ) -> Result<T, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let folded = self.0.views.plan(&mut inner.engine, space_of(plan))?;
        let undone = folded.undone();
        let (space, store, _) = care(&mut inner.engine, space_of(plan))?;
        let document = space.document(store, name_of(DocumentKey::PLAN))?;
        let covers = |op: &OpId| undone.covers(DocumentKey::PLAN, op);
        look(document, (!undone.is_empty()).then_some(&covers))
    }

    fn edit(
        &self,
        plan: PlanId,
        edit: impl FnOnce(
            &mut Document,
            Option<IsUndone<'_>>,
        ) -> Result<Option<StoredChange>, GateError>,
    ) -> Result<(), WaymarkError> {
        {
            let inner = &mut *self.0.shared.lock();
            let id = space_of(plan);
            self.0.stamp(&mut inner.engine, id, None)?;
            let folded = self.0.views.plan(&mut inner.engine, id)?;
            let (space, store, _) = care(&mut inner.engine, id)?;
            let undone = folded.undone();
            let covers = |op: &OpId| undone.covers(DocumentKey::PLAN, op);
            let is_undone = (!undone.is_empty()).then_some(&covers as IsUndone<'_>);
            space.edit(store, name_of(DocumentKey::PLAN), |document| {
                Ok(edit(document, is_undone)?.into_iter().collect())
            })?;
            let number = space.number();
            inner.machine.local_change(number);
            self.0.views.keep(&mut inner.engine, id, &folded)?;
        }
        self.0.shared.wake();
        Ok(())
    }
}
