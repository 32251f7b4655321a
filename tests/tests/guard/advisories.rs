//! Known flaws in what we build on.

use rustsec::advisory::Informational;
use rustsec::report::Settings;
use rustsec::{Database, Lockfile, Report};

use super::workspace::root;
use waymark_tests::shared;

/// A client's diary must not be lost to a flaw that has long been published.
#[test]
fn no_dependency_has_a_known_flaw() {
    let Some(path) = shared("advisory-db", "no_dependency_has_a_known_flaw") else {
        return;
    };
    let database = Database::open(&path).expect("the advisory database can be read");
    assert!(
        database.iter().count() > 500,
        "the advisory database is nearly empty"
    );
    let lock = Lockfile::load(root().join("Cargo.lock")).expect("Cargo.lock can be read");
    let settings = Settings {
        informational_warnings: vec![Informational::Unmaintained, Informational::Unsound],
        ..Settings::default()
    };
    let report = Report::generate(&database, &lock, &settings);
    let flaws = report.vulnerabilities.list.iter().map(|found| {
        format!(
            "{} in {} {}",
            found.advisory.id, found.package.name, found.package.version
        )
    });
    let warnings = report.warnings.iter().flat_map(|(kind, found)| {
        found.iter().map(move |found| {
            let id = found
                .advisory
                .as_ref()
                .map_or("no id", |advisory| advisory.id.as_str());
            format!(
                "{} {} is {kind:?} ({id})",
                found.package.name, found.package.version
            )
        })
    });
    assert_eq!(
        flaws.chain(warnings).collect::<Vec<_>>(),
        Vec::<String>::new()
    );
}
