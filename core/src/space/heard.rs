//! When each member was last heard. A relay can withhold what somebody says, and nobody can tell that
//! from silence; but a person who sees since when a device is silent can ask.

use minicbor::{Decode, Encode};
use waymark_wire::ids::DeviceNumber;

use super::Space;

/// The newest entry of a member, as this device received it.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Heard {
    /// Its place in the log.
    #[n(0)]
    pub seq: u64,
    /// When it came here, in milliseconds since the Unix epoch, by this device's clock.
    #[n(1)]
    pub at_ms: i64,
    /// Its counter: an entry that is shown again, or that a relay lost and got back, is no news.
    #[n(2)]
    pub(super) counter: u32,
}

impl Space {
    /// When a member was last heard; `None` where nothing of it has come.
    #[must_use]
    pub fn last_heard(&self, device: DeviceNumber) -> Option<Heard> {
        self.state.heard.get(&device).copied()
    }

    /// Notes that an entry of a member has come.
    pub(super) fn note_heard(&mut self, seq: u64, device: DeviceNumber, counter: u32, now_ms: i64) {
        let known = self.last_heard(device);
        let at_ms = match known {
            Some(known) if known.counter > counter => return,
            Some(known) if known.counter == counter => known.at_ms,
            _ => now_ms,
        };
        let heard = Heard {
            seq,
            at_ms,
            counter,
        };
        self.state.heard.insert(device, heard);
    }

    /// Forgets those who are members no more.
    pub(super) fn forget_silent(&mut self) {
        if let Some(book) = &self.book {
            let members = book.membership();
            let heard = &mut self.state.heard;
            heard.retain(|device, _| members.member(*device).is_some());
        }
    }
}
