//! `ReplayDeliveries` and `BackfillSubscription`.
//!
//! Fed by `DeliveryService` and `SubscriptionService`; feeds `flow::operations` with
//! what was asked for, checked. The answer is given once the operation is
//! committed; the owner of the tenant's shard finds it within a sweep.

use postrider_domain::delivery::DeliveryState;
use postrider_domain::event_type_name::EventTypePattern;
use postrider_domain::operation::{Backfill, OperationTask, Replay, TimeWindow};
use postrider_domain::time::Timestamp;
use postrider_proto::longrunning::Operation;
use postrider_proto::v1;
use tonic::Status;

use crate::api::deliveries::conversion::state_from;
use crate::api::operations::conversion::to_proto;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, FieldViolations};
use crate::api::rpc::spans;
use crate::api::subscriptions::handler::key;
use crate::api::subscriptions::stored::require_live_subscription;
use crate::api::tenants::stored::require_live_tenant;
use crate::api::values::names;
use crate::api::values::time::moment;
use crate::flow::Flow;
use crate::state::context::ReplicaContext;

/// What a small receiver takes beside its live events.
const DEFAULT_DELIVERIES_PER_SECOND: u32 = 100;
/// About what one replica delivers in all when each event is a call of its own.
const MAX_DELIVERIES_PER_SECOND: u32 = 10_000;
/// As many as a subscription may name.
const MAX_EVENT_TYPES: usize = 256;
const DEFAULT_STATES: [DeliveryState; 2] = [DeliveryState::Exhausted, DeliveryState::Suppressed];

pub async fn replay(
    context: &ReplicaContext,
    flow: &Flow,
    request: v1::ReplayDeliveriesRequest,
    caller: &Caller,
) -> Result<Operation, Status> {
    let mut violations = FieldViolations::default();
    let tenant = violations.keep("parent", names::tenant(&request.parent));
    let subscription = match request.subscription.as_str() {
        "" => None,
        name => violations.keep("subscription", names::subscription(name)),
    };
    if let (Some(tenant), Some(key)) = (&tenant, &subscription)
        && key.tenant != *tenant
    {
        violations.add("subscription", "must be the parent's");
    }
    let now = context.clock.now();
    let window = window(request.start_time, request.end_time, now, &mut violations);
    let states = states(&request.states, &mut violations);
    let event_types = event_types(&request.event_types, &mut violations);
    let per_second = per_second(request.max_deliveries_per_second, &mut violations);
    let (tenant, window) = violations.finish(tenant.zip(window))?;
    spans::record_in_span("tenant", &tenant);
    require_live_tenant(context, &tenant).await?;
    if let Some(key) = &subscription {
        spans::record_in_span("subscription", &key.subscription);
        require_live_subscription(context, key).await?;
    }
    let subscription = subscription.map(|key| key.subscription);
    let task =
        OperationTask::Replay(Replay { window, per_second, subscription, states, event_types });
    let started = flow.operations.start(&tenant, task, &caller.origin).await;
    let operation = started.map_err(errors::store)?;
    spans::log_change(&caller.who, "replay begun", &names::of_operation(&tenant, operation.id));
    Ok(to_proto(&operation))
}

pub async fn backfill(
    context: &ReplicaContext,
    flow: &Flow,
    request: v1::BackfillSubscriptionRequest,
    caller: &Caller,
) -> Result<Operation, Status> {
    let mut violations = FieldViolations::default();
    let named = violations.keep("name", names::subscription(&request.name));
    let now = context.clock.now();
    let window = window(request.start_time, request.end_time, now, &mut violations);
    let per_second = per_second(request.max_deliveries_per_second, &mut violations);
    let (_, window) = violations.finish(named.zip(window))?;
    let key = key(&request.name)?;
    require_live_subscription(context, &key).await?;
    let task =
        OperationTask::Backfill(Backfill { window, per_second, subscription: key.subscription });
    let started = flow.operations.start(&key.tenant, task, &caller.origin).await;
    let operation = started.map_err(errors::store)?;
    spans::log_change(
        &caller.who,
        "backfill begun",
        &names::of_operation(&key.tenant, operation.id),
    );
    Ok(to_proto(&operation))
}

/// What the operation looks at ends before its own millisecond, whatever was asked
/// for: it must never meet what it makes.
fn window(
    start: Option<prost_types::Timestamp>,
    end: Option<prost_types::Timestamp>,
    now: Timestamp,
    violations: &mut FieldViolations,
) -> Option<TimeWindow> {
    let now = now.truncate_to_millis();
    let from = match start {
        Some(start) => violations.keep("start_time", moment(&start)),
        None => {
            violations.add("start_time", "is missing");
            None
        }
    };
    let until = match end {
        Some(end) => violations.keep("end_time", moment(&end)).map(|end| end.min(now)),
        None => Some(now),
    };
    let (from, until) = from.zip(until)?;
    if from >= until {
        let problem = if end.is_some() { "must be before end_time" } else { "must be in the past" };
        violations.add("start_time", problem);
        return None;
    }
    Some(TimeWindow { from, until })
}

fn states(given: &[i32], violations: &mut FieldViolations) -> Vec<DeliveryState> {
    if given.is_empty() {
        return DEFAULT_STATES.to_vec();
    }
    let mut states = Vec::new();
    for (at, code) in given.iter().enumerate() {
        let state = v1::DeliveryState::try_from(*code).ok().and_then(state_from);
        match state.filter(|state| state.is_final()) {
            Some(state) if states.contains(&state) => {}
            Some(state) => states.push(state),
            None => violations.add(
                format!("states[{at}]"),
                "must be SUCCEEDED, EXHAUSTED, CANCELLED or SUPPRESSED",
            ),
        }
    }
    states
}

fn event_types(given: &[String], violations: &mut FieldViolations) -> Vec<EventTypePattern> {
    if given.len() > MAX_EVENT_TYPES {
        violations.add("event_types", format!("must be at most {MAX_EVENT_TYPES}"));
        return Vec::new();
    }
    let patterns = given.iter().enumerate();
    patterns
        .filter_map(|(at, text)| violations.keep(&format!("event_types[{at}]"), text.parse()))
        .collect()
}

fn per_second(given: u32, violations: &mut FieldViolations) -> u32 {
    match given {
        0 => DEFAULT_DELIVERIES_PER_SECOND,
        1..=MAX_DELIVERIES_PER_SECOND => given,
        _ => {
            let problem = format!("must be at most {MAX_DELIVERIES_PER_SECOND}");
            violations.add("max_deliveries_per_second", problem);
            MAX_DELIVERIES_PER_SECOND
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST_TIME: Timestamp = Timestamp::from_micros(10_000_700);

    const fn at(seconds: i64) -> Option<prost_types::Timestamp> {
        Some(prost_types::Timestamp { seconds, nanos: 0 })
    }

    #[test]
    fn a_window_ends_before_the_operation_begins() {
        let mut violations = FieldViolations::default();
        let open = window(at(5), None, REQUEST_TIME, &mut violations).unwrap();
        let late = window(at(5), at(99), REQUEST_TIME, &mut violations).unwrap();
        assert_eq!((open, open.until.as_micros()), (late, 10_000_000));
        assert_eq!(
            window(at(5), at(6), REQUEST_TIME, &mut violations).unwrap().until.as_micros(),
            6_000_000
        );
        assert!(violations.is_empty());
        for (start, end) in [(None, None), (at(7), at(7)), (at(11), None), (at(11), at(12))] {
            let mut violations = FieldViolations::default();
            assert_eq!(window(start, end, REQUEST_TIME, &mut violations), None);
            assert!(!violations.is_empty());
        }
    }

    #[test]
    fn states_have_a_default_and_must_be_ends() {
        let mut violations = FieldViolations::default();
        assert_eq!(states(&[], &mut violations), DEFAULT_STATES);
        assert_eq!(states(&[4, 4], &mut violations), [DeliveryState::Succeeded]);
        assert!(violations.is_empty());
        for bad in [0, 2, 3, 99] {
            let mut violations = FieldViolations::default();
            states(&[bad], &mut violations);
            assert!(!violations.is_empty(), "{bad}");
        }
    }

    #[test]
    fn rates_have_a_default_and_a_bound() {
        let mut violations = FieldViolations::default();
        assert_eq!(per_second(0, &mut violations), DEFAULT_DELIVERIES_PER_SECOND);
        assert_eq!(per_second(10_000, &mut violations), 10_000);
        assert!(violations.is_empty());
        per_second(10_001, &mut violations);
        assert!(!violations.is_empty());
    }
}
