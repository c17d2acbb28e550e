//! What a response says about the whole endpoint: wait (Retry-After), or gone (410).
//!
//! Fed by the writer with durable results; feeds the scheduler with holds, and the
//! tenant configurations with subscriptions to disable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postrider_domain::delivery::{AttemptRecord, GrantedWait, Outcome};
use postrider_domain::subscription::Subscription;
use postrider_telemetry::LineLimit;

use super::ConcludeWriter;
use super::report::AttemptReport;
use super::stages::CommittedResult;

/// RFC 9110: the target is gone, likely for good.
const GONE_STATUS: u16 = 410;
/// How long a subscription whose target is gone is held, so that nothing more is sent while
/// it is being disabled; being disabled ends the hold. Disabling takes one call, or a few
/// tries while the database is away.
pub(super) const GONE_HOLD: Duration = Duration::from_secs(30);
/// Each answer of a held endpoint may make its hold longer.
static BEGUN_HOLDS: LineLimit = LineLimit::new(20, Duration::from_secs(1));
/// Statuses whose Retry-After applies to the whole endpoint (RFC 9110, RFC 6585).
const ENDPOINT_WAIT_STATUSES: [u16; 2] = [429, 503];

impl ConcludeWriter {
    /// The wait that the receiver asked for, limited by the subscription's policy and by
    /// `dispatch.max_retry_after_seconds`. A test's answer holds nothing.
    pub(super) fn granted_wait(
        &self,
        report: &AttemptReport,
        subscription: &Subscription,
    ) -> Option<GrantedWait> {
        let record = &report.record;
        let span =
            subscription.settings.retry.granted(report.retry_after?).min(self.max_retry_after);
        let speaks = record.http_status.is_some_and(|s| ENDPOINT_WAIT_STATUSES.contains(&s))
            && record.outcome != Outcome::Succeeded
            && !record.test;
        Some(GrantedWait { span, holds: speaks }).filter(|wait| !wait.span.is_zero())
    }

    /// Begins the holds, and stores them: deliveries that are held do not age, here, at the
    /// other replicas and at the shard's next owner.
    pub(super) fn begin_holds(&self, committed: &[CommittedResult]) {
        let holds = self.cluster.holds();
        let now = self.clock.now();
        let begin_hold = |CommittedResult { follow_up, .. }: &CommittedResult| {
            let subscription = &follow_up.subscription.as_ref()?.subscription;
            holds.begin(subscription, now, now + follow_up.hold?)
        };
        let clocks: Vec<_> = committed.iter().filter_map(begin_hold).collect();
        for (key, clock) in &clocks {
            if let Some(left_out) = BEGUN_HOLDS.next_line(Instant::now()) {
                tracing::info!(subscription = %key, until = %clock.until, left_out, "an endpoint asked to be left alone; nothing is sent to it until then");
            }
        }
        if clocks.is_empty() {
            return;
        }
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            for (key, clock) in clocks {
                if let Err(error) = store.put_hold_clock(&key, &clock).await {
                    tracing::warn!(%error, subscription = %key, "a hold could not be stored");
                }
            }
        });
    }

    pub(super) fn disable_gone_endpoint(&self, record: &AttemptRecord) {
        let (tenants, key) = (self.tenants.clone(), record.subscription.clone());
        tokio::spawn(async move {
            if let Err(error) =
                tenants.disable_subscription(&key, "GONE: the receiver answered 410").await
            {
                tracing::warn!(%error, subscription = %key, "could not disable a subscription whose endpoint is gone");
            }
        });
    }
}

/// Whether the receiver said that its endpoint is gone. A test's answer does not count.
pub(super) fn is_endpoint_gone(record: &AttemptRecord) -> bool {
    record.http_status == Some(GONE_STATUS) && record.outcome == Outcome::HttpStatus && !record.test
}
