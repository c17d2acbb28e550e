//! The deliveries of results that memory does not know.
//!
//! Fed by the writer with results as they came; feeds it the same with what the
//! table says of them. Guarantees only speed: a replica that takes another's
//! results would fall behind a slow database by reading them one after the other.

use std::collections::HashSet;

use futures::{StreamExt as _, stream};
use postrider_domain::ids::AttemptKey;

use super::{ConcludeWriter, Left, Report};

/// Deliveries that are read at once.
const READ_AT_ONCE: usize = 4;

impl ConcludeWriter {
    /// Reads the deliveries of results that are not in memory, beside one another.
    pub(super) async fn look_up(&self, batch: Vec<Report>, left: &mut Left) -> Vec<Report> {
        let unknown: HashSet<AttemptKey> = self.parts.dispatcher.look(|scheduler, _| {
            let unseen = batch.iter().filter(|report| report.seen.is_none());
            unseen.map(|one| one.record.key).filter(|key| !scheduler.is_out(*key)).collect()
        });
        if unknown.is_empty() {
            return batch;
        }
        let read = batch.into_iter().map(|mut report| async {
            let key = report.record.key;
            if !unknown.contains(&key) {
                return (report, Ok(()));
            }
            let tenant = &report.record.subscription.tenant;
            let found = self.parts.store.get_delivery(tenant, key.delivery).await;
            let found = found.map(|delivery| report.seen = delivery.map(Box::new));
            (report, found)
        });
        let read: Vec<_> = stream::iter(read).buffered(READ_AT_ONCE).collect().await;
        let mut reports = Vec::with_capacity(read.len());
        for (report, found) in read {
            match found {
                Ok(()) => reports.push(report),
                Err(error) => left.put(error, [report]),
            }
        }
        reports
    }
}
