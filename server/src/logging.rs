//! What may stand in the log: nothing that names a space in full, an address or a body.

use std::fmt;

use waymark_wire::ids::SpaceId;

/// A space in the log: the first four bytes of its id.
pub(crate) struct Short<'a>(pub(crate) &'a SpaceId);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0.0;
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}
