//! `SubscriptionService`: endpoints, signing keys, tests, statistics.
//!
//! Fed by callers; feeds the store and every replica with changes, and `flow` with tests.
//! Guarantees that a subscription is stored only if an agent can send by its settings,
//! that a change is answered once it is in force, and that a secret is shown once.

pub mod assertion_keys;
pub mod changes;
pub mod conversion;
pub mod custom_headers;
pub mod delivery_rules;
pub mod filter;
pub mod fixed_fields;
pub mod handler;
pub mod moved_secrets;
pub mod oauth_client;
pub mod receiver_credentials;
pub mod regions;
pub mod request_form;
pub mod retry_policy;
pub mod service;
pub mod signing_keys;
pub mod stats;
pub mod stored;
pub mod warnings;
