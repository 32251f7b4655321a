//! Inviting people and own devices by a link, and being invited.
//!
//! ```text
//! inviter                                    invited
//! invite ── link, or 35 characters ───────▶  accept          (or open, look, accept_opened)
//! list: 123 456      both compare      list: 123 456
//! confirm(yes)                               confirm(yes)
//! ```
//!
//! Everything else happens by itself with each sync, whenever either side has a network: the two
//! need never be online together. Each step is told as [`super::Change::Invitation`]. Nothing that
//! the other says is believed before both said that they see the same code.

mod view;

use std::sync::Arc;

use waymark_wire::codec::Bytes;
use waymark_wire::ids::SpaceId;
use waymark_wire::limits;
use waymark_wire::membership::Rights;
use waymark_wire::message::MailboxId;

pub use self::view::{
    Invitation, InvitationEnd, InvitationId, InvitationPurpose, InvitationStage, InvitationView,
};
use super::people::{LEVEL, has_home, own_profile};
use super::{Inner, Profile, WaymarkError, space_of};
use crate::crypto::MembershipKeys;
use crate::driver::Shares;
use crate::engine::Engine;
use crate::home;
use crate::mail::{About, Kept, Mail, cards, has_others, kind_of};
use crate::membership::RelayAddress;
use crate::pairing::{self, Link, Pairing, Purpose, Side, Stage};
use crate::role::Role;
use crate::space::{ONE_SUPPORTER, Space};
use crate::store::Transaction;

/// Inviting and being invited.
#[derive(Clone, Copy)]
pub struct Invitations<'c>(pub(super) &'c Arc<Inner>);

impl Invitations<'_> {
    /// Makes an invitation that ends after so many days, 1 to 30. Whoever has its link, or its code,
    /// can answer it: it is a secret. The other can open it once this device has synced.
    ///
    /// # Errors
    /// `not_found` where there is no such plan or space; `not_allowed` where this device has not
    /// begun, is not the one who decides there, or has too many invitations open;
    /// `invalid_input` for days out of range, and for a supporter's role that is none; or the
    /// storage's.
    pub fn invite(&self, purpose: InvitationPurpose, days: u8) -> Result<Invitation, WaymarkError> {
        if !(1..=limits::MAILBOX_DAYS).contains(&days) {
            return Err(WaymarkError::invalid("an invitation is for 1 to 30 days"));
        }
        let now = self.0.clock.now().0;
        let inner = &mut *self.0.shared.lock();
        let engine = &mut inner.engine;
        let profile = own_profile(engine)?;
        let about = about(engine, &purpose, now)?;
        require_room(engine)?;
        let relay = self.0.relay(engine);
        let keys = MembershipKeys::generate(engine.entropy.as_mut());
        let mut transaction = Transaction::new();
        let (name, device_name) = (&profile.name, &profile.device_name);
        let card = cards::issue(&mut transaction, &keys, name, device_name, LEVEL)?;
        let invitation = pairing::Invitation {
            purpose: purpose.purpose(),
            relay,
            card,
            expires_ms: now.saturating_add(i64::from(days) * DAY_MS),
        };
        let pairing = Pairing::invite(invitation, now, engine.entropy.as_mut())?;
        let kept = Kept { pairing, about };
        let invitation = Invitation::of(&kept);
        self.0.keep(inner, transaction, kept)?;
        Ok(invitation)
    }

    /// The link and the code of an invitation that was made here and waits for an answer, to show
    /// them again.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` where it was not made here, or was answered.
    pub fn show(&self, id: InvitationId) -> Result<Invitation, WaymarkError> {
        let inner = self.0.shared.lock();
        let kept = known(&inner.engine, id)?;
        if kept.pairing.stage() == Stage::Inviting {
            Ok(Invitation::of(kept))
        } else {
            Err(not_now("nobody is to answer it any more"))
        }
    }

    /// Follows a link, or a code that was typed, to look at what it says. Nothing of this device is
    /// sent. With the next sync [`InvitationView`] tells who invites. Following it again changes
    /// nothing.
    ///
    /// # Errors
    /// `invalid_input` where it is no invitation (a mistyped group of the code is named) or one of
    /// this device's own; `needs_newer_app`; `not_allowed` where it has ended, or too many are open;
    /// or the storage's.
    pub fn open(&self, invitation: &str) -> Result<InvitationId, WaymarkError> {
        let now = self.0.clock.now().0;
        let inner = &mut *self.0.shared.lock();
        let link = self.0.read_link(&inner.engine, invitation)?;
        let id = *link.secret.mailbox();
        if let Some(kept) = inner.engine.mail.get(&id) {
            return match kept.pairing.side() {
                Side::Invited => Ok(InvitationId(id.0)),
                Side::Inviter => Err(WaymarkError::invalid("it is this device's own invitation")),
            };
        }
        if link.expires_ms.is_some_and(|end| end <= now) {
            return Err(not_now("it has ended"));
        }
        require_room(&inner.engine)?;
        let kept = Kept {
            pairing: Pairing::open(link),
            about: About::since(now),
        };
        self.0.keep(inner, Transaction::new(), kept)?;
        Ok(InvitationId(id.0))
    }

    /// Follows a link or a typed code and accepts what it offers, as this person with this device.
    /// It is answered with the next sync; then both compare the code. Accepting it again changes
    /// nothing.
    ///
    /// # Errors
    /// As [`Invitations::open`]; `invalid_input` for a name that is empty or over 100 characters;
    /// `not_allowed` for an own device that has begun already. A device that has not begun does so
    /// with it, under these names, unless it comes into its person's home.
    pub fn accept(
        &self,
        invitation: &str,
        name: &str,
        device_name: &str,
    ) -> Result<InvitationId, WaymarkError> {
        self.0.profile(name, device_name)?;
        {
            let inner = self.0.shared.lock();
            let link = self.0.read_link(&inner.engine, invitation)?;
            let is_known = inner.engine.mail.get(link.secret.mailbox()).is_some();
            if !is_known {
                may_accept(&inner.engine, link.purpose)?;
            }
        }
        let id = self.open(invitation)?;
        let is_accepted = {
            let inner = self.0.shared.lock();
            known(&inner.engine, id)?.own_card().is_some()
        };
        if !is_accepted {
            self.accept_opened(id, name, device_name)?;
        }
        Ok(id)
    }

    /// Accepts an invitation that was [opened](Invitations::open), before its offer was seen or
    /// after.
    ///
    /// # Errors
    /// `not_found`; `invalid_input` for a name that is empty or over 100 characters; `not_allowed`
    /// where it was accepted or has ended, and as for [`Invitations::accept`]; or the storage's.
    pub fn accept_opened(
        &self,
        id: InvitationId,
        name: &str,
        device_name: &str,
    ) -> Result<(), WaymarkError> {
        let profile = self.0.profile(name, device_name)?;
        self.change(id, |engine, kept, transaction, _| {
            may_accept(engine, kept.pairing.link().purpose)?;
            let waits = matches!(kept.pairing.stage(), Stage::Opening | Stage::Offered);
            if !waits || kept.own_card().is_some() {
                return Err(not_now("it is accepted already, or over"));
            }
            let keys = MembershipKeys::generate(engine.entropy.as_mut());
            let card = cards::issue(transaction, &keys, name, device_name, LEVEL)?;
            kept.about.card = Some(Bytes(card));
            kept.about.relay = Some(self.0.relay(engine));
            kept.about.role =
                (kept.pairing.link().purpose == Purpose::Client).then_some(Role::Therapist);
            if Profile::load(engine.store.as_ref())?.is_none() {
                profile.save(transaction);
            }
            Ok(())
        })?;
        // An own device is brought home by the invitation; everybody else begins with it.
        let inner = &mut *self.0.shared.lock();
        let purpose = known(&inner.engine, id)?.pairing.link().purpose;
        if purpose == Purpose::Device {
            return Ok(());
        }
        self.0.open_home(inner, &profile)
    }

    /// Every invitation that was made or followed here and is not forgotten, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<InvitationView> {
        let now = self.0.clock.now().0;
        let inner = &*self.0.shared.lock();
        let mut all: Vec<&Kept> = inner.engine.mail.all().map(|(_, kept)| kept).collect();
        all.sort_by_key(|kept| (kept.about.since_ms, kept.mailbox()));
        all.into_iter()
            .map(|kept| InvitationView::of(inner, kept, now))
            .collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// `not_found`.
    pub fn get(&self, id: InvitationId) -> Result<InvitationView, WaymarkError> {
        let now = self.0.clock.now().0;
        let inner = &*self.0.shared.lock();
        Ok(InvitationView::of(inner, known(&inner.engine, id)?, now))
    }

    /// Says whether the other sees the same code. With a yes of both, the other gets in by itself;
    /// a no ends the invitation on both sides.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` where there is no code to compare, or no longer; or the storage's.
    pub fn confirm(&self, id: InvitationId, equal: bool) -> Result<(), WaymarkError> {
        self.change(id, |engine, kept, _, now| {
            let card = kept.own_card();
            let own = card.and_then(|card| Some(card.keys.first()?.signing_key));
            let keys = match own {
                Some(own) => cards::card_keys(engine.store.as_ref(), &own)?,
                None => None,
            };
            // Without a card it is not the time yet; so it says, whatever the keys are.
            let keys = keys.ok_or_else(|| not_now("there is no code to compare"))?;
            let entropy = engine.entropy.as_mut();
            Ok(kept.pairing.confirm(equal, &keys, now, entropy)?)
        })
    }

    /// Refuses, or takes back, an invitation, at whatever stage. The other is told with the next
    /// sync. Whoever was on the way into a space does not get in.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` where it is over or the other has been let in; or the storage's.
    pub fn refuse(&self, id: InvitationId) -> Result<(), WaymarkError> {
        self.change(id, |engine, kept, _, now| {
            let entropy = engine.entropy.as_mut();
            Ok(kept.pairing.refuse(now, entropy)?)
        })
    }

    /// Forgets an invitation that is over; after 60 days that happens by itself. What came of it
    /// stays.
    ///
    /// # Errors
    /// `not_found`; `not_allowed` where something may still come of it: refuse it first; or the
    /// storage's.
    pub fn forget(&self, id: InvitationId) -> Result<(), WaymarkError> {
        self.0.look_at_the_date();
        let inner = &mut *self.0.shared.lock();
        if !known(&inner.engine, id)?.about.settled {
            return Err(not_now("it is not over"));
        }
        let Engine { mail, store, .. } = &mut inner.engine;
        Ok(mail.remove(store.as_mut(), &MailboxId(id.0))?)
    }

    /// Changes one invitation, durably, and has everything follow from it.
    fn change(
        &self,
        id: InvitationId,
        change: impl FnOnce(&mut Engine, &mut Kept, &mut Transaction, i64) -> Result<(), WaymarkError>,
    ) -> Result<(), WaymarkError> {
        let now = self.0.clock.now().0;
        let inner = &mut *self.0.shared.lock();
        known(&inner.engine, id)?;
        let kept = inner.engine.mail.copy(&MailboxId(id.0));
        let mut kept = kept.ok_or_else(|| WaymarkError::not_found("invitation"))?;
        let mut transaction = Transaction::new();
        change(&mut inner.engine, &mut kept, &mut transaction, now)?;
        self.0.keep(inner, transaction, kept)
    }
}

impl Inner {
    /// Stores an invitation, and goes on with it as far as nobody has to be asked.
    fn keep(
        &self,
        inner: &mut Shares,
        transaction: Transaction,
        kept: Kept,
    ) -> Result<(), WaymarkError> {
        let id = kept.mailbox();
        let Shares { engine, machine } = inner;
        let Engine { mail, store, .. } = engine;
        mail.commit(store.as_mut(), transaction, kept)?;
        machine.mail_soon(id);
        machine.look_at_mail(engine, self.clock.now().0, self.local_days());
        self.shared.wake();
        Ok(())
    }

    /// The relay for what begins here, with its key where home knows it.
    fn relay(&self, engine: &Engine) -> RelayAddress {
        let own = &self.config.relay;
        let known = home::home_of(engine).map(Space::relay);
        let known = known.filter(|known| known.url == own.url && own.key.is_none());
        known.unwrap_or(own).clone()
    }

    /// Reads a link, or a code that was typed.
    fn read_link(&self, engine: &Engine, text: &str) -> Result<Link, WaymarkError> {
        if text.contains(':') {
            Ok(Link::parse(text)?)
        } else {
            Ok(Link::parse_short(text, self.relay(engine))?)
        }
    }
}

fn known(engine: &Engine, id: InvitationId) -> Result<&Kept, WaymarkError> {
    let kept = engine.mail.get(&MailboxId(id.0));
    kept.ok_or_else(|| WaymarkError::not_found("invitation"))
}

fn not_now(reason: &str) -> WaymarkError {
    WaymarkError::NotAllowed {
        reason: reason.into(),
    }
}

fn require_room(engine: &Engine) -> Result<(), WaymarkError> {
    let open = engine.mail.all().filter(|(_, kept)| kept.is_open());
    if open.count() < Mail::OPEN {
        Ok(())
    } else {
        Err(not_now("there are as many invitations as there may be"))
    }
}

/// What an invitation is about, where this device may make it.
fn about(engine: &Engine, purpose: &InvitationPurpose, now: i64) -> Result<About, WaymarkError> {
    let (space, role) = match purpose {
        InvitationPurpose::Client | InvitationPurpose::Device => (None, None),
        InvitationPurpose::Plan { plan } => (Some(*plan), Some(Role::Therapist)),
        InvitationPurpose::Circle { space } => (Some(*space), Some(Role::Supporter)),
        InvitationPurpose::Supporter { space, role } => (Some(*space), Some(*role)),
    };
    let space = space.map(space_of);
    if let Some(id) = space {
        require_lead(engine, id, purpose.purpose())?;
    }
    if let InvitationPurpose::Supporter { role, .. } = purpose
        && !matches!(role, Role::Guardian | Role::Supporter)
    {
        let why = "who supports is a supporter or a guardian";
        return Err(WaymarkError::invalid(why));
    }
    Ok(About {
        space,
        role,
        ..About::since(now)
    })
}

/// Whether this device decides who joins a space.
fn require_lead(engine: &Engine, id: SpaceId, purpose: Purpose) -> Result<(), WaymarkError> {
    let kind = kind_of(purpose);
    let space = engine.space(&id).filter(|space| space.kind() == kind);
    let space = space.ok_or_else(|| WaymarkError::not_found(format!("space {id}")))?;
    let (_, rights) = space.own_member()?;
    if !rights.include(Rights::ADMIN) {
        return Err(not_now("only who made the space invites to it"));
    }
    if space.has_ended() || space.is_closed() {
        return Err(not_now("the space has come to its end"));
    }
    let mut open = engine.mail.all().filter(|(_, kept)| kept.is_open());
    let is_asked = open.any(|(_, kept)| kept.about.space == Some(id));
    if purpose == Purpose::Supporter && (is_asked || has_others(space)) {
        return Err(not_now(ONE_SUPPORTER));
    }
    Ok(())
}

/// Whether this device may accept an invitation.
fn may_accept(engine: &Engine, purpose: Purpose) -> Result<(), WaymarkError> {
    match (purpose, has_home(engine)) {
        (Purpose::Device, true) => Err(not_now("this device has begun already")),
        _ => Ok(()),
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
