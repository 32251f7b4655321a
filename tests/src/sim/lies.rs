//! What a relay does that lies: it loses what it took, shows two logs, says nothing, and answers with
//! something else than it should. What it does about its key is not played: whoever shows another one
//! from the beginning is another relay.

use std::collections::BTreeSet;

use waymark_wire::chain::Position;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::{Generation, SpaceId};
use waymark_wire::limits;
use waymark_wire::message::{
    APPEND_PATH, AppendAnswer, AppendRequest, Frame, PullRequest, RefusalAnswer, RefusalCode,
};
use waymark_wire::receipt::Receipt;

use super::Relays;
use super::report::Group;
use super::world::{Sent, World};
use crate::liar::read_frames;

/// Answers that a relay keeps, to give them again where they do not belong.
const REMEMBERED: usize = 4;
/// Frames of one kind in an answer that does not end.
const ENDLESS: usize = 1_500;

/// Somebody hears nothing, or nothing of a space, for a while.
#[derive(Debug)]
pub(super) struct Silence {
    relay: usize,
    device: Option<usize>,
    space: Option<SpaceId>,
    until: i64,
}

impl World {
    /// A relay does something with its data, or begins to be silent.
    pub(super) fn relays_lie(&mut self) {
        if self.options.relays == Relays::Honest {
            return;
        }
        let relay = self.chance.below(self.relays.len());
        self.fall_silent(relay);
        if self.options.relays == Relays::Lying {
            self.lose_something(relay);
        }
    }

    fn fall_silent(&mut self, relay: usize) {
        let (now, most) = (self.time(), 600_000);
        if self.chance.force("relay is silent to a device", 12) {
            let device = Some(self.chance.below(self.devices.len()));
            let until = now + self.chance.millis(most);
            self.silences.push(Silence {
                relay,
                device,
                space: None,
                until,
            });
        }
        if self.chance.force("relay is silent about a space", 12) {
            let spaces = self.ledger.spaces();
            let space = self.chance.pick(&spaces).copied();
            let until = now + self.chance.millis(most);
            self.silences.push(Silence {
                relay,
                device: None,
                space,
                until,
            });
        }
        self.silences.retain(|silence| silence.until > now);
    }

    fn lose_something(&mut self, relay: usize) {
        let has_copies = self.relays[relay].copies() > 0;
        if self.relays[relay].is_forked() {
            if self.chance.is(60) {
                self.join(relay);
            }
        } else if self.chance.is(40) {
            self.relays[relay].keep_copy();
            self.tally.count(Group::Run, "copies of relays");
            self.say(&format!("relay {relay} is backed up"));
        } else if has_copies && self.chance.force("relay rolls back", 30) {
            self.roll_back(relay, false);
        } else if has_copies && self.chance.force("relay is restored from a backup", 20) {
            self.roll_back(relay, true);
        } else if self.chance.force("relay forks", 20) {
            let all = 0..self.devices.len();
            let devices: BTreeSet<usize> = all.filter(|_| self.chance.is(500)).collect();
            self.say(&format!(
                "relay {relay} shows {devices:?} a log of their own"
            ));
            self.relays[relay].fork(devices);
            self.tally.count(Group::Fault, "relay forks");
        }
    }

    fn roll_back(&mut self, relay: usize, openly: bool) {
        let copies = self.relays[relay].copies();
        let copy = self.chance.below(copies);
        let lost = self.relays[relay].roll_back(copy, openly);
        let name = if openly {
            "relay restored from a backup"
        } else {
            "relay rolled back"
        };
        self.tally.count(Group::Fault, name);
        self.say(&format!("{name}: {relay}, {} spaces", lost.len()));
        self.hurt.extend(lost);
        self.note_forgotten();
    }

    fn join(&mut self, relay: usize) {
        let keep_other = self.chance.is(500);
        let lost = self.relays[relay].join(keep_other);
        self.say(&format!(
            "relay {relay} shows one log, {} spaces lose",
            lost.len()
        ));
        self.hurt.extend(lost);
        self.note_forgotten();
    }

    /// From now on relays are honest, in whatever state they are.
    pub(super) fn relays_mend(&mut self) {
        self.silences.clear();
        for relay in 0..self.relays.len() {
            if self.relays[relay].is_forked() {
                self.join(relay);
            }
        }
    }

    /// Whether a request is not heard.
    pub(super) fn is_unheard(&self, sent: &Sent) -> bool {
        let mut here = self.silences(sent).peekable();
        if here.peek().is_none() {
            return false;
        }
        let append = (sent.path == APPEND_PATH).then(|| codec::decode(&sent.body, usize::MAX));
        let append: Option<AppendRequest> = append.and_then(Result::ok);
        let space = append.map(|append| append.space);
        here.any(|silence| match silence.device {
            Some(device) => device == sent.device,
            None => silence.space.is_some() && silence.space == space,
        })
    }

    fn silences<'w>(&'w self, sent: &Sent) -> impl Iterator<Item = &'w Silence> {
        let (now, relay) = (self.time(), sent.relay);
        let silences = self.silences.iter();
        silences.filter(move |silence| silence.relay == relay && silence.until > now)
    }

    /// Has a relay answer a request; it may keep nothing of it.
    pub(super) fn ask_relay(&mut self, sent: &Sent) -> (u16, Vec<u8>) {
        let now = self.time();
        let request = (sent.device, sent.path.as_str(), sent.body.as_slice());
        let forgets = self.options.relays == Relays::Lying
            && sent.path == APPEND_PATH
            && self
                .chance
                .force("relay says that it took what it did not", 25);
        let relay = &mut self.relays[sent.relay];
        if !forgets {
            return relay.answer(now, request, &mut self.ledger);
        }
        let (lost, answer) = relay.answer_and_forget(now, request, &mut self.ledger);
        self.tally.count(Group::Fault, "lies about storing");
        self.say(&format!("relay {} keeps nothing of it", sent.relay));
        self.hurt.extend(lost);
        self.note_forgotten();
        answer
    }

    /// What a device is answered in place of what is true.
    pub(super) fn twist(&mut self, sent: &Sent, status: u16, body: Vec<u8>) -> (u16, Vec<u8>) {
        if self.options.relays == Relays::Honest || self.is_calm {
            return (status, body);
        }
        if self.chance.force("refusals for no reason", 40) {
            self.tally
                .count(Group::Fault, "answers: refusals for no reason");
            let refused = RefusalAnswer {
                code: self.some_code(),
                detail: String::new(),
                nonce: Bytes(vec![7; 16]),
                seqs: Vec::new(),
                head: None,
                membership: Vec::new(),
            };
            return (refused.code.status(), codec::encode(&refused));
        }
        if status != 200 {
            return (status, body);
        }
        if sent.path == APPEND_PATH {
            return (status, self.twist_append(sent, body));
        }
        if !sent.streamed {
            return (status, body);
        }
        let body = self.hide(sent, body);
        (status, self.twist_pull(sent, body))
    }

    fn some_code(&mut self) -> RefusalCode {
        let codes = [
            RefusalCode::BadRequest,
            RefusalCode::NotFound,
            RefusalCode::StaleMembership,
            RefusalCode::MembershipMoved,
            RefusalCode::Counter,
            RefusalCode::Forbidden,
            RefusalCode::Unsupported,
            RefusalCode::Nonce,
            RefusalCode::UnknownPosition,
            RefusalCode::TooLarge,
            RefusalCode::Unavailable,
            RefusalCode::Admission,
            RefusalCode::Attachment,
            RefusalCode::Closed,
        ];
        self.chance
            .pick(&codes)
            .copied()
            .unwrap_or(RefusalCode::NotFound)
    }

    /// Says where it put something, and puts it elsewhere.
    fn twist_append(&mut self, sent: &Sent, body: Vec<u8>) -> Vec<u8> {
        if !self.chance.force("wrong places in receipts", 40) {
            return body;
        }
        let request = codec::decode::<AppendRequest>(&sent.body, usize::MAX);
        let answer = codec::decode::<AppendAnswer>(&body, usize::MAX);
        let (Ok(request), Ok(mut answer)) = (request, answer) else {
            return body;
        };
        let position = Position {
            seq: answer.receipt.position.seq + 3,
            ..answer.receipt.position
        };
        for seq in &mut answer.seqs {
            *seq += 3;
        }
        let key = self.relays[sent.relay].key();
        let generation = answer.receipt.generation;
        answer.receipt = Receipt::new(&request.space, generation, position, |text| key.sign(text));
        self.tally.count(Group::Fault, "answers: wrong places");
        codec::encode(&answer)
    }

    /// Leaves out what came since of spaces about which nothing is said.
    fn hide(&mut self, sent: &Sent, body: Vec<u8>) -> Vec<u8> {
        let hidden: BTreeSet<SpaceId> = self.silences(sent).filter_map(|s| s.space).collect();
        let request = codec::decode::<PullRequest>(&sent.body, limits::PULL_BODY);
        let (Ok(request), false) = (request, hidden.is_empty()) else {
            return body;
        };
        let asked = (0..).zip(&request.spaces);
        let asked: Vec<_> = asked
            .filter(|(_, s)| hidden.contains(&s.proof.space))
            .collect();
        if asked.is_empty() {
            return body;
        }
        let mut frames = read_frames(&body);
        let generation = frames.iter().find_map(|frame| match frame {
            Frame::Page { receipt, .. } => Some(receipt.generation),
            _ => None,
        });
        let key = self.relays[sent.relay].key();
        for (number, asked) in asked {
            frames.retain(|frame| space_of(frame) != Some(number));
            let generation = generation.unwrap_or(Generation([0; 16]));
            let sign = |text: &[u8]| key.sign(text);
            frames.push(Frame::Page {
                space: number,
                receipt: Receipt::new(&asked.proof.space, generation, asked.after, sign),
                head: asked.after.seq,
            });
            self.tally.count(Group::Fault, "spaces kept silent about");
        }
        encoded(&frames)
    }

    fn twist_pull(&mut self, sent: &Sent, body: Vec<u8>) -> Vec<u8> {
        let mut frames = read_frames(&body);
        let old = self
            .remembered
            .iter()
            .any(|(relay, _)| *relay == sent.relay);
        let (first, count) = (1, frames.len());
        let at = first + self.chance.below(count.saturating_sub(first));
        let what = if count < 2 {
            return body;
        } else if self.chance.force("frames left out", 40) {
            frames.remove(at);
            "answers: frames left out"
        } else if self.chance.force("frames repeated", 40) {
            frames.insert(at, frames[at].clone());
            "answers: frames repeated"
        } else if count > 2 && self.chance.force("frames in another order", 40) {
            let other = first + self.chance.below(count - first);
            frames.swap(at, other);
            "answers: frames in another order"
        } else if self.chance.force("bits flipped", 40) {
            let from = codec::encode(&frames[0]).len();
            let place = from + self.chance.below(body.len() - from);
            let mut flipped = body;
            flipped[place] ^= 1 << self.chance.below(8);
            self.tally.count(Group::Fault, "answers: bits flipped");
            return flipped;
        } else if old && self.chance.force("pages of something else", 40) {
            let of_it = self
                .remembered
                .iter()
                .filter(|(relay, _)| *relay == sent.relay);
            let of_it: Vec<Vec<Frame>> = of_it.map(|(_, frames)| frames.clone()).collect();
            let other = self.chance.pick(&of_it).cloned().unwrap_or_default();
            frames.splice(first.., other);
            "answers: pages of something else"
        } else if self.chance.force("answers without end", 20) {
            let again = frames[at].clone();
            let size = codec::encode(&again).len().max(1);
            // No more than a device would take, and a little.
            let often = ENDLESS.min(4 * 1024 * 1024 / size);
            frames.splice(at..at, std::iter::repeat_n(again, often));
            "answers: without end"
        } else if self.chance.force("frames longer than frames are", 20) {
            let mut long: Vec<u8> = codec::encode(&frames[0]);
            // An array of an entry's frame, and a string of four gigabytes in it.
            long.extend([0x84, 0x02, 0x00, 0x01, 0x5b, 0, 0, 0, 1, 0, 0, 0, 0]);
            long.extend(&body[codec::encode(&frames[0]).len()..]);
            self.tally.count(Group::Fault, "answers: frames too long");
            return long;
        } else if self.chance.force("spaces refused", 40) {
            let space = space_of(&frames[at]).unwrap_or_default();
            let code = self.some_code();
            frames.retain(|frame| space_of(frame) != Some(space));
            let agreed = None;
            frames.push(Frame::Refused {
                space,
                code,
                agreed,
            });
            "answers: spaces refused"
        } else {
            self.remember(sent.relay, &frames);
            return body;
        };
        self.tally.count(Group::Fault, what);
        self.say(what);
        encoded(&frames)
    }

    fn remember(&mut self, relay: usize, frames: &[Frame]) {
        if frames.len() > 2 && self.chance.is(100) {
            self.remembered.push((relay, frames[1..].to_vec()));
            if self.remembered.len() > REMEMBERED {
                self.remembered.remove(0);
            }
        }
    }
}

fn encoded(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(codec::encode).collect()
}

const fn space_of(frame: &Frame) -> Option<u16> {
    match frame {
        Frame::Attachment { space, .. }
        | Frame::Checkpoint { space, .. }
        | Frame::Entry { space, .. }
        | Frame::Own { space, .. }
        | Frame::Page { space, .. }
        | Frame::Refused { space, .. } => Some(*space),
        Frame::Hello { .. } | Frame::Heartbeat { .. } => None,
    }
}
