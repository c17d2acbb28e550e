//! `ExpungeEvents`.
//!
//! Fed by `EventService`; feeds `flow::operations` with what was asked for, checked. The
//! answer is given once the operation is committed; the owner of the tenant's shard finds
//! it within a sweep.

use std::collections::BTreeSet;
use std::time::Duration;

use postrider_domain::ids::{EventId, TenantId};
use postrider_domain::operation::{ExpungeSelection, ExpungeTask, OperationTask, TimeWindow};
use postrider_domain::time::Timestamp;
use postrider_proto::longrunning::Operation;
use postrider_proto::v1;
use tonic::Status;

use crate::api::operations::conversion::to_proto;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, FieldViolations, ResourceKind};
use crate::api::rpc::spans;
use crate::api::tenants::stored::require_tenant;
use crate::api::values::names;
use crate::api::values::time::moment;
use crate::flow::Flow;
use crate::state::context::ReplicaContext;

/// As many as one step of the operation takes, and as one looks through by hand.
const MAX_EVENTS: usize = 100;
/// As many as an event's account may have.
const MAX_ACCOUNT_BYTES: usize = 256;

pub async fn expunge(
    context: &ReplicaContext,
    flow: &Flow,
    request: v1::ExpungeEventsRequest,
    caller: &Caller,
) -> Result<Operation, Status> {
    let mut violations = FieldViolations::default();
    let tenant = violations.keep("parent", names::tenant(&request.parent));
    let now = context.clock.now();
    let selected = match tenant.as_ref() {
        Some(tenant) => selection(&request, tenant, now, &mut violations),
        None => None,
    };
    let (tenant, (selection, window)) = violations.finish(tenant.zip(selected))?;
    spans::record_in_span("tenant", &tenant);
    require_tenant(context, &tenant).await?;
    if let ExpungeSelection::Events(events) = &selection {
        require_events(context, &tenant, events).await?;
    }
    let v1::ExpungeEventsRequest { cancel_unfinished, dry_run, .. } = request;
    let task =
        OperationTask::Expunge(ExpungeTask { window, selection, cancel_unfinished, dry_run });
    let started = flow.operations.start(&tenant, task, &caller.origin).await;
    let operation = started.map_err(errors::store)?;
    let what = if dry_run { "expunge counted" } else { "expunge begun" };
    spans::log_change(&caller.who, what, &names::of_operation(&tenant, operation.id));
    Ok(to_proto(&operation))
}

fn selection(
    request: &v1::ExpungeEventsRequest,
    tenant: &TenantId,
    now: Timestamp,
    violations: &mut FieldViolations,
) -> Option<(ExpungeSelection, TimeWindow)> {
    match (request.events.is_empty(), request.account.is_empty()) {
        (true, true) => {
            violations.add("account", "is missing, and so are events: one of them is required");
            None
        }
        (false, false) => {
            violations.add("account", "must be empty where events are named");
            None
        }
        (false, true) => named_events(request, tenant, violations),
        (true, false) => of_account(request, now, violations),
    }
}

fn named_events(
    request: &v1::ExpungeEventsRequest,
    tenant: &TenantId,
    violations: &mut FieldViolations,
) -> Option<(ExpungeSelection, TimeWindow)> {
    for (field, time) in [("start_time", &request.start_time), ("end_time", &request.end_time)] {
        if time.is_some() {
            violations.add(field, "must be absent where events are named");
        }
    }
    if request.events.len() > MAX_EVENTS {
        violations.add("events", format!("must be at most {MAX_EVENTS}"));
        return None;
    }
    let mut events = BTreeSet::new();
    for (at, name) in request.events.iter().enumerate() {
        let field = format!("events[{at}]");
        match violations.keep(&field, names::event(name)) {
            Some((of, id)) if of == *tenant => {
                events.insert(id);
            }
            Some(_) => violations.add(field, "must be the parent's"),
            None => {}
        }
    }
    let (first, last) = events.first().zip(events.last())?;
    // The whole millisecond of the last.
    let window = TimeWindow { from: first.time(), until: last.time() + Duration::from_millis(1) };
    Some((ExpungeSelection::Events(events.into_iter().collect()), window))
}

fn of_account(
    request: &v1::ExpungeEventsRequest,
    now: Timestamp,
    violations: &mut FieldViolations,
) -> Option<(ExpungeSelection, TimeWindow)> {
    if request.account.len() > MAX_ACCOUNT_BYTES {
        violations.add("account", format!("must have at most {MAX_ACCOUNT_BYTES} bytes"));
    }
    // What is published from now on is not looked at.
    let now = now.truncate_to_millis();
    let from = match &request.start_time {
        Some(start) => violations.keep("start_time", moment(start)),
        None => Some(Timestamp::default()),
    };
    let until = match &request.end_time {
        Some(end) => violations.keep("end_time", moment(end)).map(|end| end.min(now)),
        None => Some(now),
    };
    let (from, until) = from.zip(until)?;
    if from >= until {
        violations.add("start_time", "must be before end_time, and in the past");
        return None;
    }
    let account = ExpungeSelection::Account(request.account.clone());
    Some((account, TimeWindow { from, until }))
}

async fn require_events(
    context: &ReplicaContext,
    tenant: &TenantId,
    events: &[EventId],
) -> Result<(), Status> {
    for event in events {
        let found = context.store.get_event(tenant, *event).await.map_err(errors::store)?;
        if found.is_none() {
            let name = names::of_event(tenant, *event);
            return Err(errors::not_found(ResourceKind::Event, &name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST_TIME: Timestamp = Timestamp::from_micros(10_000_700);

    const fn at(seconds: i64) -> Option<prost_types::Timestamp> {
        Some(prost_types::Timestamp { seconds, nanos: 0 })
    }

    fn event(n: u8) -> String {
        let id = EventId::new(Timestamp::from_micros(i64::from(n) * 1_000_000), [n; 10]);
        format!("tenants/acme/events/{id}")
    }

    fn selected(
        change: impl FnOnce(&mut v1::ExpungeEventsRequest),
    ) -> Option<(ExpungeSelection, TimeWindow)> {
        let mut request = v1::ExpungeEventsRequest::default();
        change(&mut request);
        let mut violations = FieldViolations::default();
        let tenant = "acme".parse().unwrap();
        let found = selection(&request, &tenant, REQUEST_TIME, &mut violations);
        found.filter(|_| violations.is_empty())
    }

    #[test]
    fn events_are_named_or_an_account_is() {
        let (named, window) =
            selected(|request| request.events = vec![event(3), event(1), event(3)]).unwrap();
        let ExpungeSelection::Events(ids) = named else { panic!("{named:?}") };
        assert!(ids.len() == 2 && ids.is_sorted(), "{ids:?}");
        assert!(ids.iter().all(|id| window.from <= id.time() && id.time() < window.until));
        let (account, window) = selected(|request| request.account = "SE1".to_owned()).unwrap();
        assert_eq!(account, ExpungeSelection::Account("SE1".to_owned()));
        assert_eq!((window.from, window.until.as_micros()), (Timestamp::default(), 10_000_000));
        let far = selected(|request| {
            request.account = "SE1".to_owned();
            (request.start_time, request.end_time) = (at(2), at(99));
        });
        let wanted = (Timestamp::from_micros(2_000_000), Timestamp::from_micros(10_000_000));
        let window = far.unwrap().1;
        assert_eq!((window.from, window.until), wanted);
    }

    #[test]
    fn what_fits_together_badly_is_refused() {
        assert!(selected(|_| {}).is_none());
        assert!(
            selected(|request| {
                request.account = "SE1".to_owned();
                request.events = vec![event(1)];
            })
            .is_none()
        );
        for bad in ["tenants/other/events/x", "x"] {
            assert!(selected(|request| request.events = vec![bad.to_owned()]).is_none(), "{bad}");
        }
        let other = event(1).replace("acme", "other");
        assert!(selected(|request| request.events = vec![other]).is_none());
        assert!(selected(|request| request.events = vec![event(1); 101]).is_none());
        assert!(
            selected(|request| {
                request.events = vec![event(1)];
                request.start_time = at(1);
            })
            .is_none()
        );
        assert!(selected(|request| request.account = "x".repeat(257)).is_none());
        for (start, end) in [(at(11), None), (at(3), at(3))] {
            let window = selected(|request| {
                request.account = "SE1".to_owned();
                (request.start_time, request.end_time) = (start, end);
            });
            assert!(window.is_none(), "{start:?} {end:?}");
        }
    }
}
