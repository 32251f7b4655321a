//! Inviting people and own devices by a link, and being invited.

use std::sync::Arc;

use waymark_core::client::{
    Client, Invitation, InvitationId, InvitationPurpose, InvitationView, WaymarkError,
};
use zeroize::Zeroizing;

use crate::DateTime;
use crate::session::Session;

/// Inviting people and own devices by a link, and being invited. One makes an invitation and hands
/// its link on, the other accepts it, and both compare a code and say whether it is the same.
/// Everything else happens with each sync, whenever either side has a network.
#[derive(uniffi::Object)]
pub struct Invitations(pub(crate) Arc<Session>);

/// An invitation to hand on. An object, because the fields of a record would be shown wherever an
/// app logs it.
#[derive(uniffi::Object)]
pub struct InvitationLink(Invitation);

#[uniffi::export]
impl Invitations {
    /// Makes an invitation that ends after so many days, 1 to 30. Whoever has its link, or its code,
    /// can answer it: it is a secret. The other can open it once this device has synced.
    ///
    /// # Errors
    /// `not_found` where there is no such plan or space; `not_allowed` where this device has not
    /// begun, is not the one who decides there, or has too many invitations open; `invalid_input`
    /// for days out of range, and for a supporter's role that is none; `locked`, or the storage's.
    #[uniffi::method(default(days = 7))]
    pub fn invite(
        &self,
        purpose: InvitationPurpose,
        days: u8,
    ) -> Result<Arc<InvitationLink>, WaymarkError> {
        self.link(|c| c.invitations().invite(purpose, days))
    }

    /// The link and the code of an invitation that was made here and waits for an answer, to show
    /// them again.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` where it was not made here, or was answered; `locked`.
    pub fn show(&self, id: InvitationId) -> Result<Arc<InvitationLink>, WaymarkError> {
        self.link(|c| c.invitations().show(id))
    }

    /// Follows a link, or a code that was typed, to look at what it says. Nothing of this device is
    /// sent. With the next sync the invitation tells who invites. Following it again changes nothing.
    ///
    /// # Errors
    /// `invalid_input` where it is no invitation (a mistyped group of the code is named) or one of
    /// this device's own; `needs_newer_app`; `not_allowed` where it has ended, or too many are open;
    /// `locked`, or the storage's.
    pub fn open(&self, invitation: String) -> Result<InvitationId, WaymarkError> {
        let invitation = Zeroizing::new(invitation);
        self.0.call(|c| c.invitations().open(&invitation))
    }

    /// Follows a link or a typed code and accepts what it offers, as this person with this device.
    /// It is answered with the next sync; then both compare the code.
    ///
    /// # Errors
    /// As for opening it; `invalid_input` for a name that is empty or over 100 characters;
    /// `not_allowed` for an own device that has begun already, and for a therapist's client who has
    /// not begun yet.
    pub fn accept(
        &self,
        invitation: String,
        name: String,
        device_name: String,
    ) -> Result<InvitationId, WaymarkError> {
        let invitation = Zeroizing::new(invitation);
        self.0
            .call(|c| c.invitations().accept(&invitation, &name, &device_name))
    }

    /// Accepts an invitation that was opened, before its offer was seen or after.
    ///
    /// # Errors
    /// `not_found`; `invalid_input` for a name that is empty or over 100 characters; `not_allowed`
    /// where it was accepted or has ended, and as for accepting a link; `locked`, or the storage's.
    pub fn accept_opened(
        &self,
        id: InvitationId,
        name: String,
        device_name: String,
    ) -> Result<(), WaymarkError> {
        self.0
            .call(|c| c.invitations().accept_opened(id, &name, &device_name))
    }

    /// Every invitation that was made or followed here and is not forgotten, oldest first.
    ///
    /// # Errors
    /// `locked`.
    pub fn list(&self) -> Result<Vec<InvitationView>, WaymarkError> {
        self.0.call(|c| Ok(c.invitations().list()))
    }

    /// One of them.
    ///
    /// # Errors
    /// `not_found`, `locked`.
    pub fn get(&self, id: InvitationId) -> Result<InvitationView, WaymarkError> {
        self.0.call(|c| c.invitations().get(id))
    }

    /// Says whether the other sees the same code. With a yes of both, the other gets in by itself; a
    /// no ends the invitation on both sides.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` where there is no code to compare, or no longer; `locked`, or the
    /// storage's.
    pub fn confirm(&self, id: InvitationId, equal: bool) -> Result<(), WaymarkError> {
        self.0.call(|c| c.invitations().confirm(id, equal))
    }

    /// Refuses, or takes back, an invitation, at whatever stage. The other is told with the next
    /// sync. Whoever was on the way into a space does not get in.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` where it is over or the other has been let in; `locked`, or the
    /// storage's.
    pub fn refuse(&self, id: InvitationId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.invitations().refuse(id))
    }

    /// Forgets an invitation that is over; after 60 days that happens by itself. What came of it
    /// stays.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` where something may still come of it: refuse it first; `locked`,
    /// or the storage's.
    pub fn forget(&self, id: InvitationId) -> Result<(), WaymarkError> {
        self.0.call(|c| c.invitations().forget(id))
    }
}

impl Invitations {
    fn link(
        &self,
        make: impl FnOnce(&Client) -> Result<Invitation, WaymarkError>,
    ) -> Result<Arc<InvitationLink>, WaymarkError> {
        Ok(Arc::new(InvitationLink(self.0.call(make)?)))
    }
}

#[uniffi::export]
impl InvitationLink {
    /// Its name on this device.
    pub fn id(&self) -> InvitationId {
        self.0.id
    }

    /// To send, or to show as a QR code (as bytes). A secret.
    pub fn text(&self) -> String {
        self.0.link.clone()
    }

    /// To read out and type, where the other's app uses the same relay. A secret too.
    pub fn code(&self) -> String {
        self.0.code.clone()
    }

    /// When it ends.
    pub fn expires(&self) -> DateTime {
        self.0.expires
    }
}
