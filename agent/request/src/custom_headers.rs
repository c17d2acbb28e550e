//! The headers that a subscription adds to its requests.
//!
//! Nothing a customer chooses can change how a request is framed, where it goes, or
//! what Postrider says in it.

use http::{HeaderMap, HeaderName, HeaderValue};
use postrider_proto::agent::v1 as wire;
use thiserror::Error;

use crate::header_names::is_reserved;
use crate::signing::SignerSet;

/// The control plane permits far fewer; more would not fit into a request.
const MAX_CUSTOM_HEADERS: usize = 64;

/// Why a header cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CustomHeaderError {
    #[error("more than {MAX_CUSTOM_HEADERS} custom headers")]
    TooMany,
    /// Not a token.
    #[error("{0:?} is not a valid header name")]
    Name(String),
    /// It would change what the request is, or what proves it.
    #[error("the header {0} cannot be set by a subscription")]
    Reserved(HeaderName),
    /// With a line break, for instance. What it is may be secret.
    #[error("the value of the header {0} is not a valid header value")]
    Value(HeaderName),
}

/// The headers that a subscription adds. Their values may be credentials, and so
/// are never printed, nor kept in the tables of an HTTP/2 connection.
pub fn parse_custom_headers(
    headers: &[wire::Header],
    signers: &SignerSet,
) -> Result<HeaderMap, CustomHeaderError> {
    if headers.len() > MAX_CUSTOM_HEADERS {
        return Err(CustomHeaderError::TooMany);
    }
    let mut custom = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| CustomHeaderError::Name(header.name.clone()))?;
        let ours = is_reserved(&name) || name.as_str().starts_with("webhook-");
        if ours || signers.writes_header(&name) {
            return Err(CustomHeaderError::Reserved(name));
        }
        let mut value = HeaderValue::from_maybe_shared(header.value.clone())
            .map_err(|_| CustomHeaderError::Value(name.clone()))?;
        value.set_sensitive(true);
        custom.append(name, value);
    }
    Ok(custom)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn signers() -> SignerSet {
        let update = wire::SubscriptionUpdate {
            signers: vec![wire::Signer {
                keys: vec![wire::SignerKey { secret: "key".into(), expires_in: None }],
                scheme: Some(wire::signer::Scheme::Hmac(wire::HmacSignature {
                    header: "X-Signature".to_owned(),
                    timestamp_header: "X-Time".to_owned(),
                    ..Default::default()
                })),
            }],
            ..Default::default()
        };
        SignerSet::from_wire(&update, Instant::now()).unwrap()
    }

    fn one(name: &str, value: &'static [u8]) -> Result<HeaderMap, CustomHeaderError> {
        let value = bytes::Bytes::from_static(value);
        parse_custom_headers(&[wire::Header { name: name.to_owned(), value }], &signers())
    }

    #[test]
    fn a_header_of_one_s_own_is_taken_as_it_is() {
        let headers = one("X-Api-Key", b"a b=c").unwrap();
        assert_eq!(headers["x-api-key"], "a b=c");
        assert!(!format!("{headers:?}").contains("a b=c"));
    }

    #[test]
    fn what_frames_proves_or_names_a_request_is_refused() {
        for name in [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "connection",
            "te",
            "content-type",
            "user-agent",
            "traceparent",
            "webhook-id",
            "webhook-event-type",
            "webhook-test",
            "webhook-anything",
            "ce-id",
            "x-signature",
            "X-TIME",
        ] {
            let refused = HeaderName::from_bytes(name.as_bytes()).unwrap();
            assert_eq!(one(name, b"1"), Err(CustomHeaderError::Reserved(refused)));
        }
    }

    #[test]
    fn there_is_an_end_to_them() {
        let header = wire::Header { name: "x-one".to_owned(), value: "1".into() };
        let most = vec![header.clone(); MAX_CUSTOM_HEADERS];
        assert_eq!(parse_custom_headers(&most, &signers()).unwrap().len(), MAX_CUSTOM_HEADERS);
        let more = vec![header; MAX_CUSTOM_HEADERS + 1];
        assert_eq!(parse_custom_headers(&more, &signers()), Err(CustomHeaderError::TooMany));
    }

    #[test]
    fn nothing_is_smuggled() {
        for name in ["", "x y", "x:", "x\r\ny", "é"] {
            assert_eq!(one(name, b"1"), Err(CustomHeaderError::Name(name.to_owned())));
        }
        for value in [&b"1\r\nx-evil: 1"[..], b"1\n", b"\0"] {
            let named = HeaderName::from_static("x-one");
            assert_eq!(one("x-one", value), Err(CustomHeaderError::Value(named)));
        }
    }
}
