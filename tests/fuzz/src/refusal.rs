//! What every error of bad input has to be like.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// What grpc-java takes of headers by default, in bytes.
const MAX_HEADERS_BYTES: usize = 8 * 1024;
/// What HTTP/2 counts for each header beside its name and value (RFC 9113, section 6.5.2).
const HEADER_OVERHEAD_BYTES: usize = 32;

/// Fails unless a caller is told that the request is at fault, where and why, in an error
/// that clients take.
pub fn check_refusal(status: &Status) {
    let info = status.get_details_error_info().expect("every error has a reason");
    if info.reason == "TOO_MANY_SIGNING_KEYS" {
        return;
    }
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert_eq!(info.reason, "INVALID_REQUEST", "{status:?}");
    let violations = status.get_details_bad_request().expect("what is wrong").field_violations;
    assert!(!violations.is_empty(), "{status:?}");
    assert!(violations.iter().all(|violation| !violation.description.is_empty()), "{status:?}");
    let headers = status.clone().into_http::<()>().into_parts().0.headers;
    let size = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + HEADER_OVERHEAD_BYTES
    };
    let bytes: usize = headers.iter().map(size).sum();
    assert!(bytes < MAX_HEADERS_BYTES, "{bytes} bytes of headers: {status:?}");
}
