//! The control plane: it takes events over gRPC and HTTP, assigns deliveries to agents and
//! keeps their history.
//!
//! Fed by callers, agents and other replicas, each at a port of their own; feeds agents
//! with assignments. Guarantees that what was answered or acknowledged is durable,
//! and that any process may be killed at any moment. Used by the `postrider` binary, and
//! by tests that bring their own clock.
//!
//! - `settings`, `clock`, `metrics`, `progress`: given to everything else.
//! - `audited_fields`: what records of changes show. `event_spans`: what spans do of events.
//! - `listeners`: connections, and who is at their other end.
//! - `state`: what a replica remembers.
//! - `flow`: the loops that move events, deliveries and results between memory and the
//!   store.
//! - `callers`: from a credential to a caller.
//! - `api`: the public services; `agents`: the work stream; `replicas`: calls from and
//!   to other replicas.
//! - `console`: the web console, a caller of the public services in the same process.
//! - `health`: liveness and readiness.
//! - `serve`: builds and runs a replica; `dev`: a whole installation in one process, to
//!   try it. Only `dev` links the agent; it is a feature, on by default.
//! - `bootstrap_token`, `config_command`: commands that need no server. Those that call one
//!   are in the crate `postrider-cli`.

// A new variant is to be looked at wherever it may mean something; tests show it anyway.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod agents;
pub mod api;
pub mod audited_fields;
pub mod bootstrap_token;
pub mod callers;
pub mod clock;
pub mod config_command;
pub mod console;
#[cfg(feature = "dev")]
pub mod dev;
mod event_spans;
#[cfg(test)]
mod fixtures;
pub mod flow;
pub mod health;
pub mod listeners;
pub mod metrics;
pub mod progress;
pub mod replicas;
pub mod serve;
pub mod settings;
pub mod state;
