//! `ReconcileEvents`: every event of a window, and what became of it.
//!
//! Fed by callers; feeds them rows as fast as they are read, and a summary.
//! Guarantees that nothing is read before the window is closed, that no more than one
//! batch is in memory, which is counted for its caller until he has read it, and that each
//! batch takes its turn among callers' reads, which nobody has who only waits for his caller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{Stream, StreamExt as _};
use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::{EventId, SubscriptionId, TenantId};
use postrider_domain::reconcile::{ReconciledPair, ReconciliationCounts, pairs};
use postrider_domain::time::Timestamp;
use postrider_proto::v1;
use postrider_proto::v1::reconcile_events_response::Part;
use postrider_store::{DeliveryCounts, EventQuery, ListedEvent, TimeRange};
use prost::Message as _;
use tonic::Status;

use crate::api::deliveries::conversion as delivery_conversion;
use crate::api::events::conversion::summary;
use crate::api::rpc::answer_queue::{AnswerQueue, answer_in_task};
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations};
use crate::api::rpc::spans;
use crate::api::rpc::stream_credit::StreamCredit;
use crate::api::tenants::stored::require_tenant;
use crate::api::values::names;
use crate::api::values::time::{self, timestamp};
use crate::flow::Flow;
use crate::state::context::ReplicaContext;
use crate::state::read_turns::{ReadOwner, read_apart};

/// Events read at once. A short read, and thousands of events a second for the caller.
const EVENTS_PER_READ: u32 = 500;
/// What a row takes beside its texts.
const ROW_BYTES: usize = 512;
const ONE_MILLISECOND: Duration = Duration::from_millis(1);

pub(in crate::api) struct AccountWindow {
    tenant: TenantId,
    start: Timestamp,
    end: Timestamp,
    subscription: Option<SubscriptionId>,
}

/// The account of a window, once it is closed; for a caller.
pub async fn reconcile(
    context: &ReplicaContext,
    flow: &Flow,
    request: v1::ReconcileEventsRequest,
    owner: ReadOwner,
    credit: StreamCredit,
) -> Result<impl Stream<Item = Result<v1::ReconcileEventsResponse, Status>> + use<>, Status> {
    let window = window(&request, context.clock.now())?;
    spans::record_in_span("tenant", &window.tenant);
    let turn = context.read_turns.take(&owner).await.map_err(errors::no_read_turn)?;
    require_tenant(context, &window.tenant).await?;
    drop(turn);
    flow.window_closer.close_window(window.end).await.map_err(|open| {
        errors::retry_soon(ErrorReason::WindowOpen, format!("the time range is not closed: {open}"))
    })?;
    let reading = AccountReading {
        context: context.clone(),
        owner,
        window,
        before: None,
        summary: ReconciliationCounts::default(),
        is_over: false,
    };
    let parts = answer_in_task(credit, |parts| reading.read_into(parts));
    Ok(parts.map(|part| part.map(|part| v1::ReconcileEventsResponse { part: Some(part) })))
}

pub(in crate::api) fn window(
    request: &v1::ReconcileEventsRequest,
    now: Timestamp,
) -> Result<AccountWindow, Status> {
    let mut violations = FieldViolations::default();
    let tenant = violations.keep("parent", names::tenant(&request.parent));
    let mut moment = |field: &str, given: Option<&prost_types::Timestamp>| {
        given.and_then(|given| violations.keep(field, time::moment(given)))
    };
    let start = moment("start_time", request.start_time.as_ref());
    let end = moment("end_time", request.end_time.as_ref());
    if request.start_time.is_none() {
        violations.add("start_time", "is missing");
    }
    // An event's time is the whole millisecond in its id: what is published after
    // a moment may have a time before it, and belongs to the window that the moment
    // begins. What was published until now ends with this millisecond.
    let start = start.map(Timestamp::truncate_to_millis);
    let end = end.map(Timestamp::truncate_to_millis);
    let is_future = end.is_some_and(|end| end > now);
    let end = end.unwrap_or_else(|| now.truncate_to_millis() + ONE_MILLISECOND);
    if is_future {
        violations.add("end_time", "must not be in the future");
    } else if start.is_some_and(|start| start >= end) {
        violations.add("start_time", "must be before end_time");
    }
    let subscription = match request.subscription.as_str() {
        "" => None,
        named => violations.keep("subscription", names::subscription(named)),
    };
    if let (Some(key), Some(tenant)) = (&subscription, &tenant)
        && key.tenant != *tenant
    {
        violations.add("subscription", "must be one of the parent's");
    }
    let (tenant, start) = violations.finish(tenant.zip(start))?;
    Ok(AccountWindow { tenant, start, end, subscription: subscription.map(|key| key.subscription) })
}

struct AccountReading {
    context: ReplicaContext,
    owner: ReadOwner,
    window: AccountWindow,
    before: Option<EventId>,
    summary: ReconciliationCounts,
    /// Whether all events are read.
    is_over: bool,
}

impl AccountReading {
    /// Reads the account, a batch as the one before is taken.
    async fn read_into(mut self, parts: Arc<AnswerQueue<Part>>) -> Result<(), Status> {
        while !self.is_over {
            let rows = self.read().await?;
            let sizes: Vec<usize> = rows.iter().map(|row| ROW_BYTES + row.encoded_len()).collect();
            parts.charge(sizes.iter().sum())?;
            for (row, bytes) in rows.into_iter().zip(sizes) {
                parts.push(Part::Row(row), bytes, bytes);
            }
            parts.emptied().await;
        }
        parts.push(Part::Summary(self.shown_summary()), ROW_BYTES, 0);
        Ok(())
    }

    /// Reads the next batch of events, the newest first.
    async fn read(&mut self) -> Result<Vec<v1::ReconciledEvent>, Status> {
        let AccountWindow { tenant, start, end, .. } = &self.window;
        let query = EventQuery {
            created: TimeRange { from: Some(*start), until: Some(*end) },
            before: self.before,
            ..EventQuery::newest(tenant, EVENTS_PER_READ)
        };
        let (listed, found) = read_batch(&self.context, &self.owner, query).await?;
        match listed.last() {
            Some(last) if listed.len() >= EVENTS_PER_READ as usize => {
                self.before = Some(last.event.id)
            }
            _ => self.is_over = true,
        }
        let events = listed.into_iter().map(|listed| listed.event).filter(|event| !event.test);
        let events: Vec<Event> = events.collect();
        let mut deliveries: BTreeMap<EventId, Vec<Delivery>> = BTreeMap::new();
        for delivery in found {
            let asked = self.window.subscription.as_ref();
            if asked.is_none_or(|asked| *asked == delivery.subscription.subscription) {
                deliveries.entry(delivery.event).or_default().push(delivery);
            }
        }
        let mut rows = Vec::new();
        for event in &events {
            let pairs = pairs(deliveries.get(&event.id).map_or(&[], Vec::as_slice));
            if pairs.is_empty() && self.window.subscription.is_some() {
                continue;
            }
            self.summary.add(&pairs);
            if pairs.is_empty() {
                rows.push(row(event, None));
            }
            rows.extend(pairs.iter().map(|pair| row(event, Some(pair))));
        }
        Ok(rows)
    }

    fn shown_summary(&self) -> v1::ReconcileSummary {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let by_state = self.summary.by_state.iter().map(|(state, count)| (*state, *count));
        let counts = DeliveryCounts { by_state: by_state.collect() };
        v1::ReconcileSummary {
            start_time: Some(timestamp(self.window.start)),
            end_time: Some(timestamp(self.window.end)),
            event_count: count(self.summary.events),
            unmatched_event_count: count(self.summary.unmatched),
            pair_count: count(self.summary.pairs),
            pair_counts: Some(summary(&counts)),
        }
    }
}

/// Events, and the deliveries of those that are no tests, read in a turn of the caller's.
async fn read_batch(
    context: &ReplicaContext,
    owner: &ReadOwner,
    query: EventQuery,
) -> Result<(Vec<ListedEvent>, Vec<Delivery>), Status> {
    let (store, turns) = (Arc::clone(&context.store), context.read_turns.clone());
    let owner = owner.clone();
    let read = read_apart(async move {
        let _turn = turns.take(&owner).await.map_err(errors::no_read_turn)?;
        let listed = store.list_events(&query).await.map_err(errors::store)?;
        let counted = listed.iter().filter(|listed| !listed.event.test);
        let ids: Vec<EventId> = counted.map(|listed| listed.event.id).collect();
        let found = store.deliveries_of(&query.tenant, &ids).await.map_err(errors::store)?;
        Ok::<_, Status>((listed, found))
    });
    read.await.map_err(errors::store)?
}

fn row(event: &Event, pair: Option<&ReconciledPair>) -> v1::ReconciledEvent {
    let mut row = v1::ReconciledEvent {
        event: names::of_event(&event.tenant, event.id),
        event_type: event.content.event_type.clone(),
        account: event.content.account.clone().unwrap_or_default(),
        create_time: Some(timestamp(event.create_time())),
        ..v1::ReconciledEvent::default()
    };
    if let Some(pair) = pair {
        row.subscription = pair.subscription.to_string();
        row.delivery = names::of_delivery(&event.tenant, pair.delivery);
        row.set_state(delivery_conversion::state(pair.standing.state));
        row.set_end_reason(delivery_conversion::end_reason(pair.standing.end_reason));
        row.sequence = pair.sequence.unwrap_or_default();
        row.delivery_count = pair.deliveries;
    }
    row
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn refused(request: v1::ReconcileEventsRequest) -> Vec<String> {
        let Err(status) = window(&request, NOW) else { return Vec::new() };
        let violations = status.get_details_bad_request().unwrap().field_violations;
        violations.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn a_window_has_ended_and_begins_before_it_ends() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let request = |start, end| v1::ReconcileEventsRequest {
            parent: "tenants/acme".into(),
            start_time: start,
            end_time: end,
            subscription: String::new(),
        };
        let (then, now) = (at(1_600_000_000), at(1_700_000_000));
        assert!(refused(request(then, None)).is_empty());
        // What was published in this very millisecond has the millisecond as its time.
        let late = Timestamp::from_micros(NOW.as_micros() + 400);
        let ends = window(&request(now, None), late).map(|window| window.end).ok();
        assert_eq!(ends, Some(NOW + ONE_MILLISECOND));
        let within = Some(prost_types::Timestamp { seconds: 1_600_000_000, nanos: 900_000 });
        let begins = window(&request(within, None), NOW).map(|window| window.start).ok();
        assert_eq!(begins, Some(Timestamp::from_micros(1_600_000_000_000_000)));
        assert!(refused(request(then, now)).is_empty());
        assert_eq!(refused(request(None, now)), ["start_time"]);
        assert_eq!(refused(request(now, now)), ["start_time"]);
        assert_eq!(refused(request(then, at(1_700_000_001))), ["end_time"]);
        let never = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
        assert_eq!(refused(request(then, never)), ["end_time"]);
        let others = v1::ReconcileEventsRequest {
            subscription: "tenants/other/subscriptions/erp".into(),
            ..request(then, None)
        };
        assert_eq!(refused(others), ["subscription"]);
    }
}
