//! What stands in the place of a forgotten record, and says nothing. Devices that forget write it
//! (`gate/forget.rs`), and views pass it over.

use minicbor::{Decode, Encode};

use crate::model::ids::RecordId;
use crate::model::kinds::Kind;
use crate::model::left_out::Reason;
use crate::model::record::{Home, RecordKind};
use crate::role::Role;

/// A placeholder as stored: the one record without the instant of its writing.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct Placeholder {
    #[n(0)]
    pub(crate) kind: Kind,
    /// Of the operation that puts it.
    #[n(2)]
    pub(crate) counter: u32,
    /// Where its change puts such a record already, how many.
    #[n(3)]
    pub(crate) nth: Option<u32>,
    /// The first byte of a hash of what is forgotten.
    #[n(4)]
    pub(crate) tag: u8,
}

impl RecordKind for Placeholder {
    const WRITERS: &'static [Role] = &[Role::Client, Role::Therapist];
    const ACTION: &'static str = "put a placeholder";

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Beside)
    }

    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn links(&self) -> Vec<RecordId> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forgotten::Forgotten;
    use crate::gate::{ActorId, Document};
    use crate::model::kinds::Record;
    use crate::model::record::read;
    use crate::model::testing::{Space, client, revision};
    use crate::model::{NewNote, NewWithdrawal, TextId};

    /// A view would otherwise list it as something that only a newer app understands.
    #[test]
    fn what_a_document_has_in_the_place_of_a_record_is_known_as_that() {
        let mut document = Document::new(ActorId([1; 16]));
        document.put_record(b"first").unwrap();
        document.put_record(b"secret").unwrap();
        let forgotten = Forgotten {
            records: [RecordId::of(b"secret")].into(),
            ..Forgotten::default()
        };
        let rest = document.forgetting(&forgotten).unwrap().unwrap();
        let first = RecordId::of(b"first");
        let placeholder = rest.records().find(|record| record.id != first).unwrap();
        let Ok(Record::Forgotten(read)) = read(&placeholder.bytes) else {
            panic!("another record");
        };
        assert_eq!((read.counter, read.nth, read.tag), (2, None, 133));
    }

    /// What somebody else took back would show again, because a word beside it is forgotten.
    #[test]
    fn a_view_passes_over_it_and_withdrawals_go_on() {
        let mut space = Space::default();
        let goal = space.goal(client());
        space.propose(client(), revision(goal), 1);
        let mut note = |text| {
            space.clock += 1;
            let note = NewNote {
                text: TextId([text; 16]),
                about: None,
                title: None,
            };
            space.put(client(), |plan, stamp| note.record(plan, stamp))
        };
        let (first, second) = (note(1), note(2));
        space.clock += 1;
        let both = NewWithdrawal {
            records: vec![first, second],
        };
        space.put(client(), |plan, stamp| plan.withdraw(&both, stamp));
        assert_eq!(space.plan().notes().len(), 0);
        let stored = space.records.iter_mut().find(|s| s.record.id == first);
        let record = &mut stored.unwrap().record;
        record.bytes = vec![0xa3, 0, 13, 2, 7, 4, 1];
        record.id = RecordId::of(&record.bytes);
        let placeholder = record.id;
        let plan = space.plan();
        assert_eq!(plan.notes().len(), 0);
        assert_eq!(plan.left_out(), []);
        // Without anything forgotten it is what it was: a withdrawal of something unknown.
        space.records.retain(|s| s.record.id != placeholder);
        assert_eq!(space.plan().notes().len(), 1);
    }
}
