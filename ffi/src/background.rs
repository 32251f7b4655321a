//! Life in the background: what a platform that suspends and wakes an app asks of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, timeout_at};
use waymark_core::client::{Client, DropBoxReport, WaymarkError};

use crate::Waymark;
use crate::runtime::runtime;
use crate::session::Session;

/// How a sync with a budget ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum SyncEnd {
    /// Every plan was brought up to date.
    Done,
    /// The time was up, or the client was suspended: what was read and sent by then is kept, and the
    /// next sync goes on from there.
    CutOff,
}

#[uniffi::export]
impl Waymark {
    /// The same as [`Waymark::sync_now`], for so long at most. It can be cut at any instant.
    ///
    /// # Errors
    /// As [`Waymark::sync_now`].
    pub async fn sync_within(&self, budget: Duration) -> Result<SyncEnd, WaymarkError> {
        sync_until(&self.session, deadline(budget)).await
    }

    /// What to call when the system wakes the app for a push or a background task: opens the database
    /// where it is suspended, takes in what was dropped, syncs within the budget, and suspends again
    /// unless the app has resumed meanwhile. It returns within the budget and the moment that closing
    /// takes; where the system cuts the time short, [`Waymark::suspend`] ends it at once.
    ///
    /// # Errors
    /// As [`Waymark::sync_now`], and as [`Waymark::open`] where it was suspended.
    pub async fn on_wake(&self, budget: Duration) -> Result<SyncEnd, WaymarkError> {
        let until = deadline(budget);
        let session = Arc::clone(&self.session);
        let woken = runtime()?.spawn(async move {
            let opened = Arc::clone(&session);
            let awake = spawn_blocking(move || opened.wake())
                .await
                .map_err(broken)??;
            let ended = sync_until(&session, until).await;
            spawn_blocking(move || drop(awake)).await.map_err(broken)?;
            ended
        });
        woken.await.map_err(broken)?
    }

    /// Closes the database until [`Waymark::resume`]: no file is open or locked, no transaction under
    /// way, no key in memory. Syncs under way are cut off, a live connection rests, listeners stay.
    /// Call it before the system suspends the process: iOS ends one that holds a lock then. Every call
    /// but `resume`, `on_wake` and `lock` gives `locked` meanwhile. Nothing is to be done where it is
    /// suspended already.
    ///
    /// # Errors
    /// `locked` where it was locked for good, or the storage's: it is suspended all the same, and what
    /// was written is found when it opens.
    pub fn suspend(&self) -> Result<(), WaymarkError> {
        self.session.suspend()
    }

    /// Opens the database again after [`Waymark::suspend`]. The key provider is asked once more. Nothing
    /// is to be done where it is open.
    ///
    /// # Errors
    /// As [`Waymark::open`]; it stays suspended then.
    pub fn resume(&self) -> Result<(), WaymarkError> {
        self.session.resume()
    }

    /// Whether the database is closed until somebody resumes it.
    pub fn is_suspended(&self) -> bool {
        self.session.is_suspended()
    }

    /// Says that the device has a network again, or another one: a live connection is made anew at once
    /// instead of when it would be tried next. It is a hint; nothing is believed of it.
    ///
    /// # Errors
    /// `locked`.
    pub fn network_is_back(&self) -> Result<(), WaymarkError> {
        self.session.call(|client| {
            client.sync().network_is_back();
            Ok(())
        })
    }

    /// The key that widgets and extensions seal check-ins under, 32 bytes: put it where they can read
    /// it, as in a keychain group. It follows from the storage key, and opens nothing but what still
    /// waits in the drop box.
    ///
    /// # Errors
    /// `not_found` where the configuration names no drop box, `locked`.
    pub fn drop_box_key(&self) -> Result<Vec<u8>, WaymarkError> {
        self.session
            .call(|c| Ok(c.drop_box().key()?.expose().to_vec()))
    }

    /// Takes in what widgets and extensions left, as every opening does: each intent becomes a check-in,
    /// once. What is about a plan that is not on this device yet waits; what cannot be taken in is kept
    /// beside it with the ending `refused`, and listed.
    ///
    /// # Errors
    /// `not_found` where the configuration names no drop box; `locked`, or the storage's.
    pub fn take_in_dropped(&self) -> Result<DropBoxReport, WaymarkError> {
        self.session.call(|c| c.drop_box().take_in())
    }
}

/// Longer than any background time; a moment that far can always be computed.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

fn deadline(budget: Duration) -> Instant {
    Instant::now() + budget.min(LONGEST)
}

async fn sync_until(session: &Session, until: Instant) -> Result<SyncEnd, WaymarkError> {
    let within = move |client: Client| async move {
        let sync = client.sync();
        match timeout_at(until, sync.now()).await {
            Ok(synced) => synced.map(|()| SyncEnd::Done),
            Err(_) => Ok(SyncEnd::CutOff),
        }
    };
    match session.spawn(within).await {
        Err(WaymarkError::Locked { .. }) if session.is_suspended() => Ok(SyncEnd::CutOff),
        ended => ended,
    }
}

fn broken(error: JoinError) -> WaymarkError {
    WaymarkError::Internal {
        reason: format!("a wake broke off: {error}"),
    }
}
