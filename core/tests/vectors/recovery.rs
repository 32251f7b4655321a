//! Recovery phrases: what follows from the words alone, and what their beacon says.

use serde_json::{Value, json};
use waymark_core::crypto::{Entropy, MembershipKeys};
use waymark_core::membership::RelayAddress;
use waymark_core::recovery::{
    Beacon, BeaconContent, Phrase, PhraseError, RecoveryKeys, open_content, seal_content,
};
use waymark_wire::chain::{ChainTag, Position};
use waymark_wire::ids::{DeviceNumber, EntryId, SpaceId};

use super::support::{counting, entropy, hex, public};

pub(super) fn vectors() -> Value {
    json!({
        "phrases": [
            phrase("recovery phrase", true),
            phrase("recovery phrase that replaced it", false),
        ],
        "refused": refused(),
    })
}

/// `full` writes the first entry's attachments too, which are long.
fn phrase(name: &str, full: bool) -> Value {
    let phrase = Phrase::generate(&mut entropy(name));
    let mut bytes = [0; 32];
    entropy(name).fill(&mut bytes);
    let keys = RecoveryKeys::of(&phrase).unwrap();
    let beacon = Beacon::found(&phrase).unwrap();
    let mut beacon_vector = json!({
        "space": hex(beacon.space.0),
        "epoch_key": hex(beacon.epoch_key.expose()),
        "entry": hex(beacon.draft.entry.bytes()),
    });
    if full {
        let attachments: Vec<_> = beacon.draft.attachments.iter().map(hex).collect();
        beacon_vector["attachments"] = json!(attachments);
    }
    json!({
        "entropy": hex(bytes),
        "text": phrase.text().as_str(),
        "home": membership(&keys.home),
        "beacon_keys": membership(&keys.beacon),
        "beacon": beacon_vector,
        "contents": [content(&phrase, 1, true), content(&phrase, 2, false)],
    })
}

fn membership(keys: &MembershipKeys) -> Value {
    json!({
        "signing_seed": hex(&keys.to_bytes()[..32]),
        "agreement_seed": hex(keys.agreement().seed().expose()),
        "signing_key": hex(public(keys).0),
    })
}

fn content(phrase: &Phrase, counter: u32, with_key: bool) -> Value {
    let content = BeaconContent {
        home: SpaceId(counting(0x10)),
        relay: RelayAddress {
            url: "https://relay.example:8447".into(),
            key: with_key.then(|| public(&super::support::keys("relay"))),
        },
        membership_head: EntryId(counting(0x30)),
        device: DeviceNumber(3),
        reaches: Position {
            seq: 1_000,
            chain: ChainTag(counting(0x50)),
        },
    };
    let mut random = entropy("a beacon's content");
    let entry = seal_content(phrase, counter, &content, &mut random).unwrap();
    assert_eq!(open_content(phrase, &entry).as_ref(), Ok(&content));
    json!({
        "counter": counter,
        "entry": hex(entry.bytes()),
        "content": hex(content.to_bytes()),
        "home": hex(content.home.0),
        "relay_url": content.relay.url,
        "relay_key": content.relay.key.map(|key| hex(key.0)),
        "membership_head": hex(content.membership_head.0),
        "device": content.device.0,
        "reaches_seq": content.reaches.seq,
        "reaches_chain": hex(content.reaches.chain.0),
    })
}

fn refused() -> Value {
    let good = Phrase::generate(&mut entropy("recovery phrase"));
    let with = |place: usize, word: &str| {
        let mut words: Vec<_> = good.words().collect();
        words[place - 1] = word;
        words.join(" ")
    };
    let mut swapped: Vec<_> = good.words().collect();
    swapped.swap(0, 1);
    let texts = [
        with(1, "abondon"),
        with(24, "zooo"),
        with(7, "xqxqxq"),
        swapped.join(" "),
        "abandon ".repeat(23).trim_end().to_owned(),
        // A phrase of twelve words, which is none of ours.
        format!("{}about", "abandon ".repeat(11)),
    ];
    let refused = texts.iter().map(|text| {
        let mut vector = match Phrase::parse(text).unwrap_err() {
            PhraseError::Checksum => json!({ "outcome": "checksum" }),
            PhraseError::Count { found } => json!({ "outcome": "count", "found": found }),
            PhraseError::UnknownWord { place, word, .. } => {
                json!({ "outcome": "unknown_word", "place": place, "word": word.as_str() })
            }
            other => panic!("{other}"),
        };
        vector["text"] = json!(text);
        vector
    });
    refused.collect()
}
