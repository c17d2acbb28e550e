//! `AuditService`: records of changes, and the check of their chains.
//!
//! Fed by callers; feeds them records and what is wrong with a chain, and the store with
//! reads of payloads (`reads`). Guarantees that a caller sees the records of those tenants
//! only in which he may read them.

mod chain_lookup;
mod conversion;
pub mod filter;
pub mod reads;
pub mod service;
mod verification;
