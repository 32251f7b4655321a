//! Taking records back: a record that names others. It can be taken back itself. Only who wrote a
//! record withdraws it, and only plain records are withdrawn: what is a chain is continued.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};

use crate::model::document::DocumentKey;
use crate::model::ids::RecordId;
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::kinds::Kind;
use crate::model::left_out::Reason;
use crate::model::record::{Author, Home, RecordKind, write_beside};
use crate::model::records::{Entry, Records};
use crate::model::text::{LINK_LIMIT, check_count, in_range, read_links};
use crate::model::time::{read_instant, write_instant};
use crate::role::Role;

/// A withdrawal as stored.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct Withdrawal {
    #[n(0)]
    pub(crate) kind: Kind,
    #[n(1)]
    pub(crate) at: i64,
    #[n(2)]
    pub(crate) records: Vec<RecordId>,
}

impl RecordKind for Withdrawal {
    const WRITERS: &'static [Role] = &[Role::Client, Role::Therapist];
    const ACTION: &'static str = "withdraw records";
    const WITHDRAWABLE: bool = true;

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Beside)
    }

    fn check(&self) -> Result<(), Reason> {
        read_instant(self.at)?;
        in_range(!self.records.is_empty())?;
        read_links(self.records.len())
    }

    fn links(&self) -> Vec<RecordId> {
        self.records.clone()
    }

    fn belongs_to(&self) -> Vec<RecordId> {
        self.records.clone()
    }

    fn refer(entry: Entry<'_, Self>, records: &Records) -> Result<(), Reason> {
        for id in &entry.record.records {
            let Some((record, authors)) = records.find_or_undone(*id) else {
                // What does not count need not be withdrawn, but doing so is no mistake.
                match records.knows(*id) || records.may_have_forgotten(*id) {
                    true => continue,
                    false => return Err(Reason::UnknownReference),
                }
            };
            in_range(record.is_withdrawable())?;
            if !entry.authors.iter().any(|author| wrote(authors, author)) {
                return Err(Reason::OutOfRole);
            }
        }
        Ok(())
    }
}

/// Records to take back, all of one document. To delete an entry that was corrected, name it and
/// all its corrections: taking back only the last shows the one before again.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NewWithdrawal {
    /// The records, 1 to 64.
    pub records: Vec<RecordId>,
}

impl NewWithdrawal {
    /// Makes the record for the document in which those records are.
    ///
    /// # Errors
    /// If one is unknown there, was written by somebody else, or is a link of a chain.
    pub(crate) fn record_in(
        &self,
        records: &Records,
        stamp: &Stamp,
    ) -> Result<NewRecord, InputError> {
        let document: DocumentKey = records.document();
        if self.records.is_empty() {
            return Err(InputError::Empty {
                field: "records to withdraw",
            });
        }
        check_count("records to withdraw", self.records.len(), LINK_LIMIT)?;
        for id in &self.records {
            let found = records.find_or_undone(*id);
            let (record, authors) = found.ok_or(InputError::UnknownRecord(*id))?;
            if !record.is_withdrawable() {
                return Err(InputError::NotWithdrawable(*id));
            }
            if !authors.iter().any(|author| author.person == stamp.person) {
                return Err(InputError::NotYours(*id));
            }
        }
        let unique: BTreeSet<_> = self.records.iter().copied().collect();
        let withdrawal = Withdrawal {
            kind: Kind::Withdrawal,
            at: write_instant(stamp.at)?,
            records: unique.into_iter().collect(),
        };
        write_beside(&withdrawal, document, stamp)
    }
}

/// Everything that a withdrawal takes back which was not taken back itself, where `named` has what
/// each withdrawal takes back.
pub(crate) fn withdrawn(named: BTreeMap<RecordId, Vec<RecordId>>) -> BTreeSet<RecordId> {
    // A withdrawal is decided once all that name it are: those nobody names come first.
    let mut undecided: BTreeMap<RecordId, usize> = named.keys().map(|id| (*id, 0)).collect();
    for id in named.values().flat_map(|records| records.iter()) {
        undecided.entry(*id).and_modify(|count| *count += 1);
    }
    let mut ready: Vec<_> = undecided
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(id, _)| *id)
        .collect();
    let mut taken_back = BTreeSet::new();
    while let Some(id) = ready.pop() {
        let holds = !taken_back.contains(&id);
        for record in named.get(&id).into_iter().flatten() {
            if holds {
                taken_back.insert(*record);
            }
            if let Some(count) = undecided.get_mut(record) {
                *count -= 1;
                if *count == 0 {
                    ready.push(*record);
                }
            }
        }
    }
    taken_back
}

fn wrote(authors: &[Author], by: &Author) -> bool {
    authors.iter().any(|author| author.person == by.person)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, therapist};
    use crate::model::{NewNote, TextId};

    fn note() -> NewNote {
        NewNote {
            text: TextId([1; 16]),
            about: None,
            title: None,
        }
    }

    fn withdraw(space: &mut Space, by: Author, id: RecordId) -> RecordId {
        let withdrawal = NewWithdrawal { records: vec![id] };
        space.put(by, |plan, stamp| plan.withdraw(&withdrawal, stamp))
    }

    #[test]
    fn what_was_withdrawn_comes_back_when_the_withdrawal_is_withdrawn() {
        let mut space = Space::default();
        let id = space.put(client(), |p, s| note().record(p, s));
        let first = withdraw(&mut space, client(), id);
        assert!(space.plan().notes().is_empty());
        let second = withdraw(&mut space, client(), first);
        assert_eq!(space.plan().notes().len(), 1);
        withdraw(&mut space, client(), second);
        assert!(space.plan().notes().is_empty(), "the first one holds again");
    }

    #[test]
    fn nobody_withdraws_what_another_wrote() {
        let mut space = Space::default();
        let id = space.put(client(), |p, s| note().record(p, s));
        let withdrawal = NewWithdrawal { records: vec![id] };
        let error = space.refused(therapist(), |plan, stamp| plan.withdraw(&withdrawal, stamp));
        assert_eq!(error, InputError::NotYours(id));
        let smuggled = space.forge(therapist(), |plan| {
            plan.withdraw(&withdrawal, &Space::stamp(client(), 9))
        });
        assert_eq!(space.reason(smuggled), Some(Reason::OutOfRole));
        assert_eq!(space.plan().notes().len(), 1);
    }

    #[test]
    fn a_goal_is_not_withdrawn_but_gets_another_status() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let withdrawal = NewWithdrawal {
            records: vec![goal.into()],
        };
        let error = space.refused(client(), |plan, stamp| plan.withdraw(&withdrawal, stamp));
        assert_eq!(error, InputError::NotWithdrawable(goal.into()));
    }
}
