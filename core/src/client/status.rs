//! How things stand: for the app to show, and for whoever debugs.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use waymark_wire::ids::SpaceId;
use waymark_wire::membership::Membership;

use super::synced::last_synced;
use super::{Client, Inner, PlanId, WaymarkError, count};
use crate::membership::{Book, SpaceKind};
use crate::space::{NotDone, Space, SpaceError};
use crate::store::StoreError;

/// How one space stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Status {
    /// The space's id, by which calls take it; none where not even that can be read.
    pub space: Option<PlanId>,
    /// What the space is for; none where that cannot be read.
    pub kind: Option<SpaceKind>,
    /// The same as `space` where it is a plan.
    pub plan: Option<PlanId>,
    /// Whether this device can read it yet.
    pub ready: bool,
    /// Whether it was closed: it stays readable, and what waits here never leaves this device.
    pub closed: bool,
    /// The plan that goes on in its place, where it was closed for one. What waited here is written
    /// there as soon as this device is in it.
    pub followed_by: Option<PlanId>,
    /// Whether this device is a member there no more, as far as it knows: its person has left, or its log
    /// says so. It stays readable. Whoever is removed by others is not told.
    pub ended: bool,
    /// Changes that wait to be sealed, at most 4,096 are counted.
    pub unsent: u32,
    /// Sealed entries that the log has not shown yet, or that it showed and the relay has lost.
    pub on_the_way: u32,
    /// Sections that wait for others' changes.
    pub waiting: u32,
    /// What was held back as not acceptable.
    pub held: u32,
    /// What was wanted of who reads it, cannot be any more, and has not been
    /// [seen](super::People::forget_not_done).
    pub not_done: Vec<NotDone>,
    /// Documents (a plan, a month) that are still to come from the relay, because this device started
    /// at a checkpoint: those that an app shows first come first. Until one is here, it cannot be read.
    pub fetching: u32,
    /// Whether everything before the checkpoint at which this device started is on the word of one
    /// person alone: nobody else's confirmation of it can be seen.
    pub unconfirmed: bool,
    /// Pieces of evidence that the relay told two stories of it ([`super::Sync::evidence`]).
    pub evidence: u32,
    /// How many entries of its log a checkpoint covers that is right by what this device has read, and
    /// that nobody called bad; 0 where there is none.
    pub covered: u64,
    /// When the relay's log was last read to its end, as far as this device remembers.
    #[serde(serialize_with = "rfc3339")]
    pub synced: Option<DateTime<Utc>>,
    /// The code of the problem that keeps it from being in sync.
    pub problem: Option<String>,
    /// The same in words, for whoever debugs.
    pub problem_detail: Option<String>,
}

/// What helps to find a fault, without content.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Diagnostics {
    /// The version of this library.
    pub version: String,
    /// How each space stands.
    pub spaces: Vec<Status>,
    /// What is held back, as `seq, device, reason`.
    pub held: Vec<String>,
    /// What is wrong with the database, if anything.
    pub database: Option<String>,
}

impl Client {
    /// How every space stands, home first, and last those that are damaged, with the problem
    /// `damaged`.
    ///
    /// # Errors
    /// The storage's.
    pub fn status(&self) -> Result<Vec<Status>, WaymarkError> {
        let ids: Vec<SpaceId> = self
            .inner
            .shared
            .lock()
            .engine
            .spaces()
            .iter()
            .map(Space::id)
            .collect();
        let mut all: Vec<Status> = ids
            .iter()
            .map(|id| status(&self.inner, id))
            .collect::<Result<_, _>>()?;
        all.extend(self.inner.damaged_status());
        Ok(all)
    }

    /// What helps to find a fault. Reads the whole database, so it takes a while.
    ///
    /// # Errors
    /// The storage's.
    pub fn diagnostics(&self) -> Result<Diagnostics, WaymarkError> {
        let spaces = self.status()?;
        let inner = self.inner.shared.lock();
        let store = inner.engine.store.as_ref();
        let mut held = Vec::new();
        for space in inner.engine.spaces() {
            match space.quarantined(store) {
                Ok(list) => held.extend(
                    list.iter()
                        .map(|h| format!("{}, {}, {}", h.seq, h.device, h.reason)),
                ),
                // Said below, of the whole database.
                Err(SpaceError::Store(StoreError::Damaged { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let database = store.verify().err().map(|error| error.to_string());
        Ok(Diagnostics {
            version: env!("CARGO_PKG_VERSION").into(),
            spaces,
            held,
            database,
        })
    }
}

#[expect(clippy::ref_option, reason = "serde hands the field over so")]
pub(super) fn rfc3339<S: serde::Serializer>(
    at: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    at.map(|at| at.to_rfc3339()).serialize(serializer)
}

fn status(inner: &Arc<Inner>, id: &SpaceId) -> Result<Status, WaymarkError> {
    let inner = inner.shared.lock();
    let store = inner.engine.store.as_ref();
    let space = inner
        .engine
        .space(id)
        .ok_or_else(|| WaymarkError::not_found("space"))?;
    let sync = inner.machine.status(space.number());
    let problem = sync.problem.map(WaymarkError::from);
    let membership = space.book().map(Book::membership);
    Ok(Status {
        space: Some(PlanId(id.0)),
        kind: Some(space.kind()),
        plan: (space.kind() == SpaceKind::Care).then_some(PlanId(id.0)),
        ready: space.is_ready(),
        closed: space.is_closed(),
        followed_by: membership
            .and_then(Membership::successor)
            .map(|next| PlanId(next.0)),
        ended: space.has_ended(),
        unsent: count(space.unsent(store)?),
        on_the_way: count(space.outbox(store)?.len() + space.own_words_lost()),
        waiting: count(space.waiting()),
        held: count(space.quarantined(store)?.len()),
        not_done: space.not_done(store)?,
        fetching: count(space.still_wanted()),
        unconfirmed: space.rests_on_one(),
        evidence: count(space.evidence(store)?.len()),
        covered: space.covered(),
        synced: sync
            .synced
            .map(|at| at.0)
            .or(last_synced(&inner.engine, id)?)
            .and_then(DateTime::from_timestamp_millis),
        problem: problem.as_ref().map(|problem| problem.code().into()),
        problem_detail: problem.map(|problem| problem.to_string()),
    })
}
