//! What was said to be written: by whom, where, and whether its device said that it is sent.

use std::collections::BTreeMap;

use waymark_core::client::PlanId;
use waymark_core::model::{RecordId, TextId};

/// What people wrote and were told is written.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    pub(super) records: Vec<Written>,
    pub(super) words: Vec<Word>,
    /// Texts from which nothing is deleted, by plan.
    pub(super) texts: BTreeMap<TextId, PlanId>,
}

/// A record.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) plan: PlanId,
    pub(super) device: usize,
    pub(super) id: RecordId,
    /// How much had been written before.
    pub(super) place: usize,
    pub(super) fate: Fate,
}

/// A word put into a text from which nothing is deleted.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) plan: PlanId,
    pub(super) device: usize,
    pub(super) text: TextId,
    pub(super) word: String,
    pub(super) place: usize,
    pub(super) fate: Fate,
    /// How many copies of its device had it unsent too: a clone, or a backup as often as the device was
    /// restored from it. Each may write it, since none knows which of the others did.
    pub(super) copies: usize,
}

/// What is known of something written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// It is on its device.
    Kept,
    /// Its device said that everything is sent.
    Sent,
    /// It was lost with its device, or brought back from before, without having been sent.
    Lost,
}

impl Oracle {
    /// How much was written.
    pub(super) fn len(&self) -> usize {
        self.records.len() + self.words.len()
    }

    /// A device wrote a record.
    pub(super) fn wrote(&mut self, plan: PlanId, device: usize, id: RecordId) {
        let place = self.len();
        self.records.push(Written {
            plan,
            device,
            id,
            place,
            fate: Fate::Kept,
        });
    }

    /// A device put a word into a text.
    pub(super) fn put(&mut self, plan: PlanId, device: usize, text: TextId, word: String) {
        let place = self.len();
        self.words.push(Word {
            plan,
            device,
            text,
            word,
            place,
            fate: Fate::Kept,
            copies: 0,
        });
    }

    /// The plans in which a device has something that is not known to be sent.
    pub(super) fn unsure(&self, device: usize) -> Vec<PlanId> {
        let records = self.records.iter().map(|w| (w.plan, w.device, w.fate));
        let words = self.words.iter().map(|w| (w.plan, w.device, w.fate));
        let is_unsure = |(plan, by, fate)| (by == device && fate == Fate::Kept).then_some(plan);
        let mut plans: Vec<PlanId> = records.chain(words).filter_map(is_unsure).collect();
        plans.sort_unstable_by_key(|plan| plan.0);
        plans.dedup();
        plans
    }

    /// A device said that everything is sent in a plan.
    pub(super) fn sent(&mut self, plan: PlanId, device: usize) {
        self.change(|of, by| of == plan && by == device, Fate::Sent);
    }

    /// From now on there are two of a device.
    pub(super) fn copied(&mut self, device: usize) {
        let words = self.words.iter_mut();
        for word in words.filter(|w| w.device == device && w.fate == Fate::Kept) {
            word.copies += 1;
        }
    }

    /// The words that a device has not sent, by their places.
    pub(super) fn unsent_words(&self, device: usize) -> Vec<usize> {
        let words = self.words.iter();
        let unsent = words.filter(|w| w.device == device && w.fate == Fate::Kept);
        unsent.map(|word| word.place).collect()
    }

    /// Words at these places may have been written again under other keys, and are unsent once more.
    pub(super) fn unsent_again(&mut self, places: &[usize]) {
        let words = self.words.iter_mut();
        for word in words.filter(|word| places.contains(&word.place)) {
            word.copies += 1;
        }
    }

    /// A device's database is as it was when so much had been written: what it wrote since and has
    /// not sent is gone.
    pub(super) fn lost_since(&mut self, device: usize, written: usize) {
        let is_it = |by, fate, place| by == device && fate == Fate::Kept && place >= written;
        for record in &mut self.records {
            if is_it(record.device, record.fate, record.place) {
                record.fate = Fate::Lost;
            }
        }
        for word in &mut self.words {
            if is_it(word.device, word.fate, word.place) {
                word.fate = Fate::Lost;
            }
        }
    }

    fn change(&mut self, is_it: impl Fn(PlanId, usize) -> bool, fate: Fate) {
        let records = self.records.iter_mut();
        let records = records.map(|w| (w.plan, w.device, &mut w.fate));
        let words = self.words.iter_mut();
        let words = words.map(|w| (w.plan, w.device, &mut w.fate));
        for (plan, device, known) in records.chain(words) {
            if *known == Fate::Kept && is_it(plan, device) {
                *known = fate;
            }
        }
    }
}
