//! A TCP proxy on loopback that counts, and keeps what devices say.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A proxy between devices and a relay. Its threads end with the connections.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    passed: Arc<Mutex<Passed>>,
}

/// What has passed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed {
    /// To the relay, for each connection.
    pub(crate) up: Vec<Vec<u8>>,
    /// Bytes from the relay.
    pub(crate) down: u64,
}

impl Passed {
    /// Bytes to the relay.
    pub(crate) fn up_bytes(&self) -> u64 {
        let lengths = self.up.iter().map(Vec::len);
        u64::try_from(lengths.sum::<usize>()).unwrap_or(u64::MAX)
    }

    /// Bytes both ways.
    pub(crate) fn both(&self) -> u64 {
        self.up_bytes() + self.down
    }
}

impl Proxy {
    /// A proxy to the relay at `url`.
    pub(crate) fn to(url: &str) -> Self {
        let relay: SocketAddr = url
            .trim_start_matches("http://")
            .parse()
            .expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let passed = Arc::new(Mutex::new(Passed::default()));
        let proxy = Self { address, passed };
        let accepting = proxy.clone();
        thread::spawn(move || {
            for device in listener.incoming().flatten() {
                // A relay that is gone hangs up on the device.
                let _ = accepting.join(device, relay);
            }
        });
        proxy
    }

    /// Where devices find it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has passed since this was last asked.
    pub(crate) fn take(&self) -> Passed {
        let mut passed = self.passed();
        // Connections that are open go on at their place.
        let fresh = Passed {
            up: vec![Vec::new(); passed.up.len()],
            down: 0,
        };
        std::mem::replace(&mut *passed, fresh)
    }

    fn passed(&self) -> MutexGuard<'_, Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, device: TcpStream, relay: SocketAddr) -> io::Result<()> {
        let relay = TcpStream::connect(relay)?;
        device.set_nodelay(true)?;
        relay.set_nodelay(true)?;
        let number = {
            let mut passed = self.passed();
            passed.up.push(Vec::new());
            passed.up.len() - 1
        };
        let (from_device, to_device) = (device.try_clone()?, device);
        let (from_relay, to_relay) = (relay.try_clone()?, relay);
        let (up, down) = (self.clone(), self.clone());
        thread::spawn(move || {
            pass(from_device, to_relay, |bytes| {
                up.passed().up[number].extend_from_slice(bytes);
            })
        });
        thread::spawn(move || {
            pass(from_relay, to_device, |bytes| {
                down.passed().down += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            })
        });
        Ok(())
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, keep: impl Fn(&[u8])) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut piece)?;
        if length == 0 {
            return to.shutdown(Shutdown::Write);
        }
        // Before it is passed on, so that what has arrived has been counted.
        keep(&piece[..length]);
        to.write_all(&piece[..length])?;
    }
}
