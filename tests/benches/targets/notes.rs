//! One note that two people worked on apart: each reads what the other wrote into it. Beside that plain
//! Automerge, in memory: no network, no disk, no keys.

use std::time::Duration;

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ObjId, ObjType, ROOT, ReadDoc};
use tokio::runtime::Runtime;
use waymark_core::client::PlanId;
use waymark_core::model::TextId;
use waymark_tests::{Device, TestRelay, begin_at, link_therapist};

use crate::Effort;
use crate::catch_up::sync;
use crate::report::Row;
use crate::rounds::{in_turn, timed};

/// Words that each writes into it in a round.
const WORDS: usize = 100;
const WORD: &str = "Thursday ";

pub(crate) fn of_two_people(effort: Effort) -> Vec<Row> {
    let runtime = Runtime::new().expect("a runtime");
    let relay = runtime.block_on(TestRelay::start());
    let (phone, plan) = begin_at(&relay.url());
    let tablet = runtime.block_on(link_therapist(&phone, plan));
    let texts = phone.client().texts();
    let note = texts.create(plan, None, Some("for Thursday"));
    let note = note.expect("a note").text;
    sync(&runtime, &phone);
    sync(&runtime, &tablet);

    let ours = || {
        write(&phone, plan, note, 0);
        write(&tablet, plan, note, 1);
        sync(&runtime, &phone);
        // One that reads and sends, and one that reads.
        let (time, ()) = timed(|| {
            sync(&runtime, &tablet);
            sync(&runtime, &phone);
        });
        assert_eq!(read(&phone, plan, note), read(&tablet, plan, note));
        time
    };
    let mut plain = Plain::new();
    let pair = in_turn(effort.of(11, 2), ours, || plain.round());
    let measure = format!("two people's {WORDS} words each in one note");
    vec![Row::compared(&measure, pair.ours, pair.baseline)]
}

/// Words here and there.
fn write(device: &Device, plan: PlanId, note: TextId, from: usize) {
    let texts = device.client().texts();
    let mut length = read(device, plan, note).chars().count();
    for word in 0..WORDS {
        let at = place(word + from, length);
        let at = u32::try_from(at).expect("a short note");
        texts.splice(plan, note, at, 0, WORD).expect("written");
        length += WORD.len();
    }
}

/// Where the next word goes.
const fn place(word: usize, length: usize) -> usize {
    (word * 7_919) % (length + 1)
}

fn read(device: &Device, plan: PlanId, note: TextId) -> String {
    device.client().texts().read(plan, note).expect("the note")
}

/// Two copies of one document of plain Automerge.
struct Plain {
    copies: [Automerge; 2],
    note: ObjId,
}

impl Plain {
    fn new() -> Self {
        let mut first = Automerge::new().with_actor(ActorId::from([1; 16]));
        let mut transaction = first.transaction();
        let note = transaction.put_object(ROOT, "note", ObjType::Text);
        let note = note.expect("a text");
        transaction.commit();
        let second = first.fork().with_actor(ActorId::from([2; 16]));
        Self {
            copies: [first, second],
            note,
        }
    }

    /// Writes in both, and lets each have what the other wrote: how long that takes.
    fn round(&mut self) -> Duration {
        let before = self.copies[0].get_heads();
        for (from, copy) in self.copies.iter_mut().enumerate() {
            for word in 0..WORDS {
                let at = place(word + from, copy.length(&self.note));
                let mut transaction = copy.transaction();
                transaction
                    .splice_text(&self.note, at, 0, WORD)
                    .expect("written");
                transaction.commit();
            }
        }
        let [first, second] = &mut self.copies;
        let (time, ()) = timed(|| {
            let theirs = first.save_after(&before);
            let ours = second.save_after(&before);
            second.load_incremental(&theirs).expect("it loads");
            first.load_incremental(&ours).expect("it loads");
        });
        time
    }
}
