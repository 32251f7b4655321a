//! Changes that no device of ours would make: whatever the format can say, with numbers that are
//! often those of something that is there.

use waymark_core::gate::{ActorId, Op, OpId, Record, TextId};

use super::choices::Choices;

/// Two authors whose sections are offered, and one whom nobody knows.
pub const ACTORS: [ActorId; 3] = [
    ActorId([0xa1; 16]),
    ActorId([0xb2; 16]),
    ActorId([0xc3; 16]),
];

const TEXTS: [&str; 8] = ["a", "bc", "\u{e4}", "\u{1f600}", "", "\n", "\u{301}", "xyz"];

pub fn text(choices: &mut Choices<'_>) -> String {
    let count = choices.below(4);
    (0..count)
        .map(|_| TEXTS[choices.below(TEXTS.len())])
        .collect()
}

pub fn text_id(choices: &mut Choices<'_>) -> TextId {
    TextId([u8::try_from(choices.below(3)).unwrap_or(0); 16])
}

pub fn record(choices: &mut Choices<'_>) -> Vec<u8> {
    let length = choices.below(40);
    let mut bytes = choices.bytes(length).to_vec();
    bytes.push(7);
    bytes
}

/// One to four ops, of which few are likely to refer to anything.
pub fn ops(choices: &mut Choices<'_>) -> Vec<Op> {
    (0..=choices.below(4)).map(|_| op(choices)).collect()
}

fn op(choices: &mut Choices<'_>) -> Op {
    match choices.below(8) {
        0 => Op::Record(Record::new(record(choices))),
        1 => Op::MakeText {
            id: text_id(choices),
        },
        2..=4 => Op::Insert {
            text: op_id(choices),
            after: (choices.below(3) > 0).then(|| op_id(choices)),
            chars: text(choices),
        },
        _ => Op::Delete {
            text: op_id(choices),
            first: op_id(choices),
            count: counter(choices),
        },
    }
}

fn op_id(choices: &mut Choices<'_>) -> OpId {
    // The third rarely.
    let actor = ACTORS[choices.below(9) % 5 % 3];
    OpId {
        counter: counter(choices),
        actor,
    }
}

fn counter(choices: &mut Choices<'_>) -> u32 {
    match choices.byte() {
        0xff => choices.number(),
        small => u32::from(small) % 24,
    }
}
