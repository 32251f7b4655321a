//! What a review says of each goal, as it is typed.

use clap::Args;
use waymark_core::model::{GoalId, GoalView, ReviewDecision, ReviewedGoal};

use super::super::goals;
use crate::desk::DeskError;

/// What is to become of each goal: its wording, its id or the beginning of it.
#[derive(Args, Debug)]
pub(super) struct Decided {
    /// It goes on as it is.
    #[arg(long, value_name = "GOAL", allow_hyphen_values = true)]
    keep: Vec<String>,

    /// Its wording, its days or how much of it are to change.
    #[arg(long, value_name = "GOAL", allow_hyphen_values = true)]
    adjust: Vec<String>,

    /// It rests for a while.
    #[arg(long, value_name = "GOAL", allow_hyphen_values = true)]
    pause: Vec<String>,

    /// It is met, or done with.
    #[arg(long, value_name = "GOAL", allow_hyphen_values = true)]
    complete: Vec<String>,

    /// It is left.
    #[arg(long, value_name = "GOAL", allow_hyphen_values = true)]
    stop: Vec<String>,

    /// How a goal goes, from 0 (not at all) to 10 (as wished): "A walk=7", or 7 where it is the only
    /// one.
    #[arg(long, value_name = "GOAL=N", allow_hyphen_values = true)]
    rating: Vec<String>,

    /// A few words on a goal: "A walk=Rather in the morning", or the words alone where it is the only
    /// one.
    #[arg(long, value_name = "GOAL=TEXT", allow_hyphen_values = true)]
    note: Vec<String>,
}

impl Decided {
    /// What it says of each of these goals that is named.
    ///
    /// # Errors
    /// [`DeskError::Wrong`] names what is none of them, what is said of a goal on which nothing is
    /// decided, and what is said twice.
    pub(super) fn of(&self, all: &[GoalView]) -> Result<Vec<ReviewedGoal>, DeskError> {
        let mut reviewed = Vec::new();
        for (decision, words) in [
            (ReviewDecision::Keep, &self.keep),
            (ReviewDecision::Adjust, &self.adjust),
            (ReviewDecision::Pause, &self.pause),
            (ReviewDecision::Complete, &self.complete),
            (ReviewDecision::Stop, &self.stop),
        ] {
            let goals = goals::meant(all, words)?.into_iter();
            reviewed.extend(goals.map(|goal| ReviewedGoal {
                goal,
                rating: None,
                decision,
                note: None,
            }));
        }
        if reviewed.is_empty() {
            let text = "name a goal with what is to become of it: --keep, --adjust, --pause, \
                        --complete or --stop";
            return Err(DeskError::Wrong(text.into()));
        }
        for text in &self.rating {
            let (of, rating) = part(text.rsplit_once('='), text);
            let wrong = || DeskError::Wrong(format!("a rating is 0 to 10, not \"{rating}\""));
            let rating = rating.trim().parse().map_err(|_| wrong())?;
            let reviewed = Self::one("rating", all, &mut reviewed, of)?;
            once("rating", reviewed.rating.replace(rating), text)?;
        }
        for text in &self.note {
            let (of, note) = part(text.split_once('='), text);
            let reviewed = Self::one("note", all, &mut reviewed, of)?;
            once("note", reviewed.note.replace(note.trim().into()), text)?;
        }
        Ok(reviewed)
    }

    /// What is said of the goal that is meant, or of the only one.
    fn one<'r>(
        flag: &str,
        all: &[GoalView],
        reviewed: &'r mut [ReviewedGoal],
        meant: Option<&str>,
    ) -> Result<&'r mut ReviewedGoal, DeskError> {
        let Some(meant) = meant else {
            return match reviewed {
                [one] => Ok(one),
                _ => Err(DeskError::Wrong(format!(
                    "say of which goal the {flag} is: --{flag} \"GOAL=…\""
                ))),
            };
        };
        let ids: Vec<GoalId> = goals::meant(all, &[meant.to_owned()])?;
        let found = reviewed.iter_mut().find(|said| ids.contains(&said.goal));
        found.ok_or_else(|| {
            DeskError::Wrong(format!(
                "the {flag} is of \"{meant}\", on which nothing is decided: --keep \"{meant}\" \
                 leaves it as it is"
            ))
        })
    }
}

/// Of which goal, where that is said, and what.
fn part<'t>(split: Option<(&'t str, &'t str)>, text: &'t str) -> (Option<&'t str>, &'t str) {
    split.map_or((None, text), |(goal, what)| (Some(goal), what))
}

fn once<T>(flag: &str, before: Option<T>, text: &str) -> Result<(), DeskError> {
    match before {
        None => Ok(()),
        Some(_) => Err(DeskError::Wrong(format!(
            "a second {flag} of one goal: \"{text}\""
        ))),
    }
}
