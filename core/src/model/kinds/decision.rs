//! A decision that people prepare together: a question, what can be done and what speaks for and
//! against each. A therapist writes down options; which one it is to be is the client's word alone.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::codes::codes;
use crate::model::ids::GoalId;
use crate::model::input::InputError;
use crate::model::item::check::{between, texts};
use crate::model::item::{Fields, Link};
use crate::model::kinds::Kind;
use crate::model::text::{STATEMENT_LIMIT, TextField, check_count};
use crate::role::Role;

const QUESTION: TextField = TextField::required("question", STATEMENT_LIMIT);
const OPTION: TextField = TextField::required("option", STATEMENT_LIMIT);
const ARGUMENT: TextField = TextField::required("argument", STATEMENT_LIMIT);
const RATIONALE: TextField = TextField::optional("rationale", STATEMENT_LIMIT);
/// Options of one decision at most.
const OPTIONS_LIMIT: usize = 10;

codes! {
    /// Who decided. The client always did.
    DecidedBy {
        /// The client alone.
        Client = 1 "client",
        /// The client together with people close to them.
        ClientAndFamily = 3 "client_and_family",
        /// The client together with a therapist.
        ClientAndTherapist = 2 "client_and_therapist",
    }
}

/// Something that can be done.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct DecisionOption {
    /// What it is, 1 to 500 characters.
    #[n(0)]
    pub text: String,
    /// What speaks for it: at most 20 arguments of 1 to 500 characters.
    #[n(1)]
    #[cbor(skip_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub pros: Vec<String>,
    /// What speaks against it, likewise.
    #[n(2)]
    #[cbor(skip_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub cons: Vec<String>,
}

/// A decision, made or open. Once the client has chosen, only the client changes it.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cbor(map)]
pub struct Decision {
    /// The goal that it is about.
    #[n(0)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub goal: Option<GoalId>,
    /// What is to be decided, 1 to 500 characters.
    #[n(1)]
    pub question: String,
    /// What can be done, at most 10.
    #[n(2)]
    #[cbor(skip_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub options: Vec<DecisionOption>,
    /// The option that the client leans to, by its place in the list, from 0.
    #[n(3)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub preference: Option<u8>,
    /// The option that the client chose, likewise. Only the client says this.
    #[n(4)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub chosen: Option<u8>,
    /// Who decided, where something is chosen.
    #[n(5)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub decided_by: Option<DecidedBy>,
    /// Why, at most 500 characters.
    #[n(6)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub rationale: Option<String>,
}

impl Decision {
    fn is_option(&self, field: &'static str, place: Option<u8>) -> Result<(), InputError> {
        let Some(place) = place else {
            return Ok(());
        };
        let options = i64::try_from(self.options.len()).unwrap_or(i64::MAX);
        match options {
            0 => Err(InputError::Needs {
                field,
                needs: "an option",
            }),
            _ => between(field, place, 0, options - 1),
        }
    }
}

impl Fields for Decision {
    const KIND: Kind = Kind::Decision;
    const KEYS: u64 = 7;
    const ACTION: &'static str = "decide for the client";

    fn check(&self) -> Result<(), InputError> {
        QUESTION.check(&self.question)?;
        RATIONALE.check_opt(self.rationale.as_deref())?;
        check_count("options", self.options.len(), OPTIONS_LIMIT)?;
        for option in &self.options {
            OPTION.check(&option.text)?;
            texts("pros", ARGUMENT, &option.pros)?;
            texts("cons", ARGUMENT, &option.cons)?;
        }
        self.is_option("preference", self.preference)?;
        self.is_option("choice", self.chosen)?;
        match (self.decided_by, self.chosen) {
            (Some(_), None) => Err(InputError::Needs {
                field: "who decided",
                needs: "a choice",
            }),
            _ => Ok(()),
        }
    }

    fn links(&self) -> Vec<Link> {
        Link::of_goal(self.goal).into_iter().collect()
    }

    /// A therapist proposes, the client decides.
    fn may_write(&self, role: Role) -> bool {
        match role {
            Role::Client => true,
            Role::Therapist => self.chosen.is_none(),
            Role::Guardian | Role::Supporter => false,
        }
    }

    fn may_replace(&self, role: Role) -> bool {
        role == Role::Client || self.chosen.is_none()
    }

    fn is_settled(&self) -> bool {
        self.chosen.is_some()
    }

    #[cfg(test)]
    fn sample(space: &mut crate::model::testing::Space) -> Self {
        let option = |text: &str, pro: &str, con: &str| DecisionOption {
            text: text.into(),
            pros: vec![pro.into()],
            cons: vec![con.into()],
        };
        Self {
            goal: Some(space.goal(crate::model::testing::client())),
            question: "Where do I begin?".into(),
            options: vec![
                option("With the evenings", "Nobody wants anything", "I am tired"),
                option("With the mornings", "I am awake", "There is little time"),
            ],
            preference: Some(0),
            chosen: Some(1),
            decided_by: Some(DecidedBy::ClientAndTherapist),
            rationale: Some("It is the easier half".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, therapist};
    use crate::model::{Content, Reason, RecordId};

    fn open(space: &mut Space) -> Decision {
        Decision {
            chosen: None,
            decided_by: None,
            ..Decision::sample(space)
        }
    }

    fn shown(space: &Space) -> Content {
        let items = space.plan().items(Kind::Decision);
        assert_eq!(items.len(), 1);
        items[0].content.clone()
    }

    fn by_therapist(space: &mut Space, id: RecordId, decision: &Decision) -> RecordId {
        // The record that the therapist's app would write if nothing stopped it.
        let stamp = Space::stamp(client(), space.clock + 1);
        space.forge(therapist(), |plan| plan.change(None, id, decision, &stamp))
    }

    /// Somebody else would have decided for the client.
    #[test]
    fn a_therapist_proposes_and_the_client_decides() {
        let mut space = Space::default();
        let open = open(&mut space);
        let id = space.put(therapist(), |p, s| p.add(&open, None, s));
        let decided = Decision {
            chosen: Some(1),
            decided_by: Some(DecidedBy::ClientAndTherapist),
            ..open.clone()
        };
        space.clock += 1;
        let refused = space.refused(therapist(), |p, s| p.change(None, id, &decided, s));
        assert_eq!(
            refused.to_string(),
            "a therapist may not decide for the client"
        );
        let smuggled = by_therapist(&mut space, id, &decided);
        assert_eq!(space.reason(smuggled), Some(Reason::OutOfRole));
        assert_eq!(shown(&space), open.into());
        space.clock += 2;
        space.put(client(), |p, s| p.change(None, id, &decided, s));
        assert_eq!(shown(&space), decided.into());
    }

    /// A choice would be open again, and nobody would know why.
    #[test]
    fn nobody_but_the_client_takes_a_choice_back() {
        let mut space = Space::default();
        let decided = Decision::sample(&mut space);
        let id = space.put(client(), |p, s| p.add(&decided, None, s));
        let reopened = Decision {
            chosen: None,
            decided_by: None,
            ..decided.clone()
        };
        space.clock += 1;
        let refused = space.refused(therapist(), |p, s| p.change(None, id, &reopened, s));
        assert!(
            matches!(refused, InputError::NotYourRole { .. }),
            "{refused}"
        );
        let refused = space.refused(therapist(), |p, s| Kind::Decision.remove(p, None, id, s));
        assert!(
            matches!(refused, InputError::NotYourRole { .. }),
            "{refused}"
        );
        let smuggled = by_therapist(&mut space, id, &reopened);
        assert_eq!(space.reason(smuggled), Some(Reason::OutOfRole));
        let stamp = Space::stamp(client(), 7);
        let removed = space.forge(therapist(), |p| Kind::Decision.remove(p, None, id, &stamp));
        assert_eq!(space.reason(removed), Some(Reason::OutOfRole));
        assert_eq!(shown(&space), decided.into());
    }

    /// The client would see that nothing is chosen, because a therapist was still writing on the train.
    #[test]
    fn what_the_client_chose_is_shown_before_what_others_write_meanwhile() {
        let mut shown_first = std::collections::BTreeSet::new();
        for clock in 1..=16 {
            let mut space = Space::default();
            let open = open(&mut space);
            let id = space.put(client(), |p, s| p.add(&open, None, s));
            let mut tablet = space.clone();
            let decided = Decision {
                chosen: Some(0),
                ..open.clone()
            };
            let edited = Decision {
                rationale: Some("Both are good".into()),
                ..open
            };
            space.clock += clock;
            let chosen = space.put(client(), |p, s| p.change(None, id, &decided, s));
            tablet.clock += 1;
            let open = tablet.put(therapist(), |p, s| p.change(None, id, &edited, s));
            space.merge(&tablet);
            let seen = space.plan().items(Kind::Decision).remove(0);
            assert_eq!(seen.content, decided.into());
            assert_eq!(seen.others, [edited.into()]);
            shown_first.insert(chosen < open);
        }
        assert_eq!(shown_first.len(), 2, "whichever has the lower id");
    }

    /// An app would show a choice that is none of the options.
    #[test]
    fn a_choice_is_one_of_the_options() {
        let decision = Decision::sample(&mut Space::default());
        let beyond = Decision {
            chosen: Some(2),
            ..decision.clone()
        };
        assert_eq!(
            beyond.check().unwrap_err().to_string(),
            "choice 2 is outside 0–1"
        );
        let nothing = Decision {
            options: Vec::new(),
            ..decision.clone()
        };
        assert_eq!(
            nothing.check().unwrap_err().to_string(),
            "preference needs an option"
        );
        let unmade = Decision {
            chosen: None,
            ..decision
        };
        assert_eq!(
            unmade.check().unwrap_err().to_string(),
            "who decided needs a choice"
        );
    }
}
