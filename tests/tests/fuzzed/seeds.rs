//! What every target begins with: our own vectors, and the bytes that Automerge cannot take.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::record::{DOCUMENTS, MARK};

/// Bytes of a seed, at most: longer ones make a fuzzer slow and say nothing new.
const LONGEST: usize = 4_096;

/// The repository's top directory, from a package right below it.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The bytes of the seeds of a target, each once.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = BTreeSet::from([Vec::new()]);
    let names: &[&str] = match target {
        "wire" => &[
            "entries",
            "evidence",
            "membership",
            "messages",
            "pairing",
            "recovery",
        ],
        "codec" | "gate" | "snapshot" => &["changes"],
        "record" => {
            seeds.insert(records());
            seeds.extend(voids());
            &["records"]
        }
        other => panic!("no target {other}"),
    };
    for name in names {
        collect(&vectors(name), &mut seeds);
    }
    let hostile = fs::read_dir(root().join("core/tests/hostile")).expect("the hostile inputs");
    for file in hostile {
        seeds.insert(fs::read(file.expect("a file").path()).expect("a file"));
    }
    if matches!(target, "gate" | "snapshot") {
        seeds.extend(stories());
    }
    seeds.into_iter().filter(|s| s.len() <= LONGEST).collect()
}

/// The inputs that once failed, each a file of its own, by name.
pub fn regressions(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = root().join("fuzz/regressions").join(target);
    let mut found = Vec::new();
    // A target without any has no directory.
    for file in fs::read_dir(directory).into_iter().flatten() {
        let path = file.expect("a file").path();
        let bytes = fs::read(&path).expect("a file");
        found.push((path.display().to_string(), bytes));
    }
    found.sort();
    found
}

fn vectors(name: &str) -> Value {
    let path = root().join(format!("docs/vectors/{name}.json"));
    let text = fs::read_to_string(path).expect("the vectors");
    serde_json::from_str(&text).expect("vectors are JSON")
}

/// Every string in a vector, as the bytes that it says where it is hex, else as its text.
fn collect(value: &Value, seeds: &mut BTreeSet<Vec<u8>>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| collect(value, seeds)),
        Value::Object(map) => map.values().for_each(|value| collect(value, seeds)),
        // Names and keys alone are no input.
        Value::String(text) if text.len() >= 24 => {
            seeds.insert(from_hex(text).unwrap_or_else(|| text.clone().into_bytes()));
        }
        _ => {}
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// All records of the vectors as one input, which name each other by their places.
fn records() -> Vec<u8> {
    let vectors = vectors("records");
    let list = |name: &str| vectors[name].as_array().cloned().unwrap_or_default();
    let mut input = Vec::new();
    let mut ids: Vec<Vec<u8>> = Vec::new();
    for record in list("records").iter().chain(&list("left_out")) {
        let text = |name: &str| from_hex(record[name].as_str().unwrap_or_default());
        let mut bytes = text("bytes").unwrap_or_default();
        name(&mut bytes, &ids);
        let kind = record["document"]["kind"].as_u64().unwrap_or(1);
        let is_log = u64::from(DOCUMENTS[1].kind.code()) == kind;
        // The client's, and once more as an offer of the therapist's.
        for head in [u8::from(is_log), 2 + u8::from(is_log) + 4] {
            input.push(head);
            input.extend(u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
            input.extend(&bytes);
            // Two places, of which the first is named.
            ids.push(text("id").filter(|_| head < 2).unwrap_or_default());
        }
    }
    input
}

/// The stories of the vectors about voids, told by devices of the target.
fn voids() -> Vec<Vec<u8>> {
    let vectors = vectors("records");
    let stories = vectors["voids"].as_array().cloned().unwrap_or_default();
    let told = stories.iter().map(|story| {
        let (mut input, mut ids) = (Vec::new(), Vec::new());
        for record in story["records"].as_array().into_iter().flatten() {
            let text = record["bytes"].as_str().unwrap_or_default();
            let mut bytes = from_hex(text).unwrap_or_default();
            name(&mut bytes, &ids);
            let id = record["id"].as_str().unwrap_or_default();
            ids.push(from_hex(id).unwrap_or_default());
            let mut head = u8::from(record["document"]["kind"] == 2);
            for (person, device, author) in [(0xc1, 0, 0), (0xc1, 1, 4), (0xc2, 0, 1)] {
                let mut actor = [person; 16];
                actor[15] = device;
                while let Some(at) = place(&bytes, &actor) {
                    bytes[at..at + 16].fill(author);
                }
                let hex: String = actor.iter().map(|byte| format!("{byte:02x}")).collect();
                if record["puts"][0]["actor"] == hex {
                    head += author * 4;
                }
            }
            input.push(head);
            input.extend(u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
            input.extend(&bytes);
        }
        input
    });
    told.collect()
}

/// Names earlier records by their places.
fn name(bytes: &mut [u8], ids: &[Vec<u8>]) {
    for (number, id) in (0..).zip(ids) {
        while let Some(at) = place(bytes, id) {
            bytes[at..at + 15].fill(MARK);
            bytes[at + 15] = number;
        }
    }
}

fn place(bytes: &[u8], id: &[u8]) -> Option<usize> {
    let mut windows = bytes.windows(16);
    windows.position(|window| id.len() == 16 && window == id)
}

/// Steps of the target `gate`: both authors write, hear of each other, forge and damage.
fn stories() -> Vec<Vec<u8>> {
    vec![
        // A text that both edit.
        vec![
            1, 0, 2, 0, 0, 0, 3, 0, 1, 3, 4, 0, 0x84, 0, 0x82, 0, 1, 1, 1, 2, 3, 4, 2, 0, 1, 1, 1,
            3, 0, 4, 0, 0x84, 1,
        ],
        // Records, and forged ops on a text that is there.
        vec![
            0, 3, 1, 2, 3, 1, 0, 2, 0, 0, 0, 3, 0, 1, 2, 4, 0, 5, 0, 1, 2, 2, 2, 0, 1, 1, 3, 0, 1,
            5, 0, 1, 1, 5, 2, 0, 3, 0, 1, 0x85, 0, 1, 5, 2, 0, 3, 0, 1, 4, 1, 6, 0, 1, 0, 1, 0,
        ],
        // Second beginnings and damage.
        vec![
            0, 1, 9, 4, 0, 5, 3, 0, 0, 0, 0, 1, 5, 0, 0, 0, 0, 2, 1, 1, 7, 0, 0, 3, 1, 1, 8, 7, 0,
            1, 0, 1, 9,
        ],
    ]
}
