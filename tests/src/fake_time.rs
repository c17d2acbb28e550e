//! A wall clock that a test turns, for one program or several.
//!
//! Fed by a test with an offset; feeds programs that are started with
//! [`FakeTime::environment`], by way of Debian's libfaketime. Guarantees that their
//! monotonic clocks are left alone, as when somebody sets a machine's clock, and
//! that a turn shows in the next look at the clock.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

const FAKETIME_LIBRARY: &str = "libfaketimeMT.so.1";

/// An offset in a file of its own.
#[derive(Debug)]
pub struct FakeTime {
    library: PathBuf,
    folder: TempDir,
}

impl FakeTime {
    /// As the machine's clock, to begin with.
    pub fn create() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("postrider-time").tempdir()?;
        // A database runs as another user.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        let time = Self { library: library()?, folder };
        time.turn(0)?;
        Ok(time)
    }

    /// From now on the clock is so many seconds ahead, or behind.
    pub fn turn(&self, seconds: i64) -> Result<()> {
        let fresh = self.folder.path().join("fresh");
        fs::write(&fresh, format!("{seconds:+}"))?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o644))?;
        // In one step: whoever looks at the clock reads the file.
        Ok(fs::rename(fresh, self.file())?)
    }

    /// For programs that are to take it as the time.
    pub fn environment(&self) -> Vec<(String, String)> {
        let pairs = [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}

impl Drop for FakeTime {
    fn drop(&mut self) {
        // What the library leaves of programs that were killed: no process, no use.
        for entry in fs::read_dir("/dev/shm").into_iter().flatten().filter_map(Result::ok) {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let of = ["faketime_shm_", "sem.faketime_sem_"];
            let process = of.iter().find_map(|prefix| name.strip_prefix(prefix));
            if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Where the distribution keeps it: a folder for each architecture.
fn library() -> Result<PathBuf> {
    let architectures = fs::read_dir("/usr/lib")?.filter_map(Result::ok);
    let folders = architectures.map(|entry| entry.path()).chain([Path::new("/usr/lib").to_owned()]);
    let mut candidates = folders.map(|folder| folder.join("faketime").join(FAKETIME_LIBRARY));
    candidates
        .find(|path| path.is_file())
        .with_context(|| format!("{FAKETIME_LIBRARY} is not installed"))
}
