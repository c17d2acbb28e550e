//! Rebuilds the request of a past attempt, as far as it follows from what is stored.
//!
//! The code that sends requests is the code that rebuilds them. No key is needed, and
//! none is used. Values that are secret, or that may have been different, are left out.

use std::time::{Instant, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderName, HeaderValue, Version};
use postrider_proto::agent::v1 as wire;
use thiserror::Error;

use crate::header_names::{TRACEPARENT, TRACESTATE, WEBHOOK_TIMESTAMP};
use crate::request::{self, RequestError, RequestParts, SigningTime};
use crate::template::{RequestTemplate, TemplateError};
use crate::trace_context::OutgoingTraceContext;

/// In place of every key, as long as an ed25519 seed.
const PLACEHOLDER_KEY: &[u8; 32] = b"no key is needed to show headers";

/// Why no request can be built.
#[derive(Debug, Error)]
pub enum RebuildError {
    #[error(transparent)]
    TemplateError(#[from] TemplateError),
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// A request as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub struct RebuiltRequest {
    pub url: String,
    /// In no order that means anything. Of a signature scheme there is one line,
    /// however many keys signed.
    pub headers: Vec<RebuiltHeader>,
    pub body: Bytes,
}

/// A header line.
#[derive(Debug, PartialEq, Eq)]
pub struct RebuiltHeader {
    /// As it was sent: over HTTP/1.1 as a customer spells it, where a customer chose it;
    /// otherwise in lower case.
    pub name: String,
    pub value: RebuiltHeaderValue,
}

/// What can be told of a header's value.
#[derive(Debug, PartialEq, Eq)]
pub enum RebuiltHeaderValue {
    /// As it was sent.
    Sent(String),
    /// A customer's own, or what a signature scheme wrote.
    Secret,
    /// It is of that attempt or of its agent, and is not kept.
    NotKept,
}

/// The request that an agent makes of an assignment, over HTTP/2 or HTTP/1.1.
pub fn rebuild_request(
    mut settings: wire::SubscriptionUpdate,
    assignment: &wire::Assignment,
    http2: bool,
) -> Result<RebuiltRequest, RebuildError> {
    for signer in &mut settings.signers {
        let secret = Bytes::from_static(PLACEHOLDER_KEY);
        signer.keys = vec![wire::SignerKey { secret, expires_in: None }];
    }
    let template = RequestTemplate::from_wire(&settings, Instant::now())?;
    let version = if http2 { Version::HTTP_2 } else { Version::HTTP_11 };
    let trace = OutgoingTraceContext::default();
    // No value that is told depends on it.
    let moment = SigningTime { wall: UNIX_EPOCH, monotonic: Instant::now() };
    let RequestParts { headers, body, .. } =
        request::build_parts(assignment, &template, &trace, version, moment)?;
    let headers = headers.iter().map(|(name, value)| RebuiltHeader {
        name: sent_name(name, &template, http2).to_owned(),
        value: disclose_value(name, value, &template),
    });
    let token = template.needs_token.then(|| RebuiltHeader {
        name: AUTHORIZATION.as_str().to_owned(),
        value: RebuiltHeaderValue::Secret,
    });
    let headers = headers.chain(token);
    Ok(RebuiltRequest {
        url: template.target.absolute.to_string(),
        headers: headers.collect(),
        body,
    })
}

fn sent_name<'a>(name: &'a HeaderName, template: &'a RequestTemplate, http2: bool) -> &'a str {
    if http2 { name.as_str() } else { template.spellings.spelling(name) }
}

fn disclose_value(
    name: &HeaderName,
    value: &HeaderValue,
    template: &RequestTemplate,
) -> RebuiltHeaderValue {
    if value.is_sensitive() || template.signers.writes_header(name) {
        return RebuiltHeaderValue::Secret;
    }
    // The attempt's own context, where its trace is recorded.
    if [WEBHOOK_TIMESTAMP, USER_AGENT, TRACEPARENT, TRACESTATE].contains(name) {
        return RebuiltHeaderValue::NotKept;
    }
    RebuiltHeaderValue::Sent(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::SystemTime;

    use http_body_util::BodyExt;
    use postrider_proto::agent::v1::signer::Scheme;

    use super::*;

    fn moment() -> SigningTime {
        SigningTime { wall: SystemTime::now(), monotonic: Instant::now() }
    }

    fn signer(scheme: Scheme, secret: &'static str) -> wire::Signer {
        // As the control plane has them a year later: the only one has expired.
        let expires_in = Some(prost_types::Duration { seconds: -1, nanos: 0 });
        let keys = vec![wire::SignerKey { secret: secret.into(), expires_in }];
        wire::Signer { keys, scheme: Some(scheme) }
    }

    fn settings() -> wire::SubscriptionUpdate {
        let hmac = wire::HmacSignature {
            header: "X-Signature".to_owned(),
            timestamp_header: "X-Time".to_owned(),
            ..Default::default()
        };
        let secret = wire::StaticSecret { header: "X-Secret".to_owned(), ..Default::default() };
        wire::SubscriptionUpdate {
            url: "https://pay.example:8443/hooks?a=1".to_owned(),
            signers: vec![
                signer(Scheme::StandardWebhooksV1(Default::default()), "mine"),
                signer(Scheme::StandardWebhooksV1a(Default::default()), "mine"),
                signer(Scheme::Hmac(hmac), "mine"),
                signer(Scheme::StaticSecret(secret), "mine"),
            ],
            headers: vec![wire::Header { name: "X-Team".to_owned(), value: "mine".into() }],
            envelope: wire::Envelope::CloudeventsBinary.into(),
            compact_json: true,
            send_trace_context: true,
            ..Default::default()
        }
    }

    fn assignment() -> wire::Assignment {
        wire::Assignment {
            tenant: "acme".to_owned(),
            webhook_id: "evt_1".to_owned(),
            event_id: Bytes::from_static(b"\x01\xa2\x11\x13\x30\xfb\x70\x01\x80\0\0\0\0\0\0\0"),
            event_type: "payment.completed".to_owned(),
            payload: Bytes::from_static(b"{\"a\" : 1.0}"),
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
            tracestate: "vendor=1".to_owned(),
            sequence: 7,
            test: true,
            ..Default::default()
        }
    }

    #[test]
    fn what_is_secret_or_not_known_is_named_and_not_told() {
        let rebuilt = rebuild_request(settings(), &assignment(), false).unwrap();
        assert!(!format!("{rebuilt:?}").contains("mine"));
        let headers = rebuilt.headers.iter().map(|line| (line.name.as_str(), &line.value));
        let headers: BTreeMap<_, _> = headers.collect();
        for (name, value) in [
            ("webhook-id", "evt_1"),
            ("webhook-event-type", "payment.completed"),
            ("webhook-sequence", "7"),
            ("webhook-test", "true"),
            ("content-type", "application/json"),
            ("content-length", "9"),
            ("ce-source", "/tenants/acme"),
            ("host", "pay.example:8443"),
        ] {
            assert_eq!(
                headers.get(name),
                Some(&&RebuiltHeaderValue::Sent(value.to_owned())),
                "{name}"
            );
        }
        for name in ["webhook-signature", "X-Signature", "X-Time", "X-Secret", "X-Team"] {
            assert_eq!(headers.get(name), Some(&&RebuiltHeaderValue::Secret), "{name}");
        }
        for name in ["webhook-timestamp", "user-agent", "traceparent", "tracestate"] {
            assert_eq!(headers.get(name), Some(&&RebuiltHeaderValue::NotKept), "{name}");
        }
        assert_eq!(rebuilt.url, "https://pay.example:8443/hooks?a=1");
    }

    #[test]
    fn names_are_told_as_they_were_sent() {
        for (http2, sent) in [(false, ["X-Signature", "X-Team"]), (true, ["x-signature", "x-team"])]
        {
            let rebuilt = rebuild_request(settings(), &assignment(), http2).unwrap();
            let names: Vec<_> = rebuilt.headers.iter().map(|line| line.name.as_str()).collect();
            assert!(sent.iter().all(|name| names.contains(name)), "{names:?}");
        }
    }

    /// Under every envelope, in both forms of JSON, over both versions of HTTP.
    #[tokio::test]
    async fn it_is_the_request_that_is_built() {
        for case in 0..24 {
            let (envelope, compact_json, http2) = (case / 4, case % 2 == 0, case % 4 < 2);
            let mut settings = wire::SubscriptionUpdate { envelope, compact_json, ..settings() };
            let rebuilt = rebuild_request(settings.clone(), &assignment(), http2).unwrap();
            for signer in &mut settings.signers {
                signer.keys =
                    vec![wire::SignerKey { secret: vec![b'k'; 32].into(), expires_in: None }];
            }
            let template = RequestTemplate::from_wire(&settings, Instant::now()).unwrap();
            let version = if http2 { Version::HTTP_2 } else { Version::HTTP_11 };
            let trace = OutgoingTraceContext::default();
            let built = request::build_request(&assignment(), &template, &trace, version, moment())
                .unwrap();
            let sent = |name| sent_name(name, &template, http2);
            let mut names: Vec<_> = built.headers().keys().map(sent).collect();
            let mut rebuilt_names: Vec<_> =
                rebuilt.headers.iter().map(|line| line.name.as_str()).collect();
            names.sort_unstable();
            rebuilt_names.sort_unstable();
            assert_eq!(rebuilt_names, names, "{settings:?}");
            for line in &rebuilt.headers {
                if let RebuiltHeaderValue::Sent(value) = &line.value {
                    assert_eq!(built.headers()[&line.name], value.as_str());
                }
            }
            assert_eq!(built.into_body().collect().await.unwrap().to_bytes(), rebuilt.body);
        }
    }

    #[test]
    fn an_authorization_is_named_and_not_told() {
        let basic =
            wire::BasicAuthorization { username: "acme".to_owned(), password: "mine".to_owned() };
        for authorization in [
            wire::subscription_update::Authorization::Basic(basic),
            wire::subscription_update::Authorization::Oauth(wire::OauthClient::default()),
        ] {
            let settings =
                wire::SubscriptionUpdate { authorization: Some(authorization), ..settings() };
            let rebuilt = rebuild_request(settings, &assignment(), true).unwrap();
            let all = rebuilt.headers.iter().filter(|line| line.name == "authorization");
            let values: Vec<_> = all.map(|line| &line.value).collect();
            assert_eq!(values, [&RebuiltHeaderValue::Secret]);
        }
    }

    #[test]
    fn what_cannot_be_built_says_why() {
        let plain = wire::Assignment { content_type: "text/plain".to_owned(), ..assignment() };
        let envelope = wire::Envelope::StandardWebhooks.into();
        let settings = wire::SubscriptionUpdate { envelope, ..settings() };
        assert!(rebuild_request(settings, &plain, false).is_err());
        assert!(
            rebuild_request(wire::SubscriptionUpdate::default(), &assignment(), false).is_err()
        );
    }
}
