//! `TokenService` and `PortalService`: callers' tokens.

pub mod conversion;
pub mod portal;
pub mod service;
