//! What records of changes show of each resource, by its fields' names in the API.
//!
//! Fed by whoever changes a resource, with it before and after; feeds the records'
//! differences. Guarantees that no field is forgotten, since each resource is taken apart
//! as a whole, and that signing keys, headers' values and credentials are compared and never
//! shown.

use postrider_domain::delivery::{Delivery, DeliveryState};
use postrider_domain::event_type::EventType;
use postrider_domain::operation::{Operation, OperationState, OperationTask};
use postrider_domain::receiver_credentials::{
    AssertionKey, CaCertificates, ClientIdentity, OauthClient, OauthClientAuthentication,
    ReceiverAuthorization, ReceiverCredentials,
};
use postrider_domain::signature::SigningKey;
use postrider_domain::subscription::{RequestHeader, Subscription, SubscriptionConfig};
use postrider_domain::tenant::{Tenant, TenantRetention};
use postrider_domain::time::Timestamp;
use postrider_identity::{AuditFields, Grant, TokenRecord};

/// A time, if there is one.
fn moment(fields: &mut AuditFields, field: &str, time: Option<Timestamp>) {
    if let Some(time) = time {
        fields.text(field, &time.to_string());
    }
}

pub fn of_tenant(tenant: &Tenant) -> AuditFields {
    let Tenant {
        id: _,
        display_name,
        allow_insecure_urls,
        labels,
        retention,
        config_version: _,
        revision: _,
        create_time: _,
        update_time: _,
        delete_time: _,
    } = tenant;
    let mut fields = AuditFields::none();
    fields.text("display_name", display_name).json("allow_insecure_urls", allow_insecure_urls);
    for (key, value) in labels {
        // An empty label is there all the same.
        fields.text(format!("labels.{key}"), &format!("\"{value}\""));
    }
    let TenantRetention { history, payload } = retention;
    for (field, span) in [("history_retention", history), ("payload_retention", payload)] {
        if let Some(span) = span {
            fields.text(field, &format!("{span:?}"));
        }
    }
    fields
}

pub fn of_subscription(subscription: &Subscription) -> AuditFields {
    let Subscription {
        tenant: _,
        id: _,
        status,
        status_reason,
        settings,
        signing_keys,
        paused_clock: _,
        revision: _,
        request_revision: _,
        create_time: _,
        update_time: _,
        delete_time: _,
    } = subscription;
    let mut fields = AuditFields::none();
    fields.json("status", status).text("status_reason", status_reason);
    put_settings(&mut fields, settings);
    for SigningKey { id, kind, secret, create_time: _, expire_time } in signing_keys {
        fields.secret(format!("signing_keys.{id}"), secret.bytes());
        fields.json(format!("signing_keys.{id}.kind"), kind);
        moment(&mut fields, &format!("signing_keys.{id}.expire_time"), *expire_time);
    }
    fields
}

fn put_settings(fields: &mut AuditFields, settings: &SubscriptionConfig) {
    let SubscriptionConfig {
        display_name,
        url,
        event_types,
        accounts,
        region,
        retry,
        success,
        request_timeout,
        max_requests_per_second,
        max_in_flight,
        schemes,
        envelope,
        headers,
        content_filter,
        ordering,
        exhausted_key,
        auto_disable,
        json_form,
        http1_only,
        send_trace_context,
        credentials,
    } = settings;
    fields
        .text("display_name", display_name)
        .text("url", url)
        .json("event_types", event_types)
        .json("accounts", accounts)
        .text("region", region.as_str())
        .json("retry_policy", retry)
        .json("success_rule", success)
        .text("request_timeout", &format!("{request_timeout:?}"))
        .json("max_requests_per_second", max_requests_per_second)
        .json("max_in_flight", max_in_flight)
        .json("signature_schemes", schemes)
        .json("envelope", envelope)
        .text("content_filter", content_filter)
        .json("ordering", ordering)
        .json("exhausted_key_policy", exhausted_key)
        .json("auto_disable", auto_disable)
        .json("json_form", json_form)
        .json("http1_only", http1_only)
        .json("send_trace_context", send_trace_context);
    let names: Vec<&str> = headers.iter().map(|header| header.name.as_str()).collect();
    fields.json("headers", &names);
    for RequestHeader { name, value } in headers {
        fields.secret(format!("headers.{name}.value"), value.expose().as_bytes());
    }
    put_credentials(fields, credentials);
}

fn put_credentials(fields: &mut AuditFields, credentials: &ReceiverCredentials) {
    let ReceiverCredentials { client_certificate, ca_certificates, authorization } = credentials;
    if let Some(ClientIdentity { chain: _, private_key, summary }) = client_certificate {
        fields.json("credentials.client_certificate", summary);
        let field = "credentials.client_certificate.private_key";
        fields.secret(field, private_key.expose().as_bytes());
    }
    if let Some(CaCertificates { pem: _, summaries }) = ca_certificates {
        fields.json("credentials.ca_certificates", summaries);
    }
    match authorization {
        Some(ReceiverAuthorization::Basic { username, password }) => {
            fields.text("credentials.basic.username", username);
            fields.secret("credentials.basic.password", password.expose().as_bytes());
        }
        Some(ReceiverAuthorization::Oauth(client)) => put_oauth_client(fields, client),
        None => {}
    }
}

fn put_oauth_client(fields: &mut AuditFields, client: &OauthClient) {
    let OauthClient { token_url, client_id, scope, audience, authentication } = client;
    fields
        .text("credentials.oauth.token_url", token_url)
        .text("credentials.oauth.client_id", client_id)
        .text("credentials.oauth.scope", scope)
        .text("credentials.oauth.audience", audience);
    let (way, secret) = match authentication {
        OauthClientAuthentication::SecretBasic(secret) => ("CLIENT_SECRET_BASIC", secret),
        OauthClientAuthentication::SecretPost(secret) => ("CLIENT_SECRET_POST", secret),
        OauthClientAuthentication::PrivateKeyJwt(key) => {
            let AssertionKey { private_key, algorithm: _, key_id, public_jwk } = key;
            fields
                .text("credentials.oauth.assertion_key.key_id", key_id)
                .text("credentials.oauth.assertion_key.public_jwk", public_jwk);
            ("PRIVATE_KEY_JWT", private_key)
        }
    };
    fields.text("credentials.oauth.client_authentication", way);
    fields.secret("credentials.oauth.secret", secret.expose().as_bytes());
}

/// Puts an event type's fields, each behind a prefix, so that several can be told together.
pub fn put_event_type(fields: &mut AuditFields, prefix: &str, event_type: &EventType) {
    let EventType {
        name: _,
        description,
        group,
        schema,
        validation,
        sample,
        archive_time,
        revision: _,
        create_time: _,
        update_time: _,
    } = event_type;
    let field = |name: &str| format!("{prefix}{name}");
    fields
        .text(field("description"), description)
        .text(field("group"), group)
        .text(field("json_schema"), schema.as_deref().unwrap_or_default())
        .text(field("schema_validation"), validation.as_str())
        .text(field("sample_payload_json"), sample.as_deref().unwrap_or_default());
    moment(fields, &field("archive_time"), *archive_time);
}

pub fn of_event_type(event_type: &EventType) -> AuditFields {
    let mut fields = AuditFields::none();
    put_event_type(&mut fields, "", event_type);
    fields
}

pub fn of_token(token: &TokenRecord) -> AuditFields {
    let TokenRecord {
        id: _,
        hash: _,
        kind: _,
        display_name,
        grants,
        created_by: _,
        create_time: _,
        expire_time,
        revoke_time,
        last_use_time: _,
    } = token;
    let mut fields = AuditFields::none();
    fields.text("display_name", display_name);
    for (at, Grant { role, scope }) in grants.iter().enumerate() {
        fields.text(format!("grants[{at}].role"), role.name());
        fields.json(format!("grants[{at}].scope"), scope);
    }
    moment(&mut fields, "expire_time", *expire_time);
    moment(&mut fields, "revoke_time", *revoke_time);
    fields
}

pub fn of_operation(task: &OperationTask, state: OperationState) -> AuditFields {
    let state = match state {
        OperationState::Running => "RUNNING",
        OperationState::Succeeded => "SUCCEEDED",
        OperationState::Cancelled => "CANCELLED",
        OperationState::Failed => "FAILED",
    };
    let mut fields = AuditFields::none();
    fields.json("task", task).text("state", state);
    fields
}

/// What an expunge has removed.
pub fn of_expunged(operation: &Operation) -> AuditFields {
    let mut fields = AuditFields::none();
    fields
        .json("event_count", &operation.made)
        .json("payload_bytes", &operation.payload_bytes)
        .json("unfinished_event_count", &operation.unfinished);
    fields
}

/// A delivery that is made by hand.
pub fn of_delivery(delivery: &Delivery) -> AuditFields {
    let mut fields = AuditFields::none();
    fields.text("subscription", &delivery.subscription.to_string());
    fields.text("event", &delivery.event.to_string());
    if let Some(before) = delivery.resend_of {
        fields.text("resend_of", &before.to_string());
    }
    fields
}

/// Where a delivery stands.
pub fn of_state(state: DeliveryState, due: Option<Timestamp>) -> AuditFields {
    let mut fields = AuditFields::none();
    let name = match state {
        DeliveryState::Held => "HELD",
        DeliveryState::Waiting => "WAITING",
        DeliveryState::InFlight => "IN_FLIGHT",
        DeliveryState::Succeeded => "SUCCEEDED",
        DeliveryState::Exhausted => "EXHAUSTED",
        DeliveryState::Cancelled => "CANCELLED",
        DeliveryState::Suppressed => "SUPPRESSED",
    };
    fields.text("state", name);
    moment(&mut fields, "next_attempt_time", due);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_subscriptions_secrets_are_told_apart_and_not_shown() {
        let before = fixtures::subscription();
        let mut after = before.clone();
        after.settings.url = "https://example.com/other".into();
        let header = |value: &str| RequestHeader { name: "x-key".into(), value: value.into() };
        after.settings.headers = vec![header("hush-hush")];
        after.revision += 1;
        let (changes, _) = of_subscription(&before).changes_to(&of_subscription(&after));
        let told: Vec<_> = changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(told, ["headers", "headers.x-key.value", "url"]);
        let mut other = after.clone();
        other.settings.headers = vec![header("psst-psst")];
        other.signing_keys.clear();
        let (more, _) = of_subscription(&after).changes_to(&of_subscription(&other));
        let told: Vec<_> = more.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(told, ["headers.x-key.value", "signing_keys.key-1", "signing_keys.key-1.kind"]);
        let shown = format!("{changes:?}{more:?}");
        assert!(!shown.contains("hush-hush") && !shown.contains("psst-psst"), "{shown}");
    }

    #[test]
    fn credentials_are_told_without_what_is_secret() {
        let before = fixtures::subscription();
        let mut after = before.clone();
        let basic = |password: &str| ReceiverAuthorization::Basic {
            username: "acme".into(),
            password: password.into(),
        };
        after.settings.credentials.authorization = Some(basic("hush-hush"));
        let (changes, _) = of_subscription(&before).changes_to(&of_subscription(&after));
        let told: Vec<_> = changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(told, ["credentials.basic.password", "credentials.basic.username"]);
        let mut other = after.clone();
        other.settings.credentials.authorization = Some(basic("psst-psst"));
        let (more, _) = of_subscription(&after).changes_to(&of_subscription(&other));
        let told: Vec<_> = more.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(told, ["credentials.basic.password"]);
        let shown = format!("{changes:?}{more:?}");
        assert!(!shown.contains("hush-hush") && !shown.contains("psst-psst"), "{shown}");
    }

    #[test]
    fn a_tenants_labels_are_told_one_by_one() {
        let before = fixtures::tenant();
        let mut after = before.clone();
        after.labels.insert("tier".into(), String::new());
        let (changes, _) = of_tenant(&before).changes_to(&of_tenant(&after));
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((change.field.as_str(), change.after.as_deref()), ("labels.tier", Some("\"\"")));
        assert!(of_tenant(&before).changes_to(&of_tenant(&before)).0.is_empty());
    }
}
