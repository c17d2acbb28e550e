//! The dispatch loop: sends assignments to agents' streams.
//!
//! Fed by every change of the scheduler, and by time; feeds agents' sessions. Guarantees
//! that what may be sent is sent at once, and what becomes due is not forgotten.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;

/// The loop polls this often even if nothing woke it. As often as the sweep looks; what
/// matters wakes it.
const IDLE_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Has the scheduler decide, and sends what it decides.
pub struct DispatchLoop {
    clock: Arc<dyn Clock>,
    dispatcher: Dispatcher,
}

impl DispatchLoop {
    pub fn new(context: &ReplicaContext) -> Self {
        Self { clock: Arc::clone(&context.clock), dispatcher: context.dispatcher.clone() }
    }

    /// Sends assignments until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let (wake, now) = self.dispatcher.send_ready();
            let pause = wake.map_or(IDLE_POLL_INTERVAL, |at| at.since(now).min(IDLE_POLL_INTERVAL));
            tokio::select! {
                () = self.dispatcher.changed() => {}
                () = self.clock.sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}
