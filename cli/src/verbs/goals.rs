//! Which goals are meant.

use waymark_core::client::PlanId;
use waymark_core::model::{GoalId, GoalView};

use super::meant;
use crate::desk::{Desk, DeskError};

/// The goals with these wordings, or whose ids begin so, each once.
///
/// # Errors
/// [`DeskError::Wrong`] where one is none here or could be two.
pub(super) fn meant(all: &[GoalView], words: &[String]) -> Result<Vec<GoalId>, DeskError> {
    let known: Vec<_> = all
        .iter()
        .map(|goal| (goal.id, goal.statement.as_str()))
        .collect();
    let mut chosen = Vec::new();
    for meant in words {
        let id = meant::find("goal", &known, meant)?;
        if !chosen.contains(&id) {
            chosen.push(id);
        }
    }
    Ok(chosen)
}

/// The one goal of a plan with this wording, or whose id begins so.
///
/// # Errors
/// [`DeskError::Wrong`] where it is none or could be two, or the database's.
pub(super) fn one(desk: &Desk, plan: PlanId, meant: &str) -> Result<GoalView, DeskError> {
    let all = desk.client.goals().list(plan)?;
    let ids = self::meant(&all, &[meant.to_owned()])?;
    let mut all = all.into_iter();
    let found = all.find(|goal| ids.contains(&goal.id));
    found.ok_or_else(|| DeskError::Wrong(format!("no goal here is \"{meant}\"")))
}
