//! The same check-ins as an app would store and send them without Waymark: as JSON, and as plain
//! Automerge with a map of fields and a text for the note.

use std::time::{Duration, Instant};

use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, AutomergeError, ObjType, ROOT};
use chrono::Datelike;
use serde_json::{Value, json};

use super::diary::{Diary, Report, date_of};
use super::operator::hex;

/// What each check-in came to.
#[derive(Debug, Default)]
pub(crate) struct Naive {
    /// Bytes of each as a JSON object.
    pub(crate) json: Vec<usize>,
    /// Bytes of each as an Automerge change.
    pub(crate) automerge: Vec<usize>,
    /// How long each Automerge commit took, in memory.
    pub(crate) commits: Vec<Duration>,
    /// Bytes of all documents as Automerge saves them.
    pub(crate) saved: usize,
}

impl Naive {
    /// Stores the check-ins of a diary both ways, in a document a month as Waymark does.
    ///
    /// # Errors
    /// Automerge's.
    pub(crate) fn of(diary: &Diary, ids: &[[u8; 16]]) -> Result<Self, AutomergeError> {
        let mut naive = Self::default();
        let entries: Vec<_> = diary.reports.iter().zip(ids).collect();
        let month = |report: &Report| {
            let date = date_of(report.at, diary.zone);
            (date.year(), date.month())
        };
        for entries in entries.chunk_by(|(a, _), (b, _)| month(a) == month(b)) {
            naive.month(diary, entries)?;
        }
        Ok(naive)
    }

    fn month(
        &mut self,
        diary: &Diary,
        entries: &[(&Report, &[u8; 16])],
    ) -> Result<(), AutomergeError> {
        let mut document = AutoCommit::new().with_actor(ActorId::from(&[7; 16]));
        for (report, id) in entries {
            let fields = fields(diary, report, hex(*id));
            self.json.push(fields.to_string().len());
            let started = Instant::now();
            let entry = document.put_object(ROOT, hex(*id), ObjType::Map)?;
            put(&mut document, &entry, &fields)?;
            document.commit();
            self.commits.push(started.elapsed());
        }
        let changes = document.get_changes(&[]).into_iter();
        self.automerge
            .extend(changes.map(|mut change| change.bytes().len()));
        self.saved += document.save().len();
        Ok(())
    }
}

fn fields(diary: &Diary, report: &Report, id: String) -> Value {
    let ratings: serde_json::Map<String, Value> = report
        .ratings
        .iter()
        .filter_map(|(scale, value)| Some((diary.scales.get(*scale)?.label.into(), json!(value))))
        .collect();
    json!({
        "id": id,
        "goal": diary.aim.area,
        "at": report.at.to_rfc3339(),
        "date": date_of(report.at, diary.zone).to_string(),
        "time_zone": diary.zone.name(),
        "outcome": report.outcome.as_str(),
        "quantity": report.quantity,
        "unit": report.quantity.map(|_| diary.aim.unit),
        "ratings": ratings,
        "note": report.note,
    })
}

fn put(
    document: &mut AutoCommit,
    at: &automerge::ObjId,
    fields: &Value,
) -> Result<(), AutomergeError> {
    for (name, value) in fields.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => {
                let map = document.put_object(at, name, ObjType::Map)?;
                put(document, &map, value)?;
            }
            Value::String(text) if name == "note" => {
                let note = document.put_object(at, name, ObjType::Text)?;
                document.splice_text(&note, 0, 0, text)?;
            }
            Value::String(text) => document.put(at, name, text.as_str())?,
            Value::Number(number) => document.put(at, name, number.as_i64().unwrap_or_default())?,
            _ => {}
        }
    }
    Ok(())
}
