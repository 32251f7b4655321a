//! Going on from a backup, with the program itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use waymark_wire::message::{STATUS_PATH, StatusAnswer, StatusRequest};
use waymark_wire::receipt::Receipt;

use crate::checking::is_sound_in;
use crate::process::Program;
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
