//! Pushers that each wait for their answer before they append again, at full speed or at a rate, and
//! readers that follow them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::connection::Connection;
use super::service::Service;
use crate::testing::{Space, start};

/// Connections that make spaces at a time.
const FOUNDERS: usize = 32;
/// How long readers may lag behind the last append.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is done.
#[derive(Clone, Copy, Debug)]
pub struct Drive {
    /// Spaces, each with one pusher and, where they are followed, one reader.
    pub pushers: usize,
    /// Appends of one entry, all pushers together.
    pub appends: usize,
    /// Appends a second, all together; `None` is as fast as answers come.
    pub rate: Option<f64>,
    /// Whether each space has a live reader.
    pub follow: bool,
    /// What tells these spaces from those of other drives on the same relay.
    pub seed: u64,
}

/// What came of it. Times are in microseconds.
#[derive(Clone, Debug)]
pub struct Driven {
    /// Appends that were taken.
    pub appended: u64,
    /// Appends that were answered anything else.
    pub refused: u64,
    /// From the first append to the last answer.
    pub took: Duration,
    /// From an append to its answer. What waits for its turn waits from when it was due.
    pub answered: Histogram<u64>,
    /// From an append to its entry at a reader.
    pub heard: Histogram<u64>,
}

impl Driven {
    /// Appends a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.appended).unwrap_or(u32::MAX)) / self.took.as_secs_f64()
    }
}

/// A value at a quantile (0 to 1) of a histogram of microseconds.
pub(super) fn at(histogram: &Histogram<u64>, quantile: f64) -> Duration {
    Duration::from_micros(histogram.value_at_quantile(quantile))
}

pub(super) fn histogram() -> Histogram<u64> {
    // A microsecond up to two minutes: these bounds are good.
    Histogram::new_with_bounds(1, 120_000_000, 3).expect("a histogram")
}

pub(super) fn note(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
}

/// When one of several takes its turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    begin: Instant,
    every: Option<Duration>,
}

impl Pace {
    /// The pace of the `number`th of `count`, which do `rate` a second together.
    pub(super) fn of(begin: Instant, (number, count): (usize, usize), rate: Option<f64>) -> Self {
        let factor = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let every = rate.map(|rate| Duration::from_secs_f64(factor(count) / rate));
        let offset = rate.map_or(0.0, |rate| factor(number) / rate);
        Self {
            begin: begin + Duration::from_secs_f64(offset),
            every,
        }
    }

    /// Waits for a turn, and gives when it began: before now where it was due while the one before
    /// was not over.
    pub(super) async fn turn(&self, number: usize) -> Instant {
        let Some(every) = self.every else {
            return Instant::now();
        };
        let due = self.begin + every * u32::try_from(number).unwrap_or(u32::MAX);
        if due <= Instant::now() {
            return due;
        }
        // Timers are as fine as a millisecond: the turn begins when this one wakes.
        sleep_until(due).await;
        Instant::now()
    }
}

/// When each entry of a space was sent, for its reader.
#[derive(Debug)]
struct Sent {
    begin: Instant,
    micros: Vec<AtomicU64>,
}

impl Sent {
    fn new(begin: Instant, count: usize) -> Arc<Self> {
        let micros = (0..count).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { begin, micros })
    }

    fn set(&self, number: usize, at: Instant) {
        let micros = at.saturating_duration_since(self.begin).as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        self.micros[number].store(micros, Ordering::Release);
    }

    fn since(&self, number: usize) -> Duration {
        let sent = Duration::from_micros(self.micros[number].load(Ordering::Acquire));
        self.begin.elapsed().saturating_sub(sent)
    }
}

/// Makes the spaces of a drive on a service.
pub(super) async fn found(
    address: &str,
    service: Service,
    (seed, count): (u64, usize),
) -> io::Result<Vec<Space>> {
    let mut founders = JoinSet::new();
    let share = count.div_ceil(FOUNDERS).max(1);
    for first in (0..count).step_by(share) {
        let address = address.to_owned();
        founders.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut spaces = Vec::with_capacity(share);
            for number in first..count.min(first + share) {
                let number = u64::try_from(number).unwrap_or(u64::MAX);
                let space = Space::found(seed + number);
                service.found(&mut connection, &space).await?;
                spaces.push(space);
            }
            io::Result::Ok((first, spaces))
        });
    }
    let mut found = Vec::new();
    while let Some(share) = founders.join_next().await {
        found.push(share.map_err(io::Error::other)??);
    }
    found.sort_by_key(|(first, _)| *first);
    Ok(found.into_iter().flat_map(|(_, spaces)| spaces).collect())
}

/// Drives a service at `address`.
///
/// # Errors
/// [`io::Error`] where a connection breaks, or a reader does not hear what was appended.
pub async fn drive(
    address: &str,
    service: Service,
    drive: Drive,
    bar: &ProgressBar,
) -> io::Result<Driven> {
    let mut spaces = found(address, service, (drive.seed, drive.pushers)).await?;
    let each = drive.appends.div_ceil(drive.pushers.max(1));
    // Signed before, so that the load is the service's.
    let bodies: Vec<Vec<Vec<u8>>> = spaces
        .iter_mut()
        .map(|space| {
            let entries = (0..each).map(|_| space.batch(0)).collect::<Vec<_>>();
            let body = |entry| Service::append_body(space, entry);
            entries.into_iter().map(body).collect()
        })
        .collect();
    let origin = Instant::now();
    let sent: Vec<_> = spaces.iter().map(|_| Sent::new(origin, each)).collect();
    let mut readers = JoinSet::new();
    if drive.follow {
        let mut connection = Connection::open(address).await?;
        let nonce = service.nonce(&mut connection).await?;
        for (number, space) in spaces.iter().enumerate() {
            let connection = Connection::open(address).await?;
            let following = service
                .follow(connection, (space, number), &nonce, start(&space.id))
                .await?;
            let sent = Arc::clone(&sent[number]);
            let first = service.first_seq();
            readers.spawn(read(following, sent, first));
        }
        // What is there already has come.
        sleep(Duration::from_millis(200)).await;
    }
    bar.set_length(u64::try_from(each * drive.pushers).unwrap_or(u64::MAX));
    let begin = Instant::now();
    let mut pushers = JoinSet::new();
    for (number, bodies) in bodies.into_iter().enumerate() {
        let pace = Pace::of(begin, (number, drive.pushers), drive.rate);
        let connection = Connection::open(address).await?;
        let path = service.append_path(number);
        let sent = Arc::clone(&sent[number]);
        pushers.spawn(push(connection, path, bodies, pace, sent, bar.clone()));
    }
    let mut driven = Driven {
        appended: 0,
        refused: 0,
        took: Duration::ZERO,
        answered: histogram(),
        heard: histogram(),
    };
    while let Some(pushed) = pushers.join_next().await {
        let (answered, refused) = pushed.map_err(io::Error::other)??;
        driven.appended += answered.len();
        driven.refused += refused;
        driven.answered.add(answered).map_err(io::Error::other)?;
    }
    driven.took = begin.elapsed();
    let heard = async {
        while let Some(heard) = readers.join_next().await {
            let heard = heard.map_err(io::Error::other)??;
            driven.heard.add(heard).map_err(io::Error::other)?;
        }
        io::Result::Ok(())
    };
    match tokio::time::timeout(PATIENCE, heard).await {
        Ok(heard) => heard?,
        Err(_) => {
            return Err(io::Error::other(
                "a reader did not hear all that was appended",
            ));
        }
    }
    Ok(driven)
}

async fn push(
    mut connection: Connection,
    path: String,
    bodies: Vec<Vec<u8>>,
    pace: Pace,
    sent: Arc<Sent>,
    bar: ProgressBar,
) -> io::Result<(Histogram<u64>, u64)> {
    let mut answered = histogram();
    let mut refused = 0;
    for (number, body) in bodies.iter().enumerate() {
        let begun = pace.turn(number).await;
        sent.set(number, begun);
        let (status, _) = connection.post(&path, body).await?;
        if status == 200 {
            note(&mut answered, begun.elapsed());
        } else {
            refused += 1;
        }
        bar.inc(1);
    }
    Ok((answered, refused))
}

/// Reads until all has come that was sent.
async fn read(
    mut following: super::service::Following,
    sent: Arc<Sent>,
    first: u64,
) -> io::Result<Histogram<u64>> {
    let mut heard = histogram();
    let mut next = 0;
    while next < sent.micros.len() {
        let Some(seq) = following.next().await? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let until = usize::try_from((seq + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        for number in next..until {
            note(&mut heard, sent.since(number));
        }
        next = next.max(until);
    }
    Ok(heard)
}
