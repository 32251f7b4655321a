//! A decisional balance: what speaks for a change and against it, and for staying and against that.
//! All four are asked, because what is good about staying is what a change has to make up for.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::item::check::texts;
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField};

const ABOUT: TextField = TextField::required("about", STATEMENT_LIMIT);
const ARGUMENT: TextField = TextField::required("argument", STATEMENT_LIMIT);

/// Four lists about one question, each of at most 20 arguments of 1 to 500 characters.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Balance {
    /// The goal that it is about.
    #[n(0)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
    /// The question, 1 to 500 characters.
    #[n(1)]
    pub about: String,
    /// What speaks for changing.
    #[n(2)]
    #[cbor(skip_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub pros_of_changing: Vec<String>,
    /// What speaks against changing.
    #[n(3)]
    #[cbor(skip_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub cons_of_changing: Vec<String>,
    /// What speaks for staying.
    #[n(4)]
    #[cbor(skip_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub pros_of_staying: Vec<String>,
    /// What speaks against staying.
    #[n(5)]
    #[cbor(skip_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub cons_of_staying: Vec<String>,
}

impl Fields for Balance {
    const KIND: Kind = Kind::Balance;
    const KEYS: u64 = 6;
    const ACTION: &'static str = "weigh a change";

    fn check(&self) -> Result<(), InputError> {
        ABOUT.check(&self.about)?;
        texts("pros of changing", ARGUMENT, &self.pros_of_changing)?;
        texts("cons of changing", ARGUMENT, &self.cons_of_changing)?;
        texts("pros of staying", ARGUMENT, &self.pros_of_staying)?;
        texts("cons of staying", ARGUMENT, &self.cons_of_staying)
    }

    fn links(&self) -> Vec<Link> {
        Link::of_goal(self.goal).into_iter().collect()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        Self {
            goal: Some(space.goal(crate::model::testing::client())),
            about: "Working a day less".into(),
            pros_of_changing: vec!["Time for the garden".into()],
            cons_of_changing: vec!["Less money".into(), "Explaining it".into()],
            pros_of_staying: vec!["I know how it goes".into()],
            cons_of_staying: vec!["Tired on every Friday".into()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client};

    /// An argument would stand on the other side after it was kept.
    #[test]
    fn each_side_keeps_its_own_and_may_be_empty() {
        let mut space = Space::default();
        let whole = Balance::sample(&mut space);
        let sides: [fn(&mut Balance) -> &mut Vec<String>; 4] = [
            |balance| &mut balance.pros_of_changing,
            |balance| &mut balance.cons_of_changing,
            |balance| &mut balance.pros_of_staying,
            |balance| &mut balance.cons_of_staying,
        ];
        for side in sides {
            space.clock += 1;
            let mut partial = whole.clone();
            side(&mut partial).clear();
            space.put(client(), |plan, s| plan.add(&partial, None, s));
            let kept = space.plan().things::<Balance>();
            assert_eq!(kept.last().map(|thing| &thing.fields), Some(&partial));
            side(&mut partial).resize(21, "Because".into());
            let refused = partial.check().unwrap_err();
            assert!(matches!(refused, InputError::TooMany { count: 21, .. }));
        }
    }
}
