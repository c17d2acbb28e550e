//! Builds the signed POST of a webhook from an assignment and a subscription's settings,
//! and rebuilds that of a past attempt.
//!
//! Fed by the agent, which sends what [`build_request`] makes, and by the control plane,
//! which shows what [`rebuild_request`] makes; feeds them requests. Guarantees that both
//! come from the same code, one of them without keys, and that nothing here opens a
//! connection or reads the time of day.
//!
//! ```text
//! rebuilt ─▶ request ─▶ envelope ─▶ compact_json
//!               ├─────▶ user_agent
//!               └─────▶ template ─▶ target, echo_mask, authorization, header_spellings,
//!                                   custom_headers ─▶ signing ─▶ header_names
//! ```

mod authorization;
mod compact_json;
mod custom_headers;
mod echo_mask;
mod envelope;
mod header_names;
mod header_spellings;
mod rebuilt;
mod request;
mod signing;
mod target;
mod template;
mod trace_context;
mod user_agent;

pub use authorization::{AuthorizationError, basic_value, bearer_value};
pub use custom_headers::CustomHeaderError;
pub use echo_mask::EchoMask;
pub use envelope::EnvelopeError;
pub use header_spellings::HeaderSpellings;
pub use rebuilt::{
    RebuildError, RebuiltHeader, RebuiltHeaderValue, RebuiltRequest, rebuild_request,
};
pub use request::{
    RequestError, RequestParts, SigningTime, WebhookRequest, build_parts, build_request,
};
pub use signing::{SignerSet, SigningError};
pub use target::{Origin, TargetError, WebhookTarget};
pub use template::{RequestTemplate, TemplateError};
pub use trace_context::OutgoingTraceContext;
pub use user_agent::{UserAgent, UserAgentError};
