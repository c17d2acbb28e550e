//! The other replicas of the control plane.
//!
//! Fed by `flow` with what concerns a shard that another replica owns; feeds
//! this replica's scheduler with what others tell it. Everything here saves
//! time; the rows are the truth.

mod peers;
mod service;

pub use peers::{PeerTls, Peers};
pub use service::service;
