//! The maintenance loop: makes partitions, and removes what is past retention.
//!
//! Fed by a timer; feeds the store, and operators with what each run did.

use std::sync::Arc;
use std::time::Duration;

use postrider_store::{MaintenanceCounts, MaintenanceOptions, Store};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::flow::faults::LoopRounds;
use crate::progress::{RoundCounts, WatchedLoops};
use crate::settings::Settings;
use crate::state::context::ReplicaContext;

/// How often partitions are made and what is past retention removed. A partition is made 7
/// days ahead, and retention is in days.
const MAINTENANCE_PERIOD: Duration = Duration::from_secs(600);
/// The shortest pause after a maintenance run that failed. It doubles up to the period.
const MAINTENANCE_RETRY_PAUSE: Duration = Duration::from_secs(5);
/// What the settings want.
pub fn options(settings: &Settings) -> MaintenanceOptions {
    MaintenanceOptions {
        retention: settings.database.retention(),
        days_ahead: settings.database.partitions_ahead_days,
    }
}

/// Maintains the database.
pub struct MaintenanceLoop {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    loops: WatchedLoops,
    options: MaintenanceOptions,
}

impl MaintenanceLoop {
    pub fn new(context: &ReplicaContext, options: MaintenanceOptions) -> Self {
        let (store, clock) = (Arc::clone(&context.store), Arc::clone(&context.clock));
        Self { store, clock, loops: context.loops.clone(), options }
    }

    /// Maintains it until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut rounds = LoopRounds::new(self.loops.register_slow_loop("maintenance"));
        let mut pause = MAINTENANCE_PERIOD;
        while !stop.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => break,
            }
            rounds.begin();
            let maintained = self.store.maintain(self.clock.now(), self.options).await;
            pause = match maintained {
                Ok(_) => MAINTENANCE_PERIOD,
                Err(_) => rounds.pause_after_another(MAINTENANCE_RETRY_PAUSE, MAINTENANCE_PERIOD),
            };
            let counts = maintained.as_ref().map(round_counts).unwrap_or_default();
            let now = self.clock.now();
            rounds.end(counts, maintained.as_ref().err(), now, Some(now + pause));
        }
    }
}

fn round_counts(done: &MaintenanceCounts) -> RoundCounts {
    let MaintenanceCounts { partitions_made, partitions_dropped, rows_removed } = *done;
    let mut counts = RoundCounts::default();
    counts.add("partitions_made", partitions_made);
    counts.add("partitions_dropped", partitions_dropped);
    counts.add("rows_removed", rows_removed);
    counts
}
