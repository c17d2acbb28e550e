//! The cryptographic provider of TLS: ring, in both programs and everywhere in them.
//!
//! Fed by nothing; feeds every configuration of rustls. Guarantees that there is one line
//! to change for another provider (`rustls::crypto::aws_lc_rs::default_provider()`, with
//! the feature `aws_lc_rs` instead of `ring` in the workspace's `Cargo.toml`).

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

/// The provider.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
