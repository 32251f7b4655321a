//! A few sealed messages between two who share a secret and no space: each slot is written once, and
//! a relay throws all of it away after some days. Nobody signs here. Who knows a mailbox's id may
//! read it and write into its free slots, so an id is made from a secret and what stands in a slot
//! is sealed under one.

use minicbor::decode::{Decoder, Error};
use minicbor::{Decode, Encode};

use crate::codec::{Bytes, decode_list, fixed_bytes};
use crate::limits;

fixed_bytes! {
    /// A mailbox: as good as random, and known only to those who may use it.
    MailboxId, 32
}

/// Puts something into one slot of a mailbox, or nothing; the answer to either is all that it holds.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct MailboxRequest {
    /// The mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
    /// What to put where. Slot 0 makes the mailbox. A slot is written once: the same bytes again
    /// change nothing, others are refused.
    #[n(1)]
    pub put: Option<MailboxSlot>,
    /// For how many days a mailbox that is made now is to be kept, 1 to [`limits::MAILBOX_DAYS`];
    /// absent: [`limits::MAILBOX_DAYS_USUAL`].
    #[n(2)]
    #[cbor(decode_with = "decode_days", default)]
    pub days: Option<u8>,
    /// Lets the request make a mailbox where the operator asks for a token.
    #[n(3)]
    pub admission: Option<Bytes>,
}

/// One slot of a mailbox.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(array)]
pub struct MailboxSlot {
    /// Its number, below [`limits::MAILBOX_SLOTS`].
    #[n(0)]
    #[cbor(decode_with = "decode_slot")]
    pub slot: u8,
    /// What stands there. All slots of a mailbox together have at most [`limits::MAILBOX`] bytes.
    #[n(1)]
    pub bytes: Bytes,
}

/// Everything that a mailbox holds.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct MailboxAnswer {
    /// The slots that were written, ascending.
    #[n(0)]
    #[cbor(decode_with = "decode_slots")]
    pub slots: Vec<MailboxSlot>,
}

fn decode_days<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Option<u8>, Error> {
    match d.decode_with::<C, Option<u8>>(ctx)? {
        Some(days) if !(1..=limits::MAILBOX_DAYS).contains(&days) => {
            Err(Error::message("a mailbox is kept for 1 to 30 days"))
        }
        days => Ok(days),
    }
}

fn decode_slot<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<u8, Error> {
    let slot = d.u8()?;
    if slot < limits::MAILBOX_SLOTS {
        Ok(slot)
    } else {
        Err(Error::message("a mailbox has the slots 0 to 7"))
    }
}

fn decode_slots<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<MailboxSlot>, Error> {
    let slots: Vec<MailboxSlot> = decode_list(d, ctx, limits::MAILBOX_SLOTS.into())?;
    if slots.is_sorted_by(|one, next| one.slot < next.slot) {
        Ok(slots)
    } else {
        Err(Error::message("the slots of a mailbox are not ascending"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    fn slot(slot: u8) -> MailboxSlot {
        MailboxSlot {
            slot,
            bytes: Bytes(vec![slot; 3]),
        }
    }

    fn request(put: Option<MailboxSlot>, days: Option<u8>) -> MailboxRequest {
        MailboxRequest {
            mailbox: MailboxId([1; 32]),
            put,
            days,
            admission: None,
        }
    }

    /// Two people with apps of different makers could not meet otherwise.
    #[test]
    fn the_layouts_are_fixed() {
        let id = [&[0x00, 0x58, 32][..], &[1; 32]].concat();
        let read = encode(&request(None, None));
        assert_eq!(read, [&[0xa1][..], &id].concat());
        let put = encode(&request(Some(slot(7)), Some(30)));
        let fields = [0x01, 0x82, 7, 0x43, 7, 7, 7, 0x02, 0x18, 30];
        assert_eq!(put, [&[0xa3][..], &id, &fields].concat());
        let answer = MailboxAnswer {
            slots: vec![slot(0), slot(2)],
        };
        let bytes = [
            0xa1, 0x00, 0x82, 0x82, 0, 0x43, 0, 0, 0, 0x82, 2, 0x43, 2, 2, 2,
        ];
        assert_eq!(encode(&answer), bytes);
        for request in [request(None, None), request(Some(slot(0)), Some(1))] {
            assert_eq!(decode(&encode(&request), 200), Ok(request));
        }
        assert_eq!(decode(&bytes, 200), Ok(answer));
    }

    /// A relay keeps what it is told to, so it is told nothing that it cannot keep; and a device
    /// takes no answer that no relay gives.
    #[test]
    fn slots_and_days_out_of_range_are_refused() {
        let is_read = |request: &MailboxRequest| decode::<MailboxRequest>(&encode(request), 200);
        for (put, days) in [
            (Some(8), None),
            (Some(255), None),
            (None, Some(0)),
            (Some(0), Some(31)),
        ] {
            assert!(is_read(&request(put.map(slot), days)).is_err());
        }
        let answers = [vec![1, 0], vec![2, 2], vec![8], (0..9).collect()];
        for slots in answers {
            let slots = slots.into_iter().map(slot).collect();
            let bytes = encode(&MailboxAnswer { slots });
            assert!(decode::<MailboxAnswer>(&bytes, 200).is_err());
        }
    }
}
