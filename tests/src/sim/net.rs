//! The network of a run: it loses, delays, doubles and cuts what it carries.

use waymark_core::sync::Failure;

use waymark_wire::codec;
use waymark_wire::message::RefusalAnswer;

use super::report::Group;
use super::world::{Event, Piece, Sent, World};

impl World {
    /// Takes a request from a device.
    pub(super) fn send(&mut self, sent: Sent) {
        if self.time() < self.devices[sent.device].apart_until {
            self.tally.count(Group::Fault, "requests without a network");
            let wait = self.chance.millis(200);
            return self.lose(&sent, wait);
        }
        if self.is_calm {
            return self.after(5, Event::Arrive(sent));
        }
        if self.chance.is(30) {
            self.tally.count(Group::Fault, "requests lost");
            let wait = self.chance.millis(60_000);
            return self.lose(&sent, wait);
        }
        let is_slow = self.chance.is(50);
        let delay = self.chance.millis(if is_slow { 90_000 } else { 300 });
        if is_slow {
            self.tally.count(Group::Fault, "requests delayed");
        }
        if self.chance.is(30) {
            self.tally.count(Group::Fault, "requests doubled");
            let again = Sent {
                is_copy: true,
                ..sent.clone()
            };
            let later = delay + self.chance.millis(120_000);
            self.after(later, Event::Arrive(again));
        }
        self.after(delay, Event::Arrive(sent));
    }

    /// A request reaches its relay.
    pub(super) fn arrive(&mut self, sent: Sent) {
        let now = self.time();
        let relay = &mut self.relays[sent.relay];
        if now < relay.down_until {
            self.tally
                .count(Group::Fault, "requests to a relay that is down");
            let wait = self.chance.millis(100);
            return self.lose(&sent, wait);
        }
        if self.chance.force("relay restarts before a request", 20) {
            self.relays[sent.relay].restart();
            self.tally.count(Group::Fault, "relay restarts");
        }
        if self.is_unheard(&sent) {
            self.tally.count(Group::Fault, "requests kept silent about");
            let wait = self.chance.millis(60_000);
            return self.lose(&sent, wait);
        }
        let (status, body) = self.ask_relay(&sent);
        self.tally.count(Group::Run, "requests answered");
        let refusal = codec::decode::<RefusalAnswer>(&body, usize::MAX);
        let refusal = refusal.ok().filter(|_| status != 200);
        let detail = refusal.as_ref().map(|refusal| refusal.detail.clone());
        let refusal = refusal.map(|refusal| refusal.code.name());
        let why = format!(
            "{} asks relay {} for {}: {}, {} bytes",
            sent.device,
            sent.relay,
            sent.path,
            refusal.unwrap_or("ok"),
            body.len()
        );
        self.say(&why);
        if status == 400 || status >= 500 {
            self.fail(format!(
                "an honest device is answered {status} on {}: {}",
                sent.path,
                detail.unwrap_or_default()
            ));
        }
        if sent.is_copy {
            return;
        }
        let (status, body) = self.twist(&sent, status, body);
        if !self.is_calm && self.chance.is(25) {
            self.tally.count(Group::Fault, "answers lost");
            let wait = self.chance.millis(60_000);
            return self.lose(&sent, wait);
        }
        let is_slow = !self.is_calm && self.chance.is(40);
        let mut delay = self.chance.millis(if is_slow { 60_000 } else { 100 });
        if !sent.streamed || status != 200 {
            return self.answer(&sent, delay, Piece::Whole(status, body));
        }
        // Cut anywhere, also in the middle of an entry; and sometimes it ends there.
        let pieces = if body.len() < 2 {
            1
        } else {
            1 + self.chance.below(5)
        };
        let breaks = !self.is_calm && self.chance.is(40);
        let ends = if breaks {
            self.chance.below(body.len())
        } else {
            body.len()
        };
        let mut left = &body[..ends];
        for piece in 0..pieces {
            let is_last = piece + 1 == pieces;
            let length = if is_last {
                left.len()
            } else {
                self.chance.below(left.len() + 1)
            };
            let (chunk, rest) = left.split_at(length);
            left = rest;
            if !chunk.is_empty() {
                self.answer(&sent, delay, Piece::Chunk(chunk.to_vec()));
            }
            delay += self.chance.millis(50);
        }
        if breaks {
            self.tally.count(Group::Fault, "answers cut");
            self.answer(&sent, delay, Piece::Failed(Failure::Unreachable));
        } else {
            self.answer(&sent, delay, Piece::End);
        }
    }

    fn lose(&mut self, sent: &Sent, wait: i64) {
        if sent.is_copy {
            return;
        }
        let why = if wait > 10_000 {
            Failure::TimedOut
        } else {
            Failure::Unreachable
        };
        self.answer(sent, wait, Piece::Failed(why));
    }

    fn answer(&mut self, sent: &Sent, delay: i64, piece: Piece) {
        let event = Event::Answer {
            device: sent.device,
            run: sent.run,
            id: sent.id,
            piece,
        };
        self.after(delay, event);
    }
}
