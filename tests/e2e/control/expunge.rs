//! Payloads that are expunged, and a tenant's own retention.
//!
//! Fed by a small cluster; feeds `control`. Guarantees that what is expunged is read no more
//! and sent no more, that counts and hashes stay, that what waits stays unless it is to be
//! cancelled, and that both have their records.

use std::time::Duration;

use http::StatusCode;
use postrider_proto::longrunning::{Operation, WaitOperationRequest, operation};
use postrider_proto::v1::event::PayloadForm;
use postrider_proto::v1::{
    Attempt, AuditRecord, DeliveryEndReason, DeliveryState, Event, ExpungeEventsRequest,
    ExpungeEventsResponse, GetAttemptRequest, GetEventRequest, ListAuditRecordsRequest,
    PayloadRemovalReason, ReplayDeliveriesRequest, RequestUnknownReason, ResendEventRequest,
    RetryDeliveryRequest, Tenant, UpdateTenantRequest,
};
use postrider_tests::api::{reason, violated_fields};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::receiver::behaviour::{ok, status};
use prost::Message;
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::stage::{DEFAULT_PAYLOAD, NO_RETRY_MILLISECONDS, SETTLE_WAIT, SOON_LIMIT, Stage};

async fn expunge(stage: &Stage, asked: ExpungeEventsRequest) -> Result<Operation, Status> {
    let mut api = stage.api.clone();
    Ok(api.events.expunge_events(asked).await?.into_inner())
}

fn events(stage: &Stage, events: &[&str]) -> ExpungeEventsRequest {
    ExpungeEventsRequest {
        parent: stage.tenant.clone(),
        events: events.iter().map(|name| (*name).to_owned()).collect(),
        ..ExpungeEventsRequest::default()
    }
}

fn account(stage: &Stage, account: &str) -> ExpungeEventsRequest {
    let (parent, account) = (stage.tenant.clone(), account.to_owned());
    ExpungeEventsRequest { parent, account, ..ExpungeEventsRequest::default() }
}

/// What an expunge says once it is done.
async fn expunged(stage: &Stage, asked: ExpungeEventsRequest) -> ExpungeEventsResponse {
    let begun = expunge(stage, asked).await.unwrap();
    let mut api = stage.api.clone();
    let timeout = Some(SOON_LIMIT.try_into().unwrap());
    let asked = WaitOperationRequest { name: begun.name.clone(), timeout };
    let ended = api.operations.wait_operation(asked).await.unwrap().into_inner();
    let Some(operation::Result::Response(response)) = &ended.result else {
        panic!("no response: {ended:?}");
    };
    assert_eq!(response.type_url, "type.googleapis.com/postrider.v1.ExpungeEventsResponse");
    ExpungeEventsResponse::decode(&response.value[..]).unwrap()
}

async fn read(stage: &Stage, event: &str) -> Event {
    let mut api = stage.api.clone();
    let asked = GetEventRequest { name: event.to_owned(), ..GetEventRequest::default() };
    api.events.get_event(asked).await.unwrap().into_inner()
}

async fn read_attempt(stage: &Stage, attempt: &Attempt) -> Attempt {
    let mut api = stage.api.clone();
    let asked = GetAttemptRequest { name: attempt.name.clone() };
    api.deliveries.get_attempt(asked).await.unwrap().into_inner()
}

async fn records(stage: &Stage, method: &str) -> Vec<AuditRecord> {
    let mut api = stage.api.clone();
    let parent = stage.tenant.clone();
    let asked = ListAuditRecordsRequest { parent, ..ListAuditRecordsRequest::default() };
    let listed = api.audit.list_audit_records(asked).await.unwrap().into_inner();
    listed.audit_records.into_iter().filter(|record| record.method.ends_with(method)).collect()
}

/// Publishes an event about an account.
async fn publish(stage: &Stage, account: &str) -> String {
    let about =
        Event { account: account.to_owned(), ..event("payment.completed", DEFAULT_PAYLOAD) };
    stage.publish_event(about).await
}

async fn wait_for(stage: &Stage, filter: &str, count: usize) {
    let api = stage.api.clone();
    api.wait_for_deliveries(&stage.tenant, filter, count, SOON_LIMIT).await.unwrap();
}

pub async fn one_event_is_expunged(cluster: &Cluster) {
    let stage = Stage::set(cluster, "expunge-one").await;
    stage.receiver.script("/hook", [ok()]);
    stage.subscribe("/hook").await;
    let (gone, kept) = (stage.publish().await, stage.publish().await);
    wait_for(&stage, "state = SUCCEEDED", 2).await;
    let before = read(&stage, &gone).await;
    assert!(before.payload_form.is_some() && before.payload_removal.is_none());
    let response = expunged(&stage, events(&stage, &[&gone])).await;
    assert_eq!((response.event_count, response.unfinished_event_count), (1, 0));
    assert_eq!(response.payload_bytes, before.payload_size);

    let after = read(&stage, &gone).await;
    assert_eq!(after.payload_form, None);
    assert_eq!(after.payload_removal.unwrap().reason(), PayloadRemovalReason::Expunged);
    assert_eq!(
        (&after.payload_sha256, after.payload_size),
        (&before.payload_sha256, before.payload_size)
    );
    assert_eq!(after.delivery_summary, before.delivery_summary);
    let delivery = stage.api.clone().deliveries_of(&gone).await.unwrap().remove(0);
    let attempt = read_attempt(&stage, &stage.attempts(&delivery).await[0]).await;
    assert!(attempt.response_headers.is_empty() && attempt.response_body.is_empty());
    assert_eq!((attempt.http_status, attempt.request), (200, None));
    let unknown = RequestUnknownReason::try_from(attempt.request_unknown_reason).unwrap();
    assert_eq!(unknown, RequestUnknownReason::PayloadRemoved);
    let whole = read(&stage, &kept).await;
    assert_eq!(whole.payload_form, Some(PayloadForm::PayloadJson(DEFAULT_PAYLOAD.to_owned())));

    // Nothing sends it again.
    let mut api = stage.api.clone();
    let resend = ResendEventRequest { name: gone.clone(), ..ResendEventRequest::default() };
    let refused = api.events.resend_event(resend).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused), "PAYLOAD_REMOVED");
    let retry = RetryDeliveryRequest { name: delivery.name.clone() };
    let refused = api.deliveries.retry_delivery(retry).await.unwrap_err();
    assert_eq!(reason(&refused), "PAYLOAD_REMOVED");
    let replay = ReplayDeliveriesRequest {
        parent: stage.tenant.clone(),
        start_time: before.create_time,
        states: vec![DeliveryState::Succeeded.into()],
        ..ReplayDeliveriesRequest::default()
    };
    api.deliveries.replay_deliveries(replay).await.unwrap();
    wait_for(&stage, "state = SUCCEEDED", 3).await;
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received_at("/hook"), 3, "the other one alone was sent again");

    // Whoever asked is recorded, and then what was removed.
    let records = records(&stage, "EventService/ExpungeEvents").await;
    let [end, begin] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((end.actor.as_str(), end.resource.as_str()), ("system", begin.resource.as_str()));
    assert_ne!(begin.actor, "system");
    let told: Vec<_> = end.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(told, ["event_count", "payload_bytes", "unfinished_event_count"]);
}

pub async fn an_account_is_expunged(cluster: &Cluster) {
    let stage = Stage::set(cluster, "expunge-account").await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY)]);
    stage.receiver.script("/well", [ok()]);
    let failing = stage.subscribe_with_delays("/hook", &[NO_RETRY_MILLISECONDS]).await;
    stage.subscribe("/well").await;
    let mine = [publish(&stage, "SE1").await, publish(&stage, "SE1").await];
    let other = publish(&stage, "SE2").await;
    wait_for(&stage, "state = SUCCEEDED", 3).await;
    wait_for(&stage, "state = WAITING", 3).await;

    // What waits keeps its event, and a dry run says so.
    let dry = ExpungeEventsRequest { dry_run: true, ..account(&stage, "SE1") };
    let counted = expunged(&stage, dry).await;
    assert_eq!((counted.event_count, counted.unfinished_event_count), (2, 2));
    let size = i64::try_from(DEFAULT_PAYLOAD.len()).unwrap();
    assert_eq!(counted.payload_bytes, 2 * size);
    let left = expunged(&stage, account(&stage, "SE1")).await;
    assert_eq!((left.event_count, left.unfinished_event_count), (0, 2));
    for event in &mine {
        assert!(read(&stage, event).await.payload_form.is_some());
    }

    let asked = ExpungeEventsRequest { cancel_unfinished: true, ..account(&stage, "SE1") };
    let removed = expunged(&stage, asked).await;
    assert_eq!((removed.event_count, removed.unfinished_event_count), (2, 0));
    assert_eq!(removed.payload_bytes, 2 * size);
    for event in &mine {
        assert_eq!(read(&stage, event).await.payload_form, None);
        let deliveries = stage.api.clone().deliveries_of(event).await.unwrap();
        let ended = deliveries.iter().find(|row| row.subscription == failing.name).unwrap();
        assert_eq!(ended.state(), DeliveryState::Cancelled);
        assert_eq!(ended.end_reason(), DeliveryEndReason::EventExpunged);
    }
    assert!(read(&stage, &other).await.payload_form.is_some());
    wait_for(&stage, "state = WAITING", 1).await;
    assert_eq!(records(&stage, "EventService/ExpungeEvents").await.len(), 7);
}

pub async fn what_cannot_be_expunged_is_refused(cluster: &Cluster) {
    let stage = Stage::set(cluster, "expunge-wrong").await;
    let published = stage.publish().await;
    let missing = format!("{}/events/evt_{}", stage.tenant, "0".repeat(32));
    let refused = expunge(&stage, events(&stage, &[&missing])).await.unwrap_err();
    assert_eq!(reason(&refused), "RESOURCE_NOT_FOUND");
    let both = ExpungeEventsRequest {
        events: vec![published],
        account: "SE1".to_owned(),
        ..account(&stage, "SE1")
    };
    for (asked, field) in [
        (events(&stage, &[]), "account"),
        (both, "account"),
        (events(&stage, &["tenants/other/events/x"]), "events[0]"),
        (account(&stage, &"x".repeat(257)), "account"),
    ] {
        let refused = expunge(&stage, asked).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(violated_fields(&refused), [field]);
    }
}

fn days(days: u64) -> Option<prost_types::Duration> {
    Some(Duration::from_secs(days * 86_400).try_into().unwrap())
}

/// Sets both retentions of the tenant.
async fn retain(
    stage: &Stage,
    history_retention: Option<prost_types::Duration>,
    payload_retention: Option<prost_types::Duration>,
) -> Result<Tenant, Status> {
    let name = stage.tenant.clone();
    let tenant = Tenant { name, history_retention, payload_retention, ..Tenant::default() };
    let paths = vec!["history_retention".to_owned(), "payload_retention".to_owned()];
    let update_mask = Some(FieldMask { paths });
    let update = UpdateTenantRequest { tenant: Some(tenant), update_mask };
    let mut api = stage.api.clone();
    Ok(api.tenants.update_tenant(update).await?.into_inner())
}

pub async fn a_retention_is_set_within_bounds(cluster: &Cluster) {
    let stage = Stage::set(cluster, "own-retention").await;
    let changed = retain(&stage, days(9), days(2)).await.unwrap();
    assert_eq!((changed.history_retention, changed.payload_retention), (days(9), days(2)));
    for (history, payload, field) in [
        (days(31), None, "tenant.history_retention"),
        (days(0), None, "tenant.history_retention"),
        (None, days(0), "tenant.payload_retention"),
        (days(3), days(4), "tenant.payload_retention"),
    ] {
        let refused = retain(&stage, history, payload).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(violated_fields(&refused), [field]);
    }
    let cleared = retain(&stage, None, None).await.unwrap();
    assert_eq!((cleared.history_retention, cleared.payload_retention), (None, None));
    let records = records(&stage, "TenantService/UpdateTenant").await;
    let [_, set] = records.as_slice() else { panic!("{records:?}") };
    let told: Vec<_> = set.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(told, ["history_retention", "payload_retention"]);
}
