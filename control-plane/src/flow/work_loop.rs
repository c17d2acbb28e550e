//! The work loop: every move of deliveries between the table and memory.
//!
//! Fed by the scheduler's requests and a timer; feeds the scheduler. One task makes
//! every move, one at a time, so that a sweep never sees half a claim: returns
//! (`unsent`), take-overs (`take_over`), sweeps (`recovery`) and claims (`claimer`).
//! Guarantees that a due delivery which the scheduler was not told of is found within
//! one sweep.

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::time::Timestamp;
use postrider_store::{FirstFault, StoreResult};
use tokio_util::sync::CancellationToken;

use super::claimer::Claimer;
use super::conclude::ResultIntake;
use super::faults::LoopRounds;
use super::recovery::Recovery;
use super::take_over::TakeOverSettler;
use super::unsent::UnsentReturner;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::progress::{RoundCounts, WatchedLoops};
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;

/// The pause after a round in which the database refused something. Ten rounds a second at
/// a database that refuses, instead of one after another.
const REFUSED_ROUND_PAUSE: Duration = Duration::from_millis(100);

/// Moves deliveries between the table and memory.
pub struct WorkLoop {
    clock: Arc<dyn Clock>,
    loops: WatchedLoops,
    dispatcher: Dispatcher,
    metrics: Metrics,
    sweep_interval: Duration,
    unsent: UnsentReturner,
    take_over: TakeOverSettler,
    recovery: Recovery,
    claimer: Claimer,
}

impl WorkLoop {
    pub fn new(context: &ReplicaContext, results: &ResultIntake) -> Self {
        Self {
            clock: Arc::clone(&context.clock),
            loops: context.loops.clone(),
            dispatcher: context.dispatcher.clone(),
            metrics: context.metrics.clone(),
            sweep_interval: context.settings.ownership.sweep(),
            unsent: UnsentReturner::new(context),
            take_over: TakeOverSettler::new(context, results),
            recovery: Recovery::new(context, results),
            claimer: Claimer::new(context),
        }
    }

    /// Moves deliveries between the table and memory until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut next_sweep = self.clock.now();
        let mut rounds = LoopRounds::new(self.loops.register_loop("due-work"));
        let mut sweeps = LoopRounds::new(self.loops.register_slow_loop("sweep"));
        while !stop.is_cancelled() {
            rounds.begin();
            let mut counts = RoundCounts::default();
            let worked = self.run_round(&mut next_sweep, &mut counts, &mut sweeps).await;
            rounds.end(counts, worked.as_ref().err(), self.clock.now(), Some(next_sweep));
            if let Err(error) = worked {
                // After a refusal the rest of the work goes on soon.
                let pause =
                    if error.is_transient() { self.sweep_interval } else { REFUSED_ROUND_PAUSE };
                tokio::select! {
                    () = self.clock.sleep(pause) => {}
                    () = stop.cancelled() => {}
                }
                if error.is_transient() {
                    continue;
                }
            }
            tokio::select! {
                () = self.dispatcher.work_requested() => {}
                () = self.clock.sleep_until(next_sweep) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn run_round(
        &self,
        next_sweep: &mut Timestamp,
        counts: &mut RoundCounts,
        sweeps: &mut LoopRounds,
    ) -> StoreResult<()> {
        let mut faults = FirstFault::default();
        let returned = faults.keep(self.unsent.return_unsent().await)?;
        counts.add_all("attempts_returned", returned.unwrap_or_default());
        let settled = faults.keep(self.take_over.settle_take_overs().await)?;
        counts.add_all("shards_settled", settled.unwrap_or_default());
        faults.keep(self.recovery.check_unconfirmed_attempts().await)?;
        if self.clock.now() >= *next_sweep {
            *next_sweep = self.clock.now() + self.sweep_interval;
            let began = self.clock.now();
            faults.keep(self.sweep(*next_sweep, sweeps).await)?;
            let now = self.clock.now();
            self.metrics.swept(now.since(began), now);
        }
        while let Some(Some(claimed)) = faults.keep(self.claimer.claim_due().await)? {
            counts.add_all("deliveries_claimed", claimed);
        }
        faults.into_result()
    }

    /// Sweeps, and tells what came of it apart from the rest of the round.
    async fn sweep(&self, next: Timestamp, sweeps: &mut LoopRounds) -> StoreResult<()> {
        sweeps.begin();
        let mut counts = RoundCounts::default();
        let swept = self.recovery.sweep(&mut counts).await;
        sweeps.end(counts, swept.as_ref().err(), self.clock.now(), Some(next));
        swept
    }
}
