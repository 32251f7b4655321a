//! Who reads a space: seen, decided, and taken back.

use chrono::{DateTime, NaiveDate};
use ring::digest::{SHA512, digest};
use serde::Serialize;
use waymark_wire::ids::{DeviceNumber, SpaceId};
use waymark_wire::membership::{Member, MembershipBody, Op, Rights};

use super::{KeyHolder, MemberView, People, PlanId, WaymarkError, space_of};
use crate::engine::Engine;
use crate::home;
use crate::membership::{Book, SpaceKind, Use, Wish};
use crate::model::{PersonTag, RecordId};
use crate::space::Space;
use crate::store::Transaction;

/// One step of a space's membership, signed by a member and verified by this device.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MembershipStep {
    /// Its place among the membership entries: 0 founds the space.
    pub height: u32,
    /// The entry's id, in hexadecimal: equal on all devices.
    pub id: String,
    /// Who signed it: the number.
    pub signer: u16,
    /// Who signed it: the person's name, once this device can read it.
    pub signer_name: Option<String>,
    /// What it did, in order.
    pub changes: Vec<MembershipChange>,
}

/// A plan that holds a record, and who reads it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ItemReaders {
    /// The plan.
    pub plan: PlanId,
    /// Who reads it, as [`People::members`] says.
    pub readers: Vec<MemberView>,
}

/// What a step did.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum MembershipChange {
    /// A membership began.
    Added {
        /// Its number.
        number: u16,
        /// The person's name, once this device can read it.
        name: Option<String>,
        /// What it may do.
        rights: String,
    },
    /// A membership ended.
    Removed {
        /// Its number.
        number: u16,
        /// The person's name, once this device can read it.
        name: Option<String>,
    },
    /// A new key came into force.
    NewKey,
    /// A member got the key once more.
    KeyHandedOut {
        /// Its number.
        number: u16,
    },
    /// Something was forgotten: nobody gets a key of before from here on.
    Forgot,
    /// The signer's person left.
    Left,
    /// The space was closed.
    Closed {
        /// The space that goes on in its place.
        successor: Option<PlanId>,
    },
}

impl People<'_> {
    /// Who can read a space, by device, in the order in which they came: exactly the keys that
    /// open what is written there now. Each of them can read what is older too.
    ///
    /// # Errors
    /// `not_found`.
    pub fn members(&self, plan: PlanId) -> Result<Vec<MemberView>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let space = known(&inner.engine, space_of(plan))?;
        Ok(views(space))
    }

    /// Who can read a goal, a check-in or any other record: the plans that hold it on this device,
    /// with their readers. A record is in one plan, and as a copy in those that went on in its place.
    ///
    /// # Errors
    /// `not_found` where no plan here holds it, or the storage's.
    pub fn who_can_read(&self, item: RecordId) -> Result<Vec<ItemReaders>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let engine = &mut inner.engine;
        let care = engine.spaces().iter();
        let care = care.filter(|space| space.kind() == SpaceKind::Care);
        let ids: Vec<SpaceId> = care.map(Space::id).collect();
        let mut found = Vec::new();
        for id in ids {
            let (space, store, _) = super::cache::care(engine, id)?;
            let names: Vec<_> = space.document_names().collect();
            let mut holds = false;
            for name in names {
                holds = holds || space.document(store, name)?.has_record(&item);
            }
            if holds {
                found.push(ItemReaders {
                    plan: PlanId(id.0),
                    readers: views(space),
                });
            }
        }
        match found.is_empty() {
            true => Err(WaymarkError::not_found(format!("record {item}"))),
            false => Ok(found),
        }
    }

    /// This person's devices, as home knows them, with the recovery phrase if there is one.
    ///
    /// # Errors
    /// `not_allowed` where the device has no home.
    pub fn devices(&self) -> Result<Vec<MemberView>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let home = home::home_of(&inner.engine).ok_or_else(no_home)?;
        Ok(views(home))
    }

    /// Removes one of this person's devices, by its number in home: from home and from every space,
    /// with every reserve that it knew. It happens with the next sync. What it received before
    /// stays on it.
    ///
    /// # Errors
    /// `not_allowed` for this device itself, for the recovery phrase, and where there is no such
    /// device; or the storage's.
    pub fn remove_device(&self, number: u16) -> Result<(), WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let touched = home::remove_device(&mut inner.engine, DeviceNumber(number))?;
        for number in touched {
            inner.machine.local_change(number);
        }
        inner.machine.upkeep_soon();
        self.0.shared.wake();
        Ok(())
    }

    /// Takes a person's access to a space back: all devices, with a new key for those who stay. It
    /// happens with the next sync. What the person received before stays with the person. To them
    /// it looks as if the relay could not be reached.
    ///
    /// # Errors
    /// `not_found`, `invalid_input` where nobody there has this tag, `not_allowed` where this device
    /// may not or the person is one's own, or the storage's.
    pub fn revoke(&self, plan: PlanId, person: PersonTag) -> Result<(), WaymarkError> {
        self.want(plan, |space, book| {
            let (own, _) = space.own_member()?;
            let mut tags = book.membership().members().map(|m| m.person);
            let tag = tags.find(|tag| tag.0 == person.0);
            let tag = tag.ok_or_else(|| WaymarkError::invalid("nobody here has this tag"))?;
            if tag == own {
                return Err(WaymarkError::NotAllowed {
                    reason: "one's own devices are removed from home".into(),
                });
            }
            Ok(vec![Wish::RemovePerson(tag)])
        })
    }

    /// Ends one membership of a space, by its number there, with a new key for those who stay: one
    /// device of somebody who has several, or one of this person's own that home does not list. It
    /// happens with the next sync. What was received there before stays there.
    ///
    /// # Errors
    /// `not_found`, also for a number that nobody has; `not_allowed` for this device itself, which
    /// [leaves](People::leave), for home, whose devices [`People::remove_device`] removes, and where
    /// this device may not; or the storage's.
    pub fn remove_member(&self, plan: PlanId, number: u16) -> Result<(), WaymarkError> {
        let device = DeviceNumber(number);
        self.want(plan, |space, book| {
            if space.kind() == SpaceKind::Home || space.device() == Some(device) {
                return Err(WaymarkError::NotAllowed {
                    reason: "this membership is not ended this way".into(),
                });
            }
            match book.membership().member(device) {
                Some(_) => Ok(vec![Wish::Remove(device)]),
                None => Err(WaymarkError::not_found(format!("member {number}"))),
            }
        })
    }

    /// Leaves a space with all of this person's devices. The others replace the key, so that what
    /// they write from then on cannot be opened; what is here stays here.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` for the last who leads it: that one closes it; or the storage's.
    pub fn leave(&self, plan: PlanId) -> Result<(), WaymarkError> {
        self.want(plan, |_, _| Ok(vec![Wish::Leave]))
    }

    /// Closes a space: it stays readable, and nothing more is written there.
    ///
    /// # Errors
    /// `not_found`, `not_allowed` where this device may not, or the storage's.
    pub fn close(&self, plan: PlanId) -> Result<(), WaymarkError> {
        self.want(plan, |space, _| {
            if space.kind() == SpaceKind::Home {
                return Err(WaymarkError::NotAllowed {
                    reason: "home is not closed".into(),
                });
            }
            Ok(vec![Wish::Close(None)])
        })
    }

    /// Has the key of a space replaced, with the next sync.
    ///
    /// # Errors
    /// `not_found`, `not_allowed` where this device may only read, or the storage's.
    pub fn rotate(&self, plan: PlanId) -> Result<(), WaymarkError> {
        self.want(plan, |_, _| Ok(vec![Wish::Rotate]))
    }

    /// Hands a member the key of a space once more, with the next sync: for one that lacks it and
    /// nobody has heard of. A device that finds out by itself asks by itself.
    ///
    /// # Errors
    /// `not_found` for an unknown space or number, `not_allowed` where this device may only read or
    /// the number is its own, or the storage's.
    pub fn hand_key(&self, plan: PlanId, number: u16) -> Result<(), WaymarkError> {
        self.want(plan, |space, book| {
            let device = DeviceNumber(number);
            let member = book.membership().member(device);
            member.ok_or_else(|| WaymarkError::not_found(format!("member {number}")))?;
            if space.device() == Some(device) {
                return Err(WaymarkError::NotAllowed {
                    reason: "this device holds the key, or asks others for it".into(),
                });
            }
            Ok(vec![Wish::Seal(device)])
        })
    }

    /// Sixty digits that are equal on two devices exactly if they see the same membership of a
    /// space, with the same history: people compare them in person.
    /// SHA-512 of `"waymark/1 safety number"`, the space's id and the newest membership entry's id;
    /// twelve groups, each five bytes modulo 100,000.
    ///
    /// # Errors
    /// `not_found`, and `not_allowed` before the space was read.
    pub fn safety_number(&self, plan: PlanId) -> Result<String, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let space = known(&inner.engine, space_of(plan))?;
        let book = space.book().ok_or_else(not_read)?;
        Ok(safety_number(&space.id(), book))
    }

    /// The membership's whole history: who added and removed whom, each step signed and verified.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn history(&self, plan: PlanId) -> Result<Vec<MembershipStep>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let space = known(&inner.engine, space_of(plan))?;
        let Some(book) = space.book() else {
            return Ok(Vec::new());
        };
        let entries = space.membership_entries(inner.engine.store.as_ref())?;
        let mut steps = Vec::with_capacity(entries.len());
        for (height, entry) in (0..).zip(&entries) {
            let body = MembershipBody::parse(entry.body());
            let body = body.map_err(|_| WaymarkError::Damaged {
                reason: "a membership entry cannot be read".into(),
            })?;
            let signer = entry.header().device;
            let id = book.membership().id_at(waymark_wire::ids::Height(height));
            steps.push(MembershipStep {
                height,
                id: id.map(|id| hex(&id.0)).unwrap_or_default(),
                signer: signer.0,
                signer_name: name(book, signer),
                changes: body.core.ops.iter().map(|op| change(book, op)).collect(),
            });
        }
        Ok(steps)
    }

    /// Forgets what was wanted in a space and cannot be any more: the person has seen it in
    /// [`super::Status::not_done`].
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn forget_not_done(&self, plan: PlanId) -> Result<(), WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let mut transaction = Transaction::new();
        known(&inner.engine, space_of(plan))?.forget_not_done(&mut transaction);
        Ok(inner.engine.store.commit(transaction.into())?)
    }

    /// Notes wishes of one space, all or none.
    fn want(
        &self,
        plan: PlanId,
        make: impl FnOnce(&Space, &Book) -> Result<Vec<Wish>, WaymarkError>,
    ) -> Result<(), WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let space = known(&inner.engine, space_of(plan))?;
        let book = space.book().ok_or_else(not_read)?;
        let mut transaction = Transaction::new();
        for wish in make(space, book)? {
            space.wish(&mut transaction, &wish)?;
        }
        let number = space.number();
        inner.engine.store.commit(transaction.into())?;
        inner.machine.local_change(number);
        self.0.shared.wake();
        Ok(())
    }
}

fn known(engine: &Engine, id: SpaceId) -> Result<&Space, WaymarkError> {
    super::cache::is_readable(engine, &id)?;
    let space = engine.space(&id);
    space.ok_or_else(|| WaymarkError::not_found(format!("space {id}")))
}

fn no_home() -> WaymarkError {
    WaymarkError::NotAllowed {
        reason: "this device has no home".into(),
    }
}

fn not_read() -> WaymarkError {
    WaymarkError::NotAllowed {
        reason: "the space was not read yet".into(),
    }
}

fn views(space: &Space) -> Vec<MemberView> {
    let own = space.device().filter(|_| !space.is_enrolling());
    let people = space.book().into_iter().flat_map(Book::people);
    let heard = |device| space.last_heard(device).filter(|_| own != Some(device));
    let view = |(member, known): (&Member, Option<&crate::membership::RosterMember>)| MemberView {
        name: known.map(|known| known.name.clone()),
        role: known.map(|known| known.role),
        device_name: known.map(|known| known.device_name.clone()),
        rights: member.rights.to_string(),
        this_device: own == Some(member.device),
        number: member.device.0,
        person: PersonTag(member.person.0),
        holder: match known.and_then(|known| known.used_as) {
            _ if member.rights == Rights::RECOVERY => KeyHolder::Phrase,
            Some(Use::Phrase) => KeyHolder::Phrase,
            Some(Use::Reserve) => KeyHolder::Reserve,
            None => KeyHolder::Device,
        },
        since: known.and_then(|known| NaiveDate::from_epoch_days(known.since)),
        last_heard: heard(member.device).and_then(|at| DateTime::from_timestamp_millis(at.at_ms)),
        last_heard_seq: heard(member.device).map(|at| at.seq),
    };
    people.map(view).collect()
}

/// What a membership is called.
pub(super) fn name(book: &Book, device: DeviceNumber) -> Option<String> {
    book.roster(device).map(|known| known.name.clone())
}

/// What a person is called, who is or was a member.
pub(super) fn name_of_person(book: &Book, person: PersonTag) -> Option<String> {
    let everybody = book.membership().everybody().iter();
    let mut own = everybody.filter(|member| member.person.0 == person.0);
    own.find_map(|member| name(book, member.device))
}

fn change(book: &Book, op: &Op) -> MembershipChange {
    match op {
        Op::Add(add) => MembershipChange::Added {
            number: add.device.0,
            name: name(book, add.device),
            rights: add.rights.to_string(),
        },
        Op::Remove(device) => MembershipChange::Removed {
            number: device.0,
            name: name(book, *device),
        },
        Op::Seal(device) => MembershipChange::KeyHandedOut { number: device.0 },
        Op::Forget => MembershipChange::Forgot,
        Op::Leave => MembershipChange::Left,
        Op::Close(successor) => MembershipChange::Closed {
            successor: successor.map(|space| PlanId(space.0)),
        },
        // No other op is accepted.
        Op::Rotate(_) | Op::Reserved(_) => MembershipChange::NewKey,
    }
}

fn safety_number(space: &SpaceId, book: &Book) -> String {
    let head = book.membership().head();
    let text = [b"waymark/1 safety number".as_slice(), &space.0, &head.0].concat();
    let hash = digest(&SHA512, &text);
    let groups = hash.as_ref().chunks_exact(5).take(12).map(|group| {
        let value = group
            .iter()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        format!("{:05}", value % 100_000)
    });
    groups.collect::<Vec<_>>().join(" ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
