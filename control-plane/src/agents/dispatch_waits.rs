//! Counts how long attempts waited until they were sent.
//!
//! Fed by an agent's stream with each command that it sends; feeds the metrics.

use postrider_domain::time::Timestamp;

use crate::metrics::RegionMetrics;
use crate::state::dispatcher::streams::StreamCommand;

/// Counts the attempts of a command to an agent of a region.
pub fn count(command: &StreamCommand, metrics: &RegionMetrics, now: Timestamp) {
    let StreamCommand::Dispatch(dispatch) = command else { return };
    for (scheduled, _) in &dispatch.deliveries {
        metrics.dispatched(now.since(scheduled.delivery.due));
    }
}
