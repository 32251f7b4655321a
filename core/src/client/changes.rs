//! What an app is told of what happened elsewhere.

use std::sync::Arc;

use super::{InvitationId, PlanId, count};
use crate::driver::{Listener, Shared};
use crate::home;
use crate::model::{DocumentKey, DocumentKind, RecordId, TextId};
use crate::space::Wanted;
use crate::sync::Event;

/// What changed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Change {
    /// The relay had lost a part of a plan's log, and has it again. Nothing is lost.
    Healed {
        /// The plan, or home as a space.
        plan: PlanId,
        /// The relay says that it was restored from a backup; otherwise its operator should be asked.
        restored: bool,
    },
    /// Something of a plan was forgotten: it is not to be found any more, and views of it are to be made
    /// anew.
    Forgotten {
        /// The plan, or home as a space.
        plan: PlanId,
        /// Whether something that was written here, and nobody had yet, went with it:
        /// [`super::Forgetting::given_up`].
        given_up: bool,
    },
    /// The relay told two stories of a plan's log: it said one thing and then another, and this device
    /// keeps what proves it ([`super::Sync::evidence`]). Said once. Nothing is lost by it: what the relay
    /// shows is merged as ever, and what it leaves out it left out before.
    Forked {
        /// The plan, or home as a space.
        plan: PlanId,
    },
    /// An invitation went on: the other person did something, or something is to be done or shown
    /// here.
    Invitation {
        /// The invitation.
        id: InvitationId,
    },
    /// How many spaces this device can read, of those that it knows: told while it joins or is brought
    /// back, until it can read all of them. Both numbers grow meanwhile.
    Progress {
        /// Spaces that it can read.
        ready: u32,
        /// Spaces that it knows.
        known: u32,
    },
    /// Others wrote records of a plan. Those of the plan itself may change what counts in its logs, and
    /// what is shown of its texts.
    Records {
        /// The plan, or home as a space.
        plan: PlanId,
        /// The document they are in; none where this version does not know its kind.
        document: Option<DocumentKey>,
        /// The records.
        records: Vec<RecordId>,
    },
    /// Others edited notes.
    Texts {
        /// The plan, or home as a space.
        plan: PlanId,
        /// The texts.
        texts: Vec<TextId>,
    },
    /// Who reads a plan changed, or this device can read it now.
    Members {
        /// The plan, or home as a space.
        plan: PlanId,
    },
    /// A change of who reads a plan, which was wanted here, cannot be any more: somebody else's came
    /// first. The status of the space says so until it is [seen](super::People::forget_not_done).
    NotDone {
        /// The plan, or home as a space.
        plan: PlanId,
        /// What was wanted.
        wanted: Wanted,
        /// Why not.
        reason: String,
    },
    /// This device was restored from a backup, or copied, or what was written here stood on words that a
    /// relay has lost. It becomes another device of its person than before, nothing that was written here
    /// is lost, and the device that it was stays on the list of those who read until somebody removes it.
    Restored {
        /// The plan, or home as a space.
        plan: PlanId,
    },
    /// The sync state changed.
    Status {
        /// The plan, or home as a space.
        plan: PlanId,
    },
}

/// What an app implements to be told. The calls come from one thread, one after another, and never
/// while a lock is held, so it may call the client.
pub trait ChangeListener: Send + Sync {
    /// What happened since the last call, in order.
    fn changed(&self, changes: Vec<Change>);
}

pub(super) fn listen(shared: &Shared, listener: Arc<dyn ChangeListener>) {
    shared.listen(Arc::new(Translate(listener)));
}

struct Translate(Arc<dyn ChangeListener>);

impl Listener for Translate {
    fn events(&self, events: Vec<Event>) {
        let mut changes: Vec<Change> = Vec::new();
        for change in events.into_iter().flat_map(translate) {
            // Several reports of one state say no more than the last.
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
        if !changes.is_empty() {
            self.0.changed(changes);
        }
    }
}

fn translate(event: Event) -> Vec<Change> {
    match event {
        Event::Changed { space, changes } => {
            let plan = PlanId(space.0);
            changes
                .into_iter()
                .flat_map(|change| section(plan, change))
                .collect()
        }
        Event::Healed { space, is_restored } => vec![Change::Healed {
            plan: PlanId(space.0),
            restored: is_restored,
        }],
        Event::Forgotten { space, given_up } => vec![Change::Forgotten {
            plan: PlanId(space.0),
            given_up,
        }],
        Event::Forked { space } => vec![Change::Forked {
            plan: PlanId(space.0),
        }],
        Event::Membership { space } => vec![Change::Members {
            plan: PlanId(space.0),
        }],
        Event::Pairing { id } => vec![Change::Invitation {
            id: InvitationId(id.0),
        }],
        Event::Progress { ready, known } => {
            vec![Change::Progress {
                ready: count(ready),
                known: count(known),
            }]
        }
        Event::Restored { space } => vec![Change::Restored {
            plan: PlanId(space.0),
        }],
        Event::Status { space } => vec![Change::Status {
            plan: PlanId(space.0),
        }],
        Event::Unfulfilled { space, unfulfilled } => {
            let not_done = |wanted| Change::NotDone {
                plan: PlanId(space.0),
                wanted,
                reason: unfulfilled.reason.into(),
            };
            unfulfilled.wanted.map(not_done).into_iter().collect()
        }
    }
}

fn section(plan: PlanId, change: crate::space::Change) -> Vec<Change> {
    let mut changes = Vec::new();
    // What home tells itself is no news for people.
    if change.document == home::LIST {
        return changes;
    }
    if !change.records.is_empty() {
        let code = u8::try_from(change.document.kind).ok();
        let kind = code.and_then(|code| DocumentKind::read(code).ok());
        changes.push(Change::Records {
            plan,
            document: kind.map(|kind| DocumentKey {
                kind,
                part: change.document.part,
            }),
            records: change.records,
        });
    }
    if !change.texts.is_empty() {
        let texts = change.texts;
        changes.push(Change::Texts { plan, texts });
    }
    changes
}
