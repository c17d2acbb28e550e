//! Temporary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, unused_macros)]
#[macro_use]
mod stage;
mod crashes;
mod replicas;
mod timetable;
