//! Puts load on a relay that it starts by itself on this machine, and says what that costs beside the
//! same work without a relay. `docs/benchmarks.md` has what came of it.
//!
//! ```text
//! cargo build --profile bench -p waymark-server --features nats
//! cargo run --profile bench -p waymark-tests --bin load -- all
//! ```
#![forbid(unsafe_code)]

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use indicatif::ProgressBar;
use waymark_tests::load::measures::Rig;
use waymark_tests::load::soak::{Soak, soak};
use waymark_tests::load::{Engine, serve_stream};
use waymark_tests::report::{self, Row};

/// Loads a relay that it starts on this machine, and measures.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,

    /// Have the relay keep its logs in PostgreSQL, which this starts for itself, instead of SQLite.
    #[arg(long, global = true)]
    postgres: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// All of what follows but the soak, as it stands in `docs/benchmarks.md`.
    All,
    /// Appends without HTTP, beside bare rows.
    Log {
        /// Rounds of each, in turn.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=100))]
        rounds: u16,
        /// Entries for each of the 512 spaces in a round.
        #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        each: u16,
    },
    /// Appends over HTTP at full speed, beside a stream that keeps nothing.
    Append(Pushing),
    /// From an append to a live reader, at half of full load.
    Live {
        #[command(flatten)]
        pushing: Pushing,
        /// Seconds at half of full load.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
        seconds: u64,
    },
    /// Memory for each idle live connection.
    Idle {
        /// Connections.
        #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u16).range(1..=20_000))]
        connections: u16,
    },
    /// Idle live connections and appends together.
    Mixed {
        /// Connections.
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(1..=20_000))]
        connections: u16,
        /// Appends a second.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        rate: u16,
        /// Seconds.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
        seconds: u64,
    },
    /// Devices behind a network that breaks, for long: nothing acknowledged may be lost, and nothing may
    /// grow. Fails where that is not so.
    Soak {
        /// Seconds.
        #[arg(long, default_value_t = 1_200, value_parser = clap::value_parser!(u64).range(10..=86_400))]
        seconds: u64,
        /// Spaces, each with a device that appends and one that follows.
        #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=500))]
        spaces: u16,
        /// Appends a second, all together, at most.
        #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        rate: u32,
        /// What the faults follow from.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// What the others are measured against: streams what is posted, and keeps nothing.
    #[command(hide = true)]
    Stream,
}

/// How much is pushed.
#[derive(Clone, Copy, clap::Args, Debug)]
struct Pushing {
    /// Spaces, each with one pusher.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pushers: u16,
    /// Appends at full speed, all together.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    appends: u32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(rows) => {
            report::show(&rows);
            let is_soak = matches!(arguments.verb, Verb::Soak { .. });
            if is_soak && rows.iter().any(|row| row.met == Some(false)) {
                return ExitCode::FAILURE;
            }
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("load: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<Vec<Row>> {
    if let Verb::Stream = arguments.verb {
        tokio::runtime::Runtime::new()?.block_on(serve_stream())?;
        return Ok(Vec::new());
    }
    if let Verb::Soak {
        seconds,
        spaces,
        rate,
        seed,
    } = arguments.verb
    {
        let plan = Soak {
            span: Duration::from_secs(seconds),
            spaces: spaces.into(),
            rate,
            seed,
        };
        let runtime = tokio::runtime::Runtime::new()?;
        return Ok(runtime
            .block_on(soak(plan, &ProgressBar::new(seconds)))?
            .rows());
    }
    let engine = if arguments.postgres {
        Engine::postgres().ok_or_else(|| io::Error::other("there is no PostgreSQL 15 or newer"))?
    } else {
        Engine::sqlite()
    };
    let rig = Rig::new(engine)?;
    let seconds = Duration::from_secs;
    match arguments.verb {
        Verb::All => all(&rig),
        Verb::Log { rounds, each } => Ok(rig.log(rounds.into(), each.into())),
        Verb::Append(pushing) => rig.append(pushing.pushers.into(), appends(pushing)),
        Verb::Live {
            pushing,
            seconds: span,
        } => rig.live(pushing.pushers.into(), appends(pushing), seconds(span)),
        Verb::Idle { connections } => rig.idle(connections.into()),
        Verb::Mixed {
            connections,
            rate,
            seconds: span,
        } => rig.mixed(connections.into(), rate.into(), seconds(span)),
        Verb::Soak { .. } | Verb::Stream => Ok(Vec::new()),
    }
}

fn all(rig: &Rig) -> io::Result<Vec<Row>> {
    let mut rows = rig.log(7, 40);
    rows.extend(rig.append(64, 50_000)?);
    rows.extend(rig.live(64, 50_000, Duration::from_secs(20))?);
    rows.extend(rig.idle(5_000)?);
    rows.extend(rig.mixed(10_000, 200.0, Duration::from_secs(30))?);
    Ok(rows)
}

fn appends(pushing: Pushing) -> usize {
    usize::try_from(pushing.appends).unwrap_or(usize::MAX)
}
