//! What the verbs of items have in common: which is meant, and what is said beside one.

use serde_json::json;
use waymark_core::client::PlanId;
use waymark_core::model::{GoalId, ItemView, Kind};

use super::at::At;
use super::{goals, meant};
use crate::desk::{Desk, DeskError};
use crate::page::{Ink, Page};
use crate::talk::Talk;

/// A kind of item as a verb speaks of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sort {
    /// The kind.
    pub(super) kind: Kind,
    /// What errors call one.
    pub(super) noun: &'static str,
    /// The words by which a person knows one.
    pub(super) words: fn(&ItemView) -> Option<&str>,
}

impl Sort {
    /// The one item that is worded so, or whose id begins so.
    ///
    /// # Errors
    /// [`DeskError::Wrong`] where it is none or could be two, or the database's.
    pub(super) fn one(self, desk: &Desk, plan: PlanId, meant: &str) -> Result<ItemView, DeskError> {
        let mut all = desk.client.items().list(plan, self.kind)?;
        let known: Vec<_> = all
            .iter()
            .map(|item| (item.id, (self.words)(item).unwrap_or_default()))
            .collect();
        let id = meant::find(self.noun, &known, meant)?;
        all.retain(|item| item.id == id);
        let none = || DeskError::Wrong(format!("no {} here is \"{meant}\"", self.noun));
        all.pop().ok_or_else(none)
    }

    /// Removes one, and says so.
    ///
    /// # Errors
    /// As [`Sort::one`]; the client's.
    pub(super) fn remove(self, at: &At, meant: &str, talk: Talk) -> Result<(), DeskError> {
        let (desk, plan) = at.open(talk)?;
        let item = self.one(&desk, plan, meant)?;
        let items = desk.client.items();
        items.remove(plan, self.kind, item.id, item.date)?;
        let fields = json!({ "plan": plan, self.noun: item.id });
        let event = format!("{}_removed", self.noun);
        talk.tell(&event, fields, |page| page.line("it is removed"));
        Ok(())
    }
}

/// The goal that something is to belong to, where one was said.
///
/// # Errors
/// As [`goals::one`].
pub(super) fn goal(
    desk: &Desk,
    plan: PlanId,
    meant: Option<&str>,
) -> Result<Option<GoalId>, DeskError> {
    let goal = meant
        .map(|meant| goals::one(desk, plan, meant))
        .transpose()?;
    Ok(goal.map(|goal| goal.id))
}

/// What is said where people contradict each other.
pub(super) const CONTRADICTED: &str = "people say different things here: changing it settles that";

/// What people should know of an item beside what it says.
pub(super) fn show_beside(page: Page, item: &ItemView) {
    let line = |text: &str| page.line(page.ink(Ink::Yellow, format_args!("          {text}")));
    if !item.others.is_empty() {
        line(CONTRADICTED);
    }
    if item.was_removed {
        line("somebody removed it while somebody else changed it");
    }
    if item.needs_newer_app {
        line("a newer app put something into it that this one does not show");
    }
}
