//! A projection of a space that does not depend on the day it is made: equal for equal records,
//! whatever the order they came in, so that devices can be compared.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use chrono::NaiveDate;
use ring::digest;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::model::day::{day, entries_by_date};
use crate::model::ids::GoalId;
use crate::model::log::Log;
use crate::model::plan::Plan;

/// Everything that a plan and its logs show, with sorted keys: goals with their whole history,
/// measures, settings, notes, check-ins, judged days, and what was left out and withdrawn.
pub fn projection_json(plan: &Plan, logs: &[impl Borrow<Log>]) -> Value {
    // On the last of all days everything is decided that the records decide.
    let today = NaiveDate::MAX;
    let goals = plan.goals(today).into_iter().map(|goal| {
        json!({
            "days": days(plan, logs, goal.id),
            "revisions": value(&plan.revisions(goal.id, today)),
            "goal": value(&goal),
        })
    });
    let months: BTreeMap<_, _> = logs
        .iter()
        .map(Borrow::borrow)
        .map(|log: &Log| (log.month(), log))
        .collect();
    let months = months.into_iter().map(|(month, log)| {
        json!({
            "month": value(&month),
            "view": value(&log.view(plan)),
            "withdrawn": value(log.records().withdrawn()),
        })
    });
    sorted(json!({
        "goals": goals.collect::<Vec<_>>(),
        "left_out": value(&plan.left_out()),
        "logs": months.collect::<Vec<_>>(),
        "measures": value(&plan.measures()),
        "notes": value(&plan.notes()),
        "settings": value(&plan.settings()),
        "withdrawn": value(plan.records().withdrawn()),
    }))
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
    let judged = days
        .iter()
        .map(|(date, entries)| day(plan, goal, *date, entries, NaiveDate::MAX));
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
