//! The heads of documents, also of those that are not in memory.

use super::{ActorId, ChangeHash, DocumentName, Documents, SpaceError, Store};
use crate::space::Space;

impl Space {
    /// The heads of a document as it is now; none of one that does not exist. It is loaded for that only
    /// where it was not before.
    ///
    /// # Errors
    /// As [`Space::document`].
    pub fn heads(
        &mut self,
        store: &dyn Store,
        name: DocumentName,
    ) -> Result<Vec<ChangeHash>, SpaceError> {
        self.refresh(store)?;
        if let Some(former) = self.former(store, name)? {
            return Ok(former.heads());
        }
        self.is_here(name)?;
        let actor = self.actor();
        self.documents.heads(store, name, actor)
    }
}

impl Documents {
    fn heads(
        &mut self,
        store: &dyn Store,
        name: DocumentName,
        actor: ActorId,
    ) -> Result<Vec<ChangeHash>, SpaceError> {
        let Some(slot) = self.slots.get(&name) else {
            return Ok(Vec::new());
        };
        match (&slot.loaded, &slot.heads) {
            (Some(loaded), _) => Ok(loaded.document.heads()),
            (None, Some(heads)) => Ok(heads.clone()),
            (None, None) => {
                let heads = self.open(store, name, actor)?.heads();
                self.evict();
                Ok(heads)
            }
        }
    }
}
