//! Which plan is meant.

use clap::Args;
use waymark_core::client::{Client, PlanId, WaymarkError};
use waymark_core::membership::SpaceKind;

use super::{Desk, DeskError, Place};
use crate::talk::Talk;

/// Which plan is meant.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// The plan, support space or circle: its id or the beginning of it. It may be left out where
    /// the device has one plan that is not closed.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    plan: Option<String>,
}

impl Which {
    /// Finds it where one is stated, also one that is damaged.
    ///
    /// # Errors
    /// [`DeskError::Wrong`] where it is none or more than one.
    pub(crate) fn stated(&self, desk: &Desk) -> Result<Option<PlanId>, DeskError> {
        let Some(begins) = self.plan.as_deref() else {
            return Ok(None);
        };
        let mut known = spaces(&desk.client);
        for space in desk.client.status()? {
            let kind = space.kind.unwrap_or(SpaceKind::Care);
            let id = space.space.filter(|_| kind != SpaceKind::Home);
            if let Some(id) = id.filter(|id| known.iter().all(|(_, other)| other != id)) {
                known.push((kind, id));
            }
        }
        choose(&desk.client, &known, Some(begins)).map(Some)
    }

    /// Opens the desk at a place, and finds it there.
    ///
    /// # Errors
    /// [`DeskError`], as of [`Desk::open`] and [`Which::of`].
    pub(crate) fn open(&self, place: &Place, talk: Talk) -> Result<(Desk, PlanId), DeskError> {
        let desk = Desk::open(place, talk)?;
        let plan = self.of(&desk)?;
        Ok((desk, plan))
    }

    /// Finds it.
    ///
    /// # Errors
    /// [`DeskError::Wrong`] where it is none or more than one.
    pub(crate) fn of(&self, desk: &Desk) -> Result<PlanId, DeskError> {
        choose(&desk.client, &spaces(&desk.client), self.plan.as_deref())
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

/// The spaces that are closed.
///
/// # Errors
/// The database's.
fn closed(client: &Client) -> Result<Vec<PlanId>, WaymarkError> {
    let spaces = client.status()?.into_iter();
    let closed = spaces.filter(|space| space.closed);
    Ok(closed.filter_map(|space| space.space).collect())
}

/// The one whose id begins so; without a beginning the only plan that is not closed, or the only
/// space.
pub(crate) fn choose(
    client: &Client,
    spaces: &[(SpaceKind, PlanId)],
    begins: Option<&str>,
) -> Result<PlanId, DeskError> {
    let closed = match begins {
        None if spaces.len() > 1 => closed(client)?,
        _ => Vec::new(),
    };
    pick(spaces, &closed, begins)
}

fn pick(
    spaces: &[(SpaceKind, PlanId)],
    closed: &[PlanId],
    begins: Option<&str>,
) -> Result<PlanId, DeskError> {
    let fits = |(_, id): &&(SpaceKind, PlanId)| {
        begins.is_none_or(|begins| id.to_string().starts_with(begins))
    };
    let is_open = |(_, id): &&(SpaceKind, PlanId)| !closed.contains(id);
    let (mut plans, mut others): (Vec<_>, Vec<_>) = spaces
        .iter()
        .filter(fits)
        .partition(|(kind, _)| *kind == SpaceKind::Care);
    if begins.is_none() {
        // What is closed is only meant where nothing of the kind is open.
        for of_kind in [&mut plans, &mut others] {
            if of_kind.iter().any(&is_open) {
                of_kind.retain(&is_open);
            }
        }
    }
    let found = [plans.as_slice(), &others].concat();
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
        let choose = |spaces: &[_], begins: Option<&str>| pick(spaces, &[], begins);
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

    /// Whoever began anew means the plan that goes on, unless they say otherwise.
    #[test]
    fn a_closed_plan_is_only_chosen_by_its_id_or_where_no_other_is_open() {
        let (a, b, c) = (PlanId([0; 32]), PlanId([1; 32]), PlanId([2; 32]));
        let plan = |id| (SpaceKind::Care, id);
        let circle = |id| (SpaceKind::Circle, id);
        let both = [plan(a), plan(b)];
        assert_eq!(pick(&both, &[a], None).ok(), Some(b));
        assert_eq!(pick(&both, &[b], None).ok(), Some(a));
        let id = a.to_string();
        assert_eq!(pick(&both, &[a], Some(&id)).ok(), Some(a));
        assert_eq!(pick(&[plan(a)], &[a], None).ok(), Some(a));
        assert_eq!(pick(&[plan(a), circle(b)], &[a], None).ok(), Some(a));
        assert_eq!(pick(&[circle(b), circle(c)], &[b], None).ok(), Some(c));
        for (spaces, closed, begins) in [
            (both.to_vec(), vec![a, b], None),
            (both.to_vec(), vec![a], Some("A")),
            (vec![plan(a), plan(b), plan(c)], vec![b], None),
        ] {
            let refused = pick(&spaces, &closed, begins);
            assert!(
                matches!(refused, Err(DeskError::Wrong(_))),
                "{spaces:?} {closed:?}"
            );
        }
    }
}
