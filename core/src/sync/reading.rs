//! An answer that is being read: how far each of its spaces is, and the page that is not at its end.
//!
//! Nothing here touches a space. It holds what a relay sends until a page is whole, and no more of
//! it than relays that keep to the protocol send.

use waymark_wire::codec::SequenceReader;
use waymark_wire::ids::DeviceNumber;
use waymark_wire::limits;
use waymark_wire::message::{Frame, PlacedEntry};

use super::machine::Taken;
use super::start::{Ask, Offered};
use super::{Problem, Timestamp};
use crate::space::Item;

/// For one whole frame; a heartbeat comes oftener.
const FRAME_MS: i64 = 120_000;
/// Bytes of pages that are not at their end, at most: one page, with one entry more and everything
/// that its entries name.
const PENDING: usize =
    limits::PAGE_BYTES + limits::FRAME + limits::ATTACHMENTS * limits::ATTACHMENT;

/// An answer that is being read.
#[derive(Debug)]
pub(super) struct Pull {
    pub(super) reader: SequenceReader,
    pub(super) spaces: Vec<Reading>,
    pub(super) greeted: bool,
    /// Bytes in the pages that are not at their end.
    pub(super) pending: usize,
    /// When the last whole frame came.
    pub(super) last_frame: Timestamp,
}

/// How far one space of an answer is.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) number: u32,
    /// The membership as which it was asked for.
    pub(super) device: DeviceNumber,
    pub(super) page: Vec<Item>,
    /// What the relay said that it took before this was asked: so far the log reaches at least.
    pub(super) expects: Option<Taken>,
    /// What was asked for.
    pub(super) ask: Ask,
    /// The checkpoint that is offered in its place, and what belongs to it.
    pub(super) offered: Option<Offered>,
    /// Whether own entries were asked for whole.
    pub(super) whole: bool,
    /// Whether it is only for the keys that the relay left out before.
    pub(super) for_keys: bool,
    /// Nothing more is taken of this space from this answer.
    pub(super) over: bool,
    pub(super) refused: bool,
    /// It was read to its end.
    pub(super) done: bool,
}

impl Pull {
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.spaces.iter().map(|reading| reading.number)
    }

    /// Whether a log has not come to its end.
    pub(super) fn is_behind(&self) -> bool {
        self.spaces
            .iter()
            .any(|reading| !reading.over && !reading.done)
    }

    /// Whether everything that may still come is of spaces that failed.
    pub(super) fn is_pointless(&self) -> bool {
        let is_left = |reading: &Reading| reading.over && !reading.done && !reading.refused;
        !self.is_behind() && self.spaces.iter().any(is_left)
    }

    /// Whether a frame is not of a space of which nothing more is taken.
    pub(super) fn is_of_use(&self, frame: &Frame) -> bool {
        let (Frame::Attachment { space, .. }
        | Frame::Checkpoint { space, .. }
        | Frame::Entry { space, .. }
        | Frame::Own { space, .. }
        | Frame::Page { space, .. }
        | Frame::Refused { space, .. }) = frame
        else {
            return true;
        };
        let reading = self.spaces.get(usize::from(*space));
        reading.is_some_and(|reading| !reading.over)
    }

    /// When the next whole frame has to be here.
    pub(super) const fn deadline(&self) -> Timestamp {
        self.last_frame.plus(FRAME_MS)
    }

    /// Takes a part of a page, as long as the parts are no more than relays send.
    pub(super) fn take(&mut self, space: u16, item: Item) -> Result<(), Problem> {
        let size = item.size();
        let reading = self.reading(space)?;
        if reading.over {
            // Nothing of it is kept, and the other spaces do not suffer from it.
            return Ok(());
        }
        reading.take(item)?;
        self.pending += size;
        if self.pending > PENDING {
            return Err(Problem::Garbled("pages without end".into()));
        }
        Ok(())
    }

    pub(super) fn reading(&mut self, space: u16) -> Result<&mut Reading, Problem> {
        self.spaces
            .get_mut(usize::from(space))
            .ok_or_else(|| Problem::Garbled("it names a space that was not asked for".into()))
    }
}

impl Reading {
    /// Takes a checkpoint that is offered, if one was asked for and nothing else has come.
    pub(super) fn offer(&mut self, checkpoint: PlacedEntry) -> Result<(), Problem> {
        // Where only keys are wanted, they come with the membership that follows.
        if self.over || self.for_keys {
            return Ok(());
        }
        if self.ask != Ask::Checkpoint || self.offered.is_some() || !self.page.is_empty() {
            let what = "a checkpoint that was not asked for";
            return Err(Problem::Garbled(what.into()));
        }
        self.offered = Some(Offered::new(checkpoint));
        Ok(())
    }

    fn take(&mut self, item: Item) -> Result<(), Problem> {
        // A page has at most this many entries, each with at most two attachments that matter here.
        if self.page.len() >= 4 * limits::PAGE_ENTRIES {
            return Err(Problem::Garbled("a page without end".into()));
        }
        self.page.push(item);
        Ok(())
    }
}
