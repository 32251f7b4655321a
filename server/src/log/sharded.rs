//! Logs and mailboxes in several PostgreSQL databases. The first 12 bits of an id are its virtual shard,
//! and each shard is in one database: a space never spans two, so that its log has one order.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use waymark_wire::chain::Position;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Generation, SpaceId};
use waymark_wire::membership::Membership;
use waymark_wire::message::{MailboxId, MailboxSlot};

use super::postgres::refuse_strays;
use super::{
    Append, AppendOutcome, Day, Fetched, Identity, Log, LogError, Page, PostgresError, PostgresLog,
    Start, StoreAddress, Usage, Writing,
};
use crate::mailbox::{Mailboxes, Put, PutOutcome};

/// How many virtual shards there are, numbered from 0.
const SHARDS: u16 = 4_096;

/// Which database each virtual shard is in.
#[derive(Clone, Debug)]
pub struct Shards {
    stores: Vec<StoreAddress>,
    /// For each shard the place of its database in `stores`.
    of: Vec<usize>,
}

/// Why shards cannot be spread so.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ShardsError {
    /// No database was given for a shard.
    #[error("shard {0} is in no database: the ranges have to cover 0 to 4095")]
    Missing(u16),
    /// Two ranges hold a shard.
    #[error("shard {0} is in two ranges")]
    Twice(u16),
    /// A range has no shards, or shards that there are not.
    #[error("{from} to {to} is no range of shards, which are 0 to 4095")]
    Range {
        /// Its first shard.
        from: u16,
        /// Its last shard.
        to: u16,
    },
}

impl Shards {
    /// All in one database.
    #[must_use]
    pub fn one(store: StoreAddress) -> Self {
        Self {
            stores: vec![store],
            of: vec![0; usize::from(SHARDS)],
        }
    }

    /// Each range in its database; several may be in the same.
    ///
    /// # Errors
    /// [`ShardsError`] where not every shard is in just one.
    pub fn new(ranges: Vec<(RangeInclusive<u16>, StoreAddress)>) -> Result<Self, ShardsError> {
        let mut stores: Vec<StoreAddress> = Vec::new();
        let mut of = vec![None; usize::from(SHARDS)];
        for (range, store) in ranges {
            let (from, to) = (*range.start(), *range.end());
            if from > to || to >= SHARDS {
                return Err(ShardsError::Range { from, to });
            }
            let known = stores.iter().position(|other| *other == store);
            let number = known.unwrap_or_else(|| {
                stores.push(store);
                stores.len() - 1
            });
            for shard in range {
                if of[usize::from(shard)].replace(number).is_some() {
                    return Err(ShardsError::Twice(shard));
                }
            }
        }
        let of = (0..).zip(of);
        let of = of.map(|(shard, number)| number.ok_or(ShardsError::Missing(shard)));
        let of = of.collect::<Result<_, _>>()?;
        Ok(Self { stores, of })
    }

    /// The databases.
    #[must_use]
    pub fn stores(&self) -> &[StoreAddress] {
        &self.stores
    }

    /// The place of the database in which an id is.
    fn place_of(&self, id: &[u8; 32]) -> usize {
        let shard = u16::from_be_bytes([id[0], id[1]]) >> 4;
        self.of[usize::from(shard)]
    }

    /// Shards in a row that are not in this database.
    fn gaps(&self, store: usize) -> Vec<Range<u16>> {
        let mut gaps: Vec<Range<u16>> = Vec::new();
        for (shard, number) in (0..).zip(&self.of) {
            match gaps.last_mut() {
                _ if *number == store => {}
                Some(gap) if gap.end == shard => gap.end = shard + 1,
                _ => gaps.push(shard..shard + 1),
            }
        }
        gaps
    }
}

/// Logs and mailboxes in all the databases of a relay.
#[derive(Debug)]
pub struct Sharded {
    logs: Vec<PostgresLog>,
    shards: Shards,
    /// What the writers of all of them count.
    writing: Writing,
}

impl Sharded {
    /// Opens all databases; `new` is what becomes of those without a relay. At most `queue` tasks wait
    /// to be written into each. Waits for them: not for threads that serve.
    ///
    /// # Errors
    /// [`PostgresError`] where one cannot be used, or holds spaces of a shard that is said to be in
    /// another: they would be lost from sight.
    pub(crate) fn open(shards: Shards, new: Identity, queue: usize) -> Result<Self, PostgresError> {
        let (mut logs, writing) = (Vec::with_capacity(shards.stores.len()), Writing::default());
        for (number, store) in shards.stores.iter().enumerate() {
            let log = PostgresLog::open(store.clone(), new, queue, writing.clone())?;
            refuse_strays(store, &shards.gaps(number))?;
            logs.push(log);
        }
        Ok(Self {
            logs,
            shards,
            writing,
        })
    }

    fn of(&self, space: &SpaceId) -> &PostgresLog {
        &self.logs[self.shards.place_of(&space.0)]
    }

    fn of_mailbox(&self, mailbox: &MailboxId) -> &PostgresLog {
        &self.logs[self.shards.place_of(&mailbox.0)]
    }
}

impl Log for Sharded {
    async fn append(&self, append: Append) -> Result<AppendOutcome, LogError> {
        self.of(&append.space).append(append).await
    }

    async fn page(&self, space: SpaceId, after: u64) -> Result<Page, LogError> {
        self.of(&space).page(space, after).await
    }

    async fn agreed(
        &self,
        space: SpaceId,
        places: Vec<Position>,
    ) -> Result<Option<Position>, LogError> {
        self.of(&space).agreed(space, places).await
    }

    async fn membership(&self, space: SpaceId) -> Result<Option<Arc<Membership>>, LogError> {
        self.of(&space).membership(space).await
    }

    async fn attachments(
        &self,
        space: SpaceId,
        hashes: Vec<AttachmentHash>,
    ) -> Result<Vec<Vec<u8>>, LogError> {
        self.of(&space).attachments(space, hashes).await
    }

    async fn usage(&self, space: SpaceId) -> Result<Option<Usage>, LogError> {
        self.of(&space).usage(space).await
    }

    async fn start(&self, space: SpaceId) -> Result<Option<Start>, LogError> {
        self.of(&space).start(space).await
    }

    async fn members(&self, space: SpaceId, after: u64, until: u64) -> Result<Page, LogError> {
        self.of(&space).members(space, after, until).await
    }

    async fn entries(&self, space: SpaceId, ids: Vec<EntryId>) -> Result<Fetched, LogError> {
        self.of(&space).entries(space, ids).await
    }

    async fn drop_due(&self, now: i64) -> Result<bool, LogError> {
        let mut has_more = false;
        for log in &self.logs {
            has_more |= log.drop_due(now).await?;
        }
        Ok(has_more)
    }

    async fn set_wake(
        &self,
        space: SpaceId,
        device: DeviceNumber,
        token: Option<Vec<u8>>,
    ) -> Result<(), LogError> {
        self.of(&space).set_wake(space, device, token).await
    }

    async fn wakes(&self, space: SpaceId) -> Result<Vec<(DeviceNumber, Vec<u8>)>, LogError> {
        self.of(&space).wakes(space).await
    }

    async fn touch(&self, space: SpaceId, day: Day) -> Result<(), LogError> {
        self.of(&space).touch(space, day).await
    }

    async fn runs(&self, today: Day) -> Result<(), LogError> {
        for log in &self.logs {
            log.runs(today).await?;
        }
        Ok(())
    }

    async fn retire(&self, today: Day, since: Day) -> Result<bool, LogError> {
        let mut has_more = false;
        for log in &self.logs {
            has_more |= log.retire(today, since).await?;
        }
        Ok(has_more)
    }

    fn generation(&self, space: &SpaceId) -> Generation {
        self.of(space).generation(space)
    }

    async fn size(&self) -> Result<u64, LogError> {
        let mut size = 0;
        for log in &self.logs {
            size += log.size().await?;
        }
        Ok(size)
    }

    fn writing(&self) -> &Writing {
        &self.writing
    }

    async fn health(&self) -> Result<(), LogError> {
        for log in &self.logs {
            log.health().await?;
        }
        Ok(())
    }

    async fn close(&self) {
        for log in &self.logs {
            log.close().await;
        }
    }
}

impl Mailboxes for Sharded {
    async fn put(&self, put: Put, now: i64) -> Result<PutOutcome, LogError> {
        self.of_mailbox(&put.mailbox).put(put, now).await
    }

    async fn open(
        &self,
        mailbox: MailboxId,
        now: i64,
    ) -> Result<Option<Vec<MailboxSlot>>, LogError> {
        self.of_mailbox(&mailbox).open(mailbox, now).await
    }

    async fn sweep(&self, now: i64) -> Result<bool, LogError> {
        let mut has_more = false;
        for log in &self.logs {
            has_more |= log.sweep(now).await?;
        }
        Ok(has_more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(name: &str) -> StoreAddress {
        format!("postgres://localhost/{name}").parse().unwrap()
    }

    fn spread(ranges: &[(u16, u16, &str)]) -> Result<Shards, ShardsError> {
        let ranges = ranges
            .iter()
            .map(|(from, to, name)| (*from..=*to, store(name)));
        Shards::new(ranges.collect())
    }

    /// A shard in no database is spaces that nobody can read, and one in two is two logs of one space.
    #[test]
    fn every_shard_is_in_one_database() {
        for (ranges, expected) in [
            (&[][..], ShardsError::Missing(0)),
            (&[(0, 4_094, "a")], ShardsError::Missing(4_095)),
            (
                &[(0, 99, "a"), (101, 4_095, "b")],
                ShardsError::Missing(100),
            ),
            (&[(0, 100, "a"), (100, 4_095, "b")], ShardsError::Twice(100)),
            (
                &[(0, 4_096, "a")],
                ShardsError::Range { from: 0, to: 4_096 },
            ),
            (&[(5, 4, "a")], ShardsError::Range { from: 5, to: 4 }),
        ] {
            assert_eq!(spread(ranges).unwrap_err(), expected);
        }
        let shards = spread(&[(2_048, 4_095, "b"), (0, 9, "a"), (10, 2_047, "b")]).unwrap();
        assert_eq!(shards.stores().len(), 2);
        let place = |first: u8, second: u8| {
            let mut id = [0xff; 32];
            (id[0], id[1]) = (first, second);
            shards.place_of(&id)
        };
        let a = place(0, 0);
        // Shard 9 ends with 0x009f, shard 10 begins with 0x00a0.
        assert_eq!(
            [place(0, 0x9f), place(0, 0xa0), place(0xff, 0xff)],
            [a, 1 - a, 1 - a]
        );
        let gaps = |place| {
            let gaps = shards.gaps(place).into_iter();
            gaps.map(|gap| (gap.start, gap.end)).collect::<Vec<_>>()
        };
        assert_eq!(gaps(a), [(10, 4_096)]);
        assert_eq!(gaps(1 - a), [(0, 10)]);
        assert!(Shards::one(store("a")).gaps(0).is_empty());
    }
}
