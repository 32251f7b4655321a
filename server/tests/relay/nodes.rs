//! Several nodes over one real PostgreSQL, with and without a real NATS between them.

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::time::timeout;
use waymark_wire::codec::Bytes;
use waymark_wire::membership::Rights;
use waymark_wire::message::{
    Frame, MAILBOX_PATH, MailboxAnswer, MailboxId, MailboxRequest, MailboxSlot, STATUS_PATH,
    StatusRequest,
};

use crate::checking::{is_sound, is_wrong, stats, two_spaces};
use crate::checkpoints::published;
use crate::client::Client;
use crate::engines::{NatsServer, PostgresServer, psql};
use crate::live::Live;
use crate::process::{Program, sentence};
use crate::testing::Space;

/// Nodes of one relay: the first makes the key, which is brought to the others.
pub(crate) struct Nodes {
    pub(crate) programs: Vec<Program>,
    pub(crate) directories: Vec<TempDir>,
    flags: Vec<String>,
}

impl Nodes {
    pub(crate) fn start(count: usize, store: &str, flags: &[&str]) -> Self {
        let mut nodes = Self {
            programs: Vec::new(),
            directories: Vec::new(),
            flags: [&["--store", store], flags]
                .concat()
                .iter()
                .map(|flag| (*flag).to_owned())
                .collect(),
        };
        for _ in 0..count {
            let directory = tempfile::tempdir().unwrap();
            if let Some(first) = nodes.directories.first() {
                bring_key(first.path(), directory.path());
            }
            nodes.programs.push(nodes.run(directory.path()));
            nodes.directories.push(directory);
        }
        nodes
    }

    fn run(&self, directory: &Path) -> Program {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        Program::with(directory, &flags)
    }

    /// Starts a node again that has ended, where it was to be found.
    pub(crate) fn again(&mut self, node: usize) {
        let address = self.programs[node].address.clone();
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let directory = self.directories[node].path();
        self.programs[node] = Program::again(directory, &address, &flags);
    }

    /// Where they are to be found.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let addresses = self.programs.iter().map(|node| node.address.clone());
        addresses.collect()
    }

    pub(crate) async fn client(&self, node: usize) -> Client {
        self.programs[node].client().await
    }
}

fn bring_key(from: &Path, to: &Path) {
    std::fs::copy(from.join("relay.key"), to.join("relay.key")).unwrap();
}

/// A space with two devices, at a node.
pub(crate) async fn space_at(client: &mut Client) -> (Space, usize) {
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let (change, key) = space.add(0, 1, Rights::WRITE);
    client.change(&space, &change).await;
    let second = space.accept(0, &change, key);
    (space, second)
}

/// The seqs of the entries that come next, until `last` has come; each the next of the one before.
pub(crate) async fn until(live: &mut Live, mut seen: u64, last: u64) {
    while seen < last {
        match timeout(Duration::from_secs(30), live.next()).await.unwrap() {
            Some(Frame::Entry { seq, .. } | Frame::Own { seq, .. }) => {
                assert_eq!(seq, seen + 1);
                seen = seq;
            }
            Some(_) => {}
            None => panic!("the answer ended after {seen}"),
        }
    }
}

/// What a therapist writes at one node has to show up while the client looks at the plan at another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_at_one_node_sees_at_once_what_others_take() {
    let test = "nodes::a_reader_at_one_node_sees_at_once_what_others_take";
    let Some(postgres) = PostgresServer::common(test) else {
        return;
    };
    let Some(nats) = NatsServer::start(test) else {
        return;
    };
    // The nodes would look by themselves long after the test has given up.
    let flags = ["--bus", &nats.address, "--poll-seconds", "3600"];
    let nodes = Nodes::start(3, &postgres.database(), &flags);
    let mut client = nodes.client(0).await;
    let (mut space, second) = space_at(&mut client).await;
    let mut live = Live::over(nodes.client(1).await, &[&space], 0).await;
    until(&mut live, 0, 2).await;
    let mut waited = Vec::new();
    for round in 0..40u64 {
        let node = usize::try_from(round % 3).unwrap();
        let batch = space.batch(second);
        let mut writer = nodes.client(node).await;
        let taken = writer.taken(&space.request(vec![batch], &[])).await;
        assert_eq!(taken.seqs, [round + 3]);
        let since = Instant::now();
        until(&mut live, round + 2, round + 3).await;
        waited.push(since.elapsed());
    }
    waited.sort_unstable();
    let slow = waited[waited.len() - 2];
    assert!(slow < Duration::from_secs(2), "{slow:?}");
}

/// Without a bus, and after one has gone, everything comes when the node looks by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_bus_a_node_looks_by_itself() {
    let test = "nodes::without_a_bus_a_node_looks_by_itself";
    let Some(postgres) = PostgresServer::common(test) else {
        return;
    };
    let Some(nats) = NatsServer::start(test) else {
        return;
    };
    let mut nats = Some(nats);
    for flags in [
        vec![],
        vec!["--bus".to_owned(), nats.as_ref().unwrap().address.clone()],
    ] {
        let has_bus = !flags.is_empty();
        let mut all = vec!["--poll-seconds", "1"];
        all.extend(flags.iter().map(String::as_str));
        let nodes = Nodes::start(2, &postgres.database(), &all);
        let mut client = nodes.client(0).await;
        let (mut space, second) = space_at(&mut client).await;
        let mut live = Live::over(nodes.client(1).await, &[&space], 0).await;
        until(&mut live, 0, 2).await;
        if has_bus {
            nats.take();
        }
        for round in 0..3u64 {
            let batch = space.batch(second);
            client.taken(&space.request(vec![batch], &[])).await;
            let since = Instant::now();
            until(&mut live, round + 2, round + 3).await;
            assert!(since.elapsed() < Duration::from_secs(5));
        }
    }
}

/// A phone that is handed from one node to the next must not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_is_the_same_relay() {
    let test = "nodes::every_node_is_the_same_relay";
    let Some(postgres) = PostgresServer::common(test) else {
        return;
    };
    let nodes = Nodes::start(2, &postgres.database(), &[]);
    assert_eq!(nodes.programs[0].key, nodes.programs[1].key);
    let (mut one, mut two) = (nodes.client(0).await, nodes.client(1).await);
    let (mut space, _) = space_at(&mut one).await;
    // A nonce of the one is good at the other.
    let nonce = one.nonce().await;
    let proof = space.proof(0, &nodes.programs[0].key, &nonce);
    assert_eq!(
        two.post(STATUS_PATH, &StatusRequest { proof }).await.status,
        200
    );
    // An answer that was lost is asked for again, of the other: it is the same.
    let batch = space.batch(0);
    let request = space.request(vec![batch], &[]);
    let first = one.taken(&request).await;
    let again = two.taken(&request).await;
    assert_eq!((first.seqs, first.receipt), (again.seqs, again.receipt));
    assert_eq!(one.read(&space, 0).await, two.read(&space, 0).await);
    // What one side leaves at one node the other finds at another.
    let put = MailboxRequest {
        mailbox: MailboxId([7; 32]),
        put: Some(MailboxSlot {
            slot: 0,
            bytes: Bytes(vec![1, 2]),
        }),
        days: None,
        admission: None,
    };
    assert_eq!(one.post(MAILBOX_PATH, &put).await.status, 200);
    let look = MailboxRequest {
        put: None,
        ..put.clone()
    };
    let found: MailboxAnswer = two.post(MAILBOX_PATH, &look).await.read();
    assert_eq!(found.slots, put.put.into_iter().collect::<Vec<_>>());
}

/// A node with a key of its own would look to every phone like a thief's relay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_the_relays_key_does_not_start() {
    let test = "nodes::a_node_without_the_relays_key_does_not_start";
    let Some(postgres) = PostgresServer::common(test) else {
        return;
    };
    let store = postgres.database();
    let nodes = Nodes::start(1, &store, &[]);
    let other = tempfile::tempdir().unwrap();
    let data = other.path().to_str().unwrap();
    let flags = ["--data", data, "--store", &store, "--listen", "127.0.0.1:0"];
    let (code, text) = sentence(&flags);
    assert_eq!(code, Some(1));
    assert!(text.contains("relay.key is missing"), "{text}");
    std::fs::write(other.path().join("relay.key"), [9; 32]).unwrap();
    let (code, text) = sentence(&flags);
    assert_eq!(code, Some(1));
    assert!(text.contains("another key"), "{text}");
    bring_key(nodes.directories[0].path(), other.path());
    Program::with(other.path(), &["--store", &store]).stop();
    // What is said to a database elsewhere others could read.
    let elsewhere = "postgres://waymark@192.0.2.1/waymark";
    let (code, text) = sentence(&["--data", data, "--store", elsewhere]);
    assert_eq!(code, Some(2));
    assert!(text.contains("--allow-plaintext"), "{text}");
    let bus = ["--bus", "nats://192.0.2.1:4222"];
    let (code, text) = sentence(&[&flags[..], &bus].concat());
    assert_eq!(code, Some(2));
    assert!(text.contains("the bus is not on this machine"), "{text}");
}

/// A restored database is another history, told by all nodes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_database_is_another_history() {
    let test = "nodes::a_restored_database_is_another_history";
    let Some(postgres) = PostgresServer::common(test) else {
        return;
    };
    let store = postgres.database();
    let mut nodes = Nodes::start(1, &store, &[]);
    let mut client = nodes.client(0).await;
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let batch = space.batch(0);
    let request = space.request(vec![batch], &[]);
    let before = client.taken(&request).await;
    nodes.programs.remove(0).stop();
    let program = env!("CARGO_BIN_EXE_waymark-server");
    let restored = std::process::Command::new(program)
        .args(["restore", "--store", &store])
        .output();
    let said = String::from_utf8(restored.unwrap().stdout).unwrap();
    assert!(said.contains("entries: 2, spaces: 1"), "{said}");
    is_sound(["--store", &store]);
    let program = nodes.run(nodes.directories[0].path());
    let after = program.client().await.taken(&request).await;
    assert_eq!(after.seqs, before.seqs);
    assert_eq!(after.receipt.position, before.receipt.position);
    assert_ne!(after.receipt.generation, before.receipt.generation);
}

/// The same as over SQLite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_is_told_how_much_a_database_keeps() {
    let test = "nodes::an_operator_is_told_how_much_a_database_keeps";
    let Some(postgres) = PostgresServer::common(test) else {
        return;
    };
    let store = postgres.database();
    let nodes = Nodes::start(1, &store, &[]);
    let said = two_spaces(&mut nodes.client(0).await).await;
    assert_eq!(stats(["--store", &store]), said);
}

/// What an operator is told of a database has to be true of every engine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_in_a_database_is_found() {
    let test = "nodes::what_is_wrong_in_a_database_is_found";
    let Some(postgres) = PostgresServer::common(test) else {
        return;
    };
    let store = postgres.database();
    let nodes = Nodes::start(1, &store, &[]);
    let mut client = nodes.client(0).await;
    let (space, _) = published(&mut client).await;
    let place = ["--store", store.as_str()];
    let said = is_sound(place);
    assert_eq!(said, "checked; entries: 8, spaces: 1, wrong: 0\n");
    let flip = "UPDATE entry SET bytes = set_byte(bytes, 200, get_byte(bytes, 200) # 1)
                WHERE seq = 2";
    psql(&store, flip);
    psql(&store, "DELETE FROM entry WHERE seq = 4");
    let double = "INSERT INTO entry SELECT space, seq + 1, device, counter + 1, id, chain, bytes
                  FROM entry WHERE seq = 8";
    psql(&store, double);
    let flaws = [
        ", entry 2: its bytes are not those that its id was made of",
        ", entry 5: nothing stands at 4",
        ", entry 9: the entry has another place at 8",
        ": its log is said to end at 8, and ends at 9 or with another chain",
    ];
    is_wrong(place, &space.id, &flaws);
}
