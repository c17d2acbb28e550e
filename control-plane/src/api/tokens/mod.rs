//! `TokenService` and `PortalService`: callers' tokens.
//!
//! Fed by administrators and by backends that serve customers' browsers; feeds the store
//! with hashes, and every replica with revocations. Guarantees that nobody makes a token
//! with more than he has, and that its text is shown once.

pub mod conversion;
pub mod portal;
pub mod service;
