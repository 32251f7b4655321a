//! `waymark-server`: the relay as a program. Exit codes: 0 stopped as asked, 1 cannot run, 2 wrong
//! use; `check` has its own: 0 all is well, 1 something is wrong, 2 it could not be looked at.
#![forbid(unsafe_code)]

mod several;
mod verbs;

use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use tokio::net::TcpListener;
use tokio::signal;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use waymark_server::bus::Bus;
use waymark_server::log::Log;
use waymark_server::mailbox::Mailboxes;
use waymark_server::{Config, Limits, Relay};

use self::verbs::Verb;

/// The Waymark relay. It puts the sealed entries of therapeutic plans into one order for each space
/// and hands them to the members; it can read none of them.
#[derive(Debug, Parser)]
#[command(name = "waymark-server", version, subcommand_negates_reqs = true)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Flags {
    /// What to do instead of serving.
    #[command(subcommand)]
    verb: Option<Verb>,

    /// Directory for the logs and the relay's key; made if there is none. One relay at a time.
    #[arg(long, value_name = "DIR", required = true)]
    data: Option<PathBuf>,

    /// Keep the logs in this PostgreSQL database (15 or newer) instead, beside other nodes with the
    /// same relay.key: postgres://user@host/database. The password may stand in PGPASSWORD.
    #[arg(long, value_name = "URL")]
    store: Option<String>,

    /// Tell the other nodes what was written through these NATS servers, with commas between:
    /// nats://host:port.
    #[arg(long, value_name = "URL", requires = "store")]
    bus: Option<String>,

    /// Seconds after which a node looks by itself for what others wrote.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().poll.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    poll_seconds: u64,

    /// Address and port to listen on; port 0 takes a free one, which is printed.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8447")]
    listen: SocketAddr,

    /// Allow listening and speaking to database and bus beyond this machine although there is no TLS
    /// yet: only behind a proxy that has it, or within a network of one's own.
    #[arg(long)]
    allow_plaintext: bool,

    /// File with a token that creating a space needs; without it anybody may create spaces.
    #[arg(long, value_name = "FILE")]
    admission_token_file: Option<PathBuf>,

    /// Open connections at a time; more wait.
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_connections: usize,

    /// Appends that may wait to be written; more are told to try again later.
    #[arg(long, value_name = "N", default_value_t = Limits::default().queue)]
    max_queue: usize,

    /// MiB of request bodies in memory at a time; more are told to try again later.
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().bodies >> 20,
          value_parser = clap::value_parser!(u32).range(4..=4_000))]
    body_memory: u32,

    /// Seconds that a request's body may take altogether.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().body_time.as_secs())]
    body_seconds: u64,

    /// Bytes a second that a request's body must bring after its first five seconds.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body_rate)]
    body_rate: u32,

    /// Seconds that a connection may be without a request, or a reader without taking a byte.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().idle.as_secs())]
    idle_seconds: u64,

    /// How much to log on standard error; never content, addresses or whole ids.
    #[arg(long, value_name = "LEVEL", default_value = "info",
          value_parser = PossibleValuesParser::new(["off", "error", "warn", "info", "debug"]))]
    log: String,
}

/// Why the program ends.
enum End {
    CannotRun(String),
    CannotLook(String),
    WrongUse(String),
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let (code, sentence) = match run(flags) {
        Ok(code) => return code,
        Err(End::CannotRun(sentence)) => (1, sentence),
        Err(End::CannotLook(sentence) | End::WrongUse(sentence)) => (2, sentence),
    };
    // Where standard error is closed too, the exit code has to do.
    let _ = writeln!(io::stderr(), "waymark-server: {sentence}");
    ExitCode::from(code)
}

fn run(flags: Flags) -> Result<ExitCode, End> {
    if let Some(verb) = &flags.verb {
        return verbs::run(verb);
    }
    if !flags.listen.ip().is_loopback() && !flags.allow_plaintext {
        return Err(End::WrongUse(format!(
            "{} is not on this machine alone, and there is no TLS yet: \
             say --allow-plaintext if a proxy in front has it",
            flags.listen
        )));
    }
    // The values that clap takes are all levels.
    let level = flags.log.parse().unwrap_or(LevelFilter::INFO);
    tracing_subscriber::registry()
        .with(Targets::new().with_target("waymark_server", level))
        .with(tracing_subscriber::fmt::layer().with_writer(io::stderr))
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|why| cannot("start", why))?;
    runtime.block_on(serve(flags)).map(|()| ExitCode::SUCCESS)
}

async fn serve(flags: Flags) -> Result<(), End> {
    let listen = flags.listen;
    match &flags.store {
        Some(_) => several::serve(flags).await,
        None => {
            let relay = Relay::open(config(flags)?);
            serve_with(
                relay.map_err(|why| End::CannotRun(why.to_string()))?,
                listen,
            )
            .await
        }
    }
}

async fn serve_with<L: Log + Mailboxes, B: Bus>(
    relay: Relay<L, B>,
    listen: SocketAddr,
) -> Result<(), End> {
    let listener = TcpListener::bind(listen).await.map_err(|why| {
        End::CannotRun(match why.kind() {
            io::ErrorKind::AddrInUse => {
                format!("the port of {listen} is in use by another program")
            }
            _ => format!("cannot listen on {listen}: {why}"),
        })
    })?;
    let address = listener.local_addr().map_err(|why| cannot("listen", why))?;
    let stop = stop_signal().map_err(|why| cannot("listen for signals", why))?;
    // A closed standard output is no reason not to serve.
    let _ = writeln!(
        io::stdout(),
        "waymark-server listens on http://{address} with the key {}",
        relay.key()
    );
    let served = relay.serve(listener, stop).await;
    served.map_err(|why| cannot("serve", why))
}

fn config(flags: Flags) -> Result<Config, End> {
    // Without a verb, the command line is refused where it is missing.
    let data = flags.data.unwrap_or_default();
    let admission = match flags.admission_token_file {
        Some(path) => {
            let token = std::fs::read(&path)
                .map_err(|why| cannot(&format!("read {}", path.display()), why))?;
            let token = token.trim_ascii().to_vec();
            if token.is_empty() {
                let sentence = format!("there is no token in {}", path.display());
                return Err(End::CannotRun(sentence));
            }
            Some(token)
        }
        None => None,
    };
    Ok(Config {
        data,
        admission,
        limits: Limits {
            connections: flags.max_connections,
            queue: flags.max_queue,
            bodies: flags.body_memory << 20,
            body_time: Duration::from_secs(flags.body_seconds),
            body_rate: flags.body_rate,
            idle: Duration::from_secs(flags.idle_seconds),
            poll: Duration::from_secs(flags.poll_seconds),
        },
    })
}

fn cannot(what: &str, why: impl Display) -> End {
    End::CannotRun(format!("cannot {what}: {why}"))
}

/// Is over at SIGINT or SIGTERM.
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    #[cfg(unix)]
    {
        use signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        let _ = signal::ctrl_c().await;
    })
}
