//! What is made of a relay's receipts beside taking pages: they are kept to hold it to its word, and
//! where it is caught at two stories, the app is told once.

use waymark_wire::receipt::Receipt;

use super::{Event, Machine, Timestamp};
use crate::engine::Engine;
use crate::space::{Space, SpaceError};

impl Machine {
    /// Takes the receipt of an append's answer, which is signed by the relay.
    pub(super) fn take_word(
        engine: &mut Engine,
        number: u32,
        receipt: &Receipt,
    ) -> Result<(), SpaceError> {
        match engine.parts(number) {
            Some((space, store, _)) => space.take_word(store, receipt),
            None => Ok(()),
        }
    }

    /// Tells the app of evidence that nobody was told of.
    pub(super) fn tell_of_forks(&mut self, engine: &mut Engine, now: Timestamp) {
        let alarmed = engine.spaces().iter().filter(|space| space.is_alarmed());
        let alarmed: Vec<u32> = alarmed.map(Space::number).collect();
        for number in alarmed {
            let Some((space, store, _)) = engine.parts(number) else {
                continue;
            };
            let id = space.id();
            match space.tell_evidence(store, now.0) {
                Ok(true) => self.events.push_back(Event::Forked { space: id }),
                Ok(false) => {}
                // It is told the next time.
                Err(error) => tracing::warn!(space = number, %error, "evidence was not noted"),
            }
        }
    }
}
