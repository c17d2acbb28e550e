//! Decides what goes out next, to which agent: a state machine of one replica.
//!
//! Fed by `flow` (what was committed, claimed and concluded; which shards are
//! owned) and by `agents` (streams, credit); feeds them [`Dispatch`]es to send,
//! claims to make and leases to give back. It holds every delivery that is
//! IN_FLIGHT at this replica's epochs, and nothing else.
//!
//! Guarantees, for the shards it owns: no more in flight, and no faster, than a
//! subscription allows; nothing dispatched without a valid lease, or before a
//! take-over has settled; one subscription's trouble costs its neighbours
//! nothing; memory bounded in count and bytes.
//!
//! - `state`: everything that it holds; `config`, `entry`, `shard_state`, `stream_state`:
//!   the parts of that.
//! - `lane`: one subscription's queue and gates.
//! - `streams`: agents' streams, their credit, and choosing among them.
//! - `shards`: leases, and settling a take-over.
//! - `intake`: how deliveries come in and go out of memory.
//! - `reported`: whose an attempt is of which a result comes.
//! - `leaving`: how what was not sent goes back to the table, and what is lost is found.
//! - `parked`: deliveries whose earlier attempt an agent still holds.
//! - `dispatch`: who is next.
//! - `busy_lanes`: which lanes may have something to do.
//! - `figures`: what people see of each region; `open_circuits`: of endpoints; `region_demand`,
//!   `demand_average`: how much work a region has, for autoscalers.
//!
//! Keeps the invariant `bounded-everything`.

mod busy_lanes;
mod config;
mod demand_average;
mod dispatch;
mod entry;
mod figures;
mod intake;
mod lane;
mod leaving;
mod open_circuits;
mod parked;
mod region_demand;
mod reported;
mod shard_state;
mod shards;
mod state;
mod stream_state;
mod streams;
#[cfg(test)]
mod tests;

pub use self::config::SchedulerConfig;
pub use self::entry::{
    AgentIdentity, AttemptFeedback, BreakerSpan, Dispatch, ScheduledDelivery, SchedulerActions,
    StreamId,
};
pub use self::figures::RegionFigures;
pub use self::lane::LaneView;
pub use self::leaving::UnconfirmedAttempt;
pub use self::open_circuits::{MAX_TOLD_CIRCUITS, OpenCircuit};
pub use self::region_demand::{RegionDemand, ReplicaDemand};
pub use self::reported::ReportedAttempt;
pub use self::shard_state::{ShardLease, UnsettledShard};
pub use self::state::Scheduler;
pub use self::stream_state::StreamView;
