//! Attempts: lists of a delivery's, a subscription's or a tenant's, and one attempt
//! with its request.
//!
//! Fed by `DeliveryService`; feeds callers what the store recorded. Guarantees that a
//! request is shown as it was sent, or with the reason why it cannot be.

use std::sync::Arc;

use postrider_domain::delivery::{AttemptRecord, Outcome};
use postrider_domain::ids::{AttemptKey, DeliveryId, SubscriptionKey, TenantId};
use postrider_domain::subscription::Subscription;
use postrider_proto::v1::{self, RequestUnknownReason};
use postrider_store::{
    AttemptPage, AttemptPosition, AttemptQuery, RecordedAttempt, Store, StoreResult,
};
use tonic::Status;

use crate::agents;
use crate::api::audit::reads::record_payload_read;
use crate::api::deliveries::attempt_conversion;
use crate::api::deliveries::attempt_filter::AttemptFilter;
use crate::api::lists::conditions::equal;
use crate::api::lists::listing::{AskedPage, FilledPage, ListCall, StoredList, UnreadPage};
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ResourceKind};
use crate::api::rpc::spans;
use crate::api::subscriptions::stored::require_subscription;
use crate::api::tenants::stored::require_tenant;
use crate::api::values::names::{self, AttemptParent};
use crate::state::context::ReplicaContext;

/// Most bytes of bodies and headers on one page, so that a client with gRPC's default limit
/// of 4 MiB can read it. A mebibyte is left for the rest of the page.
const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;
/// What an attempt adds to a page besides its bodies and headers. Names, times and an
/// error's text.
const ATTEMPT_OVERHEAD_BYTES: usize = 1024;

pub async fn list(
    context: &ReplicaContext,
    request: v1::ListAttemptsRequest,
) -> Result<v1::ListAttemptsResponse, Status> {
    let v1::ListAttemptsRequest { parent, filter, page_size, page_token } = &request;
    let (settings, key) = (&context.settings.api, &context.assignment_key);
    let mut call = ListCall::begin("ListAttempts", *page_size, page_token, settings, key);
    let parent = call.select("parent", parent, names::attempt_parent);
    let filter = parent.as_ref().and_then(|parent| {
        call.select("filter", filter, |text| AttemptFilter::parse(text, parent.tenant()))
    });
    let ((parent, filter), page) = call.finish_before_token(parent.zip(filter))?;
    spans::record_in_span("tenant", parent.tenant());
    let page = match parent {
        AttemptParent::Delivery(tenant, id) => {
            of_delivery(context, tenant, id, filter, page.read_token()?).await?
        }
        AttemptParent::Subscription(key) => of_subscription(context, &key, filter, page).await?,
        AttemptParent::Tenant(tenant) => {
            require_tenant(context, &tenant).await?;
            of_tenant(context, filter, page.read_token()?).await?
        }
    };
    Ok(v1::ListAttemptsResponse {
        attempts: page.items.into_iter().map(attempt_conversion::recorded_to_proto).collect(),
        next_page_token: page.next_page_token,
    })
}

/// Reads one attempt, with its request where that is known.
pub async fn get(
    context: &ReplicaContext,
    request: v1::GetAttemptRequest,
    caller: &Caller,
) -> Result<v1::Attempt, Status> {
    let (tenant, key) =
        names::attempt(&request.name).map_err(|error| errors::invalid("name", error))?;
    spans::record_in_span("tenant", &tenant);
    spans::record_in_span("delivery", key.delivery);
    let AttemptKey { delivery, number } = key;
    let found = context.store.list_attempts(&tenant, delivery, number.saturating_sub(1), 1).await;
    let found = found.map_err(errors::store)?.into_iter().find(|found| found.record.key == key);
    let found = found.ok_or_else(|| errors::not_found(ResourceKind::Attempt, &request.name))?;
    let (request, reason) = match request_of(context, &found.record).await? {
        Ok(shown) => {
            // Its body is the payload.
            record_payload_read(context, caller, &request.name).await?;
            (Some(shown), RequestUnknownReason::Unspecified)
        }
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
    context: &ReplicaContext,
    record: &AttemptRecord,
) -> Result<Result<v1::AttemptRequest, RequestUnknownReason>, Status> {
    if matches!(record.outcome, Outcome::InvalidRequest | Outcome::TokenFailed) {
        return Ok(Err(RequestUnknownReason::NotBuilt));
    }
    let Some(revision) = record.settings_revision else {
        return Ok(Err(RequestUnknownReason::NotReported));
    };
    let (store, tenant) = (&context.store, &record.subscription.tenant);
    let (subscription, event, delivery) = tokio::try_join!(
        subscription_at(&**store, &record.subscription, revision),
        store.get_event(tenant, record.event),
        store.get_delivery(tenant, record.key.delivery),
    )
    .map_err(errors::store)?;
    let subscription = match subscription {
        Ok(subscription) => subscription,
        Err(reason) => return Ok(Err(reason)),
    };
    let Some((event, delivery)) = event.zip(delivery) else {
        return Ok(Err(RequestUnknownReason::EventGone));
    };
    if event.payload_removal.is_some() {
        return Ok(Err(RequestUnknownReason::PayloadRemoved));
    }
    let rebuilt = agents::rebuild_attempt_request(record, &subscription, &delivery, &event);
    Ok(match rebuilt {
        Ok(rebuilt) => Ok(attempt_conversion::request_to_proto(rebuilt)),
        Err(error) => {
            tracing::debug!(%error, "an attempt's request could not be rebuilt");
            Err(RequestUnknownReason::NotBuilt)
        }
    })
}

/// A subscription, if what it has at requests is what it had at a revision.
async fn subscription_at(
    store: &dyn Store,
    key: &SubscriptionKey,
    revision: i64,
) -> StoreResult<Result<Subscription, RequestUnknownReason>> {
    match store.get_subscription(key).await {
        Err(error) if error.is_of_one_tenant() => {
            Ok(Err(RequestUnknownReason::ConfigurationUnreadable))
        }
        read => {
            let found = read?.filter(|found| found.requests_as_at(revision));
            Ok(found.ok_or(RequestUnknownReason::SubscriptionChanged))
        }
    }
}

/// Lists a delivery's attempts by number.
async fn of_delivery(
    context: &ReplicaContext,
    tenant: TenantId,
    id: DeliveryId,
    filter: AttemptFilter,
    page: AskedPage<u32>,
) -> Result<FilledPage<RecordedAttempt>, Status> {
    spans::record_in_span("delivery", id);
    let store = Arc::clone(&context.store);
    if store.get_delivery(&tenant, id).await.map_err(errors::store)?.is_none() {
        return Err(errors::not_found(ResourceKind::Delivery, &names::of_delivery(&tenant, id)));
    }
    page.fill(&DeliveryAttempts { store, tenant, id, filter }).await
}

struct DeliveryAttempts {
    store: Arc<dyn Store>,
    tenant: TenantId,
    id: DeliveryId,
    filter: AttemptFilter,
}

impl StoredList for DeliveryAttempts {
    type Row = RecordedAttempt;
    /// The number of an attempt.
    type Position = u32;

    async fn read(&self, after: Option<u32>, limit: u32) -> StoreResult<Vec<RecordedAttempt>> {
        self.store.list_attempts(&self.tenant, self.id, after.unwrap_or(0), limit).await
    }

    fn position(&self, row: &RecordedAttempt) -> u32 {
        row.record.key.number
    }

    fn matches(&self, row: &RecordedAttempt) -> bool {
        self.filter.matches(row)
    }

    fn bytes(&self, row: &RecordedAttempt) -> usize {
        bytes(row)
    }

    fn max_page_bytes(&self) -> usize {
        MAX_PAGE_BYTES
    }
}

async fn of_subscription(
    context: &ReplicaContext,
    key: &SubscriptionKey,
    mut filter: AttemptFilter,
    page: UnreadPage<'_>,
) -> Result<FilledPage<RecordedAttempt>, Status> {
    spans::record_in_span("subscription", &key.subscription);
    require_subscription(context, key).await?;
    equal(&mut filter.query.subscription, key.subscription.clone(), &mut filter.nothing);
    of_tenant(context, filter, page.read_token()?).await
}

/// Lists a tenant's attempts, the most recently recorded first.
async fn of_tenant(
    context: &ReplicaContext,
    filter: AttemptFilter,
    page: AskedPage<AttemptPosition>,
) -> Result<FilledPage<RecordedAttempt>, Status> {
    if filter.nothing {
        return Ok(FilledPage::empty());
    }
    let limit = u32::try_from(page.size()).unwrap_or(u32::MAX);
    let query = AttemptQuery { before: page.after().copied(), limit, ..filter.query };
    let AttemptPage { attempts, next } =
        context.store.find_attempts(&query).await.map_err(errors::store)?;
    page.cut(attempts, next, RecordedAttempt::position, bytes, MAX_PAGE_BYTES)
}

fn bytes(attempt: &RecordedAttempt) -> usize {
    let record = &attempt.record;
    let headers = record.response_headers.iter().map(|(name, value)| name.len() + value.len());
    // Twice the body, because it is shown as text as well.
    headers.sum::<usize>() + 2 * record.response_body.len() + ATTEMPT_OVERHEAD_BYTES
}
