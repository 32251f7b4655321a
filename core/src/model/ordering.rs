//! The order that people give their goals. Each goal that was moved has a key, and keys are ordered
//! byte by byte; to move a goal is to give it a key between those of its new neighbours. So two
//! devices that put goals in order offline write a record or two each, and both show one list.
//!
//! A key is read as the digits after a point, to the base 256. Between any two there is room, at the
//! cost of a longer one: eight moves to one place take about a byte. Where a key would be longer than
//! 16 bytes, the keys of the whole list are spread out anew.

use chrono::NaiveDate;

use crate::model::ids::GoalId;
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::kinds::goal_order::GoalOrder;
use crate::model::plan::Plan;

/// Bytes of a key at most.
const KEY_LIMIT: usize = 16;

/// The place of something in an order: 1 to 16 bytes, the last not 0.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct OrderKey(Vec<u8>);

impl OrderKey {
    /// The key with these bytes. None where there would be no room below it, or it is too long.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let is_key = bytes.len() <= KEY_LIMIT && bytes.last().is_some_and(|last| *last != 0);
        is_key.then(|| Self(bytes.to_vec()))
    }

    /// A key above `low` and below `high`, either of which may be open. None where it would be too
    /// long, or `low` is not below `high`.
    pub(crate) fn between(low: Option<&Self>, high: Option<&Self>) -> Option<Self> {
        if low.zip(high).is_some_and(|(low, high)| low >= high) {
            return None;
        }
        let digit = |key: Option<&Self>, place: usize| {
            let digit = key.and_then(|key| key.0.get(place));
            u16::from(digit.copied().unwrap_or_default())
        };
        let (mut key, mut is_open) = (Vec::new(), high.is_none());
        for place in 0..KEY_LIMIT {
            let (low, high) = match (digit(low, place), is_open) {
                (low, true) => (low, 256),
                (low, false) => (low, digit(high, place)),
            };
            let is_last = high > low + 1;
            let next = if is_last { low.midpoint(high) } else { low };
            key.push(u8::try_from(next).ok()?);
            if is_last {
                return Some(Self(key));
            }
            // One below a digit of the limit, whatever follows is below the limit.
            is_open |= high > low;
        }
        None
    }

    /// So many keys between two others, in order, as short as can be.
    fn spread(low: Option<&Self>, high: Option<&Self>, count: usize) -> Option<Vec<Self>> {
        if count == 0 {
            return Some(Vec::new());
        }
        let middle = Self::between(low, high)?;
        let below = count / 2;
        let mut keys = Self::spread(low, Some(&middle), below)?;
        let above = Self::spread(Some(&middle), high, count - below - 1)?;
        keys.push(middle);
        keys.extend(above);
        Some(keys)
    }
}

/// A goal and its key, if it was given one.
type Placed = (GoalId, Option<OrderKey>);

impl Plan {
    /// Makes the records that put a goal right behind another, or first. Usually that is one; where
    /// goals above it have no place of their own yet, or share one, those get theirs as well.
    ///
    /// # Errors
    /// If a goal is unknown, or the role may not put goals in order.
    pub fn reorder(
        &self,
        goal: GoalId,
        after: Option<GoalId>,
        today: NaiveDate,
        stamp: &Stamp,
    ) -> Result<Vec<NewRecord>, InputError> {
        let goals = self.goals(today).into_iter();
        let order: Vec<Placed> = goals
            .filter_map(|goal| Some((goal.id, self.goal_state(goal.id)?.place.clone())))
            .collect();
        let moved = moved(&order, goal, after)?.into_iter();
        let record = |(goal, OrderKey(key))| self.add(&GoalOrder { goal, key }, None, stamp);
        moved.map(record).collect()
    }
}

/// The keys to give so that a goal comes right behind another, or first. `order` is the list as people
/// see it: by key, and what has none behind.
fn moved(
    order: &[Placed],
    goal: GoalId,
    after: Option<GoalId>,
) -> Result<Vec<(GoalId, OrderKey)>, InputError> {
    let place = |id| {
        let place = order.iter().position(|(known, _)| *known == id);
        place.ok_or(InputError::UnknownGoal(id))
    };
    let from = place(goal)?;
    let to = match after {
        None => 0,
        Some(after) => match place(after)? {
            place if place < from => place + 1,
            place => place,
        },
    };
    let mut list: Vec<&Placed> = order.iter().filter(|(id, _)| *id != goal).collect();
    let placeless = (goal, None);
    list.insert(to, &placeless);

    // What has no key would come behind the goal, and so is given one as well.
    let first = list.iter().position(|(_, key)| key.is_none());
    let first = first.unwrap_or(to).min(to);
    let low = first
        .checked_sub(1)
        .and_then(|before| list[before].1.as_ref());
    // What has the same key as the one above leaves no room between.
    let follows = |(_, key): &&&Placed| key.is_some() && key.as_ref() <= low;
    let last = to + list[to + 1..].iter().take_while(follows).count();
    let high = list.get(last + 1).and_then(|(_, key)| key.as_ref());
    let (start, keys) = match OrderKey::spread(low, high, last + 1 - first) {
        Some(keys) => (first, keys),
        None => {
            let keyed = list.iter().rposition(|(_, key)| key.is_some());
            let count = keyed.map_or(to, |keyed| keyed.max(to)) + 1;
            let keys = OrderKey::spread(None, None, count);
            (0, keys.unwrap_or_default())
        }
    };
    let ids = list.into_iter().skip(start).map(|(id, _)| *id);
    Ok(ids.zip(keys).collect())
}

#[cfg(test)]
mod tests;
