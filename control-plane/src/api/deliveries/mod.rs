//! `DeliveryService`: deliveries, their attempts, and the live tail of attempts.
//!
//! Fed by callers; feeds the store with reads, `flow` with retries, cancellations and
//! replays, and callers that watch with attempts as they are recorded. Guarantees that
//! one call reads a bounded number of rows, and that a watcher is told when it missed
//! something.

pub mod attempt_conversion;
pub mod attempt_filter;
pub mod attempts;
pub mod conversion;
pub mod filter;
pub mod resume_tokens;
pub mod service;
pub mod show;
pub mod watching;
