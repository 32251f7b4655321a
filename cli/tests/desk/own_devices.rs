//! A person's own devices.

use crate::harness::{Desk, Relay};
use crate::sharing::meet;

pub(crate) fn join<'a>(
    relay: &'a Relay,
    new: &'a Desk,
) -> impl FnOnce(&str) -> crate::harness::Running + 'a {
    move |link| {
        let start = ["link", "--join", "--name", "Kim", "--device-name", "new"];
        let mut join = new.start(&[&start[..], &["--relay", &relay.url]].concat());
        join.say(link);
        join
    }
}

/// A second computer has everything that the first one has, and can be removed again.
#[test]
fn a_linked_device_has_every_plan_until_it_is_removed() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    kim.add_goal("A walk every day");
    let new = Desk::empty();
    meet(kim.start(&["link"]), join(&relay, &new));
    assert_eq!(new.goals(), ["A walk every day"]);
    kim.run(&["sync"]).done();
    let devices = kim.run(&["devices"]).done();
    let devices = devices.all("device");
    let named = |name: &str| {
        let mut named = devices
            .iter()
            .filter(|device| device["device_name"] == name);
        (*named.next().unwrap()).clone()
    };
    assert_eq!(named("desk")["this_device"], true);
    let number = named("new")["number"].to_string();

    let own = named("desk")["number"].to_string();
    kim.run(&["devices", "remove", &own, "--yes"])
        .failed(1, "not_allowed");
    kim.answer(&["devices", "remove", &number], "no\n")
        .failed(1, "declined");
    kim.run(&["devices", "remove", &number, "--yes"]).done();
    kim.add_goal("Not for the old computer");
    new.run(&["sync"]);
    assert_eq!(new.goals(), ["A walk every day"]);
}

/// A link that cannot be followed must leave the new computer free to follow another.
#[test]
fn a_link_that_is_none_leaves_nothing_behind() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    let new = Desk::empty();
    let join = join(&relay, &new);
    join("waymark:dAAAA\n").end().failed(2, "invalid_input");
    assert!(!new.directory().exists());
    // A device that has begun is somebody's already.
    let link = kim.run(&["link", "--no-wait"]).done();
    let link = format!("{}\n", link.one("invited")["link"].as_str().unwrap());
    let other = Desk::client(&relay, "Eve");
    other
        .answer(&["link", "--join"], &link)
        .failed(2, "wrong_use");
    other.answer(&["accept"], &link).failed(1, "not_allowed");
}
