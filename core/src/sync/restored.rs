//! What becomes of a page that a space did not take; in particular where this device turns out to be
//! one of two: it gives up its memberships and reads on as somebody who is to become a member.

use super::machine::SpaceSync;
use super::reading::Reading;
use super::{Event, Machine, Timestamp};
use crate::engine::Engine;
use crate::home;
use crate::membership::BookError;
use crate::space::{Item, Space, SpaceError};

/// How often an answer to this device is asked for of the relay before the others are asked once more.
const KEYS_LEFT_OUT: u8 = 3;

impl Machine {
    /// Makes of an error what can be made of it; otherwise the space waits.
    pub(super) fn not_taken(
        &mut self,
        engine: &mut Engine,
        reading: &Reading,
        error: SpaceError,
        now: Timestamp,
    ) {
        let number = reading.number;
        let error = match error {
            SpaceError::OwnUnknown { .. } if !reading.whole => return self.read_whole(number),
            SpaceError::Restored { seq } => {
                tracing::warn!(space = number, seq, "this device is a copy or was restored");
                return self.is_a_copy(engine, number, now);
            }
            SpaceError::Membership(BookError::KeyRefused) => {
                match home::borrow_reserve(engine, number) {
                    Ok(true) => return self.enter_anew(number),
                    Ok(false) => self.key_refused(engine, number).unwrap_or(error),
                    Err(failed) => failed,
                }
            }
            other => other,
        };
        let space = engine.space_by_number(number);
        match space.is_some_and(Space::is_on_trial) {
            true => self.start_refused(engine, number, error, now),
            false => self.space_failed(engine, number, error.into(), now),
        }
    }

    /// The relay has left out a key that this device was handed: it is asked again, and where that does not
    /// help, so are the others. Gives back an error of the store.
    fn key_refused(&mut self, engine: &mut Engine, number: u32) -> Option<SpaceError> {
        let sync = self.spaces.entry(number).or_default();
        sync.keys_left_out += 1;
        if sync.keys_left_out < KEYS_LEFT_OUT {
            return None;
        }
        sync.keys_left_out = 0;
        let (space, store, _) = engine.parts(number)?;
        space.refuse_key_again(store).err()
    }

    /// Asks for own entries whole: those have a signature. That one is this device's, the relay only said.
    fn read_whole(&mut self, number: u32) {
        let sync = self.spaces.entry(number).or_default();
        sync.whole = true;
        sync.wants_pull = true;
    }

    /// Reads on in a space with other keys.
    fn enter_anew(&mut self, number: u32) {
        let sync = self.spaces.entry(number).or_default();
        sync.wants_pull = true;
        sync.wants_push = true;
    }

    /// This device is one of two: it leaves its memberships to the other.
    pub(super) fn is_a_copy(&mut self, engine: &mut Engine, number: u32, now: Timestamp) {
        // What it was is known better by what it had before a trial.
        let undone = match engine.parts(number) {
            Some((space, store, _)) => space.undo_start(store),
            None => Ok(()),
        };
        let left = undone.and_then(|()| self.begin_anew(engine, number));
        if let Err(error) = left {
            self.space_failed(engine, number, error.into(), now);
        }
    }

    /// Where what this device has to say stands on the words of somebody who never was a member in the log
    /// as it is now, becomes another member, who says it again without those. Says whether it did.
    pub(super) fn leaves_strangers(
        &mut self,
        engine: &mut Engine,
        number: u32,
        now: Timestamp,
    ) -> bool {
        let sync = self.spaces.entry(number).or_default();
        let is_busy = sync.pushing || sync.healing.is_under_way() || sync.healing.is_busy;
        if is_busy || !sync.caught_up || !sync.wants_push || !sync.backoff.is_over(now) {
            return false;
        }
        let Some((space, store, _)) = engine.parts(number) else {
            return false;
        };
        let left = match space.stands_on_strangers(store) {
            Ok(false) => return false,
            Ok(true) => engine.renounce_one(number),
            Err(error) => Err(error),
        };
        if let Err(error) = left {
            self.space_failed(engine, number, error.into(), now);
            return true;
        }
        tracing::warn!(space = number, "what it says stands on a stranger's words");
        self.cancel_pulls();
        self.start_over(number);
        self.upkeep_due = true;
        if let Some(space) = engine.space_by_number(number) {
            self.events.push_back(Event::Restored { space: space.id() });
        }
        true
    }

    /// Takes from a log that is read once more the keys that were left out of it before.
    pub(super) fn take_keys(
        &mut self,
        engine: &mut Engine,
        number: u32,
        items: &[Item],
        at_end: bool,
        now: Timestamp,
    ) {
        let Some((space, store, _)) = engine.parts(number) else {
            return;
        };
        let taken = space.take_left_out(store, items);
        let sync = self.spaces.entry(number).or_default();
        if at_end {
            sync.lacks_keys = false;
            sync.wants_pull = true;
        }
        match taken {
            Ok(taken) => {
                sync.wants_push |= taken;
                self.upkeep_due |= taken;
            }
            Err(error) => self.space_failed(engine, number, error.into(), now),
        }
    }

    /// C: a space was repaired: its log is read before anything is sent. `restored` says whether this
    /// device is to become another member of it.
    pub fn repaired(&mut self, engine: &Engine, number: u32, restored: bool) {
        self.cancel_appends(&[number]);
        self.cancel_pulls();
        self.start_over(number);
        self.upkeep_due = true;
        if let Some(space) = engine.space_by_number(number) {
            let space = space.id();
            if restored {
                self.events.push_back(Event::Restored { space });
            }
            self.events.push_back(Event::Status { space });
        }
    }

    /// Knows nothing more of how far it was with a space but when it was last read to its end.
    fn start_over(&mut self, number: u32) {
        let synced = self.spaces.get(&number).and_then(|sync| sync.synced);
        let anew = SpaceSync {
            wants_pull: true,
            wants_push: true,
            synced,
            ..SpaceSync::default()
        };
        self.spaces.insert(number, anew);
    }

    /// Leaves the memberships to the other device, those of every space: what two have of one, they
    /// have of all.
    fn begin_anew(&mut self, engine: &mut Engine, number: u32) -> Result<(), SpaceError> {
        let numbers = engine.renounce(number)?;
        self.cancel_appends(&numbers);
        for number in numbers {
            self.start_over(number);
            if let Some(space) = engine.space_by_number(number) {
                self.events.push_back(Event::Restored { space: space.id() });
            }
        }
        self.renounced = true;
        self.upkeep_due = true;
        Ok(())
    }
}
