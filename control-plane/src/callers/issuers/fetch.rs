//! Fetches an issuer's keys over HTTP.
//!
//! Fed by `key_set` with the issuer's settings; feeds it the bytes of the keys.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};

use super::endpoint::IssuerEndpoint;
pub use super::endpoint::MAX_ANSWER_BYTES as MAX_KEY_SET_BYTES;
use crate::settings::IssuerSettings;

/// Where keys are fetched, and how.
pub struct KeyAddress {
    endpoint: IssuerEndpoint,
    /// Read at each fetch: Kubernetes renews it.
    bearer_token_file: Option<PathBuf>,
}

impl KeyAddress {
    /// Where they are, without what a URL may have of credentials.
    pub fn place(&self) -> String {
        self.endpoint.place()
    }

    pub fn new(settings: &IssuerSettings) -> anyhow::Result<Self> {
        let endpoint = IssuerEndpoint::new(&settings.jwks_url, &settings.ca_file);
        let endpoint = endpoint.context("jwks_url")?;
        let file = &settings.bearer_token_file;
        let bearer_token_file = (!file.is_empty()).then(|| file.into());
        Ok(Self { endpoint, bearer_token_file })
    }

    pub async fn fetch(&self) -> anyhow::Result<Bytes> {
        let accepted = HeaderValue::from_static("application/json, application/jwk-set+json");
        let mut headers = vec![(header::ACCEPT, accepted)];
        if let Some(path) = &self.bearer_token_file {
            let token = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))?;
            value.set_sensitive(true);
            headers.push((header::AUTHORIZATION, value));
        }
        let answer = self.endpoint.send(Method::GET, headers, Bytes::new()).await?;
        let status = answer.status();
        ensure!(status == StatusCode::OK, "{}: the answer is {status}", self.place());
        Ok(answer.into_body())
    }
}
