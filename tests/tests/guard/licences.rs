//! Whose terms we accept.

use super::workspace::metadata;

/// Licences that anything may carry.
const ANYWHERE: [&str; 6] = [
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
];

/// Licences that only the crates named may carry (the beginning of a name counts).
const ONLY_FOR: [(&str, &[&str]); 5] = [
    ("BlueOak-1.0.0", &["minicbor"]),
    ("CC0-1.0", &["bip39", "bitcoin_hashes", "hex-conservative"]),
    ("CDLA-Permissive-2.0", &["webpki-root"]),
    ("MPL-2.0", &["uniffi"]),
    ("Zlib", &["foldhash", "zlib-rs"]),
];

/// A dependency on other terms would bind everyone who ships an app with Waymark in it.
#[test]
fn every_dependency_is_under_terms_we_accept() {
    let packages = &metadata().packages;
    assert!(
        packages.len() > 100,
        "cargo lists only {} packages",
        packages.len()
    );
    let refused: Vec<String> = packages
        .values()
        .filter(|package| !accepted(&package.licence, &package.name))
        .map(|package| format!("{} {}: {}", package.name, package.version, package.licence))
        .collect();
    assert_eq!(refused, Vec::<String>::new());
}

/// Without this, a slip in the reading of expressions would let everything through.
#[test]
fn expressions_are_read_as_spdx_means_them() {
    for licence in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0-only OR MIT",
        "(MIT OR GPL-3.0-only) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0-only",
    ] {
        assert!(accepted(licence, "anyone"), "{licence}");
    }
    for licence in [
        "",
        "GPL-3.0-only",
        "MIT AND GPL-3.0-only",
        "MIT AND (GPL-3.0-only OR AGPL-3.0-only)",
        "MPL-2.0",
        "MIT OR",
        "(MIT",
    ] {
        assert!(!accepted(licence, "anyone"), "{licence}");
    }
    assert!(accepted("MPL-2.0", "uniffi_core"));
}

/// Whether an SPDX expression leaves `name` usable under the terms above.
fn accepted(expression: &str, name: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
    any(&mut words, name) == Some(true) && words.is_empty()
}

/// `a OR b …`; the words stand in reverse, so that the next one is the last.
fn any(words: &mut Vec<&str>, name: &str) -> Option<bool> {
    let mut result = all(words, name)?;
    while words.last() == Some(&"OR") {
        words.pop();
        result |= all(words, name)?;
    }
    Some(result)
}

/// `a AND b …`
fn all(words: &mut Vec<&str>, name: &str) -> Option<bool> {
    let mut result = one(words, name)?;
    while words.last() == Some(&"AND") {
        words.pop();
        result &= one(words, name)?;
    }
    Some(result)
}

/// A licence, with an exception or without, or an expression in parentheses.
fn one(words: &mut Vec<&str>, name: &str) -> Option<bool> {
    let word = words.pop()?;
    if word == "(" {
        let result = any(words, name)?;
        return (words.pop()? == ")").then_some(result);
    }
    if words.last() == Some(&"WITH") {
        words.pop();
        // An exception only ever grants more.
        words.pop()?;
    }
    let named = ONLY_FOR
        .iter()
        .any(|(licence, crates)| *licence == word && crates.iter().any(|c| name.starts_with(c)));
    Some(named || ANYWHERE.contains(&word))
}
