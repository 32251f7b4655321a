//! Which of several things is meant by a few words or the beginning of an id.

use std::fmt::Display;

use crate::desk::DeskError;

/// The one of `known` that is worded so, or whose id begins so. `noun` is what errors call it.
///
/// # Errors
/// [`DeskError::Wrong`] where it is none or could be two.
pub(super) fn find<I: Copy + Display>(
    noun: &str,
    known: &[(I, &str)],
    meant: &str,
) -> Result<I, DeskError> {
    let is_worded = |(_, words): &&(I, &str)| words.to_lowercase() == meant.trim().to_lowercase();
    let is_named =
        |(id, _): &&(I, &str)| meant.len() >= ID_LEAST && id.to_string().starts_with(meant);
    let worded: Vec<_> = known.iter().filter(is_worded).collect();
    let named: Vec<_> = known.iter().filter(is_named).collect();
    let found = if worded.is_empty() { named } else { worded };
    match found.as_slice() {
        [(id, _)] => Ok(*id),
        [] => Err(DeskError::Wrong(format!("no {noun} here is \"{meant}\""))),
        _ => {
            let ids: Vec<_> = found.iter().map(|(id, _)| id.to_string()).collect();
            let ids = ids.join(", ");
            Err(DeskError::Wrong(format!(
                "more than one {noun} is \"{meant}\": say which id, {ids}"
            )))
        }
    }
}

/// Less of an id is too easily a slip.
const ID_LEAST: usize = 4;

#[cfg(test)]
mod tests {
    use waymark_core::model::GoalId;

    use super::*;

    /// What was taken along by mistake is read by whoever is invited later, and what was forgotten by
    /// mistake is gone.
    #[test]
    fn a_goal_is_only_found_where_no_other_can_be_meant() {
        let (a, b, c) = (GoalId([1; 16]), GoalId([2; 16]), GoalId([3; 16]));
        let goals = [(a, "Walk"), (b, "Sleep"), (c, "sleep")];
        let found = |meant: &str| find("goal", &goals, meant).ok();
        assert_eq!(found(" walk"), Some(a));
        assert_eq!(found(&c.to_string()), Some(c));
        assert_eq!(found(&c.to_string()[..4]), Some(c));
        for nothing in ["", "Sleep", "Wal", &c.to_string()[..3]] {
            assert_eq!(found(nothing), None, "{nothing}");
        }
    }
}
