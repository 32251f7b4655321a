//! What an operator may set.

use std::path::PathBuf;
use std::time::Duration;

/// A relay's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data directory; it is made where there is none.
    pub data: PathBuf,
    /// The token that creating a space needs; `None` lets anybody create spaces.
    pub admission: Option<Vec<u8>>,
    /// What one process takes on.
    pub limits: Limits,
}

impl Config {
    /// The usual settings over `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            admission: None,
            limits: Limits::default(),
        }
    }
}

/// What one process takes on at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections; more wait to be accepted.
    pub connections: usize,
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
    /// After how long a live reader's node looks for itself, where others write, too, and it may not
    /// have heard of it.
    pub poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            queue: 1_024,
            bodies: 128 * 1024 * 1024,
            body_time: Duration::from_secs(60),
            body_rate: 1_024,
            idle: Duration::from_secs(90),
            poll: Duration::from_secs(15),
        }
    }
}
