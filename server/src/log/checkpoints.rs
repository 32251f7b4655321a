//! When a checkpoint is taken, and when what it covers may go: what every engine has to decide alike.

use std::fmt::Display;

use waymark_wire::chain::Chain;
use waymark_wire::checkpoint::Checkpoint;
pub(crate) use waymark_wire::checkpoint::{REST, SILENCE};
use waymark_wire::ids::{DeviceNumber, EntryId, Height, PersonTag};
use waymark_wire::membership::{Member, Membership, Rights};
use waymark_wire::message::RefusalCode;

use super::rules::Reason;

/// What a log says of itself, to hold a checkpoint against.
pub(crate) trait Facts {
    /// Why it could not be asked.
    type Fault;

    /// The chain through the entry at `seq`, which is on the log.
    fn chain_at(&self, seq: u64) -> Result<Option<Chain>, Self::Fault>;

    /// The entry at `seq`, where it is still kept.
    fn kept_at(&self, seq: u64) -> Result<Option<EntryId>, Self::Fault>;

    /// The height of the newest membership entry up to `seq`.
    fn height_at(&self, seq: u64) -> Result<Height, Self::Fault>;

    /// The counter that is next for a membership after the entry at `seq`.
    fn next_counter_at(&self, device: DeviceNumber, seq: u64) -> Result<u64, Self::Fault>;

    /// The place of the snapshot with this id, where it is on the log and kept.
    fn snapshot_at(&self, id: &EntryId) -> Result<Option<u64>, Self::Fault>;

    /// The place of the membership entry of this height, which is on the log.
    fn place_of(&self, height: Height) -> Result<u64, Self::Fault>;
}

/// Holds what a checkpoint says in public against the log that it is to be added to, of which
/// everything up to `dropped` may be gone.
pub(crate) fn weigh<F: Facts>(
    checkpoint: &Checkpoint,
    membership: &Membership,
    dropped: u64,
    facts: &F,
) -> Result<Result<(), Reason>, F::Fault> {
    let wrong = |what: &dyn Display| Ok(Err(Reason::new(RefusalCode::Forbidden, what)));
    let seq = checkpoint.seq;
    if seq < dropped {
        return wrong(&"the checkpoint ends before what is kept");
    }
    if facts.chain_at(seq)? != Some(checkpoint.chain) {
        return wrong(&"the checkpoint's place is not on the log");
    }
    let height = facts.height_at(seq)?;
    if height != checkpoint.height {
        return wrong(&"the checkpoint has another membership height than the log");
    }
    let there = |member: &&Member| member.since <= height;
    let there = membership.everybody().iter().filter(there);
    if there.clone().count() != checkpoint.counters.len() {
        return wrong(&"the checkpoint does not have a counter for each membership");
    }
    for (member, counter) in there.zip(&checkpoint.counters) {
        if facts.next_counter_at(member.device, seq)? != u64::from(*counter) {
            return wrong(&format!("the checkpoint's counter of {}", member.device));
        }
    }
    let cut = match membership.cut() {
        Some(cut) if height < cut => {
            return wrong(&"the checkpoint ends before something was forgotten");
        }
        Some(cut) => facts.place_of(cut)?,
        None => 0,
    };
    let names_before = "the checkpoint names what stands before something was forgotten";
    for snapshot in &checkpoint.snapshots {
        match facts.snapshot_at(snapshot)? {
            None => return wrong(&"the checkpoint names a snapshot that is not on the log"),
            Some(place) if place < cut => return wrong(&names_before),
            Some(_) => {}
        }
    }
    for kept in &checkpoint.kept {
        if kept.seq < cut {
            return wrong(&names_before);
        }
        if facts.kept_at(kept.seq)? != Some(kept.id) {
            return wrong(&format!(
                "the checkpoint keeps an entry that is not at {}",
                kept.seq
            ));
        }
    }
    Ok(Ok(()))
}

/// Whether what stands before something that was forgotten is still kept, of which everything up to
/// `dropped` may be gone. A checkpoint lets go of it without rest.
pub(crate) fn hurries<F: Facts>(
    membership: &Membership,
    dropped: u64,
    facts: &F,
) -> Result<bool, F::Fault> {
    let cut = membership.cut().map(|cut| facts.place_of(cut));
    Ok(cut.transpose()?.is_some_and(|cut| dropped < cut))
}

/// What becomes of a checkpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Standing {
    /// Whose device published it: its own word counts as one.
    pub(crate) publisher: PersonTag,
    /// When it had its quorum, in milliseconds by the relay's clock.
    pub(crate) agreed: Option<i64>,
    /// From when on what it covers may go; `None` where nothing goes for it.
    pub(crate) due: Option<i64>,
    /// Whether it does not rest.
    pub(crate) hurries: bool,
}

impl Standing {
    /// A checkpoint that arrives `now` from `signer`.
    pub(crate) fn arrived(
        membership: &Membership,
        signer: DeviceNumber,
        hurries: bool,
        now: i64,
    ) -> Option<Self> {
        let signer = membership.member(signer)?;
        let publisher = signer.person;
        let is_alone = membership
            .members()
            .all(|member| member.person == publisher);
        let agreed = (is_alone && signer.rights.include(Rights::ADMIN)).then_some(now);
        let waits = match (agreed, hurries) {
            (Some(_), true) => 0,
            (Some(_), false) | (None, true) => REST,
            (None, false) => SILENCE + REST,
        };
        Some(Self {
            publisher,
            agreed,
            due: Some(now.saturating_add(waits)),
            hurries,
        })
    }

    /// After somebody's `ok`, which counts where it is another person's. Whether it did.
    pub(crate) fn confirm(&mut self, by: PersonTag, now: i64) -> bool {
        if by == self.publisher || self.due.is_none() {
            return false;
        }
        if self.agreed.is_none() {
            self.agreed = Some(now);
            let rested = now.saturating_add(if self.hurries { 0 } else { REST });
            self.due = self.due.map(|due| due.min(rested));
        }
        true
    }

    /// After anybody's `bad`: nothing goes for it any more, and nobody is sent to it.
    pub(crate) fn reject(&mut self) {
        self.agreed = None;
        self.due = None;
    }
}
