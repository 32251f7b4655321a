use super::*;
use crate::model::kinds::withdrawal::Withdrawal;
use crate::model::testing::{Space, actor, client, day, minutes, revision, therapist};
use crate::model::{
    Author, CheckInState, GoalId, GrantScope, GrantState, LifecycleStatus, NewCheckIn, NewGrant,
    NewMeasure, NewNote, NewProvenance, NewRevision, NewSettings, NewStatus, NewVerdict,
    NewWithdrawal, Outcome, RevisionState, TextId, Verdict, projection_hash,
};
use waymark_wire::ids::SpaceId;

/// What a device of somebody's wrote in the plan from an operation on, undone by the client.
fn undo(space: &mut Space, of: ActorId, from: u32) -> RecordId {
    undo_by(space, client(), of, from)
}

fn undo_by(space: &mut Space, by: Author, of: ActorId, from: u32) -> RecordId {
    let new = NewVoid {
        actor: of,
        from: [(DocumentKey::PLAN, from)].into(),
        since: None,
    };
    space.clock += 1;
    space.put(by, |plan, stamp| new.record(plan, stamp))
}

fn redo(space: &mut Space, of: ActorId) -> RecordId {
    space.clock += 1;
    space.put(client(), |plan, stamp| NewVoid::restored(of, plan, stamp))
}

fn note(space: &mut Space, by: Author, title: &str) -> RecordId {
    space.clock += 1;
    let note = NewNote {
        text: TextId([7; 16]),
        about: None,
        title: Some(title.into()),
    };
    space.put(by, |plan, stamp| note.record(plan, stamp))
}

fn titles(space: &Space) -> Vec<String> {
    let notes = space.plan().notes().into_iter();
    notes.filter_map(|note| note.title).collect()
}

fn ada() -> ActorId {
    actor(therapist(), 0)
}

fn phone() -> ActorId {
    actor(client(), 0)
}

fn tablet() -> ActorId {
    actor(client(), 1)
}

/// The client's two devices, each with its own copy of a plan in which Ada wrote something.
fn devices() -> (Space, Space) {
    let mut phone = Space::default();
    phone.goal(client());
    let tablet = Space {
        device: 1,
        ..phone.clone()
    };
    (phone, tablet)
}

fn meet(a: &mut Space, b: &mut Space) {
    a.merge(b);
    b.merge(a);
    let none: [crate::model::Log; 0] = [];
    assert_eq!(
        projection_hash(&a.plan(), &none),
        projection_hash(&b.plan(), &none)
    );
}

/// A flood would have to be withdrawn one by one, by whoever wrote it.
#[test]
fn what_a_device_wrote_from_a_point_on_is_left_out_and_comes_back() {
    let mut space = Space::default();
    note(&mut space, therapist(), "before");
    let from = space.next_op(DocumentKey::PLAN);
    let bad = note(&mut space, therapist(), "bad");
    note(&mut space, client(), "mine");
    let void = undo(&mut space, ada(), from);
    let later = note(&mut space, therapist(), "later");
    assert_eq!(titles(&space), ["before", "mine"]);
    let left_out = space.plan().left_out().into_iter();
    let told: BTreeMap<_, _> = left_out
        .map(|left| (left.id, (left.reason, left.undone_by)))
        .collect();
    let why = (Reason::Voided, vec![void]);
    assert_eq!(told, [(bad, why.clone()), (later, why)].into());
    let shown = space.plan().voids();
    assert_eq!((shown.len(), shown[0].actor), (1, ada()));
    assert_eq!(shown[0].by, [client().person]);
    redo(&mut space, ada());
    assert_eq!(titles(&space), ["before", "bad", "mine", "later"]);
    assert_eq!(
        (space.plan().voids(), space.plan().left_out()),
        (vec![], vec![])
    );
    let again = space.refused(client(), |p, s| NewVoid::restored(ada(), p, s));
    assert_eq!(again, InputError::NothingUndone);
}

/// Whoever moves the point must not have to take everything back in between.
#[test]
fn another_point_replaces_the_first_and_two_at_once_both_hold() {
    let (mut phone, mut tablet) = devices();
    let first = note(&mut phone, therapist(), "first");
    let from_second = phone.next_op(DocumentKey::PLAN);
    note(&mut phone, therapist(), "second");
    let from_first = from_second - 1;
    undo(&mut phone, ada(), from_second);
    assert_eq!(titles(&phone), ["first"]);
    undo(&mut phone, ada(), from_first);
    assert_eq!(titles(&phone), [""; 0]);
    undo(&mut phone, ada(), from_second);
    assert_eq!(titles(&phone), ["first"], "the newest alone holds");
    // Two devices that know nothing of each other: what either undoes is undone.
    tablet.merge(&phone);
    redo(&mut phone, ada());
    undo(&mut tablet, ada(), from_first);
    meet(&mut phone, &mut tablet);
    assert_eq!(titles(&phone), [""; 0]);
    assert!(phone.plan().records().knows(first));
    redo(&mut phone, ada());
    assert_eq!(titles(&phone), ["first", "second"]);
}

/// A therapist's device could silence the client's.
#[test]
fn only_the_client_undoes() {
    let mut space = Space::default();
    note(&mut space, client(), "mine");
    let new = NewVoid {
        actor: phone(),
        from: BTreeMap::new(),
        since: None,
    };
    let refused = space.refused(therapist(), |p, s| new.record(p, s));
    assert_eq!(
        refused.to_string(),
        "a therapist may not undo what a device wrote"
    );
    let made = new
        .record(&space.plan(), &Space::stamp(client(), 5))
        .unwrap();
    let smuggled = space.forge(therapist(), |_| Ok(made));
    assert_eq!(space.reason(smuggled), Some(Reason::OutOfRole));
    assert_eq!(titles(&space), ["mine"]);
    // Nor by way of a client's word that it is a copy of somebody else's, or of the client's.
    let told = NewProvenance {
        source: SpaceId([9; 32]),
        person: client().person,
        role: Role::Client,
        records: vec![smuggled],
        say: None,
    };
    space.put(client(), |_, s| told.record(DocumentKey::PLAN, s));
    assert_eq!(space.reason(smuggled), Some(Reason::OutOfRole));
}

/// What two people wrote alike would go with the one who is undone.
#[test]
fn what_somebody_else_wrote_too_stays() {
    let (mut phone, mut tablet) = devices();
    let both = note(&mut phone, client(), "both");
    let twin = phone.records.last().unwrap().record.clone();
    phone.store(twin, therapist());
    meet(&mut phone, &mut tablet);
    undo(&mut tablet, ada(), 1);
    assert_eq!(titles(&tablet), ["both"]);
    undo(&mut tablet, self::phone(), 1);
    assert_eq!(titles(&tablet), [""; 0]);
    let plan = tablet.plan();
    let left = plan.left_out().into_iter().find(|left| left.id == both);
    assert_eq!(left.unwrap().undone_by.len(), 2);
}

/// The thief of a tablet could undo the phone, and nobody could undo the thief.
#[test]
fn of_two_devices_that_undo_each_other_the_last_word_counts() {
    let (mut phone, mut tablet) = devices();
    note(&mut phone, client(), "phone's");
    meet(&mut phone, &mut tablet);
    let thief = note(&mut tablet, client(), "thief's");
    let from = tablet.next_op(DocumentKey::PLAN) - 1;
    let silencing = undo(&mut tablet, self::phone(), 1);
    meet(&mut phone, &mut tablet);
    assert_eq!(titles(&phone), ["thief's"]);
    let cure = undo(&mut phone, self::tablet(), from);
    assert_eq!(titles(&phone), ["phone's"]);
    for id in [thief, silencing] {
        assert_eq!(phone.reason(id), Some(Reason::Voided));
    }
    // As long as it is a member it can answer; when it is none any more, the phone can.
    meet(&mut phone, &mut tablet);
    undo(&mut tablet, self::phone(), 1);
    meet(&mut phone, &mut tablet);
    assert_eq!(phone.reason(cure), Some(Reason::Voided));
    undo(&mut phone, self::tablet(), from);
    meet(&mut phone, &mut tablet);
    assert_eq!(titles(&tablet), ["phone's"]);
}

/// At one instant, each without the other: the outcome must be one.
#[test]
fn two_that_undo_each_other_at_once_have_one_outcome() {
    let (mut phone, mut tablet) = devices();
    note(&mut phone, client(), "phone's");
    note(&mut tablet, client(), "tablet's");
    undo(&mut phone, self::tablet(), 1);
    undo(&mut tablet, self::phone(), 1);
    meet(&mut phone, &mut tablet);
    assert_eq!(titles(&phone).len(), 1, "one of them holds");
}

/// A void that is undone must not go on being one, nor hide the one that it replaced.
#[test]
fn a_void_goes_with_the_device_that_wrote_it_and_what_it_replaced_holds_again() {
    let (mut phone, mut tablet) = devices();
    note(&mut phone, therapist(), "first");
    let from_second = phone.next_op(DocumentKey::PLAN);
    note(&mut phone, therapist(), "second");
    undo(&mut phone, ada(), from_second);
    meet(&mut phone, &mut tablet);
    let mark = tablet.next_op(DocumentKey::PLAN);
    undo(&mut tablet, ada(), 1);
    meet(&mut phone, &mut tablet);
    assert_eq!(titles(&phone), [""; 0]);
    let mut lifted = phone.clone();
    undo(&mut phone, self::tablet(), mark);
    assert_eq!(titles(&phone), ["first"]);
    // Who takes back the newest takes back all of the chain, also what is undone meanwhile.
    redo(&mut lifted, ada());
    lifted.merge(&phone);
    undo(&mut lifted, self::tablet(), mark);
    assert_eq!(titles(&lifted), ["first", "second"]);
}

/// A chain through something undone must not fall apart into two.
#[test]
fn what_replaced_something_undone_replaces_what_that_had_replaced() {
    let mut space = Space::default();
    let goal = space.goal(client());
    let status = |space: &mut Space, by, to| {
        let status = NewStatus {
            goal,
            to,
            achievement: None,
            reason: None,
        };
        space.clock += 1;
        space.put(by, |p, s| status.record(p, s))
    };
    let first = space.propose(client(), revision(goal), 1);
    let second = next(&mut space, therapist(), goal, first, 2);
    space.verdict(client(), second, Verdict::Agree, 2);
    let third = next(&mut space, client(), goal, second, 3);
    space.device = 1;
    space.verdict(therapist(), third, Verdict::Agree, 3);
    space.device = 0;
    status(&mut space, client(), LifecycleStatus::Active);
    status(&mut space, therapist(), LifecycleStatus::Proposed);
    status(&mut space, client(), LifecycleStatus::OnHold);
    let hour = |space: &mut Space, device, hour| {
        let settings = NewSettings {
            cut_off_hour: Some(hour),
            ..NewSettings::default()
        };
        space.device = device;
        space.clock += 1;
        space.put(client(), |p, s| settings.record(p, s));
    };
    hour(&mut space, 0, 4);
    hour(&mut space, 1, 5);
    hour(&mut space, 0, 6);
    let stands = |space: &Space| {
        let plan = space.plan();
        let timeline = plan.goal(goal, day(9)).unwrap().timeline;
        (timeline.last().map(|held| held.revision), plan.status(goal))
    };
    assert_eq!(stands(&space), (Some(third), Some(LifecycleStatus::OnHold)));
    undo(&mut space, ada(), 1);
    undo(&mut space, tablet(), 1);
    assert_eq!(stands(&space), (Some(third), Some(LifecycleStatus::OnHold)));
    let plan = space.plan();
    assert!(plan.goal(goal, day(9)).unwrap().conflicts.is_empty());
    assert_eq!(
        (plan.settings().cut_off_hour, plan.settings().conflict),
        (6, vec![])
    );
    assert_eq!(plan.revision(second, day(9)), None);
}

fn next(
    space: &mut Space,
    by: Author,
    goal: GoalId,
    replaces: crate::model::RevisionId,
    on: u32,
) -> crate::model::RevisionId {
    space.clock += 1;
    let new = NewRevision {
        replaces: vec![replaces],
        ..revision(goal)
    };
    space.propose(by, new, on)
}

/// What a falsified agreement put in force would stay in force.
#[test]
fn an_agreement_of_an_undone_device_does_not_count() {
    let mut space = Space::default();
    let goal = space.goal(client());
    let first = space.propose(client(), revision(goal), 1);
    let second = next(&mut space, therapist(), goal, first, 2);
    let thief = 9;
    space.device = thief;
    space.verdict(client(), second, Verdict::Agree, 3);
    space.device = 0;
    let state = |space: &Space, id| space.plan().revision(id, day(9)).unwrap().state;
    assert_eq!(state(&space, second), RevisionState::InForce);
    undo(&mut space, actor(client(), thief), 1);
    assert_eq!(state(&space, second), RevisionState::Open);
    assert_eq!(state(&space, first), RevisionState::InForce);
    space.clock += 1;
    let agree = NewVerdict {
        revision: second,
        verdict: Verdict::Agree,
        date: Some(day(5)),
    };
    space.put(client(), |p, s| agree.record(p, s));
    assert_eq!(state(&space, second), RevisionState::InForce);
}

/// What builds on something undone would stand there without its ground.
#[test]
fn what_speaks_of_something_undone_is_left_out_and_comes_back_with_it() {
    let mut space = Space::default();
    let goal = space.goal(therapist());
    let measure = space.put(therapist(), |p, s| minutes().record(p, s));
    let wider = NewMeasure {
        measure: Some(measure.into()),
        max: 2_000,
        ..minutes()
    };
    space.clock += 1;
    space.put(client(), |p, s| wider.record(p, s));
    let done = NewCheckIn::new(goal, Outcome::Done);
    space.put(client(), |p, s| done.record(p, None, s));
    let counted = |space: &Space| {
        let view = space.log().view(&space.plan());
        (view.check_ins.len(), view.left_out.len())
    };
    assert_eq!(counted(&space), (1, 0));
    undo(&mut space, ada(), 1);
    assert_eq!(counted(&space), (0, 1));
    assert_eq!(space.plan().measures(), []);
    redo(&mut space, ada());
    assert_eq!(counted(&space), (1, 0));
    assert_eq!(space.plan().measures()[0].max, 2_000);
}

/// The void lies in the plan, and the flood in the months.
#[test]
fn it_holds_for_the_logs_too_and_for_months_that_it_does_not_name() {
    let (mut phone, mut tablet) = devices();
    let goal = phone.plan().goal_ids()[0];
    let log = |space: &mut Space, amount: f64, replaces: &[RecordId]| {
        space.clock += 1;
        let month = space.log();
        let check_in = NewCheckIn {
            quantity: Some(amount),
            replaces: replaces.iter().map(|id| (*id).into()).collect(),
            ..NewCheckIn::new(goal, Outcome::Done)
        };
        space.put(client(), |p, s| check_in.record(p, Some(&month), s))
    };
    let first = log(&mut tablet, 4.0, &[]);
    let from = tablet.next_op(tablet.log().month());
    let second = log(&mut tablet, 5.0, &[first]);
    meet(&mut phone, &mut tablet);
    let third = log(&mut phone, 6.0, &[second]);
    let fourth = log(&mut tablet, 7.0, &[]);
    meet(&mut phone, &mut tablet);
    let void = |from: &[u32]| NewVoid {
        actor: self::tablet(),
        from: from.iter().map(|from| (phone_month(), *from)).collect(),
        since: Some(day(2)),
    };
    let states = |space: &Space| {
        let view = space.log().view(&space.plan());
        let states = view.check_ins.into_iter();
        let states: BTreeMap<RecordId, CheckInState> = states
            .map(|entry| (entry.id.record(), entry.state))
            .collect();
        states
    };
    phone.clock += 1;
    phone.put(client(), |p, s| void(&[from]).record(p, s));
    let named = states(&phone);
    assert_eq!(
        named[&first],
        CheckInState::Replaced,
        "by way of the undone"
    );
    assert_eq!(named[&third], CheckInState::Counted);
    assert!(!named.contains_key(&second) && !named.contains_key(&fourth));
    assert_eq!(phone.plan().voids()[0].since, Some(day(2)));
    phone.clock += 1;
    phone.put(client(), |p, s| void(&[]).record(p, s));
    assert_eq!(
        states(&phone).into_keys().collect::<Vec<_>>(),
        [third],
        "all of a month that is not named"
    );
    let left = phone.log().left_out();
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|left| left.reason == Reason::Voided));
}

fn phone_month() -> DocumentKey {
    DocumentKey::log(day(1)).unwrap()
}

/// Undoing a stolen tablet would open the plan again to whom the client had shut out with it.
#[test]
fn a_grant_of_an_undone_device_lets_nobody_in_and_what_it_took_back_stays_so() {
    let (mut phone, mut tablet) = devices();
    let give = |space: &mut Space, person, until: Option<u32>| {
        space.clock += 1;
        let grant = NewGrant {
            person: PersonTag([person; 16]),
            scope: GrantScope::Plan,
            purpose: "Therapy".into(),
            from: None,
            until: until.map(day),
        };
        space.put(client(), |_, s| grant.record(s))
    };
    let take_back = |space: &mut Space, id| {
        let withdrawal = NewWithdrawal { records: vec![id] };
        space.clock += 1;
        space.put(client(), |p, s| p.withdraw(&withdrawal, s))
    };
    let withdrawn = give(&mut phone, 1, None);
    let ending = give(&mut phone, 2, Some(5));
    let words = note(&mut phone, client(), "mine");
    meet(&mut phone, &mut tablet);
    let taken_back = take_back(&mut tablet, withdrawn);
    take_back(&mut tablet, words);
    let longer = give(&mut tablet, 2, None);
    let limited = give(&mut tablet, 3, Some(20));
    meet(&mut phone, &mut tablet);
    undo(&mut phone, self::tablet(), 1);
    assert_eq!(titles(&phone), ["mine"], "other words come back");
    let states = |space: &Space, on| -> BTreeMap<RecordId, GrantState> {
        let grants = space.plan().grants(day(on)).into_iter();
        grants.map(|g| (g.id.record(), g.state)).collect()
    };
    let then = states(&phone, 4);
    assert_eq!(then[&withdrawn], GrantState::Withdrawn);
    assert_eq!(then[&ending], GrantState::Active);
    assert_eq!(then[&longer], GrantState::Undone);
    assert_eq!(then[&limited], GrantState::Undone);
    let over = |space: &Space, on| -> Vec<u8> {
        let over = space.plan().whose_grants_are_over(day(on)).into_iter();
        over.map(|person| person.0[0]).collect()
    };
    assert_eq!(
        over(&phone, 4),
        [1],
        "nobody goes for an undone grant alone"
    );
    assert_eq!(over(&phone, 6), [1, 2], "nor stays for one");
    assert_eq!(over(&phone, 21), [1, 2, 3], "and its last day is the last");
    // Whoever takes the withdrawal itself back gives the grant again, and that is the client's word.
    let mut given = phone.clone();
    redo(&mut given, self::tablet());
    take_back(&mut given, taken_back);
    assert_eq!(states(&given, 4)[&withdrawn], GrantState::Active);
    // A therapist takes no undone grant of the client's back.
    let withdrawal = Withdrawal {
        kind: Kind::Withdrawal,
        at: 0,
        records: vec![limited],
    };
    let stamp = Space::stamp(client(), 0);
    let smuggled = crate::model::record::write_beside(&withdrawal, DocumentKey::PLAN, &stamp);
    let smuggled = phone.forge(therapist(), |_| Ok(smuggled.unwrap()));
    assert_eq!(phone.reason(smuggled), Some(Reason::OutOfRole));
    assert_eq!(states(&phone, 4)[&limited], GrantState::Undone);
}

/// What a thief said of others' words would go on being believed.
#[test]
fn whose_copies_are_is_not_told_by_an_undone_device() {
    let (mut phone, mut tablet) = devices();
    let goal = phone.plan().goal_ids()[0];
    let told = NewProvenance {
        source: SpaceId([9; 32]),
        person: therapist().person,
        role: Role::Therapist,
        records: vec![goal.record()],
        say: Some(day(1)..day(9)),
    };
    tablet.put(client(), |_, s| told.record(DocumentKey::PLAN, s));
    meet(&mut phone, &mut tablet);
    let by = |space: &Space| space.plan().goal(goal, day(1)).unwrap().created_by;
    assert_eq!(by(&phone), [Role::Therapist]);
    undo(&mut phone, self::tablet(), 1);
    assert_eq!(by(&phone), [Role::Client]);
    assert_eq!(phone.plan().earlier_says(), [].into());
    assert_eq!(phone.plan().provenance(), []);
}

/// A void names devices of one plan: in another it would say nothing, or hit somebody else.
#[test]
fn it_is_not_copied_into_another_plan() {
    let mut space = Space::default();
    let goal = space.goal(client());
    note(&mut space, therapist(), "bad");
    let void = undo(&mut space, ada(), 1);
    let about = NewNote {
        text: TextId([8; 16]),
        about: Some(void),
        title: None,
    };
    space.put(client(), |p, s| about.record(p, s));
    let plan = space.plan();
    assert!(!plan.everything().contains_key(&void));
    let named = [void].into();
    let chosen = plan.chosen(&[goal].into(), &named, day(1));
    assert!(!chosen.contains_key(&void));
}

#[test]
fn what_breaks_a_range_or_is_of_a_newer_app_is_left_out() {
    let point = |part, counter| Point {
        kind: 2,
        part,
        counter,
    };
    let stored = |undoing, from: &[Point], replaces: &[RecordId]| Void {
        kind: Kind::Void,
        at: 0,
        actor: ada(),
        undoing,
        from: from.to_vec(),
        replaces: replaces.to_vec(),
        since: None,
    };
    let id = RecordId([1; 16]);
    let out_of_range = Err(Reason::OutOfRange);
    assert_eq!(stored(1, &[point(1, 1), point(2, 1)], &[]).check(), Ok(()));
    assert_eq!(stored(2, &[], &[id]).check(), Ok(()));
    assert_eq!(stored(2, &[], &[]).check(), out_of_range);
    assert_eq!(stored(2, &[point(1, 1)], &[id]).check(), out_of_range);
    assert_eq!(stored(1, &[point(1, 0)], &[]).check(), out_of_range);
    for places in [[1, 1], [2, 1]] {
        let points = places.map(|part| point(part, 1));
        assert_eq!(stored(1, &points, &[]).check(), out_of_range);
    }
    let many: Vec<_> = (0..1_025).map(|part| point(part, 1)).collect();
    assert_eq!(stored(1, &many, &[]).check(), out_of_range);
    assert_eq!(stored(1, &many[1..], &[]).check(), Ok(()));
    assert_eq!(stored(1, &[], &[id; 65]).check(), out_of_range);
    assert_eq!(stored(3, &[], &[]).check(), Err(Reason::NeedsNewerApp));
    let many = NewVoid {
        actor: ada(),
        from: (0..1_025)
            .map(|part| {
                (
                    DocumentKey {
                        part,
                        ..phone_month()
                    },
                    1,
                )
            })
            .collect(),
        since: None,
    };
    let refused = Space::default().refused(client(), |p, s| many.record(p, s));
    assert_eq!(
        refused.to_string(),
        "1025 documents, at most 1024 are allowed"
    );
}
