//! A document from a checkpoint's snapshot, beside Automerge's own format for the same document; and
//! what the gate costs for a change, beside Automerge's reader on the same bytes.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use automerge::{Automerge, Change, LoadOptions, TextEncoding};
use tempfile::TempDir;
use waymark_core::gate::{
    ActorId, Document, DocumentName, Section, decode_batch, encode_batch, inspect_snapshot,
};

use crate::Effort;
use crate::phone::{Phone, records};
use crate::report::{Row, as_f64, bytes, time};
use crate::rounds::{each, in_turn, timed};

const NAME: DocumentName = DocumentName { kind: 2, part: 1 };
const AUTHOR: ActorId = ActorId([7; 16]);
const READER: ActorId = ActorId([8; 16]);
/// Check-ins that are pushed at once.
const BATCH: usize = 100;
/// Check-ins whose gate is measured: fewer than wait for a flush.
const JUDGED: usize = 4_000;
/// Above the loaded document.
const MEMORY: u64 = 64 * 1024 * 1024;
const CHILD: &str = "--load-in-a-process-of-its-own";

pub(crate) fn from_a_checkpoint(effort: Effort) -> Vec<Row> {
    let mut rows = Vec::new();
    let sizes: &[usize] = if effort.quick {
        &[10_000]
    } else {
        &[10_000, 100_000]
    };
    for count in sizes {
        rows.extend(measured(effort, *count));
    }
    rows
}

pub(crate) fn gate_per_change(effort: Effort) -> Vec<Row> {
    let History { document, stored } = History::of(JUDGED);
    let batches = batches(&stored);
    let plain = automerge(&document.save().expect("saved"));
    let chunks: Vec<Vec<u8>> = plain
        .get_changes(&[])
        .iter()
        .map(|change| change.raw_bytes().to_vec())
        .collect();
    let ours = || each(timed(|| black_box(from_batches(&batches))).0, JUDGED);
    let baseline = || {
        let read = || {
            for chunk in &chunks {
                black_box(Change::try_from(chunk.as_slice()).expect("a change"));
            }
        };
        each(timed(read).0, JUDGED)
    };
    let pair = in_turn(effort.of(31, 5), ours, baseline);
    let measure = "the gate per change: unpack, check, rebuild, hash";
    vec![Row::at_most_times(measure, pair.ours, pair.baseline, 1.0)]
}

fn measured(effort: Effort, count: usize) -> Vec<Row> {
    let History { document, stored } = History::of(count);
    let batches = batches(&stored);
    let parts = document.to_snapshot(NAME, &|_, _| true).expect("parts");
    let saved = automerge(&document.save().expect("saved")).save();
    let rounds = effort.of(if count > 10_000 { 5 } else { 15 }, 3);
    let pair = in_turn(
        rounds,
        || timed(|| black_box(from_snapshot(&parts))).0,
        || timed(|| black_box(automerge(&saved))).0,
    );
    let packed: u64 = parts.iter().map(|part| part.len() as u64).sum();
    let most = saved.len() as u64 * 13 / 10;
    let measure = format!("load {count} check-ins from a snapshot");
    let by_batches = timed(|| {
        let mut document = from_batches(&batches);
        document.flush().expect("applied");
        black_box(document);
    });
    let (inspected, _) = timed(|| inspect_snapshot(NAME, &|_| true, &parts));
    let sent: u64 = batches.iter().map(|batch| batch.len() as u64).sum();
    let (ours, plain) = in_processes(&parts, &saved);
    let above = ours.peak.saturating_sub(ours.kept);
    let plain_above = plain.peak.saturating_sub(plain.kept);
    vec![
        if count > 10_000 {
            Row::compared(&measure, pair.ours, pair.baseline)
        } else {
            Row::at_most_times(&measure, pair.ours, pair.baseline, 2.0)
        },
        Row::bytes("  bytes", packed, Some(saved.len() as u64), most),
        Row {
            measure: "  peak of memory above the loaded document".into(),
            ours: bytes(above),
            baseline: bytes(plain_above),
            ratio: format!("{:.2}×", as_f64(above) / as_f64(plain_above.max(1))),
            target: format!("≤ {}", bytes(MEMORY)),
            met: (ours.kept > 0).then_some(above <= MEMORY),
        },
        Row::note(
            "  the loaded document, with what the gate keeps of its past",
            bytes(ours.kept),
            bytes(plain.kept),
        ),
        Row::compared("  only inspected, for comparison", inspected, pair.baseline),
        Row::note(
            "  from batches of 100, in memory, and their bytes",
            time(by_batches.0),
            bytes(sent),
        ),
    ]
}

/// One diary as one document.
struct History {
    document: Document,
    stored: Vec<Vec<u8>>,
}

impl History {
    fn of(count: usize) -> Self {
        let mut phone = Phone::begin("http://127.0.0.1:9");
        phone.log(count);
        let (directory, plan) = (phone.directory, phone.plan);
        drop(phone.client);
        let mut document = Document::new(AUTHOR);
        let mut stored = Vec::with_capacity(count);
        for (_, records) in records(directory.path(), plan) {
            for record in records {
                let change = document.put_record(&record).expect("put");
                stored.push(change.expect("a new record").stored);
            }
        }
        assert_eq!(stored.len(), count, "every check-in is a record");
        Self { document, stored }
    }
}

fn batches(stored: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let batch = |stored: &[Vec<u8>]| {
        let section = Section::build(NAME, stored).expect("a section");
        encode_batch(&[section]).expect("a batch")
    };
    stored.chunks(BATCH).map(batch).collect()
}

fn from_batches(batches: &[Vec<u8>]) -> Document {
    let mut document = Document::new(READER);
    for batch in batches {
        for section in decode_batch(AUTHOR, batch).expect("a batch") {
            let accepted = document.accept_later(&|_| true, &section);
            accepted.expect("accepted");
        }
    }
    document
}

fn from_snapshot(parts: &[Vec<u8>]) -> Document {
    Document::from_snapshot(READER, NAME, &|_| true, parts).expect("it loads")
}

fn automerge(saved: &[u8]) -> Automerge {
    let options = LoadOptions::new().text_encoding(TextEncoding::UnicodeCodePoint);
    Automerge::load_with_options(saved, options).expect("it loads")
}

/// Bytes by which a process grew.
#[derive(Clone, Copy, Debug)]
struct Grown {
    peak: u64,
    /// With the loaded document.
    kept: u64,
}

/// Loads a snapshot and Automerge's format, each in a process of its own.
fn in_processes(parts: &[Vec<u8>], saved: &[u8]) -> (Grown, Grown) {
    let directory = TempDir::new().expect("a directory");
    for (index, part) in parts.iter().enumerate() {
        let file = directory.path().join(format!("part-{index:03}"));
        fs::write(file, part).expect("written");
    }
    let document = directory.path().join("automerge");
    fs::write(&document, saved).expect("written");
    (
        in_a_process("snapshot", directory.path()),
        in_a_process("automerge", &document),
    )
}

fn in_a_process(what: &str, path: &Path) -> Grown {
    let own = std::env::current_exe().expect("its own path");
    let output = Command::new(own).args([CHILD, what]).arg(path).output();
    let output = output.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(peak)), Some(Ok(kept))) => Grown { peak, kept },
        _ => panic!("{what}: {output:?}"),
    }
}

/// Does what [`in_a_process`] asks for; `None` where nobody did.
pub(crate) fn run_as_child(arguments: &[String]) -> Option<ExitCode> {
    let [child, what, path] = arguments else {
        return None;
    };
    if child != CHILD {
        return None;
    }
    // From here on the peak counts anew. Where this is refused it is older, and only larger.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let before = memory("VmRSS:");
    let grown = |kept| Grown {
        peak: memory("VmHWM:").saturating_sub(before),
        kept,
    };
    let now = || memory("VmRSS:").saturating_sub(before);
    let grown = if what == "snapshot" {
        let mut files: Vec<PathBuf> = fs::read_dir(path)
            .expect("the parts")
            .map(|file| file.expect("a file").path())
            .filter(|path| path.file_name().is_some_and(|name| name != "automerge"))
            .collect();
        files.sort();
        let parts: Vec<Vec<u8>> = files
            .iter()
            .map(|file| fs::read(file).expect("a part"))
            .collect();
        let document = from_snapshot(&parts);
        let grown = grown(now());
        drop(black_box(document));
        grown
    } else {
        let document = automerge(&fs::read(path).expect("the document"));
        let grown = grown(now());
        drop(black_box(document));
        grown
    };
    println!("{} {}", grown.peak, grown.kept);
    Some(ExitCode::SUCCESS)
}

/// A figure of this process in bytes; 0 where the system does not say.
pub(crate) fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
