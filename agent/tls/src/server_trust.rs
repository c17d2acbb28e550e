//! Which servers' certificates are accepted, apart from how their signatures are checked.
//!
//! Fed by rules of who dials; feeds its configurations of rustls. Guarantees that by every
//! rule a server has to prove with a signature that it has its certificate's key.

use std::fmt::Debug;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::provider::crypto_provider;

/// A rule by which servers' certificates are accepted.
pub trait ServerTrust: Debug + Send + Sync {
    /// Accepts a server's certificate, which came with `intermediates`; an error says why not.
    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error>;
}

/// Checks certificates by a rule, and signatures as always.
#[derive(Debug)]
pub struct TrustVerifier {
    trust: Arc<dyn ServerTrust>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl TrustVerifier {
    pub fn new(trust: Arc<dyn ServerTrust>) -> Arc<Self> {
        let algorithms = crypto_provider().signature_verification_algorithms;
        Arc::new(Self { trust, algorithms })
    }
}

impl ServerCertVerifier for TrustVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.trust.check(end_entity, intermediates, server_name, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
