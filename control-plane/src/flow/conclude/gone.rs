//! What a receiver says of its whole endpoint: wait, or go away for good.
//!
//! Fed by the writer with durable results; feeds the scheduler with holds, and
//! `tenants` with subscriptions to disable.

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::delivery::{AttemptRecord, GrantedWait, Outcome};
use postrider_domain::subscription::Subscription;

use super::{ConcludeWriter, Decided, Report};

/// RFC 9110: the target is gone, likely for good.
const GONE: u16 = 410;
/// How long a subscription whose target is gone is held, so that nothing more is
/// sent while it is being disabled; being disabled ends the hold.
pub(super) const GONE_HOLD: Duration = Duration::from_secs(30);
/// RFC 9110 and RFC 6585: statuses whose Retry-After speaks for the endpoint.
const HOLDING_STATUSES: [u16; 2] = [429, 503];

impl ConcludeWriter {
    /// How long the receiver asked to be left alone, as far as the subscription, and
    /// whoever runs the installation, grant it. A test speaks for nobody.
    pub(super) fn granted_wait(
        &self,
        report: &Report,
        subscription: &Subscription,
    ) -> Option<GrantedWait> {
        let record = &report.record;
        let limit = Duration::from_secs(self.parts.settings.dispatch.max_retry_after_seconds);
        let span = subscription.settings.retry.granted(report.retry_after?).min(limit);
        let speaks = record.http_status.is_some_and(|s| HOLDING_STATUSES.contains(&s))
            && record.outcome != Outcome::Succeeded
            && !record.test;
        Some(GrantedWait { span, holds: speaks }).filter(|wait| !wait.span.is_zero())
    }

    /// Keeps the holds that began: by their clock no time passes for what they hold,
    /// here, at the other replicas, and at the owner after this one.
    pub(super) fn begin_holds(&self, applied: &[Decided]) {
        let holds = self.parts.cluster.holds();
        let now = self.parts.clock.now();
        let begun = |one: &Decided| holds.begin(one.subscription.as_deref()?, now, now + one.hold?);
        let begun: Vec<_> = applied.iter().filter_map(begun).collect();
        if begun.is_empty() {
            return;
        }
        let store = Arc::clone(&self.parts.store);
        tokio::spawn(async move {
            for (key, clock) in begun {
                if let Err(error) = store.put_hold_clock(&key, &clock).await {
                    tracing::warn!(%error, subscription = %key, "a hold is not kept");
                }
            }
        });
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
