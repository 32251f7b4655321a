//! How what is wanted stands to the membership as it is.

use waymark_wire::limits;
use waymark_wire::membership::{Member, Membership, Rights};
use waymark_wire::signature::VerifyingKey;

use super::Space;
use crate::crypto::MembershipKeys;
use crate::membership::{NewMember, Wish};

/// How a wish stands to the membership as it is.
pub(super) enum Standing {
    Open,
    Done,
    Refused(&'static str),
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
                Wish::Close(_) => Standing::Done,
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
            Wish::Remove(device) => match membership.member(*device) {
                None => Standing::Done,
                Some(other) if other.rights == Rights::RECOVERY && other.device != own.device => {
                    Standing::Refused("only the recovery phrase itself can end its membership")
                }
                Some(other)
                    if !is_admin
                        && (other.person != own.person || !own.rights.include(other.rights)) =>
                {
                    Standing::Refused("only the client removes other people")
                }
                Some(other) if other.device != own.device && !writes => {
                    Standing::Refused("it may only read")
                }
                Some(other) if other.device == own.device && !stays_led(membership, &is_own) => {
                    Standing::Refused("the last who leads a space closes it instead of leaving")
                }
                Some(_) => Standing::Open,
            },
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
            Wish::Close(_)
            | Wish::Enrol(_)
            | Wish::Leave
            | Wish::Renew(_)
            | Wish::Rotate
            | Wish::Seal(_) => Standing::Open,
        }
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
