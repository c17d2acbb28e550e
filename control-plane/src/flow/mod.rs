//! The loops of a replica, and what the services may ask of them.
//!
//! Fed by `api` (requests), `agents` (results) and timers; feeds the store first and
//! memory (`state`) after. Guarantees that any task may be stopped at any line: the rows
//! in the database are the truth, memory is a cache, and each loop finds what another
//! left unfinished. Each loop is a type with just what it uses; no file here uses one
//! that uses it.
//!
//! `Flow` is the entrances and nothing else. A service that reads or changes what the
//! replica remembers takes `ReplicaContext` (`state`) beside it: its arguments say whether
//! it only looks, or also sets a loop to work.
//!
//! - `publish`: commits events in batches. `conclude`: commits results in batches; both
//!   with `fair_batch`, a fair queue that hands out batches.
//! - `dispatch_loop`: sends assignments to agents' streams.
//! - `work_loop`: everything that moves deliveries between the table and memory, in
//!   turn: `claimer`, `unsent`, `take_over` and the sweep, `recovery`, with
//!   `stale_rows`, `waiting_scan`, `expiry`, `hold_keeper`, `clock_recovery` and
//!   `rescheduler`.
//! - `leases`: shards and leases; `heartbeat`: signs of life; `region_clocks`: regions
//!   without agents; `membership`: joining and leaving; `agent_admission`: two processes
//!   with one agent id; `agent_presence`: whether there is an agent at all; `fleet_watch`:
//!   who joins, leaves and is lost.
//! - `ordering`: releases the next delivery of an ordering key.
//! - `outbox_publisher`: publishes operational events; `endpoint_watch`: warns about
//!   endpoints that only fail, and disables them; `certificate_watch`: warns about
//!   certificates that end.
//! - `operations`: replays, backfills and expunges.
//! - `on_demand`: tests, resends and cancellations. `window_closer`: closes a time
//!   window. `due_backlog`: counts what is due.
//! - `attempt_feed`: attempts as they are recorded.
//! - `audit_upkeep`: heads of audit chains, foreign triggers, and retention.
//! - `token_upkeep`: when tokens were used, and forgetting them.
//! - `faults`: what every loop does when the database refuses or does not answer;
//!   `new_delivery`: what a new delivery is like; `shard_numbers`: shards in the log.

pub mod agent_admission;
mod agent_presence;
pub mod attempt_feed;
pub mod audit_upkeep;
mod certificate_watch;
mod claimer;
mod clock_recovery;
pub mod conclude;
pub mod dispatch_loop;
pub mod due_backlog;
mod endpoint_watch;
mod expiry;
pub(crate) mod faults;
mod fleet_watch;
mod heartbeat;
pub mod hold_keeper;
pub mod leases;
pub mod membership;
mod new_delivery;
pub mod on_demand;
pub mod operations;
pub mod ordering;
pub mod outbox_publisher;
pub mod publish;
mod recovery;
mod region_clocks;
mod rescheduler;
mod shard_numbers;
mod stale_rows;
mod take_over;
pub mod token_upkeep;
mod unsent;
mod waiting_scan;
pub mod window_closer;
pub mod work_loop;

use self::agent_admission::AgentAdmission;
use self::attempt_feed::AttemptFeed;
use self::conclude::ResultIntake;
use self::due_backlog::DueBacklog;
use self::membership::Membership;
use self::on_demand::OnDemand;
use self::operations::OperationStarter;
use self::ordering::OrderingKeys;
use self::publish::Publisher;
use self::window_closer::WindowCloser;

/// The entrances: what services may ask of the loops. Cheap to clone.
#[derive(Clone)]
pub struct Flow {
    pub publisher: Publisher,
    pub results: ResultIntake,
    pub attempt_feed: AttemptFeed,
    pub agent_admission: AgentAdmission,
    pub on_demand: OnDemand,
    pub ordering_keys: OrderingKeys,
    pub operations: OperationStarter,
    pub window_closer: WindowCloser,
    pub due_backlog: DueBacklog,
    pub membership: Membership,
}
