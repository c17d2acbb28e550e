//! `EventService`: publishing.
//!
//! Fed by publishers, and by `publish_stream` with those of a stream; feeds `flow::publish`.
//! Guarantees that an answer means a commit, and that an event's error is in its own answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postrider_domain::event::{EventContent, sha256};
use postrider_domain::ids::TenantId;
use postrider_domain::limits;
use postrider_proto::v1;
use postrider_proto::v1::event::PayloadForm;
use postrider_proto::v1::publish_result;
use tonic::Status;

use crate::api::event_types::checks;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::deadlines::AnswerDeadline;
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations, ResourceKind};
use crate::api::rpc::lifetimes::stopping_replica;
use crate::api::tenants::stored::require_live_tenant;
use crate::api::values::time::timestamp;
use crate::api::values::trace::TraceContext;
use crate::api::values::{names, payload, validate};
use crate::event_spans::PublishTrace;
use crate::flow::Flow;
use crate::flow::outbox_publisher::OPERATIONAL_KEY_PREFIX;
use crate::flow::publish::{PublishAnswer, PublishError, QueuedPublish};
use crate::metrics::LimitMetrics;
use crate::state::context::ReplicaContext;
use crate::state::rate_limits::{RateLimits, RatedCall};

/// Reads one event to publish, and its tenant. `parent` is used if the request names none.
pub(in crate::api) fn read_unpublished_event(
    request: v1::PublishEventRequest,
    parent: Option<&TenantId>,
    call: &TraceContext,
    max_payload_bytes: usize,
) -> Result<(TenantId, EventContent), Status> {
    let event = errors::required("event", request.event)?;
    let mut violations = FieldViolations::default();
    let tenant = match (parent, request.parent.as_str()) {
        (Some(parent), "") => Some(parent.clone()),
        (parent, named) => violations.keep("parent", names::tenant(named)).inspect(|tenant| {
            if parent.is_some_and(|parent| parent != tenant) {
                violations.add("parent", "must be the parent of the whole call, or empty");
            }
        }),
    };
    validate::published_type("event.event_type", &event.event_type, &mut violations);
    validate::attributes("event.attributes", &event.attributes, &mut violations);
    for (field, text, max) in [
        ("event.account", &event.account, limits::MAX_ACCOUNT_BYTES),
        ("event.ordering_key", &event.ordering_key, limits::MAX_ORDERING_KEY_BYTES),
        ("idempotency_key", &request.idempotency_key, limits::MAX_IDEMPOTENCY_KEY_BYTES),
    ] {
        validate::bytes(field, text, max, &mut violations);
    }
    if request.idempotency_key.starts_with(OPERATIONAL_KEY_PREFIX) {
        let problem = format!(
            "must not begin with \"{OPERATIONAL_KEY_PREFIX}\": such keys are Postrider's own"
        );
        violations.add("idempotency_key", problem);
    }
    let content_type =
        payload::content_type(&event.content_type, "event.content_type", &mut violations);
    let (field, payload) = match event.payload_form {
        // Copied: as it came it is a part of its message, which may be a whole batch, and would
        // keep all of that in memory, uncounted, for as long as it waits to be delivered.
        Some(PayloadForm::Payload(bytes)) if bytes.len() <= max_payload_bytes => {
            ("event.payload", Some(Bytes::copy_from_slice(&bytes)))
        }
        // It is refused below.
        Some(PayloadForm::Payload(bytes)) => ("event.payload", Some(bytes)),
        Some(PayloadForm::PayloadJson(text)) => ("event.payload_json", Some(Bytes::from(text))),
        None => ("event.payload", None),
    };
    match &payload {
        Some(payload) => {
            payload::check(payload, &content_type, field, max_payload_bytes, &mut violations);
        }
        None => violations.add(field, "is missing; give payload or payload_json"),
    }
    let trace = TraceContext::of_event(event.traceparent, event.tracestate, call, &mut violations);
    let (tenant, payload) = violations.finish(tenant.zip(payload))?;
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let account = given(event.account);
    let content = EventContent {
        event_type: event.event_type,
        ordering_key: given(event.ordering_key).or_else(|| account.clone()),
        account,
        attributes: event.attributes.into_iter().collect(),
        content_type,
        payload_sha256: sha256(&payload),
        payload,
        traceparent: trace.traceparent,
        tracestate: trace.tracestate,
        idempotency_key: given(request.idempotency_key),
    };
    Ok((tenant, content))
}

/// Counts an event among those of its tenant and of its caller.
fn count_event(rates: &RateLimits, tenant: &TenantId, caller: &Caller) -> Result<(), Status> {
    let taken = rates.take_of_both(RatedCall::Publish, &caller.who, tenant);
    taken.map_err(errors::rate_limited)
}

/// Publishes one event.
pub async fn publish_event(
    context: &ReplicaContext,
    flow: &Flow,
    request: v1::PublishEventRequest,
    parent: Option<&TenantId>,
    call: &TraceContext,
    caller: &Caller,
) -> Result<v1::PublishEventResponse, Status> {
    let begun = begin_publish(context, flow, request, parent, call, caller).await?;
    finish_publish(context, flow, begun).await
}

/// An event that was checked.
pub(super) enum BegunPublish {
    /// It waits for its commit.
    Queued(QueuedEvent),
    /// It was published earlier.
    Answered(v1::PublishEventResponse),
}

/// What the answer to an event needs, once it is committed.
pub(super) struct QueuedEvent {
    tenant: TenantId,
    queued: QueuedPublish,
    /// Given if it is recorded.
    trace: Option<PublishTrace>,
    schema_warnings: Vec<v1::SchemaWarning>,
}

/// Checks an event, and queues it for its commit.
pub(super) async fn begin_publish(
    context: &ReplicaContext,
    flow: &Flow,
    request: v1::PublishEventRequest,
    parent: Option<&TenantId>,
    call: &TraceContext,
    caller: &Caller,
) -> Result<BegunPublish, Status> {
    caller.require_resource(&request.parent)?;
    let (tenant, content) =
        read_unpublished_event(request, parent, call, context.settings.publish.max_payload_bytes)?;
    count_event(&context.rate_limits, &tenant, caller)?;
    let schema_warnings = match checks::judge_event(context, &content).await {
        Ok(warnings) => warnings,
        Err(status) => {
            let earlier = find_earlier_answer(context, flow, &tenant, &content).await;
            return earlier.unwrap_or(Err(status)).map(BegunPublish::Answered);
        }
    };
    let trace = call.begin_publish(&content.traceparent, || context.clock.now());
    match flow.publisher.begin(&tenant, content, trace.as_ref()).await {
        Ok(queued) => {
            Ok(BegunPublish::Queued(QueuedEvent { tenant, queued, trace, schema_warnings }))
        }
        Err(Ok(answer)) => {
            let answer = response(&tenant, answer);
            Ok(BegunPublish::Answered(v1::PublishEventResponse { schema_warnings, ..answer }))
        }
        Err(Err(error)) => Err(publish_error(context, &tenant, error).await),
    }
}

/// Waits for the commit of an event.
pub(super) async fn finish_publish(
    context: &ReplicaContext,
    flow: &Flow,
    begun: BegunPublish,
) -> Result<v1::PublishEventResponse, Status> {
    let QueuedEvent { tenant, queued, trace, schema_warnings } = match begun {
        BegunPublish::Queued(queued) => queued,
        BegunPublish::Answered(answer) => return Ok(answer),
    };
    match flow.publisher.finish(&tenant, queued, trace).await {
        Ok(answer) => Ok(v1::PublishEventResponse { schema_warnings, ..response(&tenant, answer) }),
        // Rare: those that only wait have no room for it.
        Err(error) => Err(Box::pin(publish_error(context, &tenant, error)).await),
    }
}

/// The answer of an earlier publish with the same key and event. It stays valid even if
/// the catalogue has changed since.
async fn find_earlier_answer(
    context: &ReplicaContext,
    flow: &Flow,
    tenant: &TenantId,
    content: &EventContent,
) -> Option<Result<v1::PublishEventResponse, Status>> {
    match flow.publisher.find_earlier_answer(tenant, content).await? {
        Ok(answer) => Some(Ok(response(tenant, answer))),
        Err(error) => Some(Err(publish_error(context, tenant, error).await)),
    }
}

fn response(tenant: &TenantId, answer: PublishAnswer) -> v1::PublishEventResponse {
    v1::PublishEventResponse {
        event: names::of_event(tenant, answer.event),
        matched_subscriptions: answer.matched,
        duplicate: answer.duplicate,
        create_time: Some(timestamp(answer.event.time())),
        schema_warnings: Vec::new(),
    }
}

async fn publish_error(context: &ReplicaContext, tenant: &TenantId, error: PublishError) -> Status {
    match error {
        PublishError::TenantNotFound => match require_live_tenant(context, tenant).await {
            Err(status) => status,
            // Another replica created the tenant just now.
            Ok(_) => {
                errors::retry_soon(ErrorReason::StoreUnavailable, "the tenant is being created")
            }
        },
        PublishError::EnvelopeNeedsJson { subscription } => errors::resource(
            ErrorReason::EnvelopeNeedsJson,
            ResourceKind::Subscription,
            &subscription.to_string(),
            "has a JSON envelope, and the payload's content type is not JSON",
        ),
        PublishError::KeyReused { event } => errors::resource(
            ErrorReason::IdempotencyKeyReused,
            ResourceKind::Event,
            &names::of_event(tenant, event),
            "was published with the same idempotency key and is different",
        ),
        PublishError::Overloaded { retry_after } => {
            overloaded(context.metrics.limits(), retry_after)
        }
        PublishError::Unavailable { retry_after } => errors::retry(
            ErrorReason::StoreUnavailable,
            "the database is unavailable; the event may or may not be committed",
            retry_after,
        ),
        PublishError::ConfigUnreadable(error) => {
            let message = "what the database holds of the tenant's configuration cannot be \
                           read; the event was not committed";
            let mut status = errors::status(ErrorReason::ConfigurationUnreadable, message);
            status.set_source(Arc::new(error));
            status
        }
        PublishError::Rejected(why) => {
            let mut status =
                errors::status(ErrorReason::DataRefused, "the database cannot store this event");
            status.set_source(Arc::new(PublishError::Rejected(why)));
            status
        }
        PublishError::Stopping => stopping_replica(),
    }
}

/// The tenant's part of the queue is full, by events or by their bytes.
fn overloaded(metrics: &LimitMetrics, retry_after: Duration) -> Status {
    const SETTING: &str = "publish.max_queued_events";
    metrics.reached(SETTING);
    let message = "too many events are waiting to be committed (publish.max_queued_events, \
                   publish.max_queued_payload_bytes)";
    errors::limit_passes_after(ErrorReason::Overloaded, message, SETTING, retry_after)
}

/// Publishes several events independently.
pub async fn publish_events(
    context: &ReplicaContext,
    flow: &Flow,
    request: v1::PublishEventsRequest,
    call: &TraceContext,
    patience: AnswerDeadline,
    caller: &Caller,
) -> Result<v1::PublishEventsResponse, Status> {
    let mut violations = FieldViolations::default();
    let parent = match request.parent.as_str() {
        "" => None,
        named => violations.keep("parent", names::tenant(named)),
    };
    let most = limits::MAX_PUBLISH_BATCH;
    if request.requests.is_empty() || request.requests.len() > most {
        violations.add("requests", format!("must hold 1 to {most} events"));
    }
    violations.check()?;
    let all = request.requests.into_iter();
    let all = all.map(|request| {
        patience.apply(publish_event(context, flow, request, parent.as_ref(), call, caller))
    });
    let results = futures::future::join_all(all).await.into_iter().map(|result| {
        let result = match result {
            Ok(response) => publish_result::Result::Response(response),
            Err(status) => publish_result::Result::Error(errors::to_proto(&status)),
        };
        v1::PublishResult { result: Some(result) }
    });
    Ok(v1::PublishEventsResponse { results: results.collect() })
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
