//! Events, deliveries and attempts, by each way in which they are read.

use std::collections::BTreeSet;

use postrider_domain::delivery::{Delivery, DeliveryState};
use postrider_domain::event::EventContent;
use postrider_domain::ids::{AttemptKey, EventId, SubscriptionKey, TenantId};
use postrider_domain::operation::{OperationState, OperationTask};
use postrider_domain::time::Timestamp;
use postrider_store::{
    AttemptQuery, DeliveryQuery, EventQuery, ListedEvent, RecordedAttempt, Store,
};
use serde_json::{Map, Value, json};

use crate::answers::{ReleaseAnswers, assert_same, text, time, word};

const ALL_ROWS: u32 = 1000;

pub async fn check(store: &dyn Store, answers: &ReleaseAnswers) {
    let mut told_attempts = BTreeSet::new();
    for id in answers.tenants() {
        let tenant: TenantId = id.parse().unwrap();
        let list = |what: &str| answers.list(&format!("tenants/{id}/{what}"), what);
        check_events(store, &tenant, list("events")).await;
        check_deliveries(store, &tenant, list("deliveries")).await;
        let attempts = check_attempts(store, &tenant, list("attempts")).await;
        told_attempts.extend(attempts.iter().map(|attempt| attempt.record.key));
        assert_same(list("operations"), &operations(store, &tenant).await);
    }
    let page = store.tail(0, ALL_ROWS).await.unwrap();
    let tailed: BTreeSet<_> = page.attempts.iter().map(|attempt| attempt.record.key).collect();
    assert_eq!(tailed, told_attempts);
    assert_eq!(page.attempts.len(), tailed.len(), "the tail shows each once");
    for state in DeliveryState::ALL {
        assert!(!answers.deliveries_in(state).is_empty(), "no delivery is {state:?}");
    }
    check_stats(store, answers).await;
}

async fn check_events(store: &dyn Store, tenant: &TenantId, told: &[Value]) {
    let query = EventQuery { with_payload: true, ..EventQuery::newest(tenant, ALL_ROWS) };
    let listed = store.list_events(&query).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|listed| listed.event.id).collect();
    let counts = store.delivery_counts(tenant, &ids).await.unwrap();
    let summaries = counts.iter().map(|counts| {
        let by_state = counts.by_state.iter().map(|(state, count)| {
            let name = format!("{state:?}");
            (name[..1].to_ascii_lowercase() + &name[1..], json!(count))
        });
        Value::Object(by_state.collect::<Map<_, _>>())
    });
    let stored: Vec<_> = listed.iter().zip(summaries).map(event).collect();
    assert_same(told, &stored);
    for listed in &listed {
        let got = store.get_event(tenant, listed.event.id).await.unwrap();
        assert_eq!(got.as_ref(), Some(&listed.event));
        let content = listed.event.content.clone();
        let (sha256, payload) = (content.payload_sha256, content.payload);
        let again = EventContent::new(content.event_type, content.content_type, payload);
        let is_whole = again.payload_sha256 == sha256;
        assert_eq!(is_whole, listed.event.payload_removal.is_none(), "{}", listed.event.id);
    }
}

fn event((listed, summary): (&ListedEvent, Value)) -> Value {
    let (event, content) = (&listed.event, &listed.event.content);
    let size = event.payload_removal.as_ref().map_or(listed.payload_bytes, |gone| gone.bytes);
    let sha256: Vec<_> = content.payload_sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "name": event_name(&event.tenant, event.id),
        "eventType": content.event_type,
        "account": content.account,
        "attributes": content.attributes,
        "orderingKey": content.ordering_key,
        "contentType": content.content_type,
        "idempotencyKey": content.idempotency_key,
        "traceparent": content.traceparent,
        "tracestate": content.tracestate,
        "payloadSha256": sha256.concat(),
        "payloadSize": size.to_string(),
        "matchedSubscriptions": event.matched,
        "test": event.test,
        "createTime": time(event.create_time()),
        "deliverySummary": summary,
    })
}

fn event_name(tenant: &TenantId, id: EventId) -> String {
    format!("tenants/{tenant}/events/{id}")
}

async fn check_deliveries(store: &dyn Store, tenant: &TenantId, told: &[Value]) {
    let all = store.list_deliveries(&DeliveryQuery::newest(tenant, ALL_ROWS)).await.unwrap();
    let stored: Vec<_> = all.iter().map(delivery).collect();
    assert_same(told, &stored);
    for state in DeliveryState::ALL {
        let query =
            DeliveryQuery { states: vec![*state], ..DeliveryQuery::newest(tenant, ALL_ROWS) };
        let listed = store.list_deliveries(&query).await.unwrap();
        let expected: Vec<_> = all.iter().filter(|found| found.state == *state).cloned().collect();
        assert_eq!(listed, expected);
    }
    for found in &all {
        let got = store.get_delivery(tenant, found.id).await.unwrap();
        assert_eq!(got.as_ref(), Some(found));
        let of_event = store.deliveries_of(tenant, &[found.event]).await.unwrap();
        assert!(of_event.contains(found), "{} is not among its event's", found.id);
    }
}

fn delivery(found: &Delivery) -> Value {
    let tenant = &found.subscription.tenant;
    let name = |id| format!("tenants/{tenant}/deliveries/{id}");
    json!({
        "name": name(found.id),
        "subscription": found.subscription.to_string(),
        "event": event_name(tenant, found.event),
        "eventType": found.event_type,
        "account": found.account,
        "state": word("DELIVERY_STATE", found.state),
        "endReason": found.end_reason.map(|reason| word("DELIVERY_END_REASON", reason)),
        "attemptCount": found.attempts,
        "trigger": word("ATTEMPT_TRIGGER", found.trigger),
        "orderingKey": found.ordering_key,
        "sequence": found.sequence.map(|sequence| sequence.to_string()),
        "test": found.test,
        "resendOf": found.resend_of.map(name),
        "filterFailed": found.filter_failed,
        "createTime": time(found.create_time()),
        "endTime": found.end_time.map(time),
    })
}

async fn check_attempts(
    store: &dyn Store,
    tenant: &TenantId,
    told: &[Value],
) -> Vec<RecordedAttempt> {
    let query = AttemptQuery::newest(tenant, ALL_ROWS);
    let all = store.find_attempts(&query).await.unwrap().attempts;
    let stored: Vec<_> = all.iter().map(|found| attempt(tenant, found)).collect();
    assert_same(told, &stored);
    for (told, found) in told.iter().zip(&all) {
        // Of a body that is not UTF-8 the API tells bytes.
        if told.get("responseText").is_some() {
            assert_eq!(found.record.response_body, text(told, "responseText").as_bytes());
        }
    }
    let deliveries: BTreeSet<_> = all.iter().map(|found| found.record.key.delivery).collect();
    for delivery in deliveries {
        let numbered = store.list_attempts(tenant, delivery, 0, ALL_ROWS).await.unwrap();
        let is_its = |found: &&RecordedAttempt| found.record.key.delivery == delivery;
        let mut expected: Vec<_> = all.iter().filter(is_its).cloned().collect();
        expected.sort_unstable_by_key(|found| found.record.key.number);
        assert_eq!(numbered, expected);
        let last = store.last_attempts(tenant, &[delivery]).await.unwrap();
        let newest = expected.last().map(|found| found.record.key);
        assert_eq!(last.first().map(|record| record.key), newest);
    }
    all
}

fn attempt(tenant: &TenantId, found: &RecordedAttempt) -> Value {
    let record = &found.record;
    let AttemptKey { delivery, number } = record.key;
    let agent = Some(&record.agent.0).filter(|agent| !agent.is_empty());
    json!({
        "name": format!("tenants/{tenant}/deliveries/{delivery}/attempts/{number}"),
        "delivery": format!("tenants/{tenant}/deliveries/{delivery}"),
        "number": number,
        "subscription": record.subscription.to_string(),
        "event": event_name(tenant, record.event),
        "eventType": record.event_type,
        "outcome": word("ATTEMPT_OUTCOME", record.outcome),
        "httpStatus": record.http_status,
        "httpVersion": record.http_version,
        "error": record.error,
        "trigger": word("ATTEMPT_TRIGGER", record.trigger),
        "test": record.test,
        "agent": agent.map(|agent| format!("agents/{agent}")),
        "region": format!("regions/{}", record.region),
        "remoteAddress": record.remote_address,
        "responseBodySize": record.response_body_bytes.to_string(),
        "responseBodyTruncated": record.response_body_truncated,
        "startTime": time(record.start_time),
        "createTime": time(found.record_time),
        "nextAttemptTime": record.next_attempt_time.map(time),
    })
}

async fn operations(store: &dyn Store, tenant: &TenantId) -> Vec<Value> {
    let found = store.list_operations(tenant, None, ALL_ROWS).await.unwrap();
    let told = found.iter().map(|operation| {
        let (kind, made) = match &operation.task {
            OperationTask::Replay(_) => ("ReplayDeliveries", "deliveryCount"),
            OperationTask::Backfill(_) => ("BackfillSubscription", "deliveryCount"),
            OperationTask::Expunge(_) => ("ExpungeEvents", "eventCount"),
        };
        let mut response = json!({
            "@type": format!("type.googleapis.com/postrider.v1.{kind}Response"),
            "examinedCount": operation.examined.to_string(),
            "payloadBytes": operation.payload_bytes.to_string(),
        });
        response[made] = json!(operation.made.to_string());
        json!({
            "name": format!("tenants/{tenant}/operations/{}", operation.id),
            "done": operation.state != OperationState::Running,
            "response": response,
        })
    });
    told.collect()
}

/// The API's figures are those of some days, when all was recorded.
async fn check_stats(store: &dyn Store, answers: &ReleaseAnswers) {
    let key =
        SubscriptionKey { tenant: "acme".parse().unwrap(), subscription: "down".parse().unwrap() };
    let rows = store.stats(&key, Timestamp::default()).await.unwrap();
    let count: u64 = rows.iter().map(|row| row.count).sum();
    let told = answers.field(&format!("{key}/stats"), "attemptCount");
    assert_eq!(told, Some(&json!(count.to_string())));
}
