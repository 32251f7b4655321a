//! Memberships that this device wants to add. A wish is kept as a wish: it is signed when its turn
//! comes, against the membership as it then is, and signed anew where another entry came first.

use waymark_wire::codec;
use waymark_wire::entry::{Header, Kind};
use waymark_wire::ids::{EntryId, PersonTag};
use waymark_wire::limits;
use waymark_wire::membership::Rights;
use waymark_wire::signature::VerifyingKey;

use super::{Space, SpaceError, damaged, keys, outbox};
use crate::crypto::Entropy;
use crate::membership::{Book, NewMember, WelcomeSpace};
use crate::store::{Store, Table, Transaction};

/// Memberships in one entry: as many as fit, however long the names are.
const AT_ONCE: usize = 32;

impl Space {
    /// Notes that somebody is to be added. It happens with the next push.
    ///
    /// # Errors
    /// [`SpaceError::NotAllowed`] where this device may not, or the device is a member already;
    /// [`SpaceError`] where the store fails.
    pub fn want(
        &self,
        transaction: &mut Transaction,
        member: &NewMember,
    ) -> Result<(), SpaceError> {
        let own = self.own_member()?;
        let own_device = member.person == own.0 && own.1.include(member.rights);
        if !own_device && !own.1.include(Rights::ADMIN) {
            return Err(SpaceError::NotAllowed("only the client adds other people"));
        }
        let key = &member.keys.signing_key;
        let membership = self.book.as_ref().map(Book::membership);
        if membership.is_some_and(|m| m.member_with_key(key).is_some()) {
            return Err(SpaceError::NotAllowed("this device is a member already"));
        }
        if membership.is_some_and(|m| m.members().len() >= limits::MEMBERSHIPS) {
            return Err(SpaceError::NotAllowed("the space has no room for more"));
        }
        transaction.put(
            Table::Intent,
            keys::intent(self.number, key),
            codec::encode(member),
        );
        Ok(())
    }

    /// This device's person, and its rights here.
    ///
    /// # Errors
    /// [`SpaceError::NotAllowed`] where the device is no member yet.
    pub fn own_member(&self) -> Result<(PersonTag, Rights), SpaceError> {
        let book = self.book.as_ref();
        let member = self
            .state
            .device
            .and_then(|device| book?.membership().member(device));
        member
            .map(|member| (member.person, member.rights))
            .ok_or(SpaceError::NotAllowed("it is not a member yet"))
    }

    /// Who is to be added and is not in the log yet.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn members_to_add(&self, store: &dyn Store) -> Result<Vec<NewMember>, SpaceError> {
        let rows = store.scan(Table::Intent, &keys::space(self.number), None, usize::MAX)?;
        rows.iter()
            .map(|(_, value)| {
                codec::decode(value, usize::MAX)
                    .map_err(|_| damaged(Table::Intent, "a wanted membership cannot be read"))
            })
            .collect()
    }

    /// Signs the entry that adds whoever is to be added, where nothing else is on its way. Says
    /// whether there was anybody.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or a key is unusable.
    pub fn draft_members(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        let Some(device) = self.state.device else {
            return Ok(false);
        };
        let members = self.members_to_add(store)?;
        if members.is_empty() || !self.is_ready() || self.first_on_its_way(store)?.is_some() {
            return Ok(false);
        }
        let Some(book) = &self.book else {
            return Ok(false);
        };
        let room = limits::MEMBERSHIPS.saturating_sub(book.membership().members().len());
        let members = &members[..members.len().min(AT_ONCE).min(room)];
        if members.is_empty() {
            // Others were added first, and nobody's place becomes free: it can never be.
            tracing::warn!("a space has no room for those who were to be added");
            let mut transaction = Transaction::new();
            transaction.delete_prefix(Table::Intent, keys::space(self.number));
            store.commit(transaction.into())?;
            return Ok(false);
        }
        let counter = self.state.counter;
        let seen = self.state.cursor.position();
        let draft = book.draft_add(members, (device, &self.keys), counter, seen, entropy)?;
        let mut transaction = Transaction::new();
        outbox::put_membership(&mut transaction, self.number, counter, &draft);
        self.state.counter += 1;
        self.save(&mut transaction);
        if let Err(error) = store.commit(transaction.into()) {
            self.state.counter -= 1;
            return Err(error.into());
        }
        Ok(true)
    }

    /// Whether an entry that adds somebody is on its way. The one that founds a space is not meant:
    /// nothing can come before it.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn is_drafting(&self, store: &dyn Store) -> Result<bool, SpaceError> {
        let adds = |header: &Header| header.kind == Kind::Membership && header.seen.seq > 0;
        let outbox = self.outbox(store)?;
        Ok(outbox.iter().any(|sealed| adds(sealed.entry.header())))
    }

    /// Takes back a membership entry that came second: the relay refused it because another one
    /// follows the same predecessor, so nobody can ever accept it, and its counter is free again.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn take_back_draft(&mut self, store: &mut dyn Store) -> Result<(), SpaceError> {
        self.refresh(store)?;
        let outbox = self.outbox(store)?;
        let Some(book) = &self.book else {
            return Ok(());
        };
        let [only] = outbox.as_slice() else {
            return Ok(());
        };
        let moved = only.entry.header().height < book.membership().height();
        if only.attachments.is_empty() || !moved || only.counter + 1 != self.state.counter {
            return Ok(());
        }
        let mut transaction = Transaction::new();
        transaction.delete(Table::Outbox, keys::sealed_entry(self.number, only.counter));
        self.state.counter = only.counter;
        self.save(&mut transaction);
        Ok(store.commit(transaction.into())?)
    }

    /// What to hand back to a device whose membership the log shows.
    #[must_use]
    pub fn welcome(&self, key: &VerifyingKey) -> Option<WelcomeSpace> {
        let membership = self.book.as_ref()?.membership();
        let member = membership.member_with_key(key)?;
        let added_by: EntryId = membership.id_at(member.since)?;
        Some(WelcomeSpace {
            space: self.state.id,
            kind: self.state.kind,
            relay: self.state.relay.clone(),
            signing_key: *key,
            device: member.device,
            added_by,
            reaches: self.state.cursor.position(),
        })
    }
}
