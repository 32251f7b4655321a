//! The loop around the sync machine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::clock::Steady;
use super::http::{Http, failure};
use super::listen::Announcer;
use super::{Clock, Listener};
use crate::engine::Engine;
use crate::sync::{Effect, Event, Failure, Machine, Problem, RequestId};

/// Heartbeat of live answers, in seconds.
const HEARTBEAT: u16 = 30;
/// Without anything to wait for, look again after this long.
const IDLE: Duration = Duration::from_secs(60);
/// Between two looks at the date.
const HOUR: Duration = Duration::from_secs(3_600);
/// Answers that are taken while the lock is held once.
const AT_ONCE: usize = 16;
/// Pieces of answers that wait to be taken; a relay that sends faster has to wait too.
const WAITING: usize = 64;

/// A device and its sync machine, shared between the facade and the driver. The lock is held for
/// the length of one local call or one page, never across an `await` and never while the app is
/// called.
#[derive(Debug)]
pub struct Shared {
    inner: Mutex<Shares>,
    announcers: Mutex<Vec<Announcer>>,
    wake: Notify,
    steady: Steady,
    /// Counts how often the machine came to rest.
    settled: watch::Sender<u64>,
}

/// What the lock guards.
#[derive(Debug)]
pub struct Shares {
    /// The device.
    pub engine: Engine,
    /// Its sync machine.
    pub machine: Machine,
}

/// Why a sync did not come to its end. Nothing is lost; what is not sent is sent later.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct SyncFailed(#[from] pub Problem);

impl Shared {
    /// Shares a device.
    #[must_use]
    pub fn new(engine: Engine, clock: &dyn Clock) -> Self {
        let inner = Shares {
            engine,
            machine: Machine::new(),
        };
        Self {
            inner: Mutex::new(inner),
            announcers: Mutex::new(Vec::new()),
            wake: Notify::new(),
            steady: Steady::starting(clock.now()),
            settled: watch::Sender::new(0),
        }
    }

    /// The device and its machine. A thread that panicked while it held the lock has committed all
    /// or nothing to the store, but may have left something else in memory: that is read again.
    pub fn lock(&self) -> MutexGuard<'_, Shares> {
        self.inner.lock().unwrap_or_else(|poisoned| {
            let mut shares = poisoned.into_inner();
            shares.engine.distrust();
            self.inner.clear_poison();
            shares
        })
    }

    /// Has the driver look whether there is something to do.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Tells `listener` of every event from now on.
    pub fn listen(&self, listener: Arc<dyn Listener>) {
        if let Some(announcer) = Announcer::new(listener) {
            self.announcers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(announcer);
        }
    }

    /// Tells everybody who listens.
    pub fn announce(&self, event: &Event) {
        for announcer in self
            .announcers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            announcer.send(event.clone());
        }
    }
}

/// Runs a device's sync over HTTP. Only one of its methods runs at a time; others wait or use what
/// runs already.
#[derive(Debug)]
pub struct Driver {
    shared: Arc<Shared>,
    http: Http,
    running: tokio::sync::Mutex<()>,
}

/// What came of requests.
enum Answer {
    Chunk(RequestId, Vec<u8>),
    End(RequestId),
    Failed(RequestId, Failure),
    /// With the seconds for which a refusal says to wait.
    Whole(RequestId, u16, Vec<u8>, Option<u32>),
}

impl Driver {
    /// A driver of `shared`.
    #[must_use]
    pub fn new(shared: Arc<Shared>, http: Http) -> Self {
        Self {
            shared,
            http,
            running: tokio::sync::Mutex::new(()),
        }
    }

    /// Brings every space up to date: reads all logs to their ends and sends everything that this
    /// device has said. Where a live connection runs, it is made to do so.
    ///
    /// # Errors
    /// [`SyncFailed`] with the first problem of any space. Everything else was brought up to date.
    pub async fn sync(&self) -> Result<(), SyncFailed> {
        self.run(|engine, machine| machine.sync_now(engine)).await
    }

    /// The same, and brings checkpoints into the logs in which more than `most` batches stand behind
    /// the last one; no longer than this is waited for.
    ///
    /// # Errors
    /// As [`sync`](Self::sync).
    pub async fn tend(&self, most: u64) -> Result<(), SyncFailed> {
        let _guard = TendGuard(&self.shared);
        self.run(|engine, machine| machine.tend(engine, most)).await
    }

    async fn run(&self, begin: impl FnOnce(&Engine, &mut Machine)) -> Result<(), SyncFailed> {
        let mut settled = self.shared.settled.subscribe();
        {
            let Shares { engine, machine } = &mut *self.shared.lock();
            begin(engine, machine);
        }
        self.shared.wake();
        loop {
            tokio::select! {
                // Either the live loop does it, or this call does it itself.
                biased;
                running = self.running.lock() => {
                    self.pump(true).await;
                    drop(running);
                    break;
                }
                _ = settled.changed() => {
                    // It may have come to rest before it heard of this call.
                    let inner = self.shared.lock();
                    if inner.machine.is_settled(&inner.engine) {
                        break;
                    }
                }
            }
        }
        let inner = self.shared.lock();
        let problem = inner
            .engine
            .spaces()
            .iter()
            .find_map(|space| inner.machine.status(space.number()).problem);
        let problem = problem.or_else(|| inner.machine.any_mail_problem(&inner.engine));
        problem.map_or(Ok(()), |problem| Err(SyncFailed(problem)))
    }

    /// Stays connected: what others write arrives as it is written, what this device writes is sent
    /// at once. Runs until it is dropped, and tries again after failures.
    pub async fn live(&self) {
        let _running = self.running.lock().await;
        let guard = LiveGuard(&self.shared);
        guard.0.lock().machine.set_live(Some(HEARTBEAT));
        self.pump(false).await;
    }

    /// The same, and calls `look` now, when everything was read for the first time, and every hour:
    /// the date goes on meanwhile.
    pub async fn live_with(&self, look: impl Fn()) {
        let mut settled = self.shared.settled.subscribe();
        let mut live = std::pin::pin!(self.live());
        let mut is_read = false;
        loop {
            look();
            self.shared.wake();
            tokio::select! {
                () = &mut live => return,
                changed = settled.changed(), if !is_read => is_read = changed.is_ok(),
                () = tokio::time::sleep(HOUR) => {}
            }
        }
    }

    /// Carries out what the machine wants, until it is settled if `once`.
    async fn pump(&self, once: bool) {
        // Whoever ran before may have been dropped in the middle.
        self.shared.lock().machine.forget_requests();
        let (sender, mut answers) = channel(WAITING);
        let mut tasks = Tasks::default();
        loop {
            let (wait, settled) = self.step(&mut tasks, &sender);
            if settled {
                self.shared.settled.send_modify(|count| *count += 1);
                if once {
                    return;
                }
            }
            tokio::select! {
                Some(answer) = answers.recv() => self.handle(answer, &mut answers),
                () = self.shared.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Polls the machine dry. Says how long to wait at most, and whether it is settled.
    fn step(&self, tasks: &mut Tasks, sender: &Sender<Answer>) -> (Duration, bool) {
        let now = self.shared.steady.now();
        let mut events = Vec::new();
        let (wait, settled) = {
            let Shares { engine, machine } = &mut *self.shared.lock();
            while let Some(effect) = machine.poll_effect(engine, now) {
                match effect {
                    Effect::Cancel(id) => tasks.cancel(id),
                    Effect::Request {
                        id,
                        url,
                        body,
                        streamed,
                    } => {
                        let request =
                            send(self.http.clone(), id, url, body, streamed, sender.clone());
                        tasks.start(id, request);
                    }
                }
            }
            events.extend(std::iter::from_fn(|| machine.poll_event()));
            let wait = machine.poll_timeout().map_or(IDLE, |at| {
                Duration::from_millis(u64::try_from(at.0 - now.0).unwrap_or(0).saturating_add(1))
            });
            (wait, machine.is_settled(engine))
        };
        for event in &events {
            self.shared.announce(event);
        }
        (wait, settled)
    }

    fn handle(&self, first: Answer, more: &mut Receiver<Answer>) {
        let now = self.shared.steady.now();
        let Shares { engine, machine } = &mut *self.shared.lock();
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(answer) = next {
            match answer {
                Answer::Chunk(id, bytes) => machine.handle_chunk(engine, id, &bytes, now),
                Answer::End(id) => machine.handle_end(engine, id, now),
                Answer::Failed(id, why) => machine.handle_failure(engine, id, why, now),
                Answer::Whole(id, status, body, None) => {
                    machine.handle_answer(engine, id, status, &body, now);
                }
                Answer::Whole(id, status, body, Some(seconds)) => {
                    machine.handle_wait(engine, id, (status, &body), seconds, now);
                }
            }
            taken += 1;
            // What has come meanwhile is taken along, but not for ever: local calls wait.
            next = if taken < AT_ONCE {
                more.try_recv().ok()
            } else {
                None
            };
        }
    }
}

/// Gives up on checkpoints when the future that tends to them is dropped.
struct TendGuard<'s>(&'s Shared);

impl Drop for TendGuard<'_> {
    fn drop(&mut self) {
        self.0.lock().machine.tend_no_more();
    }
}

/// Ends live mode when the future that runs it is dropped.
struct LiveGuard<'s>(&'s Shared);

impl Drop for LiveGuard<'_> {
    fn drop(&mut self) {
        self.0.lock().machine.set_live(None);
    }
}

/// The requests under way; they end with this.
#[derive(Debug, Default)]
struct Tasks(BTreeMap<RequestId, AbortHandle>);

impl Tasks {
    fn start(&mut self, id: RequestId, request: impl Future<Output = ()> + Send + 'static) {
        self.0.retain(|_, task| !task.is_finished());
        self.0.insert(id, tokio::spawn(request).abort_handle());
    }

    fn cancel(&mut self, id: RequestId) {
        if let Some(task) = self.0.remove(&id) {
            task.abort();
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.values().for_each(AbortHandle::abort);
    }
}

async fn send(
    http: Http,
    id: RequestId,
    url: String,
    body: Vec<u8>,
    streamed: bool,
    answers: Sender<Answer>,
) {
    let answer = match exchange(&http, id, &url, body, streamed, &answers).await {
        Ok(answer) => answer,
        Err(why) => Answer::Failed(id, why),
    };
    // The driver is gone: so is the wish.
    let _ = answers.send(answer).await;
}

async fn exchange(
    http: &Http,
    id: RequestId,
    url: &str,
    body: Vec<u8>,
    streamed: bool,
    answers: &Sender<Answer>,
) -> Result<Answer, Failure> {
    let mut response = http.post(url, body, streamed).await?;
    let status = response.status().as_u16();
    if !streamed || status != 200 {
        let wait = Http::wait(&response);
        let body = Http::whole(&mut response).await?;
        return Ok(Answer::Whole(id, status, body, wait));
    }
    while let Some(piece) = response.chunk().await.map_err(|error| failure(&error))? {
        if answers
            .send(Answer::Chunk(id, piece.to_vec()))
            .await
            .is_err()
        {
            break;
        }
    }
    Ok(Answer::End(id))
}
