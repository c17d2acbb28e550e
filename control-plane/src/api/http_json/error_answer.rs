//! Errors as JSON (AIP-193).
//!
//! Fed by the statuses of calls; feeds callers over HTTP with the same code, message, reason
//! and details. Guarantees that every error has the form of every other: `{"error": {"code":
//! 404, "status": "NOT_FOUND", "message": …, "details": […]}}`, and that no HTTP status asks
//! for a repetition that fails again.

use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use postrider_proto::status_code::code_name;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::api::rpc::errors::{self, ErrorReason};

/// What a client closed before it was answered (nginx's, and `google.rpc.Code`'s).
const CLIENT_CLOSED_REQUEST: u16 = 499;
/// The message in which an error's details come.
const STATUS_MESSAGE: &str = "google.rpc.Status";

/// An error over HTTP.
#[derive(Clone, Debug)]
pub struct ErrorAnswer {
    http_status: StatusCode,
    code: Code,
    status: Status,
    /// What would have been taken.
    taken: Vec<(HeaderName, HeaderValue)>,
}

impl From<Status> for ErrorAnswer {
    fn from(status: Status) -> Self {
        let code = status.code();
        let http_status = match is_too_large(&status) {
            // Whoever is told 429 sends it again.
            true => StatusCode::PAYLOAD_TOO_LARGE,
            false => http_status(code),
        };
        Self { http_status, code, status, taken: Vec::new() }
    }
}

fn is_too_large(status: &Status) -> bool {
    let info = || status.get_details_error_info();
    status.code() == Code::ResourceExhausted
        && info().is_some_and(|info| info.reason == ErrorReason::MessageTooLarge.name())
}

/// The mapping of `google.rpc.Code`.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Cancelled => {
            StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST)
        }
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
    }
}

impl ErrorAnswer {
    /// There is no such path.
    pub fn no_path() -> Self {
        let status = errors::status(ErrorReason::MethodNotFound, "there is no such path");
        let (http_status, code) = (StatusCode::NOT_FOUND, Code::NotFound);
        Self { http_status, code, status, taken: Vec::new() }
    }

    /// The path has other methods only. What can be read with GET can be asked for by HEAD.
    pub fn no_method(methods: &[Method]) -> Self {
        let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        if methods.contains(&Method::GET) {
            names.push("HEAD");
        }
        names.sort_unstable();
        let names = names.join(", ");
        let message = format!("the path has only {names}");
        let status = errors::status(ErrorReason::MethodNotFound, message);
        let (http_status, code) = (StatusCode::METHOD_NOT_ALLOWED, status.code());
        let allowed = HeaderValue::from_str(&names).ok().map(|names| (ALLOW, names));
        Self { http_status, code, status, taken: allowed.into_iter().collect() }
    }

    /// The body is in a form that is not taken; `taken` are those that are.
    pub fn other_media_type(message: &str, taken: &'static str) -> Self {
        let status = errors::status(ErrorReason::MalformedRequest, message);
        let http_status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let taken = [(ACCEPT, taken), (ACCEPT_ENCODING, "identity")];
        let taken = taken.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Self { http_status, taken: taken.into(), ..Self::from(status) }
    }

    /// A page of an origin that is not allowed sent it.
    pub fn refused_origin() -> Self {
        let message = "pages of this origin may not call (server.http_allowed_origins)";
        errors::status(ErrorReason::OriginNotAllowed, message).into()
    }

    /// It names a host that is not one of the installation's.
    pub fn refused_host() -> Self {
        let message = "without credentials and TLS a request must name a host that the \
                       installation has (server.http_allowed_hosts)";
        errors::status(ErrorReason::HostNotAllowed, message).into()
    }

    /// It names no host, or several.
    pub fn no_host() -> Self {
        let message = "a request must have one Host header, with a host";
        errors::status(ErrorReason::MalformedRequest, message).into()
    }

    /// How its body is to be read is not known here (RFC 9112, section 6.1).
    pub fn other_transfer_coding() -> Self {
        let message = "a body is sent with content-length or transfer-encoding: chunked alone";
        let status = errors::status(ErrorReason::MalformedRequest, message);
        Self { http_status: StatusCode::NOT_IMPLEMENTED, ..Self::from(status) }
    }

    pub fn http_status(&self) -> StatusCode {
        self.http_status
    }

    /// The text of the answer, on one line.
    pub fn json(&self, pool: &DescriptorPool) -> String {
        let error = json!({
            "code": self.http_status.as_u16(),
            "status": code_name(self.code),
            "message": self.status.message(),
            "details": details(pool, &self.status),
        });
        json!({ "error": error }).to_string()
    }

    /// What the headers tell besides.
    pub fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = self.taken.clone();
        if self.status.code() == Code::Unauthenticated {
            headers.push((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        let retry = self.status.get_details_retry_info();
        if let Some(after) = retry.and_then(|retry| retry.retry_delay) {
            headers.push((RETRY_AFTER, HeaderValue::from(whole_seconds(after))));
        }
        headers
    }
}

/// Not sooner than was said.
fn whole_seconds(delay: Duration) -> u64 {
    delay.as_secs() + u64::from(delay.subsec_nanos() > 0)
}

/// The details, each with its type; none if they cannot be read.
fn details(pool: &DescriptorPool, status: &Status) -> Value {
    let read = || {
        let message = pool.get_message_by_name(STATUS_MESSAGE)?;
        let message = DynamicMessage::decode(message, status.details()).ok()?;
        serde_json::to_value(&message).ok()?.get_mut("details").map(Value::take)
    };
    read().unwrap_or_else(|| Value::Array(Vec::new()))
}

#[cfg(test)]
mod tests {
    use postrider_proto::FILE_DESCRIPTOR_SET;

    use super::*;

    fn told(status: Status) -> (ErrorAnswer, Value) {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
        let answer = ErrorAnswer::from(status);
        let text = answer.json(&pool);
        (answer, serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn an_error_has_its_reason_and_details() {
        let (answer, told) = told(errors::invalid("event.account", "is too long"));
        assert_eq!(answer.http_status, 400);
        let error = &told["error"];
        assert_eq!(error["code"], 400);
        assert_eq!(error["status"], "INVALID_ARGUMENT");
        assert_eq!(error["message"], "event.account: is too long");
        let details = error["details"].as_array().unwrap();
        let of_type = |name: &str| {
            let type_url = format!("type.googleapis.com/google.rpc.{name}");
            details.iter().find(|detail| detail["@type"] == type_url.as_str()).unwrap()
        };
        assert_eq!(of_type("ErrorInfo")["reason"], "INVALID_REQUEST");
        assert_eq!(of_type("ErrorInfo")["domain"], "postrider");
        assert_eq!(of_type("BadRequest")["fieldViolations"][0]["field"], "event.account");
        assert!(answer.headers().is_empty());
    }

    #[test]
    fn headers_say_when_to_try_again_and_how_to_say_who_calls() {
        let delay = Duration::from_millis(1_001);
        let (answer, _) = told(errors::retry(ErrorReason::Overloaded, "too much", delay));
        assert_eq!(answer.http_status, 429);
        assert_eq!(answer.headers(), [(RETRY_AFTER, HeaderValue::from_static("2"))]);
        let (answer, _) = told(errors::status(ErrorReason::Unauthenticated, "who?"));
        assert_eq!(answer.http_status, 401);
        assert_eq!(answer.headers(), [(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))]);
    }

    #[test]
    fn a_path_that_has_other_methods_names_them() {
        let answer = ErrorAnswer::no_method(&[Method::POST, Method::GET]);
        assert_eq!(answer.http_status, 405);
        assert_eq!(answer.headers(), [(ALLOW, HeaderValue::from_static("GET, HEAD, POST"))]);
        let answer = ErrorAnswer::no_method(&[Method::POST]);
        assert_eq!(answer.headers(), [(ALLOW, HeaderValue::from_static("POST"))]);
        assert_eq!(ErrorAnswer::no_path().http_status, 404);
        assert_eq!(ErrorAnswer::refused_origin().http_status, 403);
    }

    #[test]
    fn a_form_that_is_not_taken_is_answered_with_those_that_are() {
        let answer = ErrorAnswer::other_media_type("no", "application/json");
        assert_eq!(answer.http_status, 415);
        let taken = [(ACCEPT, "application/json"), (ACCEPT_ENCODING, "identity")];
        assert_eq!(
            answer.headers(),
            taken.map(|(name, value)| (name, HeaderValue::from_static(value)))
        );
    }

    #[test]
    fn what_is_too_large_is_not_asked_for_again() {
        let (large, told) = told(errors::limit_reached(ErrorReason::MessageTooLarge, "no", "max"));
        assert_eq!((large.http_status.as_u16(), &told["error"]["code"]), (413, &json!(413)));
        assert_eq!(told["error"]["status"], "RESOURCE_EXHAUSTED");
        let passes = errors::limit_passes(ErrorReason::TooMuchReceived, "later", "max");
        assert_eq!(ErrorAnswer::from(passes).http_status, 429);
    }

    #[test]
    fn an_error_without_details_has_none() {
        let (answer, told) = told(Status::cancelled("gone"));
        assert_eq!(answer.http_status, 499);
        assert_eq!(told["error"]["details"], json!([]));
    }
}
