//! Other people: invited, compared, let in, and taken out again.

use serde_json::Value;

use crate::harness::{Desk, Relay, Running};

/// Kim with a plan that Ada is therapist in.
pub(crate) fn sharing(relay: &Relay) -> (Desk, Desk) {
    let kim = Desk::client(relay, "Kim");
    let ada = Desk::therapist(relay, "Ada");
    let invite = kim.start(&["invite", "--plan"]);
    meet(invite, |link| {
        let mut accept = ada.start(&["accept"]);
        accept.say(link);
        accept
    });
    (kim, ada)
}

/// Two people sit before their computers and compare; returns the view that each ends with.
pub(crate) fn meet(mut inviter: Running, follow: impl FnOnce(&str) -> Running) -> [Value; 2] {
    let invited = inviter.until("invited");
    let mut other = follow(&format!("{}\n", invited["link"].as_str().unwrap()));
    let code = inviter.until("compare")["code"].clone();
    assert_eq!(code.as_str().unwrap().len(), 7, "{code}");
    assert_eq!(other.until("compare")["code"], code);
    inviter.say("yes\n");
    other.say("perhaps\nyes\n");
    [inviter, other].map(|side| side.end().done().one("connected").clone())
}

/// The goals that somebody sees after a sync that may be refused.
fn goals_after_sync(desk: &Desk) -> Vec<String> {
    desk.run(&["sync"]);
    desk.goals()
}

/// A therapist gets in with the client's word, both can see that it is really the other, and after
/// the client takes it back, nothing new can be read.
#[test]
fn a_therapist_is_invited_reads_along_and_is_taken_out() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    kim.add_goal("A walk every day");
    assert_eq!(goals_after_sync(&ada), ["A walk every day"]);

    let number = |desk: &Desk| {
        desk.run(&["sync"]).done();
        let said = desk.run(&["safety-number"]).done();
        said.one("safety_number")["safety_number"].clone()
    };
    assert_eq!(number(&kim), number(&ada));
    assert_eq!(number(&kim).as_str().unwrap().len(), 71);
    let members = kim.run(&["members"]).done();
    let is_ada = |member: &&&Value| member["name"] == "Ada";
    let there = members.all("member").iter().filter(is_ada).count();
    assert!(there >= 1, "{members:?}");

    kim.answer(&["revoke", "ada"], "no\n").failed(1, "declined");
    let revoked = kim.answer(&["revoke", "ada"], "yes\n").done();
    assert_eq!(revoked.one("revoked")["name"], "Ada");
    assert!(revoked.complaint.contains("stays with Ada"), "{revoked:?}");
    let members = kim.run(&["members"]).done();
    assert_eq!(members.all("member").iter().filter(is_ada).count(), 0);
    let history = kim.run(&["members", "--history"]).done();
    let removed = |change: &Value| change["change"] == "removed" && change["name"] == "Ada";
    let steps = history.all("step");
    let mut changes = steps.iter().flat_map(|s| s["changes"].as_array().unwrap());
    assert!(changes.any(removed), "{steps:?}");

    kim.add_goal("Not for Ada");
    assert_eq!(goals_after_sync(&ada), ["A walk every day"]);
    assert_eq!(kim.goals().len(), 2);
}

/// Two people who are never online at the same time can still find each other.
#[test]
fn each_side_goes_on_when_it_has_time() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    let ada = Desk::therapist(&relay, "Ada");
    let invited = kim.run(&["invite", "--plan", "--no-wait"]).done();
    let id = invited.one("invited")["id"].as_str().unwrap()[..10].to_owned();
    assert_eq!(invited.one("waiting")["stage"], "inviting");
    let file = tempfile::NamedTempFile::new().unwrap();
    let code = invited.one("invited")["short_code"].as_str().unwrap();
    std::fs::write(file.path(), format!("{}\n", code.to_lowercase())).unwrap();
    let file = file.path().to_str().unwrap();
    let accepted = ada
        .run(&["accept", "--link-file", file, "--no-wait"])
        .done();
    assert_eq!(accepted.one("waiting")["stage"], "answered");

    let resume = ["--resume", &id, "--no-wait"];
    let kims = [&["invite"][..], &resume].concat();
    let adas = [&["accept"][..], &resume].concat();
    let hers = kim.answer(&kims, "yes\n").done();
    let theirs = ada.answer(&adas, "yes\n").done();
    assert_eq!(hers.one("compare")["code"], theirs.one("compare")["code"]);
    assert_eq!(hers.one("waiting")["stage"], "confirmed");
    kim.run(&kims).done().one("connected");
    ada.run(&adas).done().one("connected");
    assert_eq!(kim.run(&["status"]).done().all("invitation").len(), 0);
    kim.add_goal("A walk every day");
    assert_eq!(goals_after_sync(&ada), ["A walk every day"]);
}

/// Whoever sees other digits has somebody between: nobody gets in, and both hear of it.
#[test]
fn other_digits_end_it_for_both() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    let ada = Desk::therapist(&relay, "Ada");
    let mut invite = kim.start(&["invite", "--plan"]);
    let link = invite.until("invited")["link"].clone();
    let mut accept = ada.start(&["accept"]);
    accept.say(&format!("{}\n", link.as_str().unwrap()));
    accept.until("compare");
    invite.until("compare");
    invite.say("no\n");
    accept.say("yes\n");
    let kims = invite.end().failed(1, "invitation_ended");
    assert_eq!(kims.one("ended")["end"], "withdrawn");
    let adas = accept.end().failed(1, "invitation_ended");
    assert_eq!(adas.one("ended")["end"], "codes_differ");
    let names = kim.run(&["members"]).done();
    assert!(
        names
            .all("member")
            .iter()
            .all(|member| member["name"] == "Kim")
    );
    ada.run(&["members"]).failed(2, "wrong_use");
}

/// An invitation that went to the wrong person is taken back before it is answered.
#[test]
fn an_invitation_is_taken_back_and_its_link_is_worth_nothing() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    let ada = Desk::therapist(&relay, "Ada");
    let invited = kim.run(&["invite", "--plan", "--no-wait"]).done();
    let invited = invited.one("invited");
    let id = invited["id"].as_str().unwrap();
    kim.run(&["invite", "--refuse", id]).done().one("refused");
    let link = format!("{}\n", invited["link"].as_str().unwrap());
    let adas = ada.answer(&["accept"], &link).failed(1, "invitation_ended");
    assert_eq!(adas.one("ended")["end"], "declined");
    let again = ada.answer(&["accept"], "waymark:pAAAA\n");
    again.failed(2, "invalid_input");
}

/// A therapist invites a client: the plan is the client's, made on the client's device.
#[test]
fn a_client_who_was_invited_owns_the_plan() {
    let relay = Relay::start();
    let ada = Desk::therapist(&relay, "Ada");
    let kim = Desk::empty();
    let start = [
        "init",
        "--no-plan",
        "--name",
        "Kim",
        "--device-name",
        "desk",
    ];
    kim.run(&[&start[..], &["--relay", &relay.url]].concat())
        .done();
    meet(ada.start(&["invite", "--client"]), |link| {
        let mut accept = kim.start(&["accept"]);
        accept.say(link);
        accept
    });
    ada.run(&["sync"]).done();
    let said = ada.run(&["members"]).done();
    let rights = |name: &str| {
        let members = said.all("member");
        let mut of = members.iter().filter(|member| member["name"] == name);
        of.next().unwrap()["rights"].clone()
    };
    assert_eq!(
        (rights("Kim"), rights("Ada")),
        ("admin".into(), "write".into())
    );
    ada.run(&["revoke", "Kim", "--yes"])
        .failed(1, "not_allowed");
}

/// Support and circles are spaces of their own, so that whoever is in them sees no plan.
#[test]
fn a_supporter_and_a_circle_get_spaces_of_their_own() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    kim.add_goal("Not for Bob");
    let bob = Desk::therapist(&relay, "Bob");
    let accept = |link: &str| {
        let mut accept = bob.start(&["accept"]);
        accept.say(link);
        accept
    };
    let [kims, bobs] = meet(kim.start(&["invite", "--supporter"]), accept);
    assert_eq!(kims["space"], bobs["space"]);
    let [circle, _] = meet(kim.start(&["invite", "--circle"]), accept);
    assert_ne!(circle["space"], kims["space"]);
    assert!(bob.goals().is_empty());
    // Two spaces and no plan: which is meant has to be said.
    bob.run(&["members"]).failed(2, "wrong_use");
    let id = circle["space"].as_str().unwrap();
    let members = bob.run(&["members", "--plan", &id[..12]]).done();
    assert!(members.all("member").len() >= 2);
}
