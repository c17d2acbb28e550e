//! The only place where messages of the public API are converted to and from the
//! domain.
//!
//! Fed by the services in both directions. Guarantees that whatever is stored can be
//! shown, and that a domain value made of a request is valid, with every violation
//! noted.

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

/// A revision as callers see it.
pub fn etag(revision: i64) -> String {
    format!("r{revision}")
}

/// Whether an etag belongs to a revision. An etag that this program did not make
/// belongs to none.
pub fn etag_is(etag: &str, revision: i64) -> bool {
    etag == self::etag(revision)
}
