//! The names of headers that Postrider writes, and which names nobody else may use.

use http::HeaderName;

pub const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
pub const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
pub const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
pub const WEBHOOK_SEQUENCE: HeaderName = HeaderName::from_static("webhook-sequence");
pub const WEBHOOK_EVENT_TYPE: HeaderName = HeaderName::from_static("webhook-event-type");
pub const WEBHOOK_TEST: HeaderName = HeaderName::from_static("webhook-test");
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Whether a name belongs to the transport or to Postrider, so that not even a
/// signature may be in it.
pub fn is_reserved(name: &HeaderName) -> bool {
    let transport = matches!(
        name.as_str(),
        "connection"
            | "content-length"
            | "expect"
            | "host"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    );
    let ours = matches!(
        name.as_str(),
        "content-type"
            | "traceparent"
            | "tracestate"
            | "user-agent"
            | "webhook-event-type"
            | "webhook-id"
            | "webhook-sequence"
            | "webhook-signature"
            | "webhook-test"
            | "webhook-timestamp"
    );
    transport || ours || name.as_str().starts_with("ce-")
}
