//! The storage key: 64 hexadecimal digits in a file that only its owner reads.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};

use waymark_core::crypto::Entropy;
use waymark_core::driver::SystemEntropy;
use zeroize::Zeroizing;

use super::{DeskError, Place};

/// Makes the key of a new device, and says whether it did. One that is there is kept: somebody put it
/// there on purpose.
///
/// # Errors
/// The disk's.
pub(super) fn make(place: &Place) -> Result<bool, DeskError> {
    let path = place.key_file();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = match options.open(&path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        file => file.map_err(DeskError::io(path.display().to_string()))?,
    };
    let mut key = Zeroizing::new([0; 32]);
    SystemEntropy::default().fill(&mut *key);
    let mut text = Zeroizing::new(String::with_capacity(65));
    for byte in *key {
        text.push_str(&Zeroizing::new(format!("{byte:02x}")));
    }
    text.push('\n');
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    written.map_err(DeskError::io(path.display().to_string()))?;
    Ok(true)
}

/// Reads the key.
///
/// # Errors
/// [`DeskError::Wrong`] where there is none.
pub(super) fn read(place: &Place) -> Result<Zeroizing<[u8; 32]>, DeskError> {
    let path = place.key_file();
    let text = fs::read_to_string(&path).map(Zeroizing::new).ok();
    let key = text.and_then(|text| parse_key(text.trim()));
    key.map(Zeroizing::new).ok_or_else(|| {
        let path = path.display();
        DeskError::Wrong(format!(
            "{path} holds no key: 64 hexadecimal digits are needed"
        ))
    })
}

/// Reads 64 hexadecimal digits.
pub(crate) fn parse_key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        assert_eq!(parse_key(&"0f".repeat(32)), Some([15; 32]));
        for wrong in [
            "",
            "0f",
            &"0g".repeat(32),
            &"é".repeat(32),
            &"+f".repeat(32),
        ] {
            assert_eq!(parse_key(wrong), None, "{wrong}");
        }
    }
}
