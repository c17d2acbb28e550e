//! Receivers that ask who comes.

use bytes::Bytes;
use http::StatusCode;
use postrider_proto::v1::receiver_credentials::Authorization;
use postrider_proto::v1::{
    AttemptOutcome, BasicAuthorization, CaCertificates, ClientCertificate, DeliveryState,
    GetSubscriptionRequest, OauthClient, ReceiverCredentials, Subscription,
    UpdateSubscriptionRequest,
};
use postrider_tests::api::violated_fields;
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::{self, Body};
use postrider_tests::receiver::{Options, Receiver};
use prost_types::FieldMask;

use crate::stage::{SOON_LIMIT, Stage, delays};

fn with(authorization: Authorization) -> ReceiverCredentials {
    ReceiverCredentials { authorization: Some(authorization), ..ReceiverCredentials::default() }
}

/// The credentials of who gets its tokens at the receiver itself, at `/token`.
pub(super) fn of_token_server(receiver: &Receiver) -> ReceiverCredentials {
    with(Authorization::Oauth(OauthClient {
        token_url: receiver.url("/token"),
        client_id: "acme".to_owned(),
        client_secret: "hush-hush".to_owned(),
        ..OauthClient::default()
    }))
}

/// One that demands a certificate gets it; what is shown of it can be written back, and it
/// is gone once it is taken away.
pub async fn a_certificate_is_shown_to_who_demands_it(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "certified").await;
    let options = Options { demands_certificate: true, ..Options::default() };
    stage.receiver = Receiver::with(cluster.pki(), options).await.unwrap();
    let identity = cluster.pki().caller("acme").unwrap();
    let credentials = ReceiverCredentials {
        client_certificate: Some(ClientCertificate {
            certificate_chain: identity.certificate_pem.clone(),
            private_key: identity.key_pem.clone(),
            certificate: None,
        }),
        ca_certificates: Some(CaCertificates {
            pem: cluster.pki().ca_pem().to_owned(),
            certificates: Vec::new(),
        }),
        authorization: None,
    };
    let wanted = Subscription {
        credentials: Some(credentials),
        retry_policy: Some(delays(&[1])),
        ..stage.wanted("/hook")
    };
    let made = stage.create(wanted).await;
    let event = stage.publish().await;
    stage.wait_for(&event, DeliveryState::Succeeded).await;

    let read = GetSubscriptionRequest { name: made.name.clone() };
    let read = stage.api.subscriptions.get_subscription(read).await.unwrap().into_inner();
    let shown = read.credentials.clone().unwrap();
    let own = shown.client_certificate.unwrap();
    assert!(own.private_key.is_empty() && own.certificate_chain.is_empty());
    assert!(own.certificate.unwrap().subject.contains("acme"));
    assert_eq!(shown.ca_certificates.unwrap().certificates.len(), 1);
    let etag = read.etag.clone();
    let back = UpdateSubscriptionRequest { subscription: Some(read.clone()), update_mask: None };
    let same = stage.api.subscriptions.update_subscription(back).await.unwrap().into_inner();
    assert_eq!((same.etag, &same.credentials), (etag, &read.credentials), "nothing has changed");

    let removed = UpdateSubscriptionRequest {
        subscription: Some(Subscription { credentials: None, ..read }),
        update_mask: Some(FieldMask { paths: vec!["credentials".to_owned()] }),
    };
    let after = stage.api.subscriptions.update_subscription(removed).await.unwrap().into_inner();
    assert_eq!(after.credentials, None);
    let event = stage.publish().await;
    stage.wait_for(&event, DeliveryState::Exhausted).await;
    assert_eq!(stage.receiver.received_at("/hook"), 1);
}

/// A password, and then a token, which does not come along to another host by itself.
pub async fn a_password_or_a_token_goes_along(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "authorized").await;
    let answer = "{\"access_token\":\"token-1\",\"token_type\":\"Bearer\",\"expires_in\":3600}";
    let token = behaviour::Answer::ok().body(Body::Whole(Bytes::from_static(answer.as_bytes())));
    stage.receiver.script("/token", [token.into()]);
    let basic = Authorization::Basic(BasicAuthorization {
        username: "acme".to_owned(),
        password: "hush-hush".to_owned(),
        ..BasicAuthorization::default()
    });
    let wanted = Subscription { credentials: Some(with(basic)), ..stage.wanted("/hook") };
    let made = stage.create(wanted).await;
    stage.publish().await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    assert_eq!(requests[0].header("authorization"), "Basic YWNtZTpodXNoLWh1c2g=");

    let given = Subscription {
        name: made.name.clone(),
        credentials: Some(of_token_server(&stage.receiver)),
        ..Subscription::default()
    };
    let update = UpdateSubscriptionRequest { subscription: Some(given), update_mask: None };
    let after = stage.api.subscriptions.update_subscription(update).await.unwrap().into_inner();
    for count in 2..=3 {
        stage.publish().await;
        let requests = stage.receiver.wait_for_at("/hook", count, SOON_LIMIT).await.unwrap();
        assert_eq!(requests[count - 1].header("authorization"), "Bearer token-1");
    }
    assert_eq!(stage.receiver.received_at("/token"), 1, "it is kept");

    let elsewhere = "https://elsewhere.example/hook".to_owned();
    let moved = Subscription { url: elsewhere, etag: String::new(), ..after };
    let update = UpdateSubscriptionRequest { subscription: Some(moved), update_mask: None };
    let refused = stage.api.subscriptions.update_subscription(update).await.unwrap_err();
    assert_eq!(violated_fields(&refused), ["subscription.credentials.oauth.client_secret"]);
}

/// Without a token nothing is sent, and the history says why.
pub async fn without_a_token_nothing_is_sent(cluster: &Cluster) {
    let stage = Stage::set(cluster, "tokenless").await;
    stage.receiver.script("/token", [behaviour::status(StatusCode::UNAUTHORIZED)]);
    let wanted = Subscription {
        credentials: Some(of_token_server(&stage.receiver)),
        retry_policy: Some(delays(&[1])),
        ..stage.wanted("/hook")
    };
    stage.create(wanted).await;
    let event = stage.publish().await;
    let delivery = stage.wait_for(&event, DeliveryState::Exhausted).await;
    let mut api = stage.api.clone();
    for attempt in api.attempts(&delivery.name).await.unwrap() {
        assert_eq!(attempt.outcome(), AttemptOutcome::TokenFailed);
        assert!(attempt.error.contains("401"), "{}", attempt.error);
    }
    assert_eq!(stage.receiver.received_at("/hook"), 0);
}
