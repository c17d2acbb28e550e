//! HTTP and JSON: one layer over the descriptors, and no handler of its own for any method.
//!
//! Fed by the callers' door and by the rules `google.api.http` of the protos; feeds the same
//! services that gRPC calls, through the same layers. Guarantees that a method is reached over
//! HTTP as soon as its proto says where, that the bytes of a payload are neither read nor
//! written anew, and that nothing is judged twice or skipped.
//!
//! - `layer`: which calls are gRPC's, and what comes of the others. `origins`, `hosts`: browsers.
//!   `request_heads`: what is no request. `media_types`: forms of bodies.
//! - `routes`: which path is whose; of `path_template`, `query_parameters`, `message_fields`.
//! - `http_call`: messages of a call, to and from JSON. `payload_members`: payloads in it.
//!   `json_entries`: how much may repeat in it. `idempotency_keys`: a key in a header.
//! - `request_body`, `answers`: bodies, to and from gRPC's frames. `transcoding`: where that
//!   is done. `error_answer`: errors.
//! - `open_api`: the description of it all.

mod answers;
mod error_answer;
mod hosts;
mod http_call;
mod idempotency_keys;
mod json_entries;
mod layer;
mod media_types;
mod message_fields;
pub mod open_api;
mod origins;
mod path_template;
mod payload_members;
mod query_parameters;
mod request_body;
mod request_heads;
mod routes;
mod transcoding;

pub use self::hosts::AllowedHosts;
pub use self::http_call::HttpCall;
pub use self::layer::{HttpApi, HttpJsonLayer};
pub use self::origins::AllowedOrigins;
pub use self::request_body::JsonRequestLayer;
pub use self::request_heads::RequestHeadLayer;
pub use self::routes::{FoundRoute, RouteTable};
