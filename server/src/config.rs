//! What an operator may set.

use std::path::PathBuf;
use std::time::Duration;

use crate::admission::Tokens;
use crate::certificate::Certificate;
use crate::log::Quota;
use crate::rates::RateLimits;

/// A relay's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data directory; it is made where there is none.
    pub data: PathBuf,
    /// The tokens of which creating a space or a mailbox needs one; `None` lets anybody create them.
    pub admission: Option<Tokens>,
    /// What it proves its name with; without, it speaks in clear.
    pub certificate: Option<Certificate>,
    /// What one process takes on.
    pub limits: Limits,
    /// By what members are woken that asked for it, and how often each at most.
    #[cfg(feature = "wake")]
    pub wake: Option<(crate::Gateway, Duration)>,
}

impl Config {
    /// The usual settings over `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            admission: None,
            certificate: None,
            limits: Limits::default(),
            #[cfg(feature = "wake")]
            wake: None,
        }
    }
}

/// What one process takes on at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections; more wait to be accepted.
    pub connections: usize,
    /// Open connections of one address, of which an IPv6 network of 64 bits is one; more are closed.
    /// `None`: a quarter of all, and those of this machine, where a proxy may be, are not counted.
    pub address_connections: Option<usize>,
    /// Appends that wait to be written; more are answered 503.
    pub queue: usize,
    /// Bytes of request bodies in memory; more are answered 503.
    pub bodies: u32,
    /// How long a request's body may take altogether.
    pub body_time: Duration,
    /// Bytes a second that a body must bring after its first five seconds.
    pub body_rate: u32,
    /// How long a connection may be without a request, and a reader without taking a byte.
    pub idle: Duration,
    /// Whoever is told that there is no such space or member is told so after a multiple of this, so
    /// that how long it took to find out says nothing.
    pub step: Duration,
    /// What each space may hold; more is answered 507.
    pub quota: Quota,
    /// How often somebody may ask; whoever asks more often is answered 429.
    pub rates: RateLimits,
    /// After how many days without an entry and without a reading a space is let go; `None` keeps every
    /// space, and notes of none when it was used.
    pub retention: Option<u32>,
    /// After how long a live reader's node looks for itself, where others write, too, and it may not
    /// have heard of it.
    pub poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            address_connections: None,
            queue: 1_024,
            bodies: 128 * 1024 * 1024,
            body_time: Duration::from_secs(60),
            body_rate: 1_024,
            idle: Duration::from_secs(90),
            step: Duration::from_millis(20),
            quota: Quota::default(),
            rates: RateLimits::default(),
            retention: None,
            poll: Duration::from_secs(15),
        }
    }
}
