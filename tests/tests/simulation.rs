//! The deterministic simulation: seeds that failed once, then many others, and that the checks find what
//! is broken on purpose. `docs/reliability.md` says what a run is and how one is played again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::ValueEnum;
use waymark_tests::sim::{Group, Options, Outcome, Relays, Sabotage, Tally, run};

/// Runs that every change has to pass.
const SEEDS: u64 = 200;

/// Plays runs in two threads.
fn play(seeds: &[u64], options: Options) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = run(*seed, options);
                    outcomes.lock().unwrap().push(outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}

#[track_caller]
fn assert_no_failure(outcomes: &[Outcome], options: Options) {
    let arguments = options.arguments();
    let failed = outcomes.iter().filter_map(|outcome| {
        let why = outcome.failure.as_ref()?;
        let seed = outcome.seed;
        let replay = format!(
            "cargo run --release -p waymark-tests --bin simulate -- --seed {seed} {arguments} --verbose"
        );
        Some(format!("seed {seed}: {why}\n  {replay}"))
    });
    let failed: Vec<String> = failed.collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Something that was once mended would be broken again.
#[test]
fn seeds_that_failed_once_pass() {
    let lines = include_str!("../simulation/seeds.txt").lines();
    let mut groups: BTreeMap<String, (Options, Vec<u64>)> = BTreeMap::new();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let relays = words.next().map(|word| Relays::from_str(word, true));
        let mut options = Options {
            relays: relays.unwrap().unwrap(),
            heals: true,
            ..Options::default()
        };
        let seed = loop {
            match words.next().unwrap() {
                "--checkpoints" => options.checkpoints = true,
                "--drops" => options.drops = true,
                "--forgers" => options.forgers = true,
                "--forgets" => options.forgets = true,
                seed => break seed.parse().unwrap(),
            }
        };
        let group = groups.entry(options.arguments());
        group.or_insert((options, Vec::new())).1.push(seed);
    }
    assert!(!groups.is_empty());
    for (options, seeds) in groups.into_values() {
        assert_no_failure(&play(&seeds, options), options);
    }
}

/// What somebody wrote would be lost, read by somebody who may not, or shown differently to two, where
/// a message is lost or a phone dies at the wrong moment.
#[test]
fn whatever_goes_wrong_nothing_is_lost_and_nothing_is_let_in() {
    let seeds = 1_000..1_000 + SEEDS;
    // Whatever relays lose is with everybody again in the end, and with the relay.
    let (lying, tampering): (Vec<u64>, Vec<u64>) = seeds.partition(|seed| seed % 5 == 0);
    let mut outcomes = Vec::new();
    for (relays, seeds) in [(Relays::Tampering, tampering), (Relays::Lying, lying)] {
        let options = Options {
            relays,
            heals: true,
            ..Options::default()
        };
        let played = play(&seeds, options);
        assert_no_failure(&played, options);
        outcomes.extend(played);
    }
    let mut tally = Tally::default();
    for outcome in &outcomes {
        tally.take(&outcome.tally);
    }
    println!("{tally}");
    // Runs in which nothing happens prove nothing.
    let entries = tally.of(Group::Run, "entries");
    assert!(entries > 10 * SEEDS, "only {entries} entries");
    for fault in [
        "answers cut",
        "clones",
        "crashes out of the blue",
        "crashes in a commit",
        "spaces kept silent about",
        "answers: bits flipped",
        "answers: frames left out",
        "answers: without end",
        "lies about storing",
        "relay forks",
        "relay restored from a backup",
        "relay rolled back",
        "partitions",
        "relay restarts",
        "restores",
    ] {
        assert!(tally.of(Group::Fault, fault) > 0, "no {fault}");
    }
}

/// Something that a client had forgotten would stay on somebody's device, or take along what it is not.
#[test]
fn what_is_forgotten_is_nowhere_and_nothing_else_is_lost() {
    let options = Options {
        forgets: true,
        ..Options::default()
    };
    let seeds: Vec<u64> = (2_000..2_040).collect();
    let outcomes = play(&seeds, options);
    assert_no_failure(&outcomes, options);
    let mut tally = Tally::default();
    for outcome in &outcomes {
        tally.take(&outcome.tally);
    }
    let forgotten = tally.of(Group::Run, "things forgotten");
    assert!(forgotten > 20, "only {forgotten} things were forgotten");
}

/// A failing run could not be looked at again.
#[test]
fn one_seed_gives_one_run() {
    for seed in 1..6 {
        let (first, second) = (run(seed, Options::default()), run(seed, Options::default()));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_ne!(first.trace, [0; 32], "{:?}", first.failure);
    }
    let (first, second) = (run(1, Options::default()), run(2, Options::default()));
    assert_ne!(first.trace, second.trace);
}

/// Checks that nothing can fail would let everything through.
#[test]
fn what_is_broken_on_purpose_is_found() {
    for (sabotage, finding) in [
        (Sabotage::DisksLie, "lost record"),
        (Sabotage::KeysShared, "opens what came after"),
        (Sabotage::SetBack, "lost record"),
    ] {
        let options = Options {
            sabotage: Some(sabotage),
            ..Options::default()
        };
        let seeds: Vec<u64> = (0..20).collect();
        let found = play(&seeds, options);
        let mut found = found.iter().filter_map(|outcome| outcome.failure.as_ref());
        assert!(
            found.any(|why| why.contains(finding)),
            "{sabotage:?} is not found"
        );
    }
}
