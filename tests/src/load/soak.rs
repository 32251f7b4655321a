//! A long run through a network that breaks: devices append, follow, come back, and have the past
//! dropped again and again. Afterwards nothing that was acknowledged may be gone, and nothing may have
//! grown.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use waymark_wire::chain::Position;

use super::connection::Connection;
use super::process::{Server, verb};
use super::service::Service;
use super::writer::Writer;
use crate::faulty::FaultyProxy;
use crate::report::{Row, as_f64, bytes};

/// How long a request may take before it is made again.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often is looked what the relay takes.
const LOOK: Duration = Duration::from_secs(1);
/// The part of a run in which memory fills up: a third.
const WARM_UP: u32 = 3;

/// What memory may have grown by after the first third: a fifth, and so much more.
const MEMORY: u64 = 8 << 20;
/// Descriptors that may be open beyond those of before: SQLite's readers keep theirs.
const DESCRIPTORS: usize = 16;
/// Bytes that the database may grow by for each entry after the first third. Of an entry that was
/// dropped its place, its id and the chain stay, which are what the log is held against.
const KEPT: u64 = 224;
/// And so much more: what was not dropped yet, and the journal.
const KEPT_BESIDE: u64 = 4 << 20;

/// What is done.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// How long.
    pub span: Duration,
    /// Spaces, each with a device that appends and one that follows.
    pub spaces: usize,
    /// Appends a second, all together, at most.
    pub rate: u32,
    /// What the faults follow from.
    pub seed: u64,
}

/// What the relay took at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    memory: u64,
    descriptors: usize,
    database: u64,
    acknowledged: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Soaked {
    /// Entries that were acknowledged, checkpoints and membership entries among them.
    pub acknowledged: u64,
    /// Spaces whose log is not what was acknowledged, in that order, before or after a restart.
    pub lost: usize,
    /// How often the past of a space was dropped.
    pub dropped: u64,
    /// Entries that came to those who follow.
    pub heard: u64,
    /// What the network did, by name.
    pub faults: [(&'static str, u64); 5],
    /// What `waymark-server check` says in the end.
    pub checked: String,
    is_sound: bool,
    before: Look,
    warm: Look,
    after: Look,
}

/// What all devices of a run share.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) acknowledged: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) heard: AtomicU64,
    is_over: AtomicBool,
}

impl Tally {
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// Runs it. `bar` shows the seconds.
///
/// # Errors
/// [`io::Error`] where the relay refuses what it has to take, ends, or cannot be started.
pub async fn soak(soak: Soak, bar: &ProgressBar) -> io::Result<Soaked> {
    let directory = TempDir::new()?;
    let data = directory.path();
    let server = Server::relay(data, &[])?;
    let key = server.key().ok_or_else(|| io::Error::other("no key"))?;
    let service = Service::Relay(key);
    let proxy = FaultyProxy::to(server.address(), soak.seed).await?;
    let tally = Arc::new(Tally::default());
    let before = look(&server, data, &tally)?;
    let pause = Duration::from_secs(1) * u32::try_from(soak.spaces).unwrap_or(u32::MAX) / soak.rate;
    let mut writers = JoinSet::new();
    let mut readers = JoinSet::new();
    for number in 0..soak.spaces {
        let writer = Writer::new(number, service, proxy.address());
        readers.spawn(writer.reader().follow(Arc::clone(&tally)));
        writers.spawn(writer.write(pause, Arc::clone(&tally)));
    }
    bar.set_length(soak.span.as_secs());
    let begun = Instant::now();
    let mut warm = None;
    while begun.elapsed() < soak.span {
        sleep(LOOK).await;
        bar.set_position(begun.elapsed().as_secs());
        if warm.is_none() && begun.elapsed() > soak.span / WARM_UP {
            warm = Some(look(&server, data, &tally)?);
        }
        if let Some(ended) = writers.try_join_next() {
            ended.map_err(io::Error::other)??;
            return Err(io::Error::other("a device stopped early"));
        }
    }
    let at_end = look(&server, data, &tally)?;
    tally.is_over.store(true, Ordering::Relaxed);
    let mut ended = Vec::new();
    while let Some(writer) = writers.join_next().await {
        ended.push(writer.map_err(io::Error::other)??);
    }
    // They wait for what does not come any more.
    readers.shutdown().await;
    let faults = proxy.faults().counts();
    drop(proxy);
    sleep(LOOK * 2).await;
    let after = Look {
        descriptors: server.descriptors()?,
        ..at_end
    };
    let mut lost = count_lost(&server, &ended).await?;
    server.stop()?;
    let data = data.to_str().unwrap_or_default();
    let (is_sound, checked) = verb(&["check", "--data", data])?;
    let again = Server::relay(directory.path(), &[])?;
    lost = lost.max(count_lost(&again, &ended).await?);
    again.stop()?;
    bar.finish_and_clear();
    Ok(Soaked {
        acknowledged: tally.acknowledged.load(Ordering::Relaxed),
        lost,
        dropped: tally.dropped.load(Ordering::Relaxed),
        heard: tally.heard.load(Ordering::Relaxed),
        faults,
        checked: checked.lines().last().unwrap_or_default().to_owned(),
        is_sound,
        before,
        warm: warm.unwrap_or(at_end),
        after,
    })
}

/// Spaces whose log does not end as its writer computed from what was acknowledged: the chain is over
/// every entry in its order.
async fn count_lost(server: &Server, writers: &[Writer]) -> io::Result<usize> {
    let mut lost = 0;
    for writer in writers {
        let mut connection = Connection::open(server.address()).await?;
        let key = server.key().ok_or_else(|| io::Error::other("no key"))?;
        let end: Position = timeout(PATIENCE, writer.end_at(&mut connection, key)).await??;
        lost += usize::from(end != writer.cursor().position());
    }
    Ok(lost)
}

fn look(server: &Server, data: &Path, tally: &Tally) -> io::Result<Look> {
    let size = |name: &str| fs::metadata(data.join(name)).map_or(0, |file| file.len());
    Ok(Look {
        memory: server.resident()?,
        descriptors: server.descriptors()?,
        database: size("relay.db") + size("relay.db-wal"),
        acknowledged: tally.acknowledged.load(Ordering::Relaxed),
    })
}

impl Soaked {
    /// What is asked for, and whether it is so.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let is = |measure: &str, ours: String, target: String, met: bool| Row {
            measure: measure.into(),
            ours,
            baseline: "–".into(),
            ratio: String::new(),
            target,
            met: Some(met),
        };
        let faults = self.faults.map(|(name, count)| format!("{name} {count}"));
        let warm = self.warm;
        let memory = warm.memory + warm.memory / 5 + MEMORY;
        let more = self.after.acknowledged.saturating_sub(warm.acknowledged);
        let database = warm.database + more * KEPT + KEPT_BESIDE;
        let grown = self.after.database.saturating_sub(warm.database);
        let descriptors = self.before.descriptors + DESCRIPTORS;
        vec![
            Row::note(
                "entries acknowledged",
                self.acknowledged.to_string(),
                "–".into(),
            ),
            Row::note(
                "  heard by those who follow",
                self.heard.to_string(),
                "–".into(),
            ),
            Row::note("  connections", faults.join(", "), "–".into()),
            is(
                "spaces that lack something acknowledged",
                self.lost.to_string(),
                "0".into(),
                self.lost == 0,
            ),
            is(
                "waymark-server check",
                self.checked.clone(),
                "sound".into(),
                self.is_sound,
            ),
            is(
                "pasts that were dropped",
                self.dropped.to_string(),
                "> 0".into(),
                self.dropped > 0,
            ),
            is(
                "memory at the end; after a third",
                format!("{}; {}", bytes(self.after.memory), bytes(warm.memory)),
                format!("≤ {}", bytes(memory)),
                self.after.memory <= memory,
            ),
            is(
                "open files when all have gone; before they came",
                format!("{}; {}", self.after.descriptors, self.before.descriptors),
                format!("≤ {descriptors}"),
                self.after.descriptors <= descriptors,
            ),
            is(
                "database at the end; after a third",
                format!("{}; {}", bytes(self.after.database), bytes(warm.database)),
                format!("≤ {}", bytes(database)),
                self.after.database <= database,
            ),
            Row::note(
                "  growth for each entry since",
                format!("{:.0} B", as_f64(grown) / as_f64(more.max(1))),
                "–".into(),
            ),
        ]
    }
}
