//! What callers give that is secret, and what they get back.

use postrider_domain::subscription::Subscription;
use postrider_proto::v1;
use postrider_proto::v1::signature_scheme::Scheme;
use prost_types::FieldMask;
use tonic::Status;
use tonic_types::StatusExt;

use crate::api::tests::TestApi;
use crate::api::values::names;

/// RFC 8032, section 7.1, test 1.
const SEED: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC_KEY: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

fn header(name: &str, value: &str) -> v1::CustomHeader {
    v1::CustomHeader { name: name.into(), value: value.into(), value_set: false }
}

fn shown(name: &str) -> v1::CustomHeader {
    v1::CustomHeader { value_set: true, ..header(name, "") }
}

fn schemes(scheme: Scheme) -> Vec<v1::SignatureScheme> {
    vec![v1::SignatureScheme { scheme: Some(scheme) }]
}

fn fields(refused: &Status) -> Vec<String> {
    let told = refused.get_details_bad_request().unwrap().field_violations;
    told.into_iter().map(|violation| violation.field).collect()
}

impl TestApi {
    async fn write_back(
        &mut self,
        subscription: &v1::Subscription,
        mask: &[&str],
    ) -> Result<v1::Subscription, Status> {
        let paths: Vec<_> = mask.iter().map(|path| (*path).to_owned()).collect();
        let request = v1::UpdateSubscriptionRequest {
            subscription: Some(subscription.clone()),
            update_mask: Some(FieldMask { paths }).filter(|mask| !mask.paths.is_empty()),
        };
        Ok(self.subscriptions.update_subscription(request).await?.into_inner())
    }

    async fn get(&mut self, name: &str) -> v1::Subscription {
        let request = v1::GetSubscriptionRequest { name: name.to_owned() };
        self.subscriptions.get_subscription(request).await.unwrap().into_inner()
    }

    async fn stored(&self, name: &str) -> Subscription {
        let key = names::subscription(name).unwrap();
        self.plane.context.store.get_subscription(&key).await.unwrap().unwrap()
    }

    async fn header_values(&self, name: &str) -> Vec<String> {
        let headers = self.stored(name).await.settings.headers;
        headers.iter().map(|header| header.value.expose().to_owned()).collect()
    }
}

#[tokio::test]
async fn what_was_read_and_is_written_back_changes_nothing() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let made = api
        .subscription("erp", |s| {
            s.headers = vec![header("Authorization", "Bearer x"), header("X-Team", "pay in")];
            s.signature_schemes = schemes(Scheme::StandardWebhooksV1a(Default::default()));
            s.signing_secret = SEED.into();
        })
        .await;
    let stored = api.stored(&made.name).await;
    let read = api.get(&made.name).await;
    assert_eq!(read.headers, [shown("Authorization"), shown("X-Team")]);
    assert_eq!(made.headers, read.headers, "not even the answer to its creation tells it");
    for (given, mask) in
        [(&read, &[][..]), (&read, &["*"]), (&read, &["headers"]), (&made, &[]), (&made, &["*"])]
    {
        let written = api.write_back(given, mask).await.unwrap();
        assert_eq!((&written.etag, written.update_time), (&read.etag, read.update_time));
        assert_eq!(api.stored(&made.name).await, stored);
    }
    api.plane.stop().await;
}

#[tokio::test]
async fn a_header_is_kept_changed_and_removed() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let two = vec![header("Authorization", "Bearer x"), header("X-Team", "pay in")];
    let name = api.subscription("erp", |s| s.headers = two).await.name;
    let with = |headers: Vec<v1::CustomHeader>| v1::Subscription {
        name: name.clone(),
        headers,
        ..v1::Subscription::default()
    };
    let changed = with(vec![shown("x-team"), header("Authorization", "Bearer y")]);
    let answer = api.write_back(&changed, &["headers"]).await.unwrap();
    assert_eq!(answer.headers, [shown("x-team"), shown("Authorization")]);
    assert_eq!(api.header_values(&name).await, ["pay in", "Bearer y"]);
    // Neither flag decides: a value is one that is given.
    let flagged = v1::CustomHeader { value: "pay out".into(), ..shown("X-Team") };
    api.write_back(&with(vec![flagged]), &["headers"]).await.unwrap();
    assert_eq!(api.header_values(&name).await, ["pay out"], "the other one is removed");
    let unknown = with(vec![shown("X-Team"), shown("Authorization")]);
    let refused = api.write_back(&unknown, &["headers"]).await.unwrap_err();
    assert_eq!(fields(&refused), ["subscription.headers[1].value"], "it has nothing to keep");
    api.write_back(&with(Vec::new()), &["headers"]).await.unwrap();
    assert_eq!(api.header_values(&name).await, [""; 0]);
    api.plane.stop().await;
}

#[tokio::test]
async fn a_private_key_is_taken_and_never_given() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let asymmetric = || schemes(Scheme::StandardWebhooksV1a(Default::default()));
    for (id, secret) in [("own", SEED), ("made", "")] {
        let made = api
            .subscription(id, |s| {
                s.signature_schemes = asymmetric();
                s.signing_secret = secret.into();
            })
            .await;
        assert!(made.signing_secret.is_empty());
        assert_eq!(made.signing_keys[0].public_key == PUBLIC_KEY, id == "own");
        for secret in [SEED, ""] {
            let rotate = v1::RotateSigningSecretRequest {
                name: made.name.clone(),
                signing_secret: secret.into(),
                ..Default::default()
            };
            let answer = api.subscriptions.rotate_signing_secret(rotate).await.unwrap();
            let answer = answer.into_inner().subscription.unwrap();
            assert!(answer.signing_secret.is_empty());
            let newest = &answer.signing_keys.last().unwrap().public_key;
            assert!(newest.starts_with("whpk_") && (newest == PUBLIC_KEY) == (secret == SEED));
        }
    }
    api.plane.stop().await;
}

#[tokio::test]
async fn a_text_may_be_any_and_a_short_one_is_warned_about() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let hmac = || {
        schemes(Scheme::Hmac(v1::HmacSignature { header: "X-Sign".into(), ..Default::default() }))
    };
    let secret = "clé secrète\t☂ ";
    let made = api
        .subscription("erp", |s| {
            s.signature_schemes = hmac();
            s.signing_secret = secret.into();
        })
        .await;
    assert_eq!(made.signing_secret, secret);
    assert_eq!(api.stored(&made.name).await.signing_keys[0].secret.bytes(), secret.as_bytes());
    let reasons = |shown: &v1::Subscription| -> Vec<String> {
        shown.warnings.iter().map(|warning| warning.reason.clone()).collect()
    };
    let short = "SIGNING_SECRET_SHORT".to_owned();
    assert!(reasons(&made).contains(&short));
    let fixed = v1::StaticSecret { header: "X-Secret".into(), ..Default::default() };
    let fixed = v1::Subscription {
        name: made.name.clone(),
        signature_schemes: schemes(Scheme::StaticSecret(fixed)),
        // Sent itself from now on: whoever asks for that must know it.
        signing_secret: secret.into(),
        ..v1::Subscription::default()
    };
    let refused = api.write_back(&fixed, &["signature_schemes"]).await.unwrap_err();
    assert_eq!(fields(&refused), ["subscription.signature_schemes[0].static_secret"]);
    let rotate = |secret: &str| v1::RotateSigningSecretRequest {
        name: made.name.clone(),
        signing_secret: secret.into(),
        grace_period: Some(prost_types::Duration::default()),
        ..Default::default()
    };
    let long = "a long enough secret, as it seems";
    let answer = api.subscriptions.rotate_signing_secret(rotate(long)).await.unwrap();
    assert!(!reasons(&answer.into_inner().subscription.unwrap()).contains(&short));
    let fixed = v1::Subscription { signing_secret: long.into(), ..fixed };
    api.write_back(&fixed, &["signature_schemes"]).await.unwrap();
    let refused = api.subscriptions.rotate_signing_secret(rotate("é")).await.unwrap_err();
    assert_eq!(fields(&refused), ["signing_secret"]);
    api.plane.stop().await;
}
