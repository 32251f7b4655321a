//! Plays many runs of the simulation, and prints what happened in them.
//!
//! ```text
//! cargo run --release -p waymark-tests --bin simulate -- --seeds 1000
//! cargo run --release -p waymark-tests --bin simulate -- --seed 17 --verbose
//! ```
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use waymark_tests::sim::{Group, Options, Outcome, Relays, Tally, run};

/// Plays runs of the deterministic simulation.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many runs.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// One run alone.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Operations in each run.
    #[arg(long, default_value_t = Options::default().steps)]
    steps: usize,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// No device is restored from a backup.
    #[arg(long)]
    no_restores: bool,
    /// No device is cloned.
    #[arg(long)]
    no_clones: bool,
    /// How relays behave.
    #[arg(long, value_enum, default_value_t = Options::default().relays)]
    relays: Relays,
    /// What relays lose has to be with everybody again in the end.
    #[arg(long, default_value_t = Options::default().heals)]
    heals: bool,
    /// Devices publish checkpoints, and time passes until they rest.
    #[arg(long)]
    checkpoints: bool,
    /// Relays drop entries before everybody has read them.
    #[arg(long, requires = "checkpoints")]
    drops: bool,
    /// People have something forgotten by everybody.
    #[arg(long)]
    forgets: bool,
    /// A member turns bad, and signs what it may not.
    #[arg(long)]
    forgers: bool,
    /// Print everything that happens.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        steps: arguments.steps,
        restores: !arguments.no_restores,
        clones: !arguments.no_clones,
        relays: arguments.relays,
        heals: arguments.heals,
        checkpoints: arguments.checkpoints,
        drops: arguments.drops,
        forgets: arguments.forgets,
        forgers: arguments.forgers,
        verbose: arguments.verbose,
        sabotage: None,
    };
    let (first, count) = match arguments.seed {
        Some(seed) => (seed, 1),
        None => (arguments.from, arguments.seeds),
    };
    if arguments.verbose {
        // What devices and relays say to themselves stands between the lines of the run.
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
            .with_writer(std::io::stdout)
            .with_ansi(false)
            .without_time()
            .init();
    }
    let begun = Instant::now();
    let bar = ProgressBar::new(count);
    let style = "{bar:40} {pos}/{len} {elapsed_precise} {msg}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    let next = AtomicU64::new(first);
    let end = first.saturating_add(count);
    let tally = Mutex::new((Tally::default(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = run(seed, options);
                    if let Some(why) = &outcome.failure {
                        bar.suspend(|| println!("seed {seed} fails: {why}"));
                    }
                    if let Ok(mut tally) = tally.lock() {
                        tally.0.take(&outcome.tally);
                        tally.1.extend(outcome.failure.is_some().then_some(outcome));
                    }
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let (tally, failed) = tally.into_inner().unwrap_or_default();
    println!("{tally}");
    println!("{} s", begun.elapsed().as_secs());
    print_failures(&failed, options);
    if failed.is_empty() && tally.of(Group::Run, "seeds") == count {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print_failures(failed: &[Outcome], options: Options) {
    if failed.is_empty() {
        return println!("no seed failed");
    }
    println!(
        "{} failed; one again, with everything that happens:",
        failed.len()
    );
    let arguments = options.arguments();
    for outcome in failed {
        let seed = outcome.seed;
        println!(
            "  cargo run --release -p waymark-tests --bin simulate -- --seed {seed} {arguments} --verbose"
        );
    }
}
