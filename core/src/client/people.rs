//! People: who shares what with whom.
//!
//! A client begins, creates a plan, and adds a therapist's device by its card; the therapist's
//! device accepts the welcome that comes back. A person's own second device does the same. How cards
//! and welcomes do this is in `cards`.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use waymark_wire::ids;
use waymark_wire::membership::Rights;

use super::{Inner, PlanId, Profile, WaymarkError};
use crate::crypto::MembershipKeys;
use crate::driver::Shares;
use crate::engine::Engine;
use crate::membership::{NewMember, SpaceKind};
use crate::model::{PersonTag, json};
use crate::role::Role;
use crate::space::{Founding, Space, member_keys};
use crate::store::Transaction;

/// The newest format level that this version reads.
pub(super) const LEVEL: u16 = 1;

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
    /// `read`, `write`, `admin`, or `recovery` for the phrase.
    pub rights: String,
    /// Whether it is this very device.
    pub this_device: bool,
    /// Its number in the space, by which it is named there.
    pub number: u16,
    /// Whose it is, the same for all devices of one person in this space: by this tag everything that
    /// people write there names them.
    pub person: PersonTag,
    /// What holds its keys.
    pub holder: KeyHolder,
    /// The local date since which it reads the space, as whoever added it tells, once this device
    /// can read that. What is older can be read too.
    #[serde(serialize_with = "json::date_opt")]
    pub since: Option<NaiveDate>,
    /// When this device last received something that was signed with its keys and had not come before,
    /// by this device's clock; none for this very device, and where nothing came yet. A relay can keep
    /// back what somebody says, but not so that this goes on.
    #[serde(serialize_with = "json::instant_opt")]
    pub last_heard: Option<DateTime<Utc>>,
    /// Where in the space's log that stands, the same on all devices that have it.
    pub last_heard_seq: Option<u64>,
}

/// What holds the keys of a membership.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum KeyHolder {
    /// A device.
    Device,
    /// The person's home, for own devices that come later.
    Reserve,
    /// The person's recovery phrase.
    Phrase,
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
        self.0.open_home(inner, &profile)
    }

    /// Creates a plan of one's own, which nobody else reads until somebody is added.
    ///
    /// # Errors
    /// `not_allowed` where the device has not begun, or the storage's.
    pub fn create_plan(&self) -> Result<PlanId, WaymarkError> {
        self.create_space(SpaceKind::Care)
    }

    /// Creates a space of one's own: a plan, a support space for one supporter or guardian, or a
    /// circle. Nobody else reads it until somebody is added.
    ///
    /// # Errors
    /// `invalid_input` for other kinds of space, `not_allowed` where the device has not begun, or
    /// the storage's.
    pub fn create_space(&self, kind: SpaceKind) -> Result<PlanId, WaymarkError> {
        if !matches!(
            kind,
            SpaceKind::Care | SpaceKind::Circle | SpaceKind::Support
        ) {
            return Err(WaymarkError::invalid("spaces of this kind are not created"));
        }
        let inner = &mut *self.0.shared.lock();
        let profile = own_profile(&inner.engine)?;
        let number = self.0.found(&mut inner.engine, &profile, kind)?;
        inner.machine.local_change(number);
        inner.machine.upkeep_soon();
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
        self.spaces(SpaceKind::Care)
    }

    /// The spaces of a kind that this device is in or was welcomed to, oldest first.
    #[must_use]
    pub fn spaces(&self, kind: SpaceKind) -> Vec<PlanId> {
        let inner = self.0.shared.lock();
        let care = |space: &&Space| space.kind() == kind;
        inner
            .engine
            .spaces()
            .iter()
            .filter(care)
            .map(|space| PlanId(space.id().0))
            .collect()
    }
}

impl Inner {
    pub(super) fn profile(&self, name: &str, device_name: &str) -> Result<Profile, WaymarkError> {
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

    /// Founds home, where there is none: whoever comes into a space of others' has begun with that.
    pub(super) fn open_home(
        &self,
        inner: &mut Shares,
        profile: &Profile,
    ) -> Result<(), WaymarkError> {
        if has_home(&inner.engine) {
            return Ok(());
        }
        let number = self.found(&mut inner.engine, profile, SpaceKind::Home)?;
        inner.machine.local_change(number);
        inner.machine.upkeep_soon();
        self.shared.wake();
        Ok(())
    }

    /// Today's date where this device is, in days since 1970-01-01.
    pub(super) fn local_days(&self) -> i32 {
        self.now()
            .with_timezone(&self.zone())
            .date_naive()
            .to_epoch_days()
    }

    fn found(
        &self,
        engine: &mut Engine,
        profile: &Profile,
        kind: SpaceKind,
    ) -> Result<u32, WaymarkError> {
        let number = engine.next_number()?;
        let mut tag = [0; 16];
        engine.entropy.fill(&mut tag);
        let (founder, keys) = self.founder(engine, profile, ids::PersonTag(tag))?;
        let founding = Founding {
            kind,
            relay: self.config.relay.clone(),
            follows: None,
        };
        let (store, entropy) = (engine.store.as_mut(), engine.entropy.as_mut());
        let space = Space::create(store, number, &[founder], keys, founding, entropy)?;
        engine.push(space);
        Ok(number)
    }

    /// This device as the one who founds a space, with fresh keys.
    pub(super) fn founder(
        &self,
        engine: &mut Engine,
        profile: &Profile,
        person: ids::PersonTag,
    ) -> Result<(NewMember, MembershipKeys), WaymarkError> {
        let keys = MembershipKeys::generate(engine.entropy.as_mut());
        let founder = NewMember {
            person,
            keys: member_keys(&keys)?,
            rights: Rights::ADMIN,
            role: Role::Client,
            name: profile.name.clone(),
            device_name: profile.device_name.clone(),
            level: LEVEL,
            since: self.local_days(),
            used_as: None,
        };
        Ok((founder, keys))
    }
}

/// Whether this device has begun, or was welcomed to where its person has.
pub(super) fn has_home(engine: &Engine) -> bool {
    let mut spaces = engine.spaces().iter();
    spaces.any(|space| space.kind() == SpaceKind::Home) || engine.is_home_damaged()
}

pub(super) fn own_profile(engine: &Engine) -> Result<Profile, WaymarkError> {
    let profile = Profile::load(engine.store.as_ref())?;
    // A device that only handed over a card has a profile too, and nowhere to keep a plan.
    profile
        .filter(|_| has_home(engine))
        .ok_or_else(|| WaymarkError::NotAllowed {
            reason: "this device has not begun yet".into(),
        })
}

#[cfg(test)]
mod tests {
    use crate::client::testing::Phone;
    use crate::model::{Kind, Win, WinKind};

    /// An app could not say whose words it shows: what crosses to it of a tag is its text.
    #[test]
    fn the_author_of_an_item_is_found_among_the_members_by_the_tag_that_apps_see() {
        let phone = Phone::new();
        let win = Win {
            text: "I went out".into(),
            of: WinKind::SelfCare,
            goal: None,
        };
        phone.client.items().add(phone.plan, win).unwrap();
        let wins = phone.client.items().list(phone.plan, Kind::Win).unwrap();
        let author = serde_json::to_value(&wins[0].authors).unwrap()[0].clone();
        let members = phone.client.people().members(phone.plan).unwrap();
        let members = serde_json::to_value(&members).unwrap();
        let mut of_author = members.as_array().unwrap().iter();
        let found = of_author.find(|member| member["person"] == author).unwrap();
        assert_eq!(found["name"], "Kim");
    }
}
