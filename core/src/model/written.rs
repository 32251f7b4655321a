//! Messages and comments of a month, with who has read them.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use crate::model::ids::{PersonTag, RecordId};
use crate::model::item::Thing;
use crate::model::kinds::comment::Comment;
use crate::model::kinds::message::Message;
use crate::model::kinds::messages_read::MessagesRead;
use crate::model::log::Log;
use crate::model::logged::logged;
use crate::model::plan::Plan;

/// A message or a comment.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// Its first record, by which it is known.
    pub(crate) id: RecordId,
    /// The records that say what it says now.
    pub(crate) heads: Vec<RecordId>,
    pub(crate) is_comment: bool,
    pub(crate) text: String,
    pub(crate) about: Option<RecordId>,
    pub(crate) authors: Vec<PersonTag>,
    pub(crate) at: Option<DateTime<Utc>>,
    pub(crate) changed_at: Option<DateTime<Utc>>,
    pub(crate) date: Option<NaiveDate>,
    /// Who else says to have read it as it stands now.
    pub(crate) read_by: Vec<PersonTag>,
}

impl Log {
    /// The messages and comments of the month, beside its plan, in the order of their days.
    pub(crate) fn written(&self, plan: &Plan) -> Vec<Written> {
        let read = logged::<MessagesRead>(plan, &[self]).into_iter();
        let read: BTreeSet<(RecordId, PersonTag)> = read
            .flat_map(|read| {
                let by = read.persons();
                let pairs = move |record| by.clone().into_iter().map(move |by| (record, by));
                read.fields.records.into_iter().flat_map(pairs)
            })
            .collect();
        let readers: BTreeSet<PersonTag> = read.iter().map(|(_, by)| *by).collect();
        let has_read = |heads: &[RecordId], by: PersonTag| {
            let mut heads = heads.iter();
            heads.all(|head| read.contains(&(*head, by)))
        };
        let of_messages = logged::<Message>(plan, &[self]).into_iter();
        let of_messages = of_messages.map(|thing| {
            let about = thing.fields.about;
            written(thing, false, |fields| fields.text, about)
        });
        let of_comments = logged::<Comment>(plan, &[self]).into_iter();
        let of_comments = of_comments.map(|thing| {
            let about = Some(thing.fields.about);
            written(thing, true, |fields| fields.text, about)
        });
        let mut all: Vec<Written> = of_messages.chain(of_comments).collect();
        for written in &mut all {
            let readers = readers.iter().copied();
            let others = readers.filter(|by| !written.authors.contains(by));
            written.read_by = others.filter(|by| has_read(&written.heads, *by)).collect();
        }
        all.sort_by_key(|written| (written.date, written.at, written.id));
        all
    }

    /// Whether it has a record, in the form in which it was written first.
    pub(crate) fn has(&self, id: RecordId) -> bool {
        self.records().find(id).is_some()
    }
}

impl Plan {
    /// Whether it has a record.
    pub(crate) fn has(&self, id: RecordId) -> bool {
        self.records().find(id).is_some()
    }
}

fn written<F>(
    thing: Thing<F>,
    is_comment: bool,
    text: impl FnOnce(F) -> String,
    about: Option<RecordId>,
) -> Written {
    Written {
        id: thing.id,
        authors: thing.persons(),
        heads: thing.heads,
        is_comment,
        text: text(thing.fields),
        about,
        at: thing.at,
        changed_at: thing.changed_at,
        date: thing.date,
        read_by: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, therapist};

    fn message(text: &str) -> Message {
        Message {
            text: text.into(),
            about: None,
        }
    }

    fn read_by(space: &Space, id: RecordId) -> Vec<PersonTag> {
        let all = space.log().written(&space.plan());
        let mut of_id = all.into_iter().filter(|written| written.id == id);
        of_id.next().unwrap().read_by
    }

    /// Words would be called read that nobody has seen: one that came late, or that was changed since.
    #[test]
    fn what_is_read_is_what_was_named_as_it_stood() {
        let mut space = Space::default();
        let send = |space: &mut Space, text: &str| {
            space.clock += 1;
            space.put(client(), |p, s| p.add(&message(text), None, s))
        };
        let (first, late) = (send(&mut space, "first"), send(&mut space, "late"));
        let last = send(&mut space, "last");
        let read = MessagesRead {
            records: vec![first, last],
        };
        // The one who wrote it says nothing by saying so.
        for by in [client(), therapist()] {
            space.clock += 1;
            space.put(by, |p, s| p.add(&read, None, s));
        }
        let reader = vec![therapist().person];
        assert_eq!(read_by(&space, first), reader);
        assert_eq!(read_by(&space, late), []);
        assert_eq!(read_by(&space, last), reader);
        space.clock += 1;
        let log = space.log();
        let changed = space.put(client(), |p, s| {
            p.change(Some(&log), first, &message("first, and more"), s)
        });
        assert_eq!(read_by(&space, first), []);
        let again = MessagesRead {
            records: vec![changed],
        };
        space.put(therapist(), |p, s| p.add(&again, None, s));
        assert_eq!(read_by(&space, first), reader);
    }
}
