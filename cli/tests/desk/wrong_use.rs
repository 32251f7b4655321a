//! Wrong use of each verb: exit code 2, a sentence, and nothing done.

use crate::harness::{Desk, Relay};

/// A script that mistypes a flag has to hear of it, and not of success.
#[test]
fn what_cannot_be_meant_ends_with_2() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    // One identifier in 64 begins with any one letter, as good as none with "nothing", and none with "!".
    let cases: [&[&str]; 48] = [
        &["init", "--name"],
        &["init", "--plan"],
        &["invite"],
        &["invite", "--client", "--circle"],
        &["invite", "--resume", "nothing"],
        &["accept", "--link", "waymark:p"],
        &["accept", "waymark:p"],
        &["accept", "--link-file", "no-such-file"],
        &["link", "--join", "--wait"],
        &["link", "waymark:d"],
        &["devices", "remove"],
        &["devices", "remove", "one"],
        &["devices", "remove", "999", "--yes"],
        &["members", "--plan", "nothing"],
        &["members", "--plan", "!"],
        &["grant", "Kim"],
        &["grant", "nobody", "--purpose", "Therapy"],
        &["grant", "--purpose", "Therapy"],
        &["grant", "Kim", "--purpose", "Therapy", "--until", "soon"],
        &["grant", "--withdraw", "nothing", "--yes"],
        &["grant", "Kim", "--purpose", "x", "--withdraw", "x"],
        &["begin-anew", "--goal", "nothing", "--yes"],
        &["begin-anew", "--check-ins-from", "2026-05-01", "--yes"],
        &["begin-anew", "--all-goals", "--goal", "nothing"],
        &["offer-copy", "--of", "nothing"],
        &["offer-copy", "--of", "!", "--to", "!", "--yes"],
        &["take-over", "--yes"],
        &["take-over", "nobody", "--yes"],
        &["revoke"],
        &["revoke", "nobody", "--yes"],
        &["revoke", "Kim", "--plan", "!", "--yes"],
        &["revoke", "Kim", "--number", "1"],
        &["revoke", "--number", "one"],
        &["leave", "now"],
        &["leave", "--plan", "!", "--yes"],
        &["close", "--plan", "!", "--yes"],
        &["rotate", "--hand"],
        &["members", "--item", "nothing"],
        &["follow-relay", "--plan", "!", "--yes"],
        &["recover", "confirm", "abandon"],
        &["rotate", "now"],
        &["rotate", "--plan", "!"],
        &["recover"],
        &["recover", "restore", "--words", "abandon"],
        &["safety-number", "--plan", "!"],
        &["status", "--plan", "nothing"],
        &["sync", "--love"],
        &["sync", "--dir"],
    ];
    for arguments in cases {
        let said = kim.run(arguments);
        assert_eq!(said.code, 2, "{arguments:?}: {said:?}");
        assert!(!said.complaint.is_empty(), "{arguments:?}");
        // A program reads the same from its own output.
        assert_eq!(said.all("error").len(), 1, "{arguments:?}: {said:?}");
    }
    assert_eq!(kim.run(&["members"]).done().all("member").len(), 1);
}

/// A directory without a device is named, not filled.
#[test]
fn a_directory_without_a_device_stays_as_it_is() {
    let nobody = Desk::empty();
    for verb in [
        "accept",
        "begin-anew",
        "close",
        "devices",
        "follow-relay",
        "grant",
        "held",
        "leave",
        "link",
        "members",
        "rotate",
        "status",
        "sync",
        "take-over",
    ] {
        let said = nobody.run(&[verb]).failed(2, "wrong_use");
        assert!(said.complaint.contains("holds no device"), "{verb}");
    }
    assert!(!nobody.directory().exists());
}

/// A device whose key was lost or swapped opens for nobody, and is not written over.
#[test]
fn another_key_opens_nothing() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    let key = kim.directory().join("storage.key");
    let right = std::fs::read(&key).unwrap();
    std::fs::write(&key, "0f".repeat(32)).unwrap();
    kim.run(&["status"]).failed(2, "key_lost");
    std::fs::remove_file(&key).unwrap();
    kim.run(&["status"]).failed(2, "wrong_use");
    let begin = [
        "init",
        "--name",
        "K",
        "--device-name",
        "d",
        "--relay",
        &relay.url,
    ];
    kim.run(&begin).failed(2, "wrong_use");
    std::fs::write(&key, right).unwrap();
    kim.run(&["status"]).done();
}

/// Two programs on one database would lose what one of them wrote.
#[test]
fn a_device_that_is_open_elsewhere_is_locked() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    let open = kim.open();
    kim.run(&["status"]).failed(1, "locked");
    drop(open);
    kim.run(&["status"]).done();
}
