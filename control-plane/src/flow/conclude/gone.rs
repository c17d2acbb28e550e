//! What a receiver says of its whole endpoint: wait, or go away for good.
//!
//! Fed by the writer with durable results; feeds the scheduler with holds, and
//! `tenants` with subscriptions to disable.

use std::time::Duration;

use postrider_domain::delivery::{AttemptRecord, Outcome};

use super::{ConcludeWriter, Report};

/// RFC 9110: the target is gone, likely for good.
const GONE: u16 = 410;
/// How long a subscription whose target is gone is held, so that nothing more is
/// sent while it is being disabled; being disabled ends the hold.
const GONE_HOLD: Duration = Duration::from_secs(30);
/// RFC 9110 and RFC 6585: statuses whose Retry-After speaks for the endpoint.
const HOLDING_STATUSES: [u16; 2] = [429, 503];

impl ConcludeWriter {
    /// How long nothing more is to be sent to the endpoint.
    pub(super) fn hold(&self, report: &Report) -> Option<Duration> {
        let record = &report.record;
        if is_gone(record) {
            return Some(GONE_HOLD);
        }
        let speaks = record.http_status.is_some_and(|s| HOLDING_STATUSES.contains(&s))
            && record.outcome != Outcome::Succeeded;
        let limit = Duration::from_secs(self.parts.settings.dispatch.max_retry_after_seconds);
        report.retry_after.filter(|_| speaks).map(|wish| wish.min(limit))
    }

    pub(super) fn disable_gone(&self, record: &AttemptRecord) {
        let (tenants, key) = (self.parts.tenants.clone(), record.subscription.clone());
        tokio::spawn(async move {
            if let Err(error) = tenants.disable(&key, "GONE: the receiver answered 410").await {
                tracing::warn!(%error, subscription = %key, "could not disable a subscription that is gone");
            }
        });
    }
}

/// Whether the receiver said that its endpoint is gone. A test speaks for nobody.
pub(super) fn is_gone(record: &AttemptRecord) -> bool {
    record.http_status == Some(GONE) && record.outcome == Outcome::HttpStatus && !record.test
}
