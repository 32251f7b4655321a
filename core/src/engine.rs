//! Everything that one device holds: its store, its spaces and its source of randomness. It knows
//! no network; the sync machine and the facade work on it in turn.

mod repair;

use waymark_wire::ids::SpaceId;
use waymark_wire::limits;
use waymark_wire::receipt::Receipt;

use crate::crypto::Entropy;
use crate::mail::Mail;
use crate::space::{Damage, Item, Received, Space, SpaceError};
use crate::store::{Store, Transaction, clean};
use crate::succession;

/// One device.
pub struct Engine {
    pub(crate) store: Box<dyn Store>,
    pub(crate) entropy: Box<dyn Entropy>,
    pub(crate) mail: Mail,
    spaces: Vec<Space>,
    damaged: Vec<Damage>,
    /// How often something was forgotten since the start.
    forgot: u64,
}

impl Engine {
    /// The device whose database `store` is. A space that is damaged keeps no other from opening; it is
    /// named by [`Engine::damaged`].
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails, or which spaces there are cannot be read.
    pub fn open(mut store: Box<dyn Store>, entropy: Box<dyn Entropy>) -> Result<Self, SpaceError> {
        let (mut spaces, damaged) = Space::load_each(store.as_ref())?;
        clean(store.as_mut());
        succession::erase_marked(store.as_mut(), &mut spaces)?;
        let mail = Mail::load(store.as_ref())?;
        Ok(Self {
            store,
            entropy,
            mail,
            spaces,
            damaged,
            forgot: 0,
        })
    }

    /// The spaces that this device is in or was welcomed to, by local number.
    #[must_use]
    pub fn spaces(&self) -> &[Space] {
        &self.spaces
    }

    /// The space `id`.
    #[must_use]
    pub fn space(&self, id: &SpaceId) -> Option<&Space> {
        self.spaces.iter().find(|space| space.id() == *id)
    }

    /// The space with a local number.
    #[must_use]
    pub fn space_by_number(&self, number: u32) -> Option<&Space> {
        self.spaces.iter().find(|space| space.number() == number)
    }

    /// The space `id` with the store, to work on both.
    pub fn space_mut(
        &mut self,
        id: &SpaceId,
    ) -> Option<(&mut Space, &mut dyn Store, &mut dyn Entropy)> {
        let space = self.spaces.iter_mut().find(|space| space.id() == *id)?;
        Some((space, self.store.as_mut(), self.entropy.as_mut()))
    }

    /// The space with a local number, with the store.
    pub(crate) fn parts(
        &mut self,
        number: u32,
    ) -> Option<(&mut Space, &mut dyn Store, &mut dyn Entropy)> {
        let space = self
            .spaces
            .iter_mut()
            .find(|space| space.number() == number)?;
        Some((space, self.store.as_mut(), self.entropy.as_mut()))
    }

    /// Takes a page of a space's log; `at_end` tells whether the log ends with it, `now_ms` the time.
    ///
    /// # Errors
    /// [`SpaceError`] names what is refused; nothing of the page is kept then.
    pub fn receive(
        &mut self,
        number: u32,
        items: Vec<Item>,
        receipt: &Receipt,
        at_end: bool,
        now_ms: i64,
    ) -> Result<Received, SpaceError> {
        let (space, store, _) = self
            .parts(number)
            .ok_or(SpaceError::NotAllowed("the space is gone"))?;
        let received = space.receive(store, items, receipt, at_end, now_ms)?;
        self.forgot += u64::from(received.forgot);
        Ok(received)
    }

    /// How often something was forgotten since the start: what was made of documents before is not to be
    /// kept.
    #[must_use]
    pub const fn forgot(&self) -> u64 {
        self.forgot
    }

    /// Gives up this device's membership in a space for another one, because somebody else has the same
    /// keys, and in every other space where it can. Says in which, by local number.
    ///
    /// # Errors
    /// [`SpaceError`] where it cannot in this one, or the store fails; nothing is done then.
    pub fn renounce(&mut self, number: u32) -> Result<Vec<u32>, SpaceError> {
        let mut transaction = Transaction::new();
        let mut numbers = Vec::new();
        for space in &mut self.spaces {
            let is_it = space.number() == number;
            if !is_it && !space.may_renounce() {
                continue;
            }
            let (store, entropy) = (self.store.as_ref(), self.entropy.as_mut());
            space.renounce(store, &mut transaction, entropy)?;
            numbers.push(space.number());
        }
        self.adopt(transaction, &numbers)?;
        Ok(numbers)
    }

    /// Gives up this device's membership in one space for another one.
    ///
    /// # Errors
    /// [`SpaceError`] where it cannot, or the store fails; nothing is done then.
    pub fn renounce_one(&mut self, number: u32) -> Result<(), SpaceError> {
        let mut transaction = Transaction::new();
        let (store, entropy) = (self.store.as_ref(), self.entropy.as_mut());
        let mut spaces = self.spaces.iter_mut();
        if let Some(space) = spaces.find(|space| space.number() == number) {
            space.renounce(store, &mut transaction, entropy)?;
        }
        self.adopt(transaction, &[number])
    }

    /// Has every space be read from the store again before it is used: somebody was interrupted
    /// while changing one, and only what is stored is certain.
    pub fn distrust(&mut self) {
        self.spaces.iter_mut().for_each(Space::distrust);
    }

    /// The local number for the next space.
    ///
    /// # Errors
    /// [`SpaceError::NotAllowed`] where the device is in as many as it may be.
    pub fn next_number(&self) -> Result<u32, SpaceError> {
        if self.spaces.len() >= limits::SPACES {
            return Err(SpaceError::NotAllowed(
                "it is in as many spaces as there may be",
            ));
        }
        let known = self.spaces.iter().map(Space::number);
        let damaged = self.damaged.iter().map(|damage| damage.number);
        let last = known.chain(damaged).max();
        Ok(last.map_or(0, |last| last + 1))
    }

    /// Commits `transaction` and removes everything of the space with this local number from this
    /// device.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails; nothing is done then.
    pub fn forget(&mut self, mut transaction: Transaction, number: u32) -> Result<(), SpaceError> {
        Space::erase(&mut transaction, number);
        self.store.commit(transaction.into())?;
        self.spaces.retain(|space| space.number() != number);
        Ok(())
    }

    /// Adds a space that has been created in the store.
    pub fn push(&mut self, space: Space) {
        self.spaces.push(space);
    }

    /// Commits `transaction` and loads the spaces with these local numbers from it, new or again.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails; nothing is kept then.
    pub fn adopt(&mut self, transaction: Transaction, numbers: &[u32]) -> Result<(), SpaceError> {
        self.store.commit(transaction.into())?;
        for number in numbers {
            let space = Space::load(self.store.as_ref(), *number)?;
            self.spaces.retain(|known| known.number() != *number);
            self.spaces.push(space);
        }
        self.spaces.sort_by_key(Space::number);
        Ok(())
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("spaces", &self.spaces.len())
            .finish_non_exhaustive()
    }
}
