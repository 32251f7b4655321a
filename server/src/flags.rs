//! What an operator can set, each in one place: serving and the other verbs share the flags that say
//! where everything is. Whatever is a flag of `serve` can stand in a file and in the environment too,
//! see [`crate::settings`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, Parser};
use waymark_server::Limits;

use crate::verbs::Verb;

/// The Waymark relay. It puts the sealed entries of therapeutic plans into one order for each space
/// and hands them to the members; it can read none of them.
///
/// Whatever is a flag of `serve` can also be set in the environment (--poll-seconds as
/// WAYMARK_POLL_SECONDS), and in the file that --config names (poll_seconds = 15). A flag comes before
/// the environment, and that before the file.
#[derive(Debug, Parser)]
#[command(name = "waymark-server", version)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct Program {
    /// What to do; without one it serves.
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,

    #[command(flatten)]
    pub(crate) serving: Serving,
}

impl Program {
    /// Puts the logs where a file says that the shards are.
    pub(crate) fn spread(&mut self, shards: Vec<Shard>) {
        let place = match &mut self.verb {
            Some(verb) => verb.place_mut(),
            None => &mut self.serving.place,
        };
        place.database.shards = shards;
    }
}

/// Where what is kept is.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// File with settings, in TOML: each as key = value, under the name of its flag with _ for -.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The relay's directory, for the logs and its key. Serving makes it if there is none, and takes
    /// it for itself.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) database: Database,
}

impl Place {
    /// The directory, for whoever has no database.
    pub(crate) fn directory(&self) -> &Path {
        self.data.as_deref().unwrap_or(Path::new(""))
    }
}

/// Some virtual shards and their database, as a file says it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Shard {
    /// The first.
    pub(crate) from: u16,
    /// The last.
    pub(crate) to: u16,
    /// The database's address.
    pub(crate) store: String,
}

impl Database {
    /// Whether the logs are in a database at all, or several.
    pub(crate) const fn is_named(&self) -> bool {
        self.store.is_some() || !self.shards.is_empty()
    }
}

/// The database of a relay of several nodes.
#[derive(Args, Debug)]
pub(crate) struct Database {
    /// The logs are in this PostgreSQL database (15 or newer) instead, which any number of nodes with
    /// the same relay.key serve: postgres://user@host/database. The password may stand in PGPASSWORD.
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,

    /// Which databases the virtual shards are in, where a file says so.
    #[arg(skip)]
    pub(crate) shards: Vec<Shard>,

    /// PEM file with the authorities that may vouch for the database, where its address says
    /// sslmode=verify-full; without it those that the web trusts.
    #[arg(long, value_name = "FILE")]
    pub(crate) store_ca_file: Option<PathBuf>,

    /// File with the database's password.
    #[arg(long, value_name = "FILE")]
    pub(crate) store_password_file: Option<PathBuf>,

    /// Allow listening, and speaking to database and bus, beyond this machine without TLS: only behind
    /// a proxy that has it, or within a network of one's own.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(crate) allow_plaintext: bool,
}

/// What is kept for how long.
#[derive(Args, Debug)]
pub(crate) struct Retention {
    /// Days after which a space goes that nobody has written to and no member has read: 30 or more; 0
    /// keeps every space. Devices that come back after all bring what they hold.
    #[arg(long, value_name = "DAYS", default_value_t = 0, value_parser = days)]
    pub(crate) space_days: u32,
}

impl Retention {
    /// After how many days a space goes that nobody uses, if any does.
    pub(crate) fn days(&self) -> Option<u32> {
        Some(self.space_days).filter(|days| *days > 0)
    }
}

fn days(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(days) if days == 0 || days >= LEAST_DAYS => Ok(days),
        _ => Err(format!("it is neither 0 nor a number from {LEAST_DAYS} on")),
    }
}

/// Holidays are shorter.
const LEAST_DAYS: u32 = 30;

/// What matters where the relay serves.
#[derive(Args, Debug)]
pub(crate) struct Serving {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Tell the other nodes what was written through these NATS servers, with commas between:
    /// nats://host:port or tls://host:port.
    #[arg(long, value_name = "URL")]
    pub(crate) bus: Option<String>,

    /// PEM file with the authorities that may vouch for NATS servers at tls://; without it those that
    /// the system trusts.
    #[arg(long, value_name = "FILE")]
    pub(crate) bus_ca_file: Option<PathBuf>,

    /// Seconds after which a node looks by itself for what others wrote.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().poll.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) poll_seconds: u64,

    #[command(flatten)]
    pub(crate) retention: Retention,

    /// Address and port to listen on; port 0 takes a free one, which is printed.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8447")]
    pub(crate) listen: SocketAddr,

    /// PEM file with the certificate that the relay proves its name with, and those that vouch for it
    /// behind it. Read anew at SIGHUP.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_certificate_file: Option<PathBuf>,

    /// PEM file with the certificate's private key. Read anew at SIGHUP.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key_file: Option<PathBuf>,

    /// File with tokens, one a line or sha256: and its digest, of which creating a space or a mailbox
    /// needs one; without it anybody may create them. Read anew at SIGHUP.
    #[arg(long, value_name = "FILE")]
    pub(crate) admission_file: Option<PathBuf>,

    /// MiB that a space may hold; 0 sets no bound.
    #[arg(long, value_name = "MIB", default_value_t = 1_024)]
    pub(crate) quota_mib: u32,

    /// Entries that a space may hold, without those before what was dropped; 0 sets no bound.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) quota_entries: u64,

    /// Requests a second of one address, ten times as many at once; 0 sets no bound. An IPv6 network
    /// of 64 bits counts as one address, and this machine is not counted. Behind a proxy on another
    /// machine say 0: all requests come from there.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) rate_address: u32,

    /// Entries a second into one space, and readings of it, ten times as many at once; 0 sets no
    /// bound.
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub(crate) rate_space: u32,

    /// The same of one member of a space.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) rate_key: u32,

    /// Open connections at a time; more wait.
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    pub(crate) max_connections: usize,

    /// Open connections of one address at a time, where an IPv6 network of 64 bits is one; more are
    /// closed. Without it a quarter of all, and this machine, where a proxy may be, is not counted.
    #[arg(long, value_name = "N")]
    pub(crate) max_address_connections: Option<usize>,

    /// Appends that may wait to be written; more are told to try again later.
    #[arg(long, value_name = "N", default_value_t = Limits::default().queue)]
    pub(crate) max_queue: usize,

    /// MiB of request bodies in memory at a time; more are told to try again later.
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().bodies >> 20,
          value_parser = clap::value_parser!(u32).range(4..=4_000))]
    pub(crate) body_memory: u32,

    /// Seconds that a request's body may take altogether.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().body_time.as_secs())]
    pub(crate) body_seconds: u64,

    /// Bytes a second that a request's body must bring after its first five seconds.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body_rate)]
    pub(crate) body_rate: u32,

    /// Seconds that a connection may be without a request, or a reader without taking a byte.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().idle.as_secs())]
    pub(crate) idle_seconds: u64,

    /// Address and port to answer whoever watches the relay on: /metrics for Prometheus, /healthz,
    /// /readyz. They tell sums and times, and nothing of whom.
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<SocketAddr>,

    /// The push gateway by which members are woken that asked for it: https://host/path.
    #[cfg(feature = "wake")]
    #[arg(long, value_name = "URL")]
    pub(crate) wake_gateway: Option<String>,

    /// Allow a push gateway within a network of one's own, also without TLS.
    #[cfg(feature = "wake")]
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(crate) wake_private: bool,

    /// Seconds between two times that a member is woken, at least.
    #[cfg(feature = "wake")]
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) wake_seconds: u64,

    /// How much to log on standard error; never content, addresses or whole ids.
    #[arg(long, value_name = "LEVEL", default_value = "info",
          value_parser = PossibleValuesParser::new(["off", "error", "warn", "info", "debug"]))]
    pub(crate) log: String,

    /// How to log: lines for people, or one JSON object a line.
    #[arg(long, value_name = "FORMAT", default_value = "text",
          value_parser = PossibleValuesParser::new(["text", "json"]))]
    pub(crate) log_format: String,
}
