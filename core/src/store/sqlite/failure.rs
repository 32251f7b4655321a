//! What SQLite's errors and the operating system's mean to a caller.

use std::io;

use rusqlite::{Error, ErrorCode};

use crate::store::{StoreError, Table};

/// An error of the whole file.
pub(super) fn in_file(error: Error) -> StoreError {
    classify(None, &error)
}

/// An error at a row of `table`.
pub(super) fn in_table(table: Table) -> impl Fn(Error) -> StoreError {
    move |error| classify(Some(table), &error)
}

/// Damage that was noticed.
pub(super) fn damaged(table: Option<Table>, what: impl Into<String>) -> StoreError {
    StoreError::Damaged {
        table,
        what: what.into(),
    }
}

/// An error of the file system, outside SQLite.
pub(super) fn in_directory(error: io::Error) -> StoreError {
    let what = error.to_string();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly { what }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Io { what },
    }
}

fn classify(table: Option<Table>, error: &Error) -> StoreError {
    let what = error.to_string();
    let Error::SqliteFailure(failure, _) = error else {
        // The statements are our own and fixed. If one does not fit the schema, or a column has
        // another type than it was written with, then the file is not what was written.
        return damaged(table, what);
    };
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Locked,
        ErrorCode::DiskFull => StoreError::Full,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => StoreError::ReadOnly { what },
        ErrorCode::SystemIoFailure if is_damage(failure.extended_code) => damaged(table, what),
        ErrorCode::CannotOpen
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::NoLargeFileSupport
        | ErrorCode::OperationInterrupted
        | ErrorCode::OutOfMemory
        | ErrorCode::SystemIoFailure => StoreError::Io { what },
        _ => damaged(table, what),
    }
}

/// I/O errors that SQLite gives for a file that ends early or whose pages fail their checks.
fn is_damage(extended_code: i32) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_DATA, SQLITE_IOERR_SHORT_READ};
    [
        SQLITE_IOERR_CORRUPTFS,
        SQLITE_IOERR_DATA,
        SQLITE_IOERR_SHORT_READ,
    ]
    .contains(&extended_code)
}
