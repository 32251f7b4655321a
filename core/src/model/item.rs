//! Items: records whose kind needs nothing but its fields and a few words about them.
//!
//! An app writes and reads the fields, a plain struct ([`Fields`]). All else is the same for every
//! such kind and stands here: how they are stored ([`Item`]), that a change is a record which
//! replaces others, that a removal is a record without fields, what survives of an app that knows
//! more, and what people see ([`Thing`]).
//!
//! ```text
//!  {0: kind, 1: instant, 2: {fields}, 3: first of the chain, 4: [replaced], 5: {date, zone, offset}}
//! ```
//!
//! A new kind is a file under `kinds/` and a line in the list of `kinds.rs`. Of some kinds there is one
//! item for each of something else: a goal has one profile ([`Fields::ONE_FOR`]).

use minicbor::{Decode, Encode};

use crate::model::ids::{GoalId, RecordId};
use crate::model::input::InputError;
use crate::model::item::body::{Body, Raw};
use crate::model::kinds::check_in::Rating;
use crate::model::kinds::kind_of::Said;
use crate::model::kinds::{Content, Kind};
use crate::model::left_out::Reason;
use crate::model::record::{Author, Home, RecordKind};
use crate::model::records::{Entry, Records};
use crate::model::text::{in_range, read_links};
use crate::model::time::{OFFSET_LIMIT, is_zone_name, read_date, read_instant};
use crate::role::Role;

pub(crate) mod body;
pub(crate) mod check;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod published;
pub(crate) mod stored;
#[cfg(test)]
mod tests;
pub(crate) mod thing;
mod write;

pub use thing::ItemView;
pub(crate) use thing::Thing;

/// What an item of one kind says. The code that all kinds share does not know of which kind an item
/// is ([`Content`]), and asks its [`Rules`].
pub(crate) trait Fields: Said + Clone + Encode<()> + for<'b> Decode<'b, ()> {
    /// The kind.
    const KIND: Kind;
    /// One more than the highest key of its fields. What has a higher one was added by a newer app,
    /// and is kept when this one changes the item.
    const KEYS: u64;
    /// What errors say somebody wanted: "a therapist may not …".
    const ACTION: &'static str;
    /// Who may write it.
    const WRITERS: &'static [Role] = &[Role::Client, Role::Therapist];
    /// Who may change and remove it.
    const CHANGES: Changes = Changes::ByAll;
    /// The document it belongs in.
    const PLACE: Place = Place::Plan;
    /// Whether it is about the plan as a whole, and so is copied with any part of it.
    const OF_PLAN: bool = false;
    /// Whether what several devices find by themselves is one and the same: its bytes then say
    /// neither who wrote it, nor when or where.
    const TWINS: bool = false;
    /// The kinds of things of which each has one item of this kind at most. Its chain is known by the
    /// id of that thing, so that what two devices say first is one chain, and adding says it anew.
    /// Empty for most kinds, which have as many as people add.
    const ONE_FOR: &'static [Kind] = &[];

    /// The ranges that it must obey by itself, when it is written and when it is read.
    ///
    /// # Errors
    /// Names the field and its limit.
    fn check(&self) -> Result<(), InputError>;

    /// The other records that it names.
    fn links(&self) -> Vec<Link> {
        Vec::new()
    }

    /// A rating that it holds, on the scale of a measure of the plan.
    fn rating(&self) -> Option<Rating> {
        None
    }

    /// The thing that it is the only one for, where its kind is [one for each](Self::ONE_FOR).
    fn only_for(&self) -> Option<RecordId> {
        None
    }

    /// Whether the role may write this very item.
    fn may_write(&self, role: Role) -> bool {
        Self::WRITERS.contains(&role)
    }

    /// Whether the role may put something in the place of this, or remove it.
    fn may_replace(&self, _role: Role) -> bool {
        true
    }

    /// Whether it is settled, and so is shown before what others say of it at the same time that is not.
    fn is_settled(&self) -> bool {
        false
    }

    /// One that fills every field, and is the client's to write; what it names is put into the space.
    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self;
}

/// What holds for a kind of item, as its [`Fields`] have it.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) kind: Kind,
    pub(crate) keys: u64,
    pub(crate) action: &'static str,
    pub(crate) writers: &'static [Role],
    pub(crate) changes: Changes,
    pub(crate) place: Place,
    pub(crate) is_of_plan: bool,
    pub(crate) is_twin: bool,
    pub(crate) one_for: &'static [Kind],
}

impl Rules {
    pub(crate) const fn of<F: Fields>() -> Self {
        Self {
            kind: F::KIND,
            keys: F::KEYS,
            action: F::ACTION,
            writers: F::WRITERS,
            changes: F::CHANGES,
            place: F::PLACE,
            is_of_plan: F::OF_PLAN,
            is_twin: F::TWINS,
            one_for: F::ONE_FOR,
        }
    }
}

impl<C> Encode<C> for Rules {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.kind.encode(e, ctx)
    }
}

/// Who may change and remove an item.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Changes {
    /// Whoever may write one.
    ByAll,
    /// The person who wrote it.
    ByAuthor,
    /// Nobody changes it; the person who wrote it removes it.
    Never,
}

/// Where items of a kind belong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// The log of the month of their local date.
    Log,
    /// The plan.
    Plan,
}

/// Another record that an item names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Link {
    /// The record; of a chain the first.
    pub(crate) id: RecordId,
    /// The kinds that it may have, all of the plan. None where it may be any record of any document.
    pub(crate) kinds: &'static [Kind],
    /// Whether the item is about it, and is forgotten with it.
    pub(crate) is_about: bool,
}

impl Link {
    /// What an item is about, and goes with.
    pub(crate) fn about(id: impl Into<RecordId>, kinds: &'static [Kind]) -> Self {
        let (id, is_about) = (id.into(), true);
        Self {
            id,
            kinds,
            is_about,
        }
    }

    /// What an item names and can do without.
    pub(crate) fn to(id: impl Into<RecordId>, kinds: &'static [Kind]) -> Self {
        let (id, is_about) = (id.into(), false);
        Self {
            id,
            kinds,
            is_about,
        }
    }

    /// The goal that an item is about, where it is about one.
    pub(crate) fn of_goal(goal: Option<GoalId>) -> Option<Self> {
        goal.map(|goal| Self::about(goal, &[Kind::Goal]))
    }

    /// Whether it leads to a record of the plan.
    pub(crate) fn holds(self, plan: &Records) -> bool {
        let kind_of = |id| plan.find(id).map(|(record, _)| record.kind());
        self.kinds.is_empty()
            || plan.may_have_forgotten(self.id)
            || kind_of(self.id).is_some_and(|kind| self.kinds.contains(&kind))
    }
}

/// An item as stored.
#[derive(Clone, Debug, Encode)]
#[cbor(map)]
pub(crate) struct Item {
    /// Those of its kind, which is what is stored.
    #[n(0)]
    pub(crate) rules: &'static Rules,
    /// The claimed instant; none in twins.
    #[n(1)]
    pub(crate) at: Option<i64>,
    /// What it says; nothing where it is removed.
    #[n(2)]
    pub(crate) body: Option<Body>,
    /// The first record of the chain; none in the first itself. Where there is one for each of
    /// something else, that thing, in the first too.
    #[n(3)]
    pub(crate) of: Option<RecordId>,
    #[n(4)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub(crate) replaces: Vec<RecordId>,
    /// The day that it is about, in a log.
    #[n(5)]
    pub(crate) day: Option<Day>,
}

/// The same where what it says is not read yet.
#[derive(Decode)]
#[cbor(map)]
struct Unread<'b> {
    #[n(1)]
    at: Option<i64>,
    #[b(2)]
    body: Option<Raw<'b>>,
    #[n(3)]
    of: Option<RecordId>,
    #[n(4)]
    #[cbor(default)]
    replaces: Vec<RecordId>,
    #[n(5)]
    day: Option<Day>,
}

impl Item {
    /// Decodes an item of a kind.
    pub(crate) fn decode(
        rules: &'static Rules,
        bytes: &[u8],
    ) -> Result<Self, minicbor::decode::Error> {
        let unread: Unread<'_> = minicbor::decode(bytes)?;
        let body = unread.body.map(|raw| Body::decode(rules, raw));
        Ok(Self {
            rules,
            at: unread.at,
            body: body.transpose()?,
            of: unread.of,
            replaces: unread.replaces,
            day: unread.day,
        })
    }
}

/// A local date as stamped on the device.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub(crate) struct Day {
    #[n(0)]
    pub(crate) date: i32,
    #[n(1)]
    pub(crate) time_zone: String,
    #[n(2)]
    pub(crate) offset: i16,
}
