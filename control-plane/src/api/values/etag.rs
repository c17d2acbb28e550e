//! Turns a resource's revision into the etag that callers see, and compares the two.

/// A revision as callers see it.
pub fn etag(revision: i64) -> String {
    format!("r{revision}")
}

/// Whether an etag belongs to a revision. An etag that this program did not make
/// belongs to none.
pub fn etag_is(etag: &str, revision: i64) -> bool {
    etag == self::etag(revision)
}
