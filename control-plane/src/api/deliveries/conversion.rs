//! Turns a delivery, its state and its end into the messages that callers read, and back.

use postrider_domain::delivery::{AttemptRecord, Delivery, DeliveryState, EndReason};
use postrider_domain::time::Timestamp;
use postrider_proto::v1;

use crate::api::deliveries::attempt_conversion::{outcome, trigger};
use crate::api::values::names;
use crate::api::values::time::timestamp;

/// What is shown of a delivery and stored elsewhere.
#[derive(Clone, Debug, Default)]
pub struct DeliveryContext<'a> {
    /// The newest recorded attempt.
    pub last: Option<&'a AttemptRecord>,
    /// When it expires, on the wall clock, as far as known now; `None` once it has
    /// ended.
    pub expire_time: Option<Timestamp>,
}

pub fn to_proto(delivery: &Delivery, context: DeliveryContext<'_>) -> v1::Delivery {
    let tenant = &delivery.subscription.tenant;
    let waiting = delivery.state == DeliveryState::Waiting;
    v1::Delivery {
        name: names::of_delivery(tenant, delivery.id),
        event: names::of_event(tenant, delivery.event),
        event_type: delivery.event_type.clone(),
        account: delivery.account.clone().unwrap_or_default(),
        subscription: delivery.subscription.to_string(),
        state: state(delivery.state).into(),
        end_reason: end_reason(delivery.end_reason).into(),
        attempt_count: delivery.attempts,
        last_outcome: context.last.map_or(0, |last| outcome(last.outcome).into()),
        last_http_status: context.last.and_then(|last| last.http_status).map_or(0, u32::from),
        next_attempt_time: waiting.then(|| timestamp(delivery.due)),
        create_time: Some(timestamp(delivery.create_time())),
        end_time: delivery.end_time.map(timestamp),
        expire_time: context.expire_time.map(timestamp),
        test: delivery.test,
        resend_of: delivery.resend_of.map(|id| names::of_delivery(tenant, id)).unwrap_or_default(),
        sequence: delivery.sequence.unwrap_or_default(),
        ordering_key: delivery.ordering_key.clone().unwrap_or_default(),
        trigger: trigger(delivery.trigger).into(),
        filter_failed: delivery.filter_failed,
    }
}

pub const fn state(state: DeliveryState) -> v1::DeliveryState {
    match state {
        DeliveryState::Held => v1::DeliveryState::Held,
        DeliveryState::Waiting => v1::DeliveryState::Waiting,
        DeliveryState::InFlight => v1::DeliveryState::InFlight,
        DeliveryState::Succeeded => v1::DeliveryState::Succeeded,
        DeliveryState::Exhausted => v1::DeliveryState::Exhausted,
        DeliveryState::Cancelled => v1::DeliveryState::Cancelled,
        DeliveryState::Suppressed => v1::DeliveryState::Suppressed,
    }
}

pub const fn state_from(state: v1::DeliveryState) -> Option<DeliveryState> {
    match state {
        v1::DeliveryState::Unspecified => None,
        v1::DeliveryState::Held => Some(DeliveryState::Held),
        v1::DeliveryState::Waiting => Some(DeliveryState::Waiting),
        v1::DeliveryState::InFlight => Some(DeliveryState::InFlight),
        v1::DeliveryState::Succeeded => Some(DeliveryState::Succeeded),
        v1::DeliveryState::Exhausted => Some(DeliveryState::Exhausted),
        v1::DeliveryState::Cancelled => Some(DeliveryState::Cancelled),
        v1::DeliveryState::Suppressed => Some(DeliveryState::Suppressed),
    }
}

pub const fn end_reason(reason: Option<EndReason>) -> v1::DeliveryEndReason {
    match reason {
        None => v1::DeliveryEndReason::Unspecified,
        Some(EndReason::AttemptsExhausted) => v1::DeliveryEndReason::AttemptsExhausted,
        Some(EndReason::Expired) => v1::DeliveryEndReason::Expired,
        Some(EndReason::CancelledByCaller) => v1::DeliveryEndReason::CancelledByCaller,
        Some(EndReason::SubscriptionDeleted) => v1::DeliveryEndReason::SubscriptionDeleted,
        Some(EndReason::SubscriptionDisabled) => v1::DeliveryEndReason::SubscriptionDisabled,
        Some(EndReason::TenantDeleted) => v1::DeliveryEndReason::TenantDeleted,
        Some(EndReason::EventGone) => v1::DeliveryEndReason::EventGone,
        Some(EndReason::EventExpunged) => v1::DeliveryEndReason::EventExpunged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_delivery_is_shown_whole() {
        let mut delivery = fixtures::delivery();
        let last = fixtures::attempt();
        let context = DeliveryContext { last: Some(&last), expire_time: Some(delivery.deadline) };
        let shown = to_proto(&delivery, context.clone());
        assert!(shown.event.starts_with("tenants/acme/events/evt_"));
        assert_eq!(shown.subscription, "tenants/acme/subscriptions/erp");
        assert_eq!((shown.last_http_status, shown.account.as_str()), (503, "acc"));
        assert!(shown.next_attempt_time.is_some() && shown.expire_time.is_some());
        assert_eq!((shown.resend_of.as_str(), shown.sequence), ("", 0));
        delivery.state = DeliveryState::Exhausted;
        delivery.end_reason = Some(EndReason::Expired);
        let shown = to_proto(&delivery, context);
        assert_eq!(shown.next_attempt_time, None);
        assert_eq!(shown.end_reason(), v1::DeliveryEndReason::Expired);
    }

    #[test]
    fn every_state_round_trips_with_the_number_of_its_name() {
        for each in DeliveryState::ALL {
            assert_eq!(state_from(state(*each)), Some(*each));
            assert_eq!(i32::from(state(*each)), i32::from(each.code()));
        }
        for each in EndReason::ALL {
            assert_eq!(i32::from(end_reason(Some(*each))), i32::from(each.code()));
        }
    }
}
