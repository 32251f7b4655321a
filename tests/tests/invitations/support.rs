//! Two people, or one with two devices, and an invitation between them.

use waymark_core::client::{
    InvitationId, InvitationPurpose, InvitationStage, InvitationView, PlanId,
};
use waymark_core::membership::SpaceKind;
use waymark_core::pairing::Purpose;
use waymark_core::role::Role;
use waymark_tests::story::sync;
use waymark_tests::{Device, Liar, TestRelay, begin_at};

/// Who invites and who is invited.
pub(crate) struct Two {
    pub(crate) purpose: Purpose,
    pub(crate) inviter: Device,
    pub(crate) invited: Device,
    /// What it is about, where the inviter has it.
    pub(crate) space: Option<PlanId>,
    /// Everybody's process ends after each sync.
    pub(crate) dies: bool,
    pub(crate) id: Option<InvitationId>,
    pub(crate) link: String,
}

impl Two {
    pub(crate) fn new(relay: &TestRelay, purpose: Purpose) -> Self {
        Self::at(&relay.url(), purpose)
    }

    pub(crate) fn behind(liar: &Liar, purpose: Purpose) -> Self {
        Self::at(&liar.url(), purpose)
    }

    /// Two at an address where there may be no relay.
    pub(crate) fn at(url: &str, purpose: Purpose) -> Self {
        let (inviter, plan) = begin_at(url);
        let people = inviter.client().people();
        let space = match purpose {
            Purpose::Plan => Some(plan),
            Purpose::Supporter => Some(people.create_space(SpaceKind::Support).unwrap()),
            Purpose::Circle => Some(people.create_space(SpaceKind::Circle).unwrap()),
            _ => None,
        };
        let invited = Device::with_relay(url);
        let (inviter, invited) = match purpose {
            // Kim is invited by a therapist, and has a plan of another kind already.
            Purpose::Client => {
                let people = invited.client().people();
                people.begin("Dr. Ada", "tablet").unwrap();
                (invited, inviter)
            }
            _ => (inviter, invited),
        };
        Self {
            purpose,
            inviter,
            invited,
            space,
            dies: false,
            id: None,
            link: String::new(),
        }
    }

    /// The inviter makes the link, and the invited person follows it.
    pub(crate) async fn invite(&mut self) -> InvitationId {
        let invitations = self.inviter.client().invitations();
        let made = invitations.invite(self.what(), 7).unwrap();
        self.id = Some(made.id);
        self.link = made.link;
        made.id
    }

    pub(crate) fn what(&self) -> InvitationPurpose {
        let space = self.space;
        match self.purpose {
            Purpose::Plan => InvitationPurpose::Plan {
                plan: space.unwrap(),
            },
            Purpose::Supporter => InvitationPurpose::Supporter {
                space: space.unwrap(),
                role: Role::Guardian,
            },
            Purpose::Circle => InvitationPurpose::Circle {
                space: space.unwrap(),
            },
            Purpose::Client => InvitationPurpose::Client,
            _ => InvitationPurpose::Device,
        }
    }

    pub(crate) fn id(&self) -> InvitationId {
        self.id.unwrap()
    }

    /// The inviter has a network for a moment.
    pub(crate) async fn inviter_turn(&mut self) {
        sync(&self.inviter).await.unwrap();
        if self.dies {
            self.inviter.reopen();
        }
    }

    /// The invited person has a network for a moment.
    pub(crate) async fn invited_turn(&mut self) {
        sync(&self.invited).await.unwrap();
        if self.dies {
            self.invited.reopen();
        }
    }

    pub(crate) fn accept(&self) {
        let (name, device) = match self.purpose {
            Purpose::Client | Purpose::Device => ("Kim", "new phone"),
            _ => ("Dr. Ada", "tablet"),
        };
        let invitations = self.invited.client().invitations();
        let id = invitations.accept(&self.link, name, device).unwrap();
        assert_eq!(Some(id), self.id, "both know it by the same name");
    }

    /// Up to where both see a code.
    pub(crate) async fn until_comparing(&mut self) {
        self.invite().await;
        self.inviter_turn().await;
        assert_eq!(self.at_inviter().stage, InvitationStage::Inviting);
        self.accept();
        self.invited_turn().await;
        assert_eq!(self.at_invited().stage, InvitationStage::Answered);
        self.inviter_turn().await;
        self.invited_turn().await;
        assert_eq!(self.stages(), [InvitationStage::Comparing; 2]);
    }

    /// Both say that they see the same.
    pub(crate) fn both_confirm(&self) {
        for device in [&self.inviter, &self.invited] {
            let invitations = device.client().invitations();
            invitations.confirm(self.id(), true).unwrap();
        }
    }

    /// In turn, until nothing new comes of it.
    pub(crate) async fn settle(&mut self) {
        for _ in 0..4 {
            self.inviter_turn().await;
            self.invited_turn().await;
        }
    }

    pub(crate) fn at_inviter(&self) -> InvitationView {
        view(&self.inviter, self.id())
    }

    pub(crate) fn at_invited(&self) -> InvitationView {
        view(&self.invited, self.id())
    }

    pub(crate) fn stages(&self) -> [InvitationStage; 2] {
        [self.at_inviter().stage, self.at_invited().stage]
    }

    /// Nobody has come into anything.
    #[track_caller]
    pub(crate) fn assert_nobody_came(&self) {
        for plan in self.inviter.client().people().plans() {
            assert_eq!(names(&self.inviter, plan).len(), 1);
        }
        if self.purpose == Purpose::Device {
            let devices = self.inviter.client().people().devices().unwrap();
            assert_eq!(devices.len(), 1);
        }
        if let Some(space) = self.space {
            assert_eq!(names(&self.inviter, space).len(), 1);
            assert_eq!(self.invited.client().people().plans(), []);
        }
    }
}

pub(crate) fn view(device: &Device, id: InvitationId) -> InvitationView {
    let all = device.client().invitations().list();
    let one = device.client().invitations().get(id).unwrap();
    assert!(all.contains(&one));
    one
}

/// The names of those who read a space with a device, and what they are.
pub(crate) fn names(device: &Device, space: PlanId) -> Vec<(String, Role)> {
    let readers = waymark_tests::story::readers(device, space);
    let mut names: Vec<_> = readers
        .into_iter()
        .map(|reader| (reader.name.unwrap(), reader.role.unwrap()))
        .collect();
    names.sort();
    names
}
