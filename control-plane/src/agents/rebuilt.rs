//! The request of an attempt, told by the agent's own code.
//!
//! Fed by the API with what history has; feeds it what an agent would make of that.
//! Guarantees that the agent's code is asked with the messages that agents get.

use postrider_agent::{RebuildError, Rebuilt, rebuild};
use postrider_domain::delivery::{AttemptRecord, Delivery};
use postrider_domain::event::Event;
use postrider_domain::subscription::Subscription;

use super::convert;

/// The request of an attempt at a delivery of an event, where the subscription's
/// requests are still made as they were.
pub fn request_of(
    attempt: &AttemptRecord,
    subscription: &Subscription,
    delivery: &Delivery,
    event: &Event,
) -> Result<Rebuilt, RebuildError> {
    let settings = convert::update(subscription, attempt.start_time);
    let assignment = convert::post(delivery, event, subscription.revision);
    rebuild(settings, &assignment, attempt.http_version == "HTTP/2")
}
