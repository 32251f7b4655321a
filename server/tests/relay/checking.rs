//! Looking whether everything is as it was taken, with the program itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use waymark_wire::ids::SpaceId;

use crate::checkpoints::published;
use crate::client::{Client, TestRelay};
use crate::process::Program;
use crate::testing::Space;

/// Runs `waymark-server check`: exit code, and all that it said.
fn check(place: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waymark-server"));
    let output = command.arg("check").args(place).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// Expects all to be well.
pub(crate) fn is_sound(place: [&str; 2]) -> String {
    is_sound_with(&place)
}

/// The same, where more has to be said of where it is.
pub(crate) fn is_sound_with(place: &[&str]) -> String {
    let (code, said) = check(place);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("wrong: 0\n"), "{said}");
    said
}

/// Expects all in a relay's directory to be well.
pub(crate) fn is_sound_in(data: &Path) -> String {
    is_sound(["--data", data.to_str().unwrap()])
}

/// Expects this to be wrong, and says all that was said.
pub(crate) fn is_wrong(place: [&str; 2], space: &SpaceId, flaws: &[&str]) {
    let (code, said) = check(&place);
    assert_eq!(code, Some(1), "{said}");
    let short: String = space.0[..4].iter().map(|b| format!("{b:02x}")).collect();
    for flaw in flaws {
        let line = format!("space {short}{flaw}\n");
        assert!(said.contains(&line), "no {line}in:\n{said}");
    }
    // An id in full would say who keeps what, wherever this text is sent.
    let more: String = space.0[..5].iter().map(|b| format!("{b:02x}")).collect();
    assert!(!said.contains(&more), "{said}");
}

/// An operator who is told of damage that is none stops believing it.
#[tokio::test]
async fn a_relay_is_sound_while_it_runs_and_after_it_was_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = Program::start(directory.path());
    let mut client = program.client().await;
    published(&mut client).await;
    let mut other = Space::found(2);
    client.taken(&other.create()).await;
    let batch = other.batch(0);
    client.taken(&other.request(vec![batch], &[])).await;
    let said = is_sound_in(directory.path());
    assert_eq!(said, "checked; entries: 10, spaces: 2, wrong: 0\n");
    program.kill();
    assert_eq!(is_sound_in(directory.path()), said);
}

/// A space with a snapshot and a checkpoint in a directory that nobody serves, for `harm`.
async fn harmed(harm: &str) -> (Space, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let relay = TestRelay::open(directory.path()).await;
    let mut client = relay.client().await;
    let (space, _) = published(&mut client).await;
    drop(client);
    relay.stop().await;
    let db = Connection::open(directory.path().join("relay.db")).unwrap();
    assert!(db.execute(harm, []).unwrap() > 0, "{harm}");
    (space, directory)
}

async fn finds(harm: &str, flaws: &[&str]) {
    let (space, directory) = harmed(harm).await;
    is_wrong(
        ["--data", directory.path().to_str().unwrap()],
        &space.id,
        flaws,
    );
}

/// A phone that is new would refuse the whole page that such an entry stands on.
#[tokio::test]
async fn a_byte_that_flipped_in_an_entry_is_found() {
    // Of its sealed text, of its salt and of its form.
    let flip = |at: u32, byte: &str| {
        format!(
            "UPDATE entry SET bytes = CAST(substr(bytes, 1, {at} - 1) || x'{byte}' \
             || substr(bytes, {at} + 1) AS BLOB) WHERE place & 0xffffffff = 3"
        )
    };
    let other = ", entry 3: its bytes are not those that its id was made of";
    finds(&flip(200, "00"), &[other]).await;
    finds(&flip(60, "00"), &[other]).await;
    finds(&flip(1, "ff"), &[", entry 3: it cannot be read"]).await;
}

/// What stands beside an entry's bytes is not covered by its id.
#[tokio::test]
async fn a_signature_that_is_not_the_members_is_found() {
    let unsigned = |seq: u32| {
        format!(
            "UPDATE entry SET bytes = CAST(substr(bytes, 1, length(bytes) - 64) || zeroblob(64) \
             AS BLOB) WHERE place & 0xffffffff = {seq}"
        )
    };
    finds(&unsigned(4), &[", entry 4: no member signed it"]).await;
    let founding = ", entry 1: it does not count (device 0 did not sign this); who signed what \
                    follows is not looked at";
    finds(&unsigned(1), &[founding]).await;
}

/// Whoever reads past a hole never gets what stood there.
#[tokio::test]
async fn a_hole_in_a_log_is_found() {
    let harm = "DELETE FROM entry WHERE place & 0xffffffff = 3";
    finds(harm, &[", entry 4: nothing stands at 3"]).await;
    let harm = "UPDATE entry SET bytes = x'' WHERE place & 0xffffffff = 3";
    let gone = ", entry 3: its bytes are gone, and no checkpoint let go of them";
    finds(harm, &[gone]).await;
}

/// One entry at two places is a check-in that counts twice.
#[tokio::test]
async fn an_entry_with_two_places_is_found() {
    let harm = "INSERT INTO entry SELECT place + 1, signer, counter + 1, id, chain, bytes
                FROM entry WHERE place & 0xffffffff = 8";
    let flaws = [
        ", entry 9: the entry has another place at 8",
        ", entry 9: the chain is not the one that the ids make",
    ];
    finds(harm, &flaws).await;
}

/// A newcomer starts at a checkpoint, and has nothing without what it names.
#[tokio::test]
async fn what_a_checkpoint_names_has_to_be_there() {
    let harm = "DELETE FROM snapshot";
    let gone = ", entry 7: it is a checkpoint, and something that it names is gone";
    finds(harm, &[gone]).await;
    let harm = "UPDATE entry SET chain = randomblob(32) WHERE place & 0xffffffff = 5";
    let other = ", entry 7: it is a checkpoint of another log than the one up to 5";
    finds(harm, &[other]).await;
}

/// A device that is handed another key opens nothing.
#[tokio::test]
async fn a_key_that_is_another_one_is_found() {
    let harm = "UPDATE attachment SET bytes = zeroblob(length(bytes))";
    finds(harm, &[", entry 1: a key that it names is another one"]).await;
}

/// "All is well" of nothing would hide a slip in a path.
#[test]
fn what_cannot_be_looked_at_is_not_said_to_be_well() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let (code, said) = check(&["--data", data]);
    assert_eq!(code, Some(2));
    assert!(said.contains("there is none"), "{said}");
    fs::write(directory.path().join("relay.db"), b"").unwrap();
    let (code, said) = check(&["--data", data]);
    assert_eq!(code, Some(2));
    assert!(said.contains("start this relay on it once"), "{said}");
    assert_eq!(check(&["--store", "nowhere"]).0, Some(2));
}

/// Runs `waymark-server stats --json`.
pub(crate) fn stats(place: [&str; 2]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waymark-server"));
    let output = command.args(["stats", "--json"]).args(place).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

/// What `stats` says of these spaces alone: their entries and bytes by hand, the largest first.
pub(crate) fn expected(spaces: &[(&Space, u64, usize)]) -> String {
    let of_one = |(space, entries, bytes): &(&Space, u64, usize)| {
        let short: String = space.id.0[..4].iter().map(|b| format!("{b:02x}")).collect();
        format!(r#"{{"space":"{short}","entries":{entries},"bytes":{bytes}}}"#)
    };
    let largest: Vec<_> = spaces.iter().map(of_one).collect();
    let entries: u64 = spaces.iter().map(|(_, entries, _)| entries).sum();
    let bytes: usize = spaces.iter().map(|(.., bytes)| bytes).sum();
    format!(
        r#""spaces":{},"entries":{entries},"bytes":{bytes},"mailboxes":0,"mail_bytes":0,"#,
        spaces.len()
    ) + &format!(
        r#""first_end":null,"first_due":null,"largest":[{}]"#,
        largest.join(",")
    )
}

/// Two spaces at a relay, and what `stats` has to say of them.
pub(crate) async fn two_spaces(client: &mut Client) -> String {
    let (small, mut large) = (Space::found(1), Space::found(2));
    client.taken(&small.create()).await;
    client.taken(&large.create()).await;
    let batches = vec![large.batch(0), large.batch_of(0, 4_096)];
    client.taken(&large.request(batches.clone(), &[])).await;
    let founding = |space: &Space| {
        let attachments = space.founding.attachments.iter().map(Vec::len);
        space.founding.entry.len() + attachments.sum::<usize>()
    };
    let larger = founding(&large) + batches.iter().map(Vec::len).sum::<usize>();
    let said = expected(&[(&large, 3, larger), (&small, 1, founding(&small))]);
    format!("{{{said}}}\n")
}

/// Whoever plans a disk by what is not there plans too small a one.
#[tokio::test]
async fn an_operator_is_told_how_much_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path());
    let mut client = program.client().await;
    let place = ["--data", directory.path().to_str().unwrap()];
    let said = two_spaces(&mut client).await;
    assert_eq!(stats(place), said);
    let mut command = Command::new(env!("CARGO_BIN_EXE_waymark-server"));
    let words = command.arg("stats").args(place).output().unwrap().stdout;
    let words = String::from_utf8(words).unwrap();
    assert!(words.starts_with("spaces: 2\nentries: 4\n"), "{words}");
}
