//! The work streams to the control plane.
//!
//! Fed by the control plane's address and the replicas behind it; feeds `work` with
//! settings and assignments, and replicas with results. Guarantees a stream to each
//! replica that can be reached, and that a stream which ends or falls silent costs
//! nothing that the agent holds.
//!
//! `replica_connector` finds replicas and keeps a stream to each; `session` is one such
//! stream from its first message to its end.

pub mod replica_connector;
pub mod session;
