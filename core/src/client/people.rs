//! People: who shares what with whom.
//!
//! A client begins, creates a plan, and adds a therapist's device by its card; the therapist's
//! device accepts the welcome that comes back. A person's own second device does the same.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::PersonTag;
use waymark_wire::membership::Rights;
use waymark_wire::signature::VerifyingKey;

use super::{Inner, Profile, WaymarkError, space_of};
use crate::crypto::MembershipKeys;
use crate::engine::Engine;
use crate::membership::{ContactCard, KeySet, NewMember, SpaceKind, Welcome};
use crate::model::zone;
use crate::role::Role;
use crate::space::{Space, member_keys};
use crate::store::{Table, Transaction};

/// The newest format level that this version reads.
pub(super) const LEVEL: u16 = 1;
/// Key sets in the card of a device that has begun nothing yet: one for home, the others for plans.
const OWN_DEVICE_KEYS: u8 = 4;

/// A plan: the care space that holds it. Shown as 43 characters of base64url without padding.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PlanId(pub [u8; 32]);

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl Serialize for PlanId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlanId({self})")
    }
}

impl FromStr for PlanId {
    type Err = WaymarkError;

    fn from_str(text: &str) -> Result<Self, WaymarkError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| WaymarkError::invalid("a plan's id has 43 base64url characters"))
    }
}

#[cfg(feature = "uniffi")]
uniffi::custom_type!(PlanId, String, {
    try_lift: |text| Ok(text.parse::<PlanId>()?),
    lower: |id| id.to_string(),
});

/// One device that reads a space.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MemberView {
    /// The person's name, once this device can read it.
    pub name: Option<String>,
    /// The person's role, once this device can read it.
    pub role: Option<Role>,
    /// The device's name, once this device can read it.
    pub device_name: Option<String>,
    /// `read`, `write` or `admin`.
    pub rights: String,
    /// Whether it is this very device.
    pub this_device: bool,
}

/// Who shares what.
#[derive(Clone, Copy)]
pub struct People<'c>(pub(super) &'c Arc<Inner>);

impl People<'_> {
    /// Begins as a new person with this device: creates the home space, which only the person's own
    /// devices read. A device of somebody who has begun elsewhere hands over a [`People::card`]
    /// instead.
    ///
    /// # Errors
    /// `invalid_input` for a name that is empty or over 100 characters, `not_allowed` where the
    /// device has begun already, or the storage's.
    pub fn begin(&self, name: &str, device_name: &str) -> Result<(), WaymarkError> {
        let profile = self.0.profile(name, device_name)?;
        let inner = &mut *self.0.shared.lock();
        if has_home(&inner.engine) {
            let reason = "this device has begun already".into();
            return Err(WaymarkError::NotAllowed { reason });
        }
        let mut transaction = Transaction::new();
        profile.save(&mut transaction);
        inner.engine.store.commit(transaction.into())?;
        let number = self.0.found(&mut inner.engine, &profile, SpaceKind::Home)?;
        inner.machine.local_change(number);
        self.0.shared.wake();
        Ok(())
    }

    /// Creates a plan of one's own, which nobody else reads until somebody is added.
    ///
    /// # Errors
    /// `not_allowed` where the device has not begun, or the storage's.
    pub fn create_plan(&self) -> Result<PlanId, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let profile = own_profile(&inner.engine)?;
        let number = self.0.found(&mut inner.engine, &profile, SpaceKind::Care)?;
        inner.machine.local_change(number);
        self.0.shared.wake();
        let space = inner.engine.space_by_number(number);
        space
            .map(|space| PlanId(space.id().0))
            .ok_or_else(|| WaymarkError::Internal {
                reason: "the new space is missing".into(),
            })
    }

    /// The plans that this device is in or was welcomed to, oldest first.
    #[must_use]
    pub fn plans(&self) -> Vec<PlanId> {
        let inner = self.0.shared.lock();
        let care = |space: &&Space| space.kind() == SpaceKind::Care;
        inner
            .engine
            .spaces()
            .iter()
            .filter(care)
            .map(|space| PlanId(space.id().0))
            .collect()
    }

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
        space.want(&mut transaction, &member)?;
        store.commit(transaction.into())?;
        let number = space.number();
        inner.machine.local_change(number);
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
            space.want(&mut transaction, &member)?;
        }
        let numbers: Vec<u32> = spaces.iter().map(Space::number).collect();
        inner.engine.store.commit(transaction.into())?;
        for number in numbers {
            inner.machine.local_change(number);
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
            let waits = space.members_to_add(inner.engine.store.as_ref())?;
            for keys in &card.keys {
                if waits
                    .iter()
                    .any(|member| member.keys.signing_key == keys.signing_key)
                {
                    return Ok(None);
                }
                spaces.extend(space.welcome(&keys.signing_key));
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
        }
        self.0.shared.wake();
        Ok(())
    }

    /// Who reads a plan, by device, in the order in which they came.
    ///
    /// # Errors
    /// `not_found`.
    pub fn members(&self, plan: PlanId) -> Result<Vec<MemberView>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let (space, _, _) = super::cache::care(&mut inner.engine, space_of(plan))?;
        let own = space.device();
        let Some(book) = space.book() else {
            return Ok(Vec::new());
        };
        let view = |member: &waymark_wire::membership::Member| {
            let known = book.roster(member.device);
            MemberView {
                name: known.map(|known| known.name.clone()),
                role: known.map(|known| known.role),
                device_name: known.map(|known| known.device_name.clone()),
                rights: member.rights.to_string(),
                this_device: own == Some(member.device),
            }
        };
        Ok(book.membership().members().iter().map(view).collect())
    }
}

impl Inner {
    fn profile(&self, name: &str, device_name: &str) -> Result<Profile, WaymarkError> {
        for (text, field) in [(name, "the name"), (device_name, "the device's name")] {
            if !(1..=100).contains(&text.chars().count()) {
                let reason = format!("{field} has 1 to 100 characters");
                return Err(WaymarkError::InvalidInput { reason });
            }
        }
        Ok(Profile {
            name: name.into(),
            device_name: device_name.into(),
        })
    }

    /// Today's date where this device is, in days since 1970-01-01.
    fn local_days(&self) -> i32 {
        let zone = zone(&self.config.time_zone).unwrap_or(chrono_tz::UTC);
        self.now().with_timezone(&zone).date_naive().to_epoch_days()
    }

    fn found(
        &self,
        engine: &mut Engine,
        profile: &Profile,
        kind: SpaceKind,
    ) -> Result<u32, WaymarkError> {
        let number = engine.next_number()?;
        let keys = MembershipKeys::generate(engine.entropy.as_mut());
        let mut tag = [0; 16];
        engine.entropy.fill(&mut tag);
        let founder = NewMember {
            person: PersonTag(tag),
            keys: member_keys(&keys)?,
            rights: Rights::ADMIN,
            role: Role::Client,
            name: profile.name.clone(),
            device_name: profile.device_name.clone(),
            level: LEVEL,
            since: self.local_days(),
        };
        let relay = self.config.relay.clone();
        let (store, entropy) = (engine.store.as_mut(), engine.entropy.as_mut());
        let space = Space::create(store, number, &founder, keys, kind, relay, entropy)?;
        engine.push(space);
        Ok(number)
    }
}

fn has_home(engine: &Engine) -> bool {
    let mut spaces = engine.spaces().iter();
    spaces.any(|space| space.kind() == SpaceKind::Home)
}

fn own_profile(engine: &Engine) -> Result<Profile, WaymarkError> {
    let profile = Profile::load(engine.store.as_ref())?;
    // A device that only handed over a card has a profile too, and nowhere to keep a plan.
    profile
        .filter(|_| has_home(engine))
        .ok_or_else(|| WaymarkError::NotAllowed {
            reason: "this device has not begun yet".into(),
        })
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
