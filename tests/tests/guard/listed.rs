//! `docs/dependencies.md` against the manifests.

use std::collections::{BTreeMap, BTreeSet};

use super::workspace::{metadata, text_of};

const PAGE: &str = "docs/dependencies.md";

/// One row of a package's table: the crate, whether only tests use it, its licence, the reason.
struct Row {
    name: String,
    tests_only: bool,
    licence: String,
    reason: String,
}

/// Whoever adds a dependency says what it is for; whoever drops one drops its line.
#[test]
fn every_direct_dependency_has_its_line_and_every_line_its_dependency() {
    let listed = tables();
    for package in metadata().members() {
        let mut declared: BTreeMap<&str, bool> = BTreeMap::new();
        for dependency in &package.declared {
            let tests_only = declared.entry(&dependency.name).or_insert(true);
            *tests_only &= dependency.tests_only;
        }
        let rows: BTreeMap<&str, bool> = listed
            .get(&package.name)
            .unwrap_or_else(|| panic!("{PAGE} has no section for {}", package.name))
            .iter()
            .map(|row| (row.name.as_str(), row.tests_only))
            .collect();
        assert_eq!(
            rows, declared,
            "{}: {PAGE} | manifest (true: for tests only)",
            package.name
        );
    }
    let members: BTreeSet<&str> = metadata()
        .members()
        .map(|package| package.name.as_str())
        .collect();
    let sections: BTreeSet<&str> = listed.keys().map(String::as_str).collect();
    assert_eq!(sections, members, "the sections of {PAGE} | the packages");
}

/// The page's licences are what the crates' own manifests say, and each line gives a reason.
#[test]
fn each_line_gives_a_reason_and_the_right_licence() {
    let licences: BTreeMap<&str, BTreeSet<String>> =
        metadata()
            .packages
            .values()
            .fold(BTreeMap::new(), |mut all, package| {
                let spelled = package.licence.replace('/', " OR ").replace("  ", " ");
                all.entry(package.name.as_str())
                    .or_default()
                    .insert(spelled);
                all
            });
    for row in tables().values().flatten() {
        assert!(
            row.reason.len() >= 20,
            "{}: a reason, please, not “{}”",
            row.name,
            row.reason
        );
        let known = licences.get(row.name.as_str());
        assert!(
            known.is_some_and(|known| known.contains(&row.licence)),
            "{}: {PAGE} says {}, its manifest {known:?}",
            row.name,
            row.licence
        );
    }
}

/// The tables under the headings ``### `package` ``.
fn tables() -> BTreeMap<String, Vec<Row>> {
    let page = text_of(PAGE).expect("docs/dependencies.md is text");
    let mut tables: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut section = None;
    for line in page.lines() {
        if line.starts_with('#') {
            section = line
                .strip_prefix("### `")
                .and_then(|heading| heading.split('`').next())
                .map(|name| tables.entry(name.to_owned()).or_default());
        } else if let (Some(rows), Some(row)) = (section.as_mut(), row(line)) {
            rows.push(row);
        }
    }
    tables
}

fn row(line: &str) -> Option<Row> {
    let mut cells = line
        .strip_prefix("| `")?
        .trim_end_matches(" |")
        .split(" | ");
    let (name, remark) = cells.next()?.split_once('`')?;
    Some(Row {
        name: name.to_owned(),
        tests_only: remark.trim() == "(tests)",
        licence: cells.next()?.trim().to_owned(),
        reason: cells.next()?.trim().to_owned(),
    })
}
