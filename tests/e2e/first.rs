//! Temporary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[macro_use]
mod stage;
mod control;
mod delivery;
mod failures;
mod history;
