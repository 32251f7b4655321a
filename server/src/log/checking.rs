//! Whether what a relay keeps is what it took: each space's log without a hole, each entry once, as
//! its member signed it, and with the chain that its readers hold. It reads one entry after another,
//! and keeps of a space who was a member and each device's next counter.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::ControlFlow;

use waymark_wire::chain::{Chain, Cursor};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, SpaceId};
use waymark_wire::membership::Membership;

use super::Stored;
use super::candidate::named_by;
use super::looking::{Flaw, Look, OperatorRows};
use super::reading::{checkpoint_at, public_part, start};
use super::rows::{Fault, Rows, SpaceNumber};

/// Spaces that are asked for at a time.
const SPACES: usize = 256;
/// Flaws of one space that are told; the rest is counted.
const TOLD: u64 = 20;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Checked {
    /// Spaces.
    pub spaces: u64,
    /// Entries, with those of which only the place is kept.
    pub entries: u64,
    /// How much is wrong.
    pub flaws: u64,
}

/// Looks at everything, each space at one moment, and tells what is wrong.
pub(crate) fn check<L: Look>(look: &L, tell: &mut dyn FnMut(&Flaw)) -> Result<Checked, Fault> {
    let mut checked = Checked::default();
    for what in look.structure()? {
        checked.flaws += 1;
        tell(&Flaw {
            space: None,
            seq: None,
            what,
        });
    }
    let mut after = None;
    loop {
        let spaces = match look.at_one_moment(|db| db.spaces(after.as_ref(), SPACES)) {
            Ok(spaces) => spaces,
            Err(fault) if L::is_damage(&fault) => {
                checked.flaws += 1;
                tell(&Flaw {
                    space: None,
                    seq: None,
                    what: format!("its spaces cannot be read: {fault}"),
                });
                return Ok(checked);
            }
            Err(fault) => return Err(fault),
        };
        let Some((last, _)) = spaces.last() else {
            return Ok(checked);
        };
        after = Some(*last);
        for (space, number) in spaces {
            checked.spaces += 1;
            let mut found = Found {
                space,
                flaws: 0,
                tell,
            };
            let entries = look.at_one_moment(|db| check_space(db, number, &mut found));
            match entries {
                Ok(entries) => checked.entries += entries,
                Err(fault) if L::is_damage(&fault) => found.wrong(None, fault),
                Err(fault) => return Err(fault),
            }
            checked.flaws += found.end();
        }
    }
}

/// What is wrong with a space.
struct Found<'a> {
    space: SpaceId,
    flaws: u64,
    tell: &'a mut dyn FnMut(&Flaw),
}

impl Found<'_> {
    fn wrong(&mut self, seq: Option<u64>, what: impl Display) {
        self.flaws += 1;
        if self.flaws <= TOLD {
            (self.tell)(&Flaw::of(&self.space, seq, what));
        }
    }

    /// Says how much was not told, and how much there was.
    fn end(self) -> u64 {
        if let Some(more) = self.flaws.checked_sub(TOLD).filter(|more| *more > 0) {
            (self.tell)(&Flaw::of(&self.space, None, format!("and {more} more")));
        }
        self.flaws
    }
}

/// Looks at one space: how many entries it has.
fn check_space<R: Rows + OperatorRows>(
    db: &R,
    number: SpaceNumber,
    found: &mut Found<'_>,
) -> Result<u64, Fault> {
    let space = found.space;
    let mut log = Checking {
        db,
        number,
        space,
        dropped: db.dropped(number)?,
        entries: 0,
        at: Cursor::start(&space),
        membership: None,
        counters: HashMap::new(),
        found,
    };
    let mut fault = None;
    db.entries(
        number,
        0,
        &mut |stored, chain| match log.entry(stored, chain) {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => {
                fault = Some(why);
                ControlFlow::Break(())
            }
        },
    )?;
    match fault {
        Some(fault) => Err(fault),
        None => log.end(),
    }
}

/// A space that is being looked at, up to some entry.
struct Checking<'a, 'f, R> {
    db: &'a R,
    number: SpaceNumber,
    space: SpaceId,
    /// Up to where entries may be without their bytes.
    dropped: u64,
    entries: u64,
    at: Cursor,
    /// `None` before the first entry, and after one that does not count.
    membership: Option<Membership>,
    /// What each device counts next, of those with entries after `dropped`.
    counters: HashMap<DeviceNumber, u64>,
    found: &'a mut Found<'f>,
}

impl<R: Rows + OperatorRows> Checking<'_, '_, R> {
    fn entry(&mut self, stored: Stored, chain: Chain) -> Result<(), Fault> {
        let (seq, next) = (stored.seq, self.at.seq + 1);
        self.entries += 1;
        if seq != next {
            self.wrong(seq, format!("nothing stands at {next}"));
        } else if self.at.after(&stored.id).chain != chain {
            self.wrong(seq, "the chain is not the one that the ids make");
        }
        // Each flaw is told where it is, and not at every entry that follows.
        self.at = Cursor { seq, chain };
        if stored.bytes.is_empty() {
            if seq > self.dropped {
                self.wrong(seq, "its bytes are gone, and no checkpoint let go of them");
            }
            return Ok(());
        }
        let Ok(entry) = Entry::parse(stored.bytes) else {
            self.wrong(seq, "it cannot be read");
            return Ok(());
        };
        let id = match seq {
            1 => entry.id(&SpaceId::ZERO),
            _ => entry.id(&self.space),
        };
        if id != stored.id {
            self.wrong(seq, "its bytes are not those that its id was made of");
            return Ok(());
        }
        self.counted(seq, &entry)?;
        match entry.header().kind {
            Kind::Membership => return self.membership_entry(seq, &entry),
            Kind::Checkpoint => self.checkpoint(seq, &entry)?,
            _ => {}
        }
        if let Some(membership) = &self.membership
            && membership.signer(&entry, &id).is_err()
        {
            self.wrong(seq, "no member signed it");
        }
        Ok(())
    }

    /// Entries of a device count from 0 without holes: with two of one number, one that comes again
    /// would be taken for the other.
    fn counted(&mut self, seq: u64, entry: &Entry) -> Result<(), Fault> {
        if seq <= self.dropped {
            return Ok(());
        }
        let (device, counter) = (entry.header().device, u64::from(entry.header().counter));
        let next = match self.counters.get(&device) {
            Some(next) => *next,
            None => self.db.next_counter(self.number, device, self.dropped)?,
        };
        if counter != next {
            let what = format!("it is its signer's number {counter}, and {next} comes next");
            self.wrong(seq, what);
        }
        self.counters.insert(device, counter + 1);
        Ok(())
    }

    fn membership_entry(&mut self, seq: u64, entry: &Entry) -> Result<(), Fault> {
        let applied = match self.membership.take() {
            None if seq == 1 => Membership::found(entry),
            // Of whom it is not known any more who is a member, no more can be said.
            None => return Ok(()),
            Some(mut membership) => membership.apply(entry).map(|()| membership),
        };
        match applied {
            Ok(membership) => {
                if self.db.place_of(self.number, membership.height())? != Some(seq) {
                    self.wrong(seq, "it is not noted as a membership entry");
                }
                self.membership = Some(membership);
            }
            Err(why) => {
                let what =
                    format!("it does not count ({why}); who signed what follows is not looked at");
                self.wrong(seq, what);
            }
        }
        for named in named_by(entry) {
            // It may have been let go of.
            let kept = self.db.attachment(self.number, &named.hash)?;
            if kept.is_some_and(|kept| AttachmentHash::of(&kept) != named.hash) {
                self.wrong(seq, "a key that it names is another one");
            }
        }
        Ok(())
    }

    fn checkpoint(&mut self, seq: u64, entry: &Entry) -> Result<(), Fault> {
        let Ok(checkpoint) = public_part(entry) else {
            self.wrong(seq, "it is a checkpoint that cannot be read");
            return Ok(());
        };
        let reaches = checkpoint.seq;
        if reaches >= seq || self.db.chain_at(self.number, reaches)? != Some(checkpoint.chain) {
            let what = format!("it is a checkpoint of another log than the one up to {reaches}");
            self.wrong(seq, what);
        } else if self.db.height_at(self.number, reaches)? != Some(checkpoint.height) {
            self.wrong(seq, "it is a checkpoint of other members");
        }
        Ok(())
    }

    /// What is noted of the whole log has to agree with it.
    fn end(mut self) -> Result<u64, Fault> {
        if self.entries == 0 {
            self.found.wrong(None, "it has no entry");
            return Ok(0);
        }
        let (db, number, last) = (self.db, self.number, self.at.seq);
        let head = db.head(number, &self.space)?;
        if head != self.at {
            let what = format!(
                "its log is said to end at {}, and ends at {last} or with another chain",
                head.seq
            );
            self.found.wrong(None, what);
        }
        if self.dropped > last {
            let what = format!(
                "it has let go of entries up to {}, and ends at {last}",
                self.dropped
            );
            self.found.wrong(None, what);
        }
        if let Some(membership) = &self.membership
            && db.height_at(number, u64::MAX)? != Some(membership.height())
        {
            self.found
                .wrong(None, "another membership entry is noted as its newest");
        }
        for (device, next) in std::mem::take(&mut self.counters) {
            let noted = db.next_counter(number, device, u64::MAX)?;
            if noted != next {
                let what = format!(
                    "device {} is noted to count on from {noted}, not {next}",
                    device.0
                );
                self.found.wrong(None, what);
            }
        }
        let most = usize::try_from(TOLD).unwrap_or(usize::MAX);
        for doubled in db.doubled(number, most)? {
            let what = format!("the entry has another place at {}", doubled.first);
            self.wrong(doubled.last, what);
        }
        self.starts()?;
        Ok(self.entries)
    }

    /// Whoever starts at a checkpoint needs all that it names.
    fn starts(&mut self) -> Result<(), Fault> {
        let (db, number) = (self.db, self.number);
        for seq in db.standing_from(number, self.dropped)? {
            let checkpoint = match checkpoint_at(db, number, seq) {
                Ok(checkpoint) => checkpoint,
                Err(Fault::Damaged(what)) => {
                    self.wrong(seq, what);
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            let mut is_whole = true;
            for snapshot in &checkpoint.snapshots {
                is_whole &= match db.named(number, snapshot)? {
                    Some(place) => db.kept_at(number, place)? == Some(*snapshot),
                    None => false,
                };
            }
            for kept in &checkpoint.kept {
                is_whole &= db.kept_at(number, kept.seq)? == Some(kept.id);
            }
            if !is_whole {
                self.wrong(
                    seq,
                    "it is a checkpoint, and something that it names is gone",
                );
            }
        }
        match start(db, &self.space) {
            Err(Fault::Damaged(what)) => self.found.wrong(None, what),
            started => drop(started?),
        }
        Ok(())
    }

    fn wrong(&mut self, seq: u64, what: impl Display) {
        self.found.wrong(Some(seq), what);
    }
}
