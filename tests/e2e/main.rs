//! End-to-end tests: real programs, a real receiver, over mutual TLS.
//!
//! Fed by the harness; feeds `tests/run`. Guarantees that what Postrider
//! promises is seen from outside, through the API and at the receiver. One
//! program, since linking it takes longer than most of its tests.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

#[macro_use]
mod stage;

mod agents;
mod audit;
mod command_line;
mod control;
mod crashes;
mod delivery;
mod doors;
mod failures;
mod faults;
mod history;
mod isolation;
mod limits;
mod metrics;
mod orders;
mod replicas;
mod secrets;
mod systems;
mod timetable;
mod told;
mod traces;
mod upgrades;
