//! The bus within one process. It loses nothing; what other processes write it does not hear of.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use waymark_wire::ids::SpaceId;

use super::{Bus, Hints};

/// A [`Bus`] within one process.
#[derive(Debug, Default)]
pub struct LocalBus {
    followers: Arc<Followers>,
    recheck: Option<Duration>,
}

impl LocalBus {
    /// A bus beside other processes that write, too: whoever follows a space looks for itself after
    /// `every`.
    #[must_use]
    pub fn rechecking(every: Duration) -> Self {
        Self {
            followers: Arc::default(),
            recheck: Some(every),
        }
    }

    /// The same bus, for whoever brings hints from elsewhere.
    #[cfg(feature = "nats")]
    pub(super) fn share(&self) -> Self {
        Self {
            followers: self.followers.clone(),
            recheck: self.recheck,
        }
    }
}

/// Who follows each space, and under which number.
type Table = HashMap<SpaceId, Vec<(Arc<Inbox>, u16)>>;

#[derive(Debug, Default)]
struct Followers(Mutex<Table>);

impl Followers {
    fn lock<T>(&self, f: impl FnOnce(&mut Table) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a follower has not looked at: each space once, however often it moved.
#[derive(Debug, Default)]
struct Inbox {
    moved: Mutex<VecDeque<u16>>,
    notify: Notify,
}

impl Inbox {
    fn lock<T>(&self, f: impl FnOnce(&mut VecDeque<u16>) -> T) -> T {
        f(&mut self.moved.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Bus for LocalBus {
    type Hints = LocalHints;

    fn publish(&self, space: &SpaceId, _seq: u64) {
        self.followers.lock(|table| {
            for (inbox, number) in table.get(space).into_iter().flatten() {
                let is_new = inbox.lock(|moved| {
                    let is_new = !moved.contains(number);
                    if is_new {
                        moved.push_back(*number);
                    }
                    is_new
                });
                if is_new {
                    inbox.notify.notify_one();
                }
            }
        });
    }

    fn subscribe(&self) -> LocalHints {
        LocalHints {
            followers: self.followers.clone(),
            inbox: Arc::default(),
            spaces: Vec::new(),
        }
    }

    fn recheck(&self) -> Option<Duration> {
        self.recheck
    }
}

/// What a follower of a [`LocalBus`] hears with.
#[derive(Debug)]
pub struct LocalHints {
    followers: Arc<Followers>,
    inbox: Arc<Inbox>,
    spaces: Vec<SpaceId>,
}

impl Hints for LocalHints {
    fn follow(&mut self, space: &SpaceId, number: u16) {
        let follower = (self.inbox.clone(), number);
        self.followers
            .lock(|table| table.entry(*space).or_default().push(follower));
        self.spaces.push(*space);
    }

    async fn next(&mut self) -> u16 {
        loop {
            if let Some(number) = self.inbox.lock(VecDeque::pop_front) {
                return number;
            }
            self.inbox.notify.notified().await;
        }
    }
}

impl Drop for LocalHints {
    fn drop(&mut self) {
        self.followers.lock(|table| {
            for space in &self.spaces {
                if let Some(followers) = table.get_mut(space) {
                    followers.retain(|(inbox, _)| !Arc::ptr_eq(inbox, &self.inbox));
                    if followers.is_empty() {
                        table.remove(space);
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// A lost hint is a check-in that shows up only at the next heartbeat.
    #[tokio::test]
    async fn followers_hear_of_their_spaces_once_and_nothing_of_others() {
        let bus = LocalBus::default();
        let [one, two, other] = [1, 2, 3].map(|n| SpaceId([n; 32]));
        let mut hints = bus.subscribe();
        hints.follow(&one, 10);
        hints.follow(&two, 20);
        bus.publish(&two, 1);
        bus.publish(&other, 1);
        bus.publish(&one, 1);
        for seq in 2..1_000 {
            bus.publish(&two, seq);
        }
        assert_eq!((hints.next().await, hints.next().await), (20, 10));
        assert_eq!(hints.next().now_or_never(), None);
        // A hint that comes while nobody waits is kept.
        bus.publish(&one, 2);
        assert_eq!(hints.next().now_or_never(), Some(10));
    }

    /// Otherwise every phone that ever looked costs memory for ever.
    #[test]
    fn who_leaves_is_forgotten() {
        let bus = LocalBus::default();
        let space = SpaceId([1; 32]);
        let mut stays = bus.subscribe();
        stays.follow(&space, 0);
        let mut leaves = bus.subscribe();
        leaves.follow(&space, 0);
        drop(leaves);
        assert_eq!(bus.followers.lock(|table| table[&space].len()), 1);
        drop(stays);
        assert!(bus.followers.lock(|table| table.is_empty()));
    }
}
