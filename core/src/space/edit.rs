//! The documents of a space, to edit and to read.

use super::{Space, SpaceError};
use crate::gate::{Document, DocumentName, GateError, StoredChange};
use crate::store::{Store, Transaction};

impl Space {
    /// Edits a document: `f` makes the changes, which are durable when this returns.
    ///
    /// # Errors
    /// [`SpaceError`] where the gate refuses a change or the store fails; the document is as before.
    pub fn edit(
        &mut self,
        store: &mut dyn Store,
        name: DocumentName,
        f: impl FnOnce(&mut Document) -> Result<Vec<StoredChange>, GateError>,
    ) -> Result<bool, SpaceError> {
        self.edit_many(store, vec![(name, f)])
    }

    /// Edits several documents, all or none.
    ///
    /// # Errors
    /// [`SpaceError`] where the gate refuses a change or the store fails; the documents are as
    /// before.
    pub fn edit_many<F>(
        &mut self,
        store: &mut dyn Store,
        edits: Vec<(DocumentName, F)>,
    ) -> Result<bool, SpaceError>
    where
        F: FnOnce(&mut Document) -> Result<Vec<StoredChange>, GateError>,
    {
        self.edit_with(store, Transaction::new(), edits)
    }

    /// The same together with what `transaction` does.
    ///
    /// # Errors
    /// As [`Space::edit_many`]; then nothing of either is done.
    pub fn edit_with<F>(
        &mut self,
        store: &mut dyn Store,
        mut transaction: Transaction,
        edits: Vec<(DocumentName, F)>,
    ) -> Result<bool, SpaceError>
    where
        F: FnOnce(&mut Document) -> Result<Vec<StoredChange>, GateError>,
    {
        self.refresh(store)?;
        if self.is_closed() {
            return Err(SpaceError::NotAllowed("it is closed, and can only be read"));
        }
        let actor = self.actor();
        let mut edited = Vec::new();
        let run = || -> Result<(), SpaceError> {
            for (name, f) in edits {
                self.may_be_edited(name)?;
                edited.push(name);
                let changes = f(self.documents.open(store, name, actor)?)?;
                self.documents.write_local(&mut transaction, name, &changes);
            }
            Ok(())
        };
        let outcome = run();
        let changed = !transaction.is_empty();
        let outcome = match outcome {
            Ok(()) if changed => store.commit(transaction.into()).map_err(SpaceError::from),
            other => other,
        };
        if let Err(error) = outcome {
            self.documents.reload(store, &edited)?;
            return Err(error);
        }
        Ok(changed)
    }

    /// A document as it is now, to read.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn document(
        &mut self,
        store: &dyn Store,
        name: DocumentName,
    ) -> Result<&mut Document, SpaceError> {
        self.refresh(store)?;
        if self.former(store, name)?.is_some() {
            let shown = self.formers.get_mut(&name);
            return shown.ok_or(SpaceError::OnItsWay);
        }
        self.is_here(name)?;
        let actor = self.actor();
        self.documents.open(store, name, actor)
    }

    /// The documents that exist here.
    pub fn document_names(&self) -> impl Iterator<Item = DocumentName> + '_ {
        self.documents.names()
    }
}
