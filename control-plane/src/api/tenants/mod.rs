//! `TenantService`: the customers of an installation.

pub mod conversion;
pub mod filter;
pub mod service;
pub mod stored;
