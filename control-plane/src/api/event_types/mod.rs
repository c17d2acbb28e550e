//! `EventTypeService`: the catalogue of event types, their schemas and samples.
//!
//! Fed by operators with changes, and by `events` with what to check; feeds the store
//! with the catalogue, and every replica with the news of a change. Guarantees that a
//! change is answered once every reachable replica has read it.

pub mod changes;
pub mod checks;
pub mod conversion;
pub mod handler;
pub mod service;
