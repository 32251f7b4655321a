//! What a hostile batch may cost a device in memory, measured from outside: a process of its own
//! for each, whose peak the operating system remembers.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use waymark_core::client::{Client, Config};
use waymark_tests::hostile::{inputs, send_instead};
use waymark_tests::story::{goal, log, sync};
use waymark_tests::{TestRelay, begin, link_therapist};

/// KiB that a sync with a hostile batch may take at its peak, beside the 16 times its size that a
/// batch may unpack to. Read without a gate, these take up to 3.8 GiB.
const LIMIT: usize = 4 * 1024;
/// 31 days: the next check-in is in the log of the next month.
const MONTH: i64 = 31 * 86_400_000;
const DIRECTORY: &str = "WAYMARK_TEST_DIRECTORY";

/// A phone whose app is ended by the system for its memory ends again at every start, since the
/// batch is still in the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_batch_is_held_without_growth_of_memory() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let goal = goal(&phone, plan, "walk");
    let mut tablet = link_therapist(&phone, plan).await;
    tablet.close();
    for (held, (name, bytes)) in (1..).zip(inputs()) {
        let mut process = Process::start(tablet.directory());
        // An honest one first, so that what is loaded at first use is there.
        phone.clock().advance(MONTH);
        log(&phone, plan, goal, "honest");
        sync(&phone).await.unwrap();
        assert_eq!(process.does("sync").1, held - 1, "{name}");
        log(&phone, plan, goal, &name);
        send_instead(&mut phone, plan, &bytes).await;
        let (grown, now_held) = process.does("sync");
        assert_eq!(now_held, held, "{name}");
        let limit = LIMIT + bytes.len() * 16 / 1024;
        assert!(grown <= limit, "{name} took {grown} KiB");
        process.end();
    }
}

/// If this fails, the test above sees nothing: three times what it allows.
#[tokio::test(flavor = "multi_thread")]
async fn memory_that_was_taken_and_given_back_is_seen() {
    let relay = TestRelay::start().await;
    let (mut phone, _) = begin(&relay);
    phone.close();
    let mut process = Process::start(phone.directory());
    let (grown, _) = process.does("swell");
    assert!(grown > 2 * LIMIT, "only {grown} KiB are seen");
    process.end();
}

/// Not a test by itself: the process that the tests above measure. For every line that it is told it
/// does one thing, and says what this took at its peak.
#[tokio::test]
#[ignore = "it is run by the tests above"]
async fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let client = Client::open(Config::new(directory, "http://127.0.0.1:9"), &[7; 32]).unwrap();
    for line in std::io::stdin().lines() {
        // From here on the peak counts anew. Where this is refused it is older, and only larger.
        let _ = fs::write("/proc/self/clear_refs", "5");
        let before = memory("VmRSS:");
        match line.unwrap().as_str() {
            "sync" => client.sync().now().await.unwrap(),
            _ => drop(std::hint::black_box(vec![1_u8; 3 * LIMIT * 1024])),
        }
        let grown = memory("VmHWM:").saturating_sub(before);
        let spaces = client.status().unwrap();
        let held: u32 = spaces.iter().map(|space| space.held).sum();
        println!("took {grown} {held}");
    }
}

/// A running [`child`].
struct Process {
    child: Child,
    tell: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(directory: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            tell: child.stdin.take().unwrap(),
            told: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    /// Has it do one thing: how many KiB this took, and how many batches are held then.
    fn does(&mut self, what: &str) -> (usize, u32) {
        writeln!(self.tell, "{what}").unwrap();
        loop {
            let line = self.told.next().expect("it has ended").unwrap();
            if let Some((_, numbers)) = line.split_once("took ") {
                let (grown, held) = numbers.split_once(' ').unwrap();
                return (grown.parse().unwrap(), held.parse().unwrap());
            }
        }
    }

    /// Has it close its database, and waits for it.
    fn end(mut self) {
        drop(self.tell);
        assert!(self.child.wait().unwrap().success());
    }
}

/// KiB, as the operating system counts them for this process.
fn memory(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}
