//! The data directory: one process at a time, and two secrets that are made at the first start.
//!
//! | file | holds |
//! |---|---|
//! | `lock` | nothing; locked while a relay runs |
//! | `relay.key` | the 32-byte seed of the relay's Ed25519 key, which signs receipts |
//! | `relay.secret` | 32 bytes that nonces are made with |
//! | `relay.db` | the log, see `log/sqlite/migrations` |
//!
//! A node of several has no `relay.secret` and no `relay.db`, and the same `relay.key` as the others.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use waymark_wire::ids::Generation;

use crate::log::{DATABASE, SchemaError};

/// Why a relay cannot use its data directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database cannot be used.
    #[error("the data directory {} cannot be used: {why}", path.display())]
    Database {
        /// The directory.
        path: PathBuf,
        /// Why.
        why: SchemaError,
    },
    /// A secret is of the wrong size, or is missing where there are logs that need it.
    #[error(
        "{} is missing or damaged: bring it back from a backup, or devices will refuse this relay",
        path.display()
    )]
    Secret {
        /// The file.
        path: PathBuf,
    },
    /// Another process has it.
    #[error("the data directory {} is in use by another waymark-server", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The PostgreSQL database cannot be used.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Postgres(#[from] crate::log::PostgresError),
    /// It cannot be read or written.
    #[error("the data directory {} cannot be written: {why}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

/// A data directory that is this process's own until dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The seed of the relay's key.
    pub(crate) key_seed: [u8; 32],
    /// What nonces are made with.
    pub(crate) nonce_secret: [u8; 32],
    /// The generation of a database that is made now.
    pub(crate) new_generation: Generation,
    _lock: File,
}

impl DataDir {
    /// Takes the directory, which is made where there is none.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with it.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = take(path)?;
        let is_new = path.join(DATABASE).try_exists().map(|is_there| !is_there);
        let is_new = is_new.map_err(|why| OpenError::Io {
            path: path.to_path_buf(),
            why,
        })?;
        let key_seed = secret(path, "relay.key", is_new)?;
        // Losing it costs a reader one more request.
        let nonce_secret = secret(path, "relay.secret", true)?;
        Self::with(path, lock, key_seed, nonce_secret)
    }

    /// Takes the directory of one node of several, which keep their logs elsewhere. The key is made
    /// only where there `is_none` yet: all nodes have the same.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with it.
    #[cfg(feature = "postgres")]
    pub(crate) fn open_shared(path: &Path, is_none: bool) -> Result<Self, OpenError> {
        use ring::hmac::{HMAC_SHA256, Key, sign};

        let lock = take(path)?;
        let key_seed = secret(path, "relay.key", is_none)?;
        // Every node knows the nonces of the others.
        let tag = sign(
            &Key::new(HMAC_SHA256, &key_seed),
            b"waymark nonces of all nodes",
        );
        let mut nonce_secret = [0; 32];
        nonce_secret.copy_from_slice(tag.as_ref());
        Self::with(path, lock, key_seed, nonce_secret)
    }

    fn with(
        path: &Path,
        lock: File,
        key_seed: [u8; 32],
        nonce_secret: [u8; 32],
    ) -> Result<Self, OpenError> {
        let mut generation = [0; 16];
        random(&mut generation)?;
        Ok(Self {
            path: path.to_path_buf(),
            key_seed,
            nonce_secret,
            new_generation: Generation(generation),
            _lock: lock,
        })
    }
}

/// Takes the directory for this process alone; it is made where there is none.
fn take(path: &Path) -> Result<File, OpenError> {
    let io = |why| OpenError::Io {
        path: path.to_path_buf(),
        why,
    };
    fs::create_dir_all(path).map_err(io)?;
    let lock = path.join("lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(lock)
        .map_err(io)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => OpenError::InUse {
            path: path.to_path_buf(),
        },
        TryLockError::Error(why) => io(why),
    })?;
    Ok(lock)
}

/// Reads a secret, or makes it where it may be made.
fn secret(directory: &Path, name: &str, may_make: bool) -> Result<[u8; 32], OpenError> {
    let path = directory.join(name);
    let io = |why| OpenError::Io {
        path: directory.to_path_buf(),
        why,
    };
    match File::open(&path) {
        Ok(mut file) => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(io)?;
            bytes.try_into().map_err(|_| OpenError::Secret { path })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_make => {
            let mut bytes = [0; 32];
            random(&mut bytes)?;
            write_private(directory, &path, &bytes).map_err(io)?;
            Ok(bytes)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::Secret { path }),
        Err(error) => Err(io(error)),
    }
}

/// Writes a file whole or not at all, for its owner alone.
fn write_private(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("new");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    // The name itself has to be on the disk too.
    File::open(directory)?.sync_all()
}

fn random(bytes: &mut [u8]) -> Result<(), OpenError> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| OpenError::Random)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Devices know a relay by its key: another one after a restart is another relay.
    #[test]
    fn secrets_stay_and_are_the_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/one");
        let first = DataDir::open(&path).unwrap();
        assert!(matches!(DataDir::open(&path), Err(OpenError::InUse { .. })));
        let (key, secret) = (first.key_seed, first.nonce_secret);
        drop(first);
        let second = DataDir::open(&path).unwrap();
        assert_eq!((second.key_seed, second.nonce_secret), (key, secret));
        assert_ne!(key, secret);
        #[cfg(unix)]
        for name in ["relay.key", "relay.secret"] {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(path.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    /// A fresh key over old logs would look to every device like a thief's relay.
    #[test]
    fn a_lost_key_is_not_replaced_where_there_are_logs() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        drop(DataDir::open(path).unwrap());
        fs::write(path.join(DATABASE), b"").unwrap();
        fs::remove_file(path.join("relay.key")).unwrap();
        assert!(matches!(DataDir::open(path), Err(OpenError::Secret { .. })));
        fs::write(path.join("relay.key"), b"short").unwrap();
        assert!(matches!(DataDir::open(path), Err(OpenError::Secret { .. })));
    }
}
