//! Having something forgotten by everybody: what would go, that it goes, and what of this device's own
//! words went when somebody else did it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::cache::{People, care};
use super::members::{name, name_of_person};
use super::{Inner, PlanId, WaymarkError, count, space_of};
use crate::engine::Engine;
use crate::forgotten::Forgotten;
use crate::membership::{Book, ToForget, Wish};
use crate::model::{CheckInId, GoalId, Kind, PersonTag, RecordId, TextId, kind_number};
use crate::space::{Notice, Space};
use crate::store::Transaction;

/// Something that can be forgotten.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Forgettable {
    /// A check-in, with what it corrected and what corrected it.
    CheckIn {
        /// The check-in.
        check_in: CheckInId,
    },
    /// A goal, with its wordings, verdicts, statuses, check-ins with their ratings, notes about it, and
    /// measures that nothing else names.
    Goal {
        /// The goal.
        goal: GoalId,
    },
    /// A text that people edit together, with its note.
    Text {
        /// The text.
        text: TextId,
    },
}

/// What goes where something is forgotten.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ForgetPreview {
    /// Of whose records how many, those with most first.
    pub people: Vec<ForgottenOf>,
    /// How many records in all: one that two people wrote is one.
    pub records: u32,
    /// How many texts that people edit together.
    pub texts: u32,
    /// How many other devices are asked to forget it.
    pub devices: u32,
}

/// What of one person's goes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ForgottenOf {
    /// The person; none where nobody here is known to have written it.
    pub person: Option<PersonTag>,
    /// The person's name, where this device knows it.
    pub name: Option<String>,
    /// How many records of which kind.
    pub kinds: Vec<KindCount>,
}

/// How many records there are of one kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct KindCount {
    /// The kind; none where this version does not know it.
    pub kind: Option<Kind>,
    /// How many.
    pub records: u32,
}

/// What was written on this device and nobody had yet, and went because what it was about was forgotten.
/// What it said is not kept.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct GivenUpView {
    /// The name of the person who had it forgotten, where this device knows it.
    pub by: Option<String>,
    /// Records.
    pub kinds: Vec<KindCount>,
    /// Texts in which something was written.
    pub texts: u32,
}

/// Forgetting.
#[derive(Clone, Copy)]
pub struct Forgetting<'c>(pub(super) &'c Arc<Inner>);

impl Forgetting<'_> {
    /// What [`Forgetting::forget`] would have everybody forget, as far as this device has read: for the
    /// person to see first. Nothing is done.
    ///
    /// # Errors
    /// `not_found` for an unknown plan or item, `not_allowed` where this person does not lead the plan
    /// or it is closed, or the storage's.
    pub fn preview(
        &self,
        plan: PlanId,
        items: &[Forgettable],
    ) -> Result<ForgetPreview, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let (_, preview) = self.wanted(&mut inner.engine, plan, items)?;
        Ok(preview)
    }

    /// Has everybody forget these and all that belongs to them, with the next sync. Each device rewrites
    /// what it holds; the relay lets go of what it keeps once another person's device has seen that the
    /// rest is there, after thirty days at the latest. What somebody has read, they may have kept.
    ///
    /// # Errors
    /// As [`Forgetting::preview`]; nothing is done then.
    pub fn forget(
        &self,
        plan: PlanId,
        items: &[Forgettable],
    ) -> Result<ForgetPreview, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let (wish, preview) = self.wanted(&mut inner.engine, plan, items)?;
        let (space, store, _) = care(&mut inner.engine, space_of(plan))?;
        let mut transaction = Transaction::new();
        space.wish(&mut transaction, &wish)?;
        store.commit(transaction.into())?;
        let number = space.number();
        inner.machine.local_change(number);
        self.0.shared.wake();
        Ok(preview)
    }

    /// Whether something is to be forgotten here and is not yet: it happens with a sync.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn is_pending(&self, plan: PlanId) -> Result<bool, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let (space, store, _) = care(&mut inner.engine, space_of(plan))?;
        let wishes = space.wishes(store)?;
        Ok(wishes.iter().any(|wish| matches!(wish, Wish::Forget(_))))
    }

    /// What of this device's words, which nobody had yet, went with what others had forgotten.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn given_up(&self, plan: PlanId) -> Result<Vec<GivenUpView>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let (space, store, _) = care(&mut inner.engine, space_of(plan))?;
        let notices = space.notices(store)?;
        Ok(notices
            .iter()
            .map(|notice| given_up(space, notice))
            .collect())
    }

    /// The person has seen what went: it is listed no more.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn dismiss_given_up(&self, plan: PlanId) -> Result<(), WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let (space, store, _) = care(&mut inner.engine, space_of(plan))?;
        Ok(space.dismiss_notices(store)?)
    }

    fn wanted(
        &self,
        engine: &mut Engine,
        plan: PlanId,
        items: &[Forgettable],
    ) -> Result<(Wish, ForgetPreview), WaymarkError> {
        if items.is_empty() {
            return Err(WaymarkError::invalid("nothing is named that is to go"));
        }
        let (space, store, _) = care(engine, space_of(plan))?;
        let named = named(items);
        let all = space.belonging(store, &named)?;
        let wish = Wish::Forget(ToForget {
            named,
            all: all.clone(),
        });
        // Whether it may be, before anything is looked up for it.
        space.wish(&mut Transaction::new(), &wish)?;
        let people = People::of(space);
        let mut counts = Counts::default();
        let names: Vec<_> = space.document_names().collect();
        for name in names {
            let document = space.document(store, name)?;
            for record in document.records().filter(|r| all.records.contains(&r.id)) {
                let puts = people.puts_of(&record.puts);
                let persons = puts.iter().map(|put| put.author.person);
                counts.add(record.id, &record.bytes, persons.collect());
            }
            let texts = document.texts().into_iter();
            counts
                .texts
                .extend(texts.filter(|id| all.texts.contains(id)));
        }
        for item in items {
            if !counts.knows(*item) {
                return Err(WaymarkError::not_found(what(*item)));
            }
        }
        let preview = counts.preview(space);
        Ok((wish, preview))
    }
}

/// What is counted of what goes.
#[derive(Default)]
struct Counts {
    records: BTreeMap<RecordId, Option<Kind>>,
    people: BTreeMap<Option<PersonTag>, BTreeMap<Option<Kind>, u32>>,
    texts: BTreeSet<TextId>,
}

impl Counts {
    fn add(&mut self, id: RecordId, bytes: &[u8], persons: Vec<PersonTag>) {
        let kind = kind_number(bytes).and_then(Kind::of_number);
        if self.records.insert(id, kind).is_some() {
            // A copy in another document.
            return;
        }
        let mut persons: Vec<_> = persons.into_iter().map(Some).collect();
        persons.sort_unstable();
        persons.dedup();
        if persons.is_empty() {
            persons.push(None);
        }
        for person in persons {
            let kinds = self.people.entry(person).or_default();
            *kinds.entry(kind).or_default() += 1;
        }
    }

    fn knows(&self, item: Forgettable) -> bool {
        let is = |id: RecordId, kind| self.records.get(&id) == Some(&Some(kind));
        match item {
            Forgettable::CheckIn { check_in } => is(check_in.record(), Kind::CheckIn),
            Forgettable::Goal { goal } => is(goal.record(), Kind::Goal),
            Forgettable::Text { text } => self.texts.contains(&text),
        }
    }

    fn preview(self, space: &Space) -> ForgetPreview {
        let mut people: Vec<_> = self
            .people
            .into_iter()
            .map(|(person, kinds)| ForgottenOf {
                person,
                name: person.and_then(|person| name_of_person(space.book()?, person)),
                kinds: counted(kinds),
            })
            .collect();
        let size = |of: &ForgottenOf| of.kinds.iter().map(|kind| kind.records).sum::<u32>();
        people.sort_by_key(|of| std::cmp::Reverse(size(of)));
        let members = space.book().into_iter();
        let devices = members.flat_map(Book::people);
        let others = devices.filter(|(member, known)| {
            let is_device = known.is_none_or(|known| known.used_as.is_none());
            is_device && Some(member.device) != space.device()
        });
        ForgetPreview {
            people,
            records: count(self.records.len()),
            texts: count(self.texts.len()),
            devices: count(others.count()),
        }
    }
}

fn what(item: Forgettable) -> String {
    match item {
        Forgettable::CheckIn { check_in } => format!("check-in {check_in}"),
        Forgettable::Goal { goal } => format!("goal {goal}"),
        Forgettable::Text { text } => format!("text {text}"),
    }
}

fn named(items: &[Forgettable]) -> Forgotten {
    let mut named = Forgotten::default();
    for item in items {
        match item {
            Forgettable::CheckIn { check_in } => {
                named.records.insert(check_in.record());
            }
            Forgettable::Goal { goal } => {
                named.records.insert(goal.record());
            }
            Forgettable::Text { text } => {
                named.texts.insert(*text);
            }
        }
    }
    named
}

fn given_up(space: &Space, notice: &Notice) -> GivenUpView {
    let kinds = notice.given_up.records.iter();
    let kinds = kinds.map(|(kind, records)| (Kind::of_number(*kind), *records));
    GivenUpView {
        by: space.book().and_then(|book| name(book, notice.by)),
        kinds: counted(kinds.collect()),
        texts: notice.given_up.texts,
    }
}

fn counted(kinds: BTreeMap<Option<Kind>, u32>) -> Vec<KindCount> {
    let count = |(kind, records)| KindCount { kind, records };
    kinds.into_iter().map(count).collect()
}
