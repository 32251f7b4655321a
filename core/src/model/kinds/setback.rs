//! A setback, as something to learn from. It takes nothing away: no day is judged anew, and nothing
//! that was reached goes.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::{GoalId, RecordId};
use crate::model::input::InputError;
use crate::model::item::{Changes, Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField};
use crate::role::Role;

const WHAT: TextField = TextField::required("what happened", STATEMENT_LIMIT);
const LEARNED: TextField = TextField::optional("what it teaches", STATEMENT_LIMIT);

/// Something that went another way, and what it teaches.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Setback {
    /// What happened, 1 to 500 characters.
    #[n(0)]
    pub what: String,
    /// The goal on whose way it was.
    #[n(1)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
    /// What it teaches, at most 500 characters.
    #[n(2)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub learned: Option<String>,
    /// The if-then plan that follows from it.
    #[n(3)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<RecordId>,
}

impl Fields for Setback {
    const KIND: Kind = Kind::Setback;
    const KEYS: u64 = 4;
    const ACTION: &'static str = "write about a setback";
    const WRITERS: &'static [Role] = &[Role::Client];
    const CHANGES: Changes = Changes::ByAuthor;

    fn check(&self) -> Result<(), InputError> {
        WHAT.check(&self.what)?;
        LEARNED.check_opt(self.learned.as_deref())
    }

    fn links(&self) -> Vec<Link> {
        let next = self.next.map(|next| Link::to(next, &[Kind::IfThen]));
        Link::of_goal(self.goal).into_iter().chain(next).collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let goal = space.goal(crate::model::testing::client());
        let plan = crate::model::IfThen::sample(space);
        let next = space.put(crate::model::testing::client(), |p, s| {
            p.add(&plan, None, s)
        });
        Self {
            what: "Three days of rain".into(),
            goal: Some(goal),
            learned: Some("The hall is open too".into()),
            next: Some(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::samples;
    use crate::model::testing::{Space, client, day};
    use crate::model::{NewCheckIn, Outcome, day_results};

    /// A hard day that somebody wrote about would take away the days before it.
    #[test]
    fn it_leaves_every_day_as_it_was_judged() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let revision = crate::model::testing::revision(goal);
        space.propose(client(), revision, 1);
        let check_in = NewCheckIn::new(goal, Outcome::Done);
        space.put(client(), |plan, stamp| check_in.record(plan, None, stamp));
        let days = |space: &Space| {
            let logs = [space.log()];
            day_results(&space.plan(), &logs, goal, day(1)..=day(9), day(9)).unwrap()
        };
        let before = days(&space);
        let setback = Setback {
            what: "Three days of rain".into(),
            goal: Some(goal),
            learned: None,
            next: None,
        };
        space.clock += 1;
        space.put(client(), |plan, stamp| plan.add(&setback, None, stamp));
        assert_eq!(days(&space), before);
    }

    /// Whoever tells of a hard week would pay for it with a milestone or a win.
    #[test]
    fn nothing_else_that_a_plan_shows_changes() {
        let mut space = Space::default();
        let goal = space.goal(client());
        for (content, _) in samples(&mut space) {
            space.clock += 1;
            space.put(client(), |plan, stamp| content.add(plan, None, stamp));
        }
        let shown = |space: &Space| {
            let (plan, log) = (space.plan(), space.log());
            let others = Kind::ALL.iter().filter(|kind| **kind != Kind::Setback);
            let items = others.map(|kind| (plan.items(*kind), log.items(*kind, &plan)));
            (
                items.collect::<Vec<_>>(),
                plan.view(day(9)),
                log.view(&plan),
            )
        };
        let before = shown(&space);
        let setback = Setback {
            what: "Three days of rain".into(),
            goal: Some(goal),
            learned: None,
            next: None,
        };
        space.clock += 1;
        space.put(client(), |plan, stamp| plan.add(&setback, None, stamp));
        assert_eq!(shown(&space), before);
        assert_eq!(space.plan().items(Kind::Setback).len(), 2);
    }
}
