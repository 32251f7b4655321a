//! The recovery phrase: 24 words that suffice where every device is lost.

use serde::Serialize;
use zeroize::Zeroizing;

use super::people::LEVEL;
use super::{People, WaymarkError};
use crate::home::{self, PhraseState};
use crate::membership::Newcomer;
use crate::recovery::{Phrase, PhraseError};
use crate::store::Transaction;

/// Whether a lost phone could be made good.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum RecoveryState {
    /// There is no phrase: whoever loses every device starts again.
    None,
    /// A phrase was made, and the relay does not have everything yet that it needs: on the device that
    /// made it one sync is missing. On another device it stays so where the one that made it was lost
    /// before that; then a new phrase is made, with the words of this one.
    Pending,
    /// The words suffice.
    Ready,
    /// Words were drawn on this device, and nobody has said that they are on paper
    /// ([`People::confirm_phrase`]): they are good for nothing yet.
    Unconfirmed,
}

impl People<'_> {
    /// Draws a recovery phrase: 24 words, to be written down on paper and shown to nobody. They are
    /// good for nothing before [`People::confirm_phrase`] says that they are on paper: words that nobody
    /// has could only be ended by themselves. Where there is a phrase already, `old` is its words.
    ///
    /// # Errors
    /// `invalid_input` where `old` cannot be read (a misspelt word is named), `not_allowed` where
    /// the device has no home, another phrase is being made here, or there is a phrase and `old` is not
    /// it; or the storage's.
    pub fn make_phrase(&self, old: Option<&str>) -> Result<Zeroizing<String>, WaymarkError> {
        let old = old.map(parse).transpose()?;
        let inner = &mut *self.0.shared.lock();
        let phrase = Phrase::generate(inner.engine.entropy.as_mut());
        home::make_phrase(&mut inner.engine, &phrase, old.as_ref())?;
        Ok(phrase.text())
    }

    /// Says that the words that were made here are on paper: they become good with the next sync, and
    /// `old`, where there is a phrase already, ends with it. Its words are asked for again, so that
    /// nobody who finds the phone in between can put words of theirs in its place.
    ///
    /// # Errors
    /// `not_allowed` where no words wait for it, and as for [`People::make_phrase`], also where another
    /// device has made a phrase meanwhile; `invalid_input`, or the storage's. They still wait then.
    pub fn confirm_phrase(&self, old: Option<&str>) -> Result<(), WaymarkError> {
        let old = old.map(parse).transpose()?;
        let inner = &mut *self.0.shared.lock();
        let number = home::confirm_phrase(&mut inner.engine, old.as_ref())?;
        inner.machine.local_change(number);
        inner.machine.upkeep_soon();
        self.0.shared.wake();
        Ok(())
    }

    /// The words that are being made here, to show them again: from when they were drawn until the relay
    /// has everything that they need.
    ///
    /// # Errors
    /// The storage's.
    pub fn made_phrase(&self) -> Result<Option<Zeroizing<String>>, WaymarkError> {
        let inner = self.0.shared.lock();
        let made = home::made_phrase(&inner.engine)?;
        Ok(made.map(|phrase| phrase.text()))
    }

    /// Gives up the words that are being made here.
    ///
    /// # Errors
    /// `not_allowed` where there are none, or they are a member of home already or about to be: then
    /// another phrase ends them; or the storage's.
    pub fn cancel_phrase(&self) -> Result<(), WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        Ok(home::cancel_phrase(&mut inner.engine)?)
    }

    /// Whether a lost phone could be made good.
    ///
    /// # Errors
    /// The storage's.
    pub fn recovery(&self) -> Result<RecoveryState, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        Ok(match home::phrase_state(&mut inner.engine)? {
            PhraseState::None => RecoveryState::None,
            PhraseState::Pending => RecoveryState::Pending,
            PhraseState::Ready => RecoveryState::Ready,
            PhraseState::Unconfirmed => RecoveryState::Unconfirmed,
        })
    }

    /// Brings everything back on a device that has nothing yet: home first, then every space. It
    /// happens with the next sync, which finds the beacon at the configured relay. The lost devices
    /// stay members until they are removed ([`People::remove_device`]).
    ///
    /// # Errors
    /// `invalid_input` where the words cannot be read (a misspelt one is named) or a name is empty
    /// or over 100 characters; `not_allowed` where the device has begun; or the storage's.
    pub fn restore(&self, words: &str, name: &str, device_name: &str) -> Result<(), WaymarkError> {
        let phrase = parse(words)?;
        let profile = self.0.profile(name, device_name)?;
        let newcomer = Newcomer {
            name: name.into(),
            device_name: device_name.into(),
            level: LEVEL,
            since: self.0.local_days(),
        };
        let inner = &mut *self.0.shared.lock();
        let relay = self.0.config.relay.clone();
        let number = home::restore(&mut inner.engine, &phrase, newcomer, &relay)?;
        let mut transaction = Transaction::new();
        profile.save(&mut transaction);
        inner.engine.store.commit(transaction.into())?;
        inner.machine.local_change(number);
        inner.machine.upkeep_soon();
        self.0.shared.wake();
        Ok(())
    }
}

/// Reads words; an error names the place and what the word may have been, which only the person at
/// this device sees.
fn parse(words: &str) -> Result<Phrase, WaymarkError> {
    Phrase::parse(words).map_err(|error| {
        let reason = match &error {
            PhraseError::UnknownWord {
                place,
                word,
                nearest,
            } if !nearest.is_empty() => format!(
                "word {place}, \"{}\", is not on the list; perhaps {}",
                word.as_str(),
                nearest.join(", ")
            ),
            PhraseError::UnknownWord { place, word, .. } => {
                format!("word {place}, \"{}\", is not on the list", word.as_str())
            }
            error => error.to_string(),
        };
        WaymarkError::InvalidInput { reason }
    })
}
