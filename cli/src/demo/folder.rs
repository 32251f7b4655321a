//! Where the story's files are: a directory that is kept, or one that is gone in the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::error::DemoError;

/// The directory of one run.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Removes it when dropped, where it is not kept.
    _temporary: Option<TempDir>,
}

impl Folder {
    /// The directory to keep, which must be new or empty, or one that is gone in the end.
    ///
    /// # Errors
    /// [`DemoError::NotEmpty`], [`DemoError::Unusable`], or the system's.
    pub(crate) fn new(keep: Option<&Path>) -> Result<Self, DemoError> {
        let Some(path) = keep else {
            let directory = tempfile::Builder::new().prefix("waymark-demo-").tempdir();
            let directory = directory.map_err(DemoError::io("a directory for the story"))?;
            let path = directory.path().to_path_buf();
            return Ok(Self {
                path,
                _temporary: Some(directory),
            });
        };
        let unusable = |why| DemoError::Unusable {
            path: path.to_path_buf(),
            why,
        };
        fs::create_dir_all(path).map_err(unusable)?;
        if fs::read_dir(path).map_err(unusable)?.next().is_some() {
            return Err(DemoError::NotEmpty(path.to_path_buf()));
        }
        Ok(Self {
            path: path.to_path_buf(),
            _temporary: None,
        })
    }

    /// The place of a file or directory in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file in it.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DemoError> {
        let path = self.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all);
        written
            .and_then(|()| fs::write(&path, bytes))
            .map_err(DemoError::io(name))
    }
}

/// Copies the files of a directory without directories in it, apart from locks.
///
/// # Errors
/// The system's.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), DemoError> {
    let copy = || {
        fs::create_dir_all(to)?;
        for file in fs::read_dir(from)? {
            let file = file?;
            if file.file_name() != "lock" {
                fs::copy(file.path(), to.join(file.file_name()))?;
            }
        }
        Ok(())
    };
    copy().map_err(DemoError::io("copying the relay's directory"))
}

/// The bytes of every file of a directory without directories in it.
///
/// # Errors
/// The system's.
pub(crate) fn contents(directory: &Path) -> Result<Vec<Vec<u8>>, DemoError> {
    let read = || -> io::Result<_> {
        fs::read_dir(directory)?
            .map(|file| fs::read(file?.path()))
            .collect()
    };
    read().map_err(DemoError::io("reading the relay's directory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that overwrote another one's database would lose it.
    #[test]
    fn only_a_new_or_an_empty_directory_is_taken() {
        let directory = TempDir::new().unwrap();
        let new = directory.path().join("a/b");
        assert!(Folder::new(Some(&new)).is_ok());
        assert!(Folder::new(Some(&new)).is_ok(), "empty");
        fs::write(new.join("file"), "mine").unwrap();
        let refused = Folder::new(Some(&new)).unwrap_err();
        assert!(matches!(refused, DemoError::NotEmpty(_)) && refused.is_wrong_use());
        let file = Folder::new(Some(&new.join("file"))).unwrap_err();
        assert!(matches!(file, DemoError::Unusable { .. }));
    }
}
