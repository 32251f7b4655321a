use std::collections::{BTreeMap, HashMap};

use super::error::GateError;
use super::limits::MAX_TEXT;
use crate::ids::TextId;

/// An operation inside one document's past: the actor's number there, and the counter.
pub(super) type Spot = (u16, u32);

/// Which texts there are, which elements each of them has, and which of those are deleted: kept as
/// runs, with the counters that tell in whose past each of them lies.
#[derive(Default)]
pub(super) struct Texts {
    texts: HashMap<Spot, Text>,
    /// Several devices may have made a text under one name without knowing of each other.
    names: HashMap<TextId, Vec<Spot>>,
    journal: Vec<Step>,
}

#[derive(Default)]
struct Text {
    id: Option<TextId>,
    /// Per actor, ascending by counter.
    inserted: BTreeMap<u16, Vec<Run>>,
    /// Per actor of the element and actor who deleted: first counter → how many, and the operation.
    /// Nobody deletes an element twice, so the runs of one key do not overlap.
    deleted: BTreeMap<(u16, u16), BTreeMap<u32, (u32, u32)>>,
}

struct Run {
    first: u32,
    len: u32,
    /// UTF-8 bytes that the actor has inserted into the text, this run included.
    bytes: u32,
}

/// What one op added, so that a refused section leaves nothing behind.
enum Step {
    Made(TextId, Spot),
    Inserted(Spot, u16),
    Deleted(Spot, (u16, u16), u32),
}

impl Texts {
    /// Whether a text of this name lies within `bound`.
    pub(super) fn made(&self, id: &TextId, bound: impl Fn(u16) -> u32) -> bool {
        self.names.get(id).is_some_and(|spots| {
            spots
                .iter()
                .any(|(actor, counter)| *counter <= bound(*actor))
        })
    }

    /// Which name the text was made under.
    pub(super) fn name(&self, text: Spot) -> Option<TextId> {
        self.texts.get(&text)?.id
    }

    /// Checks that the text lies within `bound`, that it has the element `after`, and that `bytes`
    /// more are allowed.
    pub(super) fn check_insert(
        &self,
        text: Spot,
        after: Option<Spot>,
        bytes: usize,
        bound: impl Fn(u16) -> u32,
    ) -> Result<(), GateError> {
        let text = self.text(text, &bound)?;
        if let Some((actor, counter)) = after
            && !(counter <= bound(actor) && text.has(actor, counter, 1))
        {
            return Err(GateError::UnknownElement);
        }
        let mut total = bytes as u64;
        for (actor, runs) in &text.inserted {
            let bound = bound(*actor);
            let within = runs.partition_point(|run| run.first <= bound);
            total += within
                .checked_sub(1)
                .map_or(0, |last| u64::from(runs[last].bytes));
        }
        if total > u64::from(MAX_TEXT) {
            return Err(GateError::TooLarge("text"));
        }
        Ok(())
    }

    /// Checks that the text lies within `bound`, and so do the `count` elements from `first`, and
    /// that none of them is deleted within it.
    pub(super) fn check_delete(
        &self,
        text: Spot,
        (actor, first): Spot,
        count: u32,
        bound: impl Fn(u16) -> u32,
    ) -> Result<(), GateError> {
        let text = self.text(text, &bound)?;
        let end = first.checked_add(count).ok_or(GateError::UnknownElement)?;
        if end - 1 > bound(actor) || !text.has(actor, first, count) {
            return Err(GateError::UnknownElement);
        }
        for ((_, by), runs) in text.deleted.range((actor, 0)..=(actor, u16::MAX)) {
            let overlapping = runs
                .range(..end)
                .rev()
                .take_while(|(start, (len, _))| **start + len > first);
            for (_, (_, op)) in overlapping {
                if *op <= bound(*by) {
                    return Err(GateError::AlreadyDeleted);
                }
            }
        }
        Ok(())
    }

    fn text(&self, spot: Spot, bound: impl Fn(u16) -> u32) -> Result<&Text, GateError> {
        self.texts
            .get(&spot)
            .filter(|_| spot.1 <= bound(spot.0))
            .ok_or(GateError::UnknownText)
    }

    pub(super) fn make(&mut self, id: TextId, spot: Spot) {
        self.names.entry(id).or_default().push(spot);
        self.texts.insert(
            spot,
            Text {
                id: Some(id),
                ..Text::default()
            },
        );
        self.journal.push(Step::Made(id, spot));
    }

    /// Adds `len` elements from `first` on, made by the actor of `first`.
    pub(super) fn insert(&mut self, text: Spot, (actor, first): Spot, len: u32, bytes: u32) {
        let runs = self
            .texts
            .entry(text)
            .or_default()
            .inserted
            .entry(actor)
            .or_default();
        let bytes = runs.last().map_or(0, |run| run.bytes).saturating_add(bytes);
        runs.push(Run { first, len, bytes });
        self.journal.push(Step::Inserted(text, actor));
    }

    /// Notes that the operation `by` and those after it delete `count` elements from `first` on.
    pub(super) fn delete(&mut self, text: Spot, (actor, first): Spot, count: u32, by: Spot) {
        let key = (actor, by.0);
        let runs = self
            .texts
            .entry(text)
            .or_default()
            .deleted
            .entry(key)
            .or_default();
        runs.insert(first, (count, by.1));
        self.journal.push(Step::Deleted(text, key, first));
    }

    /// Keeps everything since the last time.
    pub(super) fn keep(&mut self) {
        self.journal.clear();
    }

    /// Takes back everything since the last [`keep`](Self::keep).
    pub(super) fn undo(&mut self) {
        while let Some(step) = self.journal.pop() {
            match step {
                Step::Made(id, spot) => {
                    self.texts.remove(&spot);
                    if let Some(spots) = self.names.get_mut(&id) {
                        spots.pop();
                    }
                }
                Step::Inserted(text, actor) => {
                    if let Some(runs) = self
                        .texts
                        .get_mut(&text)
                        .and_then(|text| text.inserted.get_mut(&actor))
                    {
                        runs.pop();
                    }
                }
                Step::Deleted(text, key, first) => {
                    if let Some(runs) = self
                        .texts
                        .get_mut(&text)
                        .and_then(|text| text.deleted.get_mut(&key))
                    {
                        runs.remove(&first);
                    }
                }
            }
        }
    }
}

impl Text {
    /// Whether `actor` inserted all of the `count` elements from `first` on.
    fn has(&self, actor: u16, first: u32, count: u32) -> bool {
        let Some(runs) = self.inserted.get(&actor) else {
            return false;
        };
        let end = u64::from(first) + u64::from(count);
        let mut at = u64::from(first);
        let begin = runs
            .partition_point(|run| run.first <= first)
            .saturating_sub(1);
        for run in &runs[begin..] {
            let range = u64::from(run.first)..u64::from(run.first) + u64::from(run.len);
            if !range.contains(&at) {
                return false;
            }
            at = range.end;
            if at >= end {
                return true;
            }
        }
        false
    }
}
