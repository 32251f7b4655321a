//! Notes that people edit together.

use std::sync::Arc;

use waymark_core::client::{PlanId, TextRestored, WaymarkError};
use waymark_core::model::{NoteView, RecordId, TextId};

use crate::session::Session;

/// Notes of plans: what two people type at once is merged, character by character.
#[derive(uniffi::Object)]
pub struct Texts(pub(crate) Arc<Session>);

#[uniffi::export]
impl Texts {
    /// Makes an empty note, about a record or on its own.
    ///
    /// # Errors
    /// `invalid_input`, `not_found`, `not_allowed`, `locked`, or the storage's.
    #[uniffi::method(default(about = None, title = None))]
    pub fn create(
        &self,
        plan: PlanId,
        about: Option<RecordId>,
        title: Option<String>,
    ) -> Result<NoteView, WaymarkError> {
        self.0
            .call(|c| c.texts().create(plan, about, title.as_deref()))
    }

    /// The notes of a plan, oldest first.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn list(&self, plan: PlanId) -> Result<Vec<NoteView>, WaymarkError> {
        self.0.call(|c| c.texts().list(plan))
    }

    /// What a note says now, without what an undone device inserted.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn read(&self, plan: PlanId, text: TextId) -> Result<String, WaymarkError> {
        self.0.call(|c| c.texts().read(plan, text))
    }

    /// What undone devices did to a note, and what it would say without any of it. Whoever misses
    /// something that such a device deleted writes it in again with [`Texts::splice`].
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn restored(&self, plan: PlanId, text: TextId) -> Result<TextRestored, WaymarkError> {
        self.0.call(|c| c.texts().restored(plan, text))
    }

    /// Deletes `delete` characters at `position` and inserts `insert` there. Positions and lengths
    /// count Unicode scalar values, not UTF-16 units; at most 20,000 are inserted at once.
    ///
    /// # Errors
    /// `invalid_input` where the position lies outside the text or the insertion is too long;
    /// `not_found`, `not_allowed`, `locked`, or the storage's.
    pub fn splice(
        &self,
        plan: PlanId,
        text: TextId,
        position: u32,
        delete: u32,
        insert: String,
    ) -> Result<(), WaymarkError> {
        self.0
            .call(|c| c.texts().splice(plan, text, position, delete, &insert))
    }
}
