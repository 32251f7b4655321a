//! How a device comes into a space: it founds it, is welcomed to it, or enters with keys that are a
//! member already; and how everything of a space goes from the device.

use waymark_wire::chain::Cursor;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::Entry;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, SpaceId};
use waymark_wire::membership::{Member, SUITE_XWING};
use zeroize::Zeroizing;

use super::{Space, SpaceError, SpaceState, keys, outbox};
use crate::crypto::{Entropy, EpochKey, MembershipKeys};
use crate::membership::{
    Book, Draft, KeySet, NewMember, Newcomer, RelayAddress, SpaceKind, WelcomeSpace, Wish, found,
};
use crate::store::{Store, Table, Transaction};

/// What a space is founded as.
#[derive(Clone, Debug)]
pub struct Founding {
    /// What it is for.
    pub kind: SpaceKind,
    /// Where it is served.
    pub relay: RelayAddress,
    /// The space in whose place it goes on.
    pub follows: Option<SpaceId>,
}

impl Space {
    /// Founds a space with this device as its first member, and whoever else of its person comes with
    /// it. It needs no relay to be there: the first entry waits in the outbox.
    ///
    /// # Errors
    /// [`SpaceError`] where a key is unusable or the store fails; nothing is kept then.
    pub fn create(
        store: &mut dyn Store,
        number: u32,
        founders: &[NewMember],
        keys: MembershipKeys,
        founded: Founding,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, SpaceError> {
        let mut transaction = Transaction::new();
        Self::create_in(&mut transaction, number, founders, &keys, founded, entropy)?;
        store.commit(transaction.into())?;
        Self::load(store, number)
    }

    /// The same as a part of a transaction; the space is to be loaded once it is committed.
    ///
    /// # Errors
    /// [`SpaceError`] where a key is unusable.
    pub fn create_in(
        transaction: &mut Transaction,
        number: u32,
        founders: &[NewMember],
        own: &MembershipKeys,
        founded: Founding,
        entropy: &mut dyn Entropy,
    ) -> Result<SpaceId, SpaceError> {
        let Founding {
            kind,
            relay,
            follows,
        } = founded;
        let (draft, epoch_key) = found(founders, kind, Some(&relay), follows, own, entropy)?;
        for member in founders {
            let key = &member.keys.agreement_key.0;
            let place = keys::attachment(number, &AttachmentHash::of(key));
            transaction.put(Table::Attachment, place, key.as_slice());
        }
        let first = (&draft, &epoch_key);
        Self::put_founded(transaction, number, (kind, relay), own, first, &[]);
        Ok(SpaceId::from(draft.entry.id(&SpaceId::ZERO)))
    }

    /// Puts a space with this first entry and the batches after it on its way.
    pub(crate) fn put_founded(
        transaction: &mut Transaction,
        number: u32,
        (kind, relay): (SpaceKind, RelayAddress),
        keys: &MembershipKeys,
        (draft, epoch_key): (&Draft, &EpochKey),
        batches: &[Entry],
    ) {
        let id = SpaceId::from(draft.entry.id(&SpaceId::ZERO));
        let mut state = SpaceState::new(id, kind, relay, keys);
        state.device = Some(DeviceNumber(0));
        state.counter = 1;
        state.verified = Some((Height(0), EntryId::from(id)));
        transaction
            .put(
                Table::Membership,
                keys::membership(number, Height(0)),
                draft.entry.bytes(),
            )
            .put(
                Table::Epoch,
                keys::epoch(number, Height(0)),
                epoch_key.expose().as_slice(),
            );
        outbox::put_membership(transaction, number, 0, draft);
        for batch in batches {
            outbox::put_batch(transaction, number, state.counter, batch.clone());
            state.counter += 1;
        }
        transaction.put(Table::Space, keys::space(number), state.to_bytes());
    }

    /// Deletes everything of a space from this device.
    pub fn erase(transaction: &mut Transaction, number: u32) {
        for table in Table::ALL {
            // What these two hold is not of one space.
            if !matches!(table, Table::Meta | Table::Home) {
                transaction.delete_prefix(table, keys::space(number));
            }
        }
        super::summary::outdate(transaction, number);
    }

    /// Prepares for a space that this device was welcomed to: nothing of it is known yet.
    pub fn join(
        transaction: &mut Transaction,
        number: u32,
        welcome: &WelcomeSpace,
        keys: &MembershipKeys,
    ) {
        let mut state = SpaceState::new(welcome.space, welcome.kind, welcome.relay.clone(), keys);
        state.welcome = Some((welcome.added_by, welcome.reaches));
        state.welcomed_as = Some(welcome.device);
        transaction.put(Table::Space, keys::space(number), state.to_bytes());
    }

    /// Prepares for another space that the card of this one was added to. Says whether it could: not
    /// where this one was read, which may have other keys by now.
    #[must_use]
    pub fn join_too(
        &self,
        transaction: &mut Transaction,
        number: u32,
        welcome: &WelcomeSpace,
    ) -> bool {
        let is_card = self.book.is_none() && !self.is_enrolling();
        if is_card {
            Self::join(transaction, number, welcome, &self.keys);
        }
        is_card
    }

    /// Prepares for a space that this device enters with `borrowed` keys, which are a member
    /// already, to become a member with its `own`.
    pub fn join_with(
        transaction: &mut Transaction,
        number: u32,
        welcome: &WelcomeSpace,
        borrowed: &MembershipKeys,
        own: &MembershipKeys,
    ) {
        let relay = welcome.relay.clone();
        let mut state = SpaceState::new(welcome.space, welcome.kind, relay, borrowed);
        state.welcome = Some((welcome.added_by, welcome.reaches));
        state.welcomed_as = Some(welcome.device);
        state.becomes = Some(Zeroizing::new(own.to_bytes().to_vec()));
        transaction.put(Table::Space, keys::space(number), state.to_bytes());
    }

    /// Puts other borrowed keys in the place of those that led nowhere, or no further.
    pub fn borrow_again(
        &self,
        transaction: &mut Transaction,
        welcome: &WelcomeSpace,
        borrowed: &MembershipKeys,
    ) {
        let mut state = self.state.clone();
        state.keys = Zeroizing::new(borrowed.to_bytes().to_vec());
        // Whoever founded the space and has read nothing of it since has a number of its own there.
        let known = self.book.as_ref().map(Book::membership);
        let member = known.and_then(|known| known.member_with_key(&welcome.signing_key));
        state.device = member.map(|member| member.device);
        state.former.clear();
        state.renewed = None;
        state.welcome = Some((welcome.added_by, welcome.reaches));
        state.welcomed_as = Some(welcome.device);
        transaction.put(Table::Space, keys::space(self.number), state.to_bytes());
    }

    /// Prepares for the space that goes on in the place of this one, which was closed: this device
    /// enters it with its keys of this one, to become a member with fresh ones. Says whether there is
    /// a way in.
    ///
    /// # Errors
    /// [`SpaceError::NotAllowed`] where this device is no member here.
    pub fn follow(
        &self,
        transaction: &mut Transaction,
        number: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<bool, SpaceError> {
        let known = self.book.as_ref().zip(self.state.device);
        let (book, device) = known.ok_or(SpaceError::NotAllowed("it is not a member"))?;
        let (Some(next), Some(entrance), Some(newcomer)) = (
            book.membership().successor(),
            book.entrance(device),
            self.newcomer_again(),
        ) else {
            return Ok(false);
        };
        let welcome = WelcomeSpace {
            space: next,
            kind: self.state.kind,
            relay: self.state.relay.clone(),
            signing_key: self.signing.verifying_key(),
            device: entrance.number,
            added_by: entrance.added_by,
            reaches: entrance.reaches,
        };
        let own = MembershipKeys::generate(entropy);
        Self::join_with(transaction, number, &welcome, &self.keys, &own);
        Self::wish_to_enrol(transaction, number, newcomer);
        Ok(true)
    }

    /// The public keys of a member, where this device was shown them.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn keys_of(
        &self,
        store: &dyn Store,
        member: &Member,
    ) -> Result<Option<KeySet>, SpaceError> {
        let place = keys::attachment(self.number, &member.agreement_key);
        let key = store.get(Table::Attachment, &place)?;
        Ok(key.map(|key| KeySet {
            signing_key: member.signing_key,
            suite: SUITE_XWING,
            agreement_key: Bytes(key),
        }))
    }

    /// Notes what this device wants to be called where it enters with borrowed keys.
    pub fn wish_to_enrol(transaction: &mut Transaction, number: u32, newcomer: Newcomer) {
        let wish = Wish::Enrol(newcomer);
        let place = keys::wish(number, &wish);
        transaction.put(Table::Intent, place, codec::encode(&wish));
    }

    /// Forgets that something is wanted. An entry that does it may be on its way all the same.
    pub fn unwish(&self, transaction: &mut Transaction, wish: &Wish) {
        transaction.delete(Table::Intent, keys::wish(self.number, wish));
    }

    /// Takes another welcome for the same membership, as long as the first has led nowhere: it may
    /// have been damaged on its way, or the relay has lost the entry that it names. Of a welcome under
    /// another number only that is noted, since only the relay can tell which of both logs it goes on
    /// with. Says whether it was taken; then the space is to be loaded again.
    #[must_use]
    pub fn welcome_again(&self, transaction: &mut Transaction, welcome: &WelcomeSpace) -> bool {
        let mut state = self.state.clone();
        if self.book.is_none() {
            state.id = welcome.space;
            state.kind = welcome.kind;
            state.relay = welcome.relay.clone();
            state.cursor = Cursor::start(&welcome.space);
        } else if self.state.id != welcome.space {
            return false;
        } else if self.state.device.is_some() && self.reaches_welcome() {
            // Where the relay does not know this device any more, it is to go by that.
            let is_other = self.state.device != Some(welcome.device);
            let is_news = is_other && self.state.named != Some(welcome.device);
            if is_news {
                state.named = Some(welcome.device);
                transaction.put(Table::Space, keys::space(self.number), state.to_bytes());
            }
            return is_news;
        }
        state.welcomed_as = Some(welcome.device);
        state.welcome = Some((welcome.added_by, welcome.reaches));
        transaction.put(Table::Space, keys::space(self.number), state.to_bytes());
        true
    }
}
