//! `EventService`: publishing.
//!
//! Fed by publishers; feeds `flow::publish`. Guarantees that an answer means a commit,
//! that an event's error is in its own answer, and that a stream never has more
//! unanswered events than allowed: it is not read until there is room.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, Stream, StreamExt, unfold};
use postrider_domain::event::{EventContent, sha256};
use postrider_domain::ids::TenantId;
use postrider_domain::limits;
use postrider_proto::v1;
use postrider_proto::v1::event::PayloadForm;
use postrider_proto::v1::{publish_result, publish_stream_response};
use tonic::{Status, Streaming};

use crate::api::event_types::checks;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::deadlines::AnswerDeadline;
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations, ResourceKind};
use crate::api::rpc::lifetimes::stopping_replica;
use crate::api::tenants::stored::require_live_tenant;
use crate::api::values::time::timestamp;
use crate::api::values::trace::TraceContext;
use crate::api::values::{names, payload, validate};
use crate::flow::Flow;
use crate::flow::outbox_publisher::OPERATIONAL_KEY_PREFIX;
use crate::flow::publish::{PublishAnswer, PublishError};
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
    caller.require_resource(&request.parent)?;
    let (tenant, content) =
        read_unpublished_event(request, parent, call, context.settings.publish.max_payload_bytes)?;
    count_event(&context.rate_limits, &tenant, caller)?;
    let schema_warnings = match checks::judge_event(context, &content).await {
        Ok(warnings) => warnings,
        Err(status) => {
            return find_earlier_answer(context, flow, &tenant, &content)
                .await
                .unwrap_or(Err(status));
        }
    };
    let trace = call.begin_publish(&content.traceparent, || context.clock.now());
    match flow.publisher.publish(&tenant, content, trace).await {
        Ok(answer) => Ok(v1::PublishEventResponse { schema_warnings, ..response(&tenant, answer) }),
        Err(error) => Err(publish_error(context, &tenant, error).await),
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

/// The source of a stream's requests; tests have their own.
pub trait PublishRequests: Send {
    fn next(
        &mut self,
    ) -> impl Future<Output = Result<Option<v1::PublishStreamRequest>, Status>> + Send;
}

impl PublishRequests for Streaming<v1::PublishStreamRequest> {
    async fn next(&mut self) -> Result<Option<v1::PublishStreamRequest>, Status> {
        self.message().await
    }
}

/// The answer of one event of a stream, with its request's id.
type StreamAnswer = (u64, Result<v1::PublishEventResponse, Status>);
type PendingAnswer =
    Arc<dyn Fn(u64, v1::PublishEventRequest) -> BoxFuture<'static, StreamAnswer> + Send + Sync>;

struct PublishStream<R> {
    requests: R,
    publish: PendingAnswer,
    in_flight: FuturesUnordered<BoxFuture<'static, StreamAnswer>>,
    max_in_flight: usize,
    /// When no more requests are read, and with what error it ends.
    closing: BoxFuture<'static, Status>,
    /// Whether requests are still read.
    open: bool,
    /// The error that ends the stream after all answers.
    end: Option<Status>,
}

/// What all events of a stream share.
pub struct StreamContext {
    pub context: ReplicaContext,
    pub flow: Flow,
    pub call: TraceContext,
    pub caller: Caller,
}

/// Answers a stream of events.
pub fn stream(
    shared: StreamContext,
    requests: impl PublishRequests + 'static,
    closing: BoxFuture<'static, Status>,
) -> impl Stream<Item = Result<v1::PublishStreamResponse, Status>> + Send + 'static {
    let max_in_flight = shared.context.settings.publish.max_stream_unanswered_events;
    let shared = Arc::new(shared);
    let publish: PendingAnswer = Arc::new(move |id, request| {
        let shared = Arc::clone(&shared);
        Box::pin(async move {
            let StreamContext { context, flow, call, caller } = &*shared;
            let published = publish_event(context, flow, request, None, call, caller);
            (id, AnswerDeadline::default().apply(published).await)
        })
    });
    answers(requests, publish, max_in_flight, closing)
}

fn answers(
    requests: impl PublishRequests + 'static,
    publish: PendingAnswer,
    max_in_flight: usize,
    closing: BoxFuture<'static, Status>,
) -> impl Stream<Item = Result<v1::PublishStreamResponse, Status>> + Send + 'static {
    let in_flight = FuturesUnordered::new();
    let stream = PublishStream {
        requests,
        publish,
        in_flight,
        max_in_flight,
        closing,
        open: true,
        end: None,
    };
    unfold(stream, |mut stream| async move { stream.step().await.map(|answer| (answer, stream)) })
}

impl<R: PublishRequests> PublishStream<R> {
    /// The next answer; `None` after the last one.
    async fn step(&mut self) -> Option<Result<v1::PublishStreamResponse, Status>> {
        loop {
            let room = self.open && self.in_flight.len() < self.max_in_flight.max(1);
            tokio::select! {
                // Answers first, because they make room for requests.
                biased;
                Some((id, result)) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                    return Some(Ok(answer(id, result)));
                }
                end = &mut self.closing, if self.open => self.close(Some(end)),
                request = self.requests.next(), if room => self.take(request),
                else => return self.end.take().map(Err),
            }
        }
    }

    fn take(&mut self, request: Result<Option<v1::PublishStreamRequest>, Status>) {
        match request {
            Ok(Some(v1::PublishStreamRequest { request_id, publish: Some(publish) })) => {
                self.in_flight.push((self.publish)(request_id, publish));
            }
            Ok(Some(_)) => self.close(Some(errors::invalid("publish", "is missing"))),
            Ok(None) => self.close(None),
            Err(status) => self.close(Some(status)),
        }
    }

    fn close(&mut self, end: Option<Status>) {
        self.open = false;
        self.end = end;
    }
}

fn answer(
    request_id: u64,
    result: Result<v1::PublishEventResponse, Status>,
) -> v1::PublishStreamResponse {
    let result = match result {
        Ok(response) => publish_stream_response::Result::Response(response),
        Err(status) => publish_stream_response::Result::Error(errors::to_proto(&status)),
    };
    v1::PublishStreamResponse { request_id, result: Some(result) }
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
