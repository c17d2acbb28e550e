//! google.longrunning.Operations: replays and backfills.

pub mod conversion;
pub mod service;
pub mod start;
