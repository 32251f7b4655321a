//! What people do: how it begins, what whoever looks at a device does next, and who reads what in the
//! end.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use waymark_core::client::{
    InvitationPurpose, InvitationStage, Keep, KeyHolder, MemberView, PlanId,
};
use waymark_core::membership::SpaceKind;
use waymark_core::pairing::Purpose;
use waymark_core::role::Role;
use waymark_tests::story::{goal, log, phrase, readers, settle};

use super::stage::Who::{Guest, Phone, Second, Tablet};
use super::stage::{Stage, Who};

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// Who reads a space in the end; the first of them leads it.
pub(super) type Expected = Vec<(PlanId, Vec<Who>)>;

/// Something that several devices bring about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flow {
    BeginAnew,
    GrantEnds,
    Invite(Purpose),
    Leave,
    Link,
    Offer,
    Recover,
    RemoveDevice,
    Revoke,
}

impl Flow {
    /// Whose order matters.
    pub(super) const fn participants(self) -> [Who; 3] {
        match self {
            Self::BeginAnew | Self::GrantEnds | Self::Leave | Self::RemoveDevice | Self::Revoke => {
                [Phone, Second, Tablet]
            }
            Self::Invite(Purpose::Client) => [Tablet, Guest, Phone],
            Self::Invite(_) | Self::Link => [Phone, Guest, Second],
            Self::Offer => [Tablet, Guest, Phone],
            Self::Recover => [Guest, Second, Tablet],
        }
    }

    /// What everybody knows before it begins.
    pub(super) async fn prepare(self, stage: &mut Stage) {
        match self {
            Self::GrantEnds => {
                let (plan, person) = (stage.plan, therapist(stage).person);
                let until = NaiveDate::from_ymd_opt(2026, 5, 3);
                let people = stage.device(Phone).client().people();
                people.grant(plan, person, "Therapy", until).unwrap();
            }
            Self::Invite(purpose @ (Purpose::Supporter | Purpose::Circle)) => {
                let kind = match purpose {
                    Purpose::Supporter => SpaceKind::Support,
                    _ => SpaceKind::Circle,
                };
                let people = stage.device(Phone).client().people();
                stage.made = Some(people.create_space(kind).unwrap());
            }
            Self::Offer => {
                // Somebody who lost everything has begun again, and the therapist is in the new plan.
                let guest = stage.device(Guest);
                guest.client().people().begin("Kim", "new phone").unwrap();
                let plan = guest.client().people().create_plan().unwrap();
                let tablet = stage.device(Tablet);
                let card = tablet.client().people().card("Dr. Ada", "tablet").unwrap();
                guest.client().people().add_therapist(plan, &card).unwrap();
                waymark_tests::hand_over(guest, tablet, &card).await;
                settle(&[guest, tablet]).await;
                stage.made = Some(plan);
            }
            Self::Recover => stage.words = Some(phrase(stage.device(Phone), None)),
            _ => {}
        }
        let known = [Phone, Second, Tablet].map(|who| stage.device(who));
        settle(&known).await;
    }

    /// What is wanted, before anybody has a network.
    pub(super) fn begin(self, stage: &mut Stage) {
        let plan = stage.plan;
        match self {
            Self::BeginAnew => {
                let keep = Keep {
                    goals: vec![stage.goal],
                    check_ins_from: None,
                };
                let people = stage.device(Phone).client().people();
                stage.made = Some(people.begin_anew(plan, &keep).unwrap());
                log(stage.device(Second), plan, stage.goal, "meanwhile");
            }
            Self::GrantEnds => {
                for who in [Phone, Second, Tablet] {
                    stage.device(who).clock().advance(4 * DAY);
                }
            }
            Self::Invite(purpose) => invite(stage, purpose),
            Self::Leave => {
                stage.device(Tablet).client().people().leave(plan).unwrap();
                log(stage.device(Second), plan, stage.goal, "meanwhile");
            }
            Self::Link => {
                let guest = stage.device(Guest).client().people();
                let card = guest.card("Kim", "new phone").unwrap();
                let people = stage.device(Phone).client().people();
                people.add_own_device(&card).unwrap();
                stage.card = Some(card);
            }
            Self::Offer => {
                let people = stage.device(Tablet).client().people();
                people.offer_copy(plan, stage.made.unwrap()).unwrap();
            }
            Self::Recover => {
                stage.off.push(Phone);
                let words = stage.words.clone().unwrap();
                let people = stage.device(Guest).client().people();
                people.restore(&words, "Kim", "new phone").unwrap();
            }
            Self::RemoveDevice => {
                let devices = stage.device(Phone).client().people().devices().unwrap();
                let lost = devices.iter().find(|d| !d.this_device).unwrap().number;
                let people = stage.device(Phone).client().people();
                people.remove_device(lost).unwrap();
                let _ = goal(stage.device(Tablet), plan, "meanwhile");
            }
            Self::Revoke => {
                let person = therapist(stage).person;
                let people = stage.device(Phone).client().people();
                people.revoke(plan, person).unwrap();
                for who in [Second, Tablet] {
                    stage.device(who).client().people().rotate(plan).unwrap();
                }
            }
        }
    }

    /// What somebody does who looks at a device: everything that is theirs to do there.
    pub(super) fn look(self, stage: &mut Stage, who: Who) {
        if stage.off.contains(&who) {
            return;
        }
        match (self, who) {
            (Self::Invite(_), _) => compare(stage, who),
            (Self::Link, Phone) if !stage.has_acted => {
                let card = stage.card.clone().unwrap();
                let welcome = stage.device(Phone).client().people().welcome(&card);
                if let Some(welcome) = welcome.unwrap() {
                    let guest = stage.device(Guest).client().people();
                    guest.accept(&welcome).unwrap();
                    stage.has_acted = true;
                }
            }
            (Self::Offer, Guest) if !stage.has_acted => {
                let people = stage.device(Guest).client().people();
                let new = stage.made.unwrap();
                if let Some(offer) = people.offers(new).unwrap().first() {
                    people.take_over(new, offer.person).unwrap();
                    stage.has_acted = true;
                }
            }
            (Self::Recover, Guest) if !stage.has_acted => {
                let people = stage.device(Guest).client().people();
                let devices = people.devices().unwrap_or_default();
                let is_in = devices.iter().any(|device| device.this_device);
                let is_lost = |d: &&MemberView| d.device_name.as_deref() == Some("phone");
                if let Some(lost) = devices.iter().find(is_lost).filter(|_| is_in) {
                    people.remove_device(lost.number).unwrap();
                    stage.has_acted = true;
                }
            }
            _ => {}
        }
    }

    /// Whether the people have done what was theirs.
    pub(super) fn is_done(self, stage: &Stage) -> bool {
        match self {
            Self::Invite(_) => {
                let (id, _) = stage.invitation.as_ref().unwrap();
                let sides = ALL_SIDES.iter().filter_map(|who| {
                    let invitations = stage.device(*who).client().invitations();
                    invitations.get(*id).ok()
                });
                let mut seen = 0;
                let all = sides.inspect(|_| seen += 1);
                all.filter(|view| view.stage == InvitationStage::Done)
                    .count()
                    == 2
                    && seen == 2
            }
            Self::Link | Self::Offer | Self::Recover => stage.has_acted,
            _ => true,
        }
    }

    /// Who reads which space in the end.
    pub(super) fn expected(self, stage: &Stage) -> Expected {
        let plan = stage.plan;
        let home = |who: Who| {
            let status = stage.device(who).client().status().unwrap();
            let mut home = status.iter().filter(|s| s.kind == Some(SpaceKind::Home));
            home.next().unwrap().space.unwrap()
        };
        match self {
            Self::BeginAnew => vec![
                (stage.made.unwrap(), vec![Phone, Second, Tablet]),
                (home(Phone), vec![Phone, Second]),
            ],
            Self::GrantEnds | Self::Leave | Self::Revoke => vec![(plan, vec![Phone, Second])],
            Self::Invite(Purpose::Plan) => vec![(plan, vec![Phone, Second, Tablet, Guest])],
            Self::Invite(Purpose::Client) => {
                let plans = stage.device(Guest).client().people().plans();
                let [made] = plans[..] else {
                    panic!("one plan of the client's: {plans:?}");
                };
                vec![
                    (made, vec![Guest, Tablet]),
                    (plan, vec![Phone, Second, Tablet]),
                ]
            }
            Self::Invite(Purpose::Supporter | Purpose::Circle) => vec![
                (stage.made.unwrap(), vec![Phone, Second, Guest]),
                (plan, vec![Phone, Second, Tablet]),
            ],
            Self::Invite(_) | Self::Link => vec![
                (plan, vec![Phone, Second, Tablet, Guest]),
                (home(Phone), vec![Phone, Second, Guest]),
            ],
            Self::Offer => vec![
                (stage.made.unwrap(), vec![Guest, Tablet]),
                (plan, vec![Phone, Second, Tablet]),
            ],
            Self::Recover => vec![
                (plan, vec![Guest, Second, Tablet]),
                (home(Guest), vec![Guest, Second]),
            ],
            Self::RemoveDevice => vec![(plan, vec![Phone, Tablet]), (home(Phone), vec![Phone])],
        }
    }
}

const ALL_SIDES: [Who; 4] = [Phone, Second, Tablet, Guest];

fn therapist(stage: &Stage) -> MemberView {
    let members = readers(stage.device(Phone), stage.plan);
    let is_it = |m: &MemberView| m.role == Some(Role::Therapist) && m.holder == KeyHolder::Device;
    members.into_iter().find(is_it).unwrap()
}

/// Makes the link; the other follows it at once, whoever has a network first.
fn invite(stage: &mut Stage, purpose: Purpose) {
    let space = stage.made.unwrap_or(stage.plan);
    let (by, what) = match purpose {
        Purpose::Plan => (Phone, InvitationPurpose::Plan { plan: space }),
        Purpose::Client => (Tablet, InvitationPurpose::Client),
        Purpose::Circle => (Phone, InvitationPurpose::Circle { space }),
        Purpose::Supporter => {
            let role = Role::Guardian;
            (Phone, InvitationPurpose::Supporter { space, role })
        }
        _ => (Phone, InvitationPurpose::Device),
    };
    let invitation = stage.device(by).client().invitations();
    let made = invitation.invite(what, 7).unwrap();
    let name = if purpose == Purpose::Device {
        "Kim"
    } else {
        "Lee"
    };
    let guest = stage.device(Guest).client().invitations();
    guest.accept(&made.link, name, "new").unwrap();
    stage.invitation = Some((made.id, made.link));
}

/// Says that the codes are the same, where one is shown.
fn compare(stage: &Stage, who: Who) {
    let (id, _) = stage.invitation.as_ref().unwrap();
    let invitations = stage.device(who).client().invitations();
    let Ok(view) = invitations.get(*id) else {
        return;
    };
    if view.stage == InvitationStage::Comparing {
        invitations.confirm(*id, true).unwrap();
    }
}

/// Who is named once is asked once.
#[test]
fn nobody_takes_part_twice() {
    let flows = [Flow::BeginAnew, Flow::Link, Flow::Offer, Flow::Recover];
    for flow in flows {
        let all: BTreeSet<Who> = flow.participants().into_iter().collect();
        assert_eq!(all.len(), 3, "{flow:?}");
    }
}
