use std::collections::HashMap;
use std::sync::Arc;

use super::error::GateError;
use super::id::{ActorId, ChangeHash};
use super::limits::MAX_COUNTER;
use super::texts::Texts;

/// The causal past of a document: which changes there are, and for each what its author had seen.
///
/// What a change had seen is a clock: per actor the counter of that actor's last operation in its
/// past. Counters of one actor ascend with its changes, so one comparison says whether an operation
/// lies in a change's past. Changes that depend only on their author's previous one share a clock,
/// so a month of check-ins from one phone holds one.
#[derive(Default)]
pub(super) struct Past {
    actors: Vec<Actor>,
    by_actor: HashMap<ActorId, u16>,
    nodes: Vec<Node>,
    by_hash: HashMap<ChangeHash, u32>,
    /// The elements of texts; built when the first change asks for them.
    pub(super) texts: Option<Texts>,
}

struct Actor {
    id: ActorId,
    /// The actor's changes; the place is the sequence number less one.
    nodes: Vec<u32>,
}

struct Node {
    hash: ChangeHash,
    actor: u16,
    max_op: u32,
    /// The clock, but for the node's own actor, for whom `max_op` stands.
    others: Arc<[u32]>,
}

/// Where a change would stand in the past: everything that its dependencies decide.
pub(super) struct Place {
    pub(super) actor: u16,
    pub(super) start_op: u32,
    others: Arc<[u32]>,
}

impl Place {
    /// The highest counter of `actor` that lies before the operation `now` of the change.
    pub(super) fn bound(&self, actor: u16, now: u32) -> u32 {
        if actor == self.actor {
            now - 1
        } else {
            self.others.get(usize::from(actor)).copied().unwrap_or(0)
        }
    }
}

impl Past {
    /// The number of `actor` in this past, new where it has made nothing yet.
    pub(super) fn enter(&mut self, actor: ActorId) -> Result<u16, GateError> {
        if let Some(index) = self.by_actor.get(&actor) {
            return Ok(*index);
        }
        let index = u16::try_from(self.actors.len()).map_err(|_| GateError::Overflow)?;
        self.actors.push(Actor {
            id: actor,
            nodes: Vec::new(),
        });
        self.by_actor.insert(actor, index);
        Ok(index)
    }

    pub(super) fn actor(&self, actor: &ActorId) -> Option<u16> {
        self.by_actor.get(actor).copied()
    }

    /// Actors who have made a change, ascending.
    pub(super) fn actors(&self) -> Vec<ActorId> {
        let mut actors: Vec<_> = self
            .actors
            .iter()
            .filter(|a| !a.nodes.is_empty())
            .map(|a| a.id)
            .collect();
        actors.sort_unstable();
        actors
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The number of every actor's last change.
    pub(super) fn seqs(&self) -> HashMap<ActorId, u32> {
        let seqs = self.actors.iter().zip(0..);
        seqs.map(|(actor, at)| (actor.id, self.seq(at))).collect()
    }

    pub(super) fn contains(&self, hash: &ChangeHash) -> bool {
        self.by_hash.contains_key(hash)
    }

    /// How many changes the actor has made.
    pub(super) fn seq(&self, actor: u16) -> u32 {
        let len = self
            .actors
            .get(usize::from(actor))
            .map_or(0, |actor| actor.nodes.len());
        u32::try_from(len).unwrap_or(u32::MAX)
    }

    /// The hash of the actor's change number `seq` (from 1).
    pub(super) fn hash(&self, actor: u16, seq: u32) -> Option<ChangeHash> {
        Some(self.nodes[self.node(actor, seq)? as usize].hash)
    }

    fn node(&self, actor: u16, seq: u32) -> Option<u32> {
        let at = (seq as usize).checked_sub(1)?;
        self.actors.get(usize::from(actor))?.nodes.get(at).copied()
    }

    /// Where the change number `seq` of `actor` stands, given its other dependencies, which are all
    /// known.
    ///
    /// # Errors
    /// [`GateError::Dependencies`] where one of `others` lies in the past of another dependency.
    pub(super) fn place(
        &self,
        actor: u16,
        seq: u32,
        others: &[ChangeHash],
    ) -> Result<Place, GateError> {
        let previous = self.node(actor, seq.wrapping_sub(1));
        if previous.is_none() && seq != 1 {
            return Err(GateError::Dependencies);
        }
        let mut deps: Vec<&Node> = Vec::with_capacity(others.len() + 1);
        for hash in others {
            let at = *self.by_hash.get(hash).ok_or(GateError::Dependencies)?;
            deps.push(&self.nodes[at as usize]);
        }
        let named = deps.len();
        deps.extend(previous.map(|at| &self.nodes[at as usize]));
        for (i, dep) in deps[..named].iter().enumerate() {
            let seen = |(j, later): (usize, &&Node)| i != j && later.seen(dep.actor) >= dep.max_op;
            if deps.iter().enumerate().any(seen) {
                return Err(GateError::Dependencies);
            }
        }
        let max = deps.iter().map(|dep| dep.max_op).max().unwrap_or(0);
        if max >= MAX_COUNTER {
            return Err(GateError::Overflow);
        }
        let others = match deps.as_slice() {
            [] => Arc::from([]),
            [only] if only.actor == actor => Arc::clone(&only.others),
            several => {
                let width = several
                    .iter()
                    .map(|dep| dep.others.len())
                    .max()
                    .unwrap_or(0);
                let width = several
                    .iter()
                    .map(|d| usize::from(d.actor) + 1)
                    .fold(width, Ord::max);
                let mut clock = vec![0; width];
                for dep in several {
                    for (at, seen) in clock.iter_mut().zip(dep.others.iter()) {
                        *at = Ord::max(*at, *seen);
                    }
                    let own = &mut clock[usize::from(dep.actor)];
                    *own = Ord::max(*own, dep.max_op);
                }
                clock.into()
            }
        };
        Ok(Place {
            actor,
            start_op: max + 1,
            others,
        })
    }

    /// Adds a change, the next one of its actor.
    pub(super) fn push(&mut self, place: Place, hash: ChangeHash, max_op: u32) {
        let at = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.by_hash.insert(hash, at);
        self.actors[usize::from(place.actor)].nodes.push(at);
        self.nodes.push(Node {
            hash,
            actor: place.actor,
            max_op,
            others: place.others,
        });
    }

    /// Takes back every change after the first `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        while self.nodes.len() > len {
            if let Some(node) = self.nodes.pop() {
                self.by_hash.remove(&node.hash);
                self.actors[usize::from(node.actor)].nodes.pop();
            }
        }
    }
}

impl Node {
    fn seen(&self, actor: u16) -> u32 {
        if actor == self.actor {
            self.max_op
        } else {
            self.others.get(usize::from(actor)).copied().unwrap_or(0)
        }
    }
}
