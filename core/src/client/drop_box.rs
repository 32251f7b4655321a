//! The drop box: where widgets, notification actions and extensions leave check-ins for the app.
//!
//! They never open the database. Each intent is a file of its own, sealed under a key that opens
//! nothing else, and written under another name first, so that none is ever seen in part. The app
//! takes them in when it opens and whenever it asks. The format stands in
//! `docs/adr/0039-a-drop-box-of-sealed-files.md`; the writers are in `ffi/kotlin` and `ffi/swift`.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use minicbor::{Decode, Encode};
use waymark_wire::codec;

use super::{CheckIns, Inner, PlanId, WaymarkError};
use crate::crypto::{DropKey, Secret};
use crate::model::{CheckInId, GoalId, NewCheckIn, Outcome};

/// What an intent's file is called, behind its random name.
const INTENT: &str = "intent";
/// What it is called once it was refused.
const REFUSED: &str = "refused";
/// Longer than any intent that can be taken in.
const LONGEST: usize = 32 * 1024;
/// The first byte of an intent, in clear.
const VERSION: u8 = 1;
/// The only kind of intent so far.
const CHECK_IN: u8 = 1;

/// The drop box of a client, where the configuration names one.
#[derive(Clone, Copy)]
pub struct DropBox<'c>(pub(super) &'c Arc<Inner>);

/// Where intents lie, and what opens them.
pub(super) struct Dropped {
    directory: PathBuf,
    key: DropKey,
}

/// What came of taking in intents.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DropBoxReport {
    /// The check-ins that were logged, in the order of their instants.
    pub logged: Vec<CheckInId>,
    /// Intents whose plan or goal is not on this device yet: they stay and are tried again.
    pub waiting: u32,
    /// Every intent that was refused, now or before. The files stay until the app removes them.
    pub refused: Vec<RefusedIntent>,
}

/// An intent that cannot be taken in.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RefusedIntent {
    /// The file's name in the drop box.
    pub file: String,
    /// Why, where it was refused just now. It holds nothing that people wrote.
    pub reason: Option<String>,
}

/// A check-in as an intent says it.
#[derive(Clone, Debug, Decode, Encode, PartialEq)]
#[cbor(map)]
struct Intent {
    #[n(0)]
    kind: u8,
    #[cbor(n(1), with = "minicbor::bytes")]
    plan: [u8; 32],
    #[n(2)]
    goal: Option<GoalId>,
    #[n(3)]
    outcome: u8,
    /// Milliseconds since 1970.
    #[n(4)]
    at: i64,
    #[n(5)]
    date: String,
    #[n(6)]
    quantity: Option<f64>,
    #[n(7)]
    note: Option<String>,
}

/// An intent that reads, or why not.
struct Found {
    file: PathBuf,
    said: Result<(PlanId, NewCheckIn, DateTime<Utc>), WaymarkError>,
}

impl DropBox<'_> {
    /// The key that intents are sealed under, for the app to hand to its own extensions. It follows
    /// from the storage key and opens nothing but intents that are still to be taken in.
    ///
    /// # Errors
    /// `not_found` where the configuration names no drop box.
    pub fn key(&self) -> Result<Secret<32>, WaymarkError> {
        Ok(self.0.dropped()?.key.copied()?)
    }

    /// Takes in what lies in the drop box, in the order of the instants at which it was written. Each
    /// file goes once its check-in is durable: a phone that dies in between finds the same check-in
    /// again and logs nothing twice.
    ///
    /// # Errors
    /// `not_found` where the configuration names no drop box, or the storage's; what was not reached
    /// stays where it is.
    pub fn take_in(&self) -> Result<DropBoxReport, WaymarkError> {
        let dropped = self.0.dropped()?;
        let mut report = DropBoxReport::default();
        let mut found = Vec::new();
        for file in files(&dropped.directory).map_err(failed)? {
            match file.extension().and_then(|ending| ending.to_str()) {
                Some(INTENT) => {
                    let said = read(&file).map_err(failed)?;
                    let said = said.and_then(|bytes| dropped.key.intent(&bytes));
                    found.push(Found { file, said });
                }
                Some(REFUSED) => report.refused.push(RefusedIntent {
                    file: name(&file),
                    reason: None,
                }),
                _ => {}
            }
        }
        found.sort_by_key(|found| found.said.as_ref().map(|(_, _, at)| *at).ok());
        for Found { file, said } in found {
            let logged = said.and_then(|(plan, check_in, at)| {
                CheckIns(self.0).log_at(plan, &check_in, Some(at))
            });
            match logged {
                Ok(id) => {
                    fs::remove_file(&file).map_err(failed)?;
                    report.logged.push(id);
                }
                // A plan that is still on its way, as after a restore.
                Err(WaymarkError::NotFound { .. } | WaymarkError::Offline { .. }) => {
                    report.waiting += 1;
                }
                Err(
                    WaymarkError::InvalidInput { reason } | WaymarkError::NotAllowed { reason },
                ) => {
                    let kept = file.with_extension(REFUSED);
                    fs::rename(&file, &kept).map_err(failed)?;
                    report.refused.push(RefusedIntent {
                        file: name(&kept),
                        reason: Some(reason),
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(report)
    }
}

impl Dropped {
    pub(super) fn new(directory: PathBuf, storage_key: &[u8; 32]) -> Result<Self, WaymarkError> {
        let key = DropKey::derive(storage_key)?;
        Ok(Self { directory, key })
    }
}

impl Inner {
    /// Takes in what was dropped, when the client opens with a place for it. What fails is tried the
    /// next time.
    pub(super) fn take_in_from(
        self: &Arc<Self>,
        storage_key: &[u8; 32],
    ) -> Result<(), WaymarkError> {
        let Some(directory) = &self.config.drop_box else {
            return Ok(());
        };
        let dropped = Dropped::new(directory.clone(), storage_key)?;
        // Nobody else has had this client yet.
        let _ = self.dropped.set(dropped);
        match DropBox(self).take_in() {
            Ok(report) => {
                for refused in report.refused {
                    if let Some(reason) = refused.reason {
                        tracing::warn!(%reason, "an intent was refused");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the drop box was not emptied"),
        }
        Ok(())
    }

    fn dropped(&self) -> Result<&Dropped, WaymarkError> {
        let dropped = self.dropped.get();
        dropped.ok_or_else(|| WaymarkError::not_found("a drop box"))
    }
}

impl DropKey {
    /// Opens and reads the bytes of an intent.
    fn intent(&self, bytes: &[u8]) -> Result<(PlanId, NewCheckIn, DateTime<Utc>), WaymarkError> {
        let (version, sealed) = bytes
            .split_first()
            .ok_or_else(|| WaymarkError::invalid("an intent without a byte"))?;
        if *version != VERSION {
            return Err(WaymarkError::invalid("an intent of another version"));
        }
        let said = self
            .open(sealed)
            .map_err(|_| WaymarkError::invalid("an intent does not open"))?;
        let intent: Intent = codec::decode(&said, said.len())
            .map_err(|_| WaymarkError::invalid("an intent cannot be read"))?;
        intent.check_in()
    }
}

impl Intent {
    fn check_in(self) -> Result<(PlanId, NewCheckIn, DateTime<Utc>), WaymarkError> {
        if self.kind != CHECK_IN {
            return Err(WaymarkError::invalid("an intent of an unknown kind"));
        }
        let outcome = Outcome::read(self.outcome)
            .map_err(|_| WaymarkError::invalid("an intent's outcome is unknown"))?;
        let date: NaiveDate = self
            .date
            .parse()
            .map_err(|_| WaymarkError::invalid("an intent's date is written as 2026-05-01"))?;
        let at = DateTime::from_timestamp_millis(self.at)
            .ok_or_else(|| WaymarkError::invalid("an intent's instant lies beyond all dates"))?;
        let check_in = NewCheckIn {
            goal: self.goal,
            date: Some(date),
            outcome,
            quantity: self.quantity,
            unit: None,
            ratings: Vec::new(),
            note: self.note,
            replaces: Vec::new(),
            revision_seen: None,
        };
        Ok((PlanId(self.plan), check_in, at))
    }
}

/// The files of the drop box, by name; none where there is no such directory yet.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// The bytes of an intent's file, where they are not too many.
fn read(file: &Path) -> io::Result<Result<Vec<u8>, WaymarkError>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(file)?;
    file.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(match bytes.len() > LONGEST {
        true => Err(WaymarkError::invalid("an intent is too long")),
        false => Ok(bytes),
    })
}

fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn failed(error: io::Error) -> WaymarkError {
    let reason = format!("the drop box: {error}");
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            WaymarkError::StorageFull { reason }
        }
        _ => WaymarkError::StorageFailed { reason },
    }
}

#[cfg(test)]
mod tests;
