//! Databases that older versions made: directories under `tests/fixtures`, which are never changed.

use std::fs;
use std::path::{Path, PathBuf};

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
    copy_of(&path(name))
}

/// A copy of the files in a directory.
///
/// # Panics
/// Where they cannot be copied.
#[must_use]
pub fn copy_of(directory: &Path) -> TempDir {
    let from = directory;
    let directory = TempDir::new().expect("a directory");
    for file in fs::read_dir(from).expect("files") {
        let file = file.expect("a file");
        fs::copy(file.path(), directory.path().join(file.file_name())).expect("a copy");
    }
    directory
}
