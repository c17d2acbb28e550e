//! A receiver's certificate, which a test can change while it runs.
//!
//! Fed by the test's authority; feeds every handshake. Guarantees that a change
//! shows in the next handshake: nothing is resumed, so no earlier certificate
//! speaks for a later one.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::Protocols;
use crate::pki::{Identity, LOCAL_NAMES, Pki, Signer, Wanted};

/// Which certificate the receiver shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certificate {
    /// The right one.
    Good,
    /// Of an authority that nobody trusts.
    OtherAuthority,
    /// Trusted, but for another name.
    OtherName,
    /// Trusted and well named, but of years ago.
    Expired,
}

#[derive(Debug)]
pub(super) struct Certificates {
    keys: HashMap<Certificate, Arc<CertifiedKey>>,
    /// Of clients, where certificates are demanded of them.
    authority: CertificateDer<'static>,
    shown: Mutex<Certificate>,
}

impl Certificates {
    pub(super) fn create(pki: &Pki) -> Result<Self> {
        let provider = ring::default_provider();
        let kinds = [
            Certificate::Good,
            Certificate::OtherAuthority,
            Certificate::OtherName,
            Certificate::Expired,
        ];
        let mut keys = HashMap::new();
        for kind in kinds {
            let names: &[&str] = match kind {
                Certificate::OtherName => &["elsewhere.example"],
                _ => LOCAL_NAMES,
            };
            let signer = match kind {
                Certificate::OtherAuthority => Signer::Stranger,
                _ => Signer::Trusted,
            };
            let identity = pki.issue(&Wanted {
                common_name: "receiver",
                names,
                uri: None,
                signer,
                expired: kind == Certificate::Expired,
            })?;
            keys.insert(kind, Arc::new(certified(&identity, &provider)?));
        }
        let authority = CertificateDer::from_pem_slice(pki.ca_pem().as_bytes())?;
        Ok(Self { keys, authority, shown: Mutex::new(Certificate::Good) })
    }

    pub(super) fn show(&self, certificate: Certificate) {
        *self.shown.lock() = certificate;
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = *self.shown.lock();
        self.keys.get(&shown).cloned()
    }
}

fn certified(identity: &Identity, provider: &CryptoProvider) -> Result<CertifiedKey> {
    let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes())?;
    CertifiedKey::from_der(vec![certificate], key, provider).context("a receiver's certificate")
}

pub(super) fn server_config(
    certificates: Arc<Certificates>,
    protocols: Protocols,
    demands_certificate: bool,
) -> Result<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = if demands_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(certificates.authority.clone())?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build()?)
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_cert_resolver(certificates);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = match protocols {
        Protocols::Http1 => vec![b"http/1.1".to_vec()],
        Protocols::Http2 => vec![b"h2".to_vec()],
        Protocols::Both => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Ok(config)
}
