//! What a replica remembers.
//!
//! Fed by the loops in `flow` and, with caches, by the store; feeds those loops and the
//! services. Guarantees that nothing here decides what to do next, or knows of a loop:
//! the rows in the database are the truth, and this is lost with the process.
//!
//! - `context`: all of it, to be handed out.
//! - `cluster`: replicas, shards, agents and holds as last read.
//! - `dispatcher`: the scheduler and the agents' streams. `peers`: the other replicas.
//! - `tenants`, `event_types`: cached configurations, and changing them.
//! - `tokens`: callers' tokens, and revoking them. `rate_limits`, `read_turns`,
//!   `region_names`: what callers have used of what they may. `console_bounds`: what they may of
//!   the web console.
//! - `failure_streaks`, `ordering_queue`, `outbox`, `result_commits`, `test_waiters`,
//!   `watermark`: what one loop leaves for another.
//! - `recent_activity`: what went on in the last minute.
//! - `lost_races`: changes that wait for their turn, and are made again when another came
//!   first.

pub mod cluster;
pub mod console_bounds;
pub mod context;
pub mod dispatcher;
pub mod event_types;
pub mod failure_streaks;
pub mod lost_races;
pub mod ordering_queue;
pub mod outbox;
pub mod peers;
pub mod rate_limits;
pub mod read_turns;
pub mod recent_activity;
pub mod region_names;
pub mod result_commits;
pub mod tenants;
pub mod test_waiters;
pub mod tokens;
pub mod watermark;
