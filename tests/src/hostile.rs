//! What a member with the right keys and bad intentions may put into a batch.

use std::fs;
use std::path::Path;

use waymark_core::client::PlanId;
use waymark_wire::ids::SpaceId;

use crate::story::sync;
use crate::{Device, forge};

/// Bytes that panic Automerge or take gigabytes, and what others might send as a batch, with their
/// names.
///
/// # Panics
/// Where the files are missing.
#[must_use]
pub fn inputs() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/hostile");
    let mut inputs: Vec<_> = fs::read_dir(directory)
        .expect("it works")
        .map(|file| {
            let path = file.expect("it works").path();
            (
                path.display().to_string(),
                fs::read(&path).expect("it works"),
            )
        })
        .collect();
    inputs.sort();
    assert_eq!(inputs.len(), 4);
    let packed: Vec<_> = inputs
        .iter()
        // The same said to be packed, and said to be not.
        .flat_map(|(name, bytes)| {
            [0, 1].map(|packing| {
                let bytes = [&[packing][..], bytes].concat();
                (format!("{packing} before {name}"), bytes)
            })
        })
        .collect();
    inputs.extend(packed);
    inputs.push(("nothing".into(), Vec::new()));
    inputs.push(("a bomb".into(), bomb()));
    inputs
}

/// 64 MiB of zeros, packed a thousand times smaller: blocks of DEFLATE that repeat one byte.
fn bomb() -> Vec<u8> {
    // One stored byte, then fixed-code matches of length 258 at distance 1 (13 bits each: the code
    // of 285 is 11000101, that of distance 1 is 00000), least significant bit first.
    let mut bits: Vec<bool> = vec![true, true, false];
    bits.extend([false, false, true, true, false, false, false, false]);
    for _ in 0..260_000 {
        bits.extend([true, true, false, false, false, true, false, true]);
        bits.extend([false; 5]);
    }
    bits.extend([false; 7]);
    let bytes = bits.chunks(8).map(|eight| {
        let set = (0..).zip(eight).filter(|(_, bit)| **bit);
        set.map(|(at, _)| 1_u8 << at).sum()
    });
    let mut bomb: Vec<u8> = [1].into_iter().chain(bytes).collect();
    bomb.truncate(200_000);
    bomb
}

/// The phone's newest check-in leaves it as `text` instead of what it was.
///
/// # Panics
/// Where there is none, or the relay does not take it.
pub async fn send_instead(phone: &mut Device, plan: PlanId, text: &[u8]) {
    phone.inside(|engine| {
        let (space, store, entropy) = engine.space_mut(&SpaceId(plan.0)).expect("it works");
        assert!(space.seal(store, entropy).expect("it works"));
        forge::replace_newest(space, store, text);
    });
    sync(phone).await.expect("it works");
}
