//! What people do about who shares what.

use std::slice;

use waymark_core::client::{Client, Keep, KeyHolder, MemberView, PlanId};

use super::acts::Joining;
use super::oracle::About;
use super::world::World;

pub(super) fn begin(world: &mut World, number: usize, client: &Client) {
    let is_first = !world.devices.iter().any(|d| d.person == 0 && d.has_begun());
    if !is_first {
        return;
    }
    let name = world.words();
    let device = world.devices[number].name.clone();
    let said = client.people().begin(&name, &device);
    if world.heard("begin", said).is_some() {
        let said = client.people().create_plan();
        world.heard("create a plan", said);
    }
    world.after_touching(number);
}

/// Another plan of the client, which perhaps another relay serves.
pub(super) fn create_plan(world: &mut World, number: usize) {
    let device = &world.devices[number];
    if device.person != 0 || !device.has_begun() || device.plans().len() > 1 {
        return;
    }
    let relay = world.chance.below(world.relays.len());
    if relay != world.devices[number].relay {
        // What an app is configured with can be another relay at its next start.
        world.devices[number].stop();
        world.devices[number].client = None;
        world.devices[number].relay = relay;
        world.open(number);
    }
    let Some(client) = world.devices[number].client.clone() else {
        return;
    };
    let said = client.people().create_plan();
    world.heard("create a plan", said);
}

/// Somebody comes into a plan, or a device to its person's others.
pub(super) fn join(world: &mut World) {
    let newcomer = world.chance.below(world.devices.len());
    let host = world.chance.below(world.devices.len());
    if world.devices[newcomer].is_bad || world.devices[host].is_bad {
        return;
    }
    if world.devices[newcomer].client.is_none() || world.devices[host].client.is_none() {
        return;
    }
    let has_begun = world.devices[newcomer].has_begun();
    let is_own = world.devices[newcomer].person == world.devices[host].person;
    let waits = world
        .joining
        .iter()
        .any(|j| j.newcomer == newcomer && j.welcome.is_none());
    if newcomer == host || !world.devices[host].has_begun() || (is_own && has_begun) {
        return;
    }
    if waits && !world.chance.is(100) {
        return;
    }
    let plans = world.devices[host].plans();
    let Some(plan) = world.chance.pick(&plans).copied() else {
        return;
    };
    // Of each person the first device is invited; the others come to that one.
    let person = world.devices[newcomer].person;
    let first = world
        .devices
        .iter()
        .position(|device| device.person == person);
    if !is_own && (world.devices[host].person != 0 || person == 0 || first != Some(newcomer)) {
        return;
    }
    invite(world, newcomer, (host, plan));
}

/// Somebody makes a card, and is added by whoever knows the plan or is of the same person.
pub(super) fn invite(world: &mut World, newcomer: usize, (host, plan): (usize, PlanId)) {
    let (Some(client), Some(hosts)) = (
        world.devices[newcomer].client.clone(),
        world.devices[host].client.clone(),
    ) else {
        return;
    };
    let is_own = world.devices[newcomer].person == world.devices[host].person;
    let (name, device) = (world.words(), world.devices[newcomer].name.clone());
    world.acting = newcomer;
    let said = client.people().card(&name, &device);
    let card = world.heard("make a card", said);
    world.after_touching(newcomer);
    let Some(card) = card else { return };
    world.acting = host;
    let added = if is_own {
        let said = hosts.people().add_own_device(&card);
        world.heard("add an own device", said)
    } else {
        let said = hosts.people().add_therapist(plan, &card);
        world.heard("add a therapist", said)
    };
    if added.is_some() {
        world.say(&format!("{host} adds {newcomer}"));
        world.joining.push(Joining {
            newcomer,
            card,
            welcome: None,
        });
    }
    world.after_touching(host);
}

/// Somebody in a list who is a device and not this one.
fn somebody(world: &mut World, members: Vec<MemberView>) -> Option<MemberView> {
    let is_other = |m: &MemberView| m.holder == KeyHolder::Device && !m.this_device;
    let others: Vec<MemberView> = members.into_iter().filter(is_other).collect();
    world.chance.pick(&others).cloned()
}

pub(super) fn grant(world: &mut World, number: usize, client: &Client, plan: PlanId) {
    let members = client.people().members(plan).unwrap_or_default();
    let Some(member) = somebody(world, members) else {
        return;
    };
    let purpose = world.words();
    let said = client.people().grant(plan, member.person, &purpose, None);
    let made = world.heard("grant", said);
    world.wrote(plan, number, made.map(Into::into), About::default());
}

pub(super) fn withdraw_grant(world: &mut World, _: usize, client: &Client, plan: PlanId) {
    let grants = client.people().grants(plan).unwrap_or_default();
    let Some(grant) = world.chance.pick(&grants) else {
        return;
    };
    let said = client.people().withdraw_grant(plan, grant.id);
    world.heard("withdraw a grant", said);
}

pub(super) fn remove_device(world: &mut World, _: usize, client: &Client, _: PlanId) {
    let devices = client.people().devices().unwrap_or_default();
    let Some(device) = somebody(world, devices) else {
        return;
    };
    let said = client.people().remove_device(device.number);
    world.heard("remove an own device", said);
}

pub(super) fn revoke(world: &mut World, _: usize, client: &Client, plan: PlanId) {
    let members = client.people().members(plan).unwrap_or_default();
    let Some(member) = somebody(world, members) else {
        return;
    };
    let said = client.people().revoke(plan, member.person);
    world.heard("revoke", said);
}

pub(super) fn remove_member(world: &mut World, _: usize, client: &Client, plan: PlanId) {
    let members = client.people().members(plan).unwrap_or_default();
    let Some(member) = somebody(world, members) else {
        return;
    };
    let said = client.people().remove_member(plan, member.number);
    world.heard("remove a member", said);
}

pub(super) fn leave(world: &mut World, number: usize, client: &Client, plan: PlanId) {
    // Of few therapists there would be none left.
    if world.devices[number].person != 0 && world.chance.is(500) {
        let said = client.people().leave(plan);
        world.heard("leave", said);
    }
}

pub(super) fn rotate(world: &mut World, _: usize, client: &Client, plan: PlanId) {
    let said = client.people().rotate(plan);
    world.heard("replace the key", said);
}

pub(super) fn hand_key(world: &mut World, _: usize, client: &Client, plan: PlanId) {
    let members = client.people().members(plan).unwrap_or_default();
    let Some(member) = somebody(world, members) else {
        return;
    };
    let said = client.people().hand_key(plan, member.number);
    world.heard("hand out a key", said);
}

/// The plan is closed, or another one goes on in its place.
pub(super) fn end(world: &mut World, _: usize, client: &Client, plan: PlanId) {
    if world.chance.is(60) {
        let said = client.people().close(plan);
        world.heard("close a plan", said);
    } else if world.chance.is(200) {
        let goals = client.goals().list(plan).unwrap_or_default();
        let goals = world
            .chance
            .pick(&goals)
            .map(slice::from_ref)
            .unwrap_or_default();
        let keep = Keep {
            goals: goals.iter().map(|goal| goal.id).collect(),
            check_ins_from: None,
        };
        let said = client.people().begin_anew(plan, &keep);
        world.heard("begin anew", said);
    }
}
