//! The other replicas of the control plane.
//!
//! Fed by `flow` with what concerns a shard that another replica owns; feeds
//! this replica's scheduler with what others tell it. Everything here saves
//! time; the rows are the truth.

mod convert;
mod figures;
mod grpc;
mod links;
mod peers;
mod service;

pub use figures::PeerFigures;
pub use grpc::{GrpcCalls, PeerTls};
pub use peers::{Calls, Peers};
pub use service::{Replicas, service};
