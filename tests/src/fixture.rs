//! Databases that older versions made: directories under `tests/fixtures`, which are never changed.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

/// Where a fixture lies.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    PathBuf::from(fixtures).join(name)
}

/// A copy of a fixture's files, for today's code to work on.
///
/// # Panics
/// Where there is no such fixture.
#[must_use]
pub fn copy(name: &str) -> TempDir {
    let directory = TempDir::new().expect("a directory");
    for file in fs::read_dir(path(name)).expect("a fixture") {
        let file = file.expect("a file");
        fs::copy(file.path(), directory.path().join(file.file_name())).expect("a copy");
    }
    directory
}
