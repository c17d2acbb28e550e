//! The work streams to the control plane.
//!
//! `replica_connector` finds replicas and keeps a stream to each; `session` is one such
//! stream from its first message to its end.

pub mod replica_connector;
pub mod session;
