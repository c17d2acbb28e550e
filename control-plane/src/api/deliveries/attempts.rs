//! Attempts: lists of a delivery's, a subscription's or a tenant's, and one attempt
//! with its request.
//!
//! Fed by `DeliveryService`; feeds callers what the store recorded. Guarantees that a
//! request is shown as it was sent, or with the reason why it cannot be.

use std::sync::Arc;

use postrider_domain::delivery::{AttemptRecord, Outcome};
use postrider_domain::ids::{AttemptKey, DeliveryId, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use postrider_proto::v1::{self, RequestUnknownReason};
use postrider_store::{AttemptPosition, RecordedAttempt};
use serde::{Deserialize, Serialize};
use tonic::Status;

use crate::agents;
use crate::api::deliveries::attempt_conversion;
use crate::api::deliveries::attempt_filter::AttemptFilter;
use crate::api::lists::pages;
use crate::api::lists::pages::{PageFill, PageItems, QueryHash};
use crate::api::rpc::errors::{self, FieldViolations, ResourceKind};
use crate::api::rpc::{changes, spans};
use crate::api::values::names::{self, AttemptParent};
use crate::flow::Flow;

/// Most bytes of bodies and headers on one page, so that a client with gRPC's default limit
/// of 4 MiB can read it. A mebibyte is left for the rest of the page.
const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;
/// What an attempt adds to a page besides its bodies and headers. Names, times and an
/// error's text.
const ATTEMPT_OVERHEAD_BYTES: usize = 1024;

/// A position in the list, as its page token carries it: microseconds, delivery,
/// attempt number.
#[derive(Clone, Serialize, Deserialize)]
struct AttemptPlace(i64, DeliveryId, u32);

/// The parameters of one list call.
struct AttemptList {
    parent: AttemptParent,
    filter: AttemptFilter,
    want: usize,
    hash: QueryHash,
    page_token: String,
}

pub async fn list(
    flow: &Flow,
    request: v1::ListAttemptsRequest,
) -> Result<v1::ListAttemptsResponse, Status> {
    let mut violations = FieldViolations::default();
    let parent = violations.keep("parent", names::attempt_parent(&request.parent));
    let want =
        pages::read_page_size(request.page_size, &flow.context.settings.api, &mut violations);
    let filter = parent.as_ref().and_then(|parent| {
        violations.keep("filter", AttemptFilter::parse(&request.filter, parent.tenant()))
    });
    let (parent, filter) = violations.finish(parent.zip(filter))?;
    spans::record_in_span("tenant", parent.tenant());
    let hash = QueryHash::of("ListAttempts", &[&request.parent, &request.filter]);
    let asked = AttemptList { parent, filter, want, hash, page_token: request.page_token };
    match asked.parent.clone() {
        AttemptParent::Delivery(tenant, id) => of_delivery(flow, &tenant, id, asked).await,
        AttemptParent::Subscription(key) => of_subscription(flow, key, asked).await,
        AttemptParent::Tenant(tenant) => {
            changes::require_tenant(flow, &tenant).await?;
            of_tenant(flow, &tenant, asked).await
        }
    }
}

/// Reads one attempt, with its request where that is known.
pub async fn get(flow: &Flow, request: v1::GetAttemptRequest) -> Result<v1::Attempt, Status> {
    let (tenant, key) =
        names::attempt(&request.name).map_err(|error| errors::invalid("name", error))?;
    spans::record_in_span("tenant", &tenant);
    spans::record_in_span("delivery", key.delivery);
    let AttemptKey { delivery, number } = key;
    let found =
        flow.context.store.list_attempts(&tenant, delivery, number.saturating_sub(1), 1).await;
    let found = found.map_err(errors::store)?.into_iter().find(|found| found.record.key == key);
    let found = found.ok_or_else(|| errors::not_found(ResourceKind::Attempt, &request.name))?;
    let (request, reason) = match request_of(flow, &found.record).await? {
        Ok(request) => (Some(request), RequestUnknownReason::Unspecified),
        Err(reason) => (None, reason),
    };
    let request_unknown_reason = reason.into();
    Ok(v1::Attempt {
        request,
        request_unknown_reason,
        ..attempt_conversion::recorded_to_proto(found)
    })
}

async fn request_of(
    flow: &Flow,
    record: &AttemptRecord,
) -> Result<Result<v1::AttemptRequest, RequestUnknownReason>, Status> {
    if record.outcome == Outcome::InvalidRequest {
        return Ok(Err(RequestUnknownReason::NotBuilt));
    }
    let Some(revision) = record.settings_revision else {
        return Ok(Err(RequestUnknownReason::NotReported));
    };
    let (store, tenant) = (&flow.context.store, &record.subscription.tenant);
    let (subscription, event, delivery) = tokio::try_join!(
        store.get_subscription(&record.subscription),
        store.get_event(tenant, record.event),
        store.get_delivery(tenant, record.key.delivery),
    )
    .map_err(errors::store)?;
    let Some(subscription) = subscription.filter(|found| found.requests_as_at(revision)) else {
        return Ok(Err(RequestUnknownReason::SubscriptionChanged));
    };
    let Some((event, delivery)) = event.zip(delivery) else {
        return Ok(Err(RequestUnknownReason::EventGone));
    };
    let rebuilt = agents::rebuild_attempt_request(record, &subscription, &delivery, &event);
    Ok(match rebuilt {
        Ok(rebuilt) => Ok(attempt_conversion::request_to_proto(rebuilt)),
        Err(error) => {
            tracing::debug!(%error, "an attempt's request could not be rebuilt");
            Err(RequestUnknownReason::NotBuilt)
        }
    })
}

/// Lists a delivery's attempts by number.
async fn of_delivery(
    flow: &Flow,
    tenant: &TenantId,
    id: DeliveryId,
    asked: AttemptList,
) -> Result<v1::ListAttemptsResponse, Status> {
    spans::record_in_span("delivery", id);
    let plan = PageFill {
        after: pages::decode_token::<u32>(&asked.page_token, asked.hash)?,
        want: asked.want,
        exact: true,
        max_batch: usize::MAX,
        max_bytes: MAX_PAGE_BYTES,
    };
    if flow.context.store.get_delivery(tenant, id).await.map_err(errors::store)?.is_none() {
        return Err(errors::not_found(ResourceKind::Delivery, &names::of_delivery(tenant, id)));
    }
    let items = PageItems {
        keep: &|attempt: &RecordedAttempt| asked.filter.matches(attempt),
        position: &|attempt: &RecordedAttempt| attempt.record.key.number,
        bytes: &bytes,
    };
    let (attempts, next) = pages::fill_page(plan, items, |after, limit| {
        let (store, tenant) = (Arc::clone(&flow.context.store), tenant.clone());
        async move { store.list_attempts(&tenant, id, after.unwrap_or(0), limit).await }
    })
    .await?;
    Ok(answer(attempts, pages::encode_token(asked.hash, next.as_ref())))
}

async fn of_subscription(
    flow: &Flow,
    key: SubscriptionKey,
    mut asked: AttemptList,
) -> Result<v1::ListAttemptsResponse, Status> {
    spans::record_in_span("subscription", &key.subscription);
    changes::read_subscription(flow, &key).await?;
    let wanted = asked.filter.subscription.get_or_insert_with(|| key.subscription.clone());
    asked.filter.nothing |= *wanted != key.subscription;
    of_tenant(flow, &key.tenant, asked).await
}

/// Lists a tenant's attempts, the most recently recorded first.
async fn of_tenant(
    flow: &Flow,
    tenant: &TenantId,
    asked: AttemptList,
) -> Result<v1::ListAttemptsResponse, Status> {
    let after = pages::decode_token::<AttemptPlace>(&asked.page_token, asked.hash)?;
    if asked.filter.nothing {
        return Ok(v1::ListAttemptsResponse::default());
    }
    let mut query = asked.filter.query(tenant, u32::try_from(asked.want).unwrap_or(u32::MAX));
    query.before = after.map(|AttemptPlace(micros, delivery, number)| AttemptPosition {
        record_time: Timestamp::from_micros(micros),
        delivery,
        number,
    });
    let mut page = flow.context.store.find_attempts(&query).await.map_err(errors::store)?;
    let mut size = 0;
    let fits = page.attempts.iter().position(|attempt| {
        size += bytes(attempt);
        size > MAX_PAGE_BYTES
    });
    if let Some(fits) = fits {
        page.attempts.truncate(fits.max(1));
        page.next = page.attempts.last().map(RecordedAttempt::position);
    }
    let next = page
        .next
        .map(|next| AttemptPlace(next.record_time.as_micros(), next.delivery, next.number));
    Ok(answer(page.attempts, pages::encode_token(asked.hash, next.as_ref())))
}

fn bytes(attempt: &RecordedAttempt) -> usize {
    let record = &attempt.record;
    let headers = record.response_headers.iter().map(|(name, value)| name.len() + value.len());
    // Twice the body, because it is shown as text as well.
    headers.sum::<usize>() + 2 * record.response_body.len() + ATTEMPT_OVERHEAD_BYTES
}

fn answer(attempts: Vec<RecordedAttempt>, next_page_token: String) -> v1::ListAttemptsResponse {
    let attempts = attempts.into_iter().map(attempt_conversion::recorded_to_proto).collect();
    v1::ListAttemptsResponse { attempts, next_page_token }
}
