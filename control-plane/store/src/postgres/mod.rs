//! The PostgreSQL engine.
//!
//! Fed by `flow` and `api` through the traits of this crate; feeds the database by
//! `call`, one file per trait, with long methods in files of their own. Guarantees the
//! contract of those traits, with these means: each hot path is one data-modifying
//! statement in autocommit (one round trip, atomic by itself), what grows is partitioned
//! by day, and every plan runs along an index however full a table was when its
//! statistics were last taken.

mod arrays;
mod attempts;
mod audit;
mod audit_append;
mod call;
mod claim;
mod clocks;
mod conclude;
mod config;
mod config_lists;
mod config_rows;
mod console;
mod data_keys;
mod ending;
mod ending_attempts;
mod engine;
mod errors;
mod event_types;
mod history;
mod history_lists;
mod inputs;
mod late;
mod list_sql;
mod maintenance;
mod numbers;
mod octaves;
mod open;
mod operations;
mod operations_history;
mod ordering;
mod outbox;
mod ownership;
mod partitions;
mod payload_removal;
mod pool;
mod pooler;
mod publish_sql;
mod publishing;
mod query;
mod removal_notes;
mod rows;
mod schema;
mod server_list;
mod server_watch;
mod servers;
mod suspicion;
mod tail;
mod tenant_retention;
mod tokens;
mod work;

pub use self::engine::PostgresStore;
