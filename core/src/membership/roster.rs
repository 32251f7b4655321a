//! The private part of a membership entry: what members tell each other about a space.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use waymark_wire::chain::Position;
use waymark_wire::codec::Bytes;
use waymark_wire::ids::{DeviceNumber, EntryId, SpaceId};
use waymark_wire::signature::VerifyingKey;

use crate::role::Role;

/// What a space is for.
#[derive(
    Clone, Copy, Debug, Decode, Deserialize, Encode, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum SpaceKind {
    /// Computed from a recovery phrase alone: says where its home is.
    #[n(6)]
    Beacon,
    /// A client and the therapists: plan, check-ins, assessments, sessions, messages.
    #[n(2)]
    Care,
    /// A peer group: posts and shared goals.
    #[n(4)]
    Circle,
    /// A person's own devices.
    #[n(1)]
    Home,
    /// An organisation.
    #[n(5)]
    Org,
    /// A client and one supporter or guardian: what the client published to them.
    #[n(3)]
    Support,
}

/// Where a relay is, and the key that its receipts are signed with.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct RelayAddress {
    /// Its address: scheme, host and port.
    #[n(0)]
    pub url: String,
    /// Its key. A device that was told none takes the one that the relay first shows.
    #[n(1)]
    pub key: Option<VerifyingKey>,
}

impl RelayAddress {
    /// Characters of an address, at most.
    pub const URL_CHARS: usize = 200;

    /// Whether the address is `http` or `https`, a host, and perhaps a port: nothing that would
    /// send requests elsewhere than it says, such as a user or a path.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let host = self
            .url
            .strip_prefix("https://")
            .or_else(|| self.url.strip_prefix("http://"));
        let is_host = |host: &str| {
            !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c))
        };
        self.url.len() <= Self::URL_CHARS && host.is_some_and(is_host)
    }
}

/// What the members of a space call one membership, and what they let it do in documents.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct RosterMember {
    /// The membership.
    #[n(0)]
    pub device: DeviceNumber,
    /// The person's name, as that person gave it; at most [`RosterMember::NAME_CHARS`] characters.
    #[n(1)]
    pub name: String,
    /// What the person is here.
    #[n(2)]
    pub role: Role,
    /// The device's name; at most [`RosterMember::NAME_CHARS`] characters.
    #[n(3)]
    pub device_name: String,
    /// The newest format level that the device reads, as it told when it was added. Nothing is written
    /// otherwise because of it yet.
    #[n(4)]
    pub level: u16,
    /// The local date on which it was added, in days since 1970-01-01, as the device that added it
    /// tells.
    #[n(5)]
    pub since: i32,
    /// What holds the keys; nothing where it is a device.
    #[n(6)]
    pub used_as: Option<Use>,
}

/// What holds the keys of a membership, where that is no device.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, PartialEq)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum Use {
    /// The person's home, for own devices that come later.
    #[n(1)]
    Reserve,
    /// The person's recovery phrase.
    #[n(2)]
    Phrase,
}

impl RosterMember {
    /// Characters of a name, at most.
    pub const NAME_CHARS: usize = 100;

    /// Whether this tells of a member what is never told anew.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.role == other.role && self.used_as == other.used_as
    }
}

/// The private part of one membership entry: what it adds to the roster, all of it where the entry
/// starts an epoch.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Roster {
    /// The memberships that the entry adds or restates.
    #[n(0)]
    pub members: Vec<RosterMember>,
    /// What the space is for; stated where the entry starts an epoch, believed from the first.
    #[n(1)]
    pub kind: Option<SpaceKind>,
    /// The relay that serves the space; stated where the entry starts an epoch, believed from the
    /// first.
    #[n(2)]
    pub relay: Option<RelayAddress>,
    /// The key of the epoch before, where the entry starts another than the first: whoever may read
    /// an epoch may read all earlier ones.
    #[n(3)]
    pub previous: Option<Bytes>,
    /// The space that this one follows, where it was founded to go on in its place.
    #[n(4)]
    pub follows: Option<SpaceId>,
    /// Which memberships here are which in the space that goes on in this one's place, where the
    /// entry closes it for one.
    #[n(5)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub entrances: Vec<Entrance>,
    /// What is forgotten, where the entry forgets: sealed under the key of the epoch before, which
    /// nobody has any more who has read it.
    #[n(6)]
    pub forgotten: Option<Bytes>,
}

/// How a member of a space that was closed enters the one that goes on in its place: with the same
/// keys, which are a member there already.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Entrance {
    /// The membership in the closed space.
    #[n(0)]
    pub device: DeviceNumber,
    /// Its number in the other.
    #[n(1)]
    pub number: DeviceNumber,
    /// The membership entry that added it there.
    #[n(2)]
    pub added_by: EntryId,
    /// How far the log there reaches at least.
    #[n(3)]
    pub reaches: Position,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A welcome could otherwise send a device's requests, with its proofs, anywhere.
    #[test]
    fn an_address_is_scheme_host_and_port_and_nothing_else() {
        let is_plain = |url: &str| {
            RelayAddress {
                url: url.into(),
                key: None,
            }
            .is_plain()
        };
        for good in [
            "http://127.0.0.1:8447",
            "https://relay.example",
            "http://[::1]:80",
        ] {
            assert!(is_plain(good), "{good}");
        }
        let long = format!("https://{}", "a".repeat(200));
        for bad in [
            "",
            "relay",
            "ftp://x",
            "https://",
            "https://a@b",
            "http://a/b",
            "http://a b",
            &long,
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
