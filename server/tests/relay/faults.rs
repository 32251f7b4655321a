//! A relay on one machine whose power goes, whose disk fails, or whose files are not what they were,
//! while devices push. What they were told is kept is there, at its place, once.
#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use waymark_wire::message::{Frame, RefusalCode};

use crate::checking::is_sound_in;
use crate::process::{Program, sentence};
use crate::writers::{Writers, all_is_there};

const WRITERS: u64 = 4;

/// How often a process is killed: `$WAYMARK_KILLS`, or twenty times.
fn kills() -> usize {
    let said = std::env::var("WAYMARK_KILLS").ok();
    said.map_or(20, |said| said.parse().expect("WAYMARK_KILLS is a number"))
}

/// Everything about a relay that has ended: `check` finds nothing, and each id stands in it once.
fn is_whole(data: &Path, entries: usize) {
    is_sound_in(data);
    let db = Connection::open(data.join("relay.db")).unwrap();
    let count = "SELECT count(*), count(DISTINCT id) FROM entry";
    let counts = db.query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let entries = i64::try_from(entries).unwrap();
    assert_eq!(counts.unwrap(), (entries, entries));
}

/// What was acknowledged is there after a crash, at its place, and nothing is half there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_relay_has_every_entry_that_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = Program::start(directory.path());
    let address = program.address.clone();
    let writers = Writers::start(std::slice::from_ref(&address), program.key, WRITERS);
    for kill in 0..kills() {
        // Never at the same point of what it does.
        writers.more(10 + kill % 7).await;
        program.kill();
        is_sound_in(directory.path());
        program = Program::again(directory.path(), &address, &[]);
    }
    let written = writers.end().await;
    let entries = all_is_there(&mut program.client().await, &written).await;
    assert!(entries > 10 * kills());
    program.stop();
    is_whole(directory.path(), entries);
}

/// The shim that stands between a process and its files, built once.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/faults/shim.c");
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("relay-shim.so");
        let built = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .args([made.as_os_str(), source.as_os_str(), OsStr::new("-ldl")])
            .status();
        assert!(built.expect("a C compiler").success(), "the shim builds");
        made
    })
}

/// A relay on a disk that fails from when it is told to.
struct Failing {
    program: Program,
    /// There is a file of this name from then on.
    from: PathBuf,
    _beside: TempDir,
}

impl Failing {
    /// Runs one over `data`, with devices that push to it.
    async fn start(data: &Path, fault: &str) -> (Self, Writers) {
        let beside = tempfile::tempdir().unwrap();
        let from = beside.path().join("from");
        let environment = [
            ("LD_PRELOAD", shim().as_os_str()),
            ("WAYMARK_FAULT", OsStr::new(fault)),
            ("WAYMARK_FAULT_DIR", data.as_os_str()),
            ("WAYMARK_FAULT_FROM", from.as_os_str()),
        ];
        let program = Program::within(&environment, data, &[]);
        let nodes = [program.address.clone()];
        let writers = Writers::start(&nodes, program.key, WRITERS);
        writers.more(10).await;
        let failing = Self {
            program,
            from,
            _beside: beside,
        };
        (failing, writers)
    }

    fn begin(&self) {
        std::fs::write(&self.from, b"").unwrap();
    }
}

/// Has devices push to a relay whose disk fails until its power goes, and then to one on a good disk.
/// Says how often one of them was refused.
async fn outlives(fault: &str) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().canonicalize().unwrap();
    let (mut failing, writers) = Failing::start(&data, fault).await;
    failing.begin();
    let died = timeout(Duration::from_secs(60), async {
        while !failing.program.has_ended() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    died.await
        .unwrap_or_else(|_| panic!("{fault}: the power does not go"));
    is_sound_in(&data);
    let program = Program::again(&data, &failing.program.address, &[]);
    writers.more(20).await;
    let refused = writers.refused();
    let written = writers.end().await;
    let entries = all_is_there(&mut program.client().await, &written).await;
    program.stop();
    is_whole(&data, entries);
    refused
}

/// A clinic's machine loses its power while phones push.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_power_goes_at_any_write_what_was_acknowledged_is_there() {
    for fault in ["cut:1", "torn:2", "cut:7", "torn:20", "cut:61", "torn:144"] {
        outlives(fault).await;
    }
}

/// Linux says once that a sync failed, and then that all is well; what was to be kept is gone all the
/// same. The power goes soon after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_acknowledges_nothing_that_it_should_have_kept() {
    for fault in ["gate:1", "gate:2", "gate:5", "gate:13"] {
        assert!(outlives(fault).await > 0, "{fault}: no commit failed");
    }
}

/// A full disk refuses for a while, and the relay goes on when there is space again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_goes_on_when_there_is_space() {
    for write in [1, 8, 50] {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().canonicalize().unwrap();
        let (failing, writers) = Failing::start(&data, &format!("full:{write}")).await;
        failing.begin();
        writers.more(100).await;
        assert!(writers.refused() > 0, "full:{write}: it never was");
        let written = writers.end().await;
        let entries = all_is_there(&mut failing.program.client().await, &written).await;
        failing.program.stop();
        is_whole(&data, entries);
    }
}

/// Two processes that wrote into one log would each give places that the other gave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_relay_on_the_same_files_is_refused_while_the_first_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let program = Program::start(directory.path());
    let nodes = [program.address.clone()];
    let writers = Writers::start(&nodes, program.key, WRITERS);
    for _ in 0..5 {
        writers.more(10).await;
        let (code, text) = sentence(&["--data", data, "--listen", "127.0.0.1:0"]);
        assert_eq!(code, Some(1));
        assert!(text.contains("in use by another waymark-server"), "{text}");
    }
    let written = writers.end().await;
    let entries = all_is_there(&mut program.client().await, &written).await;
    program.stop();
    is_whole(directory.path(), entries);
}

/// A page of the file that turns bad must cost no other space than those on it, and be said by name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_turned_bad_is_found_and_stops_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path());
    let nodes = [program.address.clone()];
    let writers = Writers::start(&nodes, program.key, 3);
    writers.more(150).await;
    let written = writers.end().await;
    program.stop();
    let file = directory.path().join("relay.db");
    let whole = std::fs::read(&file).unwrap();
    // One in the middle of what the second space said: the entries of a space lie together.
    let victim = &written[1];
    let entry = &victim.sent[victim.sent.len() / 2];
    let needle = &entry[60..124];
    let at = whole
        .windows(needle.len())
        .position(|window| window == needle);
    let size = usize::from(u16::from_be_bytes([whole[16], whole[17]]));
    let page = at.expect("the entry is in the file") / size * size;
    let db = OpenOptions::new().write(true).open(&file).unwrap();
    db.write_all_at(&vec![0xff; size], u64::try_from(page).unwrap())
        .unwrap();
    drop(db);

    let output = Command::new(env!("CARGO_BIN_EXE_waymark-server"))
        .args(["check", "--data"])
        .arg(directory.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let program = Program::start(directory.path());
    let mut client = program.client().await;
    let lost = client.read(&victim.space, 0).await;
    assert!(
        matches!(
            lost.last(),
            Some(Frame::Refused {
                code: RefusalCode::Unavailable,
                ..
            })
        ),
        "what is lost is not passed over: {:?}",
        lost.last()
    );
    let mut others = written;
    others.remove(1);
    all_is_there(&mut client, &others).await;
    // They go on writing, too.
    for mut written in others {
        let batch = written.space.batch(0);
        client.taken(&written.space.request(vec![batch], &[])).await;
    }
}
