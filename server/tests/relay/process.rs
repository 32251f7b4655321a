//! The program: restarts, crashes, and what it says when it cannot run.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use waymark_server::inspect;
use waymark_wire::chain::Cursor;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::EntryId;
use waymark_wire::message::{
    Frame, PULL_PATH, PullRequest, STATUS_PATH, StatusAnswer, StatusRequest,
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
        Self::within(&[], data, flags)
    }

    /// The program again, where one that has ended was to be found.
    pub(crate) fn again(data: &Path, address: &str, flags: &[&str]) -> Self {
        Self::with(data, &[&["--listen", address], flags].concat())
    }

    /// The program in an environment of its own.
    pub(crate) fn within(environment: &[(&str, &OsStr)], data: &Path, flags: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.envs(environment.iter().copied());
        if !flags.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(["--log", "off", "--data"]).arg(data);
        Self::run(command.args(flags)).0
    }

    /// The program with these flags alone.
    pub(crate) fn configured(flags: &[&str]) -> Self {
        Self::run(Command::new(PROGRAM).args(flags)).0
    }

    /// The program with the address of its metrics, logging everything as JSON into a file.
    pub(crate) fn watched(data: &Path, flags: &[&str], log: File) -> (Self, String) {
        let usual = ["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
        let logged = ["--log", "debug", "--log-format", "json", "--data"];
        let mut command = Command::new(PROGRAM);
        command.args(usual).args(logged).arg(data).args(flags);
        let (program, mut stdout) = Self::run(command.stderr(log));
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("metrics on http://");
        let address = address.and_then(|address| address.strip_suffix("/metrics"));
        (program, address.unwrap().to_owned())
    }

    /// The same, with what it logs in a file.
    pub(crate) fn logging(flags: &[&str], log: &Path) -> Self {
        let log = File::create(log).unwrap();
        Self::run(Command::new(PROGRAM).args(flags).stderr(log)).0
    }

    fn run(command: &mut Command) -> (Self, BufReader<ChildStdout>) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let after = |mark: &str| line.split(mark).nth(1).unwrap().to_owned();
        let address = after("://").split(' ').next().unwrap().to_owned();
        let hex = after("key ");
        let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        let key = VerifyingKey(std::array::from_fn(byte));
        let program = Self {
            child,
            address,
            key,
        };
        (program, stdout)
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
        self.signal("TERM");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    /// Sends it a signal: `STOP` has it hang, until `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
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
    program.signal("TERM");
    while client.chunk().await.is_some() {}
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
    // The journal was moved into the file: a copy of that is whole.
    assert!(!directory.path().join("relay.db-wal").exists());
    assert_eq!(inspect::entries(directory.path()).unwrap().len(), 1);
}

pub(crate) fn run(args: &[&str]) -> Output {
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

/// What an operator writes into the file has to be what the relay does, and a slip in it must not pass.
#[test]
fn a_file_sets_what_no_flag_does() {
    let directory = tempfile::tempdir().unwrap();
    let (file, data) = (
        directory.path().join("relay.toml"),
        directory.path().join("data"),
    );
    let (place, file_name) = (data.to_str().unwrap(), file.to_str().unwrap());
    let settings = format!("data = '{place}'\nlisten = '127.0.0.1:0'\nmax_queue = 9\n");
    std::fs::write(&file, settings).unwrap();
    drop(Program::configured(&["--config", file_name]));
    assert!(data.join("relay.db").exists());
    // The verbs look where it says, too.
    assert_eq!(
        run(&["check", "--config", file_name]).status.code(),
        Some(0)
    );
    let settings = "listen = '127.0.0.1:0'\nmax_que = 9\n";
    std::fs::write(&file, settings).unwrap();
    let (code, text) = sentence(&["--config", file_name, "--data", place]);
    assert_eq!(code, Some(2));
    let expected = format!("waymark-server: {file_name}, line 2: there is no setting max_que");
    assert_eq!(text, expected);
}

/// Who has been told that an entry is there ticks it off; and a phone that hangs in the middle of a
/// request must not keep the next relay from starting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_keeps_what_was_acknowledged_and_waits_for_nobody_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path());
    let mut hangs = program.client().await;
    hangs
        .raw(b"POST /v1/append HTTP/1.1\r\nhost: relay\r\ncontent-length: 9\r\n\r\n1")
        .await;
    let mut writers = tokio::task::JoinSet::new();
    let total = Arc::new(AtomicUsize::new(0));
    for seed in 0..3 {
        let mut client = program.client().await;
        let total = total.clone();
        writers.spawn(async move {
            let mut space = Space::found(seed);
            client.taken(&space.create()).await;
            let mut taken = 1;
            loop {
                let batch = space.batch(0);
                let request = space.request(vec![batch], &[]);
                // What is refused, or comes to nothing, is not acknowledged.
                match client.try_post(&request).await {
                    Some(answer) if answer.status == 200 => taken += 1,
                    _ => return (space, taken),
                }
                total.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while total.load(Ordering::Relaxed) < 30 {
        tokio::task::yield_now().await;
    }
    let begun = std::time::Instant::now();
    tokio::task::spawn_blocking(move || program.stop())
        .await
        .unwrap();
    let took = begun.elapsed();
    assert!(took < std::time::Duration::from_secs(25), "{took:?}");
    is_sound_in(directory.path());
    let program = Program::start(directory.path());
    let mut client = program.client().await;
    for (space, taken) in writers.join_all().await {
        let log = check(&space, &client.read(&space, 0).await);
        assert!(log.len() >= taken, "{} of {taken}", log.len());
    }
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
    let output = run(&["serve", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    let mut flags = vec![
        "--config",
        "--data",
        "--store",
        "--store-ca-file",
        "--store-password-file",
        "--bus",
        "--bus-ca-file",
        "--poll-seconds",
        "--space-days",
        "--listen",
        "--allow-plaintext",
        "--tls-certificate-file",
        "--tls-key-file",
        "--admission-file",
        "--quota-mib",
        "--quota-entries",
        "--rate-address",
        "--rate-space",
        "--rate-key",
        "--max-connections",
        "--max-address-connections",
        "--max-queue",
        "--body-memory",
        "--body-seconds",
        "--body-rate",
        "--idle-seconds",
        "--metrics",
        "--log",
        "--log-format",
        "--help",
    ];
    if cfg!(feature = "wake") {
        flags.extend(["--wake-gateway", "--wake-private", "--wake-seconds"]);
    }
    let lines: Vec<_> = help.lines().map(str::trim).collect();
    let is_flag = |line: &str| line.starts_with('-');
    for flag in &flags {
        let names =
            |line: &str| is_flag(line) && line.split([' ', ',', '[']).any(|word| word == *flag);
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
