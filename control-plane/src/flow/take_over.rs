//! Finishes the take-over of shards.
//!
//! Fed by agents' inventories, through the scheduler; feeds it with what the previous
//! owner left. Guarantees (no-invented-unknown) that a shard is settled only when every
//! agent that may hold its attempts has said what it holds, or counts as lost.
//!
//! Keeps the invariant `no-invented-unknown`.

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::scheduler::ShardLease;
use postrider_store::StoreResult;

use super::conclude::ResultIntake;
use super::hold_keeper::HoldKeeper;
use super::shard_numbers::shard_numbers;
use super::stale_rows::{MAX_ROWS_PER_READ, StaleRows};
use super::waiting_scan::WaitingScan;
use crate::clock::Clock;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;

/// The pause between batches, in which the first is concluded. Several commits of a
/// database that is well; a take-over of 50,000 rows takes 2.5 s longer for that.
const BATCH_PAUSE: Duration = Duration::from_millis(50);

/// Settles shards that were taken over.
pub struct TakeOverSettler {
    clock: Arc<dyn Clock>,
    dispatcher: Dispatcher,
    stale_rows: StaleRows,
    holds: HoldKeeper,
    waiting_scan: WaitingScan,
}

impl TakeOverSettler {
    pub fn new(context: &ReplicaContext, results: &ResultIntake) -> Self {
        Self {
            clock: Arc::clone(&context.clock),
            dispatcher: context.dispatcher.clone(),
            stale_rows: StaleRows::new(context, results),
            holds: HoldKeeper::new(context),
            waiting_scan: WaitingScan::new(context),
        }
    }

    /// Finishes the take-over of shards whose agents have all sent their inventories; returns
    /// how many shards.
    pub async fn settle_take_overs(&self) -> StoreResult<usize> {
        let ready = self.dispatcher.read(|scheduler, now| scheduler.ready_to_settle(now));
        if ready.is_empty() {
            return Ok(0);
        }
        let leases: Vec<ShardLease> = ready.into_iter().map(|ready| ready.lease).collect();
        let (unclear, faults) = loop {
            let taken = self.stale_rows.recover_stale_rows(&leases).await?;
            if taken.found < MAX_ROWS_PER_READ as usize || !taken.unclear.is_empty() {
                break (taken.unclear, taken.faults);
            }
            // The first batch is being concluded; the next read finds the rest.
            self.clock.sleep(BATCH_PAUSE).await;
        };
        self.holds.resume_holds(&leases).await?;
        let settled: Vec<ShardLease> =
            leases.into_iter().filter(|lease| !unclear.contains(&lease.shard)).collect();
        self.dispatcher.update(|scheduler, now| {
            for lease in &settled {
                scheduler.settle(*lease, now);
            }
        });
        if !settled.is_empty() {
            let numbers = shard_numbers(settled.iter().map(|lease| lease.shard));
            tracing::info!(
                shards = settled.len(),
                numbers,
                "shards are settled: what waits in them is dispatched"
            );
        }
        self.waiting_scan.scan_waiting().await?;
        faults.into_result().map(|()| settled.len())
    }
}
