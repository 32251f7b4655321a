//! What this device wants changed in the membership. A wish is signed when its turn comes, against
//! the membership as it then is; one that came second is signed anew, one that is done is forgotten,
//! and one that may not be any more is given back with its reason.

use waymark_wire::codec;
use waymark_wire::entry::{Header, Kind};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, PersonTag};
use waymark_wire::limits;
use waymark_wire::membership::{Member, MembershipBody, Op, Rights};
use waymark_wire::signature::VerifyingKey;
use zeroize::Zeroizing;

use super::standing::Standing;
use super::wanted::Unfulfilled;
use super::{Sealed, Space, SpaceError, damaged, keys, outbox};
use crate::crypto::{Entropy, MembershipKeys};
use crate::membership::{
    Book, Draft, KeySet, NewMember, Newcomer, Signer, SpaceKind, Steps, WelcomeSpace, Wish,
};
use crate::role::Role;
use crate::store::{Store, Table, Transaction};

/// Memberships that one entry adds: as many as fit, however long the names are.
const AT_ONCE: usize = 32;

/// What became of the wishes.
#[derive(Debug, Default)]
pub struct Drafted {
    /// An entry is on its way.
    pub is_new: bool,
    /// These are forgotten.
    pub unfulfilled: Vec<Unfulfilled>,
}

/// An entry that does what is wanted.
struct Signed {
    draft: Draft,
    /// This device's keys once the log has it.
    renewed: Option<MembershipKeys>,
    /// Whether a recovery phrase signed it and not this device.
    is_by_phrase: bool,
}

impl Space {
    /// Notes that something is wanted. It happens with the next push.
    ///
    /// # Errors
    /// [`SpaceError::NotAllowed`] where this device may not, or it is so already; [`SpaceError`]
    /// where the store fails.
    pub fn wish(&self, transaction: &mut Transaction, wish: &Wish) -> Result<(), SpaceError> {
        self.own_member()?;
        match self.standing(wish) {
            Standing::Open => {}
            Standing::Done => return Err(SpaceError::NotAllowed("it is so already")),
            Standing::Waits => return Err(SpaceError::NotAllowed("the space is closed")),
            Standing::Refused(reason) => return Err(SpaceError::NotAllowed(reason)),
        }
        transaction
            .put(
                Table::Intent,
                keys::wish(self.number, wish),
                codec::encode(wish),
            )
            // That it could not be before is no news any more.
            .delete(Table::Home, keys::not_done(&self.state.id, wish));
        Ok(())
    }

    /// What is wanted and not in the log yet.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn wishes(&self, store: &dyn Store) -> Result<Vec<Wish>, SpaceError> {
        let rows = store.scan(Table::Intent, &keys::space(self.number), None, usize::MAX)?;
        rows.iter()
            .map(|(_, value)| {
                codec::decode(value, usize::MAX)
                    .map_err(|_| damaged(Table::Intent, "a wish cannot be read"))
            })
            .collect()
    }

    /// Whether this device says nothing more here once this is done.
    fn is_last(&self, wish: &Wish) -> bool {
        match wish {
            Wish::Leave | Wish::Close(_) => true,
            Wish::Remove(device) => Some(*device) == self.state.device,
            _ => false,
        }
    }

    /// Whether something is wanted after which this device says nothing more here.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn is_to_end(&self, store: &dyn Store) -> Result<bool, SpaceError> {
        let wishes = self.wishes(store)?;
        Ok(wishes.iter().any(|wish| self.is_last(wish)))
    }

    /// This device's person, and its rights here.
    ///
    /// # Errors
    /// [`SpaceError::NotAllowed`] where the device is no member.
    pub fn own_member(&self) -> Result<(PersonTag, Rights), SpaceError> {
        let member = self.own();
        member
            .map(|member| (member.person, member.rights))
            .ok_or(SpaceError::NotAllowed("it is not a member"))
    }

    /// What this device's person is here, once it can read that; also where it signs with keys that are
    /// not its own.
    #[must_use]
    pub fn own_role(&self) -> Option<Role> {
        let book = self.book.as_ref()?;
        Some(book.roster(self.state.device?)?.role)
    }

    /// The membership that this device signs as.
    pub(super) fn own(&self) -> Option<&Member> {
        self.book.as_ref()?.membership().member(self.state.device?)
    }

    /// Signs the entry that does what is wanted, where nothing else is on its way, and what the
    /// membership itself asks for: a new key after somebody left.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or a key is unusable.
    pub fn draft_wishes(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<Drafted, SpaceError> {
        self.refresh(store)?;
        let mut drafted = Drafted::default();
        let starts_over = self.starts_over(store)?;
        if !self.holds_key() && !starts_over {
            return Ok(drafted);
        }
        if self.state.cursor.seq == 0 {
            // Whoever has not seen the entry that founds the space does not know what it would follow, and
            // a copy of its founder not even its own counter.
            return Ok(drafted);
        }
        let mut judged = self.judge_wishes(store)?;
        let mut open = std::mem::take(&mut judged.open);
        if self.state.kind == SpaceKind::Support {
            self.keep_one_supporter(&mut open);
        }
        if self.is_enrolling() {
            // What else is wanted waits until this device speaks for itself.
            open.retain(|wish| matches!(wish, Wish::Enrol(_)));
        }
        let is_last = |wish: &Wish| self.is_last(wish);
        // It takes an entry of its own, and rewrites what the log says by then.
        if open.iter().any(|wish| matches!(wish, Wish::Forget(_))) {
            let is_ready = self.holds_the_log();
            open.retain(|wish| matches!(wish, Wish::Forget(_)) == is_ready);
        }
        let has_unsent = self.unsent(store)? > 0 && self.may_seal();
        if (has_unsent || self.aside_unsealed(store)? > 0) && open.iter().any(is_last) {
            // What was written before goes first: afterwards nobody would take it.
            open.retain(|wish| !is_last(wish));
        }
        let Some((book, own)) = self.book.as_ref().zip(self.own()) else {
            return Ok(drafted);
        };
        let membership = book.membership();
        let is_due = membership.is_rotation_due()
            && !membership.is_closed()
            && own.rights.include(Rights::WRITE);
        let is_due = is_due || starts_over;
        if starts_over {
            // Everything else waits for the new key.
            open.clear();
        }
        if membership.is_rotation_due() && !is_due {
            // The rest waits for somebody who may replace the key.
            open.retain(|wish| matches!(wish, Wish::Leave | Wish::Close(_)));
        }
        let waits = self.first_on_its_way(store)?.is_some();
        // What is on its way comes first; but where the key has to change, nothing of it can count
        // before, and it goes behind.
        let goes_first = is_due && !self.is_drafting(store)?;
        let mut transaction = Transaction::new();
        let before = self.state.clone();
        let mut signed = None;
        if (!open.is_empty() || is_due) && (!waits || goes_first) {
            let made = self.make_room(store, &mut transaction, waits, entropy);
            let made = made.and_then(|counter| {
                let signed = self.sign_allowed(store, (&open, is_due), counter, entropy)?;
                Ok((counter, signed))
            });
            let counter;
            (counter, signed) = match made {
                Ok(made) => made,
                Err(error) => {
                    self.state = before;
                    return Err(error);
                }
            };
            match &signed {
                Some(signed) => {
                    outbox::put_membership(&mut transaction, self.number, counter, &signed.draft);
                }
                // Nothing makes room for what cannot be.
                None => {
                    transaction = Transaction::new();
                    self.state = before.clone();
                }
            }
            if signed.is_none() && !open.is_empty() {
                let wish = open.swap_remove(0);
                judged.refuse(wish, "the rules of the space do not allow it");
            }
            drafted.is_new = signed.is_some();
        }
        drafted.unfulfilled = judged.settle(self, &mut transaction);
        if transaction.is_empty() {
            return Ok(drafted);
        }
        if let Some(signed) = signed {
            self.note_signed(&signed);
            self.save(&mut transaction);
        }
        if let Err(error) = store.commit(transaction.into()) {
            self.state = before;
            return Err(error.into());
        }
        Ok(drafted)
    }

    /// The counter of the next entry: before what waits where `waits` says so.
    fn make_room(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        waits: bool,
        entropy: &mut dyn Entropy,
    ) -> Result<u32, SpaceError> {
        if waits {
            self.move_back(store, transaction, entropy)
        } else {
            Ok(self.next_counter())
        }
    }

    /// Of several people who are wanted in a support space the first comes; once it has, the others are
    /// refused.
    fn keep_one_supporter(&self, open: &mut Vec<Wish>) {
        let own = self.own().map(|own| own.person);
        let mut first = None;
        open.retain(|wish| match wish {
            Wish::Add(new) if Some(new.person) != own => {
                *first.get_or_insert(new.person) == new.person
            }
            _ => true,
        });
    }

    /// Notes what the next entries depend on.
    fn note_signed(&mut self, signed: &Signed) {
        if let Some(fresh) = &signed.renewed {
            self.state.renewed = Some(Zeroizing::new(fresh.to_bytes().to_vec()));
        }
        // What others' keys signed has a counter of theirs.
        if !self.is_enrolling() && !signed.is_by_phrase {
            // Batches that made room stand behind it.
            let counter = signed.draft.entry.header().counter;
            self.state.counter = self.state.counter.max(counter + 1);
        }
    }

    /// The entry for as much of what is wanted as the rules let one entry do. `None` where they do
    /// not even let it do the first wish: the relay would refuse it for ever.
    fn sign_allowed(
        &self,
        store: &dyn Store,
        (open, is_due): (&[Wish], bool),
        counter: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Signed>, SpaceError> {
        let first = open.get(..1).unwrap_or_default();
        for wishes in [open, first] {
            let signed = self.sign_wishes(store, (wishes, is_due), counter, entropy)?;
            let book = self.book.as_ref();
            let mut membership = book.map(|book| book.membership().clone());
            let tried = membership
                .as_mut()
                .map(|membership| membership.apply(&signed.draft.entry));
            match tried {
                Some(Err(error)) => tracing::warn!(%error, "the rules refuse what is wanted"),
                _ => return Ok(Some(signed)),
            }
        }
        Ok(None)
    }

    fn sign_wishes(
        &self,
        store: &dyn Store,
        (open, is_due): (&[Wish], bool),
        counter: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<Signed, SpaceError> {
        let refused = SpaceError::NotAllowed("it is not a member");
        let (book, own) = self.book.as_ref().zip(self.own()).ok_or(refused)?;
        let signer = Signer {
            device: own.device,
            keys: &self.keys,
            counter,
            seen: self.state.cursor.position(),
        };
        let mut renewed = None;
        let alone = open.iter().find_map(|wish| match wish {
            Wish::Leave => Some(book.draft_leave(signer, entropy)),
            Wish::Close(next) => Some(book.draft_close(next.as_ref(), signer, entropy)),
            _ => None,
        });
        let phrase = open.iter().find_map(|wish| match wish {
            Wish::ReplacePhrase(old, new) => Some((old, new)),
            _ => None,
        });
        let as_phrase = alone.is_none() && phrase.is_some() && !is_due;
        let draft = match (alone, phrase.filter(|_| as_phrase)) {
            // Whoever comes after does what is due.
            (Some(draft), _) => draft?,
            (None, Some((old, new))) => {
                let old = MembershipKeys::from_bytes(&old.0)?;
                self.replace_phrase(book, &old, new, entropy)?
            }
            (None, None) => {
                let mut steps = self.steps(open, own)?;
                let asks = |wish: &Wish| matches!(wish, Wish::Renew(_) | Wish::Rotate);
                let asked = open.iter().any(asks) || steps.forget.is_some();
                let removes_others = steps.remove.iter().any(|device| *device != own.device);
                if is_due || asked || removes_others {
                    // Whoever starts an epoch stays for it, and goes with the next entry.
                    steps.remove.retain(|device| *device != own.device);
                    let mut fresh = MembershipKeys::from_bytes(&*self.keys.to_bytes())?;
                    // Borrowed keys stay what others hold.
                    if !self.is_enrolling() {
                        fresh.renew_agreement(entropy);
                    }
                    steps.rotate = Some(KeySet::of(&fresh)?);
                    // A member gets the new key anyway.
                    steps.seal.clear();
                    renewed = Some(fresh).filter(|_| !self.is_enrolling());
                }
                let number = self.number;
                let agreement_key = |hash: &AttachmentHash| {
                    let place = keys::attachment(number, hash);
                    store.get(Table::Attachment, &place).ok().flatten()
                };
                book.draft(&steps, signer, &agreement_key, entropy)?
            }
        };
        Ok(Signed {
            draft,
            renewed,
            is_by_phrase: as_phrase,
        })
    }

    /// The entry by which a recovery phrase makes room for another one.
    fn replace_phrase(
        &self,
        book: &Book,
        old: &MembershipKeys,
        new: &NewMember,
        entropy: &mut dyn Entropy,
    ) -> Result<Draft, SpaceError> {
        let key = VerifyingKey(old.signing_public()?);
        let ended = SpaceError::NotAllowed("this phrase is no member any more");
        let device = book.membership().member_with_key(&key).ok_or(ended)?.device;
        let counter = self.state.counters.get(usize::from(device.0));
        let signer = Signer {
            device,
            keys: old,
            counter: counter.copied().unwrap_or_default(),
            seen: self.state.cursor.position(),
        };
        let steps = Steps {
            remove: vec![device],
            add: vec![new.clone()],
            ..Steps::default()
        };
        Ok(book.draft(&steps, signer, &|_| None, entropy)?)
    }

    /// What one entry does of what is wanted.
    fn steps(&self, open: &[Wish], own: &Member) -> Result<Steps, SpaceError> {
        let mut steps = Steps::default();
        let members = self
            .book
            .iter()
            .flat_map(|book| book.membership().members());
        let room = limits::MEMBERSHIPS.saturating_sub(members.count());
        for wish in open {
            match wish {
                Wish::Add(new) => steps.add.push(new.clone()),
                Wish::Enrol(newcomer) => steps.add.extend(self.newcomer(newcomer, own)?),
                Wish::Remove(device) => steps.remove.push(*device),
                Wish::RemovePerson(person) => {
                    let book = self.book.as_ref();
                    steps
                        .remove
                        .extend(book.iter().flat_map(|book| devices_of(book, *person)));
                }
                Wish::RemoveKey(key) => {
                    let known = self.book.as_ref().map(Book::membership);
                    let member = known.and_then(|known| known.member_with_key(key));
                    steps.remove.extend(member.map(|member| member.device));
                }
                Wish::Seal(device) => steps.seal.push(*device),
                Wish::Forget(what) => {
                    let all = steps.forget.get_or_insert_default();
                    all.extend(what.all.clone());
                }
                _ => {}
            }
        }
        steps.remove.sort_unstable();
        steps.remove.dedup();
        steps.seal.retain(|device| !steps.remove.contains(device));
        steps.seal.sort_unstable();
        steps.add.truncate(AT_ONCE.min(room));
        Ok(steps)
    }

    /// This device's own membership, as it wants it.
    fn newcomer(&self, as_: &Newcomer, own: &Member) -> Result<Option<NewMember>, SpaceError> {
        let Some(becomes) = &self.state.becomes else {
            return Ok(None);
        };
        let known = self.book.as_ref().and_then(|book| book.roster(own.device));
        let unknown = SpaceError::NotAllowed("what it is here cannot be read");
        let role = known.map(|known| known.role).ok_or(unknown)?;
        let before = self.newcomer_again().filter(|_| as_.level == 0);
        let as_ = before.as_ref().unwrap_or(as_);
        // The phrase's mark is its own.
        let rights = if own.rights.include(Rights::ADMIN) {
            Rights::ADMIN
        } else {
            own.rights
        };
        Ok(Some(NewMember {
            person: own.person,
            keys: KeySet::of(&MembershipKeys::from_bytes(becomes)?)?,
            rights,
            role,
            name: as_.name.clone(),
            device_name: as_.device_name.clone(),
            level: as_.level,
            since: as_.since,
            used_as: None,
        }))
    }

    /// The counter of the next entry. Keys that others hold too are counted by the log alone.
    pub(super) fn next_counter(&self) -> u32 {
        let device = self.state.device.map_or(0, |device| usize::from(device.0));
        if self.is_enrolling() {
            self.state.counters.get(device).copied().unwrap_or_default()
        } else {
            self.state.counter
        }
    }

    /// Whether an entry that changes the membership is on its way. The one that founds a space is
    /// not meant: nothing can come before it.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn is_drafting(&self, store: &dyn Store) -> Result<bool, SpaceError> {
        Ok(self
            .outbox(store)?
            .iter()
            .any(|s| changes(s.entry.header())))
    }

    /// Takes back a membership entry that came second: the relay refused it because another one
    /// follows the same predecessor, so nobody can ever accept it, and its counter is free again. So
    /// is that of an ack, or of a part of a checkpoint, whose epoch is over.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn take_back_draft(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        self.refresh(store)?;
        self.drop_doubles(store, entropy)?;
        let Some(height) = self.book.as_ref().map(|book| book.membership().height()) else {
            return Ok(());
        };
        let mut waiting = self.all_sealed(store)?;
        let is_second = |sealed: &Sealed| {
            let header = sealed.entry.header();
            // Another device with the same keys may have taken its place without a change.
            let next = self.state.counters.get(usize::from(header.device.0));
            let next = next.copied().unwrap_or_default();
            changes(header) && (header.height < height || header.counter < next)
                || self.is_spent(header, next)
        };
        let Some(first) = waiting.iter().position(is_second) else {
            return Ok(());
        };
        let rest = waiting.split_off(first);
        let free = rest[0].counter;
        let (second, behind): (Vec<Sealed>, Vec<Sealed>) = rest.into_iter().partition(is_second);
        let mut transaction = Transaction::new();
        let before = self.state.clone();
        for sealed in &second {
            self.give_up(&mut transaction, sealed);
        }
        let moved = self.close_ranks(&mut transaction, &behind, free, entropy);
        let committed = moved.and_then(|()| {
            self.save(&mut transaction);
            Ok(store.commit(transaction.into())?)
        });
        if committed.is_err() {
            self.state = before;
        }
        committed
    }

    /// Notes that this device is a member no more, if an entry with a counter below `below` says so
    /// that the relay has taken. What it wrote since stays here.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn note_if_left(&mut self, store: &mut dyn Store, below: u32) -> Result<bool, SpaceError> {
        let own = self.state.device;
        let outbox = self.outbox(store)?;
        let leaves = |op: &Op| match op {
            Op::Leave => true,
            Op::Remove(device) => Some(*device) == own,
            _ => false,
        };
        let left = outbox.iter().any(|sealed| {
            sealed.counter < below
                && changes(sealed.entry.header())
                && MembershipBody::parse(sealed.entry.body())
                    .is_ok_and(|body| body.core.ops.iter().any(leaves))
        });
        if left {
            let mut transaction = Transaction::new();
            transaction
                .delete_prefix(Table::Outbox, keys::space(self.number))
                .delete_prefix(Table::Intent, keys::space(self.number));
            self.state.left = true;
            self.save(&mut transaction);
            if let Err(error) = store.commit(transaction.into()) {
                self.state.left = false;
                return Err(error.into());
            }
        }
        Ok(left)
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

/// Whether an entry changes a membership that others may change at the same time.
fn changes(header: &Header) -> bool {
    header.kind == Kind::Membership && header.seen.seq > 0
}

/// Numbers of a person's current memberships in a space.
#[must_use]
pub fn devices_of(book: &Book, person: PersonTag) -> Vec<DeviceNumber> {
    let members = book.membership().members();
    let own = members.filter(|member| member.person == person);
    own.map(|member| member.device).collect()
}
