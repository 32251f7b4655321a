//! What people read: each verb in words, as the other tests read its objects.

use std::collections::BTreeSet;
use std::process::Command;

use crate::deciding::two_desks;
use crate::harness::{Desk, Relay};
use crate::sharing::{meet, sharing};

/// The verbs of each test below, and those that `demo.rs` reads. Together they are all there are.
const ALONE: &[&str] = &[
    "checkpoint",
    "close",
    "devices",
    "evidence",
    "follow-relay",
    "grant",
    "held",
    "init",
    "invite",
    "leave",
    "link",
    "members",
    "recover",
    "repair",
    "rotate",
    "safety-number",
    "status",
    "sync",
    "take-over",
    "undo-device",
];
const TOGETHER: &[&str] = &[
    "accept",
    "begin-anew",
    "forget",
    "grant",
    "invite",
    "leave",
    "members",
    "revoke",
    "rotate",
    "status",
    "undo-device",
];
const COPIED: &[&str] = &["offer-copy", "take-over"];
const TOO_LATE: &[&str] = &["begin-anew", "grant", "revoke", "sync"];
/// Those that `plan.rs` reads.
pub(crate) const PLAN: &[&str] = &["check-in", "goal", "progress", "settings"];
/// And those that `items.rs` reads.
pub(crate) const ITEMS: &[&str] = &["habit", "win"];
/// Those that `reviews.rs` reads.
pub(crate) const REVIEW: &[&str] = &["review"];
pub(crate) const SESSION: &[&str] = &["session"];
const STORY: &[&str] = &["demo", "show"];

/// What is typed after the command's name, what is typed then, and what is said, in this order.
pub(crate) type Row<'r> = (&'r [&'r str], &'r str, &'r [&'r str]);

/// Reads what verbs say, and knows which it has read.
#[derive(Default)]
pub(crate) struct Reader(BTreeSet<String>);

impl Reader {
    #[track_caller]
    pub(crate) fn read(&mut self, desk: &Desk, rows: &[Row<'_>]) {
        for (arguments, typed, expected) in rows {
            let said = desk.words(arguments, typed);
            assert!(!said.trim().is_empty(), "{arguments:?} says nothing");
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
            self.0.insert(arguments[0].to_owned());
        }
    }

    /// All that it was to read.
    #[track_caller]
    pub(crate) fn has_read(&self, verbs: &[&str]) {
        let read: Vec<&str> = self.0.iter().map(String::as_str).collect();
        assert_eq!(read, verbs);
    }
}

/// A new verb could otherwise be for programs alone.
#[test]
fn no_verb_is_left_out() {
    let help = Command::new(env!("CARGO_BIN_EXE_waymark"))
        .arg("-h")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let verbs: BTreeSet<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split(' ').next())
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.len() > 20, "{help}");
    let read: BTreeSet<&str> = [
        ALONE, TOGETHER, COPIED, TOO_LATE, PLAN, ITEMS, REVIEW, SESSION, STORY,
    ]
    .concat()
    .into_iter()
    .collect();
    assert_eq!(read, verbs);
}

/// Somebody at a screen would be told nothing, or what only programs read.
#[test]
fn whoever_begins_alone_reads_how_things_stand() {
    let relay = Relay::start();
    let kim = Desk::empty();
    let mut reader = Reader::default();
    let init = ["init", "--name", "Kim", "--device-name", "desk", "--relay"];
    let init = [&init[..], &[&relay.url]].concat();
    let rows: &[Row<'_>] = &[
        (
            &init,
            "",
            &["Kim has begun in", "plan ", "Next: `waymark recover new`"],
        ),
        (&["init"], "", &["--name is needed", "(wrong_use)"]),
        (
            &["status"],
            "",
            &["relay http", "no recovery phrase", "home", "plan "],
        ),
        (&["sync"], "", &["home", "in sync as of", "plan "]),
        (&["checkpoint"], "", &["home", "in sync as of", "plan "]),
        (
            &["recover", "new"],
            "no\n",
            &["   1 ", "  13 ", "on paper", "they are kept", "(declined)"],
        ),
        (&["recover", "status"], "", &["good for nothing yet"]),
        (&["recover", "show"], "", &["   1 ", "  13 "]),
        (&["recover", "confirm"], "", &["brings everything back"]),
        (&["recover", "show"], "", &["no words", "(wrong_use)"]),
        (
            &["devices"],
            "",
            &["Kim, client: desk, admin", "this device", "recovery phrase"],
        ),
        (
            &["devices", "remove", "9"],
            "",
            &["no device is number 9", "(wrong_use)"],
        ),
        (&["members"], "", &["Kim, client: desk", "can read"]),
        (
            &["members", "--history"],
            "",
            &["Kim (0) added Kim (0) to admin"],
        ),
        (&["rotate"], "", &["the key is replaced"]),
        (
            &["safety-number"],
            "",
            &["Equal on two devices exactly if both"],
        ),
        (&["grant"], "", &["no grants"]),
        (&["undo-device"], "", &["nothing is undone"]),
        (&["held"], "", &["nothing is held back"]),
        (
            &["evidence"],
            "",
            &["no relay is known to have told two stories"],
        ),
        (&["repair"], "", &["nothing is damaged"]),
        (&["take-over"], "", &["nobody offers a copy here"]),
        (
            &["follow-relay", "--yes"],
            "",
            &["before somebody was removed", "(not_allowed)"],
        ),
        (
            &["link", "--no-wait"],
            "",
            &[
                "link, also as a QR code",
                "waymark:d",
                "waiting for an answer",
            ],
        ),
        (
            &["invite", "--plan", "--no-wait"],
            "",
            &[
                "waymark:p",
                "waiting for an answer",
                "Whoever has the link",
                "to go on",
            ],
        ),
        (
            &["leave", "--yes"],
            "",
            &["What is here stays here", "(not_allowed)"],
        ),
        (
            &["close"],
            "no\n",
            &["Nothing more is written", "(declined)"],
        ),
        (&["close"], "yes\n", &["it is closed, and stays readable"]),
        (&["status"], "", &["brings everything back", "  closed"]),
        (&["rotate"], "", &["(not_allowed)"]),
        (&["sync", "--love"], "", &["--love", "(wrong_use)"]),
    ];
    reader.read(&kim, rows);
    drop(relay);
    reader.read(&kim, &[(&["sync"], "", &["(offline)"])]);
    reader.has_read(ALONE);
}

/// The number and the plan of Ada's desk, as Kim sees them.
fn ada_of(kim: &Desk) -> (String, String) {
    let members = kim.run(&["members"]).done();
    let members = members.all("member");
    let is_hers =
        |member: &&&serde_json::Value| member["name"] == "Ada" && member["device_name"] == "desk";
    let hers = members.iter().find(is_hers).unwrap();
    let plan = hers["plan"].as_str().unwrap().to_owned();
    (hers["number"].to_string(), plan)
}

/// The same of what two people do together: neither would know what it means for the other.
#[test]
fn two_who_share_read_what_they_decide_and_what_it_means() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    kim.add_goal("A walk every day");
    kim.add_goal("A nap at noon");
    ada.run(&["sync"]).done();
    let (number, _) = ada_of(&kim);
    let client = kim.open();
    let id = client.people().plans()[0];
    let goal = client.goals().list(id).unwrap()[0].id.record().to_string();
    drop(client);
    ada.propose("A nap at noon", "A nap at ten");
    let nap = ["forget", "--goal", "A nap at noon"];
    let mut reader = Reader::default();
    let rows: &[Row<'_>] = &[
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
        (&["grant"], "", &["for Therapy: active", "1 grant"]),
        (
            &["undo-device", &number],
            "yes\n",
            &["Ada: desk: 0 records undone", "--take-back"],
        ),
        (&["undo-device"], "", &["Ada: desk", "by Kim on "]),
        (
            &["undo-device", &number, "--take-back", "--yes"],
            "",
            &["counts again"],
        ),
        (
            &[&nap[..], &["--preview"]].concat(),
            "",
            &[
                "3 records and 0 texts go, on 1 device beside this one",
                "Kim: 1 goal, 1 wording, 1 verdict",
            ],
        ),
        (&nap, "no\n", &["asked to forget it", "cannot be undone"]),
        (&nap, "yes\n", &["it is forgotten here"]),
        (&["forget", "given-up"], "", &["nothing was given up"]),
    ];
    reader.read(&kim, rows);
    ada.run(&["sync"]).done();
    let rows: &[Row<'_>] = &[
        (&["members"], "", &["Kim, client: desk"]),
        (
            &["forget", "given-up", "--dismiss"],
            "",
            &["Kim had something forgotten", "went with it: 1 "],
        ),
        (&["forget", "given-up"], "", &["nothing was given up"]),
    ];
    reader.read(&ada, rows);
    let begin = ["begin-anew", "--all-goals"];
    let rows: &[Row<'_>] = &[(
        &begin,
        "yes\n",
        &[
            "plan ",
            "the old plan is closed",
            "Everybody who is in the plan comes along",
        ],
    )];
    reader.read(&kim, rows);
    for desk in [&ada, &kim, &ada, &kim] {
        desk.run(&["sync"]).done();
    }
    let rows: &[Row<'_>] = &[
        (&["status"], "", &["goes on in its place"]),
        (
            &["revoke", "Ada"],
            "yes\n",
            &["Ada cannot read this plan any more", "stays with Ada"],
        ),
    ];
    reader.read(&kim, rows);

    let invited = kim.run(&["invite", "--supporter", "--no-wait"]).done();
    let invited = invited.one("invited");
    let link = format!("{}\n", invited["link"].as_str().unwrap());
    let bob = Desk::therapist(&relay, "Bob");
    let answer: Row<'_> = (
        &["accept", "--no-wait"],
        &link,
        &["accepted; waiting for", "to go on: `waymark accept"],
    );
    reader.read(&bob, &[answer]);
    let id = &invited["id"].as_str().unwrap()[..10];
    let rows: &[Row<'_>] = &[
        (
            &["invite", "--resume", id, "--no-wait"],
            "no\n",
            &["Ask in person", "Somebody may stand between you"],
        ),
        (&["status"], "", &["support space "]),
    ];
    reader.read(&kim, rows);

    let cy = Desk::therapist(&relay, "Cy");
    meet(kim.start(&["invite", "--supporter"]), |link| {
        let mut accept = cy.start(&["accept"]);
        accept.say(link);
        accept
    });
    let rows: &[Row<'_>] = &[(
        &["leave"],
        "yes\n",
        &["this person has left it", "What is here stays here"],
    )];
    reader.read(&cy, rows);
    reader.has_read(TOGETHER);
}

/// A plan with a year's work would be offered to whoever has a name like the client's.
#[test]
fn who_copies_a_plan_reads_whose_it_was_and_who_gets_it() {
    let relay = Relay::start();
    let (lost, ada) = sharing(&relay);
    lost.add_goal("A walk every day");
    ada.run(&["sync"]).done();
    let (_, old) = ada_of(&lost);
    drop(lost);
    let kim = Desk::client(&relay, "Kim");
    let [kims, _] = meet(kim.start(&["invite", "--plan"]), |link| {
        let mut accept = ada.start(&["accept"]);
        accept.say(link);
        accept
    });
    let new = kims["space"].as_str().unwrap();
    let mut reader = Reader::default();
    let rows: &[Row<'_>] = &[(
        &["offer-copy", "--of", &old, "--to", new],
        "yes\n",
        &["Kim can take it over", "whose client is Kim, can be read"],
    )];
    reader.read(&ada, rows);
    kim.run(&["sync"]).done();
    let rows: &[Row<'_>] = &[
        (
            &["take-over"],
            "",
            &[
                "Ada offers a copy of plan ",
                "1 goal",
                "A walk every day",
                "not here yet",
                "1 offer",
            ],
        ),
        (
            &["take-over", "Ada"],
            "yes\n",
            &["came over", "on the word of Ada"],
        ),
    ];
    reader.read(&kim, rows);
    reader.has_read(COPIED);
}

/// Somebody would run `waymark sync` again and again.
#[test]
fn whoever_comes_too_late_reads_what_cannot_be_and_why() {
    let mut relay = Relay::start();
    let (kim, _ada) = sharing(&relay);
    let [second, third, fourth] = [(); 3].map(|()| two_desks(&relay, &kim));
    let grant = ["grant", "Ada", "--purpose", "Therapy"];
    let granted = kim.run(&grant).done();
    let grant = granted.one("granted")["id"].as_str().unwrap();
    for desk in [&second, &third, &fourth] {
        desk.run(&["sync"]).done();
    }
    let mut reader = Reader::default();
    relay.stop();
    let rows: &[Row<'_>] = &[(
        &["revoke", "Ada", "--yes"],
        "",
        &["it is kept", "(offline)"],
    )];
    reader.read(&second, rows);
    relay.restart();
    kim.run(&["close", "--yes"]).done();
    let rows: &[Row<'_>] = &[
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
    ];
    reader.read(&second, rows);
    let rows: &[Row<'_>] = &[(
        &["grant", "--withdraw", grant, "--yes"],
        "",
        &[
            "not done: take Ada's access back (the space is closed)",
            "(not_done)",
        ],
    )];
    reader.read(&third, rows);
    let rows: &[Row<'_>] = &[(
        &["begin-anew", "--all-goals", "--yes"],
        "",
        &["the old plan was closed before", "(not_done)"],
    )];
    reader.read(&fourth, rows);
    reader.has_read(TOO_LATE);
}
