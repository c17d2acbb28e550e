//! Which receivers' certificates are accepted.
//!
//! A certificate is accepted only for the name in the URL and only while it is valid:
//! because it chains to a root, or because it is, byte for byte, one that the operator
//! gave with `--extra-ca`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Checks receivers' certificates against the platform's roots and extra ones.
#[derive(Debug)]
pub struct ReceiverCertVerifier {
    chains: Arc<WebPkiServerVerifier>,
    /// What the operator gave. A receiver may show one of these as its own, since
    /// `openssl req -x509` marks every certificate it makes as an authority's, and
    /// an authority's certificate is no server's by RFC 5280, section 4.2.1.9.
    extra: Vec<CertificateDer<'static>>,
}

impl ReceiverCertVerifier {
    /// Trusts the platform's roots and the certificates in `extra_ca_pem`.
    pub fn load(
        extra_ca_pem: &[Vec<u8>],
        provider: Arc<CryptoProvider>,
    ) -> anyhow::Result<Arc<Self>> {
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        for error in &native.errors {
            tracing::warn!(%error, "a root certificate of the platform cannot be read");
        }
        roots.add_parsable_certificates(native.certs);
        let mut extra = Vec::new();
        for pem in extra_ca_pem {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.context("--extra-ca: a certificate is not PEM")?;
                roots
                    .add(certificate.clone())
                    .context("--extra-ca: a certificate cannot be used as a root")?;
                extra.push(certificate);
            }
        }
        anyhow::ensure!(
            !roots.is_empty(),
            "there are no root certificates to verify receivers with: install the platform's \
             (Debian's package is ca-certificates) or give --extra-ca"
        );
        let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .context("the root certificates cannot be used")?;
        Ok(Arc::new(Self { chains, extra }))
    }
}

/// Reads a file for `--extra-ca`; one without a certificate is refused.
pub fn read_extra_ca(file: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = file.display();
    let pem = fs::read(file).with_context(|| format!("--extra-ca: cannot read {shown}"))?;
    let first = CertificateDer::pem_slice_iter(&pem).next();
    anyhow::ensure!(matches!(first, Some(Ok(_))), "--extra-ca: {shown} has no certificate in PEM");
    Ok(pem)
}

impl ServerCertVerifier for ReceiverCertVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.chains.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            // An authority's certificate in a server's place: the one error of its kind
            // that rustls has no name for. Its times were in order, or the error were
            // theirs; its name has not been looked at yet.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.extra.iter().any(|given| given == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use rustls::crypto::ring::default_provider;

    use super::*;

    /// What `openssl req -x509 -addext subjectAltName=DNS:…` makes.
    fn self_signed(name: &str) -> rcgen::Certificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    fn in_year(year: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_556_952))
    }

    fn verify(
        given: &rcgen::Certificate,
        shown: &rcgen::Certificate,
        name: &str,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifier =
            ReceiverCertVerifier::load(&[given.pem().into_bytes()], Arc::new(default_provider()))
                .unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(shown.der(), &[], &name, &[], now)
    }

    #[test]
    fn a_self_signed_certificate_that_was_given_is_accepted_for_its_name() {
        let given = self_signed("receiver.internal");
        verify(&given, &given, "receiver.internal", in_year(2025)).unwrap();
        let elsewhere = verify(&given, &given, "other.internal", in_year(2025)).unwrap_err();
        assert!(format!("{elsewhere}").contains("not valid for name"), "{elsewhere}");
    }

    #[test]
    fn a_self_signed_certificate_is_accepted_only_in_its_time() {
        let given = self_signed("receiver.internal");
        for year in [2018, 2032] {
            let error = verify(&given, &given, "receiver.internal", in_year(year)).unwrap_err();
            assert!(matches!(error, Error::InvalidCertificate(_)), "{year}: {error}");
        }
    }

    #[test]
    fn another_self_signed_certificate_of_the_same_name_is_refused() {
        let (given, shown) = (self_signed("receiver.internal"), self_signed("receiver.internal"));
        verify(&given, &shown, "receiver.internal", in_year(2025)).unwrap_err();
    }

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        for text in ["", "-----BEGIN NOTHING", "garbage"] {
            fs::write(&file, text).unwrap();
            let error = format!("{:#}", read_extra_ca(&file).unwrap_err());
            assert!(error.starts_with("--extra-ca") && error.contains("ca.pem"), "{error}");
        }
        fs::write(&file, self_signed("receiver.internal").pem()).unwrap();
        read_extra_ca(&file).unwrap();
    }
}
