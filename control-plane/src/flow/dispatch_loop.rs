//! The dispatch loop: sends assignments to agents' streams.
//!
//! Fed by every change of the scheduler, and by time; feeds agents' sessions, and the
//! averages of what regions want and of what goes on with samples. Guarantees that what may be
//! sent is sent at once, and what becomes due is not forgotten.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::recent_activity::RecentActivity;

/// Each sample looks through the lanes that are busy. Ten in the half-life of an average: half
/// as many let bursts through that end between them. The loop polls as often even if nothing
/// woke it, so that a region that sleeps wakes up within a second.
const DEMAND_SAMPLE_INTERVAL: Duration = Duration::from_millis(500);

/// Has the scheduler decide, and sends what it decides.
pub struct DispatchLoop {
    clock: Arc<dyn Clock>,
    dispatcher: Dispatcher,
    activity: RecentActivity,
}

impl DispatchLoop {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            clock: Arc::clone(&context.clock),
            dispatcher: context.dispatcher.clone(),
            activity: context.recent_activity.clone(),
        }
    }

    /// Sends assignments until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut next_sample = self.clock.now();
        while !stop.is_cancelled() {
            let (wake, now) = self.dispatcher.send_ready();
            if now >= next_sample {
                next_sample = now + DEMAND_SAMPLE_INTERVAL;
                self.dispatcher.sample_demand();
                self.activity.sample(now);
            }
            // The clock may have been set back.
            next_sample = next_sample.min(now + DEMAND_SAMPLE_INTERVAL);
            let until_sample = next_sample.since(now);
            let pause = wake.map_or(until_sample, |at| at.since(now).min(until_sample));
            tokio::select! {
                () = self.dispatcher.changed() => {}
                () = self.clock.sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}
