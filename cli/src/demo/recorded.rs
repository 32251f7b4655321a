//! A recorded diary: a CSV file with the columns of Kossakowski et al. (2017), one row a report.
//!
//! Read are `date` and `resptime_s` (local times in Europe/Amsterdam) and 26 ratings; other columns
//! are left alone. Every cell that is read has to make sense, or nothing is used: the error names
//! file, line and column.

mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use self::table::Table;
use super::diary::{Aim, Diary, Report, Scale, date_of};

const ZONE: Tz = Tz::Europe__Amsterdam;
/// The columns that hold ratings: from 1 to 7, or around zero from -3 to 3.
const RATINGS: [Scale; 26] = [
    seven("mood_relaxed"),
    around_zero("mood_down"),
    seven("mood_irritat"),
    seven("mood_satisfi"),
    around_zero("mood_lonely"),
    around_zero("mood_anxious"),
    seven("mood_enthus"),
    seven("mood_suspic"),
    seven("mood_cheerf"),
    around_zero("mood_guilty"),
    seven("mood_doubt"),
    seven("mood_strong"),
    seven("pat_restl"),
    seven("pat_agitate"),
    seven("pat_worry"),
    seven("pat_concent"),
    seven("se_selflike"),
    seven("se_ashamed"),
    seven("se_selfdoub"),
    seven("se_handle"),
    seven("phy_hungry"),
    seven("phy_tired"),
    seven("phy_pain"),
    seven("phy_headache"),
    seven("phy_sleepy"),
    seven("phy_physact"),
];
/// Longest time from the first report to the last, in days: what a view shows at once.
const DAYS: i64 = 3_660;

/// The goal that goes with such a diary.
const AIM: Aim = Aim {
    area: "Self-awareness",
    counted: "looks inward",
    unit: "times",
    units: "times",
    first: ("Look inward five times a day", 5),
    later: ("Look inward six times a day", 6),
    rationale: "Five looks a day have become easy; one more in the evening completes the picture",
};

/// Why a diary cannot be used. Nothing has been done then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordedError {
    /// A cell makes no sense, or is missing.
    #[error("{}:{line}:{column}: {why}", file.display())]
    Cell {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// The column's name, and what is wrong.
        why: String,
    },
    /// There is no report in it.
    #[error("{} holds no report", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// It cannot be read.
    #[error("{} cannot be read: {why}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// First and last report are too far apart.
    #[error("{} spans {days} days, at most {DAYS} can be shown", file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
        /// From the first report to the last.
        days: i64,
    },
}

/// Reads a diary.
///
/// # Errors
/// [`RecordedError`] names file, line and column.
pub(crate) fn read(path: &Path) -> Result<Diary, RecordedError> {
    let io = |why| RecordedError::Io {
        file: path.to_path_buf(),
        why,
    };
    parse(path, &fs::read(path).map_err(io)?)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Diary, RecordedError> {
    let mut table = Table::open(path, bytes)?;
    let mut reports: BTreeMap<DateTime<Utc>, (u64, Report)> = BTreeMap::new();
    while let Some(row) = table.next_row()? {
        let report = row.report()?;
        if let Some((line, _)) = reports.get(&report.at) {
            return Err(row.repeats(*line));
        }
        reports.insert(report.at, (row.line(), report));
    }
    let reports: Vec<Report> = reports.into_values().map(|(_, report)| report).collect();
    let (Some(first), Some(last)) = (reports.first(), reports.last()) else {
        return Err(RecordedError::Empty {
            file: path.to_path_buf(),
        });
    };
    let (first, last) = (date_of(first.at, ZONE), date_of(last.at, ZONE));
    let days = (last - first).num_days() + 1;
    let too_long = || RecordedError::TooLong {
        file: path.to_path_buf(),
        days,
    };
    if days > DAYS {
        return Err(too_long());
    }
    let days = u32::try_from(days).map_err(|_| too_long())?;
    Ok(Diary {
        zone: ZONE,
        first,
        days,
        aim: AIM,
        scales: RATINGS.to_vec(),
        reports,
    })
}

const fn seven(label: &'static str) -> Scale {
    Scale {
        label,
        min: 1,
        max: 7,
    }
}

const fn around_zero(label: &'static str) -> Scale {
    Scale {
        label,
        min: -3,
        max: 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> String {
        let names: Vec<_> = RATINGS.iter().map(|scale| scale.label).collect();
        format!("date,beepno,resptime_s,{}", names.join(","))
    }

    fn row(date: &str, time: &str) -> String {
        let ratings: Vec<_> = RATINGS.iter().map(|scale| scale.max.to_string()).collect();
        format!("{date},1,{time},{}", ratings.join(","))
    }

    fn parsed(text: impl AsRef<[u8]>) -> Result<Diary, String> {
        parse(Path::new("diary.csv"), text.as_ref()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_diary_is_read_at_its_local_times() {
        let summer = row("2012-10-27", "08:58:56");
        let winter = row("2012-10-29", "08:58:56");
        let diary = parsed(format!("{}\n{summer}\n{winter}\n", header())).unwrap();
        assert_eq!(diary.days, 3);
        let instants: Vec<_> = diary.reports.iter().map(|r| r.at.to_rfc3339()).collect();
        assert_eq!(
            instants,
            ["2012-10-27T06:58:56+00:00", "2012-10-29T07:58:56+00:00"]
        );
        assert_eq!(diary.reports[0].ratings.len(), 26);
        assert_eq!(diary.reports[0].ratings[1], (1, 3));
    }

    /// Spreadsheets write both, and nobody sees either.
    #[test]
    fn a_byte_order_mark_and_crlf_are_accepted() {
        let lines = [
            header(),
            row("2012-08-13", "08:58:56"),
            row("2012-08-14", "09:00:00"),
        ];
        let plain = parsed(lines.join("\n")).unwrap();
        assert_eq!(
            parsed(format!("\u{feff}{}\r\n", lines.join("\r\n"))).unwrap(),
            plain
        );
    }

    #[test]
    fn a_missing_rating_is_not_rated() {
        let line = row("2012-08-13", "08:58:56")
            .replacen(",7,", ",NA,", 1)
            .replacen(",7,", ",,", 1);
        let diary = parsed(format!("{}\n{line}", header())).unwrap();
        assert_eq!(diary.reports[0].ratings.len(), 24);
    }

    /// With 1,476 rows, "the file is wrong" helps nobody.
    #[test]
    fn what_is_wrong_is_named_by_file_line_and_column() {
        let good = row("2012-08-13", "08:58:56");
        let wrong = |bad: &str| parsed(format!("{}\n{good}\n{bad}\n", header())).unwrap_err();
        let out = row("2012-08-14", "09:00:00").replacen(",7,", ",8,", 1);
        assert_eq!(
            wrong(&out),
            "diary.csv:3:4: mood_relaxed: 8 is outside 1 to 7"
        );
        let text = row("2012-08-14", "09:00:00").replacen(",3,", ",x,", 1);
        assert_eq!(
            wrong(&text),
            "diary.csv:3:5: mood_down: a whole number is needed, something else stands there"
        );
        assert!(wrong(&row("13.08.2012", "09:00:00")).starts_with("diary.csv:3:1: date: a date"));
        assert!(wrong(&row("2012-08-14", "99:00:00")).starts_with("diary.csv:3:3: resptime_s: "));
        assert!(wrong(&row("2012-08-14", "")).contains("nothing stands there"));
        assert!(wrong("2012-08-14,1").starts_with("diary.csv:3:2: the row has 2 columns"));
        assert_eq!(
            wrong(&good),
            "diary.csv:3:3: resptime_s: the instant of line 2 once more"
        );
    }

    #[test]
    fn empty_lines_do_not_shift_the_numbers() {
        let bad = row("2012-08-14", "09:00:00").replacen(",7,", ",8,", 1);
        let text = format!(
            "{}\r\n\r\n{}\r\n\r\n{bad}\r\n",
            header(),
            row("2012-08-13", "08:58:56")
        );
        assert_eq!(
            parsed(text).unwrap_err(),
            "diary.csv:5:4: mood_relaxed: 8 is outside 1 to 7"
        );
    }

    #[test]
    fn a_missing_or_doubled_column_is_named() {
        let without = header().replace(",se_handle", "");
        assert_eq!(
            parsed(format!("{without}\n")).unwrap_err(),
            "diary.csv:1:29: se_handle: this column is missing"
        );
        let twice = format!("{},date\n", header());
        assert_eq!(
            parsed(twice).unwrap_err(),
            "diary.csv:1:30: date: this column is there twice"
        );
        assert_eq!(parsed(header()).unwrap_err(), "diary.csv holds no report");
        assert!(parsed("").unwrap_err().starts_with("diary.csv:1:1: date: "));
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_named() {
        let mut bytes = format!("{}\n", header()).into_bytes();
        bytes.extend(
            row("2012-08-13", "08:58:56")
                .replacen('1', "?", 0)
                .into_bytes(),
        );
        let place = bytes.len() - 1;
        bytes[place] = 0xff;
        assert_eq!(
            parsed(bytes).unwrap_err(),
            "diary.csv:2:29: the text is not UTF-8"
        );
    }
}
