//! Starting again from the therapist's copy: who lost the phone and the recovery phrase is a new
//! person to every relay and every device, with a new plan. The therapist, who still holds the old
//! plan, offers a copy of it in the new one, and the client takes it over. Nothing of an offer counts
//! before that, and everything in it is on the offerer's word.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::Serialize;
use waymark_wire::ids::SpaceId;

use super::cache::{People as Known, care, log_months, with_records};
use super::copying::{Part, Purpose, Taken};
use super::members::name_of_person;
use super::{Inner, People, PlanId, WaymarkError, count, space_of};
use crate::engine::Engine;
use crate::gate::OpId;
use crate::membership::Book;
use crate::model::{Author, DocumentKey, DocumentKind, Offer, PersonTag, TextId, json};
use crate::role::Role;
use crate::space::{Space, SpaceError};

/// A copy of another plan that somebody offers.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct OfferView {
    /// Who offers it.
    pub person: PersonTag,
    /// The person's name, once this device can read it.
    pub name: Option<String>,
    /// The plan that it was copied from, by that person's word.
    pub source: Option<PlanId>,
    /// The goals, by their wording.
    pub goals: Vec<String>,
    /// How many check-ins.
    pub check_ins: u32,
    /// The first day of the first month with check-ins.
    #[serde(serialize_with = "json::date_opt")]
    pub first_month: Option<NaiveDate>,
    /// The first day of the last one.
    #[serde(serialize_with = "json::date_opt")]
    pub last_month: Option<NaiveDate>,
    /// How many records of it this plan lacks: none once it was taken over.
    pub missing: u32,
}

/// What one therapist offers.
struct Offered {
    by: Author,
    offer: Offer,
    texts: Vec<(TextId, String)>,
}

impl People<'_> {
    /// Offers the client of a plan a copy of another plan that this device holds: of everything that
    /// counts there, with whose it was. It is for a client who lost the old one and comes anew; that
    /// it is the same person is for the therapist to know. It can be offered again when there is
    /// more.
    ///
    /// # Errors
    /// `not_found` for either plan; `not_allowed` for anybody but a therapist of both, where anybody
    /// but the client and the therapist reads `to`, and where that is closed; or the storage's.
    pub fn offer_copy(&self, of: PlanId, to: PlanId) -> Result<(), WaymarkError> {
        let (of, to) = (space_of(of), space_of(to));
        let today = self.0.calendar_date();
        let inner = &mut *self.0.shared.lock();
        let engine = &mut inner.engine;
        let stamp = self.0.stamp(engine, to, None)?;
        let there = own_author(engine, of)?;
        if of == to || [stamp.role, there.role] != [Role::Therapist; 2] {
            let reason = "a therapist of both plans offers a copy";
            return Err(SpaceError::NotAllowed(reason).into());
        }
        if has_third(engine, to) {
            let reason = "somebody else reads the plan too, and would read the copy";
            return Err(SpaceError::NotAllowed(reason).into());
        }
        let mut taken = self.0.take_everything(engine, of, today)?;
        for part in taken.parts.values_mut() {
            for author in part.records.iter_mut().flat_map(|(_, _, authors)| authors) {
                if author.person == there.person {
                    author.person = stamp.person;
                }
            }
        }
        taken.leave_out_known(engine, to, Purpose::Offer)?;
        if taken.is_empty() {
            return Ok(());
        }
        let edits = taken.edits(of, &stamp, Purpose::Offer)?;
        let (space, store, _) = care(engine, to)?;
        space.edit_many(store, edits)?;
        let number = space.number();
        inner.machine.local_change(number);
        self.0.shared.wake();
        Ok(())
    }

    /// The copies of other plans that therapists offer here.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn offers(&self, plan: PlanId) -> Result<Vec<OfferView>, WaymarkError> {
        let id = space_of(plan);
        let today = self.0.calendar_date();
        let inner = &mut *self.0.shared.lock();
        let engine = &mut inner.engine;
        let mut views = Vec::new();
        for Offered { by, offer, texts } in self.0.read_offers(engine, id)? {
            let mut missing = taken(&offer, texts, today);
            missing.leave_out_claims(engine, id)?;
            let months = missing.months();
            missing.leave_out_known(engine, id, Purpose::Take)?;
            let check_ins = offer.logs().iter().map(crate::model::Log::len).sum();
            let goals = offer.plan().goals(NaiveDate::MAX).into_iter();
            let book = engine.space(&id).and_then(Space::book);
            views.push(OfferView {
                person: by.person,
                name: book.and_then(|book| name_of_person(book, by.person)),
                source: offer.source().map(|space| PlanId(space.0)),
                goals: goals.map(|goal| goal.statement).collect(),
                check_ins: count(check_ins),
                first_month: months.first().copied(),
                last_month: months.last().copied(),
                missing: count(missing.records()),
            });
        }
        Ok(views)
    }

    /// Takes over what somebody offers: from now on it counts in this plan as what it was in the
    /// other one, on this device's signature. Says how many records came.
    ///
    /// # Errors
    /// `not_found` where this person offers nothing; `not_allowed` for anybody but the client, and
    /// where the plan is closed; or the storage's.
    pub fn take_over(&self, plan: PlanId, person: PersonTag) -> Result<u32, WaymarkError> {
        let id = space_of(plan);
        let inner = &mut *self.0.shared.lock();
        let engine = &mut inner.engine;
        let stamp = self.0.stamp(engine, id, None)?;
        if stamp.role != Role::Client {
            let reason = "only the client takes a copy over";
            return Err(SpaceError::NotAllowed(reason).into());
        }
        let offers = self.0.read_offers(engine, id)?.into_iter();
        let mut of_person = offers.filter(|offered| offered.by.person == person);
        let found = of_person.next();
        let found = found.ok_or_else(|| WaymarkError::not_found("an offer"))?;
        let Offered { offer, texts, .. } = found;
        let today = self.0.calendar_date();
        let mut taken = taken(&offer, texts, today);
        taken.leave_out_claims(engine, id)?;
        taken.leave_out_known(engine, id, Purpose::Take)?;
        let came = count(taken.records());
        let Some(source) = offer.source().filter(|_| !taken.is_empty()) else {
            return Ok(0);
        };
        let edits = taken.edits(source, &stamp, Purpose::Take)?;
        let (space, store, _) = care(engine, id)?;
        space.edit_many(store, edits)?;
        let number = space.number();
        inner.machine.local_change(number);
        self.0.shared.wake();
        Ok(came)
    }
}

impl Inner {
    /// Everything of a plan that counts.
    fn take_everything(
        &self,
        engine: &mut Engine,
        of: SpaceId,
        today: NaiveDate,
    ) -> Result<Taken, WaymarkError> {
        let plan = self.views.plan(engine, of)?;
        let mut taken = Taken::default();
        for month in log_months(engine, of)? {
            let log = self.views.log(engine, of, month)?;
            let texts = BTreeSet::new();
            taken.take(engine, of, month, log.everything(), &texts, plan.undone())?;
        }
        let chosen = plan.everything();
        let texts = plan.texts_of(&chosen);
        let undone = plan.undone();
        taken.take(engine, of, DocumentKey::PLAN, chosen, &texts, undone)?;
        taken.take_says(engine, of, &plan, today)?;
        Ok(taken)
    }

    /// What therapists offer in a space, with the texts that are offered.
    fn read_offers(&self, engine: &mut Engine, id: SpaceId) -> Result<Vec<Offered>, WaymarkError> {
        let plan = self.views.plan(engine, id)?;
        let undone = plan.undone();
        let (space, store, _) = care(engine, id)?;
        let known = Known::of(space);
        let client = known
            .client()
            .ok_or(SpaceError::NotAllowed("the membership cannot be read yet"))?;
        let members = known.persons();
        let kind = u16::from(DocumentKind::Offered.code());
        let names: Vec<_> = space
            .document_names()
            .filter(|name| name.kind == kind)
            .collect();
        let mut offers = Vec::new();
        for by in known.therapists() {
            let mut offer = Offer::default();
            let mut texts = Vec::new();
            for name in &names {
                let key = DocumentKey {
                    kind: DocumentKind::Offered,
                    part: name.part,
                };
                let document = space.document(store, *name)?;
                let left_out = |op: &OpId| undone.covers(key, op);
                if key.offers() == Some(DocumentKey::PLAN) {
                    let all = document.texts().into_iter();
                    texts = all
                        .filter_map(|id| Some((id, document.text_without(&id, &left_out)?)))
                        .collect();
                }
                with_records(space, store, &known, key, &[], |sources| {
                    offer.read(key, by, client, &members, undone, sources);
                })?;
            }
            if !offer.is_empty() {
                offers.push(Offered { by, offer, texts });
            }
        }
        Ok(offers)
    }
}

/// What of an offer would count. A therapist's say in another plan is over today at the latest.
fn taken(offer: &Offer, texts: Vec<(TextId, String)>, today: NaiveDate) -> Taken {
    let says = offer.says().iter();
    let says = says.map(|(from, until)| (*from, today.min(*until)));
    let mut taken = Taken {
        says: says.filter(|(from, until)| from < until).collect(),
        ..Taken::default()
    };
    for (key, chosen) in offer.chosen() {
        let named = match key {
            DocumentKey::PLAN => offer.plan().texts_of(&chosen),
            _ => [].into(),
        };
        let records = chosen.into_iter().filter_map(|(id, authors)| {
            let bytes = offer.bytes(key, id)?.to_vec();
            Some((id, bytes, authors))
        });
        let texts = texts.iter().filter(|(id, _)| named.contains(id)).cloned();
        let part = Part {
            records: records.collect(),
            texts: texts.collect(),
        };
        taken.parts.insert(key, part);
    }
    taken
}

/// Whether a plan is read by somebody who is neither its client nor this device's person.
fn has_third(engine: &Engine, id: SpaceId) -> bool {
    let Some(space) = engine.space(&id) else {
        return false;
    };
    let own = space.own_member().ok().map(|(person, _)| person);
    let mut people = space.book().into_iter().flat_map(Book::people);
    people.any(|(member, known)| {
        let is_client = known.is_some_and(|known| known.role == Role::Client);
        Some(member.person) != own && !is_client
    })
}

fn own_author(engine: &mut Engine, id: SpaceId) -> Result<Author, WaymarkError> {
    let (space, _, _) = care(engine, id)?;
    let own = Known::of(space).own(space);
    let own = own.ok_or(SpaceError::NotAllowed("it is not a member"))?;
    Ok(own)
}
