//! Telling the app: from one thread of its own, never under a lock, several events at once where
//! they come faster than they are taken.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::sync::Event;

/// What an app is told. The calls come from one thread, one after another.
pub trait Listener: Send + Sync {
    /// What happened since the last call, in order.
    fn events(&self, events: Vec<Event>);
}

/// Hands events to a listener. The thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct Announcer(Sender<Event>);

impl Announcer {
    pub(super) fn new(listener: std::sync::Arc<dyn Listener>) -> Option<Self> {
        let (sender, receiver) = channel();
        thread::Builder::new()
            .name("waymark-events".into())
            .spawn(move || announce(&receiver, listener.as_ref()))
            .ok()?;
        Some(Self(sender))
    }

    pub(super) fn send(&self, event: Event) {
        // Nobody listens any more: nothing to do.
        let _ = self.0.send(event);
    }
}

fn announce(receiver: &Receiver<Event>, listener: &dyn Listener) {
    while let Ok(event) = receiver.recv() {
        let mut events = vec![event];
        events.extend(receiver.try_iter());
        listener.events(events);
    }
}
