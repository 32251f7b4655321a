use crate::gate::error::GateError;
use crate::gate::limits::MAX_COUNTER;
use crate::gate::varint::{Reader, put};

/// An operation: its author's number in the snapshot, and the counter.
pub(super) type Spot = (u32, u32);

/// Where each author was last: who types or deletes goes on from there, which then takes one byte.
#[derive(Default)]
pub(super) struct Hands(Vec<Hand>);

#[derive(Clone, Copy)]
struct Hand {
    text: Option<Spot>,
    element: Spot,
}

impl Hands {
    /// One more author, who was nowhere yet.
    pub(super) fn enter(&mut self) {
        let author = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.push(Hand {
            text: None,
            element: (author, 0),
        });
    }

    pub(super) fn made_text(&mut self, by: u32, counter: u32) {
        if let Some(hand) = self.0.get_mut(by as usize) {
            hand.text = Some((by, counter));
        }
    }

    pub(super) fn inserted(&mut self, by: u32, last: u32) {
        self.move_to(by, (by, last));
    }

    pub(super) fn deleted(&mut self, by: u32, (author, first): Spot) {
        self.move_to(by, (author, first.saturating_sub(1)));
    }

    fn move_to(&mut self, by: u32, element: Spot) {
        if let Some(hand) = self.0.get_mut(by as usize) {
            hand.element = element;
        }
    }

    pub(super) fn put_text(&mut self, out: &mut Vec<u8>, by: u32, text: Spot) {
        let Some(hand) = self.0.get_mut(by as usize) else {
            return;
        };
        if hand.text == Some(text) {
            put(out, 0);
        } else {
            put(out, 1 + u64::from(text.0));
            put(out, text.1.into());
            hand.text = Some(text);
        }
    }

    pub(super) fn put_element(&self, out: &mut Vec<u8>, by: u32, element: Option<Spot>) {
        let Some(hand) = self.0.get(by as usize) else {
            return;
        };
        match element {
            None => put(out, 0),
            Some(element) if element == hand.element => put(out, 1),
            Some((author, counter)) => {
                put(out, 2 + u64::from(author));
                let step = i64::from(counter) - i64::from(hand.element.1);
                put(out, ((step << 1) ^ (step >> 63)).cast_unsigned());
            }
        }
    }

    pub(super) fn read_text(
        &mut self,
        reader: &mut Reader<'_>,
        by: u32,
    ) -> Result<Spot, GateError> {
        const WRONG: GateError = GateError::Malformed("text reference");
        let named = reader.number("text reference")?.checked_sub(1);
        let authors = self.0.len();
        let hand = self.0.get_mut(by as usize).ok_or(WRONG)?;
        let Some(author) = named else {
            return hand.text.ok_or(WRONG);
        };
        let text = (author, reader.number("text reference")?);
        let is_known = (author as usize) < authors && (1..=MAX_COUNTER).contains(&text.1);
        if !is_known || hand.text.replace(text) == Some(text) {
            return Err(WRONG);
        }
        Ok(text)
    }

    pub(super) fn read_element(
        &self,
        reader: &mut Reader<'_>,
        by: u32,
    ) -> Result<Option<Spot>, GateError> {
        const WRONG: GateError = GateError::Malformed("element reference");
        let hand = self.0.get(by as usize).ok_or(WRONG)?;
        let element = match reader.number("element reference")? {
            0 => return Ok(None),
            1 => hand.element,
            named => {
                let step = i64::from(reader.number("element reference")?);
                let step = (step >> 1) ^ -(step & 1);
                let counter = u32::try_from(i64::from(hand.element.1) + step).map_err(|_| WRONG)?;
                let element = (named - 2, counter);
                if element == hand.element {
                    return Err(WRONG);
                }
                element
            }
        };
        let is_known = (element.0 as usize) < self.0.len();
        if !is_known || !(1..=MAX_COUNTER).contains(&element.1) {
            return Err(WRONG);
        }
        Ok(Some(element))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hand that the reader sees elsewhere than the writer would put a word into the wrong place.
    #[test]
    fn references_are_read_as_they_were_written() {
        let (mut writer, mut reader) = (Hands::default(), Hands::default());
        for hands in [&mut writer, &mut reader] {
            hands.enter();
            hands.enter();
        }
        let elements = [
            (None, 1),
            (Some((0, 9)), 2),
            (Some((0, 8)), 1),
            (Some((1, 8)), 2),
            (Some((1, MAX_COUNTER)), 6),
            (Some((1, 1)), 6),
        ];
        for (element, bytes) in elements {
            let mut out = Vec::new();
            writer.put_element(&mut out, 1, element);
            assert_eq!(out.len(), bytes, "{element:?}");
            let mut rest = Reader::new(&out);
            assert_eq!(reader.read_element(&mut rest, 1), Ok(element));
            assert!(rest.is_empty());
            for hands in [&mut writer, &mut reader] {
                hands.deleted(1, element.unwrap_or((0, 1)));
            }
        }
        for text in [(0, 4), (0, 4), (1, 4)] {
            let mut out = Vec::new();
            writer.put_text(&mut out, 1, text);
            assert_eq!(reader.read_text(&mut Reader::new(&out), 1), Ok(text));
        }
        // Another spelling of where the hand is, an author who is not there, a counter of nothing.
        let hand = GateError::Malformed("element reference");
        writer.inserted(0, 7);
        for wrong in [&[2, 0][..], &[4, 0], &[2, 13], &[2, 15]] {
            let read = writer.read_element(&mut Reader::new(wrong), 0);
            assert_eq!(read, Err(hand), "{wrong:?}");
        }
        let text = GateError::Malformed("text reference");
        for wrong in [&[0][..], &[3, 4], &[1, 0]] {
            let read = writer.read_text(&mut Reader::new(wrong), 0);
            assert_eq!(read, Err(text), "{wrong:?}");
        }
    }
}
