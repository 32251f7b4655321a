//! Which goals are meant.

use waymark_core::client::PlanId;
use waymark_core::model::{GoalId, GoalView};

use crate::desk::{Desk, DeskError};

/// The goals with these wordings, or whose ids begin so, each once.
///
/// # Errors
/// [`DeskError::Wrong`] where one is none here or could be two.
pub(super) fn meant(all: &[GoalView], meant: &[String]) -> Result<Vec<GoalId>, DeskError> {
    let known: Vec<_> = all
        .iter()
        .map(|goal| (goal.id, goal.statement.as_str()))
        .collect();
    let mut chosen = Vec::new();
    for meant in meant {
        let id = find(&known, meant)?;
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

/// The goal with this wording, or whose id begins so.
fn find(goals: &[(GoalId, &str)], meant: &str) -> Result<GoalId, DeskError> {
    let is_worded =
        |(_, statement): &&(GoalId, &str)| statement.to_lowercase() == meant.trim().to_lowercase();
    let is_named =
        |(id, _): &&(GoalId, &str)| meant.len() >= ID_LEAST && id.to_string().starts_with(meant);
    let worded: Vec<_> = goals.iter().filter(is_worded).collect();
    let named: Vec<_> = goals.iter().filter(is_named).collect();
    let found = if worded.is_empty() { named } else { worded };
    match found.as_slice() {
        [(id, _)] => Ok(*id),
        [] => Err(DeskError::Wrong(format!("no goal here is \"{meant}\""))),
        _ => {
            let ids: Vec<_> = found.iter().map(|(id, _)| id.to_string()).collect();
            let ids = ids.join(", ");
            Err(DeskError::Wrong(format!(
                "more than one goal is \"{meant}\": say which id, {ids}"
            )))
        }
    }
}

/// Less of an id is too easily a slip.
const ID_LEAST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// What was taken along by mistake is read by whoever is invited later, and what was forgotten by
    /// mistake is gone.
    #[test]
    fn a_goal_is_only_found_where_no_other_can_be_meant() {
        let (a, b, c) = (GoalId([1; 16]), GoalId([2; 16]), GoalId([3; 16]));
        let goals = [(a, "Walk"), (b, "Sleep"), (c, "sleep")];
        let found = |meant: &str| find(&goals, meant).ok();
        assert_eq!(found(" walk"), Some(a));
        assert_eq!(found(&c.to_string()), Some(c));
        assert_eq!(found(&c.to_string()[..4]), Some(c));
        for nothing in ["", "Sleep", "Wal", &c.to_string()[..3]] {
            assert_eq!(found(nothing), None, "{nothing}");
        }
    }
}
