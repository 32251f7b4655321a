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
    /// A phrase was made, and it does not suffice before the next sync has ended.
    Pending,
    /// The words suffice.
    Ready,
}

impl People<'_> {
    /// Makes a recovery phrase: 24 words, to be written down on paper and shown to nobody. They are
    /// given this once. Where there is a phrase already, `old` is its words, which end with it.
    ///
    /// # Errors
    /// `invalid_input` where `old` cannot be read (a misspelt word is named), `not_allowed` where
    /// the device has no home, or there is a phrase and `old` is not it; or the storage's.
    pub fn make_phrase(&self, old: Option<&str>) -> Result<Zeroizing<String>, WaymarkError> {
        let old = old.map(parse).transpose()?;
        let inner = &mut *self.0.shared.lock();
        let phrase = Phrase::generate(inner.engine.entropy.as_mut());
        let number = home::make_phrase(&mut inner.engine, &phrase, old.as_ref())?;
        inner.machine.local_change(number);
        inner.machine.upkeep_soon();
        self.0.shared.wake();
        Ok(phrase.text())
    }

    /// Whether a lost phone could be made good.
    ///
    /// # Errors
    /// The storage's.
    pub fn recovery(&self) -> Result<RecoveryState, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        Ok(match home::phrase_state(&inner.engine)? {
            PhraseState::None => RecoveryState::None,
            PhraseState::Pending => RecoveryState::Pending,
            PhraseState::Ready => RecoveryState::Ready,
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
