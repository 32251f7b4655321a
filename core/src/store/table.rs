//! The tables of the device's database.

/// A table. Its code is bound into every sealed row, its name is the SQL table: both are for ever.
///
/// A new table gets the next free code, a line in [`ALL`](Self::ALL) and [`name`](Self::name), and a
/// migration under `schema/`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Table {
    /// What there is once for the whole device.
    Meta = 0,
    /// Spaces with their cursors and states.
    Space = 1,
    /// This device's memberships: its keys and numbers.
    Membership = 2,
    /// Epoch keys.
    Epoch = 3,
    /// Entries as received or sealed, byte for byte.
    Entry = 4,
    /// Documents of a space.
    Document = 5,
    /// Changes of a document, after its newest snapshot.
    Change = 6,
    /// Saved documents.
    Snapshot = 7,
    /// Sealed entries on their way to the relay.
    Outbox = 8,
    /// Changes whose dependencies have not come yet.
    Waiting = 9,
    /// What was refused, held and shown.
    Quarantine = 10,
    /// What only the person's own devices know.
    Home = 11,
    /// Agreement keys and sealed epoch keys, by hash.
    Attachment = 12,
    /// Membership changes that are wanted and not in the log yet.
    Intent = 13,
    /// Proofs that a relay told two stories, and what the log says of checkpoints.
    Evidence = 14,
    /// What is being applied right now, so that an input that kills the process is known afterwards.
    Journal = 15,
}

impl Table {
    /// Every table, in the order of codes.
    pub const ALL: [Self; 16] = [
        Self::Meta,
        Self::Space,
        Self::Membership,
        Self::Epoch,
        Self::Entry,
        Self::Document,
        Self::Change,
        Self::Snapshot,
        Self::Outbox,
        Self::Waiting,
        Self::Quarantine,
        Self::Home,
        Self::Attachment,
        Self::Intent,
        Self::Evidence,
        Self::Journal,
    ];

    /// The number that sealed rows carry.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The name of the SQL table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Space => "space",
            Self::Membership => "membership",
            Self::Epoch => "epoch",
            Self::Entry => "entry",
            Self::Document => "document",
            Self::Change => "change",
            Self::Snapshot => "snapshot",
            Self::Outbox => "outbox",
            Self::Waiting => "waiting",
            Self::Quarantine => "quarantine",
            Self::Home => "home",
            Self::Attachment => "attachment",
            Self::Intent => "intent",
            Self::Evidence => "evidence",
            Self::Journal => "journal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code that changed would make every row of that table in every phone unreadable.
    #[test]
    fn codes_and_names_stay_what_they_are() {
        let listed: Vec<String> = Table::ALL
            .iter()
            .map(|table| format!("{} {}", table.code(), table.name()))
            .collect();
        assert_eq!(
            listed.join(", "),
            "0 meta, 1 space, 2 membership, 3 epoch, 4 entry, 5 document, 6 change, 7 snapshot, \
             8 outbox, 9 waiting, 10 quarantine, 11 home, 12 attachment, 13 intent, 14 evidence, \
             15 journal"
        );
    }
}
