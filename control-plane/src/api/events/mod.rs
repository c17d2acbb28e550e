//! `EventService`: publishing, lists, resending and reconciliation.

pub mod conversion;
pub mod filter;
pub mod publish;
pub mod reconcile;
pub mod resend;
pub mod service;
