//! Calls between the replicas of the control plane.
//!
//! Fed by `flow` with what concerns a shard that another replica owns; feeds this
//! replica's scheduler with what others report. Everything here only saves time: the
//! rows are the truth.

mod convert;
mod figures;
mod grpc;
mod links;
mod peers;
mod service;

pub use figures::PeerMetrics;
pub use grpc::{GrpcCalls, PeerTls};
pub use peers::{PeerCalls, Peers};
pub use service::{PeerService, service};
