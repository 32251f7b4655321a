//! What a membership entry that has been verified means to this device: whether it is a member, with
//! which keys, and which epoch keys it gets.

use waymark_wire::entry::Entry;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height};
use waymark_wire::membership::{MembershipBody, MembershipError, Op};
use waymark_wire::signature::{SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::receive::Page;
use super::state::Doubtful;
use super::{Space, SpaceError, damaged, keys};
use crate::crypto::MembershipKeys;
use crate::membership::{Book, BookError, Wish};
use crate::store::{Store, Table};

/// Agreement keys beside the one in force that are kept: a relay that loses renewals brings an older one
/// back into force, and one that shows them again a newer one.
const FORMER: usize = 4;

impl Space {
    pub(super) fn learn(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        entry: &Entry,
        id: EntryId,
    ) -> Result<(), SpaceError> {
        let Some(height) = self.book.as_ref().map(|book| book.membership().height()) else {
            return Ok(());
        };
        let place = keys::membership(self.number, height);
        page.transaction
            .put(Table::Membership, place, entry.bytes());
        self.state.verified = Some((height, id));
        page.received.membership = true;
        let mut attachments = std::mem::take(&mut page.attachments);
        // What this device sealed to itself need not come back.
        let own = self.on_its_way(store, entry.header().counter, &id)?;
        self.forget_fulfilled(page, entry, own.is_some())?;
        attachments.extend(own.into_iter().flat_map(|own| own.attachments));
        self.keep_agreement_keys(page, entry, &attachments)?;
        self.enter(page, height, id)?;
        self.renew()?;
        self.take_key(store, page, entry, height, &attachments)
    }

    /// Keeps the keys that a new epoch key will have to be sealed to.
    fn keep_agreement_keys(
        &self,
        page: &mut Page,
        entry: &Entry,
        attachments: &[Vec<u8>],
    ) -> Result<(), SpaceError> {
        let body = MembershipBody::parse(entry.body());
        let core = body
            .map_err(|e| BookError::from(MembershipError::from(e)))?
            .core;
        let named: Vec<AttachmentHash> = core
            .ops
            .iter()
            .filter_map(|op| match op {
                Op::Add(add) => Some(add.agreement_key),
                Op::Rotate(new) => new.map(|new| new.agreement_key),
                _ => None,
            })
            .collect();
        for bytes in attachments {
            let hash = AttachmentHash::of(bytes);
            if named.contains(&hash) {
                let place = keys::attachment(self.number, &hash);
                page.transaction
                    .put(Table::Attachment, place, bytes.as_slice());
            }
        }
        Ok(())
    }

    /// Forgets what was wanted and has happened, where the membership itself does not tell that it
    /// has: a new key by this device's own entry, a key that was handed out by anybody's.
    fn forget_fulfilled(
        &mut self,
        page: &mut Page,
        entry: &Entry,
        is_own: bool,
    ) -> Result<(), SpaceError> {
        let body = MembershipBody::parse(entry.body());
        let body = body.map_err(|error| BookError::from(MembershipError::from(error)))?;
        let mut ops = body.core.ops.iter();
        let rotates = is_own && ops.any(|op| matches!(op, Op::Rotate(_)));
        for key in &body.core.keys {
            self.has_answered(key.device);
        }
        let sealed = body.core.keys.iter().map(|key| Wish::Seal(key.device));
        for wish in rotates.then_some(Wish::Rotate).into_iter().chain(sealed) {
            page.transaction
                .delete(Table::Intent, keys::wish(self.number, &wish));
        }
        Ok(())
    }

    /// Finds this device among those whom the entry adds.
    fn enter(&mut self, page: &mut Page, height: Height, id: EntryId) -> Result<(), SpaceError> {
        let Some(book) = &self.book else {
            return Ok(());
        };
        let membership = book.membership();
        if let Some(becomes) = &self.state.becomes
            && let Some(own) = membership.member_with_key(&self.own_key)
        {
            // From here on this device is itself, and the page is still another one's.
            page.read_as_another = true;
            let keys = MembershipKeys::from_bytes(becomes)?;
            self.signing = SigningKey::from_seed(keys.signing_seed())
                .ok_or_else(|| damaged(Table::Space, "a signing key is missing"))?;
            self.keys = keys;
            self.state.device = Some(own.device);
            self.state.counter = 0;
            self.state.renewed = None;
            self.state.former.clear();
            if let Some(own) = self.state.becomes.take() {
                self.state.keys = own;
            }
        }
        if self.state.device.is_some() {
            return Ok(());
        }
        let key: VerifyingKey = self.signing.verifying_key();
        if let Some(own) = membership.member_with_key(&key) {
            if own.since == height && self.state.welcome.is_some_and(|(added, _)| added != id) {
                return Err(SpaceError::Relay(
                    "another entry added this device than welcomed",
                ));
            }
            self.state.device = Some(own.device);
            self.state.named = None;
        }
        Ok(())
    }

    /// Takes the agreement key that the membership names: the one that a rotation of this device has put
    /// in the old one's place, or where a relay lost that, the old one.
    fn renew(&mut self) -> Result<(), SpaceError> {
        let others = self.state.renewed.iter().chain(&self.state.former);
        if others.clone().next().is_none() {
            return Ok(());
        }
        let Some(named) = self.own().map(|own| own.agreement_key) else {
            return Ok(());
        };
        let is_named = |keys: &MembershipKeys| -> Result<bool, SpaceError> {
            let public = keys.agreement_public()?.to_bytes();
            Ok(AttachmentHash::of(&public) == named)
        };
        if self.state.renewed.is_none() && is_named(&self.keys)? {
            return Ok(());
        }
        let mut found = None;
        for bytes in others {
            let keys = MembershipKeys::from_bytes(bytes)?;
            if is_named(&keys)? {
                found = Some((keys, bytes.clone()));
                break;
            }
        }
        let Some((keys, bytes)) = found else {
            return Ok(());
        };
        self.keys = keys;
        self.state.former.retain(|former| *former != bytes);
        self.state.renewed.take_if(|renewed| *renewed == bytes);
        let before = std::mem::replace(&mut self.state.keys, bytes);
        self.state.former.insert(0, before);
        self.state.former.truncate(FORMER);
        Ok(())
    }

    fn take_key(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        entry: &Entry,
        height: Height,
        attachments: &[Vec<u8>],
    ) -> Result<(), SpaceError> {
        let Some(start) = self.book.as_ref().map(|b| b.membership().epoch_start()) else {
            return Ok(());
        };
        if start == height {
            page.epochs.insert(height, entry.clone());
            self.state.doubtful = None;
            // A relay that had lost it has no key for this device, which has opened it before.
            if let Some(key) = self.lost_key(store, &entry.id(&self.state.id))? {
                let place = keys::epoch(self.number, start);
                page.transaction
                    .put(Table::Epoch, place, key.expose().as_slice());
                if let Some(book) = &mut self.book {
                    book.restore_key(start, key);
                }
            }
        }
        self.take_sealed(store, page, (entry, height), attachments)
    }

    /// Takes the key of the epoch in force from an entry of it that hands this device one, if it has
    /// none yet.
    pub(super) fn take_sealed(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        at: (&Entry, Height),
        attachments: &[Vec<u8>],
    ) -> Result<(), SpaceError> {
        let Some(start) = self.book.as_ref().map(|b| b.membership().epoch_start()) else {
            return Ok(());
        };
        let Some(own) = self.state.device.filter(|_| !self.holds_key()) else {
            return Ok(());
        };
        let starter = self.starting_entry(store, page, start)?;
        let Some(book) = &mut self.book else {
            return Ok(());
        };
        let mut taken = book.take_key_at(at, &self.keys, own, attachments);
        for former in &self.state.former {
            if taken == Err(BookError::KeyRefused) {
                let keys = MembershipKeys::from_bytes(former)?;
                taken = book.take_key_at(at, &keys, own, attachments);
            }
        }
        match taken {
            Ok(Some((_, key))) if book.check_key(&starter, start)? => {
                let bytes = key.expose().as_slice();
                page.transaction
                    .put(Table::Epoch, keys::epoch(self.number, start), bytes);
                self.state.doubtful = None;
            }
            Ok(Some((_, key))) => {
                tracing::warn!(%own, "the key that came is another one than the epoch's");
                page.key_refused = true;
                self.state.doubtful = Some(Doubtful {
                    start,
                    by: starter.header().device,
                    key: Zeroizing::new(key.expose().to_vec()),
                });
            }
            Ok(None) => {}
            Err(BookError::KeyRefused) => {
                page.key_refused = true;
                page.key_missing = is_left_out(at.0, own, attachments);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The entry that starts the epoch at a height: of this page, or of one before.
    fn starting_entry(
        &self,
        store: &dyn Store,
        page: &Page,
        height: Height,
    ) -> Result<Entry, SpaceError> {
        if let Some(entry) = page.epochs.get(&height) {
            return Ok(entry.clone());
        }
        let entry = self.membership_entry(store, height)?;
        entry.ok_or_else(|| damaged(Table::Membership, "an entry is missing"))
    }

    /// Takes the keys of earlier epochs from the private parts of the entries that ended them.
    pub(super) fn open_epochs(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
    ) -> Result<(), SpaceError> {
        while let Some(height) = self.book.as_ref().and_then(Book::missing_link) {
            let stored = self.starting_entry(store, page, height)?;
            let Some(book) = &mut self.book else { break };
            match book.take_link(&stored, height) {
                Ok((start, key)) => {
                    let bytes = key.expose().as_slice();
                    page.transaction
                        .put(Table::Epoch, keys::epoch(self.number, start), bytes);
                }
                Err(error) => {
                    // What is older stays closed; the space goes on.
                    tracing::warn!(%error, "an earlier epoch does not open");
                    break;
                }
            }
        }
        if let Some(book) = &mut self.book {
            book.take_kind(self.state.kind);
        }
        Ok(())
    }
}

/// Whether an entry names a key for a member that did not come with it.
fn is_left_out(entry: &Entry, own: DeviceNumber, attachments: &[Vec<u8>]) -> bool {
    let Ok(body) = MembershipBody::parse(entry.body()) else {
        return false;
    };
    let mut named = body.core.keys.iter().filter(|key| key.device == own);
    let came = |hash| attachments.iter().any(|a| AttachmentHash::of(a) == hash);
    named.any(|key| !came(key.sealed))
}
