//! `seeds TARGET DIRECTORY`: writes a target's seeds and what once failed, for libFuzzer to begin with.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use waymark_fuzz::seeds::{regressions, seeds};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, directory] = arguments.as_slice() else {
        return Err(std::io::Error::other("usage: seeds TARGET DIRECTORY"));
    };
    fs::create_dir_all(directory)?;
    let failed = regressions(target).into_iter().map(|(_, bytes)| bytes);
    for (number, bytes) in seeds(target).into_iter().chain(failed).enumerate() {
        fs::write(
            Path::new(directory).join(format!("seed-{number:04}")),
            bytes,
        )?;
    }
    Ok(())
}
