//! Loads the deliveries of results that are not in memory.
//!
//! Fed by the writer with results as they arrived; feeds it the same results with their
//! rows. Only for speed: a replica that takes another's results would fall behind if it
//! read their rows one after the other from a slow database.

use std::collections::HashSet;

use futures::{StreamExt as _, stream};
use postrider_domain::ids::AttemptKey;

use super::ConcludeWriter;
use super::report::{AttemptReport, UnrecordedResults};

/// Most deliveries read in parallel. Of ten connections (`database.max_connections`) most
/// are left to others.
const PARALLEL_DELIVERY_READS: usize = 4;

impl ConcludeWriter {
    /// Reads, in parallel, the deliveries of results that are not in memory.
    pub(super) async fn load_missing_deliveries(
        &self,
        batch: Vec<AttemptReport>,
        unrecorded: &mut UnrecordedResults,
    ) -> Vec<AttemptReport> {
        let unknown: HashSet<AttemptKey> = self.dispatcher.read(|scheduler, _| {
            let unseen = batch.iter().filter(|report| report.seen.is_none());
            unseen
                .map(|unseen| unseen.record.key)
                .filter(|key| !scheduler.is_at_agent(*key))
                .collect()
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
            let found = self.store.get_delivery(tenant, key.delivery).await;
            let found = found.map(|delivery| report.seen = delivery.map(Box::new));
            (report, found)
        });
        let read: Vec<_> = stream::iter(read).buffered(PARALLEL_DELIVERY_READS).collect().await;
        let mut reports = Vec::with_capacity(read.len());
        for (report, found) in read {
            match found {
                Ok(()) => reports.push(report),
                Err(error) => unrecorded.put(error, [report]),
            }
        }
        reports
    }
}
