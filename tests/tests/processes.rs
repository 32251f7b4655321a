//! A database that another process has open, or that this process may not write.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use waymark_core::client::{Client, Config};
use waymark_tests::begin_at;
use waymark_tests::story::{goal, log, notes};

const DIRECTORY: &str = "WAYMARK_TEST_DIRECTORY";
/// Nobody.
const NOBODY: u32 = 65_534;

/// Not a test by itself: another process that opens the database and says what came of it.
#[test]
#[ignore = "it is run by the tests below"]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    match Client::open(Config::new(directory, "http://127.0.0.1:9"), &[7; 32]) {
        Ok(_) => println!("it opened."),
        Err(error) => println!("it says {}.", error.code()),
    }
}

/// What another process says that opens the database in a directory.
fn other_process(directory: &std::path::Path, user: Option<u32>) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory);
    if let Some(user) = user {
        child.uid(user).gid(user);
    }
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let from = said.find("it ").unwrap_or_else(|| panic!("it said {said}"));
    said[from..].lines().next().unwrap().to_owned()
}

/// A widget that opened the diary beside the app would undo what the app writes.
#[test]
fn a_second_process_is_refused_by_name_until_the_first_has_closed() {
    let (mut phone, plan) = begin_at("http://127.0.0.1:9");
    let walk = goal(&phone, plan, "walk");
    assert_eq!(other_process(phone.directory(), None), "it says locked.");
    // The first is not disturbed.
    log(&phone, plan, walk, "written meanwhile");
    phone.close();
    assert_eq!(other_process(phone.directory(), None), "it opened.");
    phone.reopen();
    assert_eq!(notes(&phone, plan), ["written meanwhile"]);
}

/// Whoever restores an app's files as another user must not be told that the diary is damaged.
#[test]
fn a_directory_without_write_permission_is_named_and_left_as_it_was() {
    let (mut phone, plan) = begin_at("http://127.0.0.1:9");
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "0");
    phone.close();
    let directory = phone.directory().to_owned();
    let set = |directory_mode, file_mode| {
        for file in fs::read_dir(&directory).unwrap() {
            let permissions = Permissions::from_mode(file_mode);
            fs::set_permissions(file.unwrap().path(), permissions).unwrap();
        }
        fs::set_permissions(&directory, Permissions::from_mode(directory_mode)).unwrap();
    };
    set(0o555, 0o444);
    // Permissions do not bind root, so root sends somebody else.
    let is_root = fs::write(directory.join("waymark.lock"), "").is_ok();
    let said = other_process(&directory, is_root.then_some(NOBODY));
    set(0o755, 0o644);
    assert_eq!(said, "it says storage_failed.");
    phone.reopen();
    assert_eq!(notes(&phone, plan), ["0"]);
}
