//! The only place where the messages of the public API meet the domain.
//!
//! Fed by the services in both directions; guarantees that whatever is stored
//! can be shown, and that what comes in is checked, every violation noted, by
//! the time it is a domain value.

pub mod attempt;
pub mod delivering;
pub mod delivery;
pub mod event;
pub mod event_type;
pub mod operation;
pub mod retry;
pub mod signature;
pub mod subscription;
pub mod tenant;
pub mod time;

#[cfg(test)]
pub mod fixtures;

/// The form of a resource's revision that callers see.
pub fn etag(revision: i64) -> String {
    format!("r{revision}")
}

/// Whether an etag is the one of a revision. One that this program never made
/// is of no revision.
pub fn etag_is(etag: &str, revision: i64) -> bool {
    etag == self::etag(revision)
}
