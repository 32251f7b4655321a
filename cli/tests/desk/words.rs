//! What people read: each verb in words, as the other tests read its objects.

use crate::harness::{Desk, Relay};
use crate::sharing::sharing;

/// Each verb with what is typed, and what it has to say, in this order.
fn read(desk: &Desk, verbs: &[(&[&str], &str, &[&str])]) {
    for (arguments, typed, expected) in verbs {
        let said = desk.words(arguments, typed);
        let mut rest = said.as_str();
        for words in *expected {
            let Some((_, after)) = rest.split_once(words) else {
                panic!("{arguments:?} does not say \"{words}\" (in this order): {said}");
            };
            rest = after;
        }
        let is_object = |line: &str| line.starts_with('{');
        assert!(!said.lines().any(is_object), "{arguments:?}: {said}");
        assert!(!said.contains('\x1b'), "{arguments:?}: colour in a pipe");
    }
}

/// Somebody at a screen would be told nothing, or what only programs read.
#[test]
fn whoever_begins_alone_reads_how_things_stand() {
    let relay = Relay::start();
    let kim = Desk::empty();
    let init = ["init", "--name", "Kim", "--device-name", "desk", "--relay"];
    let init = [&init[..], &[&relay.url]].concat();
    read(
        &kim,
        &[
            (
                &init,
                "",
                &["Kim has begun in", "plan ", "Next: `waymark recover new`"],
            ),
            (&["init"], "", &["(wrong_use)"]),
            (
                &["status"],
                "",
                &["relay http", "no recovery phrase", "home", "plan "],
            ),
            (
                &["sync"],
                "",
                &["home", "in sync as of", "plan ", "in sync as of"],
            ),
            (
                &["recover", "new"],
                "no\n",
                &["   1 ", "  24 ", "on paper", "nothing was done"],
            ),
            (&["recover", "status"], "", &["good for nothing yet"]),
            (&["recover", "show"], "", &["   1 ", "  24 "]),
            (&["recover", "confirm"], "", &["brings everything back"]),
            (&["recover", "cancel"], "", &["(not_allowed)"]),
            (
                &["devices"],
                "",
                &[
                    "  0  Kim, client: desk, admin",
                    "this device",
                    "recovery phrase",
                ],
            ),
            (&["devices", "remove", "9"], "", &["no device is number 9"]),
            (
                &["members"],
                "",
                &["Kim, client: desk", "reserve for devices to come"],
            ),
            (
                &["members", "--history"],
                "",
                &["  0  Kim (0) added Kim (0) to admin"],
            ),
            (&["rotate"], "", &["the key is replaced"]),
            (
                &["safety-number"],
                "",
                &["Equal on two devices exactly if both"],
            ),
            (&["grant"], "", &["no grants"]),
            (&["held"], "", &[]),
            (
                &["evidence"],
                "",
                &["no relay is known to have told two stories"],
            ),
            (&["repair"], "", &["nothing is damaged"]),
            (&["take-over"], "", &["nothing"]),
            (
                &["follow-relay", "--yes"],
                "",
                &["undoes a removal", "(not_allowed)"],
            ),
            (
                &["link", "--no-wait"],
                "",
                &["link, also as a QR code", "waymark:d", "waiting"],
            ),
            (
                &["invite", "--plan", "--no-wait"],
                "",
                &["waymark:p", "Whoever has the link"],
            ),
            (
                &["leave", "--yes"],
                "",
                &["What is here stays here", "(not_allowed)"],
            ),
            (
                &["close"],
                "yes\n",
                &["keeps what is there", "it is closed, and stays readable"],
            ),
            (&["status"], "", &["brings everything back", "  closed"]),
            (&["rotate"], "", &["(not_allowed)"]),
            (&["sync", "--love"], "", &["--love", "(wrong_use)"]),
        ],
    );
    drop(relay);
    read(&kim, &[(&["sync"], "", &["(offline)"])]);
}

/// The same of what two people do together, and of what comes too late.
#[test]
fn two_who_share_read_what_they_decide_and_what_it_means() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    kim.add_goal("A walk every day");
    ada.run(&["sync"]).done();
    let members = kim.run(&["members"]).done();
    let members = members.all("member");
    let adas = members
        .iter()
        .find(|m| m["name"] == "Ada" && m["device_name"] == "desk");
    let number = adas.unwrap()["number"].to_string();
    let plan = adas.unwrap()["plan"].as_str().unwrap().to_owned();
    let client = kim.open();
    let id = client.people().plans()[0];
    let goal = client.goals().list(id).unwrap()[0].id.record().to_string();
    drop(client);
    read(
        &kim,
        &[
            (
                &["members", "--item", &goal],
                "",
                &["Kim, client", "Ada, therapist"],
            ),
            (
                &["rotate", "--hand", &number],
                "",
                &["has the key once more"],
            ),
            (
                &["grant", "Ada", "--purpose", "Therapy"],
                "",
                &["Ada may read this plan", "stays with Ada"],
            ),
            (&["grant"], "", &["for Therapy", "1 grant"]),
            (&["show", "--help"], "", &["last week"]),
        ],
    );
    read(
        &ada,
        &[
            (
                &["members"],
                "",
                &["Kim, client: desk", "last heard 20", "for Therapy"],
            ),
            (
                &["offer-copy", "--of", &plan, "--to", &plan, "--yes"],
                "",
                &["("],
            ),
        ],
    );
    let goals = ["begin-anew", "--all-goals"];
    read(
        &kim,
        &[(&goals, "yes\n", &["plan ", "the old plan is closed"])],
    );
    for desk in [&ada, &kim, &ada, &kim] {
        desk.run(&["sync"]).done();
    }
    read(
        &kim,
        &[
            (&["status"], "", &["goes on in its place"]),
            (
                &["revoke", "Ada"],
                "yes\n",
                &["stays with Ada", "Ada cannot read this plan any more"],
            ),
        ],
    );
    let invited = kim.run(&["invite", "--supporter", "--no-wait"]).done();
    let link = invited.one("invited")["link"].as_str().unwrap().to_owned();
    let bob = Desk::therapist(&relay, "Bob");
    read(
        &bob,
        &[(
            &["accept", "--no-wait"],
            &format!("{link}\n"),
            &["accepted; waiting for"],
        )],
    );
    let id = &invited.one("invited")["id"].as_str().unwrap()[..10];
    read(
        &kim,
        &[
            (
                &["invite", "--resume", id, "--no-wait"],
                "no\n",
                &["Does Bob see", "the invitation has ended"],
            ),
            (&["status"], "", &["support space "]),
        ],
    );
}

/// Somebody would run `waymark sync` again and again.
#[test]
fn whoever_comes_too_late_reads_what_cannot_be_and_why() {
    let mut relay = Relay::start();
    let (kim, _ada) = sharing(&relay);
    let other = crate::deciding::two_desks(&relay, &kim);
    relay.stop();
    read(
        &other,
        &[(
            &["revoke", "Ada", "--yes"],
            "",
            &["it is kept", "(offline)"],
        )],
    );
    relay.restart();
    kim.run(&["close", "--yes"]).done();
    read(
        &other,
        &[
            (
                &["sync"],
                "",
                &["not done: take Ada's access back (the space is closed)"],
            ),
            (
                &["revoke", "--number", "2", "--yes"],
                "",
                &["(not_allowed)"],
            ),
        ],
    );
}
