//! google.longrunning.Operations: replays, backfills and expunges.
//!
//! Fed by callers at any replica; feeds the store with rows, which the shard's owner
//! carries out (`flow::operations`). Guarantees that no step is committed after a
//! cancellation was answered.

pub mod conversion;
pub mod expunge;
pub mod service;
pub mod start;
