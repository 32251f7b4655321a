//! Cards and welcomes: how a device comes into spaces that others founded.
//!
//! It hands a card to a device that is in them already; that device adds its keys, and hands back a
//! welcome once the log shows them. Who carries card and welcome, and how, is the app's.

use std::collections::BTreeSet;

use waymark_wire::ids::PersonTag;
use waymark_wire::membership::Rights;

use super::people::LEVEL;
use super::{People, PlanId, Profile, WaymarkError, space_of};
use crate::crypto::MembershipKeys;
use crate::home;
use crate::mail::cards::{self, member};
use crate::membership::{ContactCard, KeySet, SpaceKind, Welcome, Wish};
use crate::role::Role;
use crate::space::Space;
use crate::store::{Table, Transaction};

impl People<'_> {
    /// This device's card, to hand to whoever adds it: fresh keys and the names. A therapist's
    /// device is added to a plan with it, a person's own new device to home.
    ///
    /// # Errors
    /// `invalid_input` for a name that is empty or over 100 characters, or the storage's.
    pub fn card(&self, name: &str, device_name: &str) -> Result<Vec<u8>, WaymarkError> {
        let profile = self.0.profile(name, device_name)?;
        let inner = &mut *self.0.shared.lock();
        let engine = &mut inner.engine;
        let keys = MembershipKeys::generate(engine.entropy.as_mut());
        let mut transaction = Transaction::new();
        let card = cards::issue(&mut transaction, &keys, name, device_name, LEVEL)?;
        if Profile::load(engine.store.as_ref())?.is_none() {
            profile.save(&mut transaction);
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

    /// Adds another device of this person to home, which brings it into every other space by itself.
    /// It happens with the next sync; then [`People::welcome`] has what to hand back.
    ///
    /// # Errors
    /// `bad_card`; `not_allowed` where this device has no home or the other one is in already; or
    /// the storage's.
    pub fn add_own_device(&self, card: &[u8]) -> Result<(), WaymarkError> {
        let card = ContactCard::parse(card)?;
        let keys = first_keys(&card)?;
        let inner = &mut *self.0.shared.lock();
        let home = home::home_of(&inner.engine).ok_or_else(|| WaymarkError::NotAllowed {
            reason: "this device has no home".into(),
        })?;
        let (person, rights, role) =
            cards::own_place(home)?.ok_or_else(|| WaymarkError::NotAllowed {
                reason: "this device cannot read home yet".into(),
            })?;
        let member = member(&card, keys, person, rights, role, self.0.local_days());
        let mut transaction = Transaction::new();
        home.wish(&mut transaction, &Wish::Add(member))?;
        let number = home.number();
        inner.engine.store.commit(transaction.into())?;
        inner.machine.local_change(number);
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
    /// way and led nowhere. A device that has not begun does so with it, with the names of its first
    /// card, unless it comes into its person's home.
    ///
    /// # Errors
    /// `bad_card` where the welcome cannot be read, is not for a card of this device, or leads into
    /// another home than the one that the device is in; or the storage's.
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
            let known = engine.space(&space.space);
            if known.is_none() && !joined.insert(space.space) {
                let reason = "it names a space twice".into();
                return Err(WaymarkError::BadCard { reason });
            }
            // One card may be a member of several spaces. Only one that this welcome does not name can
            // be what was damaged on its way.
            let is_named = |known: &Space| welcome.spaces.iter().any(|s| s.space == known.id());
            let is_free = |known: &Space| !is_named(known) && !numbers.contains(&known.number());
            let of_card = engine.spaces().iter().filter(|known| has_key(known));
            if let Some(known) = known.or_else(|| of_card.clone().find(|known| is_free(known))) {
                if has_key(known) && known.welcome_again(&mut transaction, space) {
                    numbers.push(known.number());
                }
                continue;
            }
            let home = home::home_of(engine).filter(|_| space.kind == SpaceKind::Home);
            if home.is_some_and(|home| home.cursor().seq > 0 || home.is_unheard_of()) {
                let reason = "it leads into another home than this device's".into();
                return Err(WaymarkError::BadCard { reason });
            }
            if let Some(known) = of_card.clone().next() {
                if !known.join_too(&mut transaction, next, space) {
                    continue;
                }
            } else {
                let keys = cards::card_keys(engine.store.as_ref(), &space.signing_key)?;
                let keys = keys.ok_or_else(|| WaymarkError::BadCard {
                    reason: "it is not for a card of this device".into(),
                })?;
                Space::join(&mut transaction, next, space, &keys);
                transaction.delete(Table::Meta, cards::card_key(&space.signing_key));
            }
            numbers.push(next);
            next += 1;
        }
        engine.adopt(transaction, &numbers)?;
        // An own device that comes home has one; everybody else begins with this, also again where
        // that was cut off.
        let leads_home = welcome.spaces.iter().any(|s| s.kind == SpaceKind::Home);
        if let Some(profile) = Profile::load(engine.store.as_ref())?.filter(|_| !leads_home) {
            self.0.open_home(inner, &profile)?;
        }
        numbers.into_iter().for_each(|n| inner.machine.joined(n));
        self.0.shared.wake();
        Ok(())
    }
}

fn first_keys(card: &ContactCard) -> Result<KeySet, WaymarkError> {
    let reason = || "the card has no keys".to_owned();
    card.keys
        .first()
        .cloned()
        .ok_or_else(|| WaymarkError::BadCard { reason: reason() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use waymark_wire::chain::{ChainTag, Position};
    use waymark_wire::ids::{DeviceNumber, EntryId, SpaceId};
    use waymark_wire::signature::VerifyingKey;

    use super::*;
    use crate::client::{Client, Config};
    use crate::crypto::SeededEntropy;
    use crate::driver::{Clock, Http};
    use crate::membership::{RelayAddress, WelcomeSpace};
    use crate::store::MemoryDisk;
    use crate::sync::Timestamp;

    #[derive(Debug)]
    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp(1_777_636_800_000)
        }
    }

    /// A therapist's tablet, and the key of its card.
    fn tablet() -> (Client, VerifyingKey) {
        let store = Box::new(MemoryDisk::new().open().unwrap());
        let entropy = Box::new(SeededEntropy::new([1; 32]));
        let config = Config::new("/nowhere", "http://relay");
        let (clock, http) = (Arc::new(Noon), Http::new(&[]).unwrap());
        let client = Client::with_http(config, (store, entropy), clock, http).unwrap();
        let card = client.people().card("Ada", "tablet").unwrap();
        let card = ContactCard::parse(&card).unwrap();
        (client, card.keys[0].signing_key)
    }

    /// Accepts a welcome to plans whose logs reach this far.
    fn accept(client: &Client, key: VerifyingKey, plans: &[u8], seq: u64) {
        let chain = ChainTag([1; 16]);
        let space = |plan: &u8| WelcomeSpace {
            space: SpaceId([*plan; 32]),
            kind: SpaceKind::Care,
            relay: RelayAddress {
                url: "http://relay".into(),
                key: None,
            },
            signing_key: key,
            device: DeviceNumber(1),
            added_by: EntryId([9; 32]),
            reaches: Position { seq, chain },
        };
        let spaces = plans.iter().map(space).collect();
        let accepted = client.people().accept(&Welcome { spaces }.to_bytes());
        accepted.unwrap();
    }

    fn plans(client: &Client) -> Vec<u8> {
        let mut plans: Vec<u8> = client.people().plans().iter().map(|p| p.0[0]).collect();
        plans.sort_unstable();
        plans
    }

    /// A plan that was never read became another one that the same card is in. What the therapist had
    /// written there, and nobody had, was not to be seen any more.
    #[test]
    fn no_welcome_makes_one_plan_of_two() {
        let (client, key) = tablet();
        accept(&client, key, &[1, 2], 5);
        assert_eq!(plans(&client), [1, 2]);
        accept(&client, key, &[2], 7);
        assert_eq!(plans(&client), [1, 2]);
        accept(&client, key, &[2, 1], 9);
        assert_eq!(plans(&client), [1, 2]);
    }

    /// Whoever was added to a second plan with the same card would never come into it, or lose the
    /// first.
    #[test]
    fn a_card_that_is_in_two_plans_comes_into_both() {
        let (client, key) = tablet();
        accept(&client, key, &[1], 5);
        accept(&client, key, &[1, 2], 7);
        assert_eq!(plans(&client), [1, 2]);
    }

    /// Who carried a welcome may have damaged it: the next one has to lead on all the same.
    #[test]
    fn a_welcome_takes_the_place_of_one_that_led_nowhere() {
        let (client, key) = tablet();
        accept(&client, key, &[7], 5);
        accept(&client, key, &[1, 2], 5);
        assert_eq!(plans(&client), [1, 2]);
    }
}
