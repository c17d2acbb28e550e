//! Locks that keep other processes away from the database file.
//!
//! Fed by `open`; feeds readers and the writer. SQLite itself admits several processes.
//! Two would each consider themselves the owner of every shard and send everything
//! twice; under two names of one file they would also have two write-ahead logs, which
//! destroys it. So the database's file is locked, and a file beside it
//! (sqlite-one-writer).
//!
//! Guarantees that a write is not acknowledged if it went into files that their names
//! no longer lead to.

use std::fs::{File, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::IntoRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::{StoreError, StoreResult};

/// Elsewhere flock and the locks that SQLite takes itself exclude each other, also
/// within one process.
const FLOCK_IS_APART: bool = cfg!(target_os = "linux");

/// A lock until dropped; the operating system releases it with the process.
///
/// Drop it after all SQLite connections: closing any descriptor of a file releases all
/// POSIX locks of the process on it, including SQLite's.
pub(super) struct FileLock {
    _name: File,
    _database: File,
}

impl FileLock {
    /// Locks the database and `<database>.lock`, or says that another process has.
    /// With `create` a file that is missing is made, for its owner alone: it holds
    /// signing keys, and SQLite gives the log the permissions of the database.
    pub(super) fn take(database: &Path, create: bool) -> StoreResult<(Self, FilePlace)> {
        let path = resolved(database)?;
        let name = lock_name(database, &path)?;
        let opened =
            OpenOptions::new().read(true).write(true).create(create).mode(0o600).open(&path);
        let file = opened.map_err(|error| cannot("open", &path, &error))?;
        if !lock_file(&file).map_err(|error| cannot("lock", &path, &error))? {
            // Kept open: this process may have the database open, and closing would
            // release its locks.
            let _ = file.into_raw_fd();
            return Err(StoreError::Unavailable(format!(
                "another process has {} open, by this or another name of the file",
                database.display()
            )));
        }
        let metadata = file.metadata().map_err(|error| cannot("open", &path, &error))?;
        has_one_name(database, &metadata)?;
        let identity = FileIdentity::of(&metadata);
        let place = FilePlace {
            given: database.to_owned(),
            identity,
            companions: ["-wal", "-shm"].map(|suffix| (beside(&path, suffix), OnceLock::new())),
            path,
        };
        Ok((Self { _name: name, _database: file }, place))
    }
}

/// Whether the file could be locked, or need not be.
fn lock_file(file: &File) -> Result<bool, Errno> {
    if !FLOCK_IS_APART {
        return Ok(true);
    }
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(false),
        answer => answer.map(|()| true),
    }
}

/// The write-ahead log belongs to a name: what a crash left in the log of one name would
/// be missing by the other, and spoil the file later.
fn has_one_name(database: &Path, metadata: &Metadata) -> StoreResult<()> {
    let names = metadata.nlink();
    if names <= 1 {
        return Ok(());
    }
    Err(StoreError::Rejected(format!(
        "{} has {names} names (hard links), and each would have a write-ahead log of its own: \
         remove all but the one it was last used by",
        database.display()
    )))
}

/// Locks the file beside the database. It is never removed: whoever removed it could
/// leave two processes with a lock each, on two files of one name.
fn lock_name(database: &Path, path: &Path) -> StoreResult<File> {
    let name = beside(path, ".lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&name).map_err(|error| cannot("lock", &name, &error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(StoreError::Unavailable(format!(
            "another process has {} open (it holds {})",
            database.display(),
            name.display()
        ))),
        Err(error) => Err(cannot("lock", &name, &error)),
    }
}

fn cannot(verb: &str, path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("cannot {verb} {}: {error}", path.display()))
}

/// The path without symbolic links, as SQLite names its log by it, of a file that may
/// not be there yet.
fn resolved(database: &Path) -> StoreResult<PathBuf> {
    match std::fs::canonicalize(database) {
        Err(error) if error.kind() == ErrorKind::NotFound && !database.is_symlink() => {}
        answer => return answer.map_err(|error| cannot("open", database, &error)),
    }
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::fs::canonicalize(folder.unwrap_or(Path::new(".")));
    let name = database.file_name().unwrap_or_default();
    Ok(folder.map_err(|error| cannot("open", database, &error))?.join(name))
}

/// A file beside the database, named by a suffix.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }
}

/// Where the database's files were when it was opened.
#[derive(Debug)]
pub(super) struct FilePlace {
    /// As the operator named it, be it a symbolic link.
    given: PathBuf,
    pub(super) path: PathBuf,
    identity: FileIdentity,
    /// The log and its index, and which they were when first looked at; SQLite keeps
    /// both while a connection is open.
    companions: [(PathBuf, OnceLock<FileIdentity>); 2],
}

impl FilePlace {
    /// Whether the names still lead to the files that are open: what is written to
    /// others would be gone with this process.
    pub(super) fn check(&self) -> StoreResult<()> {
        let moved = |path: &Path| {
            Err(StoreError::Unavailable(format!(
                "{} was moved, deleted or replaced while it was open: nothing is read or \
                 written until that file is back in its place",
                path.display()
            )))
        };
        if FileIdentity::at(&self.given) != Some(self.identity) {
            return moved(&self.given);
        }
        for (path, known) in &self.companions {
            let found = FileIdentity::at(path);
            let known = match (known.get(), found) {
                (None, Some(found)) => Some(*known.get_or_init(|| found)),
                (known, _) => known.copied(),
            };
            if known != found {
                return moved(path);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(database: &Path) -> String {
        match FileLock::take(database, true) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn one_file_is_locked_once_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let [path, hard, soft] = ["db", "hard", "soft"].map(|name| folder.path().join(name));
        let (lock, place) = FileLock::take(&path, true).unwrap();
        std::fs::hard_link(&path, &hard).unwrap();
        std::os::unix::fs::symlink(&path, &soft).unwrap();
        for name in [&path, &hard, &soft] {
            let refused = refused(name);
            assert!(refused.contains("another process has"), "{}: {refused}", name.display());
        }
        place.check().unwrap();
        drop(lock);
        for name in [&path, &hard, &soft] {
            let refused = refused(name);
            assert!(refused.contains("has 2 names"), "{}: {refused}", name.display());
        }
        std::fs::remove_file(&hard).unwrap();
        let (_lock, place) = FileLock::take(&soft, false).unwrap();
        assert_eq!(place.path, path.canonicalize().unwrap());
    }

    #[test]
    fn a_file_that_its_name_no_longer_leads_to_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let [path, away, log] = ["db", "away", "db-wal"].map(|name| folder.path().join(name));
        let (_lock, place) = FileLock::take(&path, true).unwrap();
        std::fs::write(&log, "log").unwrap();
        place.check().unwrap();
        std::fs::rename(&path, &away).unwrap();
        assert!(place.check().unwrap_err().to_string().contains("moved, deleted or replaced"));
        std::fs::write(&path, "another").unwrap();
        place.check().unwrap_err();
        std::fs::rename(&away, &path).unwrap();
        place.check().unwrap();
        std::fs::remove_file(&log).unwrap();
        place.check().unwrap_err();
    }

    #[test]
    fn a_file_that_is_not_there_is_made_only_when_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        assert!(FileLock::take(&path, false).is_err());
        assert!(!path.exists());
    }
}
