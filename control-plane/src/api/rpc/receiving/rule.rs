//! What the requests of a method may be.
//!
//! Fed by `api` for callers and by `serve` for the other doors; feeds `body`.

use std::sync::Arc;

use super::message_shapes::RequestShape;

/// What a method's requests may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveRule {
    pub max_message_bytes: usize,
    /// The setting that says so.
    pub size_setting: &'static str,
    /// Whether the request is a stream, which may be silent between its messages.
    pub streams: bool,
    /// What in the request may repeat; absent if nothing does.
    pub request: Option<RequestShape>,
}

/// The rule of each method, by its path.
pub type ReceiveRules = Arc<dyn Fn(&str) -> ReceiveRule + Send + Sync>;
