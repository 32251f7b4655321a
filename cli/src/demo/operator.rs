//! What the relay's operator sees: one entry as it lies in the database, byte by byte.

use waymark_wire::entry::{HEADER, Kind, SIGNATURE};

use super::tamper::Tampered;
use crate::page::{Ink, Page};

/// The number of a batch in an entry's second byte.
pub(crate) const BATCH: u8 = Kind::Batch.number();
/// Sealed bytes that are shown.
const SHOWN: usize = 48;
/// Bytes in a line.
const IN_LINE: usize = 16;

/// Shows an entry, and when it came.
pub(crate) fn show(page: Page, tampered: &Tampered, arrival: &str) {
    let (bytes, header) = (&tampered.entry.bytes, &tampered.header);
    let sealed = bytes.len().saturating_sub(HEADER + SIGNATURE);
    page.line(format_args!(
        "  entry {} of a space, {} bytes\n",
        tampered.entry.seq,
        bytes.len()
    ));
    let tell = |from: usize, to: usize, text: String| {
        let hex = hex(bytes.get(from..to).unwrap_or_default());
        page.line(format_args!(
            "  {}  {text}",
            page.ink(Ink::Yellow, format_args!("{hex:<32}"))
        ));
    };
    tell(
        0,
        1,
        format!("version {}", bytes.first().copied().unwrap_or_default()),
    );
    tell(
        1,
        2,
        format!("kind {}: a batch of changes", header.kind.number()),
    );
    tell(
        2,
        4,
        format!("device number {} of the space, not whose", header.device.0),
    );
    tell(
        4,
        8,
        format!(
            "counter {}: how many entries this device signed before",
            header.counter
        ),
    );
    tell(
        8,
        12,
        format!(
            "membership height {}: how often members changed",
            header.height.0
        ),
    );
    tell(
        12,
        20,
        format!(
            "seen position: the device had read up to entry {}",
            header.seen.seq
        ),
    );
    tell(20, 36, "seen position: the chain's tag there".into());
    tell(36, HEADER, "salt, random".into());
    let end = HEADER + sealed;
    let shown = sealed.min(SHOWN);
    for from in (HEADER..HEADER + shown).step_by(IN_LINE) {
        let text = match from {
            HEADER => format!("sealed: {sealed} bytes, padded, nothing of it readable"),
            _ => String::new(),
        };
        tell(from, (from + IN_LINE).min(end), text);
    }
    if sealed > shown {
        page.line(page.ink(
            Ink::Dim,
            format_args!("  … {} more sealed bytes", sealed - shown),
        ));
    }
    tell(end, end + IN_LINE, "signature, 64 bytes".into());
    page.line(page.ink(Ink::Dim, format_args!("  … {} more", SIGNATURE - IN_LINE)));
    page.line(format_args!(
        "  time of arrival: {arrival}; not kept, but whoever watches knows"
    ));
    page.line(
        "\n  It tells: some device of some space wrote about this much, when, and what it had read. The\n  \
         relay also knows how many devices a space has, which of them are one person's, which spaces\n  \
         a device asks for together, and from which address.\n  \
         It does not tell: names, roles, goals, ratings, notes, the dates of check-ins, how many there\n  \
         are, or which documents they are in.",
    );
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
