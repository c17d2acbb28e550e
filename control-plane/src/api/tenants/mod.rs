//! `TenantService`: the customers of an installation.
//!
//! Fed by operators; feeds the store and every replica with changes. Guarantees that a
//! tenant is deleted with its subscriptions or not at all, and that its id is never used
//! again.

pub mod conversion;
pub mod filter;
pub mod retention;
pub mod service;
pub mod stored;
