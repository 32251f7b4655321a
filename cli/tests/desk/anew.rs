//! Beginning anew, "from now on" and from the therapist's copy.

use serde_json::Value;

use crate::deciding::two_desks;
use crate::harness::{Desk, Relay};
use crate::sharing::{meet, sharing};

fn plan(desk: &Desk) -> String {
    let members = desk.run(&["members"]).done();
    let first = members.all("member")[0]["plan"].clone();
    first.as_str().unwrap().to_owned()
}

/// A new therapist would read what was told to the one before, and scripts would go on in a plan that
/// nobody reads any more.
#[test]
fn who_begins_anew_takes_along_what_was_chosen_and_goes_on_there() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    kim.add_goal("A walk every day");
    kim.add_goal("Between us");
    ada.run(&["sync"]).done();
    let old = plan(&kim);
    let start = ["begin-anew", "--goal", "a WALK every day"];
    kim.answer(&start, "no\n").failed(1, "declined");
    let refused = ada.run(&["begin-anew", "--all-goals", "--yes"]);
    refused.failed(1, "not_allowed");
    let said = kim.run(&[&start[..], &["--yes"]].concat()).done();
    let begun = said.one("begun_anew");
    assert_eq!(begun["follows"], old);
    assert_eq!(begun["goals"].as_array().unwrap().len(), 1);
    let new = begun["plan"].as_str().unwrap();
    assert_eq!(said.one("closed")["plan"], old);

    for desk in [&ada, &kim, &ada, &kim] {
        desk.run(&["sync"]).done();
    }
    for desk in [&kim, &ada] {
        assert_eq!(
            desk.goals(),
            ["A walk every day", "Between us", "A walk every day"]
        );
        // The old one need not be told apart any more.
        assert_eq!(plan(desk), new);
        let status = desk.run(&["status"]).done();
        let space = |id: &str| {
            let mut spaces = status.all("space");
            spaces.retain(|space| space["plan"] == id);
            assert_eq!(spaces.len(), 1, "{status:?}");
            (
                spaces[0]["closed"].clone(),
                spaces[0]["followed_by"].clone(),
            )
        };
        assert_eq!(space(&old), (true.into(), new.into()));
        assert_eq!(space(new), (false.into(), Value::Null));
        let history = desk.run(&["members", "--history", "--plan", &old]).done();
        let steps = history.all("step");
        let changes = steps.last().unwrap()["changes"].as_array().unwrap();
        assert_eq!(changes.last().unwrap()["successor"], new);
    }
    let again = kim.run(&["begin-anew", "--all-goals", "--plan", &old, "--yes"]);
    let again = again.failed(1, "not_allowed");
    assert!(again.complaint.contains(new), "{again:?}");
}

/// A client would wait in the new plan for a therapist who never hears of it.
#[test]
fn who_begins_anew_after_the_end_is_told_that_nobody_comes_along() {
    let relay = Relay::start();
    let (kim, _ada) = sharing(&relay);
    kim.add_goal("A walk every day");
    let other = two_desks(&relay, &kim);
    kim.run(&["close", "--yes"]).done();
    let late = other.run(&["begin-anew", "--all-goals", "--yes"]);
    let late = late.failed(1, "not_done");
    assert!(late.all("closed").is_empty(), "{late:?}");
    assert!(late.complaint.contains("nobody comes along"), "{late:?}");
}

/// A plan with a year's work would be gone with the phone.
#[test]
fn who_lost_everything_takes_over_the_therapists_copy() {
    let relay = Relay::start();
    let (lost, ada) = sharing(&relay);
    lost.add_goal("A walk every day");
    ada.run(&["sync"]).done();
    let old = plan(&lost);
    drop(lost);

    let kim = Desk::client(&relay, "Kim");
    let [kims, _] = meet(kim.start(&["invite", "--plan"]), |link| {
        let mut accept = ada.start(&["accept"]);
        accept.say(link);
        accept
    });
    let new = kims["space"].as_str().unwrap();
    let nothing = kim.run(&["take-over"]).done();
    assert!(nothing.all("offer").is_empty());
    kim.run(&["take-over", "Ada"]).failed(2, "wrong_use");
    let offer = ["offer-copy", "--of", &old, "--to", new];
    ada.answer(&offer, "no\n").failed(1, "declined");
    let offered = ada.answer(&offer, "yes\n").done();
    assert_eq!(offered.one("offered")["of"], old);
    let turned = ["offer-copy", "--of", new, "--to", new, "--yes"];
    ada.run(&turned).failed(1, "not_allowed");

    kim.run(&["sync"]).done();
    assert!(
        kim.goals().is_empty(),
        "nothing counts before the client says so"
    );
    let listed = kim.run(&["take-over"]).done();
    let listed = listed.one("offer");
    assert_eq!(listed["source"], old);
    assert_eq!(listed["goals"].as_array().unwrap().len(), 1);
    kim.answer(&["take-over", "ada"], "no\n")
        .failed(1, "declined");
    let taken = kim.answer(&["take-over", "ada"], "yes\n").done();
    assert_eq!(taken.one("taken_over")["records"], listed["missing"]);
    assert_eq!(kim.goals(), ["A walk every day"]);
    let again = kim.run(&["take-over", "ada", "--yes"]).done();
    assert_eq!(again.one("taken_over")["records"], 0);
}
