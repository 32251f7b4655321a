//! Cards and welcomes: how a device comes into spaces that others founded.
//!
//! It hands a card to a device that is in them already; that device adds its keys, and hands back a
//! welcome once the log shows them. Who carries card and welcome, and how, is the app's.

use std::collections::BTreeSet;

use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::PersonTag;
use waymark_wire::membership::Rights;
use waymark_wire::signature::VerifyingKey;

use super::people::{LEVEL, has_home};
use super::{People, PlanId, Profile, WaymarkError, space_of};
use crate::crypto::MembershipKeys;
use crate::engine::Engine;
use crate::membership::{ContactCard, KeySet, NewMember, Welcome, Wish};
use crate::role::Role;
use crate::space::Space;
use crate::store::{Table, Transaction};

/// Key sets in the card of a device that has begun nothing yet: one for home, the others for plans.
const OWN_DEVICE_KEYS: u8 = 4;

impl People<'_> {
    /// This device's card, to hand to whoever adds it: fresh keys and the names. A therapist's
    /// device needs one key set for the plan; a person's own new device one for home and one for
    /// each plan.
    ///
    /// # Errors
    /// `invalid_input` for a name that is empty or over 100 characters, or the storage's.
    pub fn card(&self, name: &str, device_name: &str) -> Result<Vec<u8>, WaymarkError> {
        let profile = self.0.profile(name, device_name)?;
        let inner = &mut *self.0.shared.lock();
        let engine = &mut inner.engine;
        let sets = if has_home(engine) { 1 } else { OWN_DEVICE_KEYS };
        let keys: Vec<_> = (0..sets)
            .map(|_| MembershipKeys::generate(engine.entropy.as_mut()))
            .collect();
        let card = ContactCard::issue(name, device_name, LEVEL, &keys)?;
        let mut transaction = Transaction::new();
        if Profile::load(engine.store.as_ref())?.is_none() {
            profile.save(&mut transaction);
        }
        for keys in &keys {
            let public = keys.signing_public()?;
            transaction.put(
                Table::Meta,
                card_key(&public),
                codec::encode(&Bytes(keys.to_bytes().to_vec())),
            );
        }
        engine.store.commit(transaction.into())?;
        Ok(card)
    }

    /// Adds a therapist's device to a plan. It happens with the next sync; then
    /// [`People::welcome`] has what to hand back.
    ///
    /// # Errors
    /// `bad_card`, `not_found`; `not_allowed` where this is not the client's device or the other
    /// one is in already; or the storage's.
    pub fn add_therapist(&self, plan: PlanId, card: &[u8]) -> Result<(), WaymarkError> {
        let card = ContactCard::parse(card)?;
        let keys = first_keys(&card)?;
        let inner = &mut *self.0.shared.lock();
        let engine = &mut inner.engine;
        let mut tag = [0; 16];
        engine.entropy.fill(&mut tag);
        let (space, store, _) = super::cache::care(engine, space_of(plan))?;
        let member = member(
            &card,
            keys,
            PersonTag(tag),
            Rights::WRITE,
            Role::Therapist,
            self.0.local_days(),
        );
        let mut transaction = Transaction::new();
        space.wish(&mut transaction, &Wish::Add(member))?;
        store.commit(transaction.into())?;
        let number = space.number();
        inner.machine.local_change(number);
        inner.machine.upkeep_soon();
        self.0.shared.wake();
        Ok(())
    }

    /// Adds another device of this person to home and to every plan. It happens with the next
    /// sync; then [`People::welcome`] has what to hand back.
    ///
    /// # Errors
    /// `bad_card` also where the card has fewer key sets than there are spaces; `not_allowed`; or
    /// the storage's.
    pub fn add_own_device(&self, card: &[u8]) -> Result<(), WaymarkError> {
        let card = ContactCard::parse(card)?;
        let inner = &mut *self.0.shared.lock();
        let spaces = inner.engine.spaces();
        if spaces.len() > card.keys.len() {
            let reason = format!("{} key sets for {} spaces", card.keys.len(), spaces.len());
            return Err(WaymarkError::BadCard { reason });
        }
        let since = self.0.local_days();
        let mut transaction = Transaction::new();
        for (space, keys) in spaces.iter().zip(&card.keys) {
            let (person, rights) = space.own_member()?;
            let role = own_role(space)?;
            let member = member(&card, keys.clone(), person, rights, role, since);
            space.wish(&mut transaction, &Wish::Add(member))?;
        }
        let numbers: Vec<u32> = spaces.iter().map(Space::number).collect();
        inner.engine.store.commit(transaction.into())?;
        for number in numbers {
            inner.machine.local_change(number);
            inner.machine.upkeep_soon();
        }
        self.0.shared.wake();
        Ok(())
    }

    /// What to hand back to a device that was added, once the log of every space shows it; `None`
    /// before that.
    ///
    /// # Errors
    /// `bad_card`, or the storage's.
    pub fn welcome(&self, card: &[u8]) -> Result<Option<Vec<u8>>, WaymarkError> {
        let card = ContactCard::parse(card)?;
        let inner = self.0.shared.lock();
        let mut spaces = Vec::new();
        for space in inner.engine.spaces() {
            let wishes = space.wishes(inner.engine.store.as_ref())?;
            for keys in &card.keys {
                let key = &keys.signing_key;
                let welcome = space.welcome(key);
                let waits =
                    |wish: &Wish| matches!(wish, Wish::Add(new) if new.keys.signing_key == *key);
                if welcome.is_none() && wishes.iter().any(waits) {
                    return Ok(None);
                }
                spaces.extend(welcome);
            }
        }
        Ok((!spaces.is_empty()).then(|| Welcome { spaces }.to_bytes()))
    }

    /// Accepts a welcome: this device is a member of the spaces that it names, and reads them with
    /// the next sync. Accepting it again changes nothing, unless what came before was damaged on its
    /// way and led nowhere.
    ///
    /// # Errors
    /// `bad_card` where the welcome cannot be read or is not for a card of this device; or the
    /// storage's.
    pub fn accept(&self, welcome: &[u8]) -> Result<(), WaymarkError> {
        let welcome = Welcome::parse(welcome)?;
        let inner = &mut *self.0.shared.lock();
        let engine = &mut inner.engine;
        let mut transaction = Transaction::new();
        let mut numbers = Vec::new();
        let mut joined = BTreeSet::new();
        let mut next = engine.next_number()?;
        for space in &welcome.spaces {
            let has_key = |known: &Space| known.signing_key().verifying_key() == space.signing_key;
            let mut known = engine.spaces().iter();
            if let Some(known) = known.find(|k| k.id() == space.space || has_key(k)) {
                if has_key(known) && known.welcome_again(&mut transaction, space) {
                    numbers.push(known.number());
                }
                continue;
            }
            if engine.space(&space.space).is_some() || !joined.insert(space.space) {
                let reason = "it names a space that this device is in already".into();
                return Err(WaymarkError::BadCard { reason });
            }
            let keys = card_keys(engine, &space.signing_key)?;
            Space::join(&mut transaction, next, space, &keys);
            transaction.delete(Table::Meta, card_key(&space.signing_key.0));
            numbers.push(next);
            next += 1;
        }
        engine.adopt(transaction, &numbers)?;
        for number in numbers {
            inner.machine.local_change(number);
            inner.machine.upkeep_soon();
        }
        self.0.shared.wake();
        Ok(())
    }
}

fn own_role(space: &Space) -> Result<Role, WaymarkError> {
    let known = space
        .book()
        .zip(space.device())
        .and_then(|(book, own)| book.roster(own));
    known
        .map(|member| member.role)
        .ok_or_else(|| WaymarkError::NotAllowed {
            reason: "this device cannot read the space yet".into(),
        })
}

fn member(
    card: &ContactCard,
    keys: KeySet,
    person: PersonTag,
    rights: Rights,
    role: Role,
    since: i32,
) -> NewMember {
    NewMember {
        person,
        keys,
        rights,
        role,
        name: card.name.clone(),
        device_name: card.device_name.clone(),
        level: card.level,
        since,
        used_as: None,
    }
}

fn first_keys(card: &ContactCard) -> Result<KeySet, WaymarkError> {
    let reason = || "the card has no keys".to_owned();
    card.keys
        .first()
        .cloned()
        .ok_or_else(|| WaymarkError::BadCard { reason: reason() })
}

/// Where the keys of a card wait until somebody welcomes them.
fn card_key(public: &[u8; 32]) -> Vec<u8> {
    [b"card ".as_slice(), public].concat()
}

fn card_keys(engine: &Engine, public: &VerifyingKey) -> Result<MembershipKeys, WaymarkError> {
    let foreign = || WaymarkError::BadCard {
        reason: "it is not for a card of this device".into(),
    };
    let row = engine
        .store
        .get(Table::Meta, &card_key(&public.0))?
        .ok_or_else(foreign)?;
    let bytes: Bytes = codec::decode(&row, usize::MAX).map_err(|_| foreign())?;
    Ok(MembershipKeys::from_bytes(&bytes.0)?)
}
