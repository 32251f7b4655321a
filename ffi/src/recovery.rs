//! The recovery phrase: 24 words that suffice where every device is lost.

use waymark_core::client::{RecoveryState, WaymarkError};
use zeroize::Zeroizing;

use crate::People;

#[uniffi::export]
impl People {
    /// Draws a recovery phrase: 24 words, to be written down on paper and shown to nobody. They are
    /// good for nothing before [`People::confirm_phrase`] says that they are on paper. Where there is a
    /// phrase already, `old` is its words.
    ///
    /// # Errors
    /// `invalid_input` where `old` cannot be read (a misspelt word is named), `not_allowed` where
    /// the device has no home, another phrase is being made here, or there is a phrase and `old` is not
    /// it; `locked`, or the storage's.
    #[uniffi::method(default(old = None))]
    pub fn make_phrase(&self, old: Option<String>) -> Result<String, WaymarkError> {
        let old = old.map(Zeroizing::new);
        let old = old.as_ref().map(|old| old.as_str());
        // Overwritten here; the copy that crosses is the app's.
        let words = self.0.call(|c| c.people().make_phrase(old))?;
        Ok(words.as_str().to_owned())
    }

    /// Says that the words that were made here are on paper: they become good with the next sync, and
    /// `old`, the words of the phrase that there is, ends with it.
    ///
    /// # Errors
    /// `not_allowed` where no words wait for it, and as for [`People::make_phrase`]; `invalid_input`,
    /// `locked`, or the storage's.
    #[uniffi::method(default(old = None))]
    pub fn confirm_phrase(&self, old: Option<String>) -> Result<(), WaymarkError> {
        let old = old.map(Zeroizing::new);
        let old = old.as_ref().map(|old| old.as_str());
        self.0.call(|c| c.people().confirm_phrase(old))
    }

    /// The words that are being made here, to show them again: from when they were drawn until the relay
    /// has everything that they need.
    ///
    /// # Errors
    /// `locked`, or the storage's.
    pub fn made_phrase(&self) -> Result<Option<String>, WaymarkError> {
        let words = self.0.call(|c| c.people().made_phrase())?;
        Ok(words.map(|words| words.as_str().to_owned()))
    }

    /// Gives up the words that are being made here.
    ///
    /// # Errors
    /// `not_allowed` where there are none, or they are good already or about to be; `locked`, or the
    /// storage's.
    pub fn cancel_phrase(&self) -> Result<(), WaymarkError> {
        self.0.call(|c| c.people().cancel_phrase())
    }

    /// Whether a lost phone could be made good.
    ///
    /// # Errors
    /// `locked`, or the storage's.
    pub fn recovery(&self) -> Result<RecoveryState, WaymarkError> {
        self.0.call(|c| c.people().recovery())
    }

    /// Brings everything back on a device that has nothing yet: home first, then every space. It
    /// happens with the next sync, which asks the configured relay. The lost devices stay members
    /// until they are removed.
    ///
    /// # Errors
    /// `invalid_input` where the words cannot be read (a misspelt one is named) or a name is empty
    /// or over 100 characters; `not_allowed` where the device has begun; `locked`, or the storage's.
    pub fn restore(
        &self,
        words: String,
        name: String,
        device_name: String,
    ) -> Result<(), WaymarkError> {
        let words = Zeroizing::new(words);
        self.0
            .call(|c| c.people().restore(&words, &name, &device_name))
    }
}
