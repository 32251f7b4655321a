//! Who may create spaces and mailboxes: whoever shows one of the operator's tokens. Only digests of
//! them are kept in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use ring::digest::{SHA256, digest};

/// Before the digest of a token, in a file that does not hold the token itself.
const DIGEST: &str = "sha256:";

/// Why a file of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// It cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// There is no token in it. Everybody would be locked out, or let in.
    #[error("there is no token in {}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line says to be a digest, and is none.
    #[error("{}, line {line}: after sha256: there have to be 64 hexadecimal digits", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// Tokens, each good until it is taken out of the operator's file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    /// The one token.
    #[must_use]
    pub fn one(token: &[u8]) -> Self {
        Self(vec![hash(token)])
    }

    /// Reads a file with a token a line: itself, or `sha256:` and its digest in hexadecimal digits.
    /// Lines that are empty or begin with `#` say nothing.
    ///
    /// # Errors
    /// [`TokensError`] where there are none in it.
    pub fn read(path: &Path) -> Result<Self, TokensError> {
        let text = fs::read(path).map_err(|why| TokensError::Read {
            path: path.to_path_buf(),
            why,
        })?;
        let mut tokens = Vec::new();
        for (line, said) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let said = said.trim_ascii();
            if said.is_empty() || said.starts_with(b"#") {
                continue;
            }
            tokens.push(match said.strip_prefix(DIGEST.as_bytes()) {
                Some(digits) => from_hex(digits).ok_or_else(|| TokensError::Digest {
                    path: path.to_path_buf(),
                    line,
                })?,
                None => hash(said),
            });
        }
        if tokens.is_empty() {
            return Err(TokensError::Empty {
                path: path.to_path_buf(),
            });
        }
        Ok(Self(tokens))
    }

    /// Whether the token is one of them. Looks at every byte of every digest, so that the time it
    /// takes says nothing.
    fn include(&self, token: &[u8]) -> bool {
        let given = hash(token);
        let differ = |known: &[u8; 32]| {
            let pairs = known.iter().zip(given);
            pairs.fold(0, |differs, (a, b)| differs | (a ^ b))
        };
        self.0
            .iter()
            .fold(false, |found, known| found | (differ(known) == 0))
    }
}

/// The tokens that count now.
#[derive(Debug)]
pub(crate) struct Admission(RwLock<Option<Tokens>>);

impl Admission {
    /// With `None`, everybody is admitted.
    pub(crate) const fn new(tokens: Option<Tokens>) -> Self {
        Self(RwLock::new(tokens))
    }

    /// Has these count from now on, and no others.
    pub(crate) fn replace(&self, by: Tokens) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(by);
    }

    /// Whether a request with this token may create a space or a mailbox.
    pub(crate) fn admits(&self, token: Option<&[u8]>) -> bool {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            None => true,
            Some(tokens) => token.is_some_and(|token| tokens.include(token)),
        }
    }
}

fn hash(token: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token).as_ref());
    hash
}

fn from_hex(digits: &[u8]) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = digits.try_into().ok()?;
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Tokens, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens");
        fs::write(&path, text).unwrap();
        let place = path.display().to_string();
        Tokens::read(&path).map_err(|error| error.to_string().replace(&place, "FILE"))
    }

    /// A clinic that gives each practice its own token can take one back.
    #[test]
    fn each_token_of_a_file_is_admitted_and_nothing_else() {
        // The digest of "abc" is the first example of FIPS 180-2.
        let file = "# Practice one\nfirst\n\n  second token \r\n\
            sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
        let admission = Admission::new(Some(read(file).unwrap()));
        for token in ["first", "second token", "abc"] {
            assert!(admission.admits(Some(token.as_bytes())), "{token}");
        }
        for token in ["", "firs", "First", "# Practice one", "second", "first\n"] {
            assert!(!admission.admits(Some(token.as_bytes())), "{token}");
        }
        assert!(!admission.admits(None));
        assert!(Admission::new(None).admits(None));
    }

    /// A slip in the file would otherwise open the relay to everybody, or close it.
    #[test]
    fn a_file_without_tokens_is_refused() {
        for (text, expected) in [
            ("", "there is no token in FILE"),
            ("\n# nobody yet\n", "there is no token in FILE"),
            (
                "first\nsha256:ab",
                "FILE, line 2: after sha256: there have to be 64 hexadecimal digits",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), expected);
        }
        let zeros = "0".repeat(63);
        assert!(read(&format!("sha256:{zeros}g")).is_err());
        assert!(Tokens::read(Path::new("/nowhere/tokens")).is_err());
    }
}
