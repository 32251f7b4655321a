//! What one person does alone.

use std::process::Command;

use crate::harness::{Desk, Relay};

/// Whoever finds the key in a readable file reads the diary.
#[test]
fn init_makes_a_device_whose_key_only_its_owner_reads() {
    let relay = Relay::start();
    let kim = Desk::empty();
    let start = ["init", "--name", "Kim", "--device-name", "desk", "--relay"];
    let begun = kim.run(&[&start[..], &[&relay.url]].concat()).done();
    let plan = begun.one("begun")["plan"].as_str().unwrap().to_owned();
    let members = kim.run(&["members"]).done();
    let member = members.one("member");
    assert_eq!(member["plan"], plan);
    assert_eq!(member["name"], "Kim");
    assert_eq!(member["this_device"], true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| {
            let metadata = std::fs::metadata(kim.directory().join(name)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        assert_eq!((mode("storage.key"), mode("")), (0o600, 0o700));
    }

    let again = kim.run(&[&start[..], &[&relay.url]].concat());
    again.failed(2, "wrong_use");
    assert_eq!(kim.run(&["members"]).done().one("member")["name"], "Kim");
}

/// Whoever reads the plan elsewhere would count its days by a clock of their own.
#[test]
fn a_plan_knows_from_its_beginning_where_the_client_is() {
    let relay = Relay::start();
    let kim = Desk::empty();
    let begun = Command::new(env!("CARGO_BIN_EXE_waymark"))
        .args(["init", "--name", "Kim", "--device-name", "desk"])
        .args(["--relay", &relay.url, "--dir"])
        .arg(kim.directory())
        .env("TZ", "Pacific/Auckland")
        .output()
        .unwrap();
    assert!(begun.status.success(), "{begun:?}");
    let seen = kim.run(&["settings"]).done();
    let settings = &seen.one("settings")["settings"];
    assert_eq!(settings["time_zone"], "Pacific/Auckland");
    assert_eq!(settings["cut_off_hour"], 3);
}

/// A name that is refused must not leave a device without a person, or eat the key of another.
#[test]
fn a_beginning_that_is_refused_leaves_nothing_behind() {
    let relay = Relay::start();
    let kim = Desk::empty();
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "0f".repeat(32)).unwrap();
    let key_file = key.path().to_str().unwrap();
    let begin = |name: &str, key: &[&str]| {
        let start = ["init", "--name", name, "--device-name", "desk", "--relay"];
        kim.run(&[&start[..], &[&relay.url], key].concat())
    };
    begin("", &[]).failed(2, "invalid_input");
    assert!(!kim.directory().exists());
    begin("", &["--key-file", key_file]).failed(2, "invalid_input");
    assert!(!kim.directory().exists() && key.path().exists());
    begin("Kim", &["--key-file", key_file]).done();
    assert!(!kim.directory().join("storage.key").exists());
    let members = kim.run(&["members", "--key-file", key_file]);
    assert_eq!(members.done().all("member").len(), 1);
}

/// Without a network everything is kept, and a script can tell.
#[test]
fn status_and_sync_say_how_it_stands_with_and_without_a_relay() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    let before = kim.run(&["status"]).done();
    assert_eq!(before.one("device_status")["recovery"], "none");
    let unsynced = |space: &&serde_json::Value| space["synced"].is_null();
    assert!(before.all("space").iter().all(unsynced));
    let synced = kim.run(&["sync"]).done();
    let spaces = synced.all("space");
    assert_eq!(spaces.len(), 2);
    assert!(spaces.iter().all(|space| !unsynced(space)));

    let rotated = kim.run(&["rotate"]).done();
    assert!(rotated.one("rotated")["plan"].is_string());
    let history = kim.run(&["members", "--history"]).done();
    let steps = history.all("step");
    let last = steps.last().unwrap();
    assert_eq!(last["changes"][0]["change"], "new_key");
    drop(relay);
    kim.run(&["sync"]).failed(1, "offline");
    let kept = kim.run(&["rotate"]).failed(1, "offline");
    assert!(kept.complaint.contains("it is kept"), "{kept:?}");
}

/// Somebody watching a live sync sees what another device of theirs writes.
#[test]
fn a_live_sync_tells_of_changes_until_it_ends() {
    let relay = Relay::start();
    let (kim, ada) = crate::sharing::sharing(&relay);
    let mut live = ada.start(&["sync", "--live"]);
    kim.add_goal("A walk every day");
    let change = live.until("change");
    assert!(change["plan"].is_string() && change["what"].is_string());
    live.kill();
    // What was heard was kept.
    ada.run(&["sync"]).done();
    assert_eq!(ada.goals(), ["A walk every day"]);
}
