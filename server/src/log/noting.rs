//! What an entry that was just written means for checkpoints, and the log as a checkpoint is held
//! against it.

use std::collections::HashSet;

use waymark_wire::ack::Ack;
use waymark_wire::chain::Chain;
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{DeviceNumber, EntryId, Height, PersonTag};
use waymark_wire::membership::Membership;

use super::checkpoints::{Facts, Standing, hurries};
use super::reading::{checkpoint_at, public_part};
use super::rows::{Fault, Rows, SpaceNumber};

/// One space's log, as far as a checkpoint is held against it.
pub(super) struct InSpace<'a, R> {
    pub(super) db: &'a R,
    pub(super) number: SpaceNumber,
}

impl<R: Rows> Facts for InSpace<'_, R> {
    type Fault = Fault;

    fn chain_at(&self, seq: u64) -> Result<Option<Chain>, Fault> {
        self.db.chain_at(self.number, seq)
    }

    fn kept_at(&self, seq: u64) -> Result<Option<EntryId>, Fault> {
        self.db.kept_at(self.number, seq)
    }

    fn height_at(&self, seq: u64) -> Result<Height, Fault> {
        let height = self.db.height_at(self.number, seq)?;
        height.ok_or(Fault::Damaged("a space has no first entry"))
    }

    fn next_counter_at(&self, device: DeviceNumber, seq: u64) -> Result<u64, Fault> {
        self.db.next_counter(self.number, device, seq)
    }

    fn snapshot_at(&self, id: &EntryId) -> Result<Option<u64>, Fault> {
        self.db.named(self.number, id)
    }

    fn place_of(&self, height: Height) -> Result<u64, Fault> {
        let place = self.db.place_of(self.number, height)?;
        place.ok_or(Fault::Damaged("a membership entry is gone"))
    }
}

/// The height of the newest membership entry up to which entries may be gone, where that matters: where
/// something was forgotten.
pub(super) fn gone<R: Rows>(
    db: &R,
    number: SpaceNumber,
    membership: &Membership,
) -> Result<Height, Fault> {
    let dropped = db.dropped(number)?;
    if dropped == 0 || membership.cut().is_none() {
        return Ok(Height(0));
    }
    InSpace { db, number }.height_at(dropped)
}

/// Notes what an entry that was just written means for checkpoints.
pub(super) fn note<R: Rows>(
    db: &R,
    number: SpaceNumber,
    membership: &Membership,
    (entry, id, seq): (&Entry, &EntryId, u64),
    now: i64,
) -> Result<(), Fault> {
    let signer = entry.header().device;
    match entry.header().kind {
        Kind::Snapshot => db.insert_snapshot(number, seq, id),
        Kind::Checkpoint => {
            let facts = InSpace { db, number };
            let hurries = hurries(membership, db.dropped(number)?, &facts)?;
            let standing = Standing::arrived(membership, signer, hurries, now)
                .ok_or(Fault::Damaged("a checkpoint's signer is no member"))?;
            db.insert_checkpoint(number, seq, id, public_part(entry)?.seq, &standing)
        }
        Kind::Ack => {
            let (about, is_ok) = match Ack::parse(entry.body()) {
                Some(Ack::CheckpointOk(about)) => (about, true),
                Some(Ack::CheckpointBad(about, _)) => (about, false),
                _ => return Ok(()),
            };
            match membership.member(signer) {
                Some(by) => hear(db, number, &about, (seq, by.person, is_ok), now),
                None => Ok(()),
            }
        }
        // Nobody goes on from before something that is forgotten: newcomers would refuse it.
        Kind::Membership if membership.cut() == Some(membership.height()) => {
            db.send_to_none(number)
        }
        _ => Ok(()),
    }
}

/// Counts somebody's word on a checkpoint.
fn hear<R: Rows>(
    db: &R,
    number: SpaceNumber,
    about: &EntryId,
    (seq, by, is_ok): (u64, PersonTag, bool),
    now: i64,
) -> Result<(), Fault> {
    // Of a checkpoint that is not here nobody can say anything.
    let Some((checkpoint, mut standing)) = db.standing(number, about)? else {
        return Ok(());
    };
    if !is_ok {
        standing.reject();
    } else if standing.confirm(by, now) {
        db.insert_confirmation(number, seq, checkpoint, by)?;
    }
    db.set_standing(number, checkpoint, &standing)
}

/// All that must stay for the checkpoints that reach `reaches` or further: those that were not called
/// bad, and those for which something has gone.
pub(super) fn protected<R: Rows>(
    db: &R,
    number: SpaceNumber,
    reaches: u64,
) -> Result<HashSet<EntryId>, Fault> {
    let mut protected = HashSet::new();
    for seq in db.standing_from(number, reaches)? {
        let checkpoint = checkpoint_at(db, number, seq)?;
        protected.extend(checkpoint.snapshots);
        protected.extend(checkpoint.kept.iter().map(|kept| kept.id));
    }
    Ok(protected)
}
