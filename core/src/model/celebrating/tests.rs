use super::*;
use crate::catalogue::{Language, texts};
use crate::model::item::Fields;
use crate::model::kinds::Kind;
use crate::model::testing::{Space, client, therapist};

/// A milestone that was reached, and its celebration.
fn celebrated(space: &mut Space) -> (RecordId, RecordId) {
    let reached = MilestoneReached::sample(space);
    space.put(client(), |p, s| p.add(&reached, None, s));
    let celebration = space.put(client(), |p, s| p.celebrate(reached.milestone, s));
    (reached.milestone, celebration)
}

fn choose(space: &mut Space, celebration: RecordId, how: &str, audience: Audience) {
    space.clock += 1;
    let how = CelebrationHow {
        celebration,
        how: Some(how.into()),
        audience,
    };
    let made = space
        .plan()
        .choose_how(&how, &Space::stamp(client(), space.clock));
    for record in made.unwrap() {
        space.store(record, client());
    }
}

fn only(space: &Space) -> CelebrationView {
    let mut all = space.plan().celebrations();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// A milestone would be celebrated twice, or shown to people who were never chosen.
#[test]
fn what_two_devices_celebrate_is_one_celebration_that_nobody_else_hears_of() {
    let mut phone = Space::default();
    let reached = MilestoneReached::sample(&mut phone);
    phone.put(client(), |p, s| p.add(&reached, None, s));
    let mut tablet = Space {
        device: 1,
        clock: 5_000,
        ..phone.clone()
    };
    for device in [&mut phone, &mut tablet] {
        device.put(client(), |p, s| p.celebrate(reached.milestone, s));
    }
    phone.merge(&tablet);
    let seen = only(&phone);
    assert_eq!((seen.of, seen.how.as_deref()), (reached.milestone, None));
    assert_eq!(
        (seen.text.as_str(), seen.goal.is_some()),
        ("Ten times", true)
    );
    assert_eq!((seen.audience, seen.others.len()), (Audience::Private, 0));
}

/// What one phone was to tell and the other not would be told.
#[test]
fn while_two_devices_choose_differently_nobody_hears_and_choosing_again_settles_it() {
    let mut phone = Space::default();
    let (_, celebration) = celebrated(&mut phone);
    let mut tablet = Space {
        device: 1,
        clock: 50,
        ..phone.clone()
    };
    choose(&mut phone, celebration, "Cake", Audience::Circle);
    choose(&mut tablet, celebration, "Dance", Audience::Therapist);
    assert_eq!(only(&phone).audience, Audience::Circle);
    phone.merge(&tablet);
    let seen = only(&phone);
    assert_eq!((seen.audience, seen.others.len()), (Audience::Private, 1));
    tablet.merge(&phone);
    assert_eq!(only(&tablet), seen, "the same on every device");
    choose(
        &mut phone,
        celebration,
        "Cake and dance",
        Audience::Supporters,
    );
    let seen = only(&phone);
    assert_eq!(seen.how.as_deref(), Some("Cake and dance"));
    assert_eq!(
        (seen.audience, seen.others.len()),
        (Audience::Supporters, 0)
    );

    // The same once more on one chain: one choice, changed on both.
    tablet.merge(&phone);
    tablet.device = 1;
    choose(&mut phone, celebration, "Cake", Audience::Supporters);
    choose(&mut tablet, celebration, "Dance", Audience::Supporters);
    phone.merge(&tablet);
    let seen = only(&phone);
    assert_eq!(
        (seen.audience, seen.others.len()),
        (Audience::Supporters, 1),
        "both tell the same people"
    );
}

/// Somebody would celebrate for the client, or what is not there yet.
#[test]
fn the_client_celebrates_wins_and_what_was_reached() {
    let mut space = Space::default();
    let win = Win::sample(&mut space);
    let win = space.put(client(), |p, s| p.add(&win, None, s));
    let milestone = Milestone::sample(&mut space);
    let milestone = space.put(client(), |p, s| p.add(&milestone, None, s));
    assert!(
        space.plan().celebrations().is_empty(),
        "a win is the client's to celebrate"
    );
    let refused = space.refused(client(), |p, s| p.celebrate(milestone, s));
    assert_eq!(
        refused.to_string(),
        "a celebration needs a win, or a milestone that was reached"
    );
    let refused = space.refused(therapist(), |p, s| p.celebrate(win, s));
    assert!(
        matches!(refused, InputError::NotYourRole { .. }),
        "{refused}"
    );
    let celebration = space.put(client(), |p, s| p.celebrate(win, s));
    assert_eq!(only(&space).text, "Said no");
    // A win that is taken back takes its celebration along.
    let mut without = space.clone();
    without.clock += 1;
    without.put(client(), |p, s| Kind::Win.remove(p, None, win, s));
    assert!(without.plan().celebrations().is_empty());
    // What the client has put away is not celebrated once more in silence.
    space.clock += 1;
    space.put(client(), |p, s| {
        Kind::Celebration.remove(p, None, celebration, s)
    });
    assert_eq!(space.plan().celebration_of(win), None);
    let refused = space.refused(client(), |p, s| p.celebrate(win, s));
    assert_eq!(refused, InputError::UnknownRecord(win));
}

/// A reward would be gone before it was there, or there again after it was taken.
#[test]
fn a_reward_is_ahead_then_unlocked_then_taken() {
    let mut phone = Space::default();
    let reward = Reward::sample(&mut phone);
    let goal = reward.goal;
    let id = phone.put(client(), |p, s| p.add(&reward, None, s));
    let seen = |space: &Space| {
        let seen = space.plan().rewards(goal).remove(0);
        (seen.state, seen.claimed_at)
    };
    assert_eq!(seen(&phone), (RewardState::NotYet, None));
    let refused = phone.refused(client(), |p, s| p.claim(id, s));
    assert_eq!(
        refused.to_string(),
        "taking a reward needs that it is unlocked"
    );
    let refused = phone.refused(client(), |p, s| p.claim(goal.into(), s));
    assert_eq!(refused, InputError::UnknownRecord(goal.into()));
    let unlocked = RewardUnlocked { reward: id };
    phone.put(client(), |p, s| p.add(&unlocked, None, s));
    assert_eq!(seen(&phone), (RewardState::Unlocked, None));
    let mut tablet = Space {
        device: 1,
        ..phone.clone()
    };
    // Taken on both: once, when it was taken first.
    (tablet.clock, phone.clock) = (100, 200);
    for device in [&mut tablet, &mut phone] {
        device.put(client(), |p, s| p.claim(id, s));
    }
    phone.merge(&tablet);
    let first = Space::stamp(client(), 100).at;
    assert_eq!(seen(&phone), (RewardState::Claimed, Some(first)));
    let refused = phone.refused(therapist(), |p, s| p.claim(id, s));
    assert!(
        matches!(refused, InputError::NotYourRole { .. }),
        "{refused}"
    );
}

/// Other goals would show what this one has reached.
#[test]
fn each_goal_has_its_own() {
    let mut space = Space::default();
    celebrated(&mut space);
    let reward = Reward::sample(&mut space);
    space.put(client(), |p, s| p.add(&reward, None, s));
    space.clock += 1;
    let other = space.goal(client());
    let plan = space.plan();
    assert!(plan.milestones(other).is_empty() && plan.rewards(other).is_empty());
    assert_eq!(plan.rewards(reward.goal).len(), 1);
}

/// A person would be shown a key.
#[test]
fn every_state_has_a_text() {
    for state in [
        RewardState::NotYet,
        RewardState::Unlocked,
        RewardState::Claimed,
    ] {
        assert!(texts(Language::English).has(state.key()), "{state:?}");
    }
}
