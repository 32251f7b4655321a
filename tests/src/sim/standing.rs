//! Who is and was in a space, by the membership entries that went over the wire: a fold of its own.
//! A relay that shows two logs makes a tree of them.

use std::collections::BTreeMap;

use waymark_core::crypto::{EpochKey, open, open_roster};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{EntryId, SpaceId};
use waymark_wire::membership::{MembershipBody, Op, Rights};
use waymark_wire::signature::VerifyingKey;

/// A membership as the log shows it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) key: VerifyingKey,
    person: [u8; 16],
    pub(super) leads: bool,
    /// The height of the entry that ended it.
    pub(super) ended: Option<u32>,
}

/// Who is and was in a space.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// By number.
    pub(super) places: Vec<Place>,
    /// The heights of the entries that started an epoch.
    pub(super) starts: Vec<u32>,
    /// The number of who closed it: the log up to there is all that it has.
    closed_by: Option<usize>,
    /// The space that goes on in its place.
    pub(super) successor: Option<SpaceId>,
    /// The membership entries' ids, by height.
    pub(super) ids: Vec<EntryId>,
}

impl Standing {
    /// Whether nothing is added any more.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed_by.is_some()
    }

    /// The key of who closed it.
    pub(super) fn closer(&self) -> Option<VerifyingKey> {
        let place = self.places.get(self.closed_by?)?;
        Some(place.key)
    }

    /// The number that a key has now.
    pub(super) fn number_of(&self, key: &VerifyingKey) -> Option<u16> {
        let has = |place: &Place| place.key == *key && place.ended.is_none();
        let place = self.places.iter().position(has)?;
        u16::try_from(place).ok()
    }

    /// The numbers of everybody who is in it.
    pub(super) fn numbers(&self) -> Vec<u16> {
        let current = self.places.iter().zip(0..);
        let current = current.filter(|(place, _)| place.ended.is_none());
        current.map(|(_, number)| number).collect()
    }
}

/// Every line of membership entries that relays took in one space.
#[derive(Default)]
pub(super) struct Tree {
    /// Each after the one that it follows.
    nodes: Vec<Node>,
}

struct Node {
    parent: Option<usize>,
    standing: Standing,
}

impl Tree {
    /// The tree of these entries.
    pub(super) fn of(entries: &BTreeMap<EntryId, Entry>) -> Self {
        let mut following: BTreeMap<EntryId, Vec<(EntryId, usize, Vec<Op>)>> = BTreeMap::new();
        for (id, entry) in entries {
            if let Some(body) = body_of(entry) {
                let signer = usize::from(entry.header().device.0);
                let place = following.entry(body.core.previous).or_default();
                place.push((*id, signer, body.core.ops));
            }
        }
        let mut nodes = Vec::new();
        let mut next: Vec<(Option<usize>, EntryId)> = vec![(None, EntryId([0; 32]))];
        while let Some((parent, id)) = next.pop() {
            for (id, signer, ops) in following.remove(&id).unwrap_or_default() {
                let before = parent.and_then(|parent| nodes.get(parent));
                let mut standing = before.map(|node: &Node| node.standing.clone());
                let standing = standing.get_or_insert_default();
                standing.take(id, &ops, signer);
                next.push((Some(nodes.len()), id));
                let standing = standing.clone();
                nodes.push(Node { parent, standing });
            }
        }
        Self { nodes }
    }

    /// Where in the tree an entry was written: a change of the membership stands for itself.
    pub(super) fn place_of(&self, id: &EntryId, entry: &Entry) -> Option<usize> {
        let header = entry.header();
        if header.kind == Kind::Membership {
            return self
                .nodes
                .iter()
                .position(|node| node.standing.ids.last() == Some(id));
        }
        let height = usize::try_from(header.height.0).ok()?;
        let is_it = |node: &Node| {
            let key = node.standing.places.get(usize::from(header.device.0));
            let at = node
                .standing
                .ids
                .last()
                .filter(|_| node.standing.ids.len() == height + 1);
            at.zip(key)
                .is_some_and(|(at, place)| entry.is_signed_by(&place.key, at, id))
        };
        self.nodes.iter().position(is_it)
    }

    /// How the space stands there.
    pub(super) fn standing(&self, place: usize) -> Option<&Standing> {
        self.nodes.get(place).map(|node| &node.standing)
    }

    /// Where somebody with these keys is a member, or becomes one later on the same line.
    pub(super) fn is_in(&self, keys: &[VerifyingKey]) -> Vec<bool> {
        let is_current = |node: &Node| {
            let mut keys = keys.iter();
            keys.any(|key| node.standing.number_of(key).is_some())
        };
        let mut is_in: Vec<bool> = self.nodes.iter().map(is_current).collect();
        for (place, node) in self.nodes.iter().enumerate().rev() {
            if let Some(parent) = node.parent.filter(|_| is_in[place]) {
                is_in[parent] = true;
            }
        }
        is_in
    }
}

/// What a membership entry says.
pub(super) fn body_of(entry: &Entry) -> Option<MembershipBody<'_>> {
    let is_change = entry.header().kind == Kind::Membership;
    MembershipBody::parse(entry.body())
        .ok()
        .filter(|_| is_change)
}

impl Standing {
    /// Takes the next membership entry of a line.
    pub(super) fn take(&mut self, id: EntryId, ops: &[Op], signer: usize) {
        let height = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        if height == 0 {
            self.starts.push(0);
        }
        for op in ops {
            match op {
                Op::Add(add) => self.places.push(Place {
                    key: add.signing_key,
                    person: add.person.0,
                    leads: add.rights.include(Rights::ADMIN),
                    ended: None,
                }),
                Op::Remove(device) => {
                    if let Some(place) = self.places.get_mut(usize::from(device.0)) {
                        place.ended = Some(height);
                    }
                }
                Op::Rotate(_) => self.starts.push(height),
                Op::Leave => {
                    let person = self.places.get(signer).map(|place| place.person);
                    let own = self.places.iter_mut();
                    let own = own.filter(|p| Some(p.person) == person && p.ended.is_none());
                    own.for_each(|place| place.ended = Some(height));
                }
                Op::Close(successor) => {
                    self.closed_by = Some(signer);
                    self.successor = *successor;
                }
                Op::Forget | Op::Seal(_) | Op::Reserved(_) => {}
            }
        }
        self.ids.push(id);
    }

    /// Whether an entry behind the first opens with an epoch key.
    pub(super) fn opens(&self, space: &SpaceId, entry: &Entry, key: &EpochKey) -> bool {
        let header = entry.header();
        let height = usize::try_from(header.height.0).unwrap_or(usize::MAX);
        let Some(at) = self.ids.get(height) else {
            return false;
        };
        if header.kind != Kind::Membership {
            return open(key, &space.0, &at.0, &header.to_bytes(), entry.body()).is_ok();
        }
        let Ok(body) = MembershipBody::parse(entry.body()) else {
            return false;
        };
        open_roster(key, &space.0, &at.0, &header.to_bytes(), body.private).is_ok()
    }
}
