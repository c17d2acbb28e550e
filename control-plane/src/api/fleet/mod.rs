//! `FleetService`: replicas, agents and regions.

pub mod filter;
pub mod service;
