//! A copy of all that a relay needs to go on elsewhere, made while it runs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::check::look;
use crate::data_dir::OpenError;
use crate::log::DATABASE;

/// The relay's secrets.
const SECRETS: [&str; 2] = ["relay.key", "relay.secret"];

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is no relay that could be copied.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something is there already: an older backup is not written over.
    #[error("there is something in {} already: name a directory that is new or empty", path.display())]
    Taken {
        /// Where.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("the backup to {} failed: {why}", path.display())]
    Failed {
        /// Where.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// Copies the relay in `data` into the directory `to`, which is made where there is none: its
/// database as of one moment, and its secrets, for their owner alone. The relay may run and take
/// entries meanwhile. Tells how many bytes the database has.
///
/// # Errors
/// [`BackupError`] where there is no relay, where `to` is not empty, or where the disk fails; then
/// what is in `to` is no backup.
pub fn backup(data: &Path, to: &Path) -> Result<u64, BackupError> {
    let from = look(data)?;
    let failed = |why: &dyn std::fmt::Display| BackupError::Failed {
        path: to.to_path_buf(),
        why: why.to_string(),
    };
    make(to).map_err(|why| failed(&why))?;
    if fs::read_dir(to)
        .map_err(|why| failed(&why))?
        .next()
        .is_some()
    {
        return Err(BackupError::Taken {
            path: to.to_path_buf(),
        });
    }
    // Without the key it would not be the relay that devices know: it comes first, and whoever finds
    // a database has all.
    for name in SECRETS {
        copy_private(&data.join(name), &to.join(name)).map_err(|why| failed(&why))?;
    }
    let draft = to.join("relay.new");
    create_private(&draft).map_err(|why| failed(&why))?;
    from.copy_to(&draft).map_err(|why| failed(&why))?;
    let finish = || -> io::Result<u64> {
        let file = File::open(&draft)?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        fs::rename(&draft, to.join(DATABASE))?;
        // The names have to be on the disk too.
        File::open(to)?.sync_all()?;
        Ok(bytes)
    };
    finish().map_err(|why| failed(&why))
}

/// Makes a directory for its owner alone, unless it is there.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a file that only its owner can read.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn copy_private(from: &Path, to: &Path) -> io::Result<()> {
    let bytes = fs::read(from)?;
    let mut file = create_private(to)?;
    file.write_all(&bytes)?;
    #[cfg(unix)]
    file.set_permissions(fs::metadata(from)?.permissions())?;
    file.sync_all()
}
