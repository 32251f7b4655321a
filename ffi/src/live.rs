//! A connection that stays.

use std::sync::Arc;

use tokio::task::AbortHandle;
use waymark_core::client::WaymarkError;

use crate::runtime::runtime;
use crate::session::Session;

/// A connection that stays until it is stopped, this object is dropped, or the client is locked. While
/// the client is suspended it rests; it goes on when the client is resumed.
#[derive(uniffi::Object)]
pub struct LiveSync {
    task: AbortHandle,
    // Whoever holds on to the connection holds on to the client.
    _session: Arc<Session>,
}

impl LiveSync {
    pub(crate) fn start(session: &Arc<Session>) -> Result<Arc<Self>, WaymarkError> {
        let first = session.turn()?;
        let held = Arc::clone(session);
        let task = runtime()?.spawn(async move {
            let mut next = Some(first);
            while let Some(mut turn) = next {
                let live = turn.client.sync().live();
                turn.over().await;
                live.stop().await;
                drop(turn);
                next = held.next_turn().await;
            }
        });
        Ok(Arc::new(Self {
            task: task.abort_handle(),
            _session: Arc::clone(session),
        }))
    }
}

#[uniffi::export]
impl LiveSync {
    /// Ends the connection.
    pub fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for LiveSync {
    fn drop(&mut self) {
        self.stop();
    }
}
