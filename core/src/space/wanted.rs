//! What becomes of wishes: which can still be, which are done, and which cannot be any more. What a
//! person wanted and cannot be is kept until somebody has seen it: an app may be closed while the log
//! is read that makes it impossible.

use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::Serialize;
use waymark_wire::codec;
use waymark_wire::ids::DeviceNumber;

use super::standing::Standing;
use super::{Space, SpaceError, damaged, keys};
use crate::crypto::Entropy;
use crate::membership::{Book, Use, Wish};
use crate::model::PersonTag;
use crate::store::{Store, Table, Transaction};

/// A wish that cannot be any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unfulfilled {
    /// What was wanted.
    pub wish: Wish,
    /// Why it cannot be.
    pub reason: &'static str,
    /// What it is for people; `None` where the device wanted it by itself.
    pub wanted: Option<Wanted>,
}

/// Wishes as they stand now. Those that wait for another space are not among them.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) open: Vec<Wish>,
    done: Vec<Wish>,
    refused: Vec<(Wish, &'static str)>,
}

impl Judged {
    pub(super) fn refuse(&mut self, wish: Wish, reason: &'static str) {
        self.refused.push((wish, reason));
    }

    /// Has those that are over forgotten, and says which of them cannot be.
    pub(super) fn settle(self, space: &Space, transaction: &mut Transaction) -> Vec<Unfulfilled> {
        for wish in &self.done {
            space.unwish(transaction, wish);
        }
        let refused = self.refused.into_iter().map(|(wish, reason)| {
            space.unwish(transaction, &wish);
            let wanted = space.note_not_done(transaction, &wish, reason);
            Unfulfilled {
                wish,
                reason,
                wanted,
            }
        });
        refused.collect()
    }
}

/// What was wanted, for people.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "wanted")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Wanted {
    /// Somebody was to be let in.
    #[n(1)]
    Add {
        /// The person's name.
        #[n(0)]
        name: String,
        /// The device's name.
        #[n(1)]
        device_name: String,
    },
    /// The space was to be closed.
    #[n(2)]
    Close,
    /// Something was to be forgotten.
    #[n(9)]
    Forget,
    /// A member was to get the key once more.
    #[n(3)]
    HandKey {
        /// Its number.
        #[n(0)]
        number: u16,
        /// The person's name, where this device can read it.
        #[n(1)]
        name: Option<String>,
    },
    /// This person was to leave.
    #[n(4)]
    Leave,
    /// The key was to be replaced.
    #[n(5)]
    NewKey,
    /// A recovery phrase was to be made.
    #[n(6)]
    Phrase,
    /// One membership was to end.
    #[n(7)]
    Remove {
        /// Its number.
        #[n(0)]
        number: u16,
        /// The person's name, where this device can read it.
        #[n(1)]
        name: Option<String>,
    },
    /// A person's access was to be taken back.
    #[n(8)]
    RemovePerson {
        /// Whose.
        #[n(0)]
        #[cbor(encode_with = "write_tag", decode_with = "read_tag")]
        person: PersonTag,
        /// The person's name, where this device can read it.
        #[n(1)]
        name: Option<String>,
    },
}

/// Something that was wanted and cannot be any more.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq, Serialize)]
#[cbor(map)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NotDone {
    /// What.
    #[n(0)]
    #[serde(flatten)]
    pub wanted: Wanted,
    /// Why not.
    #[n(1)]
    pub reason: String,
}

impl Wanted {
    /// What a wish is for people; `None` for what a device wants by itself.
    pub(super) fn of(wish: &Wish, book: Option<&Book>) -> Option<Self> {
        let name = |device: DeviceNumber| {
            let known = book.and_then(|book| book.roster(device));
            known.map(|known| known.name.clone())
        };
        Some(match wish {
            Wish::Add(new) => match new.used_as {
                None => Self::Add {
                    name: new.name.clone(),
                    device_name: new.device_name.clone(),
                },
                Some(Use::Phrase) => Self::Phrase,
                Some(Use::Reserve) => return None,
            },
            Wish::Close(_) => Self::Close,
            Wish::Enrol(_) | Wish::Renew(_) => return None,
            Wish::Forget(_) => Self::Forget,
            Wish::Leave => Self::Leave,
            Wish::Remove(device) => Self::Remove {
                number: device.0,
                name: name(*device),
            },
            Wish::RemoveKey(key) => {
                let device = book?.membership().member_ever_with_key(key)?.device;
                Self::Remove {
                    number: device.0,
                    name: name(device),
                }
            }
            Wish::RemovePerson(person) => {
                let everybody = book.iter().flat_map(|book| book.membership().everybody());
                let mut own = everybody.filter(|member| member.person == *person);
                Self::RemovePerson {
                    person: PersonTag(person.0),
                    name: own.find_map(|member| name(member.device)),
                }
            }
            Wish::ReplacePhrase(..) => Self::Phrase,
            Wish::Rotate => Self::NewKey,
            Wish::Seal(device) => Self::HandKey {
                number: device.0,
                name: name(*device),
            },
        })
    }
}

impl Space {
    /// How everything that is wanted stands now.
    pub(super) fn judge_wishes(&mut self, store: &dyn Store) -> Result<Judged, SpaceError> {
        let mut judged = Judged::default();
        let wishes = self.wishes(store)?;
        for wish in wishes.iter().cloned() {
            match self.standing(&wish) {
                _ if is_banned(&wishes, &wish) => judged.done.push(wish),
                Standing::Open => match self.left_of(store, wish.clone())? {
                    Some(left) => judged.open.push(left),
                    None => judged.done.push(wish),
                },
                Standing::Done => judged.done.push(wish),
                Standing::Waits => {}
                Standing::Refused(reason) => judged.refuse(wish, reason),
            }
        }
        Ok(judged)
    }

    /// Gives up what is wanted of a space that is closed, with an entry that was on its way for it, apart
    /// from what waits for the space that goes on in its place.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn give_up_wishes(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<Unfulfilled>, SpaceError> {
        if !self.is_closed() {
            return Ok(Vec::new());
        }
        self.take_back_draft(store, entropy)?;
        let judged = self.judge_wishes(store)?;
        let mut transaction = Transaction::new();
        let unfulfilled = judged.settle(self, &mut transaction);
        if !transaction.is_empty() {
            store.commit(transaction.into())?;
        }
        Ok(unfulfilled)
    }

    /// Notes for the person that a wish cannot be any more. Says what it was for people.
    fn note_not_done(
        &self,
        transaction: &mut Transaction,
        wish: &Wish,
        reason: &str,
    ) -> Option<Wanted> {
        let wanted = Wanted::of(wish, self.book.as_ref())?;
        let row = NotDone {
            wanted: wanted.clone(),
            reason: reason.into(),
        };
        let place = keys::not_done(&self.state.id, wish);
        transaction.put(Table::Home, place, codec::encode(&row));
        Some(wanted)
    }

    /// What was wanted here, cannot be any more, and nobody has seen yet.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn not_done(&self, store: &dyn Store) -> Result<Vec<NotDone>, SpaceError> {
        let prefix = keys::all_not_done(&self.state.id);
        let rows = store.scan(Table::Home, &prefix, None, usize::MAX)?;
        let read = |(_, value): (Vec<u8>, Vec<u8>)| codec::decode(&value, usize::MAX);
        let rows: Result<_, _> = rows.into_iter().map(read).collect();
        rows.map_err(|_| damaged(Table::Home, "what was not done cannot be read"))
    }

    /// Forgets it: somebody has seen it.
    pub fn forget_not_done(&self, transaction: &mut Transaction) {
        transaction.delete_prefix(Table::Home, keys::all_not_done(&self.state.id));
    }
}

/// Whether a wish is to add somebody who is not to come.
fn is_banned(all: &[Wish], wish: &Wish) -> bool {
    let Wish::Add(new) = wish else { return false };
    let key = new.keys.signing_key;
    all.contains(&Wish::RemoveKey(key))
}

/// Rows hold a tag as 32 hexadecimal digits.
fn write_tag<C, W: Write>(
    tag: &PersonTag,
    e: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), encode::Error<W::Error>> {
    e.str(&format!("{:032x}", u128::from_be_bytes(tag.0)))?.ok()
}

fn read_tag<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<PersonTag, decode::Error> {
    let position = d.position();
    let number = u128::from_str_radix(d.str()?, 16);
    let number = number.map_err(|_| decode::Error::message("no tag").at(position))?;
    Ok(PersonTag(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who opens a newer app would not learn that somebody whose access they took back reads on, or
    /// would see the status fail because of it.
    #[test]
    fn what_an_earlier_version_kept_of_a_removal_is_read() {
        /// As it was.
        #[derive(Encode)]
        enum Earlier {
            #[n(8)]
            RemovePerson {
                #[n(0)]
                person: String,
                #[n(1)]
                name: Option<String>,
            },
        }
        let name = Some("Ada".to_owned());
        let earlier = codec::encode(&Earlier::RemovePerson {
            person: "000a0b0c0d0e0f101112131415161718".into(),
            name: name.clone(),
        });
        let tag = [
            0, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
        ];
        let person = PersonTag(tag);
        let now = Wanted::RemovePerson { person, name };
        assert_eq!(codec::decode(&earlier, usize::MAX), Ok(now.clone()));
        assert_eq!(codec::encode(&now), earlier);
    }
}
