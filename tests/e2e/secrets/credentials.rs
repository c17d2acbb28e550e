//! Credentials for receivers, given, used and echoed.
//!
//! Fed by a cluster; feeds `dump` with subscriptions that have them. Guarantees that every
//! kind of secret in them is one that is looked for, the access token too, which Postrider
//! is never given by a caller.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use postrider_proto::v1::receiver_credentials::Authorization;
use postrider_proto::v1::{
    AssertionKey, BasicAuthorization, ClientCertificate, OauthClient, OauthClientAuthentication,
    ReceiverCredentials, Subscription,
};
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::{Answer, Body};
use postrider_tests::receiver::{Options, Receiver};
use rcgen::KeyPair;

use super::used::Used;
use crate::stage::{Stage, delays};

const CERTIFICATE_SEED: &str = "SECRETcertificate-key-0123456789";
const ASSERTION_SEED: &str = "SECRETassertion-key-0123456789ab";
/// Before the 32 bytes of a key in PKCS #8 (RFC 8410, section 7).
const ED25519_PREFIX: [u8; 16] = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];

/// A key whose bytes can be looked for.
fn ed25519_pem(used: &mut Used, seed: &str) -> String {
    let der = [&ED25519_PREFIX[..], used.secret(seed).as_bytes()].concat();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

fn answer(status: StatusCode, body: String) -> Answer {
    Answer::status(status).body(Body::Whole(Bytes::from(body)))
}

fn authorized(wanted: Subscription, authorization: Authorization) -> Subscription {
    let authorization = Some(authorization);
    let credentials = Some(ReceiverCredentials { authorization, ..Default::default() });
    Subscription { credentials, retry_policy: Some(delays(&[1])), ..wanted }
}

fn client(token_url: String, client_secret: String) -> OauthClient {
    let client_id = "acme".to_owned();
    OauthClient { token_url, client_id, client_secret, ..OauthClient::default() }
}

/// Subscriptions with every kind of credentials.
pub async fn subscribe_with_credentials(
    cluster: &Cluster,
    stage: &Stage,
    used: &mut Used,
) -> Vec<Subscription> {
    let mut made = Vec::new();
    let basic = Authorization::Basic(BasicAuthorization {
        username: "acme".to_owned(),
        password: used.secret("SECRETbasic-password"),
        ..BasicAuthorization::default()
    });
    made.push(stage.create(authorized(stage.wanted("/basic"), basic)).await);
    made.push(with_a_certificate(cluster, stage, used).await);
    made.extend(with_tokens(stage, used).await);
    for subscription in without_tokens(stage, used).await {
        used.failing.push(subscription.name.clone());
        made.push(subscription);
    }
    made
}

/// At a receiver of its own, which demands it.
async fn with_a_certificate(cluster: &Cluster, stage: &Stage, used: &mut Used) -> Subscription {
    let options = Options { demands_certificate: true, ..Options::default() };
    let receiver = Receiver::with(cluster.pki(), options).await.unwrap();
    let private_key = ed25519_pem(used, CERTIFICATE_SEED);
    let key = KeyPair::from_pem(&private_key).unwrap();
    let certificate_chain = cluster.pki().certify("acme", &key).unwrap();
    let client_certificate =
        Some(ClientCertificate { certificate_chain, private_key, certificate: None });
    let credentials = ReceiverCredentials { client_certificate, ..Default::default() };
    let wanted = Subscription {
        url: receiver.url("/certified"),
        credentials: Some(credentials),
        ..stage.wanted("")
    };
    used.receivers.push(receiver);
    stage.create(wanted).await
}

/// Whose receiver echoes what it was sent.
async fn with_tokens(stage: &Stage, used: &mut Used) -> Vec<Subscription> {
    let token = used.secret("SECRETaccess-token-0123456789");
    let given = format!("{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\"}}");
    stage.receiver.script("/token", [answer(StatusCode::OK, given).into()]);
    let echo = format!("{{\"authorization\":\"Bearer {token}\"}}");
    let echoes = answer(StatusCode::OK, echo).header("x-echo", format!("Bearer {token}"));
    stage.receiver.script("/echoes", [echoes.into()]);
    let token_url = || stage.receiver.url("/token");
    let by_secret = client(token_url(), used.secret("SECRETclient-secret"));
    let assertion_key =
        AssertionKey { private_key: ed25519_pem(used, ASSERTION_SEED), ..Default::default() };
    let by_key = OauthClient {
        client_authentication: OauthClientAuthentication::PrivateKeyJwt.into(),
        assertion_key: Some(assertion_key),
        ..client(token_url(), String::new())
    };
    let mut made = Vec::new();
    for client in [by_secret, by_key] {
        let wanted = authorized(stage.wanted("/echoes"), Authorization::Oauth(client));
        made.push(stage.create(wanted).await);
    }
    made
}

/// One whose token server nobody runs, and one whose token server echoes the proof.
async fn without_tokens(stage: &Stage, used: &mut Used) -> Vec<Subscription> {
    let secret = used.secret("SECRETclient-echoed");
    let both = STANDARD.encode(format!("acme:{secret}"));
    let words = format!("not Basic {both}, which is {secret}");
    let refusal = format!("{{\"error\":\"invalid_client\",\"error_description\":\"{words}\"}}");
    stage.receiver.script("/refuses", [answer(StatusCode::UNAUTHORIZED, refusal).into()]);
    let nobody = "https://127.0.0.1:1/token".to_owned();
    let unserved = client(nobody, used.secret("SECRETclient-unserved"));
    let refused = client(stage.receiver.url("/refuses"), secret);
    let mut made = Vec::new();
    for client in [unserved, refused] {
        let wanted = authorized(stage.wanted("/tokenless"), Authorization::Oauth(client));
        made.push(stage.create(wanted).await);
    }
    made
}
