//! The header `Idempotency-Key`, as whoever knows it from other APIs sends it.
//!
//! Fed by the headers of requests; feeds `layer` with the key, which `http_call` puts where the
//! method has it. Guarantees that a key is not passed over: a method that takes none, and of
//! which a repetition would do more than once what it does, refuses the request that has one.

use http::{HeaderMap, Method};
use prost_reflect::{FieldDescriptor, MessageDescriptor};
use tonic::Status;

use super::routes::HttpRoute;
use crate::api::rpc::errors;

const IDEMPOTENCY_KEY_HEADER: &str = "idempotency-key";
/// The field of a request that it stands for.
const KEY_FIELD: &str = "idempotency_key";

/// Where a request has the key, if it can have one.
pub(super) fn key_field(request: &MessageDescriptor) -> Option<FieldDescriptor> {
    request.get_field_by_name(KEY_FIELD)
}

/// The key that a request's headers give.
pub(super) fn given(headers: &HeaderMap, route: &HttpRoute) -> Result<Option<String>, Status> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY_HEADER).iter();
    // The other methods do the same however often they are called.
    let Some(value) = values.next().filter(|_| route.http_method == Method::POST) else {
        return Ok(None);
    };
    if route.streams_requests() || key_field(&route.rpc.input()).is_none() {
        let problem = "the header Idempotency-Key is for events:publish alone; events of a batch \
                       or a stream have their keys in the body";
        return Err(errors::invalid(KEY_FIELD, problem));
    }
    if values.next().is_some() {
        return Err(errors::invalid(KEY_FIELD, "the header Idempotency-Key is given twice"));
    }
    let key = value.to_str().ok().and_then(unquoted).filter(|key| !key.is_empty());
    match key {
        Some(key) => Ok(Some(key)),
        None => Err(errors::invalid(KEY_FIELD, "the header Idempotency-Key is no text")),
    }
}

/// The text of a header: as it is, or a string of RFC 9651, which the header's draft asks for
/// and few send.
fn unquoted(text: &str) -> Option<String> {
    let text = text.trim();
    let Some(inside) = text.strip_prefix('"') else { return Some(text.to_owned()) };
    let mut key = String::new();
    let mut letters = inside.chars();
    loop {
        match letters.next()? {
            '"' => return letters.next().is_none().then_some(key),
            '\\' => key.push(letters.next().filter(|escaped| ['"', '\\'].contains(escaped))?),
            letter => key.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use postrider_proto::FILE_DESCRIPTOR_SET;
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::api::http_json::routes::{FoundRoute, RouteTable};

    fn key(call: &str, keys: &[&'static str]) -> Result<Option<String>, Status> {
        let (method, path) = call.split_once(' ').unwrap();
        let table = RouteTable::read(FILE_DESCRIPTOR_SET).unwrap();
        let FoundRoute::Route(route, _) = table.find(&method.parse().unwrap(), path) else {
            panic!("{call}");
        };
        let mut headers = HeaderMap::new();
        for key in keys {
            headers.append(IDEMPOTENCY_KEY_HEADER, HeaderValue::from_static(key));
        }
        given(&headers, &route)
    }

    const PUBLISH: &str = "POST /v1/tenants/acme/events:publish";

    #[test]
    fn a_key_is_a_text_with_quotation_marks_or_without() {
        assert_eq!(key(PUBLISH, &[]).unwrap(), None);
        for (header, read) in [
            ("order-1", "order-1"),
            (" order 1 ", "order 1"),
            ("\"order-1\"", "order-1"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
        ] {
            assert_eq!(key(PUBLISH, &[header]).unwrap().as_deref(), Some(read), "{header}");
        }
        for wrong in ["", "\"\"", "\"order", r#""a\b""#, r#""a";b"#] {
            assert!(key(PUBLISH, &[wrong]).is_err(), "{wrong}");
        }
        assert!(key(PUBLISH, &["a", "a"]).is_err());
    }

    #[test]
    fn a_key_is_refused_where_it_would_do_nothing() {
        for call in [
            "POST /v1/tenants/acme/events:publishBatch",
            "POST /v1/tenants/acme/events:publishStream",
            "POST /v1/tenants/acme/events/evt_1:resend",
            "POST /v1/tokens",
        ] {
            let refused = key(call, &["order-1"]).unwrap_err();
            let violations = refused.get_details_bad_request().unwrap().field_violations;
            assert_eq!(violations[0].field, "idempotency_key", "{call}");
        }
        for call in ["GET /v1/tenants/acme", "PATCH /v1/tenants/acme", "DELETE /v1/tenants/acme"] {
            assert_eq!(key(call, &["order-1"]).unwrap(), None, "{call}");
        }
    }
}
