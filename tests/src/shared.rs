//! What lies beside the repository and is not committed.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The path of something under `$WAYMARK_SHARED`, else under `../shared`. Where it is absent, says
/// that `test` is skipped in the form that `tests/run` counts.
///
/// # Panics
/// Where nothing can be said.
#[must_use]
pub fn shared(path: &str, test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let base = std::env::var_os("WAYMARK_SHARED").map_or(beside, PathBuf::from);
    let found = Some(base.join(path)).filter(|found| found.exists());
    if found.is_none() {
        // Straight to the stream: what a passing test prints with macros is swallowed.
        let line = format!("skipped: {test}: no {path} under $WAYMARK_SHARED or ../shared\n");
        std::io::stderr()
            .write_all(line.as_bytes())
            .expect("stderr can be written to");
    }
    found
}
