//! What one device wrote is undone, and counts again.

use crate::harness::Relay;
use crate::sharing::sharing;

/// A plan that somebody's device has flooded could not be used before each record was found and
/// taken back by whoever wrote it.
#[test]
fn a_device_is_undone_seen_by_both_and_taken_back() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    kim.add_goal("A walk every day");
    ada.run(&["sync"]).done();
    ada.add_goal("Buy our pills");
    kim.run(&["sync"]).done();
    assert_eq!(kim.goals(), ["A walk every day", "Buy our pills"]);
    let members = kim.run(&["members"]).done();
    let adas =
        |member: &&serde_json::Value| member["name"] == "Ada" && member["holder"] == "device";
    let number = members.all("member").into_iter().find(adas).unwrap()["number"].to_string();

    kim.answer(&["undo-device", &number], "no\n")
        .failed(1, "declined");
    let tomorrow = ["undo-device", &number, "--since", "2999-01-01", "--yes"];
    let later = kim.run(&tomorrow).done();
    assert_eq!(later.one("undone")["records"], 0);
    assert_eq!(kim.goals().len(), 2);
    let undone = kim.answer(&["undo-device", &number], "yes\n").done();
    assert_eq!(undone.one("undone")["name"], "Ada");
    assert_eq!(undone.one("undone")["records"], 3, "goal, wording, verdict");
    ada.run(&["sync"]).done();
    for desk in [&kim, &ada] {
        assert_eq!(desk.goals(), ["A walk every day"]);
        let listed = desk.run(&["undo-device"]).done();
        assert_eq!(listed.one("undone_device")["undone_by"], "Kim");
    }
    let own = ["undo-device", "0", "--yes"];
    ada.run(&own).failed(1, "not_allowed");
    kim.run(&own).failed(1, "not_allowed");
    kim.run(&["undo-device", "99", "--yes"])
        .failed(2, "not_found");
    kim.run(&["undo-device", "nobody", "--yes"])
        .failed(2, "wrong_use");

    let back = ["undo-device", &number, "--take-back", "--yes"];
    kim.run(&back).done();
    kim.run(&back).failed(2, "not_found");
    ada.run(&["sync"]).done();
    for desk in [&kim, &ada] {
        assert_eq!(desk.goals(), ["A walk every day", "Buy our pills"]);
        assert!(desk.run(&["undo-device"]).done().events.is_empty());
    }
}
