//! Grants: what for and how long somebody may read.

use serde_json::Value;

use crate::deciding::two_desks;
use crate::harness::{Desk, Relay, Said};
use crate::sharing::sharing;

fn of<'s>(said: &'s Said, name: &str) -> Vec<&'s Value> {
    let mut members = said.all("member");
    members.retain(|member| member["name"] == name);
    members
}

fn granted(kim: &Desk, purpose: &str) -> String {
    let said = kim.run(&["grant", "ada", "--purpose", purpose]).done();
    said.one("granted")["id"].as_str().unwrap().to_owned()
}

/// "Until the end of the century" would be for ever, or what for would be forgotten.
#[test]
fn a_grant_is_seen_by_both_and_ends_when_it_is_withdrawn() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    kim.add_goal("A walk every day");
    let nothing = kim.run(&["grant"]).done();
    assert!(nothing.all("grant").is_empty());
    let grant = ["grant", "ada", "--purpose", "Therapy", "--until"];
    let past = kim.run(&[&grant[..], &["2001-01-01"]].concat());
    past.failed(2, "invalid_input");
    let said = kim.run(&[&grant[..], &["2099-12-31"]].concat()).done();
    assert!(said.complaint.contains("stays with Ada"), "{said:?}");
    let id = said.one("granted")["id"].as_str().unwrap();

    ada.run(&["sync"]).done();
    for desk in [&kim, &ada] {
        let listed = desk.run(&["grant"]).done();
        let listed = listed.one("grant");
        assert_eq!(
            (&listed["id"], &listed["state"]),
            (&id.into(), &"active".into())
        );
        let members = desk.run(&["members"]).done();
        for member in of(&members, "Ada") {
            assert_eq!(member["grant"]["purpose"], "Therapy");
            assert_eq!(member["grant"]["until"], "2099-12-31");
        }
        assert!(
            of(&members, "Kim")
                .iter()
                .all(|kims| kims["grant"].is_null())
        );
        assert!(!of(&members, "Ada").is_empty() && !of(&members, "Kim").is_empty());
    }
    let own = ["grant", "Ada", "--purpose", "More time"];
    ada.run(&own).failed(1, "not_allowed");
    ada.run(&["grant", "--withdraw", id, "--yes"])
        .failed(1, "not_allowed");

    let withdraw = ["grant", "--withdraw", &id[..10]];
    kim.answer(&withdraw, "no\n").failed(1, "declined");
    let said = kim.answer(&withdraw, "yes\n").done();
    assert_eq!(said.one("withdrawn")["reads"], false);
    assert!(said.complaint.contains("stays with Ada"), "{said:?}");
    let members = kim.run(&["members"]).done();
    assert!(of(&members, "Ada").is_empty());
    kim.run(&withdraw).failed(2, "wrong_use");
    assert_eq!(
        kim.run(&["grant"]).done().one("grant")["state"],
        "withdrawn"
    );

    kim.add_goal("Not for Ada");
    ada.run(&["sync"]).failed(1, "offline");
    assert_eq!(ada.goals(), ["A walk every day"]);
}

/// Whoever was given more time would be thrown out with the first grant.
#[test]
fn another_grant_keeps_the_person_in_and_none_is_lost_without_a_relay() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    let therapy = granted(&kim, "Therapy");
    granted(&kim, "Report");
    let said = kim.run(&["grant", "--withdraw", &therapy, "--yes"]).done();
    assert_eq!(said.one("withdrawn")["reads"], true);
    let members = kim.run(&["members"]).done();
    let adas = of(&members, "Ada");
    assert_eq!(adas.first().unwrap()["grant"]["purpose"], "Report");
    kim.add_goal("A walk every day");
    ada.run(&["sync"]).done();
    assert_eq!(ada.goals(), ["A walk every day"]);

    drop(relay);
    let kept = kim.run(&["grant", "ada", "--purpose", "Supervision"]);
    let kept = kept.failed(1, "offline");
    assert!(kept.complaint.contains("it is kept"), "{kept:?}");
    assert_eq!(kept.all("granted").len(), 1);
    assert_eq!(kim.run(&["grant"]).done().all("grant").len(), 3);
}

/// Kim would be told again and again to sync, and Ada reads on whatever Kim does.
#[test]
fn a_grant_that_is_withdrawn_too_late_says_why_nobody_goes() {
    let relay = Relay::start();
    let (kim, _ada) = sharing(&relay);
    let id = granted(&kim, "Therapy");
    let other = two_desks(&relay, &kim);
    kim.run(&["close", "--yes"]).done();
    let late = other.run(&["grant", "--withdraw", &id, "--yes"]);
    let late = late.failed(1, "not_done");
    assert_eq!(late.one("not_done")["wanted"], "remove_person");
    assert!(late.complaint.contains("the space is closed"), "{late:?}");
    assert!(other.run(&["sync"]).done().all("not_done").is_empty());
}
