//! Grants: what for and how long somebody may read a plan, said by the client and carried out by
//! the client's devices.
//!
//! A grant is a promise in the plan; what really opens and closes is the key. A person whose grants
//! have all ended or been withdrawn is removed by the first of the client's devices that syncs
//! afterwards, which gives those who stay a new key. Whoever never had a grant is not touched.
//! What somebody received before stays with them: no end of a grant fetches it back.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use waymark_wire::ids::SpaceId;
use waymark_wire::membership::{Member, Rights};

use super::cache::care;
use super::{Inner, People, PlanId, WaymarkError, space_of};
use crate::driver::Shares;
use crate::membership::{Book, SpaceKind, Wish};
use crate::model::{
    GrantId, GrantRecord, GrantScope, GrantState, NewGrant, NewWithdrawal, PersonTag, json,
};
use crate::space::{Space, devices_of};
use crate::store::Transaction;

/// A grant, as it stands today.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct GrantView {
    /// The grant.
    pub id: GrantId,
    /// Who may read.
    pub person: PersonTag,
    /// The person's name, once this device can read it.
    pub name: Option<String>,
    /// What.
    pub scope: GrantScope,
    /// What for.
    pub purpose: String,
    /// The first day.
    #[serde(serialize_with = "json::date")]
    pub from: NaiveDate,
    /// The last day, which still counts; without one it holds until it is withdrawn.
    #[serde(serialize_with = "json::date_opt")]
    pub until: Option<NaiveDate>,
    /// How it stands today, by this device's calendar. Whether the person can still read is what
    /// [`People::members`] says.
    pub state: GrantState,
    /// When it was given, by the writer's clock.
    #[serde(serialize_with = "json::instant")]
    pub at: DateTime<Utc>,
}

impl People<'_> {
    /// Every grant that was ever given in a plan, oldest first, also those that are over.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn grants(&self, plan: PlanId) -> Result<Vec<GrantView>, WaymarkError> {
        let today = self.0.calendar_date();
        let inner = &mut *self.0.shared.lock();
        let id = space_of(plan);
        let folded = self.0.views.plan(&mut inner.engine, id)?;
        let book = inner.engine.space(&id).and_then(Space::book);
        let grants = folded.grants(today).into_iter();
        Ok(grants.map(|grant| view(grant, book)).collect())
    }

    /// Grants a member of a plan that they read it, from today on, for a purpose of 1 to 500
    /// characters, to the end of a day or until it is withdrawn. It adds nobody: a grant says what
    /// for and how long somebody who is a member may be one. Once all grants of a person are over,
    /// the next of the client's devices that syncs removes the person from the plan. What was
    /// received before stays with the receiver.
    ///
    /// `until` is the last day, which still counts.
    ///
    /// # Errors
    /// `invalid_input` where nobody in the plan has this tag, or the purpose or the last day is out
    /// of bounds; `not_allowed` for anybody but the client, and for one's own tag; `not_found`, or
    /// the storage's.
    pub fn grant(
        &self,
        plan: PlanId,
        person: PersonTag,
        purpose: &str,
        until: Option<NaiveDate>,
    ) -> Result<GrantId, WaymarkError> {
        let grant = NewGrant {
            person: self.0.other_person(space_of(plan), person)?,
            scope: GrantScope::Plan,
            purpose: purpose.into(),
            from: None,
            until,
        };
        let written = self
            .0
            .write(space_of(plan), None, |_, stamp| grant.record(stamp));
        Ok(GrantId::from(written?))
    }

    /// Takes a grant back. Where it was the person's last, the person is removed from the plan with
    /// the next sync. What was received before stays with the receiver.
    ///
    /// # Errors
    /// `not_found` where the plan has no such grant, `not_allowed` where somebody else gave it, or
    /// the storage's.
    pub fn withdraw_grant(&self, plan: PlanId, id: GrantId) -> Result<(), WaymarkError> {
        let today = self.0.calendar_date();
        let withdrawal = NewWithdrawal {
            records: vec![id.record()],
        };
        // Nothing else is taken back this way.
        let grants = super::Goals(self.0).fold(plan)?.grants(today);
        let mut grants = grants.iter().filter(|grant| grant.id == id);
        let grant = grants.next();
        let grant = grant.ok_or_else(|| WaymarkError::not_found(format!("grant {id}")))?;
        self.0.write(space_of(plan), None, |plan, stamp| {
            plan.withdraw(&withdrawal, stamp)
        })?;
        // It was withdrawn now and here: there is nothing to wait for. Where it fails the grant is
        // withdrawn all the same, and the next sync carries it out.
        let inner = &mut *self.0.shared.lock();
        let ended = self
            .0
            .end_in(inner, space_of(plan), today, Some(grant.person));
        log_failure(&ended);
        self.0.shared.wake();
        Ok(())
    }
}

impl Inner {
    /// Has those removed whose grants are all over, in the plans that this device leads and has read
    /// to their ends since it was opened: a grant that another of the client's devices gave
    /// meanwhile must not be missed. Says whether there is anything new to send.
    pub(super) fn end_grants(&self) -> bool {
        let today = self.calendar_date();
        let inner = &mut *self.shared.lock();
        let led: Vec<(u32, SpaceId)> = inner.engine.spaces().iter().filter_map(leads).collect();
        let mut is_new = false;
        for (number, id) in led {
            let status = inner.machine.status(number);
            if status.synced.is_none() || status.problem.is_some() {
                continue;
            }
            let ended = self.end_in(inner, id, today, None);
            log_failure(&ended);
            is_new |= ended.unwrap_or(false);
        }
        if is_new {
            self.shared.wake();
        }
        is_new
    }

    /// The same in one plan, for one person only where one is named.
    fn end_in(
        &self,
        inner: &mut Shares,
        id: SpaceId,
        today: NaiveDate,
        only: Option<PersonTag>,
    ) -> Result<bool, WaymarkError> {
        if inner.engine.space(&id).and_then(leads).is_none() {
            return Ok(false);
        }
        let plan = self.views.plan(&mut inner.engine, id)?;
        let mut over = plan.whose_grants_are_over(today);
        over.retain(|person| only.is_none_or(|only| *person == only));
        let (space, store, _) = care(&mut inner.engine, id)?;
        let (own, _) = space.own_member()?;
        let Some(book) = space.book() else {
            return Ok(false);
        };
        over.remove(&PersonTag(own.0));
        let known = space.wishes(store)?;
        let mut transaction = Transaction::new();
        for person in over {
            let wish = Wish::RemovePerson(waymark_wire::ids::PersonTag(person.0));
            let is_there = !devices_of(book, waymark_wire::ids::PersonTag(person.0)).is_empty();
            if is_there && !known.contains(&wish) {
                space.wish(&mut transaction, &wish)?;
            }
        }
        if transaction.is_empty() {
            return Ok(false);
        }
        let number = space.number();
        store.commit(transaction.into())?;
        inner.machine.local_change(number);
        Ok(true)
    }

    /// Somebody else who reads a plan.
    fn other_person(&self, id: SpaceId, person: PersonTag) -> Result<PersonTag, WaymarkError> {
        let inner = &mut *self.shared.lock();
        let (space, _, _) = care(&mut inner.engine, id)?;
        let (own, _) = space.own_member()?;
        let members = space.book().into_iter();
        let mut members = members.flat_map(|book| book.membership().members());
        let found = members.find(|member| member.person.0 == person.0);
        let found = found.ok_or_else(|| WaymarkError::invalid("nobody here has this tag"))?;
        if found.person == own {
            return Err(WaymarkError::NotAllowed {
                reason: "nobody needs a grant for what is their own".into(),
            });
        }
        Ok(person)
    }

    /// Today's date where this device is.
    pub(super) fn calendar_date(&self) -> NaiveDate {
        NaiveDate::from_epoch_days(self.local_days()).unwrap_or_default()
    }
}

/// Number and id of a plan that this device may remove others from, where there are others.
fn leads(space: &Space) -> Option<(u32, SpaceId)> {
    let book = space.book()?;
    let (own, rights) = space.own_member().ok()?;
    let leads = space.kind() == SpaceKind::Care
        && rights.include(Rights::ADMIN)
        && space.is_ready()
        && !space.is_enrolling()
        && !book.membership().is_closed();
    let others = |member: &Member| member.person != own;
    let is_shared = book.membership().members().any(others);
    (leads && is_shared).then(|| (space.number(), space.id()))
}

fn view(grant: GrantRecord, book: Option<&Book>) -> GrantView {
    // Of the person's devices the first, which may be gone by now.
    let mut names = book.into_iter().flat_map(|book| {
        let members = book.membership().everybody();
        let own = members
            .iter()
            .filter(|member| member.person.0 == grant.person.0);
        own.filter_map(|member| book.roster(member.device))
    });
    let name = names.next().map(|known| known.name.clone());
    GrantView {
        id: grant.id,
        person: grant.person,
        name,
        scope: grant.scope,
        purpose: grant.purpose,
        from: grant.from,
        until: grant.until,
        state: grant.state,
        at: grant.at,
    }
}

fn log_failure(ended: &Result<bool, WaymarkError>) {
    if let Err(error) = ended {
        // Nothing is lost by waiting until the next time.
        tracing::warn!(%error, "a grant that is over was not carried out");
    }
}
