//! The decisions that stand alone, each by a table of its rules and by
//! properties over generated input. One program, so that it is linked once.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod content_filter;
mod content_filter_bounds;
mod event_type;
mod fairness;
mod filter;
mod health;
mod rate;
mod retry;
