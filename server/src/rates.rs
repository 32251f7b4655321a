//! How often somebody may ask: an address, a space, a member of a space. Whoever asks for more for
//! long is told when to come back. Nothing of it is ever written down: addresses and names of spaces
//! are kept only as numbers under a key that ends with the process, and of a bounded number of them.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use waymark_wire::ids::{DeviceNumber, SpaceId};

use crate::cache::Cache;
use crate::places::network;

/// How many seconds' worth may be asked for at once, after a rest.
const BURST: u64 = 10;
/// Who is remembered, of each kind (up to twice as many). Of more than so many at a time, those that
/// have not asked for longest begin anew.
const REMEMBERED: usize = 16 * 1_024;
const SECOND: u64 = 1_000_000;

/// How much may be asked for in a second, on average; `None` sets no bound.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RateLimits {
    /// Requests of one address. Those of an IPv6 network of 64 bits count as one, and those of this
    /// machine, where a proxy may be, are not counted.
    pub address: Option<u32>,
    /// Entries into one space, and readings of it, by its members.
    pub space: Option<u32>,
    /// The same by one member.
    pub key: Option<u32>,
}

/// What was asked for lately.
#[derive(Debug)]
pub(crate) struct Rates {
    names: RandomState,
    since: Instant,
    addresses: Option<Buckets>,
    spaces: Option<Buckets>,
    keys: Option<Buckets>,
}

/// Whoever asks from an address, as a number that means nothing elsewhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Caller(u64);

/// Somebody asked too often.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("too often: come back in {seconds} s")]
pub(crate) struct TooOften {
    /// After how many whole seconds what was asked for would be granted: at least 1.
    pub(crate) seconds: u32,
}

impl Rates {
    /// Nothing was asked for yet.
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self {
            names: RandomState::new(),
            since: Instant::now(),
            addresses: limits.address.map(Buckets::new),
            spaces: limits.space.map(Buckets::new),
            keys: limits.key.map(Buckets::new),
        }
    }

    /// Who asks from this address; `None` where that is not counted.
    pub(crate) fn caller(&self, address: IpAddr) -> Option<Caller> {
        let network = network(address);
        let is_counted = self.addresses.is_some() && !network.is_loopback();
        is_counted.then(|| Caller(self.names.hash_one(network)))
    }

    /// A request comes from there.
    ///
    /// # Errors
    /// [`TooOften`], and then it does not count.
    pub(crate) fn ask(&self, caller: Option<Caller>, now: Instant) -> Result<(), TooOften> {
        match (&self.addresses, caller) {
            (Some(addresses), Some(Caller(name))) => addresses.take(name, 1, self.since(now)),
            _ => Ok(()),
        }
    }

    /// A member, who has proven to be one, writes so many entries into a space or reads it.
    ///
    /// # Errors
    /// [`TooOften`], and then it does not count.
    pub(crate) fn act(
        &self,
        space: &SpaceId,
        device: DeviceNumber,
        count: usize,
        now: Instant,
    ) -> Result<(), TooOften> {
        let (now, count) = (self.since(now), u64::try_from(count).unwrap_or(u64::MAX));
        if let Some(keys) = &self.keys {
            keys.take(self.names.hash_one((space.0, device.0)), count, now)?;
        }
        if let Some(spaces) = &self.spaces {
            spaces.take(self.names.hash_one(space.0), count, now)?;
        }
        Ok(())
    }

    /// Microseconds since the process began.
    fn since(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.since);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }
}

/// For each name until when it has used up what it may: the generic cell rate algorithm (ATM Forum,
/// Traffic Management 4.0, 4.4.2), in microseconds since the process began.
#[derive(Debug)]
struct Buckets {
    /// How long one takes.
    each: u64,
    used_until: Mutex<Cache<u64, u64>>,
}

impl Buckets {
    fn new(a_second: u32) -> Self {
        Self {
            each: SECOND.div_ceil(u64::from(a_second.max(1))),
            used_until: Mutex::new(Cache::new(REMEMBERED)),
        }
    }

    /// Takes `count`, where less than the burst is used up. More than is left is lent, and paid for
    /// before the next.
    fn take(&self, name: u64, count: u64, now: u64) -> Result<(), TooOften> {
        let mut used_until = self
            .used_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let until = used_until.get(&name).map_or(now, |until| (*until).max(now));
        let ahead = until - now;
        let burst = BURST * SECOND;
        if ahead >= burst {
            let wait = Duration::from_micros(ahead - burst)
                .as_secs()
                .saturating_add(1);
            let seconds = u32::try_from(wait).unwrap_or(u32::MAX);
            return Err(TooOften { seconds });
        }
        let taken = until.saturating_add(self.each.saturating_mul(count));
        used_until.insert(name, taken);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(each: u32) -> RateLimits {
        RateLimits {
            address: Some(each),
            space: Some(each),
            key: Some(each),
        }
    }

    fn from(rates: &Rates, address: &str) -> Option<Caller> {
        rates.caller(address.parse().unwrap())
    }

    /// One who floods would otherwise have the relay to itself; and one who waits as told has to be
    /// let in.
    #[test]
    fn a_burst_is_granted_and_then_so_much_a_second() {
        let rates = Rates::new(limits(2));
        let (one, other) = (from(&rates, "192.0.2.1"), from(&rates, "192.0.2.2"));
        let ask = |who, second| rates.ask(who, rates.since + Duration::from_secs(second));
        for _ in 0..20 {
            assert_eq!(ask(one, 0), Ok(()));
        }
        assert_eq!(ask(one, 0), Err(TooOften { seconds: 1 }));
        assert_eq!(ask(other, 0), Ok(()));
        for _ in 0..2 {
            assert_eq!(ask(one, 1), Ok(()));
        }
        assert!(ask(one, 1).is_err());
        // What was refused costs nothing, and a long rest brings one burst, not several.
        for _ in 0..20 {
            assert_eq!(ask(one, 1_000), Ok(()));
        }
        assert!(ask(one, 1_000).is_err());
    }

    /// A large append is taken whole, and who sent it is told a time after which the next one is.
    #[test]
    fn what_was_lent_is_paid_for() {
        let rates = Rates::new(limits(1));
        let act = |count, second| {
            let now = rates.since + Duration::from_secs(second);
            rates.act(&SpaceId([1; 32]), DeviceNumber(1), count, now)
        };
        assert_eq!(act(9, 0), Ok(()));
        assert_eq!(act(64, 0), Ok(()));
        let seconds = 9 + 64 - 10 + 1;
        assert_eq!(act(1, 0), Err(TooOften { seconds }));
        assert_eq!(act(1, seconds.into()), Ok(()));
    }

    /// Otherwise whoever has a network has as many buckets as it has addresses, and everybody behind
    /// a proxy on this machine shares one.
    #[test]
    fn a_network_is_one_caller_and_this_machine_is_none() {
        let rates = Rates::new(limits(1));
        let from = |address| from(&rates, address);
        assert_eq!(from("2001:db8::1"), from("2001:db8::ffff:1"));
        assert_ne!(from("2001:db8::1"), from("2001:db8:0:1::1"));
        assert_ne!(from("192.0.2.1"), from("192.0.2.2"));
        assert_eq!(from("192.0.2.1"), from("::ffff:192.0.2.1"));
        assert_eq!(from("127.0.0.1"), None);
        assert_eq!(from("::1"), None);
        // Of another process it is another number.
        let other = Rates::new(limits(1));
        assert_ne!(
            from("192.0.2.1"),
            other.caller("192.0.2.1".parse().unwrap())
        );
    }

    /// A member that floods is stopped before the others of its space are, and other spaces not at
    /// all.
    #[test]
    fn members_and_spaces_have_their_own() {
        let rates = Rates::new(RateLimits {
            address: None,
            space: Some(3),
            key: Some(1),
        });
        let (space, other) = (SpaceId([1; 32]), SpaceId([2; 32]));
        let granted = |space, device| {
            let act = |_: &u32| {
                rates
                    .act(space, DeviceNumber(device), 1, rates.since)
                    .is_ok()
            };
            let acts = (0..).take_while(act);
            acts.count()
        };
        assert_eq!([granted(&space, 1), granted(&space, 2)], [10, 10]);
        // What is left of the space's.
        assert_eq!([granted(&space, 3), granted(&space, 4)], [10, 0]);
        assert_eq!(granted(&other, 1), 10);
        let unbounded = Rates::new(RateLimits::default());
        for _ in 0..10_000 {
            let counted = unbounded.act(&space, DeviceNumber(1), 64, unbounded.since);
            assert_eq!(counted, Ok(()));
        }
    }

    /// Whoever has many addresses must not fill the relay's memory with them.
    #[test]
    fn the_number_of_those_that_are_remembered_is_bounded() {
        let buckets = Buckets::new(1);
        for name in 0..200_000 {
            buckets.take(name, 1, 0).unwrap();
        }
        let remembered = buckets.used_until.lock().unwrap().len();
        assert!(remembered <= 2 * REMEMBERED, "{remembered}");
    }
}
