//! The fuzz targets' bodies as ordinary tests: over their seeds, over what once failed, and over
//! deterministic mutations of both. `fuzz/run` lets libFuzzer call the same bodies.
#![forbid(unsafe_code)]
#![allow(
    unreachable_pub,
    reason = "what stands below is public for the package `fuzz/`, which mounts it too"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a target stops where something is wrong"
)]

mod fuzzed {
    pub(super) mod bounded;
    pub(super) mod changes;
    pub(super) mod choices;
    pub(super) mod codec;
    pub(super) mod gate;
    pub(super) mod record;
    pub(super) mod seeds;
    pub(super) mod snapshot;
    pub(super) mod wire;
}

use std::process::Command;

use self::fuzzed::choices::SplitMix64;
use self::fuzzed::{bounded, codec, gate, record, seeds, snapshot, wire};

const MUTATIONS: usize = 2_000;
/// In nanoseconds of the processor: a busy machine takes nothing of it.
const SECOND: u64 = 1_000_000_000;
/// In KiB.
const MEBIBYTES_64: u64 = 64 * 1024;

/// Whoever is sent such bytes would lose the app at every start.
#[test]
fn wire() {
    over_seeds("wire", wire::check, MUTATIONS);
}

/// A batch that reads as something else than was written is a diary that differs by device.
#[test]
fn codec() {
    over_seeds("codec", codec::check, MUTATIONS);
}

/// A change that one device takes and another does not parts their documents for good; one that costs
/// gigabytes or minutes ends the app at every start. So what the gate accepts Automerge takes without
/// a panic, within 64 MiB and a second, in a process whose costs are its own.
#[test]
fn gate() {
    if cfg!(target_os = "linux") {
        let apart = Command::new(std::env::current_exe().unwrap())
            .args(["gate_apart", "--exact", "--ignored", "--nocapture"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&apart.stdout);
        let passed = apart.status.success() && said.contains("1 passed");
        assert!(passed, "{said}{}", String::from_utf8_lossy(&apart.stderr));
    } else {
        over_seeds("gate", gate::check, MUTATIONS);
    }
}

/// Not a test by itself: what the one above runs.
#[test]
#[ignore = "it is run by the test above"]
fn gate_apart() {
    bounded::within(SECOND, MEBIBYTES_64, |bounds| {
        over_seeds(
            "gate",
            |input| bounds.hold(|| gate::check(input)),
            MUTATIONS,
        );
    });
}

/// If this fails, the bounds above hold nothing back.
#[test]
#[cfg(target_os = "linux")]
fn what_takes_long_or_much_is_seen() {
    let passes = |millis: u64, mebibytes: usize| {
        let bounded = || {
            bounded::within(SECOND / 10, MEBIBYTES_64, |bounds| {
                bounds.hold(|| spend(millis, mebibytes));
            });
        };
        std::panic::catch_unwind(bounded).is_ok()
    };
    assert!(passes(0, 1));
    assert!(!passes(300, 1), "time");
    // Other tests of this process may take some, never give some back.
    assert!(!passes(0, 200), "memory");
}

/// Takes so much time of the processor, and of memory.
#[cfg(target_os = "linux")]
fn spend(millis: u64, mebibytes: usize) {
    let taken = std::hint::black_box(vec![1_u8; mebibytes << 20]);
    let until = bounded::processor_time() + millis * 1_000_000;
    while bounded::processor_time() < until {
        std::hint::black_box(&taken);
    }
}

/// A checkpoint that kills or splits whoever starts from it would be there for every newcomer.
#[test]
fn snapshot() {
    over_seeds("snapshot", snapshot::check, MUTATIONS);
}

/// A plan must read alike on all devices, whatever order the log came in.
#[test]
fn record() {
    over_seeds("record", record::check, MUTATIONS);
}

/// A target that accepts nothing finds nothing: forged changes must reach Automerge.
#[test]
fn forged_changes_pass_the_gate_now_and_then() {
    let mut dice = SplitMix64(7);
    let mut applied = 0;
    for _ in 0..300 {
        let bytes: Vec<u8> = (0..120).map(|_| drawn(&mut dice)).collect();
        applied += gate::forged_and_accepted(&bytes);
    }
    assert!(applied >= 20, "only {applied} forged changes were accepted");
}

fn over_seeds(target: &str, check: impl Fn(&[u8]), mutations: usize) {
    let mut inputs = seeds::seeds(target);
    assert!(inputs.len() > 4, "only {} seeds", inputs.len());
    for (name, bytes) in seeds::regressions(target) {
        println!("{name}");
        check(&bytes);
        inputs.push(bytes);
    }
    inputs.iter().for_each(|input| check(input));
    let mut dice = SplitMix64(0);
    for number in 0..mutations {
        let mut bytes = inputs[dice.below(inputs.len())].clone();
        for _ in 0..=dice.below(4) {
            mutate(&mut bytes, &inputs, &mut dice);
        }
        // On failure this line says which one it was.
        println!("{target} {number}: {bytes:02x?}");
        check(&bytes);
    }
}

fn mutate(bytes: &mut Vec<u8>, inputs: &[Vec<u8>], dice: &mut SplitMix64) {
    let at = dice.below(bytes.len() + 1);
    let end = (at + dice.below(8)).min(bytes.len());
    match dice.below(5) {
        0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        1 => bytes.truncate(at),
        2 => {
            let drawn: Vec<u8> = (0..dice.below(8)).map(|_| drawn(dice)).collect();
            bytes.splice(at..end, drawn);
        }
        3 => {
            let other = &inputs[dice.below(inputs.len())];
            let from = dice.below(other.len() + 1);
            let until = (from + dice.below(64)).min(other.len());
            bytes.splice(at..end, other[from..until].iter().copied());
        }
        _ => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
    }
}

fn drawn(dice: &mut SplitMix64) -> u8 {
    u8::try_from(dice.below(256)).unwrap_or(0)
}
