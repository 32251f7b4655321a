//! What a device is to write again under its own keys, where its documents are given up.

use super::{Aside, Section, SpaceError, Store, Survey};

impl Survey {
    /// Whether it is among what this device is to write again under its own keys.
    pub(super) fn is_unsettled(&self, section: &Section) -> bool {
        let unsettled = self.space.unsettled.get(&section.name());
        unsettled.is_some_and(|known| known.holds(section.author(), section.first_seq()))
    }

    /// Puts aside what this device wrote under keys that it gave up, and was to write again: much of it has
    /// no mark, since it had been in an entry.
    pub(super) fn look_at_unsettled(&mut self, store: &dyn Store) -> Result<(), SpaceError> {
        let own = self.space.actor();
        for (name, unsettled) in self.space.unsettled.clone() {
            for (author, from) in unsettled.all() {
                let document = self.space.documents.open(store, name, own)?;
                for change in document.changes_from(author, from)? {
                    let section = Section::build(name, [&change.stored])?;
                    self.repaired.kept += 1;
                    self.aside.push(Aside::new(&section, false));
                }
            }
            self.space.documents.evict();
        }
        Ok(())
    }
}
