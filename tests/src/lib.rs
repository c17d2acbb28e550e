//! The harness of Postrider's tests.
//!
//! Fed by the tests of this crate; feeds them real processes, a real database,
//! a receiver that misbehaves on command and an independent eye for signatures.
//! Guarantees that nothing outlives the test that started it: every process is
//! killed, every database dropped and every file removed when its value goes.

pub mod agent;
pub mod api;
pub mod clock;
pub mod cluster;
pub mod direct;
pub mod fake_time;
pub mod history;
pub mod json_api;
pub mod lateness;
pub mod metrics;
/// The agent's own tests have it as well.
#[path = "../../agent/tests/support/name_server.rs"]
pub mod name_server;
pub mod observe;
pub mod otlp_collector;
pub mod pki;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod publish;
pub mod receiver;
pub mod replica;
pub mod restartable;
pub mod scripted_agent;
pub mod signature;
pub mod small_disk;
pub mod subscriptions;
pub mod timed;
pub mod token;
pub mod wait;
