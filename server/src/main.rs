//! `waymark-server`: the relay as a program. Exit codes: 0 stopped as asked, 1 cannot run, 2 wrong
//! use; `check` has its own: 0 all is well, 1 something is wrong, 2 it could not be looked at.
#![forbid(unsafe_code)]

mod flags;
mod renewal;
mod settings;
mod several;
mod verbs;

use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
#[cfg(feature = "wake")]
use waymark_server::Gateway;
use waymark_server::bus::Bus;
use waymark_server::log::{Log, Quota};
use waymark_server::mailbox::Mailboxes;
use waymark_server::{Config, Limits, RateLimits, Relay};

use self::flags::Serving;
use self::renewal::Files;
use self::settings::SettingsError;

/// Where the program listens.
#[derive(Clone, Copy)]
struct Doors {
    listen: SocketAddr,
    metrics: Option<SocketAddr>,
}

impl Doors {
    const fn of(flags: &Serving) -> Self {
        Self {
            listen: flags.listen,
            metrics: flags.metrics,
        }
    }
}

/// Why the program ends.
enum End {
    CannotRun(String),
    CannotLook(String),
    WrongUse(String),
}

fn main() -> ExitCode {
    let done = match settings::of_this_process() {
        Ok(program) => match program.verb {
            Some(verb) => verbs::run(verb),
            None => run(program.serving),
        },
        Err(SettingsError::CommandLine(error)) => error.exit(),
        Err(SettingsError::Elsewhere(sentence)) => Err(End::WrongUse(sentence)),
    };
    let (code, sentence) = match done {
        Ok(code) => return code,
        Err(End::CannotRun(sentence)) => (1, sentence),
        Err(End::CannotLook(sentence) | End::WrongUse(sentence)) => (2, sentence),
    };
    // Where standard error is closed too, the exit code has to do.
    let _ = writeln!(io::stderr(), "waymark-server: {sentence}");
    ExitCode::from(code)
}

fn run(flags: Serving) -> Result<ExitCode, End> {
    if flags.place.data.is_none() {
        return Err(End::WrongUse(
            "say where the relay's directory is: --data DIR".into(),
        ));
    }
    let files = Files::of(&flags)?;
    let is_open = |address: SocketAddr| !address.ip().is_loopback();
    if !flags.place.database.allow_plaintext {
        if is_open(flags.listen) && !files.have_certificate() {
            return Err(End::WrongUse(format!(
                "{} is not on this machine alone: name a certificate with --tls-certificate-file \
                 and --tls-key-file, or say --allow-plaintext if a proxy in front has one",
                flags.listen
            )));
        }
        if let Some(address) = flags.metrics.filter(|address| is_open(*address)) {
            return Err(End::WrongUse(format!(
                "{address} is not on this machine alone, and metrics are told without TLS: say \
                 --allow-plaintext if nobody else reads the network"
            )));
        }
    }
    log_to_stderr(&flags);
    runtime()?
        .block_on(serve(flags, files))
        .map(|()| ExitCode::SUCCESS)
}

/// What runs everything that waits.
fn runtime() -> Result<Runtime, End> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|why| cannot("start", why))
}

fn log_to_stderr(flags: &Serving) {
    // The values that clap takes are all levels.
    let level = flags.log.parse().unwrap_or(LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match flags.log_format.as_str() {
        "json" => lines.json().boxed(),
        _ => lines.boxed(),
    };
    tracing_subscriber::registry()
        .with(Targets::new().with_target("waymark_server", level))
        .with(lines)
        .init();
}

async fn serve(flags: Serving, files: Files) -> Result<(), End> {
    if flags.place.database.is_named() {
        return several::serve(flags, files).await;
    }
    if flags.bus.is_some() {
        return Err(End::WrongUse(
            "a bus is of use only between nodes that share a database: say --store".into(),
        ));
    }
    let doors = Doors::of(&flags);
    let relay = Relay::open(config(flags, &files)?);
    let relay = relay.map_err(|why| End::CannotRun(why.to_string()))?;
    serve_with(relay, doors, files).await
}

async fn serve_with<L: Log + Mailboxes, B: Bus>(
    relay: Relay<L, B>,
    doors: Doors,
    files: Files,
) -> Result<(), End> {
    let (listener, address) = bind(doors.listen).await?;
    let watchers = match doors.metrics {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let stop = stop_signal().map_err(|why| cannot("listen for signals", why))?;
    let scheme = if files.have_certificate() {
        "https"
    } else {
        "http"
    };
    let replacing = relay.replacing();
    files
        .renew_when_asked(replacing)
        .map_err(|why| cannot("listen for signals", why))?;
    // A closed standard output is no reason not to serve.
    let _ = writeln!(
        io::stdout(),
        "waymark-server listens on {scheme}://{address} with the key {}",
        relay.key()
    );
    if let Some((listener, address)) = watchers {
        let _ = writeln!(io::stdout(), "metrics on http://{address}/metrics");
        tokio::spawn(relay.watch(listener));
    }
    let served = relay.serve(listener, stop).await;
    served.map_err(|why| cannot("serve", why))
}

async fn bind(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), End> {
    let listener = TcpListener::bind(wanted).await.map_err(|why| {
        End::CannotRun(match why.kind() {
            io::ErrorKind::AddrInUse => {
                format!("the port of {wanted} is in use by another program")
            }
            _ => format!("cannot listen on {wanted}: {why}"),
        })
    })?;
    let address = listener.local_addr().map_err(|why| cannot("listen", why))?;
    Ok((listener, address))
}

fn config(flags: Serving, files: &Files) -> Result<Config, End> {
    let bound = |number: u32| Some(number).filter(|number| *number > 0);
    #[cfg(feature = "wake")]
    let wake = match flags.wake_gateway {
        Some(address) => {
            let gateway = Gateway::new(&address, flags.wake_private);
            let gateway = gateway.map_err(|why| End::WrongUse(why.to_string()))?;
            Some((gateway, Duration::from_secs(flags.wake_seconds)))
        }
        None => None,
    };
    Ok(Config {
        data: flags.place.directory().to_path_buf(),
        admission: files.tokens().map_err(End::CannotRun)?,
        certificate: files.certificate().map_err(End::CannotRun)?,
        #[cfg(feature = "wake")]
        wake,
        limits: Limits {
            connections: flags.max_connections,
            address_connections: flags.max_address_connections,
            queue: flags.max_queue,
            bodies: flags.body_memory << 20,
            body_time: Duration::from_secs(flags.body_seconds),
            body_rate: flags.body_rate,
            idle: Duration::from_secs(flags.idle_seconds),
            quota: Quota {
                bytes: bound(flags.quota_mib).map(|mib| u64::from(mib) << 20),
                entries: Some(flags.quota_entries).filter(|number| *number > 0),
            },
            rates: RateLimits {
                address: bound(flags.rate_address),
                space: bound(flags.rate_space),
                key: bound(flags.rate_key),
            },
            retention: flags.retention.days(),
            poll: Duration::from_secs(flags.poll_seconds),
            ..Limits::default()
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
