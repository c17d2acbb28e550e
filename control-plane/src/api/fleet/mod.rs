//! `FleetService`: replicas, agents and regions.
//!
//! Fed by operators; feeds them what the table, the heartbeats and all replicas' memory
//! say, and sets what replicas log. Guarantees figures of the whole installation, whichever
//! replica is asked; one that did not answer is named.

mod activity;
pub mod filter;
mod log_levels;
mod loops;
pub mod service;
