//! A space that holds a relay to what it signed.

use waymark_wire::chain::{Cursor, Position};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::evidence::{Evidence, Story};
use waymark_wire::ids::{EntryId, Generation, SpaceId};
use waymark_wire::receipt::Receipt;

use super::Bench;
use crate::space::{Item, Space, SpaceError};
use crate::store::{MemoryStore, Store, Table, Transaction};

const NOW: Generation = Generation([1; 16]);
const RESTORED: Generation = Generation([2; 16]);

/// A reader that has taken the first entry, and two logs that go on from there.
struct Reader {
    bench: Bench,
    store: MemoryStore,
    space: Space,
}

impl Reader {
    fn new() -> Self {
        let bench = Bench::new();
        let (store, space) = bench.welcomed(bench.cursor().position());
        let mut reader = Self {
            bench,
            store,
            space,
        };
        reader.read(b'a', 1, NOW).unwrap();
        reader
    }

    /// The first `seq` entries of a log; those of two logs differ from the third on.
    fn log(&self, name: u8, seq: u32) -> Vec<Entry> {
        let made = (1..seq).map(|counter| {
            let body = if counter < 2 { b'=' } else { name };
            self.bench.sign(Kind::Unknown(77), counter, &[body; 300])
        });
        std::iter::once(self.bench.log[0].clone())
            .chain(made)
            .collect()
    }

    fn ids(&self, name: u8, seq: u32) -> Vec<EntryId> {
        let id = |(index, entry): (usize, &Entry)| {
            entry.id(&if index == 0 {
                SpaceId::ZERO
            } else {
                self.bench.id()
            })
        };
        self.log(name, seq).iter().enumerate().map(id).collect()
    }

    fn place(&self, name: u8, seq: u32) -> Cursor {
        let start = Cursor::start(&self.bench.id());
        let ids = self.ids(name, seq);
        ids.iter().fold(start, |at, id| at.after(id))
    }

    fn signed(&self, position: Position, generation: Generation) -> Receipt {
        let key = &self.bench.relay;
        Receipt::new(&self.bench.id(), generation, position, |text| {
            key.sign(text)
        })
    }

    fn receipt(&self, name: u8, seq: u32, generation: Generation) -> Receipt {
        self.signed(self.place(name, seq).position(), generation)
    }

    /// Takes a page of a log up to an entry.
    fn read(&mut self, name: u8, seq: u32, generation: Generation) -> Result<(), SpaceError> {
        let receipt = self.receipt(name, seq, generation);
        self.read_with(name, seq, &receipt)
    }

    fn read_with(&mut self, name: u8, seq: u32, receipt: &Receipt) -> Result<(), SpaceError> {
        let from = self.space.cursor().seq;
        let new = (1..).zip(self.log(name, seq));
        let new = new.filter(|(at, _)| *at > from);
        let items = new.map(|(seq, entry)| Item::Entry {
            seq,
            bytes: entry.into_bytes(),
        });
        let items = items.collect();
        let taken = self.space.receive(&mut self.store, items, receipt, true, 0);
        taken.map(drop)
    }

    fn answered(&mut self, name: u8, seq: u32, generation: Generation) {
        let receipt = self.receipt(name, seq, generation);
        self.space.take_word(&mut self.store, &receipt).unwrap();
    }

    /// The place of what is proven, where something is, and whether that is news.
    fn proven(&mut self) -> (Option<u64>, bool) {
        let news = self.space.tell_evidence(&mut self.store, 77).unwrap();
        let kept = self.space.evidence(&self.store).unwrap();
        let proven = kept.first().map(|kept| {
            assert_eq!(kept.noticed, Some(77));
            let bytes = kept.evidence.to_bytes();
            Evidence::from_bytes(&bytes).unwrap().verify().unwrap().seq
        });
        assert!(kept.len() < 2);
        (proven, news)
    }

    /// Goes back to an entry, as one does who was told that the rest is not on the relay.
    fn go_back(&mut self, name: u8, to: u32) {
        let from = u32::try_from(self.space.cursor().seq).unwrap();
        let ids = self.ids(name, from).split_off(usize::try_from(to).unwrap());
        let agreed = self.place(name, to);
        let mut transaction = Transaction::new();
        self.space.leave_branch(&mut transaction, &agreed, ids);
        self.space.state.cursor = agreed;
        self.space.state.opened = agreed.seq;
        self.space.state.counters = vec![to];
        self.space.save(&mut transaction);
        self.store.commit(transaction.into()).unwrap();
    }

    fn reopen(&mut self) {
        self.space = Space::load(&self.store, 0).unwrap();
    }
}

/// A relay could tell one device that it keeps what it took, and everybody else another story.
#[test]
fn an_answer_that_the_pages_contradict_is_proven_and_the_pages_are_taken() {
    for restart in [false, true] {
        let mut reader = Reader::new();
        reader.answered(b'b', 4, NOW);
        // A later word of the same story waits behind the first.
        reader.answered(b'b', 6, NOW);
        assert_eq!(reader.proven(), (None, false));
        if restart {
            reader.reopen();
        }
        reader.read(b'a', 3, NOW).unwrap();
        assert_eq!(reader.proven(), (None, false));
        reader.read(b'a', 5, NOW).unwrap();
        assert_eq!(reader.space.cursor().seq, 5);
        if restart {
            reader.reopen();
        }
        assert_eq!(reader.proven(), (Some(4), true));
        // Said once, and kept once.
        reader.answered(b'b', 6, NOW);
        reader.read(b'a', 6, NOW).unwrap();
        reader.reopen();
        assert_eq!(reader.proven(), (Some(4), false));
    }
}

/// With an open answer the entry comes before the word of it, as often as not.
#[test]
fn an_answer_for_a_place_that_was_passed_is_held_against_it() {
    let mut reader = Reader::new();
    reader.read(b'a', 5, NOW).unwrap();
    for seq in 1..=5 {
        reader.answered(b'a', seq, NOW);
    }
    reader.answered(b'b', 3, RESTORED);
    assert_eq!(reader.proven(), (None, false));
    reader.answered(b'b', 3, NOW);
    assert_eq!(reader.proven(), (Some(3), true));
    assert_eq!(reader.space.cursor().seq, 5);
}

/// A relay could otherwise say that there is nothing new, of a log that is another.
#[test]
fn a_page_for_a_place_with_another_chain_is_refused_and_kept_as_proof() {
    for seq in [4, 5] {
        let mut reader = Reader::new();
        reader.read(b'a', 5, NOW).unwrap();
        let receipt = reader.receipt(b'b', seq, NOW);
        reader.read_with(b'a', 5, &receipt).unwrap_err();
        assert_eq!(reader.proven(), (Some(u64::from(seq)), true));
        reader.read(b'a', 6, NOW).unwrap();
        assert_eq!(reader.space.cursor().seq, 6);
    }
}

/// An honest relay that was restored would otherwise be accused of what its operator said openly.
#[test]
fn another_generation_proves_nothing() {
    let mut reader = Reader::new();
    reader.answered(b'b', 4, NOW);
    reader.read(b'a', 5, RESTORED).unwrap();
    reader.answered(b'b', 5, NOW);
    reader.read(b'a', 6, RESTORED).unwrap();
    assert_eq!(reader.proven(), (None, false));
    // What it says from then on binds it again.
    reader.answered(b'b', 7, RESTORED);
    reader.read(b'a', 7, RESTORED).unwrap();
    assert_eq!(reader.proven(), (Some(7), true));
}

/// Somebody on the way could otherwise have a device keep proof against an honest relay.
#[test]
fn what_the_relay_did_not_sign_proves_nothing() {
    let mut reader = Reader::new();
    reader.read(b'a', 5, NOW).unwrap();
    let mut forged = reader.receipt(b'a', 5, NOW);
    forged.position = reader.place(b'b', 5).position();
    reader.read_with(b'a', 5, &forged).unwrap_err();
    reader.space.take_word(&mut reader.store, &forged).unwrap();
    assert_eq!(reader.proven(), (None, false));
}

/// Healing a relay would otherwise wipe out what it did.
#[test]
fn a_branch_that_was_left_is_held_against_the_one_that_follows() {
    for restart in [false, true] {
        let mut reader = Reader::new();
        reader.read(b'a', 6, NOW).unwrap();
        reader.go_back(b'a', 1);
        if restart {
            reader.reopen();
        }
        // What both have in common, and then what they have not.
        reader.read(b'b', 2, NOW).unwrap();
        assert_eq!(reader.proven(), (None, false));
        if restart {
            reader.reopen();
        }
        reader.read(b'b', 4, NOW).unwrap();
        assert_eq!(reader.proven(), (Some(4), true));
        reader.read(b'b', 9, NOW).unwrap();
        assert_eq!(reader.proven(), (Some(4), false));
    }
}

/// A relay that lost its newest entries and gets them back has told one story.
#[test]
fn a_branch_that_grows_back_or_another_history_proves_nothing() {
    for generation in [NOW, RESTORED] {
        let mut reader = Reader::new();
        reader.read(b'a', 6, NOW).unwrap();
        reader.go_back(b'a', 2);
        let shown = if generation == NOW { b'a' } else { b'b' };
        for seq in [2, 3, 5, 6, 8] {
            reader.read(shown, seq, generation).unwrap();
        }
        assert_eq!(reader.proven(), (None, false));
        // Nothing of it stays behind.
        let rows = reader.store.scan(Table::Evidence, &[], None, 9).unwrap();
        assert_eq!(rows.len(), 0);
    }
}

/// Whoever reads the other branch before it goes back to it can say so at once.
#[test]
fn two_stories_can_be_handed_over() {
    let mut reader = Reader::new();
    reader.read(b'a', 5, NOW).unwrap();
    let told = |name, seq, generation| Story {
        receipt: reader.receipt(name, seq, generation),
        ids: reader.ids(name, seq).split_off(1),
    };
    let (held, shown) = (told(b'a', 5, NOW), told(b'b', 4, NOW));
    let honest = told(b'b', 4, RESTORED);
    let agreed = reader.place(b'a', 1);
    let mut transaction = Transaction::new();
    let mut tell = |held, shown| {
        let (space, store) = (&mut reader.space, &reader.store);
        space.told_twice(store, &mut transaction, agreed, held, shown)
    };
    assert_eq!(tell(held.clone(), honest), Ok(false));
    assert_eq!(tell(held, shown), Ok(true));
    reader.store.commit(transaction.into()).unwrap();
    assert_eq!(reader.proven(), (Some(4), true));
}
