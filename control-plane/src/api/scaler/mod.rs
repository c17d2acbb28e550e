//! `ExternalScaler`, KEDA's contract: how many agents a region wants, and when it wakes up.
//!
//! Fed by KEDA with a region and a target, and by all replicas' memory; feeds KEDA. Guarantees
//! that any replica answers for all of them, that nothing is called idle while a replica
//! does not say what it has (decision 0079), and that streams are bounded in number, of all
//! callers and of each.
//!
//! - `query`: what a trigger's metadata say. `region_loads`: what the installation has of a
//!   region. `activity`: one stream. `stream_slots`: how many there may be.
//!   `service`: the methods.

mod activity;
pub mod query;
mod region_loads;
pub mod service;
mod stream_slots;
