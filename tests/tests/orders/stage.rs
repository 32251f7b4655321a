//! Kim's two phones, a therapist's tablet, and a device that is new or somebody else's.

use waymark_core::client::{InvitationId, PlanId};
use waymark_core::gate::DocumentName;
use waymark_core::model::GoalId;
use waymark_tests::story::{goal, log, settle, sync};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist};
use waymark_wire::ids::SpaceId;

use super::flows::Flow;

/// A device.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Who {
    Phone,
    Second,
    Tablet,
    Guest,
}

pub(super) const ALL: [Who; 4] = [Who::Phone, Who::Second, Who::Tablet, Who::Guest];

/// The document that the end is told in: no other part of a flow writes there.
const SHARED: DocumentName = DocumentName { kind: 6, part: 0 };

/// Everybody, and what the flow at hand has to remember.
pub(super) struct Stage {
    devices: [Device; 4],
    /// Kim's plan, which the therapist is in.
    pub(super) plan: PlanId,
    pub(super) goal: GoalId,
    /// The invitation under way, with its link.
    pub(super) invitation: Option<(InvitationId, String)>,
    /// The card of the device that is to be linked.
    pub(super) card: Option<Vec<u8>>,
    /// The recovery words.
    pub(super) words: Option<String>,
    /// The space that the flow makes.
    pub(super) made: Option<PlanId>,
    /// A step that a person takes once is taken.
    pub(super) has_acted: bool,
    /// Devices that are switched off for good.
    pub(super) off: Vec<Who>,
    _relay: TestRelay,
}

impl Stage {
    /// The three know each other, and have a check-in in common.
    pub(super) async fn set(flow: Flow) -> Self {
        let relay = TestRelay::start().await;
        let (phone, plan) = begin(&relay);
        let tablet = link_therapist(&phone, plan).await;
        let second = link_phone(&phone).await;
        let walk = goal(&phone, plan, "walk");
        log(&phone, plan, walk, "seen by all");
        settle(&[&phone, &second, &tablet]).await;
        let guest = Device::new(&relay);
        let mut stage = Self {
            devices: [phone, second, tablet, guest],
            plan,
            goal: walk,
            invitation: None,
            card: None,
            words: None,
            made: None,
            has_acted: false,
            off: Vec::new(),
            _relay: relay,
        };
        flow.prepare(&mut stage).await;
        stage
    }

    pub(super) fn device(&self, who: Who) -> &Device {
        &self.devices[who as usize]
    }

    pub(super) fn device_mut(&mut self, who: Who) -> &mut Device {
        &mut self.devices[who as usize]
    }

    /// Has a device a network for a moment. What is wrong shows in the end.
    pub(super) async fn turn(&self, who: Who) {
        if !self.off.contains(&who) {
            let _ = sync(self.device(who)).await;
        }
    }

    /// The number of a device in a space, as it sees itself.
    pub(super) fn number(&self, who: Who, space: PlanId) -> Option<u16> {
        let members = self.device(who).client().people().members(space).ok()?;
        members.iter().find(|m| m.this_device).map(|m| m.number)
    }

    /// Puts words into a space, below the facade, which has no call that fits all kinds.
    pub(super) fn write(&mut self, who: Who, space: PlanId, words: &str) {
        self.device_mut(who).inside(|engine| {
            let (space, store, _) = engine.space_mut(&SpaceId(space.0)).unwrap();
            let put = space.edit(store, SHARED, |document| {
                Ok(document.put_record(words.as_bytes())?.into_iter().collect())
            });
            assert!(put.unwrap());
        });
    }

    /// Whether a device has these words.
    pub(super) fn has(&mut self, who: Who, space: PlanId, words: &str) -> bool {
        self.device_mut(who).inside(|engine| {
            let Some((space, store, _)) = engine.space_mut(&SpaceId(space.0)) else {
                return false;
            };
            let document = space.document(store, SHARED).unwrap();
            let mut records = document.records();
            records.any(|record| *record.bytes == *words.as_bytes())
        })
    }
}
