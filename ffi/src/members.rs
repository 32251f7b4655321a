//! Who reads a space: seen, decided, and taken back.

use waymark_core::client::{ItemReaders, MemberView, MembershipStep, PlanId, WaymarkError};
use waymark_core::model::{PersonTag, RecordId};

use crate::People;

#[uniffi::export]
impl People {
    /// Who can read a space, by device, in the order in which they came: exactly the keys that open
    /// what is written there now. Each of them can read what is older too.
    ///
    /// # Errors
    /// `not_found`, `locked`.
    pub fn members(&self, plan: PlanId) -> Result<Vec<MemberView>, WaymarkError> {
        self.0.call(|c| c.people().members(plan))
    }

    /// Who can read a goal, a check-in or any other record: the plans that hold it on this device,
    /// with their readers. A record is in one plan, and as a copy in those that went on in its place.
    ///
    /// # Errors
    /// `not_found` where no plan here holds it, `locked`, or the storage's.
    pub fn who_can_read(&self, item: RecordId) -> Result<Vec<ItemReaders>, WaymarkError> {
        self.0.call(|c| c.people().who_can_read(item))
    }

    /// This person's devices, as home knows them, with the recovery phrase if there is one.
    ///
    /// # Errors
    /// `not_allowed` where the device has no home, `locked`.
    pub fn devices(&self) -> Result<Vec<MemberView>, WaymarkError> {
        self.0.call(|c| c.people().devices())
    }

    /// Removes one of this person's devices, by its number in home: from home and from every space.
    /// It happens with the next sync. What it received before stays on it.
    ///
    /// # Errors
    /// `not_allowed` for this device itself, for the recovery phrase, and where there is no such
    /// device; `locked`, or the storage's.
    pub fn remove_device(&self, number: u16) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().remove_device(number))
    }

    /// Takes a person's access to a space back: all devices, with a new key for those who stay. It
    /// happens with the next sync. What the person received before stays with the person. To them
    /// it looks as if the relay could not be reached.
    ///
    /// # Errors
    /// `not_found`, `invalid_input` where nobody there has this tag, `not_allowed` where this device
    /// may not or the person is one's own, `locked`, or the storage's.
    pub fn revoke(&self, plan: PlanId, person: PersonTag) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().revoke(plan, person))
    }

    /// Leaves a space with all of this person's devices. The others replace the key, so that what
    /// they write from then on cannot be opened; what is here stays here.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` for the last who leads it: that one closes it; `locked`, or the
    /// storage's.
    pub fn leave(&self, plan: PlanId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().leave(plan))
    }

    /// Closes a space: it stays readable, and nothing more is written there.
    ///
    /// # Errors
    /// `not_found`, `not_allowed` where this device may not, `locked`, or the storage's.
    // Every object of Kotlin's has a `close` already, which frees it.
    pub fn close_space(&self, plan: PlanId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().close(plan))
    }

    /// Has the key of a space replaced, with the next sync.
    ///
    /// # Errors
    /// `not_found`, `not_allowed` where this device may only read, `locked`, or the storage's.
    pub fn rotate(&self, plan: PlanId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().rotate(plan))
    }

    /// Ends one membership of a space, by its number there, with a new key for those who stay: one
    /// device of somebody who has several, or one of this person's own that home does not list. It
    /// happens with the next sync. What was received there before stays there.
    ///
    /// # Errors
    /// `not_found`, also for a number that nobody has; `not_allowed` for this device itself, for
    /// home, and where this device may not; `locked`, or the storage's.
    pub fn remove_member(&self, plan: PlanId, number: u16) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().remove_member(plan, number))
    }

    /// Hands a member the key of a space once more, with the next sync: for one that lacks it and
    /// nobody has heard of. A device that finds out by itself asks by itself.
    ///
    /// # Errors
    /// `not_found` for an unknown space or number, `not_allowed` where this device may only read or
    /// the number is its own, `locked`, or the storage's.
    pub fn hand_key(&self, plan: PlanId, number: u16) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().hand_key(plan, number))
    }

    /// Follows the relay's log of a space although it goes on from before somebody was removed, and
    /// with an entry of whoever it was (the status says so, as `relay_untrusted`). Until then nothing
    /// is sent there.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` where the log goes on as this device knows it; `locked`, or the
    /// storage's.
    pub fn follow_relay(&self, plan: PlanId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().follow_relay(plan))
    }

    /// Forgets what was wanted in a space and cannot be any more: the person has seen it in the status.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn forget_not_done(&self, plan: PlanId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().forget_not_done(plan))
    }

    /// Starts at the checkpoint of a space that this device refuses because nobody, or somebody, says of
    /// it what it takes, and the relay has nothing else (the status says so, as `relay_untrusted`). What
    /// came before it is then on the word of whoever published it.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` where no checkpoint was refused; `locked`, or the storage's.
    pub fn start_unconfirmed(&self, plan: PlanId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().start_unconfirmed(plan))
    }

    /// Sixty digits that are equal on two devices exactly if they see the same membership of a
    /// space, with the same history: people compare them in person.
    ///
    /// # Errors
    /// `not_found`, `not_allowed` before the space was read, `locked`.
    pub fn safety_number(&self, plan: PlanId) -> Result<String, WaymarkError> {
        self.0.call(|c| c.people().safety_number(plan))
    }

    /// The membership's whole history: who added and removed whom, each step signed and verified.
    ///
    /// # Errors
    /// `not_found`, `locked`, or the storage's.
    pub fn history(&self, plan: PlanId) -> Result<Vec<MembershipStep>, WaymarkError> {
        self.0.call(|c| c.people().history(plan))
    }
}
