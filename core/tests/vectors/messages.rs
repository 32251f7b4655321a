//! A request and an answer of each route, and each kind of frame.

use minicbor::data::Type;
use minicbor::{Decode, Decoder, Encode};
use serde_json::{Value, json};
use waymark_wire::chain::{ChainTag, Position};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::{DeviceNumber, EntryId, Generation};
use waymark_wire::message::{
    AppendAnswer, AppendRequest, Frame, MailboxAnswer, MailboxId, MailboxRequest, MailboxSlot,
    PlacedEntry, PullRequest, PullSpace, RefusalAnswer, RefusalCode, StatusAnswer, StatusRequest,
    WakeAnswer, WakeRequest,
};
use waymark_wire::proof::ReadProof;
use waymark_wire::receipt::Receipt;
use waymark_wire::signature::SigningKey;

use super::membership::{Space, signed_by};
use super::support::{counting, hex};

pub(super) fn vectors() -> Value {
    let messages = Messages {
        space: Space::make(),
    };
    json!({
        "relay": hex(relay().verifying_key().0),
        "append": messages.append(),
        "pull": messages.pull(),
        "status": messages.status(),
        "mailbox": mailbox(),
        "wake": messages.wake(),
        "refusals": messages.refusals(),
        "codes": codes(),
    })
}

struct Messages {
    space: Space,
}

impl Messages {
    fn append(&self) -> Value {
        let draft = &self.space.drafts[0];
        let founding = AppendRequest {
            space: self.space.id(),
            entries: vec![Bytes(draft.entry.bytes().to_vec())],
            attachments: draft.attachments.iter().cloned().map(Bytes).collect(),
            admission: Some(Bytes(b"a token of the operator's".to_vec())),
            heals: false,
        };
        let plain = AppendRequest {
            entries: vec![
                Bytes(counting::<8>(1).to_vec()),
                Bytes(counting::<30>(2).to_vec()),
            ],
            attachments: Vec::new(),
            admission: None,
            ..founding.clone()
        };
        let answer = AppendAnswer {
            seqs: vec![5, 6],
            receipt: self.receipt(),
            nonce: nonce(0xe0),
        };
        json!({ "requests": [told(&founding), told(&plain)], "answer": told(&answer) })
    }

    fn pull(&self) -> Value {
        let asked = |earlier| PullSpace {
            proof: self.proof(),
            after: self.space.cursor.position(),
            earlier,
            whole: false,
            from_checkpoint: false,
            ids: Vec::new(),
        };
        let earlier = vec![position(3), position(1)];
        let requests = [
            PullRequest::default(),
            PullRequest {
                spaces: vec![asked(Vec::new())],
                live: None,
            },
            PullRequest {
                spaces: vec![asked(earlier), asked(Vec::new())],
                live: Some(25),
            },
            PullRequest {
                spaces: vec![PullSpace {
                    whole: true,
                    ..asked(Vec::new())
                }],
                live: None,
            },
            PullRequest {
                spaces: vec![
                    PullSpace {
                        from_checkpoint: true,
                        ..asked(Vec::new())
                    },
                    PullSpace {
                        ids: vec![EntryId(counting(7)), EntryId(counting(5))],
                        ..asked(Vec::new())
                    },
                ],
                live: None,
            },
        ];
        let frames = [
            Frame::Hello {
                relay: relay().verifying_key(),
                nonce: nonce(0xe1),
            },
            Frame::Attachment {
                space: 0,
                bytes: Bytes(counting::<40>(9).to_vec()),
            },
            Frame::Entry {
                space: 0,
                seq: 5,
                entry: Bytes(counting::<30>(2).to_vec()),
            },
            Frame::Own {
                space: 0,
                seq: 6,
                id: EntryId(counting(7)),
                length: 388,
            },
            Frame::Page {
                space: 0,
                receipt: self.receipt(),
                head: 6,
            },
            Frame::Refused {
                space: 1,
                code: RefusalCode::NotFound,
                agreed: None,
            },
            Frame::Refused {
                space: 1,
                code: RefusalCode::UnknownPosition,
                agreed: Some(position(3)),
            },
            Frame::Refused {
                space: 1,
                code: RefusalCode::Dropped,
                agreed: None,
            },
            Frame::Heartbeat { nonce: nonce(0xe2) },
            Frame::Checkpoint {
                space: 0,
                checkpoint: placed(6, 2),
                acks: vec![placed(8, 3), placed(9, 4)],
            },
        ];
        json!({
            "requests": requests.iter().map(told).collect::<Vec<_>>(),
            "frames": frames.iter().map(told).collect::<Vec<_>>(),
        })
    }

    fn status(&self) -> Value {
        let request = StatusRequest {
            proof: self.proof(),
        };
        let answer = |quota| StatusAnswer {
            bytes: 70_000,
            quota,
            oldest: 1,
            receipt: self.receipt(),
            nonce: nonce(0xe3),
        };
        let answers = [told(&answer(None)), told(&answer(Some(1 << 30)))];
        json!({ "request": told(&request), "answers": answers })
    }

    fn wake(&self) -> Value {
        let key = relay().verifying_key();
        let member = (self.space.id(), DeviceNumber(1));
        let request = |token| {
            let sign = signed_by("tablet");
            WakeRequest::new(&key, nonce(0xe0), member, token, sign)
        };
        let left = request(Some(Bytes(counting::<48>(0x31).to_vec())));
        let taken = request(None);
        let answer = WakeAnswer { nonce: nonce(0xe5) };
        let no_requests = [
            ("a token of no bytes", request(Some(Bytes(Vec::new())))),
            (
                "a token that is too long",
                request(Some(Bytes(vec![7; 2_049]))),
            ),
        ]
        .map(|(what, request)| refused(what, &request));
        json!({
            "requests": [told(&left), told(&taken)],
            "answer": told(&answer),
            "no_requests": no_requests,
        })
    }

    fn refusals(&self) -> Value {
        let plain = RefusalAnswer {
            code: RefusalCode::NotFound,
            detail: "not found".into(),
            nonce: nonce(0xe4),
            seqs: Vec::new(),
            head: None,
            membership: Vec::new(),
        };
        let moved = RefusalAnswer {
            code: RefusalCode::MembershipMoved,
            detail: "the entry does not follow the newest membership entry".into(),
            seqs: vec![4],
            head: Some(self.space.cursor.position()),
            membership: vec![Bytes(counting::<30>(2).to_vec())],
            ..plain.clone()
        };
        json!([told(&plain), told(&moved)])
    }

    fn proof(&self) -> ReadProof {
        let key = relay().verifying_key();
        let sign = signed_by("tablet");
        ReadProof::new(&key, nonce(0xe0), self.space.id(), DeviceNumber(1), sign)
    }

    fn receipt(&self) -> Receipt {
        let position = self.space.cursor.position();
        let relay = relay();
        Receipt::new(
            &self.space.id(),
            Generation(counting(0x21)),
            position,
            |text| relay.sign(text),
        )
    }
}

/// Slots that are put and read, and bodies that are no request and no answer.
fn mailbox() -> Value {
    let slot = |slot| MailboxSlot {
        slot,
        bytes: Bytes(counting::<40>(slot).to_vec()),
    };
    let read = MailboxRequest {
        mailbox: MailboxId(counting(0x51)),
        put: None,
        days: None,
        admission: None,
    };
    let made = MailboxRequest {
        put: Some(slot(0)),
        days: Some(30),
        admission: Some(Bytes(b"a token of the operator's".to_vec())),
        ..read.clone()
    };
    let put = MailboxRequest {
        put: Some(slot(7)),
        ..read.clone()
    };
    let answer = |slots: &[u8]| MailboxAnswer {
        slots: slots.iter().map(|number| slot(*number)).collect(),
    };
    // No relay answers with nothing, since slot 0 makes the mailbox; a reader takes it.
    let answers = [answer(&[]), answer(&[0]), answer(&[0, 2, 7])];
    let no_requests = [
        ("a slot that no mailbox has", Some(slot(8)), None),
        ("kept for no day", Some(slot(0)), Some(0)),
        ("kept for too long", Some(slot(0)), Some(31)),
    ]
    .map(|(what, put, days)| {
        let request = MailboxRequest {
            put,
            days,
            ..read.clone()
        };
        refused(what, &request)
    });
    let no_answers = [
        ("slots that do not ascend", answer(&[2, 0])),
        ("a slot twice", answer(&[1, 1])),
        ("a slot that no mailbox has", answer(&[8])),
    ]
    .map(|(what, answer)| refused(what, &answer));
    json!({
        "requests": [told(&read), told(&made), told(&put)],
        "answers": answers.iter().map(told).collect::<Vec<_>>(),
        "no_requests": no_requests,
        "no_answers": no_answers,
    })
}

fn relay() -> SigningKey {
    SigningKey::from_seed(&counting(0xc0)).unwrap()
}

fn nonce(first: u8) -> Bytes {
    Bytes(counting::<24>(first).to_vec())
}

fn placed(seq: u64, first: u8) -> PlacedEntry {
    let entry = Bytes(counting::<30>(first).to_vec());
    PlacedEntry { seq, entry }
}

fn position(seq: u64) -> Position {
    Position {
        seq,
        chain: ChainTag(counting(0x66)),
    }
}

fn codes() -> Value {
    let codes = (1..=18_u8).map(|number| {
        let code: RefusalCode = codec::decode(&[number], 1).unwrap();
        json!({ "number": number, "name": code.name(), "status": code.status() })
    });
    codes.collect()
}

/// The bytes of a message, and what a device would print of it to whoever debugs.
fn told<T>(message: &T) -> Value
where
    T: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + std::fmt::Debug,
{
    let bytes = codec::encode(message);
    assert_eq!(
        codec::decode::<T>(&bytes, bytes.len()).as_ref(),
        Ok(message)
    );
    json!({ "bytes": hex(&bytes), "diagnostic": diagnostic(&bytes) })
}

/// The bytes of what has the form of a message and breaks a rule that the form does not show.
fn refused<T>(what: &str, message: &T) -> Value
where
    T: Encode<()> + for<'b> Decode<'b, ()> + std::fmt::Debug,
{
    let bytes = codec::encode(message);
    assert!(
        codec::decode::<T>(&bytes, bytes.len()).is_err(),
        "{message:?}"
    );
    json!({ "what": what, "bytes": hex(&bytes), "diagnostic": diagnostic(&bytes) })
}

/// CBOR's diagnostic notation (RFC 8949 §8), for the types that messages have.
fn diagnostic(bytes: &[u8]) -> String {
    let mut decoder = Decoder::new(bytes);
    let text = item(&mut decoder);
    assert_eq!(decoder.position(), bytes.len());
    text
}

fn item(decoder: &mut Decoder<'_>) -> String {
    match decoder.datatype().unwrap() {
        Type::Array => {
            let length = decoder.array().unwrap().unwrap();
            let items: Vec<_> = (0..length).map(|_| item(decoder)).collect();
            format!("[{}]", items.join(", "))
        }
        Type::Map => {
            let length = decoder.map().unwrap().unwrap();
            let pair = |_| {
                let key = item(decoder);
                format!("{key}: {}", item(decoder))
            };
            format!(
                "{{{}}}",
                (0..length).map(pair).collect::<Vec<_>>().join(", ")
            )
        }
        Type::Bytes => format!("h'{}'", hex(decoder.bytes().unwrap())),
        Type::String => format!("{:?}", decoder.str().unwrap()),
        Type::Null => {
            decoder.null().unwrap();
            "null".into()
        }
        Type::Bool => decoder.bool().unwrap().to_string(),
        _ => decoder.u64().unwrap().to_string(),
    }
}
