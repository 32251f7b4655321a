//! Project Wycheproof's Ed25519 vectors against the verification that devices and relays share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is missing"
)]

use std::collections::BTreeMap;

use waymark_wire::codec::{self, Bytes};
use waymark_wire::signature::{Signature, VerifyingKey};
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

/// An entry that counts for one device and not for another is a fork that nobody made; one with two
/// signatures could be shown with either.
#[test]
fn signatures_hold_exactly_where_wycheproof_says() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut seen = BTreeMap::new();
    for group in &set.test_groups {
        let key = VerifyingKey(group.key.pk.as_ref().try_into().unwrap());
        // None of its keys is one that no member may have.
        assert_eq!(key.check(), Ok(()));
        for test in &group.tests {
            // What is no signature by its length is refused where it is read.
            let told = codec::encode(&Bytes(test.sig.to_vec()));
            let signature = codec::decode::<Signature>(&told, usize::MAX).ok();
            assert_eq!(signature.is_some(), test.sig.len() == 64);
            let holds = signature.is_some_and(|signature| key.verifies(&test.msg, &signature));
            let is_good = test.result == TestResult::Valid;
            assert_eq!(holds, is_good, "{}: {}", test.tc_id, test.comment);
            *seen.entry(is_good).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.values().sum::<usize>(), set.number_of_tests);
    assert!(seen.values().all(|count| *count > 50), "{seen:?}");
}
