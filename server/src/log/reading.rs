//! What readers ask, over the rows of one moment. With what depends on who is a member comes the
//! height of the newest membership entry at that moment.

use std::ops::ControlFlow;

use waymark_wire::chain::{Chain, Cursor, Position};
use waymark_wire::checkpoint::{Checkpoint, CheckpointBody};
use waymark_wire::entry::Entry;
use waymark_wire::ids::{AttachmentHash, EntryId, Height, SpaceId};
use waymark_wire::limits;
use waymark_wire::membership::Membership;

use super::rows::{Fault, Rows, SpaceNumber};
use super::{Fetched, Page, Start, Stored, Usage};

/// Who is in the space, from its membership entries.
pub(super) fn membership<R: Rows>(db: &R, number: SpaceNumber) -> Result<Membership, Fault> {
    let mut membership: Option<Membership> = None;
    let mut fault = None;
    let mut apply = |stored: Stored| -> Result<(), Fault> {
        let damaged = |_| Fault::Damaged("a membership entry does not count");
        let entry = Entry::parse(stored.bytes)
            .map_err(|_| Fault::Damaged("a membership entry cannot be read"))?;
        match &mut membership {
            Some(membership) => membership.apply(&entry).map_err(damaged)?,
            None => membership = Some(Membership::found(&entry).map_err(damaged)?),
        }
        Ok(())
    };
    db.membership_entries(number, 0, u64::MAX, &mut |stored, _| match apply(stored) {
        Ok(()) => ControlFlow::Continue(()),
        Err(found) => {
            fault = Some(found);
            ControlFlow::Break(())
        }
    })?;
    match fault {
        Some(fault) => Err(fault),
        None => membership.ok_or(Fault::Damaged("a space has no first entry")),
    }
}

/// The membership entries above `height`, as far as a page holds them.
pub(super) fn membership_above<R: Rows>(
    db: &R,
    number: SpaceNumber,
    height: Height,
) -> Result<Vec<Vec<u8>>, Fault> {
    let (mut entries, mut bytes) = (Vec::new(), 0);
    // Above a height that is not there yet there is nothing.
    let Some(after) = db.place_of(number, height)? else {
        return Ok(entries);
    };
    db.membership_entries(number, after, u64::MAX, &mut |stored, _| {
        bytes += stored.bytes.len();
        if entries.len() == limits::PAGE_ENTRIES || bytes > limits::PAGE_BYTES {
            return ControlFlow::Break(());
        }
        entries.push(stored.bytes);
        ControlFlow::Continue(())
    })?;
    Ok(entries)
}

/// The height of the newest membership entry.
pub(super) fn height<R: Rows>(db: &R, number: SpaceNumber) -> Result<Height, Fault> {
    db.height_at(number, u64::MAX)?
        .ok_or(Fault::Damaged("a space has no first entry"))
}

/// The entries after `after`, as many as a page holds; `None` where they are not all kept.
pub(super) fn page<R: Rows>(
    db: &R,
    space: &SpaceId,
    after: u64,
) -> Result<Option<(Page, Height)>, Fault> {
    let number = there(db, space)?;
    if after < db.dropped(number)? {
        return Ok(None);
    }
    let head = db.head(number, space)?;
    let mut filling = Filling::until(head.position(), head.seq);
    db.entries(number, after, &mut |stored, chain| {
        filling.take(stored, chain)
    })?;
    // Without another one, the last that was shown is the log's end.
    Ok(Some((filling.page, height(db, number)?)))
}

/// The membership entries after `after` up to `until`, as many as a page holds.
pub(super) fn members<R: Rows>(
    db: &R,
    space: &SpaceId,
    after: u64,
    until: u64,
) -> Result<(Page, Height), Fault> {
    let number = there(db, space)?;
    let head = db.head(number, space)?;
    let chain = db.chain_at(number, until)?;
    let chain = chain.ok_or(Fault::Damaged("a checkpoint's place is gone"))?;
    let end = Cursor { seq: until, chain }.position();
    let mut filling = Filling::until(end, head.seq);
    db.membership_entries(number, after, until, &mut |stored, chain| {
        filling.take(stored, chain)
    })?;
    Ok((filling.page, height(db, number)?))
}

/// A page that entries are put into until it is full.
struct Filling {
    page: Page,
    bytes: usize,
    last: Option<Position>,
}

impl Filling {
    /// A page that ends at `end` where it holds everything.
    const fn until(end: Position, head: u64) -> Self {
        let page = Page {
            entries: Vec::new(),
            end,
            head,
        };
        Self {
            page,
            bytes: 0,
            last: None,
        }
    }

    /// Takes one more, unless there is no room: a page holds at least one, however long it is.
    fn take(&mut self, stored: Stored, chain: Chain) -> ControlFlow<()> {
        self.bytes += stored.bytes.len();
        let is_full =
            self.page.entries.len() == limits::PAGE_ENTRIES || self.bytes > limits::PAGE_BYTES;
        if let Some(last) = self.last.filter(|_| is_full) {
            self.page.end = last;
            return ControlFlow::Break(());
        }
        let seq = stored.seq;
        self.last = Some(Cursor { seq, chain }.position());
        self.page.entries.push(stored);
        ControlFlow::Continue(())
    }
}

/// The first of `places` that is on the space's log and from which every entry is kept.
pub(super) fn agreed<R: Rows>(
    db: &R,
    space: &SpaceId,
    places: &[Position],
) -> Result<Option<Position>, Fault> {
    let start = Cursor::start(space).position();
    let number = db.number(space)?;
    let dropped = match number {
        Some(number) => db.dropped(number)?,
        None => 0,
    };
    // From an earlier one nobody could read on.
    for place in places.iter().filter(|place| place.seq >= dropped) {
        let stored = match number {
            Some(number) if place.seq > 0 => {
                let chain = db.chain_at(number, place.seq)?;
                let seq = place.seq;
                chain.map(|chain| Cursor { seq, chain }.position())
            }
            _ => Some(start),
        };
        if stored.as_ref() == Some(place) {
            return Ok(stored);
        }
    }
    Ok(None)
}

/// The attachments with these hashes that are kept.
pub(super) fn attachments<R: Rows>(
    db: &R,
    space: &SpaceId,
    hashes: &[AttachmentHash],
) -> Result<Vec<Vec<u8>>, Fault> {
    let mut found = Vec::with_capacity(hashes.len());
    if let Some(number) = db.number(space)? {
        for hash in hashes {
            found.extend(db.attachment(number, hash)?);
        }
    }
    Ok(found)
}

/// What is kept of the space.
pub(super) fn usage<R: Rows>(db: &R, space: &SpaceId) -> Result<Option<Usage>, Fault> {
    let Some(number) = db.number(space)? else {
        return Ok(None);
    };
    Ok(Some(Usage {
        bytes: db.bytes(number)?,
        oldest: db.dropped(number)? + 1,
        head: db.head(number, space)?.position(),
    }))
}

/// The checkpoint at which a newcomer starts, with what makes its quorum.
pub(super) fn start<R: Rows>(db: &R, space: &SpaceId) -> Result<Option<(Start, Height)>, Fault> {
    let Some(number) = db.number(space)? else {
        return Ok(None);
    };
    let Some(seq) = best(db, number)? else {
        return Ok(None);
    };
    let stored = |seq| -> Result<Stored, Fault> {
        db.entry_at(number, seq)?
            .ok_or(Fault::Damaged("a checkpoint or an ack of it is gone"))
    };
    let checkpoint = stored(seq)?;
    let acks = db.confirmations(number, seq, limits::CHECKPOINT_ACKS)?;
    let acks = acks.into_iter().map(stored).collect::<Result<_, _>>()?;
    let end = parsed(&checkpoint.bytes)?.cursor().position();
    let start = Start {
        checkpoint,
        acks,
        end,
    };
    Ok(Some((start, height(db, number)?)))
}

/// Those of the entries with these ids that can be fetched by id, in that order, as many as a page
/// holds.
pub(super) fn entries<R: Rows>(
    db: &R,
    space: &SpaceId,
    ids: &[EntryId],
) -> Result<(Fetched, Height), Fault> {
    let number = there(db, space)?;
    let kept = match best(db, number)? {
        Some(seq) => checkpoint_at(db, number, seq)?.kept,
        None => Vec::new(),
    };
    let mut fetched = Fetched {
        entries: Vec::new(),
        looked_at: 0,
    };
    let mut bytes = 0;
    for id in ids {
        let seq = match db.named(number, id)? {
            Some(seq) => Some(seq),
            None => kept.iter().find(|kept| kept.id == *id).map(|kept| kept.seq),
        };
        if let Some(seq) = seq
            && let Some(found) = db.entry_at(number, seq)?
        {
            bytes += found.bytes.len();
            if bytes > limits::PAGE_BYTES && !fetched.entries.is_empty() {
                break;
            }
            fetched.entries.push(found);
        }
        fetched.looked_at += 1;
    }
    Ok((fetched, height(db, number)?))
}

/// What the checkpoint at `seq` says in public.
pub(super) fn checkpoint_at<R: Rows>(
    db: &R,
    number: SpaceNumber,
    seq: u64,
) -> Result<Checkpoint, Fault> {
    let stored = db.entry_at(number, seq)?;
    parsed(&stored.ok_or(Fault::Damaged("a checkpoint is gone"))?.bytes)
}

/// What a checkpoint says in public.
pub(super) fn public_part(entry: &Entry) -> Result<Checkpoint, Fault> {
    CheckpointBody::parse(entry.body())
        .map(|body| body.public)
        .map_err(|_| Fault::Damaged("a checkpoint cannot be read"))
}

fn parsed(bytes: &[u8]) -> Result<Checkpoint, Fault> {
    let entry = Entry::parse(bytes.to_vec());
    let entry = entry.map_err(|_| Fault::Damaged("a checkpoint cannot be read"))?;
    public_part(&entry)
}

/// The place of the checkpoint that newcomers are sent to.
fn best<R: Rows>(db: &R, number: SpaceNumber) -> Result<Option<u64>, Fault> {
    db.best(number, db.dropped(number)?)
}

/// The number of a space whose reader was found to be a member.
fn there<R: Rows>(db: &R, space: &SpaceId) -> Result<SpaceNumber, Fault> {
    db.number(space)?.ok_or(Fault::Damaged("a space is gone"))
}
