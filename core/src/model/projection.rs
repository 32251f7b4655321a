//! A projection of a space that does not depend on the day it is made: equal for equal records,
//! whatever the order they came in, so that devices can be compared.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use chrono::NaiveDate;
use ring::digest;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::model::day::{day, entries_by_date, excuses};
use crate::model::ids::GoalId;
use crate::model::item::ItemView;
use crate::model::kinds::Kind;
use crate::model::log::{Log, months};
use crate::model::plan::Plan;

/// Everything that a plan and its logs show, with sorted keys: goals with their whole history,
/// measures, settings, notes, check-ins, judged days, what was left out and withdrawn, and a sum
/// of the ids of all records, so that nothing hides behind a view that does not show it.
pub fn projection_json(plan: &Plan, logs: &[impl Borrow<Log>]) -> Value {
    // On the last of all days everything is decided that the records decide.
    let today = NaiveDate::MAX;
    let goals = plan.goals(today).into_iter().map(|goal| {
        json!({
            "days": days(plan, logs, goal.id),
            "revisions": value(&plan.revisions(goal.id, today)),
            "statuses": value(&plan.status_history(goal.id)),
            "goal": value(&goal),
        })
    });
    // A month that one device has opened and another has not is no difference.
    let months = months(logs).filter(|log| !log.records().is_empty());
    let months = months.map(|log| {
        let mut shown = json!({
            "month": value(&log.month()),
            "records": value(&log.records().sum()),
            "view": value(&log.view(plan)),
            "withdrawn": value(log.records().withdrawn()),
        });
        add_items(&mut shown, |kind| log.items(kind, plan));
        shown
    });
    let mut shown = json!({
        "goals": goals.collect::<Vec<_>>(),
        "left_out": value(&plan.left_out()),
        "logs": months.collect::<Vec<_>>(),
        "measures": value(&plan.measures()),
        "notes": value(&plan.notes()),
        "records": value(&plan.records().sum()),
        "settings": value(&plan.settings()),
        "withdrawn": value(plan.records().withdrawn()),
    });
    // Where nothing is undone a plan looks as it did to versions that know no voids.
    if !plan.voids().is_empty() {
        shown["voids"] = value(&plan.voids());
    }
    add_items(&mut shown, |kind| plan.items(kind));
    sorted(shown)
}

/// Adds the items of every kind that has some.
fn add_items(shown: &mut Value, items: impl Fn(Kind) -> Vec<ItemView>) {
    let of_kind = Kind::ALL.iter().map(|kind| (*kind, items(*kind)));
    let some = of_kind.filter(|(_, items)| !items.is_empty());
    for (kind, items) in some {
        if let Value::String(name) = value(&kind) {
            shown["items"][name] = value(&items);
        }
    }
}

/// The SHA-256 of the projection's bytes.
pub fn projection_hash(plan: &Plan, logs: &[impl Borrow<Log>]) -> [u8; 32] {
    let text = projection_json(plan, logs).to_string();
    let mut hash = [0; 32];
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    hash.iter_mut()
        .zip(digest.as_ref())
        .for_each(|(to, from)| *to = *from);
    hash
}

/// The days of a goal that have entries.
fn days(plan: &Plan, logs: &[impl Borrow<Log>], goal: GoalId) -> Vec<Value> {
    let all = NaiveDate::MIN..=NaiveDate::MAX;
    let days = entries_by_date(plan, logs, goal, &all);
    let excuses = excuses(plan, logs);
    let judged = days.iter().map(|(date, entries)| {
        let excuse = excuses.get(date).copied();
        day(plan, goal, *date, (entries, excuse), NaiveDate::MAX)
    });
    judged.map(|day| value(&day)).collect()
}

/// A view as JSON. Views hold only strings, numbers, lists and structs, which cannot fail.
fn value(view: &impl Serialize) -> Value {
    serde_json::to_value(view).unwrap_or(Value::Null)
}

/// The same with the keys in order, also where serde_json keeps them as they came.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            Value::Object(fields.into_iter().collect::<Map<_, _>>())
        }
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, day as may, therapist};
    use crate::model::{DocumentKey, LifecycleStatus, NewCheckIn, NewStatus, Outcome};

    #[test]
    fn a_month_opened_without_records_is_no_difference_and_a_record_is_one() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let april = may(1).pred_opt().and_then(DocumentKey::log).unwrap();
        let opened = [Log::fold(april, [], space.plan().undone()), space.log()];
        let none: [Log; 0] = [];
        let before = projection_hash(&space.plan(), &none);
        assert_eq!(projection_hash(&space.plan(), &opened), before);
        let check_in = NewCheckIn::new(goal, Outcome::Done);
        space.put(client(), |p, s| check_in.record(p, None, s));
        assert_ne!(projection_hash(&space.plan(), &[space.log()]), before);
    }

    #[test]
    fn keys_are_sorted_and_the_bytes_are_those_of_the_hash() {
        let mut space = Space::default();
        space.goal(client());
        let none: [Log; 0] = [];
        let json = projection_json(&space.plan(), &none);
        let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        let mut in_order = keys.clone();
        in_order.sort();
        assert_eq!(keys, in_order);
        let digest = digest::digest(&digest::SHA256, json.to_string().as_bytes());
        assert_eq!(digest.as_ref(), projection_hash(&space.plan(), &none));
    }

    #[test]
    fn what_is_left_out_is_part_of_it() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let active = NewStatus {
            goal,
            to: LifecycleStatus::Active,
            achievement: None,
            reason: None,
        };
        let made = |plan: &Plan| active.record(plan, &Space::stamp(client(), 0));
        let smuggled = space.forge(therapist(), made);
        let none: [Log; 0] = [];
        let json = projection_json(&space.plan(), &none);
        assert_eq!(json["left_out"][0]["id"], smuggled.to_string());
        assert_eq!(json["left_out"][0]["reason"], "out_of_role");
    }
}
