//! Where a device is.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::DeskError;

/// Where the device is.
#[derive(Args, Clone, Debug)]
pub(crate) struct Place {
    /// The device's directory; else $WAYMARK_DIR, else `waymark` among the user's data.
    #[arg(long, value_name = "DIR", default_value_os_t = default_directory(),
          hide_default_value = true)]
    dir: PathBuf,

    /// File with the device's storage key, 64 hexadecimal digits; else `storage.key` in the
    /// directory.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Place {
    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.dir
    }

    /// Its database.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.join("waymark.sqlite")
    }

    /// What keeps other programs out while it is open; it stays behind, empty.
    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.join("waymark.lock")
    }

    /// The file with its storage key.
    pub(crate) fn key_file(&self) -> PathBuf {
        let default = || self.dir.join("storage.key");
        self.key_file.clone().unwrap_or_else(default)
    }

    /// The file with its settings.
    pub(crate) fn settings(&self) -> PathBuf {
        self.dir.join("settings.json")
    }

    /// Makes the directory, for its owner alone.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn make(&self) -> Result<(), DeskError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.create(&self.dir);
        made.map_err(DeskError::io(self.dir.display().to_string()))
    }
}

fn default_directory() -> PathBuf {
    let set = |name: &str| {
        let value = env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    let home = || Some(env::home_dir()?.join(".local/share"));
    set("WAYMARK_DIR").unwrap_or_else(|| {
        let data = set("XDG_DATA_HOME").or_else(|| set("LOCALAPPDATA"));
        data.or_else(home).unwrap_or_default().join("waymark")
    })
}
