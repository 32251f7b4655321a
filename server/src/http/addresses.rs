//! How many connections there are of each address. Known only while they are open, and in memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::places::network;

/// The connections of each address, and how many one may have.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    most: usize,
    counts_this_machine: bool,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Addresses {
    /// Of `all` connections that there may be, one address has `most`, or a quarter where nobody said
    /// how many. Then those of this machine are not counted: there may be a proxy.
    pub(crate) fn new(most: Option<usize>, all: usize) -> Self {
        Self {
            most: most.unwrap_or(all / 4).max(1),
            counts_this_machine: most.is_some(),
            open: Arc::default(),
        }
    }

    /// One more of an address; `None` where it has as many as it may.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Entered> {
        let address = network(address);
        let is_counted = self.counts_this_machine || !address.is_loopback();
        if is_counted {
            let mut open = self.open();
            let count = open.entry(address).or_insert(0);
            if *count >= self.most {
                return None;
            }
            *count += 1;
        }
        Some(Entered {
            of: is_counted.then(|| (self.clone(), address)),
        })
    }

    fn leave(&self, address: IpAddr) {
        let mut open = self.open();
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&address);
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    of: Option<(Addresses, IpAddr)>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some((addresses, address)) = &self.of {
            addresses.leave(*address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Otherwise one of them shuts everybody else out.
    #[test]
    fn an_address_has_its_share_and_nothing_is_kept_of_who_has_gone() {
        let addresses = Addresses::new(None, 8);
        let one = address("192.0.2.1");
        let first = addresses.enter(one).unwrap();
        let second = addresses.enter(address("::ffff:192.0.2.1")).unwrap();
        assert!(addresses.enter(one).is_none());
        let _other = addresses.enter(address("192.0.2.2")).unwrap();
        drop(second);
        let _third = addresses.enter(one).unwrap();
        assert!(addresses.enter(one).is_none());
        drop((first, _third, _other));
        assert!(addresses.open().is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let addresses = Addresses::new(Some(1), 8);
        let _one = addresses.enter(address("2001:db8::1")).unwrap();
        assert!(addresses.enter(address("2001:db8::2")).is_none());
        assert!(addresses.enter(address("2001:db8:0:1::1")).is_some());
    }

    /// A proxy on this machine brings everybody's.
    #[test]
    fn this_machine_is_counted_only_where_the_operator_said_how_many() {
        let local = address("127.0.0.1");
        let free = Addresses::new(None, 4);
        let all: Vec<_> = (0..4).map(|_| free.enter(local).unwrap()).collect();
        assert_eq!(all.len(), 4);
        let asked = Addresses::new(Some(1), 4);
        let _one = asked.enter(local).unwrap();
        assert!(asked.enter(local).is_none());
    }
}
