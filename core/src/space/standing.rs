//! How what is wanted stands to the membership as it is.

use waymark_wire::ids::DeviceNumber;
use waymark_wire::limits;
use waymark_wire::membership::{Member, Membership, Rights};
use waymark_wire::signature::VerifyingKey;

use super::Space;
use crate::crypto::MembershipKeys;
use crate::membership::{NewMember, SpaceKind, Wish};

/// How a wish stands to the membership as it is.
pub(super) enum Standing {
    Open,
    Done,
    Refused(&'static str),
    /// It is kept, for another space than this one.
    Waits,
}

impl Space {
    /// How a wish stands now: done, no longer possible, or open.
    pub(super) fn standing(&self, wish: &Wish) -> Standing {
        let (Some(book), Some(own)) = (&self.book, self.own()) else {
            return Standing::Open;
        };
        let membership = book.membership();
        if membership.is_closed() {
            return match wish {
                Wish::Close(_) | Wish::RemoveKey(_) => Standing::Done,
                // Whoever was to go must not come along.
                Wish::Remove(_) | Wish::RemovePerson(_) if membership.successor().is_some() => {
                    Standing::Waits
                }
                _ => Standing::Refused("the space is closed"),
            };
        }
        let is_admin = own.rights.include(Rights::ADMIN);
        let writes = own.rights.include(Rights::WRITE);
        let is_own = |member: &Member| member.device == own.device;
        let has_phrase = |of: &dyn Fn(&Member) -> bool| {
            let mut members = membership.members();
            members.any(|member| member.rights.is_lasting() && of(member))
        };
        match wish {
            Wish::Add(new) if self.admits_no_other(membership, own, new) => {
                Standing::Refused(ONE_SUPPORTER)
            }
            Wish::Add(new) => standing_of_new(membership, own, new),
            Wish::ReplacePhrase(old, new) => {
                let key = &new.keys.signing_key;
                match membership.member_ever_with_key(key) {
                    Some(_) => Standing::Done,
                    None if phrase_with(membership, &old.0).is_none() => {
                        Standing::Refused("this phrase is no member any more")
                    }
                    None => Standing::Open,
                }
            }
            Wish::Enrol(_) if !self.is_enrolling() => Standing::Done,
            Wish::Remove(device) => standing_of_removal(membership, own, *device),
            Wish::RemoveKey(key) => match membership.member_ever_with_key(key) {
                Some(member) => standing_of_removal(membership, own, member.device),
                None => Standing::Waits,
            },
            Wish::RemovePerson(person) => {
                let devices = membership.members().filter(|m| m.person == *person);
                let each = devices.map(|m| standing_of_removal(membership, own, m.device));
                // One that may not go keeps the others from going: they are one person's.
                each.fold(Standing::Done, |all, one| match (all, one) {
                    (Standing::Refused(why), _) | (_, Standing::Refused(why)) => {
                        Standing::Refused(why)
                    }
                    (_, one) => one,
                })
            }
            Wish::Seal(device) if membership.member(*device).is_none() => Standing::Done,
            Wish::Renew(epoch) if *epoch != membership.epoch_start() => Standing::Done,
            Wish::Renew(_) | Wish::Rotate | Wish::Seal(_) if !writes => {
                Standing::Refused("it may only read")
            }
            Wish::Leave if !stays_led(membership, &|m| m.person == own.person) => {
                Standing::Refused("the last who leads a space closes it instead of leaving")
            }
            Wish::Leave if has_phrase(&|m| m.person == own.person && !is_own(m)) => {
                Standing::Refused("only the recovery phrase itself can end its membership")
            }
            // Somebody came or went: it is wanted anew, with the right entrances.
            Wish::Close(Some(next)) if next.height != membership.height() => Standing::Done,
            Wish::Close(_) if !is_admin => Standing::Refused("only the client closes a space"),
            Wish::Close(_) if has_phrase(&|m| !is_own(m)) => {
                Standing::Refused("only the recovery phrase closes a space that it is in")
            }
            Wish::Forget(_) if !is_admin => {
                Standing::Refused("only the client has something forgotten")
            }
            Wish::Close(_)
            | Wish::Enrol(_)
            | Wish::Forget(_)
            | Wish::Leave
            | Wish::Renew(_)
            | Wish::Rotate
            | Wish::Seal(_) => Standing::Open,
        }
    }

    /// Whether this is a support space, and somebody else than whom `new` brings is supported or
    /// supports here already.
    fn admits_no_other(&self, membership: &Membership, own: &Member, new: &NewMember) -> bool {
        let is_third = |member: &Member| member.person != own.person && member.person != new.person;
        self.state.kind == SpaceKind::Support
            && new.person != own.person
            && membership
                .member_ever_with_key(&new.keys.signing_key)
                .is_none()
            && membership.members().any(is_third)
    }
}

/// Why a support space takes nobody more.
pub(crate) const ONE_SUPPORTER: &str = "a support space is for one supporter";

/// How the end of one membership stands.
fn standing_of_removal(membership: &Membership, own: &Member, device: DeviceNumber) -> Standing {
    let is_admin = own.rights.include(Rights::ADMIN);
    let Some(other) = membership.member(device) else {
        return Standing::Done;
    };
    let is_itself = other.device == own.device;
    let may = is_admin || (other.person == own.person && own.rights.include(other.rights));
    if other.rights == Rights::RECOVERY && !is_itself {
        Standing::Refused("only the recovery phrase itself can end its membership")
    } else if !may {
        Standing::Refused("only the client removes other people")
    } else if !is_itself && !own.rights.include(Rights::WRITE) {
        Standing::Refused("it may only read")
    } else if is_itself && !stays_led(membership, &|m| m.device == own.device) {
        Standing::Refused("the last who leads a space closes it instead of leaving")
    } else {
        Standing::Open
    }
}

fn standing_of_new(membership: &Membership, own: &Member, new: &NewMember) -> Standing {
    let key = &new.keys.signing_key;
    if membership.member_ever_with_key(key).is_some() {
        return Standing::Done;
    }
    let is_admin = own.rights.include(Rights::ADMIN);
    let is_own = new.person == own.person && own.rights.include(new.rights);
    if !is_own && !is_admin {
        return Standing::Refused("only the client adds other people");
    }
    if new.rights.is_lasting() && new.person != own.person {
        return Standing::Refused("a recovery phrase is its own person's alone");
    }
    let is_phrase = |member: &Member| member.rights == Rights::RECOVERY;
    if new.rights == Rights::RECOVERY
        && membership
            .members()
            .any(|m| is_phrase(m) && m.device != own.device)
    {
        return Standing::Refused("there is a recovery phrase already");
    }
    if membership.members().count() >= limits::MEMBERSHIPS {
        return Standing::Refused("the space has no room for more");
    }
    Standing::Open
}

/// Whether somebody leads the space without these members.
fn stays_led(membership: &Membership, without: &dyn Fn(&Member) -> bool) -> bool {
    let mut others = membership.members().filter(|member| !without(member));
    others.any(|member| member.rights.include(Rights::ADMIN))
}

/// The recovery phrase with these seeds, where it is a member.
fn phrase_with<'m>(membership: &'m Membership, seeds: &[u8]) -> Option<&'m Member> {
    let keys = MembershipKeys::from_bytes(seeds).ok()?;
    membership.member_with_key(&VerifyingKey(keys.signing_public().ok()?))
}
