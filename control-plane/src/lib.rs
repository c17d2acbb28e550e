//! The control plane: gRPC in, assignments to agents out, history kept.
//!
//! Fed by publishers, operators, agents and other replicas over one gRPC port;
//! feeds agents. Used by the `postrider` binary and, with a clock of their own,
//! by tests.
//!
//! - `settings`, `tls`, `clock`: what everything is given.
//! - `api`: the public services; `agents`: the work stream; `replicas`: peers.
//! - `flow`: the arrows between them, the store and the scheduler.
//! - `health`, `metrics`: watching.
//! - `serve`: putting it together; `dev`: all of it in one process, to try.

pub mod agents;
pub mod api;
pub mod clock;
pub mod dev;
pub mod flow;
pub mod health;
pub mod metrics;
pub mod replicas;
pub mod serve;
pub mod settings;
pub mod tls;
