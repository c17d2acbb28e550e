//! An event: one thing that happened, with its payload kept byte for byte.
//!
//! Keeps the invariant `payload-bytes-kept`.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{EventId, TenantId};
use crate::time::Timestamp;

/// The content type of a payload that names none.
pub const DEFAULT_CONTENT_TYPE: &str = "application/json";

/// What a publisher gave of an event, checked. It goes as it is from the API to the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventContent {
    pub event_type: String,
    pub account: Option<String>,
    pub attributes: BTreeMap<String, String>,
    pub ordering_key: Option<String>,
    pub content_type: String,
    pub payload: Bytes,
    /// SHA-256 of the payload.
    pub payload_sha256: [u8; 32],
    /// W3C trace context of the publisher; empty if there was none.
    pub traceparent: String,
    pub tracestate: String,
    pub idempotency_key: Option<String>,
}

impl EventContent {
    /// An event of which no more is given than its type and its payload.
    pub fn new(event_type: String, content_type: String, payload: Bytes) -> Self {
        Self {
            event_type,
            account: None,
            attributes: BTreeMap::new(),
            ordering_key: None,
            content_type,
            payload_sha256: sha256(&payload),
            payload,
            traceparent: String::new(),
            tracestate: String::new(),
            idempotency_key: None,
        }
    }

    /// Whether the payload is JSON: what names such a content type is checked to be.
    pub fn is_json(&self) -> bool {
        is_json(&self.content_type)
    }

    /// Hash of everything that makes two publishes under one idempotency key the
    /// same request (invariant `one-key-one-event`). Each field is preceded by its length, so that no
    /// two different requests run together into the same bytes.
    pub fn request_hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        field(self.event_type.as_bytes());
        field(self.account.as_deref().unwrap_or_default().as_bytes());
        field(self.ordering_key.as_deref().unwrap_or_default().as_bytes());
        field(self.content_type.as_bytes());
        field(&self.payload_sha256);
        for (name, value) in &self.attributes {
            field(name.as_bytes());
            field(value.as_bytes());
        }
        hash.finalize().into()
    }
}

/// An event, as it is stored. Its id carries its creation time in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub tenant: TenantId,
    pub id: EventId,
    pub content: EventContent,
    /// How many subscriptions matched when it was published.
    pub matched: u32,
    /// Whether `TestSubscription` made it.
    pub test: bool,
    /// The payload is no longer stored, and empty here.
    pub payload_removal: Option<PayloadRemoval>,
}

/// Why a payload is no longer stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalReason {
    /// Somebody asked for it.
    Expunged,
    /// It was kept as long as its tenant keeps payloads.
    RetentionEnded,
}

impl RemovalReason {
    /// Part of the storage format: what serde writes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expunged => "expunged",
            Self::RetentionEnded => "retention_ended",
        }
    }
}

/// What is left of a payload that was removed, besides its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadRemoval {
    pub reason: RemovalReason,
    pub time: Timestamp,
    /// How many bytes it had.
    pub bytes: u64,
}

impl Event {
    pub fn create_time(&self) -> Timestamp {
        self.id.time()
    }
}

/// Whether a media type is JSON: application/json, text/json or any "+json", with or
/// without parameters.
pub fn is_json(content_type: &str) -> bool {
    // The most common value first.
    if content_type == DEFAULT_CONTENT_TYPE {
        return true;
    }
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || media == "text/json" || media.ends_with("+json")
}

/// SHA-256 of a payload.
pub fn sha256(payload: &[u8]) -> [u8; 32] {
    Sha256::digest(payload).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_written_as_it_is_named() {
        for reason in [RemovalReason::Expunged, RemovalReason::RetentionEnded] {
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(json, format!("\"{}\"", reason.name()));
        }
    }

    #[test]
    fn json_has_many_names() {
        for json in
            ["application/json", "Application/JSON ; charset=utf-8", "text/json", "a/b+json"]
        {
            assert!(is_json(json), "{json}");
        }
        for other in ["text/plain", "application/jsonx", ""] {
            assert!(!is_json(other), "{other}");
        }
    }
}
