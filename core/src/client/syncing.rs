//! The relay: bringing everything up to date, once or all the time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Inner, WaymarkError};
use crate::driver::Shares;
use crate::space::{Space, TAIL};

/// The relay.
#[derive(Clone, Copy)]
pub struct Sync<'c>(pub(super) &'c Arc<Inner>);

impl Sync<'_> {
    /// Reads what others wrote and sends what this device wrote, in every space. Local calls go on
    /// meanwhile.
    ///
    /// # Errors
    /// `offline`, `relay_busy`, `relay_untrusted`, `not_allowed`, or the storage's: the first
    /// problem of any space. The others were brought up to date, and nothing is lost. `locked` where
    /// the client was closed before the end.
    pub async fn now(&self) -> Result<(), WaymarkError> {
        self.0.look_at_the_date();
        let mut synced = self.0.driver.sync().await;
        // Only now is known what this person's other devices granted and logged meanwhile.
        if self.0.after_merge() {
            synced = self.0.driver.sync().await;
        }
        self.0.remember_synced();
        self.0.keep_summaries();
        // An empty device took its place, which has nothing to do: that is not to be up to date.
        if self.0.is_over.load(Ordering::Relaxed) {
            return Err(WaymarkError::Locked {
                reason: "this client was closed; open it again".into(),
            });
        }
        Ok(synced?)
    }

    /// The same, and what can wait for a good moment: call it when the device is on power and its
    /// network costs nothing. Where many batches stand behind the last checkpoint of a log, another one
    /// is brought into it, so that new devices have less to read and the relay may let go of what it
    /// covers. What of it is not sent when the network is gone is no burden to any other sync.
    ///
    /// # Errors
    /// As [`now`](Self::now).
    pub async fn tend(&self) -> Result<(), WaymarkError> {
        self.tend_beyond(TAIL).await
    }

    /// The same with another number of batches than 300.
    ///
    /// # Errors
    /// As [`now`](Self::now).
    pub async fn tend_beyond(&self, batches: u64) -> Result<(), WaymarkError> {
        let synced = self.now().await;
        let tended = self.0.driver.tend(batches).await;
        self.0.remember_synced();
        synced?;
        Ok(tended?)
    }

    /// Says that the device has a network again, or another one: a live connection is made anew at once
    /// instead of when it would be tried next. It is a hint; nothing is believed of it.
    pub fn network_is_back(&self) {
        self.0.shared.lock().machine.network_is_back();
        self.0.shared.wake();
    }

    /// Stays connected until the handle is dropped or stopped: what others write arrives as it is
    /// written, what this device writes is sent at once, and failures are tried again. Has to be
    /// called within a tokio runtime.
    #[must_use = "the connection ends when the handle is dropped"]
    pub fn live(&self) -> LiveSync {
        let inner = Arc::clone(self.0);
        LiveSync(tokio::spawn(async move {
            let look = || {
                inner.look_at_the_date();
                inner.after_merge();
                inner.remember_synced();
            };
            inner.driver.live_with(look).await;
        }))
    }
}

/// A connection that stays; it ends when this is dropped.
#[derive(Debug)]
pub struct LiveSync(tokio::task::JoinHandle<()>);

impl LiveSync {
    /// Ends the connection and waits until it has ended.
    pub async fn stop(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for LiveSync {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Inner {
    /// Does what follows from what others wrote: grants that are over end, and what was reached is found.
    /// Says whether there is anything new to send.
    pub(super) fn after_merge(&self) -> bool {
        let ended = self.end_grants();
        self.find_everywhere() || ended
    }

    /// Does what the calendar asks for: keys that are old are replaced, invitations end, days that were
    /// too short are excused.
    pub(super) fn look_at_the_date(&self) {
        self.excuse_short_days();
        let today = self.local_days();
        let now = self.clock.now();
        let Shares { engine, machine } = &mut *self.shared.lock();
        machine.look_at_mail(engine, now.0, today);
        let numbers: Vec<u32> = engine.spaces().iter().map(Space::number).collect();
        for number in numbers {
            let Some((space, store, _)) = engine.parts(number) else {
                continue;
            };
            match space.renew_key(store, today) {
                Ok(false) => {}
                Ok(true) => machine.local_change(number),
                // Nothing is lost by waiting until the next time.
                Err(error) => tracing::warn!(%error, "a key was not renewed"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::testing::Phone;
    use crate::driver::Shares;
    use crate::sync::{Effect, Failure, Timestamp};

    /// What the machine asks for now, each answered by no network.
    fn refused(phone: &Phone, now: Timestamp) -> usize {
        let Shares { engine, machine } = &mut *phone.client.inner.shared.lock();
        let mut asked = 0;
        while let Some(effect) = machine.poll_effect(engine, now) {
            if let Effect::Request { id, .. } = effect {
                machine.handle_failure(engine, id, Failure::Unreachable, now);
                asked += 1;
            }
        }
        asked
    }

    /// Who comes out of a tunnel would look at an old plan for up to five minutes.
    #[test]
    fn with_a_network_again_what_waits_is_tried_at_once() {
        let phone = Phone::new();
        let now = Timestamp(1);
        {
            let Shares { engine, machine } = &mut *phone.client.inner.shared.lock();
            machine.set_live(Some(30));
            machine.sync_now(engine);
        }
        assert!(refused(&phone, now) > 0);
        assert_eq!(refused(&phone, now), 0, "it waits");
        phone.client.sync().network_is_back();
        assert!(refused(&phone, now) > 0);
        assert_eq!(refused(&phone, now), 0, "it waits again");
    }

    /// A suspended phone would say that all is sent while everything waits on it.
    #[tokio::test]
    async fn a_sync_whose_client_is_closed_under_it_is_not_done() {
        let phone = Phone::new();
        let client = phone.client.clone();
        let synced = tokio::spawn(async move { client.sync().now().await });
        // Closed before the spawned sync has its first turn: nothing is left to be asked.
        phone.client.clone().close().unwrap();
        let error = synced.await.unwrap().unwrap_err();
        assert_eq!(error.code(), "locked");
    }
}
