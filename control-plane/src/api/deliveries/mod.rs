//! `DeliveryService`: deliveries, their attempts, and the live tail of attempts.

pub mod attempt_conversion;
pub mod attempt_filter;
pub mod attempts;
pub mod conversion;
pub mod filter;
pub mod service;
pub mod show;
pub mod watching;
