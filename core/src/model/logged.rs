//! The items of a kind in several months, beside the plan.

use std::borrow::Borrow;

use crate::model::item::{Fields, Thing};
use crate::model::log::{Log, months};
use crate::model::plan::Plan;

/// The items of a kind that are not removed, by date and instant. A month handed over twice counts
/// once.
pub(crate) fn logged<F: Fields>(plan: &Plan, logs: &[impl Borrow<Log>]) -> Vec<Thing<F>> {
    months(logs)
        .flat_map(|log| log.records().things::<F>(plan.records()))
        .collect()
}
