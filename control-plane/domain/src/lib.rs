//! What Postrider decides, without what it does.
//!
//! Fed by `api` and `flow` of the control plane, which bring the values, the time and the
//! randomness; feeds them back decisions. Guarantees that nothing here reads a clock,
//! draws a random number, or waits: the same inputs always give the same answer, so that
//! every rule can be tested by itself and simulated by the million.

// A new variant is to be looked at wherever it may mean something; tests show it anyway.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod assignment_key;
pub mod content_filter;
pub mod delivery;
pub mod endpoint_health;
pub mod event;
pub mod event_type;
pub mod event_type_name;
pub mod failure_streak;
pub mod fairness;
pub mod ids;
pub mod limits;
pub mod matching;
pub mod operation;
pub mod operational_event;
pub mod rate;
pub mod rate_budget;
pub mod receiver_credentials;
pub mod reconcile;
pub mod retry;
pub mod scheduler;
pub mod secret;
pub mod signature;
pub mod subscription;
pub mod tenant;
pub mod time;
