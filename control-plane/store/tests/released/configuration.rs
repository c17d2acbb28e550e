//! Tenants, subscriptions with their secrets, event types, tokens and audit records.

use postrider_domain::ids::TenantId;
use postrider_domain::receiver_credentials::ReceiverAuthorization;
use postrider_domain::subscription::Subscription;
use postrider_identity::{AuditChain, AuditRecord, ChainVerifier, TokenKind};
use postrider_store::{
    AuditQuery, AuditScope, EventTypeQuery, PageRequest, Store, SubscriptionQuery, TenantQuery,
    TokenQuery,
};
use serde_json::{Value, json};

use crate::answers::{ReleaseAnswers, assert_same, time, word};

const ALL_ROWS: u32 = 1000;

pub async fn check(store: &dyn Store, answers: &ReleaseAnswers) {
    assert_same(answers.list("tenants", "tenants"), &tenants(store).await);
    assert_same(answers.list("eventTypes", "eventTypes"), &event_types(store).await);
    assert_same(answers.list("tokens", "tokens"), &tokens(store).await);
    audit_records(store, answers, "installation", AuditChain::Installation).await;
    for id in answers.tenants() {
        let tenant: TenantId = id.parse().unwrap();
        let subscriptions = subscriptions(store, &tenant).await;
        let stored: Vec<_> = subscriptions.iter().map(subscription).collect();
        let path = format!("tenants/{id}/subscriptions");
        assert_same(answers.list(&path, "subscriptions"), &stored);
        for subscription in subscriptions.iter().filter(|found| found.id.as_str() == "orders") {
            assert_secrets(subscription);
        }
        audit_records(store, answers, &format!("tenants/{id}"), AuditChain::Tenant(tenant)).await;
    }
}

fn page() -> PageRequest {
    PageRequest { order_by: Default::default(), descending: false, after: None, limit: ALL_ROWS }
}

async fn tenants(store: &dyn Store) -> Vec<Value> {
    let query = TenantQuery { search: None, show_deleted: true, page: page() };
    let found = store.list_tenants(&query).await.unwrap().items;
    let seconds = |span: std::time::Duration| format!("{}s", span.as_secs());
    let told = found.iter().map(|tenant| {
        json!({
            "name": format!("tenants/{}", tenant.id),
            "displayName": tenant.display_name,
            "allowInsecureUrls": tenant.allow_insecure_urls,
            "labels": tenant.labels,
            "historyRetention": tenant.retention.history.map(seconds),
            "payloadRetention": tenant.retention.payload.map(seconds),
            "configVersion": tenant.config_version.to_string(),
            "etag": format!("r{}", tenant.revision),
            "createTime": time(tenant.create_time),
            "updateTime": time(tenant.update_time),
            "deleteTime": tenant.delete_time.map(time),
        })
    });
    told.collect()
}

async fn subscriptions(store: &dyn Store, tenant: &TenantId) -> Vec<Subscription> {
    let query = SubscriptionQuery {
        tenant: tenant.clone(),
        search: None,
        status: None,
        event_type: None,
        region: None,
        show_deleted: true,
        page: page(),
    };
    store.list_subscriptions(&query).await.unwrap().items
}

fn subscription(found: &Subscription) -> Value {
    let settings = &found.settings;
    let types: Vec<_> = settings.event_types.iter().map(ToString::to_string).collect();
    let keys = found.signing_keys.iter().map(|key| {
        json!({
            "id": key.id,
            "kind": word("SIGNING_KEY_KIND", key.kind),
            "createTime": time(key.create_time),
            "expireTime": key.expire_time.map(time),
        })
    });
    let headers = settings
        .headers
        .iter()
        .map(|header| json!({"name": header.name, "valueSet": !header.value.is_empty()}));
    json!({
        "name": found.key().to_string(),
        "displayName": settings.display_name,
        "url": settings.url,
        "eventTypes": types,
        "region": format!("regions/{}", settings.region),
        "contentFilter": settings.content_filter,
        "headers": headers.collect::<Vec<_>>(),
        "signingKeys": keys.collect::<Vec<_>>(),
        "status": word("SUBSCRIPTION_STATUS", found.status),
        "statusReason": found.status_reason,
        "etag": format!("r{}", found.revision),
        "createTime": time(found.create_time),
        "updateTime": time(found.update_time),
        "deleteTime": found.delete_time.map(time),
    })
}

/// What `make.py` gave it is unsealed as it was; the API tells no secrets.
fn assert_secrets(subscription: &Subscription) {
    assert_eq!(subscription.signing_keys.len(), 2, "a rotation leaves the older key");
    assert_eq!(subscription.signing_keys[0].secret.bytes(), "tes".repeat(8).as_bytes());
    assert_eq!(subscription.settings.headers[0].value.expose(), "a-test-header-value");
    let authorization = subscription.settings.credentials.authorization.as_ref();
    let password = "a-test-password".into();
    let basic = ReceiverAuthorization::Basic { username: "test".to_owned(), password };
    assert_eq!(authorization, Some(&basic));
}

async fn event_types(store: &dyn Store) -> Vec<Value> {
    let query =
        EventTypeQuery { show_archived: true, limit: ALL_ROWS, ..EventTypeQuery::default() };
    let found = store.list_event_types(&query).await.unwrap();
    let told = found.iter().map(|event_type| {
        json!({
            "name": format!("eventTypes/{}", event_type.name),
            "description": event_type.description,
            "group": event_type.group,
            "jsonSchema": event_type.schema,
            "samplePayloadJson": event_type.sample,
            "schemaValidation": word("SCHEMA_VALIDATION", event_type.validation),
            "etag": format!("r{}", event_type.revision),
            "createTime": time(event_type.create_time),
            "updateTime": time(event_type.update_time),
            "archiveTime": event_type.archive_time.map(time),
        })
    });
    told.collect()
}

async fn tokens(store: &dyn Store) -> Vec<Value> {
    let query = TokenQuery { show_portal: true, after: None, limit: ALL_ROWS };
    let found = store.list_tokens(&query).await.unwrap();
    let told = found.iter().map(|token| {
        json!({
            "name": format!("tokens/{}", token.id),
            "displayName": token.display_name,
            "creator": token.created_by,
            "portal": token.kind == TokenKind::Portal,
            "createTime": time(token.create_time),
            "expireTime": token.expire_time.map(time),
            "revokeTime": token.revoke_time.map(time),
        })
    });
    told.collect()
}

/// They are those that were told, and nobody tampered with them.
async fn audit_records(
    store: &dyn Store,
    answers: &ReleaseAnswers,
    parent: &str,
    chain: AuditChain,
) {
    let scope = AuditScope::Chain(chain.clone());
    let query = AuditQuery { scope, before: None, limit: ALL_ROWS };
    let found = store.list_audit_records(&query).await.unwrap();
    let stored: Vec<_> = found.iter().map(|record| audit_record(parent, record)).collect();
    assert_same(answers.list(&format!("{parent}/auditRecords"), "auditRecords"), &stored);
    let key = store.audit_key().await.unwrap().of_chain(&chain);
    let mut verifier = ChainVerifier::new(key, None, None);
    let (state, records) = store.read_audit_chain(&chain, i64::MIN, ALL_ROWS).await.unwrap();
    verifier.take(&state, &records);
    assert_eq!(verifier.finish(&state).faults, []);
}

fn audit_record(parent: &str, record: &AuditRecord) -> Value {
    let draft = &record.draft;
    json!({
        "name": format!("{parent}/auditRecords/{}", record.sequence),
        "actor": draft.actor,
        "address": draft.address,
        "method": draft.method,
        "resource": draft.resource,
        "requestId": draft.request_id,
        "recordTime": time(draft.time),
        "omittedChangeCount": draft.left_out,
        "hash": record.hash.to_string(),
        "previousHash": record.previous.to_string(),
    })
}
