//! Rebuilds the request of an attempt with the code that sends requests.

use bytes::Bytes;
use postrider_domain::delivery::{AttemptRecord, Delivery};
use postrider_domain::event::Event;
use postrider_domain::subscription::Subscription;
use postrider_webhook_request::{RebuildError, RebuiltRequest, rebuild_request};

use super::convert;

/// The request of an attempt at a delivery of an event, where the subscription's
/// requests are still made as they were.
pub fn rebuild_attempt_request(
    attempt: &AttemptRecord,
    subscription: &Subscription,
    delivery: &Delivery,
    event: &Event,
) -> Result<RebuiltRequest, RebuildError> {
    let settings = convert::to_subscription_update(subscription, attempt.start_time);
    let assignment = convert::to_assignment(delivery, event, subscription.revision, Bytes::new());
    rebuild_request(settings, &assignment, attempt.http_version == "HTTP/2")
}
