//! What is fixed about the requests of one version of a subscription's settings.
//!
//! Made once when the settings arrive, so that a mistake in them is found then, and an
//! attempt has nothing to parse.

use std::time::Instant;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use postrider_proto::agent::v1::subscription_update::Authorization;
use postrider_proto::agent::v1::{self as wire, Envelope};
use thiserror::Error;

use crate::authorization::{AuthorizationError, basic_value};
use crate::custom_headers::{CustomHeaderError, parse_custom_headers};
use crate::echo_mask::EchoMask;
use crate::header_spellings::HeaderSpellings;
use crate::signing::{SignerSet, SigningError};
use crate::target::{TargetError, WebhookTarget};

/// Settings that a request can be built from.
#[derive(Debug)]
pub struct RequestTemplate {
    /// Where to POST.
    pub target: WebhookTarget,
    /// How to sign.
    pub signers: SignerSet,
    /// What is around the payload.
    pub envelope: Envelope,
    /// Whether whitespace that means nothing is taken out of JSON.
    pub compact_json: bool,
    /// Of every request.
    pub headers: HeaderMap,
    /// How customers spell the names of those, and of signatures.
    pub spellings: HeaderSpellings,
    /// What answers are not to show.
    pub echoes: EchoMask,
    /// Whether HTTP/2 is not to be spoken.
    pub http1_only: bool,
    /// Whether requests carry the event's trace.
    pub sends_trace_context: bool,
    /// Whether requests carry an access token beside all this; without one none is sent.
    pub needs_token: bool,
}

/// Why no request can be built from settings.
#[derive(Debug, Error)]
pub enum TemplateError {
    #[error(transparent)]
    WebhookTarget(#[from] TargetError),
    #[error(transparent)]
    Signing(#[from] SigningError),
    #[error(transparent)]
    Header(#[from] CustomHeaderError),
    #[error(transparent)]
    Authorization(#[from] AuthorizationError),
    /// The control plane is newer than the agent.
    #[error("this agent does not support the envelope; it may be older than the control plane")]
    Envelope,
}

impl RequestTemplate {
    /// Takes the settings of an update that arrived at `now`.
    pub fn from_wire(
        update: &wire::SubscriptionUpdate,
        now: Instant,
    ) -> Result<Self, TemplateError> {
        let target = WebhookTarget::parse(&update.url, update.allow_insecure_url)?;
        let signers = SignerSet::from_wire(update, now)?;
        let mut headers = parse_custom_headers(&update.headers, &signers)?;
        let needs_token = match &update.authorization {
            Some(Authorization::Basic(basic)) => {
                headers.insert(AUTHORIZATION, basic_value(&basic.username, &basic.password)?);
                false
            }
            Some(Authorization::Oauth(_)) => true,
            None => false,
        };
        let envelope = Envelope::try_from(update.envelope).map_err(|_| TemplateError::Envelope)?;
        Ok(Self {
            target,
            signers,
            envelope,
            compact_json: update.compact_json,
            headers,
            spellings: HeaderSpellings::from_wire(update),
            echoes: EchoMask::from_wire(update),
            http1_only: update.http1_only,
            sends_trace_context: update.send_trace_context,
            needs_token,
        })
    }
}
