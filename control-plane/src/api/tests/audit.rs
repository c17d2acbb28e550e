//! Records of changes, as their callers and those who check them see them.

use postrider_identity::{ALL_ROLES, Grant, GrantScope, Role};
use postrider_proto::longrunning;
use postrider_proto::longrunning::operations_client::OperationsClient;
use postrider_proto::v1::audit_service_client::AuditServiceClient;
use postrider_proto::v1::token_service_client::TokenServiceClient;
use prost_types::FieldMask;
use tonic::{Code, Request};

use super::*;

impl TestApi {
    async fn audit(&self) -> AuditServiceClient<Channel> {
        AuditServiceClient::new(self.channel().await)
    }

    async fn records(&self, parent: &str, filter: &str) -> Vec<v1::AuditRecord> {
        let request = v1::ListAuditRecordsRequest {
            parent: parent.into(),
            filter: filter.into(),
            ..Default::default()
        };
        let listed = self.audit().await.list_audit_records(request).await.unwrap().into_inner();
        assert!(listed.next_page_token.is_empty());
        listed.audit_records
    }

    async fn verify(&self, parent: &str) -> v1::VerifyAuditLogResponse {
        let request = v1::VerifyAuditLogRequest { parent: parent.into(), ..Default::default() };
        self.audit().await.verify_audit_log(request).await.unwrap().into_inner()
    }
}

/// What was called, without its service, with the fields that changed.
fn told(records: &[v1::AuditRecord]) -> Vec<(String, Vec<&str>)> {
    let newest_last = records.iter().rev();
    newest_last
        .map(|record| {
            let method = record.method.rsplit('/').next().unwrap_or_default();
            let fields = record.changes.iter().map(|change| change.field.as_str());
            (method.to_owned(), fields.collect())
        })
        .collect()
}

async fn rename(api: &mut TestApi, name: &str) -> v1::Tenant {
    let tenant =
        v1::Tenant { name: "tenants/acme".into(), display_name: name.into(), ..Default::default() };
    let update = v1::UpdateTenantRequest {
        tenant: Some(tenant),
        update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
    };
    api.tenants.update_tenant(update).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_one_record_and_what_changes_nothing_is_none() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    rename(&mut api, "Acme").await;
    // The same again, and a creation that is repeated.
    rename(&mut api, "Acme").await;
    let again = v1::CreateTenantRequest { tenant_id: "acme".into(), tenant: None };
    assert_eq!(api.tenants.create_tenant(again).await.unwrap_err().code(), Code::AlreadyExists);
    let made = api.subscription("erp", |_| {}).await;
    let pause = v1::PauseSubscriptionRequest { name: made.name.clone(), ..Default::default() };
    api.subscriptions.pause_subscription(pause.clone()).await.unwrap();
    api.subscriptions.pause_subscription(pause).await.unwrap();
    let published = api.publish(event(1)).await.unwrap().event;
    let resend =
        v1::ResendEventRequest { name: published.clone(), subscription: made.name.clone() };
    api.events.resend_event(resend).await.unwrap();
    let get = v1::GetEventRequest { name: published, ..Default::default() };
    api.events.get_event(get).await.unwrap();
    let key = "GONE: the receiver answered 410";
    let erp = crate::api::values::names::subscription(&made.name).unwrap();
    api.plane.context.tenants.disable_subscription(&erp, key).await.unwrap();
    api.plane.context.tenants.disable_subscription(&erp, key).await.unwrap();
    let delete =
        v1::DeleteTenantRequest { name: "tenants/acme".into(), force: true, ..Default::default() };
    api.tenants.delete_tenant(delete).await.unwrap();

    let records = api.records("tenants/acme", "").await;
    let told = told(&records);
    let methods: Vec<_> = told.iter().map(|(method, _)| method.as_str()).collect();
    let expected = [
        "CreateTenant",
        "UpdateTenant",
        "CreateSubscription",
        "PauseSubscription",
        "ResendEvent",
        "disable a subscription",
        "DeleteTenant",
    ];
    assert_eq!(methods, expected, "{records:?}");
    assert_eq!(told[1].1, ["display_name"]);
    assert_eq!(told[3].1, ["status"]);
    assert_eq!(told[5].1, ["status", "status_reason"]);
    assert_eq!(told[6].1, ["allow_insecure_urls", "display_name", "subscriptions[0]"]);
    assert_eq!(records[0].changes[2].before.as_deref(), Some("erp"));
    let numbers: Vec<_> = records.iter().rev().map(|record| record.name.as_str()).collect();
    assert_eq!(numbers[0], "tenants/acme/auditRecords/1");
    assert_eq!(numbers.len(), 7);
    let system = &records[1];
    assert_eq!((system.actor.as_str(), system.address.as_str()), ("system", ""));
    let caller = &records[0];
    assert!(caller.actor.starts_with("address:127.0.0.1:"), "{caller:?}");
    assert_eq!(caller.actor, format!("address:{}", caller.address));
    assert!(!caller.request_id.is_empty());
    let checked = api.verify("tenants/acme").await;
    assert_eq!((checked.faults.len(), checked.checked_record_count), (0, 7));
    assert_eq!((checked.head_number, &checked.head_hash), (7, &caller.hash));
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_is_there_before_the_first_change() {
    let api = TestApi::start().await;
    let counts = api.plane.context.store.count_data_keys().await.unwrap();
    // That of assignments, and that of chains.
    assert_eq!(counts.iter().map(|used| used.count).collect::<Vec<_>>(), [2]);
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_masked_and_told_apart() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let header = |value: &str| v1::CustomHeader {
        name: "X-Key".into(),
        value: value.into(),
        ..Default::default()
    };
    let made = api.subscription("erp", |given| given.headers = vec![header("hush-hush")]).await;
    let update = v1::UpdateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            name: made.name.clone(),
            headers: vec![header("psst-psst")],
            ..Default::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["headers".into()] }),
    };
    api.subscriptions.update_subscription(update).await.unwrap();
    let rotate = v1::RotateSigningSecretRequest { name: made.name.clone(), ..Default::default() };
    api.subscriptions.rotate_signing_secret(rotate).await.unwrap();
    let records =
        api.records("tenants/acme", r#"resource = "tenants/acme/subscriptions/erp""#).await;
    let shown = format!("{records:?}");
    for secret in ["hush-hush", "psst-psst", made.signing_secret.trim_start_matches("whsec_")] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let [_, updated, created] = records.as_slice() else { panic!("{records:?}") };
    let value = |record: &v1::AuditRecord| {
        let found = record.changes.iter().find(|change| change.field.ends_with(".value"));
        found.map(|change| (change.before.clone(), change.after.clone()))
    };
    assert_eq!(value(created), Some((None, Some("(secret)".into()))));
    assert_eq!(value(updated), Some((Some("(secret)".into()), Some("(another secret)".into()))));
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_no_tenant_is_in_the_installations_chain() {
    let mut api = TestApi::start().await;
    let event_type = v1::EventType { description: "Paid.".into(), ..Default::default() };
    let create = v1::CreateEventTypeRequest {
        event_type_id: "payment.paid".into(),
        event_type: Some(event_type),
    };
    api.event_types.create_event_type(create).await.unwrap();
    let catalogue = r#"{"event_types": [{"name": "payment.paid", "description": "It was paid."}]}"#;
    for validate_only in [true, false, false] {
        let import = v1::ImportEventTypesRequest { catalogue: catalogue.into(), validate_only };
        api.event_types.import_event_types(import).await.unwrap();
    }
    let mut tokens = TokenServiceClient::new(api.channel().await);
    let grant = |tenants: Vec<String>| v1::Grant {
        role: v1::Role::Reader.into(),
        installation: tenants.is_empty(),
        tenants,
    };
    let mut names = Vec::new();
    for tenants in [vec![], vec!["tenants/acme".to_owned()]] {
        let token = v1::Token { grants: vec![grant(tenants)], ..Default::default() };
        let create = v1::CreateTokenRequest { token: Some(token), ttl: None };
        let made = tokens.create_token(create).await.unwrap().into_inner();
        names.push(made.token.unwrap().name);
    }
    for _ in 0..2 {
        let revoke = v1::RevokeTokenRequest { name: names[0].clone() };
        tokens.revoke_token(revoke).await.unwrap();
    }
    let records = api.records("installation", "").await;
    let told = told(&records);
    let methods: Vec<_> = told.iter().map(|(method, _)| method.as_str()).collect();
    let expected = [
        "begin the audit log",
        "CreateEventType",
        "ImportEventTypes",
        "CreateToken",
        "RevokeToken",
    ];
    assert_eq!(methods, expected);
    assert_eq!(told[2].1, ["payment.paid:description"]);
    assert_eq!(told[4].1, ["revoke_time"]);
    assert_eq!(api.verify("installation").await.faults, []);
    // Also before the tenant is there.
    assert_eq!(api.records("tenants/acme", "").await.len(), 1);
    let checked = api.verify("tenants/acme").await;
    assert_eq!((checked.faults.len(), checked.checked_record_count), (0, 1));
    let none = v1::VerifyAuditLogRequest { parent: "tenants/none".into(), ..Default::default() };
    let refused = api.audit().await.verify_audit_log(none).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    api.tenant("acme").await;
    let of_tenant = api.records("tenants/acme", r#"method:"TokenService""#).await;
    assert_eq!(of_tenant.len(), 1, "a token of one tenant is in its chain");
    assert_eq!(api.verify("tenants/acme").await.faults, [], "it may begin with one");
    assert_eq!(of_tenant[0].resource, names[1]);
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_has_the_id_that_its_caller_chose() {
    let mut api = TestApi::start().await;
    let message = v1::CreateTenantRequest { tenant_id: "acme".into(), tenant: None };
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-request-id", "order-7".parse().unwrap());
    let answer = api.tenants.create_tenant(request).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "order-7");
    let found = api.records("tenants/acme", r#"request_id = "order-7""#).await;
    assert_eq!(found.len(), 1);
    let get = v1::GetTenantRequest { name: "tenants/none".into() };
    let refused = api.tenants.get_tenant(get).await.unwrap_err();
    assert!(refused.metadata().contains_key("x-request-id"), "{refused:?}");
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_of_payloads_are_recorded_where_the_settings_say_so() {
    let mut api = TestApi::with(&[("audit.payload_reads", "true")]).await;
    api.tenant("acme").await;
    let name = api.publish(event(1)).await.unwrap().event;
    for view in [v1::EventView::Basic, v1::EventView::Full] {
        let get = v1::GetEventRequest { name: name.clone(), view: view.into() };
        api.events.get_event(get).await.unwrap();
        let list = v1::ListEventsRequest {
            parent: "tenants/acme".into(),
            view: view.into(),
            ..Default::default()
        };
        api.events.list_events(list).await.unwrap();
    }
    let records = api.records("tenants/acme", r#"method:"EventService""#).await;
    let told: Vec<_> = records
        .iter()
        .rev()
        .map(|record| (record.method.as_str(), record.resource.as_str()))
        .collect();
    let expected = [
        ("postrider.v1.EventService/GetEvent", name.as_str()),
        ("postrider.v1.EventService/ListEvents", "tenants/acme"),
    ];
    assert_eq!(told, expected);
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_shown_to_those_who_may_read_them() {
    let mut setting = TestApi::start().await;
    for id in ["acme", "other"] {
        setting.tenant(id).await;
    }
    let api = setting.asking_for_credentials().await;
    let list = async |grant: Grant, parent: &str| -> Result<Vec<String>, Code> {
        let token = api.token(vec![grant]).await;
        let mut request = Request::new(v1::ListAuditRecordsRequest {
            parent: parent.into(),
            ..Default::default()
        });
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
        let listed = api.audit().await.list_audit_records(request).await;
        let listed = listed.map_err(|error| error.code())?.into_inner().audit_records;
        Ok(listed.into_iter().map(|record| record.resource).collect::<Vec<_>>())
    };
    let of_acme = |role| Grant { role, scope: GrantScope::tenant("acme".parse().unwrap()) };
    let everywhere = |role| Grant { role, scope: GrantScope::Installation };
    let administrator = Role::Administrator;
    for parent in ["tenants/acme", "tenants/-"] {
        let seen = list(of_acme(administrator), parent).await;
        assert_eq!(seen, Ok(vec!["tenants/acme".to_owned()]), "{parent}");
    }
    let denied = Err(Code::PermissionDenied);
    assert_eq!(list(of_acme(administrator), "tenants/other").await, Err(Code::NotFound));
    assert_eq!(list(of_acme(administrator), "installation").await, denied);
    for role in ALL_ROLES.into_iter().filter(|role| *role != administrator) {
        assert_eq!(list(everywhere(role), "tenants/acme").await, denied, "{role}");
    }
    let all = list(everywhere(administrator), "tenants/-").await.unwrap();
    assert_eq!(all, ["tenants/other", "tenants/acme"]);
    assert!(list(everywhere(administrator), "installation").await.is_ok());
    assert_eq!(list(everywhere(administrator), "tenants/none").await, Err(Code::NotFound));
    assert_eq!(list(everywhere(administrator), "").await, Err(Code::InvalidArgument));
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_operation_is_told_by_its_state() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    for number in 1..=20 {
        api.publish(event(number)).await.unwrap();
    }
    let made = api.subscription("erp", |_| {}).await;
    // Twenty seconds of work.
    let asked = v1::BackfillSubscriptionRequest {
        name: made.name,
        start_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
        max_deliveries_per_second: 1,
        ..Default::default()
    };
    let operation = api.subscriptions.backfill_subscription(asked).await.unwrap().into_inner();
    let mut operations = OperationsClient::new(api.channel().await);
    let cancel = longrunning::CancelOperationRequest { name: operation.name };
    operations.cancel_operation(cancel.clone()).await.unwrap();
    operations.cancel_operation(cancel).await.unwrap();
    let records = api.records("tenants/acme", "").await;
    let told = told(&records);
    assert_eq!(told[3..], [("CancelOperation".to_owned(), vec!["state"])], "{records:?}");
}
