//! `SubscriptionService`: endpoints, signing keys, tests, statistics.

pub mod changes;
pub mod conversion;
pub mod delivery_rules;
pub mod filter;
pub mod fixed_fields;
pub mod handler;
pub mod request_form;
pub mod retry_policy;
pub mod service;
pub mod signing_keys;
pub mod stats;
pub mod stored;
pub mod warnings;
