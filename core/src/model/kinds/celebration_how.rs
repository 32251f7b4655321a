//! How something is celebrated, and who is to hear of it: what the client chooses about a
//! celebration.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::codes;
use crate::model::ids::RecordId;
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField};
use crate::role::Role;

const HOW: TextField = TextField::optional("how it is celebrated", STATEMENT_LIMIT);

codes! {
    /// Who is to hear of something. It says whom the client wants to tell, and opens nothing: who is a
    /// member of a plan reads all of it, and others are given copies.
    Audience {
        /// The client's peers.
        Circle = 4 "circle",
        /// Nobody else.
        Private = 1 "private",
        /// Those who stand by the client.
        Supporters = 3 "supporters",
        /// The client's therapists.
        Therapist = 2 "therapist",
    }
}

impl Audience {
    /// The key of its text in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Circle => "audience.circle",
            Self::Private => "audience.private",
            Self::Supporters => "audience.supporters",
            Self::Therapist => "audience.therapist",
        }
    }
}

impl Default for Audience {
    /// Nobody hears of what the client has not chosen to tell.
    fn default() -> Self {
        Self::Private
    }
}

/// How something is celebrated.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct CelebrationHow {
    /// The celebration.
    #[n(0)]
    pub celebration: RecordId,
    /// In the client's own words, at most 500 characters.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub how: Option<String>,
    /// Who is to hear of it.
    #[n(2)]
    pub audience: Audience,
}

impl Fields for CelebrationHow {
    const KIND: Kind = Kind::CelebrationHow;
    const KEYS: u64 = 3;
    const ACTION: &'static str = "choose how the client celebrates";
    const WRITERS: &'static [Role] = &[Role::Client];
    const CHANGES: Changes = Changes::ByAuthor;

    fn check(&self) -> Result<(), InputError> {
        HOW.check_opt(self.how.as_deref())
    }

    fn links(&self) -> Vec<Link> {
        vec![Link::about(self.celebration, &[Kind::Celebration])]
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let celebration = crate::model::Celebration::sample(space);
        let client = crate::model::testing::client();
        Self {
            celebration: space.put(client, |p, s| p.add(&celebration, None, s)),
            how: Some("Cake with my sister".into()),
            audience: Audience::Supporters,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Language, texts};

    /// What nobody has chosen to tell would be told; or an audience would show as a key.
    #[test]
    fn nobody_hears_unless_the_client_chooses_and_every_audience_has_a_name() {
        assert_eq!(Audience::default(), Audience::Private);
        for audience in Audience::ALL {
            assert!(texts(Language::English).has(audience.key()), "{audience:?}");
        }
    }

    #[test]
    fn it_has_a_length() {
        let long = CelebrationHow {
            celebration: RecordId([1; 16]),
            how: Some("x".repeat(501)),
            audience: Audience::Private,
        };
        let refused = long.check().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "how it is celebrated is 501 characters, at most 500 are allowed"
        );
    }
}
