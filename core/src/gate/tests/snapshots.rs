//! Snapshots of documents that several devices edited: what they hold, in which order, and what is
//! refused of them.

use proptest::prelude::*;

use super::*;
use crate::gate::limits::{MAX_PART, MAX_PARTS, MAX_RECORD};

pub(super) const ALL: &dyn Fn(ActorId, u32) -> bool = &|_, _| true;
pub(super) const MEMBERS: &dyn Fn(&ActorId) -> bool = &|_| true;
pub(super) const TEXTS: [TextId; 2] = [TextId([8; 16]), TextId([9; 16])];

/// Three devices, what each has sent, and how much of it each has heard.
pub(super) struct Team {
    pub(super) devices: [Document; 3],
    pub(super) sent: [Vec<StoredChange>; 3],
    heard: [[usize; 3]; 3],
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Put(u8, u16),
    Text(usize),
    Type(usize, usize, String),
    Rub(usize, usize, usize),
    Hear(usize),
}

pub(super) fn step() -> impl Strategy<Value = (usize, Step)> {
    let text = 0..2_usize;
    let what = prop_oneof![
        (any::<u8>(), 1..400_u16).prop_map(|(byte, len)| Step::Put(byte, len)),
        text.clone().prop_map(Step::Text),
        (text.clone(), any::<usize>(), "[a-cé🌿]{1,6}").prop_map(|(t, at, s)| Step::Type(t, at, s)),
        (text, any::<usize>(), 1..9_usize).prop_map(|(t, at, n)| Step::Rub(t, at, n)),
        (0..3_usize).prop_map(Step::Hear),
    ];
    (0..3_usize, what)
}

impl Team {
    fn new() -> Self {
        Self {
            devices: [1, 2, 3].map(|n| Document::new(actor(n))),
            sent: Default::default(),
            heard: [[0; 3]; 3],
        }
    }

    pub(super) fn play(steps: &[(usize, Step)]) -> Self {
        let mut team = Self::new();
        for (who, step) in steps {
            team.does(*who, step);
        }
        team
    }

    pub(super) fn does(&mut self, who: usize, step: &Step) {
        let device = &mut self.devices[who];
        let made = match step {
            Step::Put(byte, len) => device.put_record(&vec![*byte; usize::from(*len)]).unwrap(),
            Step::Text(text) => device.make_text(TEXTS[*text]).ok(),
            Step::Type(text, at, chars) => {
                let length = device.text(&TEXTS[*text]).map_or(0, |t| t.chars().count());
                let at = at % (length + 1);
                device
                    .splice_text(TEXTS[*text], at, 0, chars)
                    .ok()
                    .flatten()
            }
            Step::Rub(text, at, count) => {
                let length = device.text(&TEXTS[*text]).map_or(0, |t| t.chars().count());
                let at = at % (length + 1);
                let count = (*count).min(length - at);
                device
                    .splice_text(TEXTS[*text], at, count, "")
                    .ok()
                    .flatten()
            }
            Step::Hear(from) => return self.hear(who, *from),
        };
        self.sent[who].extend(made);
    }

    /// `who` hears all of `from`, if nothing is missing for it.
    pub(super) fn hear(&mut self, who: usize, from: usize) {
        let news = &self.sent[from][self.heard[who][from]..];
        if who != from && !news.is_empty() && applied(offer(&mut self.devices[who], news)) {
            self.heard[who][from] = self.sent[from].len();
        }
    }

    /// Everybody's changes, told in the order of `first` and round from there.
    pub(super) fn reader(&self, first: usize) -> Document {
        let mut reader = Document::new(actor(99));
        for _ in 0..3 {
            for at in 0..3 {
                let sent = &self.sent[(first + at) % 3];
                // One by one: a whole run may have to wait for somebody who waits for it.
                for change in sent {
                    let _ = offer(&mut reader, std::slice::from_ref(change)).unwrap();
                }
            }
        }
        let mut left = usize::MAX;
        while left > 0 {
            let offered = self.sent.iter().flatten();
            let waiting = offered.filter(|change| {
                let offered = offer(&mut reader, std::slice::from_ref(change));
                matches!(offered.unwrap(), Accepted::Waiting { .. })
            });
            let now = waiting.count();
            assert!(now < left, "what waits is not missing anything");
            left = now;
        }
        reader
    }
}

pub(super) fn snapshot(document: &Document) -> Vec<Vec<u8>> {
    document.to_snapshot(NAME, ALL).unwrap()
}

pub(super) fn load(parts: &[Vec<u8>]) -> Result<Document, GateError> {
    Document::from_snapshot(actor(77), NAME, MEMBERS, parts)
}

/// The content of the first part, not packed, to be changed.
fn content(parts: &[Vec<u8>]) -> Vec<u8> {
    packing::unpack(&parts[0][PartHeader::LENGTH..], usize::MAX / 32, "part")
        .unwrap()
        .into_owned()
}

/// A lone part with this content.
fn part(content: &[u8]) -> Vec<Vec<u8>> {
    let mut part = vec![0, 1, 0, 0, 94, 247, 0, 0, 0, 1, 0];
    part.extend(content);
    vec![part]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Two devices that hold the same must write the same checkpoint, and who starts from it must
    /// see what everybody sees.
    #[test]
    fn a_snapshot_holds_the_document_whatever_the_order_its_changes_came_in(
        steps in prop::collection::vec(step(), 1..60),
        first in 0..3_usize,
    ) {
        let team = Team::play(&steps);
        let (one, other) = (team.reader(0), team.reader(first));
        prop_assert_eq!(view(&one), view(&other));
        if one.change_count() == 0 {
            prop_assert_eq!(one.to_snapshot(NAME, ALL), Err(GateError::Malformed("snapshot")));
            return Ok(());
        }
        let parts = snapshot(&one);
        prop_assert_eq!(&parts, &snapshot(&other));
        let loaded = load(&parts).unwrap();
        prop_assert_eq!(view(&loaded), view(&one));
        prop_assert_eq!(snapshot(&loaded), parts.clone());

        let summary = inspect_snapshot(NAME, MEMBERS, &parts).unwrap();
        prop_assert_eq!(summary.changes, one.change_count());
        prop_assert_eq!(summary.digest, one.digest(ALL).unwrap());
        let sent = team.sent.iter().flatten().map(|change| change.hash);
        prop_assert_eq!(summary.digest, ChangesDigest::of(sent));
        for (author, last) in summary.authors {
            let sent = team.sent.iter().find(|sent| sent.first().is_some_and(|c| c.actor == author));
            prop_assert_eq!(sent.map(Vec::len), Some(last as usize));
        }
    }

    /// A device that was away with edits of its own gets what it lacks and loses nothing; its edits
    /// still reach the others.
    #[test]
    fn a_snapshot_is_merged_into_what_a_device_has(
        steps in prop::collection::vec(step(), 1..50),
        who in 0..3_usize,
    ) {
        let team = Team::play(&steps);
        let whole = team.reader(0);
        let Team { mut devices, mut sent, .. } = team;
        // What the device has not sent yet is not in the log.
        let published = sent[who].len() / 2;
        let unsent = |by: ActorId, seq: u32| by == sent[who][0].actor && seq as usize > published;
        let Ok(parts) = whole.to_snapshot(NAME, &|by, seq| {
            sent[who].is_empty() || !unsent(by, seq)
        }) else {
            // Others depend on what is left out here, or nothing is left.
            return Ok(());
        };
        let device = &mut devices[who];
        let merged = device.accept_snapshot(NAME, MEMBERS, &parts).unwrap();
        prop_assert_eq!(view(device), view(&whole));
        let count = merged.summary.changes;
        prop_assert!(merged.new <= count);
        let again = device.accept_snapshot(NAME, MEMBERS, &parts).unwrap();
        prop_assert_eq!((again.new, again.records, again.texts), (0, vec![], vec![]));
        if let Some(change) = device.put_record(b"goes on").unwrap() {
            sent[who].push(change.clone());
            let mut whole = whole;
            prop_assert!(applied(offer(&mut whole, &[change])));
            prop_assert_eq!(view(device), view(&whole));
        }
    }

    /// Damage on the way is named; it never reads as another history, and never leaves half of one.
    #[test]
    fn damage_is_refused_whole(
        steps in prop::collection::vec(step(), 4..40),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        cut in any::<bool>(),
    ) {
        let whole = Team::play(&steps).reader(0);
        prop_assume!(whole.change_count() > 0);
        let plain = content(&snapshot(&whole));
        prop_assert!(load(&part(&plain)).is_ok());
        let mut damaged = plain.clone();
        let at = at.index(plain.len());
        if cut {
            damaged.truncate(at);
        } else {
            damaged[at] ^= 1 << bit;
        }
        let mut device = Document::new(actor(5));
        device.put_record(b"own").unwrap();
        device.make_text(TEXTS[0]).unwrap();
        let before = view(&device);
        let refused = device.accept_snapshot(NAME, MEMBERS, &part(&damaged));
        prop_assert!(refused.is_err(), "{refused:?}");
        prop_assert!(load(&part(&damaged)).is_err());
        prop_assert_eq!(view(&device), before);
        // It can still take the honest one, so nothing of the other was left behind.
        device.accept_snapshot(NAME, MEMBERS, &part(&plain)).unwrap();
        device.splice_text(TEXTS[0], 0, 0, "own").unwrap();
    }
}

fn typed() -> Document {
    let mut document = Document::new(actor(1));
    document.make_text(TEXT).unwrap();
    for (at, char) in "a long evening walk".chars().enumerate() {
        document
            .splice_text(TEXT, at, 0, &char.to_string())
            .unwrap();
    }
    document.put_record(b"a record").unwrap();
    document
}

/// A checkpoint of ten thousand key strokes must not weigh ten times the text.
#[test]
fn typing_takes_less_than_a_byte_for_a_letter() {
    let mut document = Document::new(actor(1));
    document.make_text(TEXT).unwrap();
    let letters = (0..1_500_u16).map(|at| {
        let [high, low] = at.to_be_bytes();
        char::from(b'a' + RecordId::of(&[high, low]).0[0] % 26)
    });
    for (at, letter) in letters.enumerate() {
        document
            .splice_text(TEXT, at, 0, &letter.to_string())
            .unwrap();
    }
    let [part] = snapshot(&document).try_into().unwrap();
    assert!(part.len() < 1_200, "{} bytes", part.len());
}

/// Whoever writes a checkpoint could otherwise leave out, invent, double or alter what others said.
#[test]
fn what_was_left_out_invented_or_altered_shows_in_the_digest() {
    let honest = typed();
    let digest = honest.digest(ALL).unwrap();
    let shown = |document: &Document| {
        let parts = snapshot(document);
        inspect_snapshot(NAME, MEMBERS, &parts).unwrap().digest
    };
    assert_eq!(shown(&honest), digest);
    let shorter = honest.to_snapshot(NAME, &|_, seq| seq < 21).unwrap();
    let shorter = inspect_snapshot(NAME, MEMBERS, &shorter).unwrap();
    assert_eq!(shorter.authors, vec![(actor(1), 20)]);
    assert_eq!(shorter.digest, honest.digest(&|_, seq| seq < 21).unwrap());
    assert_ne!(shorter.digest, digest);
    let mut more = load(&snapshot(&honest)).unwrap();
    more.put_record(b"never said").unwrap();
    assert_ne!(shown(&more), digest);
    // Nothing from the middle can be left out.
    assert_eq!(
        honest.to_snapshot(NAME, &|_, seq| seq != 5),
        Err(GateError::Damaged("changes without others"))
    );
    // An altered change is another change, which a device that knows the first one refuses.
    let mut content = content(&snapshot(&honest));
    let at = content.len() - 9;
    content[at] ^= 1;
    assert_eq!(load(&part(&content)).err(), Some(GateError::HashMismatch));
    let mut device = typed();
    assert_eq!(
        device.accept_snapshot(NAME, MEMBERS, &part(&content)),
        Err(GateError::Forked { seq: 21 })
    );
    assert_eq!(view(&device), view(&honest));
}

/// Strangers in a checkpoint would be authors whom nobody invited.
#[test]
fn authors_must_have_been_members() {
    let parts = snapshot(&typed());
    let nobody = |_: &ActorId| false;
    let refused = Some(GateError::UnknownActor);
    assert_eq!(inspect_snapshot(NAME, &nobody, &parts).err(), refused);
    let loaded = Document::from_snapshot(actor(2), NAME, &nobody, &parts);
    assert_eq!(loaded.err(), refused);
}

/// Numbers that promise much must not cost memory, and nothing may refer to what comes later.
#[test]
fn forged_columns_are_refused() {
    let columns = |columns: [&[u8]; 7], changes: u8| {
        let mut content = vec![changes, 1];
        content.extend([1; 16]);
        for column in columns {
            content.push(u8::try_from(column.len()).unwrap());
            content.extend(column);
        }
        content.extend([0; 8]);
        load(&part(&content)).err()
    };
    let malformed = |what| Some(GateError::Malformed(what));
    let big: &[u8] = &[0, 0xff, 0xff, 0xff, 0xff, 0x0f];
    type Case<'a> = ([&'a [u8]; 7], u8, Option<GateError>);
    let cases: [Case<'_>; 16] = [
        // Two records, as they should be but for the check.
        (
            [&[0, 2], &[], &[1, 2], &[0, 2], &[], &[1, 1], b"ab"],
            2,
            Some(GateError::HashMismatch),
        ),
        // The same record twice: two changes, neither of which the other's hash would fit.
        (
            [&[0, 2], &[], &[1, 2], &[0, 2], &[], &[1, 1], b"aa"],
            2,
            Some(GateError::HashMismatch),
        ),
        (
            [&[0, 2], &[], &[1, 2], &[0, 2], &[], &[1, 1], b"a"],
            2,
            malformed("record"),
        ),
        (
            [&[0, 2], &[], &[1, 2], &[0, 2], &[], &[1, 1], b"abc"],
            2,
            malformed("snapshot part"),
        ),
        (
            [&[0, 3], &[], &[1, 2], &[0, 2], &[], &[1, 1], b"ab"],
            2,
            malformed("snapshot part"),
        ),
        (
            [&[0, 1], &[], &[1, 2], &[0, 2], &[], &[1, 1], b"ab"],
            2,
            malformed("author"),
        ),
        (
            [&[1, 2], &[], &[1, 2], &[0, 2], &[], &[1, 1], b"ab"],
            2,
            malformed("author"),
        ),
        (
            [big, &[], big, big, &[], &[1, 1], b"ab"],
            2,
            malformed("ops"),
        ),
        // A dependency on itself, on what is not there, on the author's own, as expected anyway.
        (
            [&[0, 2], &[0, 1, 0], &[1, 2], &[0, 2], &[], &[1, 1], b"ab"],
            2,
            malformed("dependencies"),
        ),
        (
            [&[0, 2], &[1, 1, 2], &[1, 2], &[0, 2], &[], &[1, 1], b"ab"],
            2,
            malformed("dependencies"),
        ),
        (
            [&[0, 2], &[1, 1, 1], &[1, 2], &[0, 2], &[], &[1, 1], b"ab"],
            2,
            Some(GateError::Dependencies),
        ),
        (
            [&[0, 2], &[1, 0], &[1, 2], &[0, 2], &[], &[1, 1], b"ab"],
            2,
            malformed("dependencies"),
        ),
        // A text that is nowhere, an element that is nowhere, an endless delete.
        (
            [&[0, 1], &[], &[1, 1], &[2, 1], &[0, 0], &[1], b"a"],
            1,
            malformed("text reference"),
        ),
        (
            [&[0, 1], &[], &[1, 1], &[2, 1], &[1, 5, 0], &[1], b"a"],
            1,
            Some(GateError::UnknownText),
        ),
        (
            [
                &[0, 1],
                &[],
                &[2, 1],
                &[1, 1, 3, 1],
                &[0, 2, 2, 0xff, 0xff, 0xff, 0x7f],
                &[],
                &[7; 16],
            ],
            1,
            Some(GateError::TooLarge("operations")),
        ),
        (
            [&[0, 1], &[], big, &[1, 9], &[], &[], &[7; 16]],
            1,
            malformed("ops"),
        ),
    ];
    for (number, (case, changes, error)) in cases.into_iter().enumerate() {
        let found = columns(case, changes);
        if number == 7 || number == 15 {
            assert!(
                matches!(found, Some(GateError::Malformed(_))),
                "{number}: {found:?}"
            );
        } else {
            assert_eq!(found, error, "{number}");
        }
    }
}

/// Parts of two snapshots, or of one in another order, would be a history that nobody wrote.
#[test]
fn parts_come_in_order_and_from_one_snapshot() {
    let long = |by: u8| {
        let mut document = Document::new(actor(1));
        for n in 0..40_u8 {
            let noise = (0..u16::try_from(MAX_RECORD / 32).unwrap_or(0)).flat_map(|at| {
                let [high, low] = at.to_be_bytes();
                RecordId::of(&[by, n, high, low]).0.repeat(2)
            });
            document.put_record(&noise.collect::<Vec<_>>()).unwrap();
        }
        document
    };
    let (one, other) = (long(1), long(2));
    let (parts, others) = (snapshot(&one), snapshot(&other));
    assert_eq!(parts.len(), 3);
    assert!(parts.iter().all(|part| part.len() <= MAX_PART));
    assert_eq!(view(&load(&parts).unwrap()), view(&one));
    for (index, part) in (0..).zip(&parts) {
        let header = PartHeader {
            name: NAME,
            index,
            count: 3,
        };
        assert_eq!(PartHeader::of(part), Ok(header));
    }

    let order = Some(GateError::Malformed("order of snapshot parts"));
    assert_eq!(load(&parts[..2]).err(), order);
    assert_eq!(
        load(&[parts[0].clone(), parts[2].clone(), parts[1].clone()]).err(),
        order
    );
    assert_eq!(
        load(&[parts[0].clone(), parts[0].clone(), parts[2].clone()]).err(),
        order
    );
    let mixed = [parts[0].clone(), others[1].clone(), parts[2].clone()];
    assert_eq!(load(&mixed).err(), Some(GateError::HashMismatch));
    let elsewhere = DocumentName { kind: 2, part: 0 };
    assert_eq!(inspect_snapshot(elsewhere, MEMBERS, &parts).err(), order);
    assert_eq!(load(&[]).err(), Some(GateError::Malformed("snapshot")));
    let endless = vec![Vec::new(); MAX_PARTS + 1];
    assert_eq!(load(&endless).err(), Some(GateError::TooLarge("snapshot")));
    let fat = vec![vec![0; MAX_PART + 1]];
    assert_eq!(load(&fat).err(), Some(GateError::TooLarge("snapshot part")));

    // A device that has half of it is not left with a third half.
    let mut device = Document::new(actor(3));
    device.put_record(b"own").unwrap();
    let before = view(&device);
    assert!(device.accept_snapshot(NAME, MEMBERS, &mixed).is_err());
    assert_eq!(view(&device), before);
    assert_eq!(
        device.accept_snapshot(NAME, MEMBERS, &parts).unwrap().new,
        40
    );
}
