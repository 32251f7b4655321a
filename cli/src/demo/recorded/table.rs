//! The file as a table: its columns, its lines, and what a row says.

use std::path::Path;

use chrono::{NaiveDate, NaiveTime};
use csv::{ErrorKind, ReaderBuilder, StringRecord};
use waymark_core::model::{Outcome, instant_of};

use super::{RATINGS, RecordedError, ZONE};
use crate::demo::diary::Report;

const DATE: &str = "date";
const TIME: &str = "resptime_s";

/// The file with the places of the columns that are read.
pub(super) struct Table<'f> {
    path: &'f Path,
    reader: csv::Reader<&'f [u8]>,
    columns: Columns,
    lines: Lines<'f>,
}

/// Finds the line of a place in the file. Places come in ascending order.
struct Lines<'f> {
    bytes: &'f [u8],
    place: usize,
    line: u64,
}

#[derive(Clone)]
struct Columns {
    date: usize,
    time: usize,
    ratings: Vec<usize>,
}

/// One row with its line.
pub(super) struct Row<'f> {
    path: &'f Path,
    table: Columns,
    line: u64,
    cells: StringRecord,
}

impl<'f> Table<'f> {
    /// Finds the columns.
    pub(super) fn open(path: &'f Path, bytes: &'f [u8]) -> Result<Self, RecordedError> {
        // Spreadsheets put a byte order mark first.
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut lines = Lines {
            bytes,
            place: 0,
            line: 1,
        };
        let mut reader = ReaderBuilder::new().from_reader(bytes);
        let names = reader
            .headers()
            .map_err(|error| refused(path, &mut lines, &error))?
            .clone();
        let find = |name: &str| {
            let mut places = (0..).zip(&names).filter(|(_, known)| *known == name);
            let wrong = |column, why| RecordedError::Cell {
                file: path.to_path_buf(),
                line: 1,
                column,
                why: format!("{name}: {why}"),
            };
            let missing = wrong(names.len() + 1, "this column is missing");
            let (place, _) = places.next().ok_or(missing)?;
            match places.next() {
                Some((again, _)) => Err(wrong(again + 1, "this column is there twice")),
                None => Ok(place),
            }
        };
        let ratings: Result<_, _> = RATINGS.iter().map(|scale| find(scale.label)).collect();
        let columns = Columns {
            date: find(DATE)?,
            time: find(TIME)?,
            ratings: ratings?,
        };
        Ok(Self {
            path,
            reader,
            columns,
            lines,
        })
    }

    /// The next row, until there is none.
    pub(super) fn next_row(&mut self) -> Result<Option<Row<'f>>, RecordedError> {
        let mut cells = StringRecord::new();
        let more = self.reader.read_record(&mut cells);
        if !more.map_err(|error| refused(self.path, &mut self.lines, &error))? {
            return Ok(None);
        }
        let line = self.lines.line_of(cells.position());
        Ok(Some(Row {
            path: self.path,
            table: self.columns.clone(),
            line,
            cells,
        }))
    }
}

impl Lines<'_> {
    /// The line in which a record begins. The reader counts the empty lines before it as its own.
    fn line_of(&mut self, record: Option<&csv::Position>) -> u64 {
        let from = record.map_or(0, csv::Position::byte);
        let from = usize::try_from(from)
            .unwrap_or(usize::MAX)
            .clamp(self.place, self.bytes.len());
        let empty = self.bytes[from..]
            .iter()
            .take_while(|byte| b"\r\n".contains(byte))
            .count();
        let passed = &self.bytes[self.place..from + empty];
        let ends = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line += u64::try_from(ends).unwrap_or(u64::MAX);
        self.place = from + empty;
        self.line
    }
}

impl Row<'_> {
    /// The line in which it stands, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// That its instant is that of an earlier line.
    pub(super) fn repeats(&self, earlier: u64) -> RecordedError {
        let why = format!("the instant of line {earlier} once more");
        self.wrong(self.table.time, TIME, why)
    }

    /// What it reports.
    pub(super) fn report(&self) -> Result<Report, RecordedError> {
        let date: NaiveDate = self.cell(self.table.date, DATE, "a date such as 2012-08-13")?;
        let time: NaiveTime = self.cell(self.table.time, TIME, "a time such as 08:58:56")?;
        let at = instant_of(date.and_time(time), ZONE);
        let far = || self.wrong(self.table.date, DATE, "lies too far away".into());
        let at = at.filter(|at| (1900..=9998).contains(&chrono::Datelike::year(at)));
        let mut ratings = Vec::new();
        for (index, (place, scale)) in self.table.ratings.iter().zip(RATINGS).enumerate() {
            if matches!(self.cells.get(*place), Some("" | "NA")) {
                continue;
            }
            let value: i32 = self.cell(*place, scale.label, "a whole number")?;
            if !(scale.min..=scale.max).contains(&value) {
                let why = format!("{value} is outside {} to {}", scale.min, scale.max);
                return Err(self.wrong(*place, scale.label, why));
            }
            ratings.push((index, value));
        }
        Ok(Report {
            at: at.ok_or_else(far)?,
            outcome: Outcome::Done,
            quantity: Some(1),
            ratings,
            note: None,
        })
    }

    fn cell<T: std::str::FromStr>(
        &self,
        place: usize,
        name: &str,
        form: &str,
    ) -> Result<T, RecordedError> {
        let cell = self.cells.get(place).unwrap_or_default();
        cell.parse().map_err(|_| {
            // What stands there may be private, and long.
            let what = if cell.is_empty() {
                "nothing"
            } else {
                "something else"
            };
            self.wrong(
                place,
                name,
                format!("{form} is needed, {what} stands there"),
            )
        })
    }

    fn wrong(&self, place: usize, name: &str, why: String) -> RecordedError {
        RecordedError::Cell {
            file: self.path.to_path_buf(),
            line: self.line,
            column: place + 1,
            why: format!("{name}: {why}"),
        }
    }
}

/// What the CSV reader refuses.
fn refused(path: &Path, lines: &mut Lines<'_>, error: &csv::Error) -> RecordedError {
    let line = lines.line_of(error.position());
    let (column, why) = match error.kind() {
        ErrorKind::Utf8 { err, .. } => (err.field() + 1, "the text is not UTF-8".to_owned()),
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            let column = usize::try_from(*len.min(expected_len)).unwrap_or(usize::MAX);
            (
                column,
                format!("the row has {len} columns, the header {expected_len}"),
            )
        }
        _ => (1, error.to_string()),
    };
    RecordedError::Cell {
        file: path.to_path_buf(),
        line,
        column,
        why,
    }
}
