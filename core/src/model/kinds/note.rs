//! A note: names a text that people edit together. The text itself lives in the document beside
//! the records; this record says that it is there, and what it is about.

use chrono::{DateTime, Utc};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::ids::{NoteId, PersonTag, RecordId, TextId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::json;
use crate::model::kinds::Kind;
use crate::model::left_out::Reason;
use crate::model::plan::Plan;
use crate::model::record::{Home, RecordKind, write};
use crate::model::records::{Entry, Records};
use crate::model::text::{LABEL_LIMIT, TextField};
use crate::model::time::{read_instant, write_instant};
use crate::role::Role;

const TITLE: TextField = TextField::optional("title", LABEL_LIMIT);

/// A note as stored.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct Note {
    #[n(0)]
    pub(crate) kind: Kind,
    #[n(1)]
    pub(crate) at: i64,
    #[n(2)]
    pub(crate) text: TextId,
    #[n(3)]
    pub(crate) about: Option<RecordId>,
    #[n(4)]
    pub(crate) title: Option<String>,
}

impl RecordKind for Note {
    const WRITERS: &'static [Role] = &[Role::Client, Role::Therapist];
    const ACTION: &'static str = "write a note";
    const WITHDRAWABLE: bool = true;

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Plan)
    }

    fn check(&self) -> Result<(), Reason> {
        read_instant(self.at)?;
        TITLE.read_opt(self.title.as_deref())
    }

    fn links(&self) -> Vec<RecordId> {
        self.about.into_iter().collect()
    }

    fn belongs_to(&self) -> Vec<RecordId> {
        self.links()
    }

    fn refer(entry: Entry<'_, Self>, records: &Records) -> Result<(), Reason> {
        let known = entry.record.about.is_none_or(|about| records.knows(about));
        known.then_some(()).ok_or(Reason::UnknownReference)
    }
}

/// A note to add for a text that was made in the same document.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NewNote {
    /// The text.
    pub text: TextId,
    /// A record of the plan that it is about.
    pub about: Option<RecordId>,
    /// At most 100 characters.
    pub title: Option<String>,
}

impl NewNote {
    /// Makes the record.
    ///
    /// # Errors
    /// If the title is too long, or what it is about is not in the plan.
    pub fn record(&self, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        TITLE.check_opt(self.title.as_deref())?;
        if let Some(about) = self.about.filter(|about| !plan.records().knows(*about)) {
            return Err(InputError::UnknownRecord(about));
        }
        let at = write_instant(stamp.at)?;
        let (text, about, title) = (self.text, self.about, self.title.clone());
        write(
            &Note {
                kind: Kind::Note,
                at,
                text,
                about,
                title,
            },
            stamp,
        )
    }
}

/// A note.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NoteView {
    /// The note.
    pub id: NoteId,
    /// Its text in the document.
    pub text: TextId,
    /// What it is about.
    pub about: Option<RecordId>,
    /// Its title.
    pub title: Option<String>,
    /// Who began it.
    pub authors: Vec<PersonTag>,
    /// When, by the writer's clock.
    #[serde(serialize_with = "json::instant")]
    pub at: DateTime<Utc>,
}

/// The notes that were not withdrawn, oldest first.
pub(crate) fn views(records: &Records) -> Vec<NoteView> {
    let notes = records
        .of::<Note>()
        .filter(|note| !records.is_withdrawn(note.id));
    let mut views: Vec<_> = notes.filter_map(view).collect();
    views.sort_by_key(|note| (note.at, note.id));
    views
}

fn view(entry: Entry<'_, Note>) -> Option<NoteView> {
    let note = entry.record;
    Some(NoteView {
        id: entry.id.into(),
        text: note.text,
        about: note.about,
        title: note.title.clone(),
        authors: entry.authors.iter().map(|author| author.person).collect(),
        at: read_instant(note.at).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, therapist};

    #[test]
    fn a_note_leads_to_its_text() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let text = TextId([7; 16]);
        let note = NewNote {
            text,
            about: Some(goal.into()),
            title: Some("Agenda".into()),
        };
        space.put(therapist(), |p, s| note.record(p, s));
        let notes = space.plan().notes();
        assert_eq!((notes[0].text, notes[0].about), (text, Some(goal.into())));
        let lost = NewNote {
            text,
            about: Some(RecordId([9; 16])),
            title: None,
        };
        let error = space.refused(client(), |p, s| lost.record(p, s));
        assert_eq!(error, InputError::UnknownRecord(RecordId([9; 16])));
    }
}
