//! What each package may link.

use std::collections::{BTreeMap, BTreeSet};

use super::workspace::{metadata, tree, tree_names};

/// Crates of RustCrypto and its neighbours. `hpke` stands on them; all else is ring's.
const RUST_CRYPTO: [&str; 34] = [
    "aead",
    "aes",
    "aes-gcm",
    "argon2",
    "blake2",
    "blake3",
    "chacha20",
    "chacha20poly1305",
    "cipher",
    "crypto-common",
    "crypto_box",
    "curve25519-dalek",
    "digest",
    "ecdsa",
    "ed25519",
    "ed25519-dalek",
    "elliptic-curve",
    "ghash",
    "hkdf",
    "hmac",
    "kem",
    "md-5",
    "ml-kem",
    "p256",
    "pbkdf2",
    "poly1305",
    "sha1",
    "sha2",
    "sha3",
    "shake",
    "turboshake",
    "universal-hash",
    "x-wing",
    "x25519-dalek",
];

/// Where such a crate stands outside `hpke` all the same: who links it, and what.
/// `docs/dependencies.md` says why, under "Exceptions".
const RUST_CRYPTO_ELSEWHERE: [(&str, &str); 5] = [
    ("automerge", "sha2"),
    ("postgres-protocol", "hmac"),
    ("postgres-protocol", "md-5"),
    ("postgres-protocol", "sha2"),
    ("rand", "chacha20"),
];

/// Other TLS and crypto providers, none of which may come in.
const OTHER_PROVIDERS: [&str; 10] = [
    "aws-lc-fips-sys",
    "aws-lc-rs",
    "aws-lc-sys",
    "boring",
    "boring-sys",
    "mbedtls",
    "native-tls",
    "openssl",
    "openssl-src",
    "openssl-sys",
];

/// What stands in the tree in more than one version and cannot be helped.
/// `docs/dependencies.md` says why, under "Exceptions".
const TWICE: [&str; 6] = [
    "base64",
    "fallible-iterator",
    "getrandom",
    "phf",
    "phf_shared",
    "syn",
];

/// The targets that we ship for.
const TARGETS: [&str; 3] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-linux-android",
    "aarch64-apple-ios",
];

/// The relay must be unable to read an entry: it does not even link what could.
#[test]
fn the_relay_links_no_automerge_no_hpke_and_no_core() {
    let linked = tree_names(&["-p", "waymark-server", "-e", "normal", "--target", "all"]);
    assert!(
        linked.contains("waymark-wire"),
        "the tree was not read: {linked:?}"
    );
    for forbidden in ["automerge", "hpke", "uniffi", "waymark-core", "waymark-ffi"] {
        assert!(!linked.contains(forbidden), "the relay links {forbidden}");
    }
}

/// Most relays run on one machine: what only many nodes need stays out of them, and what only those need
/// that wake devices.
#[test]
fn a_relay_links_postgresql_nats_and_a_client_only_where_that_was_asked_for() {
    let package = ["-p", "waymark-server", "-e", "normal", "--target", "all"];
    let usual = tree_names(&package);
    let asked = tree_names(&[&package[..], &["--features", "nats,wake"]].concat());
    for only_asked in [
        "async-nats",
        "postgres-protocol",
        "reqwest",
        "tokio-postgres",
    ] {
        assert!(asked.contains(only_asked), "{only_asked} has another name");
        assert!(!usual.contains(only_asked), "the relay links {only_asked}");
    }
}

/// The protocol crate is what a second implementation reads: ring and CBOR, nothing that opens.
#[test]
fn the_wire_crate_stands_on_ring_and_cbor() {
    let declared: BTreeSet<&str> = metadata()
        .members()
        .filter(|package| package.name == "waymark-wire")
        .flat_map(|package| &package.declared)
        .filter(|declared| !declared.tests_only)
        .map(|declared| declared.name.as_str())
        .collect();
    assert_eq!(declared, BTreeSet::from(["minicbor", "ring", "thiserror"]));
}

/// A second provider would double the attack surface and the size of the mobile library.
#[test]
fn the_mobile_library_and_the_workspace_have_one_crypto_provider() {
    let mobile = tree_names(&["-p", "waymark-ffi", "-e", "normal", "--target", "all"]);
    let everything = tree_names(&["--workspace", "-e", "normal,build,dev", "--target", "all"]);
    assert!(mobile.contains("ring"), "the tree was not read: {mobile:?}");
    for forbidden in OTHER_PROVIDERS {
        assert!(
            !mobile.contains(forbidden),
            "the mobile library links {forbidden}"
        );
        assert!(
            !everything.contains(forbidden),
            "{forbidden} is in the workspace's tree"
        );
    }
}

/// Keys and seals are ring's; what RustCrypto does stays below HPKE, where it can be replaced.
#[test]
fn rust_crypto_stays_below_hpke() {
    let graph = metadata();
    let mut waiting: Vec<&str> = graph.members.iter().map(String::as_str).collect();
    let mut seen = BTreeSet::new();
    let mut excused = BTreeSet::new();
    let mut found = Vec::new();
    while let Some(id) = waiting.pop() {
        let package = &graph.packages[id];
        if package.name == "hpke" || !seen.insert(id) {
            continue;
        }
        for link in &package.links {
            let linked = &graph.packages[link];
            let edge = (package.name.as_str(), linked.name.as_str());
            if RUST_CRYPTO_ELSEWHERE.contains(&edge) {
                excused.insert(edge);
            } else if RUST_CRYPTO.contains(&edge.1) {
                found.push(edge);
            } else {
                waiting.push(link);
            }
        }
    }
    assert_eq!(found, [], "who links a RustCrypto crate, and which");
    assert_eq!(
        excused,
        BTreeSet::from(RUST_CRYPTO_ELSEWHERE),
        "an exception that is no longer needed"
    );
}

/// Two versions of a crate are twice the code to trust, to build and to ship.
#[test]
fn no_dependency_stands_there_twice() {
    let mut arguments = vec![
        "--workspace",
        "-e",
        "normal,build",
        "--duplicates",
        "--depth",
        "0",
    ];
    arguments.extend(TARGETS.iter().flat_map(|target| ["--target", *target]));
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, version) in tree(&arguments) {
        versions.entry(name).or_default().insert(version);
    }
    // Cargo also lists one version that is built with several feature sets.
    versions.retain(|_, versions| versions.len() > 1);
    let twice: BTreeSet<&str> = versions.keys().map(String::as_str).collect();
    assert_eq!(twice, BTreeSet::from(TWICE), "{versions:?}");
}
