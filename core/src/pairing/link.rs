//! The link: all that the invited device needs to find the mailbox and read it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, CodecError};
use waymark_wire::signature::VerifyingKey;
use zeroize::{Zeroize, Zeroizing};

use super::short::{self, ShortCodeError};
use super::{LinkSecret, Purpose};
use crate::crypto::CryptoError;
use crate::membership::RelayAddress;

/// An invitation as it is shown as a QR code, sent, or typed. **It is a secret**: whoever has it can
/// answer in the invited person's place, and only the comparison of the code tells.
#[derive(Debug, Eq, PartialEq)]
pub struct Link {
    /// What it invites to.
    pub purpose: Purpose,
    /// The relay that has the mailbox.
    pub relay: RelayAddress,
    /// Opens the mailbox.
    pub secret: LinkSecret,
    /// When it ends, in milliseconds since the Unix epoch, a whole second. A typed code does not
    /// say; the offer in the mailbox does.
    pub expires_ms: Option<i64>,
}

/// Why a text is no link.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// What stands in it cannot be read.
    #[error("the link is {0}")]
    Codec(#[from] CodecError),
    /// Its secret cannot be used.
    #[error("the link cannot be used: {0}")]
    Crypto(#[from] CryptoError),
    /// It has no end, or an impossible one.
    #[error("the link's end is no time")]
    Expiry,
    /// It does not begin as links do, or has characters that links do not.
    #[error("this is no invitation")]
    NotALink,
    /// The letter and what stands inside disagree, or this version does not know it.
    #[error("the link's purpose is not known or contradicts itself")]
    Purpose,
    /// It names a relay whose address is more than scheme, host and port.
    #[error("the link's relay has no plain address")]
    Relay,
    /// It was made by another version.
    #[error("the link's version {0} is not supported by this version")]
    Version(u8),
}

impl Link {
    /// The text to show as a QR code (as bytes) or to send: `waymark:`, the purpose's letter, and
    /// base64url without padding.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let body = self.to_bytes();
        let mut text = Zeroizing::new(String::with_capacity(SCHEME.len() + 2 + body.len() * 4 / 3));
        text.push_str(SCHEME);
        text.push(self.purpose.letter());
        URL_SAFE_NO_PAD.encode_string(body.as_slice(), &mut text);
        text
    }

    /// The text to read out and type: secret and purpose only, in seven groups of five characters,
    /// the last of each a check. The invited device has to know the relay.
    #[must_use]
    pub fn to_short_text(&self) -> Zeroizing<String> {
        short::encode(self.purpose, &self.secret)
    }

    /// Reads what [`Link::to_text`] writes. White space is skipped, as mail programs put it in.
    ///
    /// # Errors
    /// [`LinkError`] where it is not such a text.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let mut plain = Zeroizing::new(String::with_capacity(text.len()));
        plain.extend(text.chars().filter(|c| !c.is_ascii_whitespace()));
        let (scheme, rest) = plain
            .split_at_checked(SCHEME.len())
            .ok_or(LinkError::NotALink)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(LinkError::NotALink);
        }
        let mut rest = rest.chars();
        let letter = rest.next().ok_or(LinkError::NotALink)?;
        let purpose = Purpose::from_letter(letter).ok_or(LinkError::Purpose)?;
        let body = URL_SAFE_NO_PAD.decode(rest.as_str()).map(Zeroizing::new);
        let link = Self::from_bytes(&body.map_err(|_| LinkError::NotALink)?)?;
        if link.purpose != purpose {
            return Err(LinkError::Purpose);
        }
        if link.expires_ms.is_none() {
            return Err(LinkError::Expiry);
        }
        Ok(link)
    }

    /// Reads what [`Link::to_short_text`] writes, as people type it: any case, O for 0, I and L for
    /// 1, with or without separators. `relay` is the one that the app uses.
    ///
    /// # Errors
    /// [`ShortCodeError`], which names the group that is mistyped.
    pub fn parse_short(text: &str, relay: RelayAddress) -> Result<Self, ShortCodeError> {
        let (purpose, secret) = short::decode(text)?;
        Ok(Self {
            purpose,
            relay,
            secret,
            expires_ms: None,
        })
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut body = Body {
            version: VERSION,
            purpose: self.purpose.number(),
            relay: self.relay.url.clone(),
            secret: *self.secret.expose(),
            expires: self.expires_ms.map(|ms| ms.div_euclid(1_000)),
            relay_key: self.relay.key,
        };
        // Of the full length from the start, so that growing leaves no copy of the secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT));
        // Writing to a `Vec` cannot fail, and the body has no part that refuses to be written.
        let _ = minicbor::encode(&body, &mut *bytes);
        body.secret.zeroize();
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, LinkError> {
        let Version { version } = codec::decode(bytes, LIMIT)?;
        if version != VERSION {
            return Err(LinkError::Version(version));
        }
        let mut body: Body = codec::decode(bytes, LIMIT)?;
        let secret = LinkSecret::from_slice(&body.secret);
        body.secret.zeroize();
        let relay = RelayAddress {
            url: body.relay,
            key: body.relay_key,
        };
        if !relay.is_plain() {
            return Err(LinkError::Relay);
        }
        Ok(Self {
            purpose: Purpose::from_number(body.purpose).ok_or(LinkError::Purpose)?,
            relay,
            secret: secret?,
            expires_ms: body.expires.map(seconds_to_ms).transpose()?,
        })
    }
}

/// Seconds since the Unix epoch, up to the year 9999, in milliseconds.
pub(super) fn seconds_to_ms(seconds: i64) -> Result<i64, LinkError> {
    if (0..=253_402_300_799).contains(&seconds) {
        Ok(seconds * 1_000)
    } else {
        Err(LinkError::Expiry)
    }
}

/// Read first: what follows may be another in another version.
#[derive(Decode)]
#[cbor(map)]
struct Version {
    #[n(0)]
    version: u8,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct Body {
    #[n(0)]
    version: u8,
    #[n(1)]
    purpose: u8,
    #[n(2)]
    relay: String,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    secret: [u8; LinkSecret::LEN],
    #[n(4)]
    expires: Option<i64>,
    #[n(5)]
    relay_key: Option<VerifyingKey>,
}

const SCHEME: &str = "waymark:";
const VERSION: u8 = 1;
/// Bytes of a link's body, at most.
const LIMIT: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link {
            purpose: Purpose::Plan,
            relay: RelayAddress {
                url: "https://relay.example".into(),
                key: Some(VerifyingKey([7; 32])),
            },
            secret: LinkSecret::from_slice(&[0x5a; 16]).unwrap(),
            expires_ms: Some(1_777_593_600_000),
        }
    }

    #[test]
    fn a_link_says_what_was_put_in() {
        for purpose in Purpose::ALL {
            let link = Link { purpose, ..link() };
            assert_eq!(Link::parse(&link.to_text()).as_ref(), Ok(&link));
        }
        let no_key = Link {
            relay: RelayAddress {
                key: None,
                ..link().relay
            },
            ..link()
        };
        assert_eq!(Link::parse(&no_key.to_text()).as_ref(), Ok(&no_key));
    }

    /// Mail programs break long lines, and phones capitalise the first letter.
    #[test]
    fn a_link_survives_broken_lines_and_a_capital() {
        let text = link().to_text();
        let (head, tail) = text.split_at(40);
        let broken = format!("  W{}\r\n {tail}\n", &head[1..]);
        assert_eq!(Link::parse(&broken), Ok(link()));
    }

    /// An app could otherwise ask "be my supporter?" and then open the plan.
    #[test]
    fn the_letter_must_fit_what_stands_inside() {
        let text = link().to_text();
        assert!(text.starts_with("waymark:p"));
        let other = text.replacen(":p", ":s", 1);
        assert_eq!(Link::parse(&other), Err(LinkError::Purpose));
        let unknown = text.replacen(":p", ":x", 1);
        assert_eq!(Link::parse(&unknown), Err(LinkError::Purpose));
    }

    #[test]
    fn what_is_no_link_is_refused_by_name() {
        let with = |change: fn(&mut Link)| {
            let mut link = link();
            change(&mut link);
            Link::parse(&link.to_text())
        };
        assert_eq!(with(|l| l.expires_ms = None), Err(LinkError::Expiry));
        assert_eq!(with(|l| l.expires_ms = Some(-1)), Err(LinkError::Expiry));
        assert_eq!(
            with(|l| l.relay.url = "https://a@b".into()),
            Err(LinkError::Relay)
        );
        for no_link in [
            "",
            "waymark:",
            "https://relay.example",
            "waymärk:p",
            "waymark:p*",
        ] {
            assert_eq!(Link::parse(no_link), Err(LinkError::NotALink), "{no_link}");
        }
        let newer = URL_SAFE_NO_PAD.encode([0xa1, 0x00, 0x02]);
        assert_eq!(
            Link::parse(&format!("waymark:p{newer}")),
            Err(LinkError::Version(2))
        );
        let text = link().to_text();
        for end in 9..text.len() {
            assert!(Link::parse(&text[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn the_secret_is_not_in_debug_output() {
        assert!(!format!("{:?}", link()).contains("5a"));
    }
}
