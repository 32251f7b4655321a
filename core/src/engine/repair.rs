//! Spaces of a device that did not open, and what becomes of them.

use waymark_wire::ids::SpaceId;

use super::Engine;
use crate::home::{self, HomeList};
use crate::membership::{Newcomer, SpaceKind};
use crate::space::{Damage, Repaired, Space, SpaceError, note_repaired};
use crate::store::{StoreError, Table, Transaction};

impl Engine {
    /// The spaces that did not open, by local number.
    #[must_use]
    pub fn damaged(&self) -> &[Damage] {
        &self.damaged
    }

    /// What is wrong with a space that did not open, where it may be this one.
    #[must_use]
    pub fn damage_of(&self, id: &SpaceId) -> Option<&Damage> {
        let is_it = |damage: &&Damage| damage.id.is_none_or(|damaged| damaged == *id);
        let exact = self.damaged.iter().find(|damage| damage.id == Some(*id));
        exact.or_else(|| self.damaged.iter().find(is_it))
    }

    /// Whether a space that did not open is home, or may be.
    #[must_use]
    pub fn is_home_damaged(&self) -> bool {
        let may_be = |damage: &Damage| damage.kind.is_none_or(|kind| kind == SpaceKind::Home);
        home::home_of(self).is_none() && self.damaged.iter().any(may_be)
    }

    /// Keeps what is sound of a space and has the rest come back with the next sync. It is local and
    /// quick, and done as a whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the space's keys are lost and home does not lead back to it;
    /// [`SpaceError`] where the store fails. Nothing is done then.
    pub fn repair(&mut self, number: u32) -> Result<Repaired, SpaceError> {
        let newcomer = self.newcomer();
        let mut transaction = Transaction::new();
        let (store, entropy) = (self.store.as_ref(), self.entropy.as_mut());
        let outcome = Space::repair(store, &mut transaction, number, newcomer, entropy);
        let repaired = match outcome {
            Ok(repaired) => repaired,
            Err(SpaceError::Store(StoreError::Damaged {
                table: Some(Table::Space),
                ..
            })) => return self.enter_anew(number),
            Err(error) => return Err(error),
        };
        self.note_repaired(&mut transaction, number)?;
        if !transaction.is_empty() || self.damaged.iter().any(|known| known.number == number) {
            self.adopt(transaction, &[number])?;
            self.damaged.retain(|known| known.number != number);
        }
        Ok(repaired)
    }

    /// Drops a space whose keys are lost, for home to lead back to it.
    fn enter_anew(&mut self, number: u32) -> Result<Repaired, SpaceError> {
        let lost = |what: &str| {
            SpaceError::Store(StoreError::Damaged {
                table: Some(Table::Space),
                what: what.into(),
            })
        };
        let Some(home) = home::home_of(self).map(Space::number) else {
            let what = "home's keys are lost: erase this device, and come back with the recovery \
                        phrase or another own device";
            return Err(lost(what));
        };
        let known = self.damaged.iter().find(|known| known.number == number);
        let id = known.and_then(|known| known.id);
        let (home, store, _) = self.parts(home).ok_or_else(|| lost("home is gone"))?;
        let list = HomeList::read(home, store)?;
        let unknown = || {
            let here = self.spaces.iter().map(Space::id).collect::<Vec<_>>();
            let mut missing = list.reserves.keys().filter(|id| !here.contains(id));
            // The only one that is listed and not here is this one.
            missing.next().copied().filter(|_| missing.next().is_none())
        };
        let id = id.or_else(unknown);
        let is_listed = |id: &SpaceId| list.reserves.contains_key(id) && !list.gone.contains(id);
        if !id.as_ref().is_some_and(is_listed) {
            return Err(lost("the space's keys are lost, and home does not list it"));
        }
        let lost = Space::count_unsent(self.store.as_ref(), number)?;
        let mut transaction = Transaction::new();
        self.note_repaired(&mut transaction, number)?;
        self.forget(transaction, number)?;
        self.damaged.retain(|known| known.number != number);
        Ok(Repaired {
            done: true,
            lost,
            entered_anew: true,
            ..Repaired::default()
        })
    }

    fn note_repaired(&self, transaction: &mut Transaction, number: u32) -> Result<(), SpaceError> {
        let open = self.spaces.iter().map(Space::number);
        let damaged = self.damaged.iter().map(|known| known.number);
        let others: Vec<u32> = open
            .chain(damaged)
            .filter(|other| *other != number)
            .collect();
        note_repaired(self.store.as_ref(), transaction, number, &others)
    }

    /// What this device calls itself, in home or wherever it can be read.
    fn newcomer(&self) -> Option<Newcomer> {
        let home = home::home_of(self).and_then(Space::newcomer_again);
        home.or_else(|| self.spaces.iter().find_map(Space::newcomer_again))
    }
}
