//! The statements that commit events and deliveries.
//!
//! Fed by `publishing` with the parts that a batch has; feeds it the statement that does
//! nothing else. Guarantees that the variants differ in those parts only (`sql_text`).

use crate::sql_file::without_comment;

/// Stores all of a batch, or nothing.
pub(super) const PUBLISH_ALL_OR_NOTHING: &str =
    without_comment(include_str!("../../sql/postgres/publish_all_or_nothing.sql"));

/// Adds one delivery of an event that is kept.
pub(super) const ADD_DELIVERY: &str =
    without_comment(include_str!("../../sql/postgres/add_delivery.sql"));

/// The variant for a batch with or without idempotency keys and ended deliveries.
pub(super) const fn statement(keys: bool, ended: bool) -> &'static str {
    match (keys, ended) {
        (false, false) => without_comment(include_str!("../../sql/postgres/publish.sql")),
        (false, true) => without_comment(include_str!("../../sql/postgres/publish_ended.sql")),
        (true, false) => without_comment(include_str!("../../sql/postgres/publish_keys.sql")),
        (true, true) => without_comment(include_str!("../../sql/postgres/publish_keys_ended.sql")),
    }
}
