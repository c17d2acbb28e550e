//! The file whose lock means that a process has the database open.
//!
//! SQLite itself lets several processes in. Two of them would each take itself
//! for the owner of every shard and send everything twice.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::{StoreError, StoreResult};

/// Locked until dropped; the operating system drops it with the process.
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Locks `<database>.lock`, or says that another process has.
    pub(super) fn take(database: &Path) -> StoreResult<Self> {
        let path = beside(database, ".lock");
        let cannot = |error: &dyn std::fmt::Display| {
            StoreError::Unavailable(format!("cannot lock {}: {error}", path.display()))
        };
        // Never removed: whoever removed it could leave two processes with a
        // lock each, on two files of one name.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| cannot(&error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => Err(StoreError::Unavailable(format!(
                "another process has {} open (it holds {})",
                database.display(),
                path.display()
            ))),
            Err(error) => Err(cannot(&error)),
        }
    }
}

/// A file beside the database, named by a suffix.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
