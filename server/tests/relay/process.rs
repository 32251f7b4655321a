//! The program: restarts, crashes, and what it says when it cannot run.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use waymark_server::inspect;
use waymark_wire::chain::Cursor;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::EntryId;
use waymark_wire::message::{
    AppendAnswer, AppendRequest, Frame, PULL_PATH, PullRequest, STATUS_PATH, StatusAnswer,
    StatusRequest,
};
use waymark_wire::signature::VerifyingKey;

use crate::checking::is_sound_in;
use crate::client::{Client, TestRelay};
use crate::testing::{Space, start};

const PROGRAM: &str = env!("CARGO_BIN_EXE_waymark-server");

/// The program, running; killed when dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: String,
    pub(crate) key: VerifyingKey,
}

impl Program {
    pub(crate) fn start(data: &Path) -> Self {
        Self::with(data, &[])
    }

    /// The program with these flags beside the usual ones.
    pub(crate) fn with(data: &Path, flags: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["--listen", "127.0.0.1:0", "--log", "off", "--data"])
            .arg(data)
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let after = |mark: &str| line.split(mark).nth(1).unwrap().to_owned();
        let address = after("http://").split(' ').next().unwrap().to_owned();
        let hex = after("key ");
        let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        Self {
            child,
            address,
            key: VerifyingKey(std::array::from_fn(byte)),
        }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.address, self.key).await
    }

    /// Bytes that it has in memory; 0 where the system does not say.
    pub(crate) fn resident(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }

    /// Ends it as an operator does, and waits for that.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    /// Ends it as a machine that goes down does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let directory = tempfile::tempdir().unwrap();
    let relay = TestRelay::open(directory.path()).await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let batch = space.batch(0);
    let request = space.request(vec![batch], &[]);
    let before = client.taken(&request).await;
    let read = client.read(&space, 0).await;
    let (key, nonce) = (relay.key, client.nonce().await);
    drop(client);
    relay.stop().await;
    let relay = TestRelay::open(directory.path()).await;
    let mut client = relay.client().await;
    assert_eq!(relay.key, key);
    // Same place, same generation, same signature.
    assert_eq!(client.taken(&request).await.receipt, before.receipt);
    assert_eq!(client.read(&space, 0).await, read);
    let proof = space.proof(0, &key, &nonce);
    let status = StatusRequest { proof };
    let answer = client.post(STATUS_PATH, &status).await;
    assert_eq!(answer.read::<StatusAnswer>().receipt, before.receipt);
    let next = space.batch(0);
    let next = client.taken(&space.request(vec![next], &[])).await;
    assert_eq!(next.seqs, [3]);
}

/// What was acknowledged is there after a crash, at its place, and nothing is half there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_relay_has_every_entry_that_it_acknowledged() {
    const WRITERS: u64 = 4;
    const ROUNDS: u64 = 3;
    let directory = tempfile::tempdir().unwrap();
    let mut spaces: Vec<_> = (0..WRITERS).map(|seed| (Space::found(seed), 0)).collect();
    let mut acknowledged: Vec<Vec<(u64, Vec<u8>)>> = vec![Vec::new(); spaces.len()];
    for round in 0..ROUNDS {
        let mut program = Program::start(directory.path());
        let mut writers = tokio::task::JoinSet::new();
        let total = Arc::new(AtomicUsize::new(0));
        let over = Arc::new(AtomicBool::new(false));
        for (number, (mut space, next)) in spaces.drain(..).enumerate() {
            let mut client = program.client().await;
            client.taken(&space.create()).await;
            let (total, over) = (total.clone(), over.clone());
            // What the crash cut off is sent again, byte for byte, as a device would.
            space.devices[0].counter = next + 1;
            writers.spawn(async move {
                let mut taken = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let entry = space.batch(0);
                    let request = space.request(vec![entry.clone()], &[]);
                    let Some(answer) = try_append(&mut client, &request).await else {
                        break;
                    };
                    taken.push((answer.seqs[0], entry));
                    total.fetch_add(1, Ordering::Relaxed);
                }
                (number, space, taken)
            });
        }
        while total.load(Ordering::Relaxed) < 40 {
            tokio::task::yield_now().await;
        }
        program.kill();
        over.store(true, Ordering::Relaxed);
        is_sound_in(directory.path());
        let mut ended = writers.join_all().await;
        ended.sort_by_key(|(number, ..)| *number);
        let program = Program::start(directory.path());
        let mut client = program.client().await;
        for (number, mut space, taken) in ended {
            acknowledged[number].extend(taken);
            let read = client.read(&space, 0).await;
            let log = check(&space, &read);
            for (seq, entry) in &acknowledged[number] {
                let at = usize::try_from(*seq).unwrap() - 1;
                assert_eq!(log[at], space.id_of(entry), "round {round}");
            }
            // Entries and their count: the device learns from the log what its crash cut off.
            let next = u32::try_from(log.len()).unwrap() - 1;
            space.devices[0].counter = next + 1;
            spaces.push((space, next));
        }
    }
    is_sound_in(directory.path());
    // The database holds just what was served.
    let stored = inspect::entries(directory.path()).unwrap();
    assert!(stored.len() > 40 * usize::try_from(ROUNDS).unwrap());
}

/// The ids in a log that has to be whole.
pub(crate) fn check(space: &Space, read: &[Frame]) -> Vec<EntryId> {
    let mut cursor = Cursor::start(&space.id);
    let mut ids = Vec::new();
    for frame in read {
        let id = match frame {
            Frame::Own { id, .. } => *id,
            Frame::Entry {
                entry: Bytes(entry),
                ..
            } => space.id_of(entry),
            Frame::Page { receipt, .. } => {
                assert_eq!(receipt.position, cursor.position());
                continue;
            }
            _ => continue,
        };
        cursor = cursor.after(&id);
        ids.push(id);
    }
    ids
}

async fn try_append(client: &mut Client, request: &AppendRequest) -> Option<AppendAnswer> {
    let answer = client.try_post(request).await?;
    assert_eq!(answer.status, 200);
    Some(answer.read())
}

#[tokio::test]
async fn a_signal_stops_it_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = Program::start(directory.path());
    let mut client = program.client().await;
    let space = Space::found(1);
    client.taken(&space.create()).await;
    let live = client.ask(&space, 0, start(&space.id)).await;
    let request = PullRequest {
        spaces: vec![live],
        live: Some(60),
    };
    client.send(PULL_PATH, &codec::encode(&request)).await;
    client.head().await;
    let pid = program.child.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(killed.success());
    while client.chunk().await.is_some() {}
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
    // The journal was moved into the file: a copy of that is whole.
    assert!(!directory.path().join("relay.db-wal").exists());
    assert_eq!(inspect::entries(directory.path()).unwrap().len(), 1);
}

fn run(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).output().unwrap()
}

/// One sentence on standard error, and the exit code.
pub(crate) fn sentence(args: &[&str]) -> (Option<i32>, String) {
    let output = run(args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.code(), text.trim().to_owned())
}

#[test]
fn what_keeps_it_from_running_is_said_in_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("one");
    let data = data.to_str().unwrap();
    let program = Program::start(Path::new(data));

    let (code, text) = sentence(&["--data", data, "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("in use by another waymark-server"), "{text}");

    let other = directory.path().join("two");
    let other = other.to_str().unwrap();
    let (code, text) = sentence(&["--data", other, "--listen", &program.address]);
    assert_eq!(code, Some(1));
    assert!(text.contains("is in use by another program"), "{text}");

    let file = directory.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let (code, text) = sentence(&["--data", file.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(text.contains("cannot be written"), "{text}");

    let (code, text) = sentence(&["--data", other, "--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("--allow-plaintext"), "{text}");

    let (code, text) = sentence(&["--data", other, "--store", "nowhere"]);
    assert_eq!(code, Some(2));
    let is_built = cfg!(feature = "postgres");
    let hint = if is_built {
        "no address of"
    } else {
        "--features"
    };
    assert!(text.contains(hint), "{text}");

    assert_eq!(run(&[]).status.code(), Some(2));
    // Others can be told only of a database that they share.
    let alone = run(&["--data", other, "--bus", "nats://127.0.0.1:1"]);
    assert_eq!(alone.status.code(), Some(2));
    assert_eq!(run(&["--data", other, "--nothing"]).status.code(), Some(2));
}

/// A newer relay's database is left alone.
#[test]
fn a_newer_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    drop(Program::start(directory.path()));
    let db = rusqlite::Connection::open(directory.path().join("relay.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let (code, text) = sentence(&["--data", data, "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("version 99"), "{text}");
}

#[test]
fn help_explains_every_flag() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    let flags = [
        "--data",
        "--store",
        "--bus",
        "--poll-seconds",
        "--listen",
        "--allow-plaintext",
        "--admission-token-file",
        "--max-connections",
        "--max-queue",
        "--body-memory",
        "--body-seconds",
        "--body-rate",
        "--idle-seconds",
        "--log",
        "--help",
        "--version",
    ];
    let lines: Vec<_> = help.lines().map(str::trim).collect();
    let is_flag = |line: &str| line.starts_with('-');
    for flag in flags {
        let names = |line: &str| is_flag(line) && line.split([' ', ',']).any(|word| word == flag);
        let at = lines.iter().position(|line| names(line));
        let at = at.unwrap_or_else(|| panic!("{flag} is not in the help"));
        // Beside the flag, or below it where there is no room.
        let beside = lines[at].split_once("  ").map(|(_, text)| text);
        let text = beside.or_else(|| lines.get(at + 1).copied());
        let words = text.unwrap_or_default().split_whitespace().count();
        assert!(words >= 2, "{flag} is not explained");
    }
    // Whoever adds a flag adds it above.
    assert_eq!(
        lines.iter().filter(|line| is_flag(line)).count(),
        flags.len()
    );
}
