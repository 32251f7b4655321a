//! Going on from a backup, with the program itself.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use waymark_wire::message::{STATUS_PATH, StatusAnswer, StatusRequest};
use waymark_wire::receipt::Receipt;

use crate::checking::is_sound_in;
use crate::process::{Program, check};
use crate::testing::Space;

const PROGRAM: &str = env!("CARGO_BIN_EXE_waymark-server");
const FILES: [&str; 3] = ["relay.db", "relay.key", "relay.secret"];

/// Runs `waymark-server restore`: exit code, standard output, standard error.
fn restore(data: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(PROGRAM);
    let output = command.args(["restore", "--data"]).arg(data);
    let output = output.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// What the program on `data` says of a space's log.
async fn word(data: &Path, space: &Space) -> Receipt {
    let program = Program::start(data);
    let mut client = program.client().await;
    let nonce = client.nonce().await;
    let proof = space.proof(0, &program.key, &nonce);
    let answer = client.post(STATUS_PATH, &StatusRequest { proof }).await;
    answer.read::<StatusAnswer>().receipt
}

/// Without another generation, devices would keep what it says from now on as proof that it lies.
#[tokio::test]
async fn a_relay_that_goes_on_from_a_backup_says_so_and_has_what_was_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let (data, backup) = (directory.path().join("data"), directory.path().join("old"));
    let mut space = Space::found(1);
    let program = Program::start(&data);
    let mut client = program.client().await;
    client.taken(&space.create()).await;
    program.stop();
    fs::create_dir(&backup).unwrap();
    for file in FILES {
        fs::copy(data.join(file), backup.join(file)).unwrap();
    }
    let program = Program::start(&data);
    let (key, mut client) = (program.key, program.client().await);
    let batch = space.batch(0);
    let lost = client.taken(&space.request(vec![batch], &[])).await.receipt;
    // Not under a relay that runs: it would go on with the generation that it has read.
    let (code, _, text) = restore(&data);
    assert_eq!(code, Some(1));
    assert!(text.contains("in use by another waymark-server"), "{text}");
    program.stop();
    let before = word(&data, &space).await;
    assert_eq!(
        (before.position, before.generation),
        (lost.position, lost.generation)
    );

    fs::remove_dir_all(&data).unwrap();
    fs::rename(&backup, &data).unwrap();
    let (code, text, _) = restore(&data);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.starts_with("restored; entries: 1, spaces: 1, "),
        "{text}"
    );
    is_sound_in(&data);
    let after = word(&data, &space).await;
    assert_eq!(after.position.seq, 1);
    assert_ne!(after.generation, before.generation);
    assert!(text.contains(&after.generation.to_string()), "{text}");
    assert!(
        after.is_signed_by(&key, &space.id),
        "the relay is the same one"
    );
    // It is another one each time, and stays over a start.
    assert_eq!(word(&data, &space).await, after);
    assert_eq!(restore(&data).0, Some(0));
    assert_ne!(word(&data, &space).await.generation, after.generation);
}

/// A slip in the path would otherwise look like a restore, of nothing.
#[test]
fn where_there_is_nothing_to_restore_it_makes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("slip");
    let (code, _, text) = restore(&data);
    assert_eq!(code, Some(1));
    assert!(text.contains("put the backup's files back first"), "{text}");
    assert!(!data.exists());
    // A backup without the key is not the relay that devices know.
    fs::create_dir(&data).unwrap();
    fs::write(data.join("relay.db"), b"").unwrap();
    let (code, _, text) = restore(&data);
    assert_eq!(code, Some(1));
    assert!(text.contains("relay.key is missing or damaged"), "{text}");
}

/// Runs `waymark-server backup`: exit code, and all that it said.
fn backup(from: [&str; 2], to: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    let output = command.arg("backup").args(from).arg(to).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// Nobody stops a relay every night; and a copy that is not of one moment is a damaged log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_made_while_clients_push_and_they_heal_what_it_lacks() {
    const WRITERS: u64 = 3;
    let directory = tempfile::tempdir().unwrap();
    let (data, copy) = (directory.path().join("data"), directory.path().join("copy"));
    let program = Program::start(&data);
    let is_over = Arc::new(AtomicBool::new(false));
    let written = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for seed in 0..WRITERS {
        let mut client = program.client().await;
        let (is_over, written) = (is_over.clone(), written.clone());
        writers.spawn(async move {
            let mut space = Space::found(seed);
            client.taken(&space.create()).await;
            let mut sent = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let batch = space.batch(0);
                client.taken(&space.request(vec![batch.clone()], &[])).await;
                sent.push(batch);
                written.fetch_add(1, Ordering::Relaxed);
            }
            (space, sent)
        });
    }
    let more = async |than: usize| {
        while written.load(Ordering::Relaxed) < than {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    more(30).await;
    let from = ["--data", data.to_str().unwrap()];
    let (code, said) = backup(from, &copy);
    let then = written.load(Ordering::Relaxed);
    assert_eq!(code, Some(0), "{said}");
    // There is something that it lacks.
    more(then + 10).await;
    is_over.store(true, Ordering::Relaxed);
    let ended = writers.join_all().await;
    program.stop();
    assert_eq!(
        backup(from, &copy).0,
        Some(1),
        "a backup is never written over"
    );

    #[cfg(unix)]
    for file in FILES {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(copy.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    is_sound_in(&copy);
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&copy, &data).unwrap();
    let (code, said, _) = restore(&data);
    assert_eq!(code, Some(0), "{said}");
    is_sound_in(&data);
    let program = Program::start(&data);
    let mut client = program.client().await;
    let mut lacked = 0;
    for (space, sent) in &ended {
        let kept = check(space, &client.read(space, 0).await).len();
        // What it holds is where it was, and what it lacks comes back to its old places.
        assert!(kept > 1, "{kept}");
        lacked += sent.len() + 1 - kept;
        for (batch, seq) in sent.iter().zip(2..) {
            let taken = client.taken(&space.request(vec![batch.clone()], &[])).await;
            assert_eq!(taken.seqs, [seq]);
        }
        let log = check(space, &client.read(space, 0).await);
        let sent: Vec<_> = sent.iter().map(|batch| space.id_of(batch)).collect();
        assert_eq!(log[1..], sent);
    }
    assert!(lacked > 0);
    is_sound_in(&data);
}

/// An operator who believes in a backup that is none learns of it when it is needed.
#[test]
fn a_backup_of_nothing_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let slip = directory.path().join("slip");
    let copy = directory.path().join("copy");
    let (code, said) = backup(["--data", slip.to_str().unwrap()], &copy);
    assert_eq!(code, Some(1));
    assert!(said.contains("there is none"), "{said}");
    assert!(!copy.exists());
    let (code, said) = backup(["--store", "postgres://localhost/relay"], &copy);
    assert_eq!(code, Some(2));
    assert!(said.contains("pg_dump"), "{said}");
}
