//! Calls between the replicas of the control plane.
//!
//! Fed by `flow` with what concerns a shard that another replica owns; feeds this
//! replica's scheduler with what others report. Guarantees only that time is saved, or
//! that hints which do not arrive are noticed: the rows are the truth.

pub mod convert;
mod grpc;
mod loop_outcomes;
mod metrics;
mod service;

pub use grpc::GrpcCalls;
pub use metrics::observe_peers;
pub use service::{PeerService, service};
