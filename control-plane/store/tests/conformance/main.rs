//! One suite for every engine.
//!
//! Feeds the same calls to SQLite and, when `POSTRIDER_TEST_POSTGRES_URL` holds
//! the URL of a server on which databases may be made, to PostgreSQL. Each test
//! has a database of its own. Guarantees that what the traits of this crate say
//! is what an engine does: a rule is written there, its test here.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod attempts;
mod audit;
mod audit_retention;
mod audit_triggers;
mod backlog;
mod by_hand;
mod config;
mod console;
mod data_keys;
mod database;
mod ending_attempts;
mod engine;
mod event_types;
mod expunge;
mod faults;
mod fixture;
mod history;
mod late;
mod maintenance;
mod numbers;
mod operations;
mod ordering;
mod outbox;
mod ownership;
mod publishing;
mod set_back;
mod statistics;
#[path = "../support/mod.rs"]
mod support;
mod tail;
mod tenant_retention;
mod tokens;
mod unreadable;
mod work;
