//! Telling the app what others wrote.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use waymark_core::client::{self, Change};

/// What an app implements to be told. The calls come from one thread, one after another, and never
/// while a lock is held, so they may call the client; screens have to switch to their own thread.
#[uniffi::export(foreign)]
pub trait ChangeListener: Send + Sync {
    /// What happened since the last call, in order.
    ///
    /// # Errors
    /// What is thrown is dropped; the next changes come all the same.
    fn changed(&self, changes: Vec<Change>) -> Result<(), ListenerError>;
}

/// What a listener threw.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error, uniffi::Error)]
pub enum ListenerError {
    /// It did not take the changes.
    #[error("the listener failed: {reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ListenerError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed {
            reason: error.reason,
        }
    }
}

/// Everybody who listens to one client, told from the core's one thread.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<Listening>);

#[derive(Default)]
struct Listening {
    next: u64,
    listeners: BTreeMap<u64, Arc<dyn ChangeListener>>,
}

impl Listeners {
    /// Adds one.
    pub(crate) fn add(self: &Arc<Self>, listener: Arc<dyn ChangeListener>) -> Arc<Subscription> {
        let mut listening = self.listening();
        let number = listening.next;
        listening.next += 1;
        listening.listeners.insert(number, listener);
        let listeners = Arc::clone(self);
        Arc::new(Subscription { listeners, number })
    }

    /// Removes all.
    pub(crate) fn clear(&self) {
        // Dropped after the lock: a foreign object's end may run foreign code.
        let _gone = std::mem::take(&mut self.listening().listeners);
    }

    fn listening(&self) -> MutexGuard<'_, Listening> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl client::ChangeListener for Listeners {
    fn changed(&self, changes: Vec<Change>) {
        let listeners: Vec<_> = self.listening().listeners.values().cloned().collect();
        for listener in listeners {
            // A listener that throws has been told.
            let _ = listener.changed(changes.clone());
        }
    }
}

/// A listener's place. It is told until this is stopped or the client is locked, also when this
/// object is dropped.
#[derive(uniffi::Object)]
pub struct Subscription {
    listeners: Arc<Listeners>,
    number: u64,
}

#[uniffi::export]
impl Subscription {
    /// Tells the listener nothing more, but for a call that is under way.
    pub fn stop(&self) {
        let _gone = self.listeners.listening().listeners.remove(&self.number);
    }
}
