//! The client behind a [`Waymark`](crate::Waymark) and the objects it hands out: open, suspended, or
//! locked for good.

use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use tokio::sync::watch;
use waymark_core::client::{Client, WaymarkError};

use crate::opening::Opening;
use crate::runtime::runtime;

/// A client that comes and goes.
pub(crate) struct Session {
    // Local calls read it for their whole length, so that none is under way while it changes.
    held: RwLock<Held>,
    opening: Opening,
    phase: watch::Sender<Phase>,
}

/// What is held now.
struct Held {
    client: Option<Client>,
    /// Whether the app wants it open, as opposed to a wake that opens it for a moment.
    is_wanted: bool,
    /// Wakes under way.
    wakes: u32,
}

/// Where a session stands. Each suspension ends what was begun before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// Open, after so many suspensions.
    Open(u64),
    /// Closed until somebody resumes it, after so many suspensions.
    Suspended(u64),
    /// Closed for good.
    Locked,
}

impl Session {
    /// A session of a client that is opened now.
    pub(crate) fn open(opening: Opening) -> Result<Self, WaymarkError> {
        let client = opening.open()?;
        let held = Held {
            client: Some(client),
            is_wanted: true,
            wakes: 0,
        };
        Ok(Self {
            held: RwLock::new(held),
            opening,
            phase: watch::Sender::new(Phase::Open(0)),
        })
    }

    /// How the client is opened again.
    pub(crate) fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Makes a local call.
    pub(crate) fn call<T>(
        &self,
        work: impl FnOnce(&Client) -> Result<T, WaymarkError>,
    ) -> Result<T, WaymarkError> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        work(held.client.as_ref().ok_or_else(|| self.closed())?)
    }

    /// Makes a call on the network's threads. Suspending and locking end it.
    pub(crate) async fn spawn<T, W>(
        &self,
        work: impl FnOnce(Client) -> W,
    ) -> Result<T, WaymarkError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, WaymarkError>> + Send + 'static,
    {
        let mut turn = self.turn()?;
        let work = work(turn.client.clone());
        let work = async move {
            let done = tokio::select! {
                biased;
                phase = turn.over() => return Err(closed(phase)),
                done = work => done,
            };
            // What fails because the client was closed under it is cut off, whatever it says.
            done.map_err(|error| turn.is_over().map_or(error, closed))
        };
        let done = runtime()?.spawn(work).await;
        done.unwrap_or_else(|_| {
            Err(WaymarkError::Internal {
                reason: "a network call broke off".into(),
            })
        })
    }

    /// The client until it is closed, for work that outlives a local call.
    pub(crate) fn turn(&self) -> Result<Turn, WaymarkError> {
        // While the client is held the phase is its own.
        self.call(|client| {
            let phase = self.phase.subscribe();
            let begun = *phase.borrow();
            Ok(Turn {
                client: client.clone(),
                phase,
                begun,
            })
        })
    }

    /// Waits while the client is suspended. Nothing once it is locked.
    pub(crate) async fn next_turn(&self) -> Option<Turn> {
        let mut phase = self.phase.subscribe();
        loop {
            let awake = |now: &Phase| !matches!(now, Phase::Suspended(_));
            let now = *phase.wait_for(awake).await.ok()?;
            match self.turn() {
                Ok(turn) => return Some(turn),
                // It was suspended again at once.
                Err(_) if now != Phase::Locked => {}
                Err(_) => return None,
            }
        }
    }

    /// Closes the database until somebody resumes it.
    pub(crate) fn suspend(&self) -> Result<(), WaymarkError> {
        let mut held = self.write();
        held.is_wanted = false;
        self.close(&mut held)
    }

    /// Opens the database again.
    pub(crate) fn resume(&self) -> Result<(), WaymarkError> {
        let mut held = self.write();
        self.reopen(&mut held)?;
        held.is_wanted = true;
        Ok(())
    }

    /// Whether it is closed until somebody resumes it.
    pub(crate) fn is_suspended(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Suspended(_))
    }

    /// Has the database open for a wake; it is closed again with the guard, unless the app wants it.
    pub(crate) fn wake(self: &Arc<Self>) -> Result<Wake, WaymarkError> {
        let mut held = self.write();
        self.reopen(&mut held)?;
        held.wakes += 1;
        Ok(Wake(Arc::clone(self)))
    }

    /// Takes the client out, for its last call; none where it is suspended.
    pub(crate) fn lock(&self) -> Result<Option<Client>, WaymarkError> {
        let mut held = self.write();
        match self.phase.send_replace(Phase::Locked) {
            Phase::Locked => Err(closed(Phase::Locked)),
            Phase::Open(_) | Phase::Suspended(_) => Ok(held.client.take()),
        }
    }

    fn reopen(&self, held: &mut Held) -> Result<(), WaymarkError> {
        let phase = *self.phase.borrow();
        match phase {
            Phase::Open(_) => {}
            Phase::Suspended(times) => {
                held.client = Some(self.opening.open()?);
                self.phase.send_replace(Phase::Open(times));
            }
            Phase::Locked => return Err(closed(phase)),
        }
        Ok(())
    }

    fn close(&self, held: &mut Held) -> Result<(), WaymarkError> {
        let phase = *self.phase.borrow();
        match (phase, held.client.take()) {
            (Phase::Open(times), Some(client)) => {
                self.phase.send_replace(Phase::Suspended(times + 1));
                client.close()
            }
            (Phase::Suspended(_), _) => Ok(()),
            _ => Err(closed(phase)),
        }
    }

    fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self) -> WaymarkError {
        closed(*self.phase.borrow())
    }
}

/// An open client until it is closed.
pub(crate) struct Turn {
    pub(crate) client: Client,
    phase: watch::Receiver<Phase>,
    begun: Phase,
}

impl Turn {
    /// Waits until the client is closed; says what it is then.
    pub(crate) async fn over(&mut self) -> Phase {
        let begun = self.begun;
        let over = self.phase.wait_for(|now| *now != begun).await;
        over.map_or(Phase::Locked, |now| *now)
    }

    /// What it is now, where it was closed.
    fn is_over(&self) -> Option<Phase> {
        let now = *self.phase.borrow();
        (now != self.begun).then_some(now)
    }
}

/// A wake under way.
pub(crate) struct Wake(Arc<Session>);

impl Drop for Wake {
    fn drop(&mut self) {
        let mut held = self.0.write();
        held.wakes -= 1;
        if held.wakes == 0 && !held.is_wanted {
            // What could not be brought into the file is in its log, and is found at the next open.
            let _ = self.0.close(&mut held);
        }
    }
}

fn closed(phase: Phase) -> WaymarkError {
    let reason = match phase {
        Phase::Suspended(_) => "this client is suspended; resume it",
        Phase::Open(_) | Phase::Locked => "this client was locked; open it again",
    };
    WaymarkError::Locked {
        reason: reason.into(),
    }
}
