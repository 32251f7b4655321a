//! What this device wrote, and gave up before anybody had it, because what it was about was forgotten.
//! The person is told how much of it there was and of what kind, and nothing of what it said.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use waymark_wire::codec;
use waymark_wire::ids::DeviceNumber;

use super::receive::Page;
use super::{Space, SpaceError, damaged, keys};
use crate::model::kind_number;
use crate::store::{Store, Table, Transaction};

/// How much was given up.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct GivenUp {
    /// Records, by the number of their kind; 0 where that cannot be read.
    #[n(0)]
    pub records: BTreeMap<u16, u32>,
    /// Texts in which something was written.
    #[n(1)]
    pub texts: u32,
}

/// What was given up at one place of the log.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Notice {
    /// The place of the entry by which something was forgotten.
    #[n(0)]
    pub seq: u64,
    /// Who signed it.
    #[n(1)]
    pub by: DeviceNumber,
    /// How much.
    #[n(2)]
    pub given_up: GivenUp,
}

impl GivenUp {
    pub(super) fn of<'a>(records: impl Iterator<Item = &'a [u8]>, texts: usize) -> Self {
        let mut given_up = Self {
            records: BTreeMap::new(),
            texts: u32::try_from(texts).unwrap_or(u32::MAX),
        };
        for bytes in records {
            let kind = kind_number(bytes).unwrap_or_default();
            *given_up.records.entry(kind).or_default() += 1;
        }
        given_up
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.texts == 0
    }
}

impl Space {
    /// What was given up here, and nobody has dismissed yet, in the order of the log.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn notices(&self, store: &dyn Store) -> Result<Vec<Notice>, SpaceError> {
        let prefix = keys::all_given_up(self.number);
        let rows = store.scan(Table::Outbox, &prefix, None, usize::MAX)?;
        let broken = |_| damaged(Table::Outbox, "what was given up cannot be read");
        let read = |(_, row): (Vec<u8>, Vec<u8>)| codec::decode(&row, usize::MAX).map_err(broken);
        rows.into_iter().map(read).collect()
    }

    /// Forgets that something was given up: the person knows it now.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn dismiss_notices(&self, store: &mut dyn Store) -> Result<(), SpaceError> {
        let mut transaction = Transaction::new();
        transaction.delete_prefix(Table::Outbox, keys::all_given_up(self.number));
        Ok(store.commit(transaction.into())?)
    }

    /// Notes how much went of what this device has to say and stands about what it could not read as
    /// forgotten.
    pub(super) fn note_given_up(
        &self,
        store: &dyn Store,
        page: &mut Page,
        records: Vec<Vec<u8>>,
        texts: usize,
    ) -> Result<(), SpaceError> {
        let given_up = GivenUp::of(records.iter().map(Vec::as_slice), texts);
        let Some((seq, height)) = self.state.forgot.zip(self.cut()) else {
            return Ok(());
        };
        let entry = self.membership_entry(store, height)?;
        if let Some(entry) = entry.filter(|_| !given_up.is_empty()) {
            let by = entry.header().device;
            let notice = Notice { seq, by, given_up };
            self.put_notice(&mut page.transaction, &notice);
            page.received.given_up = true;
            page.received.forgot = true;
        }
        Ok(())
    }

    pub(super) fn put_notice(&self, transaction: &mut Transaction, notice: &Notice) {
        let place = keys::given_up(self.number, notice.seq);
        transaction.put(Table::Outbox, place, codec::encode(notice));
    }
}
