//! How many files the process may have open.
//!
//! Fed by each program at its start with how many its settings may need; feeds the log.
//! The soft limit is there for programs that call select(2), which no library of
//! Postrider's does: only the hard one bounds what others may take.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. Warns if even that is below `needed`, most of
/// which is for what `setting` allows.
pub fn raise_open_files_limit(needed: u64, setting: &'static str) {
    if let Some(allowed) = raised_limit()
        && allowed < needed
    {
        tracing::warn!(
            allowed,
            needed,
            setting,
            "this process may open fewer files than its settings may need: raise its hard limit, \
             or lower the setting"
        );
    }
}

/// The limit in force, raised as far as it can be; `None` if there is none.
fn raised_limit() -> Option<u64> {
    let found = getrlimit(Resource::Nofile);
    if found.current != found.maximum {
        let raised = Rlimit { current: found.maximum, ..found };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            // A sandbox may refuse it: the limit from before is what counts.
            tracing::debug!(%error, "the soft limit of open files cannot be raised");
        }
    }
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let found = getrlimit(Resource::Nofile);
        // Enough for the tests beside this one.
        let low = Rlimit { current: Some(256), ..found };
        setrlimit(Resource::Nofile, low).unwrap();
        assert_eq!(raised_limit(), found.maximum);
        assert_eq!(getrlimit(Resource::Nofile).current, found.maximum);
    }
}
