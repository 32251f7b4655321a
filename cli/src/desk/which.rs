//! Which plan is meant.

use clap::Args;
use waymark_core::client::{Client, PlanId};
use waymark_core::membership::SpaceKind;

use super::{Desk, DeskError};

/// Which plan is meant.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// The plan, support space or circle: its id or the beginning of it. It may be left out where
    /// the device has one plan.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    plan: Option<String>,
}

impl Which {
    /// Finds it.
    ///
    /// # Errors
    /// [`DeskError::Wrong`] where it is none or more than one.
    pub(crate) fn of(&self, desk: &Desk) -> Result<PlanId, DeskError> {
        choose(&spaces(&desk.client), self.plan.as_deref())
    }
}

/// What people share in: plans first, then support spaces and circles.
pub(crate) fn spaces(client: &Client) -> Vec<(SpaceKind, PlanId)> {
    let kinds = [SpaceKind::Care, SpaceKind::Support, SpaceKind::Circle];
    let of = |kind| client.people().spaces(kind).into_iter();
    kinds
        .into_iter()
        .flat_map(|kind| of(kind).map(move |id| (kind, id)))
        .collect()
}

/// The beginning of an id, for people.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// The one whose id begins so; without a beginning the only plan, or the only space.
pub(crate) fn choose(
    spaces: &[(SpaceKind, PlanId)],
    begins: Option<&str>,
) -> Result<PlanId, DeskError> {
    let fits = |(_, id): &&(SpaceKind, PlanId)| {
        begins.is_none_or(|begins| id.to_string().starts_with(begins))
    };
    let found: Vec<_> = spaces.iter().filter(fits).collect();
    let plans: Vec<_> = found
        .iter()
        .filter(|(kind, _)| *kind == SpaceKind::Care)
        .collect();
    match (found.as_slice(), plans.as_slice(), begins) {
        ([(_, one)], _, _) | (_, [(_, one)], None) => Ok(*one),
        ([], _, None) => Err(DeskError::Wrong("this device has no plan yet".into())),
        ([], _, Some(begins)) => Err(DeskError::Wrong(format!("no plan's id begins {begins}"))),
        _ => {
            let ids: Vec<_> = found.iter().map(|(_, id)| id.to_string()).collect();
            let ids: Vec<_> = ids.iter().map(|id| short(id)).collect();
            let ids = ids.join(", ");
            Err(DeskError::Wrong(format!("say which with --plan: {ids}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Taking access away in the wrong plan cannot be undone.
    #[test]
    fn a_plan_is_only_chosen_where_no_other_can_be_meant() {
        let id = |first: u8| {
            let mut id = [0; 32];
            id[0] = first;
            PlanId(id)
        };
        let (a, b, c) = (id(0), id(1), id(200));
        let plan = |id| (SpaceKind::Care, id);
        let circle = |id| (SpaceKind::Circle, id);
        let text = |id: PlanId| id.to_string();
        assert_eq!(choose(&[plan(a)], None).ok(), Some(a));
        assert_eq!(choose(&[plan(a), circle(b)], None).ok(), Some(a));
        assert_eq!(choose(&[circle(b)], None).ok(), Some(b));
        assert_eq!(
            choose(&[plan(a), circle(b)], Some(&text(b)[..3])).ok(),
            Some(b)
        );
        for (spaces, begins) in [
            (vec![], None),
            (vec![plan(a), plan(c)], None),
            (vec![circle(a), circle(b)], None),
            (vec![plan(a), plan(b)], Some("A")),
            (vec![plan(a), circle(b)], Some("A")),
            (vec![plan(a)], Some("x")),
        ] {
            let refused = choose(&spaces, begins);
            assert!(
                matches!(refused, Err(DeskError::Wrong(_))),
                "{spaces:?} {begins:?}"
            );
        }
    }
}
