//! Entrances for fuzzing: what is made of credentials.
//!
//! Fed by `tests/fuzz` with headers, JWTs and key sets; feeds it what came of them.
//! Guarantees that the code is that of every call; only the store's tokens are left out.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use postrider_identity::CallerIdentity;

use super::issuers::{Issuers, key_set};
use crate::clock::Clock;
use crate::settings::AuthSettings;

/// The credential in a header's value, if there is one.
pub fn read_bearer(value: &[u8]) -> Option<String> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value).ok()?);
    super::bearer(&headers).ok()?.map(str::to_owned)
}

/// How many keys a set has that verify signatures; `None` if it is no key set.
pub fn count_keys(text: &[u8]) -> Option<usize> {
    key_set::parse(text).ok().map(|keys| keys.len())
}

/// Verifies JWTs.
pub struct JwtVerifier(Issuers);

impl JwtVerifier {
    /// Reads the key files that the settings name.
    pub fn new(settings: &AuthSettings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        Issuers::new(settings, clock).map(Self)
    }

    /// The caller whom a JWT names; an error says what is wrong with it.
    pub async fn verify(&self, text: &str) -> Result<Arc<CallerIdentity>, &'static str> {
        self.0.verify(text).await
    }
}
