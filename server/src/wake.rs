//! Waking devices: where entries came for a membership that left a token, the operator's push gateway is
//! told so, with a body that is always the same. What the token stands for only the gateway knows.
//!
//! Each membership is woken once, and again after a while at the earliest: what comes in between is one
//! wake at its end. Nothing waits for the gateway, and a wake that fails is lost, since a device that
//! opens looks for itself.

mod gateway;

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};
use waymark_wire::ids::{DeviceNumber, SpaceId};

pub(crate) use self::gateway::Told;
pub use self::gateway::{Gateway, GatewayError};
use crate::metrics::{Metrics, Wake};

/// Wakes that wait to be looked at; more are lost.
const WAITING: usize = 4_096;
/// Memberships that are kept in mind; more are not woken for now.
const KNOWN: usize = 65_536;
/// Requests to the gateway at a time.
const AT_ONCE: usize = 16;

/// A membership that may be woken.
pub(crate) type Sleeper = (SpaceId, DeviceNumber);

/// A membership, and what the gateway makes a device of.
pub(crate) type Due = (Sleeper, Vec<u8>);

/// Where wakes are left.
#[derive(Clone, Debug)]
pub(crate) struct Wakes {
    queue: mpsc::Sender<Due>,
    metrics: Metrics,
}

/// What takes them from there.
#[derive(Debug)]
pub(crate) struct Waker {
    queue: mpsc::Receiver<Due>,
    gateway: Arc<Gateway>,
    every: Duration,
    metrics: Metrics,
}

/// Both ends. A membership is woken `every` so often at most.
pub(crate) fn wakes(gateway: Gateway, every: Duration, metrics: &Metrics) -> (Wakes, Waker) {
    let (sender, queue) = mpsc::channel(WAITING);
    let wakes = Wakes {
        queue: sender,
        metrics: metrics.clone(),
    };
    let waker = Waker {
        queue,
        gateway: Arc::new(gateway),
        every,
        metrics: metrics.clone(),
    };
    (wakes, waker)
}

impl Wakes {
    /// Has a membership woken.
    pub(crate) fn wake(&self, due: Due) {
        if self.queue.try_send(due).is_err() {
            self.metrics.count_wake(Wake::Lost);
        }
    }
}

/// Who was woken lately.
#[derive(Default)]
struct Lately {
    /// Until when each is left alone, and the token of a wake that came meanwhile.
    quiet: HashMap<Sleeper, (Instant, Option<Vec<u8>>)>,
    ends: BTreeSet<(Instant, [u8; 32], u16)>,
}

impl Lately {
    /// What is to be sent now of a wake that has come; `None` where it waits or is lost.
    fn come(&mut self, (sleeper, token): Due, now: Instant, every: Duration) -> Result<Due, bool> {
        if let Some((_, waits)) = self.quiet.get_mut(&sleeper) {
            *waits = Some(token);
            return Err(true);
        }
        if self.quiet.len() >= KNOWN {
            return Err(false);
        }
        self.keep(sleeper, now + every);
        Ok((sleeper, token))
    }

    fn keep(&mut self, sleeper: Sleeper, until: Instant) {
        self.quiet.insert(sleeper, (until, None));
        self.ends.insert((until, sleeper.0.0, sleeper.1.0));
    }

    fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(end, ..)| *end)
    }

    /// Ends the quiet of one whose time has come: its wake, where one came meanwhile.
    fn end_one(&mut self, now: Instant, every: Duration) -> Option<Due> {
        let (end, space, device) = *self.ends.first()?;
        if end > now {
            return None;
        }
        self.ends.pop_first();
        let sleeper = (SpaceId(space), DeviceNumber(device));
        let (_, waited) = self.quiet.remove(&sleeper)?;
        let token = waited?;
        self.keep(sleeper, now + every);
        Some((sleeper, token))
    }
}

impl Waker {
    /// Wakes until nobody can leave anything any more; `forget` is given whom the gateway does not know.
    pub(crate) async fn run<F: Future<Output = ()> + Send + 'static>(
        mut self,
        forget: impl Fn(Sleeper) -> F + Clone + Send + 'static,
    ) {
        let mut lately = Lately::default();
        let room = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let end = lately.next_end();
            let far = Instant::now() + Duration::from_secs(3_600);
            let due = tokio::select! {
                due = self.queue.recv() => match due {
                    Some(due) => lately.come(due, Instant::now(), self.every),
                    None => return,
                },
                () = sleep_until(end.unwrap_or(far)) => {
                    lately.end_one(Instant::now(), self.every).ok_or(true)
                }
            };
            let (sleeper, token) = match due {
                Ok(due) => due,
                Err(is_kept) => {
                    if !is_kept {
                        self.metrics.count_wake(Wake::Lost);
                    }
                    continue;
                }
            };
            // The queue fills up meanwhile, and what finds no room in it is lost.
            let Ok(room) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
            let (gateway, metrics) = (Arc::clone(&self.gateway), self.metrics.clone());
            let forget = forget.clone();
            tokio::spawn(async move {
                let told = gateway.tell(&token).await;
                drop(room);
                metrics.count_wake(match told {
                    Told::Taken => Wake::Sent,
                    Told::Unknown => Wake::Gone,
                    Told::Failed => Wake::Failed,
                });
                if told == Told::Unknown {
                    forget(sleeper).await;
                }
            });
        }
    }
}
