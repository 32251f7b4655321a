//! How much a space may hold.

use waymark_wire::entry::Kind;
use waymark_wire::message::RefusalCode;

use super::rules::Reason;

/// What each space may hold; `None` sets no bound. Beyond it a relay takes no batches, and a quarter
/// beyond it nothing: a member has still to be removed, and a checkpoint lets go of what it covers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Quota {
    /// Bytes of entries and attachments.
    pub bytes: Option<u64>,
    /// Entries behind the place up to which some were dropped.
    pub entries: Option<u64>,
}

/// What a space holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// Bytes of entries and attachments.
    pub(super) bytes: u64,
    /// Entries behind the place up to which some were dropped.
    pub(super) entries: u64,
}

impl Quota {
    /// Whether nothing has to be counted.
    pub(super) const fn is_boundless(&self) -> bool {
        self.bytes.is_none() && self.entries.is_none()
    }

    /// Looks whether an entry of so many bytes, with what it brings along, has room beside what is
    /// held.
    pub(super) fn weigh(&self, kind: Kind, bytes: u64, held: Held) -> Result<(), Reason> {
        let reserve = |bound: u64| match kind {
            Kind::Batch | Kind::Carry => bound,
            _ => bound.saturating_add(bound / 4),
        };
        let is_over = |bound: Option<u64>, then: u64| bound.is_some_and(|b| then > reserve(b));
        let what = if is_over(self.bytes, held.bytes.saturating_add(bytes)) {
            "bytes"
        } else if is_over(self.entries, held.entries.saturating_add(1)) {
            "entries"
        } else {
            return Ok(());
        };
        let detail = format!("the space holds as many {what} as it may");
        Err(Reason::new(RefusalCode::Quota, detail))
    }
}
