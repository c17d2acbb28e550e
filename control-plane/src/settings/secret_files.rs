//! Files that hold secrets.
//!
//! Fed by whatever reads such a file; feeds the log with those that others on the machine
//! can read or write. They are used all the same: Kubernetes mounts secrets with the mode
//! that the pod asks for, and a group may be meant to read them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// What others may not do, and the group may not write.
const OPEN_TO_OTHERS: u32 = 0o027;

/// Warns of a file that others can read or change. One that is not there is told of by
/// who reads it.
pub fn warn_if_open_to_others(path: &Path) {
    if is_open_to_others(path) {
        tracing::warn!(
            file = %path.display(),
            "others can read or write a file with a secret: chmod 600 closes it"
        );
    }
}

/// Whether there is such a file, and others can read or change it.
pub fn is_open_to_others(path: &Path) -> bool {
    path.metadata().is_ok_and(|known| is_open_mode(known.permissions().mode()))
}

/// Whether a mode lets others read, write or execute, or the group write.
const fn is_open_mode(mode: u32) -> bool {
    mode & OPEN_TO_OTHERS != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_its_owner_s_or_at_most_read_by_a_group() {
        for closed in [0o100_600, 0o100_400, 0o100_640, 0o100_440] {
            assert!(!is_open_mode(closed), "{closed:o}");
        }
        for open in [0o100_644, 0o100_666, 0o100_660, 0o100_604, 0o100_620] {
            assert!(is_open_mode(open), "{open:o}");
        }
    }
}
