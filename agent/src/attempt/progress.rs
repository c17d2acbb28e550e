//! What is known of an attempt while it is made.
//!
//! Fed by the attempt, step by step, and by the receiver's response; feeds the attempt's
//! result. Guarantees that what is reported of a response is bounded, whatever a receiver
//! sends, and shows none of the secrets that the request carried, except where they are
//! encoded in a way that `EchoMask` does not read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::response::Parts;
use http::{HeaderValue, Version};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use postrider_proto::agent::v1::{self as wire, Assignment, Fact};
use postrider_proto::attempt_limits::{MAX_RETRY_AFTER_BYTES, is_http_status, printable_error};
use postrider_webhook_request::EchoMask;

use crate::client::dial::DialProgress;
use crate::limits::ResponseLimits;
use crate::oauth::AccessToken;
use crate::response::reported_headers;
use crate::subscriptions::SubscriptionSettings;

/// What an attempt was about to do, for the words of a time-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AttemptPhase {
    #[default]
    Connecting,
    WaitingForToken,
    Waiting,
    Reading,
}

impl AttemptPhase {
    pub fn description(self) -> &'static str {
        match self {
            Self::Connecting => "before a connection was ready",
            Self::WaitingForToken => "before the token server gave an access token",
            Self::Waiting => "before a response came",
            Self::Reading => "before the response's body was complete",
        }
    }
}

/// What is known so far. It outlives the timed-out future, so that a timeout still reports
/// it.
#[derive(Debug, Default)]
pub struct AttemptProgress {
    pub phase: AttemptPhase,
    /// Of the settings that the request is made with.
    pub settings_version: u64,
    pub timings: wire::Timings,
    pub dialling: DialProgress,
    pub remote_address: String,
    pub version: Option<Version>,
    pub status: Option<StatusCode>,
    pub headers: Vec<wire::Header>,
    pub retry_after: bytes::Bytes,
    pub excerpt: bytes::BytesMut,
    /// What the last request was made with, whose secrets the answer may echo.
    pub sent_with: Option<Arc<SubscriptionSettings>>,
    /// The access token that the request carries, which the answer may echo too.
    pub token: Option<Arc<AccessToken>>,
    pub body_bytes: usize,
}

/// An attempt that came to no complete response.
pub struct AttemptFailure(pub Fact, pub String);

impl AttemptFailure {
    pub fn new(fact: Fact, error: impl ToString) -> Self {
        Self(fact, error.to_string())
    }
}

impl AttemptProgress {
    /// Reads the head, and the body up to the limit; masks secrets in the head.
    pub async fn read_response(
        &mut self,
        head: &Parts,
        mut body: Incoming,
        limits: &ResponseLimits,
    ) -> Result<(), AttemptFailure> {
        if !is_http_status(head.status.as_u16().into()) {
            let words = format!(
                "the response's status is {}, which HTTP does not have",
                head.status.as_u16()
            );
            return Err(AttemptFailure(Fact::ConnectionClosed, words));
        }
        self.status = Some(head.status);
        let retry_after = head.headers.get(RETRY_AFTER).map(HeaderValue::as_bytes);
        if let Some(value) = retry_after.filter(|value| value.len() <= MAX_RETRY_AFTER_BYTES) {
            self.retry_after = bytes::Bytes::copy_from_slice(value);
        }
        self.headers =
            reported_headers(&head.headers, limits.headers_bytes, |text| self.mask(text));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                let words =
                    format!("the response's body ended early: {}", describe_with_causes(&error));
                AttemptFailure(Fact::ConnectionClosed, words)
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let room = limits.excerpt_bytes.saturating_sub(self.excerpt.len());
            self.excerpt.extend_from_slice(data.get(..room).unwrap_or(&data));
            self.body_bytes += data.len();
            if self.body_bytes > limits.body_bytes {
                self.body_bytes = limits.body_bytes;
                return Err(AttemptFailure(
                    Fact::ResponseTooLarge,
                    format!("the response's body is larger than {} bytes", limits.body_bytes),
                ));
            }
        }
        Ok(())
    }

    /// What the request carried in clear: the settings' secrets, and the access token.
    fn echoes(&self) -> impl Iterator<Item = &EchoMask> {
        let template = self.sent_with.as_ref().and_then(|settings| settings.template.as_ref().ok());
        let of_settings = template.map(|template| &template.echoes);
        of_settings.into_iter().chain(self.token.as_ref().map(|token| &token.echoes))
    }

    fn mask(&self, text: &mut [u8]) {
        for echoes in self.echoes() {
            echoes.mask(text);
        }
    }

    /// An address that did not become a connection.
    pub fn record_dialled_address(&mut self, dialled: Option<(SocketAddr, Option<Duration>)>) {
        if let Some((address, tcp)) = dialled {
            self.remote_address = address.to_string();
            self.timings.connect = tcp.and_then(wire_duration);
        }
    }

    /// The attempt's result, once it has ended.
    pub fn into_result(
        mut self,
        assignment: Assignment,
        fact: Fact,
        mut error: String,
    ) -> wire::AttemptResult {
        // Here, since an attempt may have ended in the midst of a body, and before the error
        // is cut. It may tell what the receiver said, as when it ended the connection.
        let mut excerpt = std::mem::take(&mut self.excerpt);
        for echoes in self.echoes() {
            echoes.mask(&mut excerpt);
            error = echoes.mask_words(error);
        }
        wire::AttemptResult {
            key: assignment.key,
            tenant: assignment.tenant,
            fact: fact.into(),
            http_status: self.status.map_or(0, |status| status.as_u16().into()),
            age: None,
            timings: Some(self.timings),
            response_headers: self.headers,
            response_body_truncated: self.body_bytes > excerpt.len(),
            response_body: excerpt.freeze(),
            response_body_bytes: self.body_bytes as u64,
            error: printable_error(error),
            remote_address: self.remote_address,
            http_version: match self.version {
                Some(Version::HTTP_2) => "HTTP/2".to_owned(),
                Some(_) => "HTTP/1.1".to_owned(),
                None => String::new(),
            },
            retry_after: self.retry_after,
            subscription_version: self.settings_version,
            traceparent: String::new(),
        }
    }
}

/// A duration as the wire has it; one too long for it is left out.
pub fn wire_duration(duration: Duration) -> Option<prost_types::Duration> {
    duration.try_into().ok()
}

/// An error with its causes. Those of hyper and tonic name them only as sources.
pub fn describe_with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}
