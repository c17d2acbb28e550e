//! `EventTypeService`: the catalogue of event types, their schemas and samples.

pub mod changes;
pub mod checks;
pub mod conversion;
pub mod handler;
pub mod service;
