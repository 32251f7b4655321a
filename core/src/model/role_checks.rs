//! Each kind of record by each role: what somebody smuggles into a document that the role may not
//! write is left out as `out_of_role`, and nothing else is. The table is written down here, apart
//! from the kinds; a new kind does not compile before it stands in it.

use crate::model::item::Fields;
use crate::model::testing::{Space, actor, client, minutes, revision};
use crate::model::{
    Author, Decision, DocumentKey, GrantScope, Kind, LeftOut, LifecycleStatus, NewCheckIn, NewGoal,
    NewGrant, NewMeasure, NewNote, NewProvenance, NewRecord, NewRevision, NewSettings, NewStatus,
    NewVerdict, NewVoid, NewWithdrawal, Outcome, PersonTag, Reason, Stamp, TextId, Verdict,
};
use crate::role::Role;
use waymark_wire::ids::SpaceId;

const ROLES: [Role; 4] = [
    Role::Client,
    Role::Guardian,
    Role::Supporter,
    Role::Therapist,
];
const CLIENT: &[Role] = &[Role::Client];
const BOTH: &[Role] = &[Role::Client, Role::Therapist];

/// Records of a kind, as the client would write them, and who may.
fn samples(kind: Kind, space: &mut Space, by: Author) -> Vec<(NewRecord, &'static [Role])> {
    let stamp = Space::stamp(client(), 100);
    let goal = space.goal(client());
    let proposed = space.propose(client(), revision(goal), 1);
    let open = NewRevision {
        replaces: vec![proposed],
        ..revision(goal)
    };
    let wording = open.clone();
    let open = space.propose(client(), open, 1);
    let note = NewNote {
        text: TextId([3; 16]),
        about: None,
        title: None,
    };
    let plan = space.plan();
    let status = |to| {
        let status = NewStatus {
            goal,
            to,
            achievement: None,
            reason: None,
        };
        status.record(&plan, &stamp)
    };
    let made = |record: Result<NewRecord, _>, roles| vec![(record.unwrap(), roles)];
    match kind {
        Kind::Measure => {
            let measure: NewMeasure = minutes();
            made(measure.record(&plan, &stamp), BOTH)
        }
        Kind::Goal => made(NewGoal::default().record(&plan, &stamp), BOTH),
        Kind::GoalStatus => [
            made(status(LifecycleStatus::Proposed), BOTH),
            made(status(LifecycleStatus::Active), CLIENT),
        ]
        .concat(),
        Kind::GoalRevision => made(wording.record(&plan, &stamp), BOTH),
        Kind::Verdict => {
            let verdict = NewVerdict {
                revision: open,
                verdict: Verdict::Disagree,
                date: None,
            };
            made(verdict.record(&plan, &stamp), BOTH)
        }
        Kind::PlanSettings => {
            let settings = NewSettings {
                cut_off_hour: Some(5),
                ..NewSettings::default()
            };
            made(settings.record(&plan, &stamp), CLIENT)
        }
        Kind::Note => made(note.record(&plan, &stamp), BOTH),
        Kind::CheckIn => {
            let check_in = NewCheckIn::new(goal, Outcome::Done);
            made(check_in.record(&plan, None, &stamp), CLIENT)
        }
        Kind::Withdrawal => {
            // Of something of one's own, as far as one may write anything.
            let own = note.record(&plan, &stamp).unwrap();
            let records = vec![space.store(own, by)];
            let as_them = Stamp {
                person: by.person,
                role: Role::Client,
                ..stamp
            };
            match space.plan().withdraw(&NewWithdrawal { records }, &as_them) {
                Ok(record) => vec![(record, BOTH)],
                // Who may not write a note has none to withdraw.
                Err(_) => Vec::new(),
            }
        }
        Kind::Grant => {
            let grant = NewGrant {
                person: PersonTag([9; 16]),
                scope: GrantScope::Plan,
                purpose: "To read along".into(),
                from: None,
                until: None,
            };
            made(grant.record(&stamp), CLIENT)
        }
        Kind::Provenance => {
            let provenance = NewProvenance {
                source: SpaceId([9; 32]),
                person: PersonTag([9; 16]),
                role: Role::Therapist,
                records: vec![goal.record()],
                say: None,
            };
            made(provenance.record(DocumentKey::PLAN, &stamp), CLIENT)
        }
        Kind::Void => {
            let void = NewVoid {
                actor: actor(client(), 0),
                from: [].into(),
                since: None,
            };
            made(void.record(&plan, &stamp), CLIENT)
        }
        // What stands for a forgotten record says nothing, and no view lists it.
        Kind::Forgotten => Vec::new(),
        Kind::Decision => {
            let open = Decision {
                chosen: None,
                decided_by: None,
                ..Decision::sample(space)
            };
            let open = space.plan().add(&open, None, &stamp);
            [made(open, BOTH), item(kind, space, CLIENT)].concat()
        }
        Kind::Aspiration
        | Kind::ActionStep
        | Kind::GoalProfile
        | Kind::IfThen
        | Kind::CopingStrategy
        | Kind::ProblemSolving
        | Kind::Activity
        | Kind::Habit
        | Kind::ChangeTalk
        | Kind::Balance
        | Kind::Circumstance
        | Kind::Milestone
        | Kind::MilestoneReached
        | Kind::Reward
        | Kind::Message
        | Kind::Review
        | Kind::Session
        | Kind::AgendaItem
        | Kind::Homework
        | Kind::Comment
        | Kind::MessagesRead
        | Kind::ReadReceipts => item(kind, space, BOTH),
        Kind::Value
        | Kind::Setback
        | Kind::Reading
        | Kind::TimerStart
        | Kind::CheckInReason
        | Kind::Reminder
        | Kind::Observance
        | Kind::Excuse
        | Kind::SelfCompassion
        | Kind::Win
        | Kind::Celebration
        | Kind::CelebrationHow
        | Kind::RewardUnlocked
        | Kind::RewardClaimed
        | Kind::GoalFocus
        | Kind::GoalOrder => item(kind, space, CLIENT),
    }
}

/// The sample of a kind of item, and who may write it.
fn item(
    kind: Kind,
    space: &mut Space,
    writers: &'static [Role],
) -> Vec<(NewRecord, &'static [Role])> {
    let samples = crate::model::kinds::samples(space).into_iter();
    let of_kind = samples.filter(|(content, _)| content.kind() == kind);
    let (plan, stamp) = (space.plan(), Space::stamp(client(), 100));
    let made = of_kind.map(|(content, _)| content.add(&plan, None, &stamp).unwrap());
    made.map(|record| (record, writers)).collect()
}

/// A supporter's app that was tampered with could check in for the client, end a grant or undo what
/// the client wrote.
#[test]
fn what_a_role_may_not_write_is_left_out_whatever_the_kind() {
    for kind in Kind::ALL {
        let mut seen = 0;
        for role in ROLES {
            let by = Author {
                person: PersonTag([5; 16]),
                role,
            };
            let mut space = Space {
                device: 5,
                ..Space::default()
            };
            for (record, writers) in samples(*kind, &mut space, by) {
                let mut space = space.clone();
                let (id, document) = (space.store(record.clone(), by), record.document);
                assert_eq!(
                    crate::model::record::kind_number(space.bytes(id)),
                    Some(kind.number())
                );
                let left_out: Vec<LeftOut> = match document {
                    DocumentKey::PLAN => space.plan().left_out(),
                    _ => space.log().view(&space.plan()).left_out,
                };
                let why = left_out.iter().find(|left| left.id == id);
                let expected = (!writers.contains(&role)).then_some(Reason::OutOfRole);
                assert_eq!(
                    why.map(|left| left.reason),
                    expected,
                    "{kind:?} by a {role:?}"
                );
                // The list of who may write at all, which apps and documents go by, says the same.
                assert!(kind.writers().contains(&role) || expected.is_some());
                seen += 1;
            }
        }
        let is_silent = *kind == Kind::Forgotten;
        assert!(is_silent || seen >= 2, "nobody wrote a {kind:?}");
    }
}

/// A withdrawal is a person's own: nobody's role lets one take back what another wrote.
#[test]
fn a_withdrawal_by_who_may_not_write_one_is_left_out() {
    for role in [Role::Guardian, Role::Supporter] {
        let mut space = Space::default();
        let note = NewNote {
            text: TextId([3; 16]),
            about: None,
            title: None,
        };
        let id = space.put(client(), |plan, stamp| note.record(plan, stamp));
        let withdrawal = NewWithdrawal { records: vec![id] };
        let same_person = Author {
            person: client().person,
            role,
        };
        let made = space
            .plan()
            .withdraw(&withdrawal, &Space::stamp(client(), 9));
        let smuggled = space.forge(same_person, |_| made);
        assert_eq!(space.reason(smuggled), Some(Reason::OutOfRole));
        assert_eq!(space.plan().notes().len(), 1);
    }
}
