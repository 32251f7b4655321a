//! Seeing who reads, and deciding: going, ending, removing by number, and what cannot be any more.

use serde_json::Value;

use crate::harness::{Desk, Relay, Said};
use crate::own_devices::join;
use crate::sharing::{meet, sharing};

/// Kim at two desks.
pub(crate) fn two_desks(relay: &Relay, kim: &Desk) -> Desk {
    let other = Desk::empty();
    meet(kim.start(&["link"]), join(relay, &other));
    for desk in [kim, &other, kim, &other] {
        desk.run(&["sync"]).done();
    }
    other
}

fn number_of(said: &Said, name: &str, device: &str) -> String {
    let members = said.all("member");
    let is_it = |member: &&&Value| member["name"] == name && member["device_name"] == device;
    let found = members.iter().find(is_it);
    found.unwrap()["number"].to_string()
}

fn the_plan(said: &Said) -> Value {
    let mut plans = said.all("space");
    plans.retain(|space| space["kind"] == "care");
    plans[0].clone()
}

/// A therapist who changes jobs would have to ask every client to be let go.
#[test]
fn a_therapist_leaves_and_reads_nothing_more() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    kim.add_goal("A walk every day");
    ada.run(&["sync"]).done();
    kim.run(&["leave", "--yes"]).failed(1, "not_allowed");
    ada.answer(&["leave"], "no\n").failed(1, "declined");
    let left = ada.answer(&["leave"], "yes\n").done();
    assert_eq!(
        left.one("left")["plan"],
        the_plan(&kim.run(&["status"]))["space"]
    );
    assert_eq!(the_plan(&ada.run(&["status"]).done())["ended"], true);
    kim.add_goal("Not for Ada");
    ada.run(&["sync"]).done();
    assert_eq!(ada.goals(), ["A walk every day"]);
    kim.run(&["sync"]).done();
    let members = kim.run(&["members"]).done();
    assert!(members.all("member").iter().all(|m| m["name"] == "Kim"));
}

/// A plan that has served would go on being written into.
#[test]
fn a_closed_plan_stays_readable_and_takes_nothing_more() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    kim.add_goal("A walk every day");
    ada.run(&["close", "--yes"]).failed(1, "not_allowed");
    kim.answer(&["close"], "no\n").failed(1, "declined");
    kim.run(&["close", "--yes"]).done().one("closed");
    ada.run(&["sync"]).done();
    for desk in [&kim, &ada] {
        assert_eq!(the_plan(&desk.run(&["status"]).done())["closed"], true);
        assert_eq!(desk.goals(), ["A walk every day"]);
        desk.run(&["rotate"]).failed(1, "not_allowed");
    }
}

/// A tablet that somebody left on a train would read on, or its owner be thrown out with it.
#[test]
fn one_device_is_removed_by_its_number_and_the_person_stays() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    let tablet = Desk::empty();
    let start = ["link", "--join", "--name", "Ada", "--device-name", "tablet"];
    meet(ada.start(&["link"]), |link| {
        let mut join = tablet.start(&[&start[..], &["--relay", &relay.url]].concat());
        join.say(link);
        join
    });
    for desk in [&tablet, &ada, &kim] {
        desk.run(&["sync"]).done();
    }
    let number = number_of(&kim.run(&["members"]).done(), "Ada", "tablet");
    kim.run(&["revoke", "Ada", "--number", &number])
        .failed(2, "wrong_use");
    kim.run(&["revoke", "--number", "99", "--yes"])
        .failed(2, "wrong_use");
    let own = number_of(&kim.run(&["members"]).done(), "Kim", "desk");
    kim.run(&["revoke", "--number", &own, "--yes"])
        .failed(1, "not_allowed");
    kim.answer(&["revoke", "--number", &number], "no\n")
        .failed(1, "declined");
    let revoked = kim.run(&["revoke", "--number", &number, "--yes"]).done();
    assert_eq!(revoked.one("revoked")["number"].to_string(), number);
    kim.add_goal("A walk every day");
    ada.run(&["sync"]).done();
    tablet.run(&["sync"]);
    assert_eq!(ada.goals(), ["A walk every day"]);
    assert!(tablet.goals().is_empty());
}

/// Whoever wonders about one note should not have to know in which plan it is.
#[test]
fn who_can_read_one_item_is_shown_and_when_they_were_last_heard() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    kim.add_goal("A walk every day");
    ada.run(&["sync"]).done();
    let client = kim.open();
    let plan = client.people().plans()[0];
    let goal = client.goals().list(plan).unwrap()[0]
        .id
        .record()
        .to_string();
    drop(client);
    let readers = |item: &str| kim.run(&["members", "--item", item]);
    let said = readers(&goal).done();
    let names: Vec<_> = said
        .all("reader")
        .iter()
        .map(|r| r["name"].clone())
        .collect();
    assert!(names.contains(&"Kim".into()) && names.contains(&"Ada".into()));
    assert!(
        said.all("reader")
            .iter()
            .all(|r| r["plan"] == plan.to_string())
    );
    readers("AAAAAAAAAAAAAAAAAAAAAA").failed(2, "not_found");
    readers("nothing").failed(2, "wrong_use");

    ada.run(&["rotate"]).done();
    kim.run(&["sync"]).done();
    let members = kim.run(&["members"]).done();
    let heard = |name: &str| {
        let members = members.all("member");
        let mut of = members
            .iter()
            .filter(|m| m["name"] == name && m["device_name"] == "desk");
        of.next().unwrap()["last_heard"].clone()
    };
    assert!(
        heard("Ada").as_str().unwrap().starts_with("20"),
        "{members:?}"
    );
    assert_eq!(heard("Kim"), Value::Null, "this very desk");
}

/// Whoever lacks the key, and cannot say so, is helped by hand.
#[test]
fn a_key_is_handed_out_by_number() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    let number = number_of(&kim.run(&["members"]).done(), "Ada", "desk");
    kim.run(&["rotate", "--hand", "99"]).failed(2, "not_found");
    let handed = kim.run(&["rotate", "--hand", &number]).done();
    assert_eq!(handed.one("key_handed_out")["number"].to_string(), number);
    kim.add_goal("A walk every day");
    ada.run(&["sync"]).done();
    assert_eq!(ada.goals(), ["A walk every day"]);
}

/// A person would wait for ever for a decision that somebody else's has made impossible, and run
/// `waymark sync` again and again.
#[test]
fn what_cannot_be_any_more_is_said_once_with_its_reason() {
    let mut relay = Relay::start();
    let (kim, _ada) = sharing(&relay);
    let other = two_desks(&relay, &kim);
    relay.stop();
    other.run(&["revoke", "Ada", "--yes"]).failed(1, "offline");
    relay.restart();
    kim.run(&["close", "--yes"]).done();
    let told = other.run(&["sync"]).done();
    let told = told.one("not_done");
    assert_eq!(
        (&told["wanted"], &told["name"]),
        (&"remove_person".into(), &"Ada".into())
    );
    assert_eq!(told["reason"], "the space is closed");
    assert_eq!(told["space"], the_plan(&other.run(&["status"]))["space"]);
    for verb in ["sync", "status"] {
        assert!(
            other.run(&[verb]).done().all("not_done").is_empty(),
            "{verb}"
        );
    }
}

/// The same where the verb itself finds out.
#[test]
fn a_verb_that_comes_too_late_says_so() {
    let relay = Relay::start();
    let (kim, _ada) = sharing(&relay);
    let other = two_desks(&relay, &kim);
    kim.run(&["close", "--yes"]).done();
    let late = other.run(&["revoke", "Ada", "--yes"]).failed(1, "not_done");
    assert_eq!(late.one("not_done")["wanted"], "remove_person");
    assert!(late.complaint.contains("the space is closed"), "{late:?}");
}

/// The status tells of a removal that a relay has undone; without a verb nobody could decide.
#[test]
fn a_relay_that_undid_a_removal_is_followed_on_a_persons_word() {
    let mut relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    kim.add_goal("A walk every day");
    ada.run(&["sync"]).done();
    kim.run(&["follow-relay", "--yes"]).failed(1, "not_allowed");
    let backup = relay.backup();
    kim.run(&["revoke", "Ada", "--yes"]).done();
    relay.put_back(backup);
    ada.run(&["rotate"]).done();

    let refused = kim.run(&["sync"]).failed(1, "relay_untrusted");
    assert!(refused.complaint.contains("was removed"), "{refused:?}");
    kim.answer(&["follow-relay"], "no\n").failed(1, "declined");
    kim.run(&["follow-relay", "--yes"])
        .done()
        .one("relay_followed");
    kim.run(&["sync"]).done();
    let members = kim.run(&["members"]).done();
    assert!(
        members.all("member").iter().all(|m| m["name"] == "Kim"),
        "{members:?}"
    );
    kim.add_goal("Not for Ada");
    ada.run(&["sync"]);
    assert_eq!(ada.goals(), ["A walk every day"]);
}
