//! Which receivers' certificates are accepted.
//!
//! A certificate is accepted only for the name in the URL and only while it is valid:
//! because it chains to a root, or because it is, byte for byte, one that the operator
//! gave with `--extra-ca`, or a subscription in its credentials. What was given in files is
//! read again when they change (`connect`).

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use postrider_tls::{ServerTrust, crypto_provider};
use rustls::client::danger::ServerCertVerifier as _;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Version;

/// Accepts receivers' certificates by roots, and by certificates that were given.
#[derive(Debug)]
pub struct ReceiverTrust {
    /// `None` if nothing that was given may sign others.
    chains: Option<Arc<WebPkiServerVerifier>>,
    /// What was given. A receiver may show one of these as its own, since
    /// `openssl req -x509` marks every certificate it makes as an authority's, and
    /// an authority's certificate is not a server's by RFC 5280, section 4.2.1.9.
    extra: Vec<ExtraCertificate>,
}

/// A certificate that was given.
#[derive(Debug)]
struct ExtraCertificate {
    der: CertificateDer<'static>,
    /// Whether it may sign others. A receiver's own one that may not is not a root: its key
    /// would be an authority for every name.
    is_authority: bool,
    /// Seconds since 1970 between which it is valid, both included.
    valid: (i64, i64),
}

impl ExtraCertificate {
    fn parse(der: CertificateDer<'static>) -> anyhow::Result<Self> {
        let (_, parsed) = X509Certificate::from_der(&der).context("a certificate is damaged")?;
        let constraints = parsed.basic_constraints().context("a certificate is damaged")?;
        // Certificates of version 1 cannot say what they are for.
        let is_authority = constraints.map_or(parsed.version() == X509Version::V1, |c| c.value.ca);
        let valid =
            (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
        Ok(Self { der, is_authority, valid })
    }

    /// Accepts it as a receiver's own.
    fn verify(&self, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < self.valid.0 {
            return Err(CertificateError::NotValidYet.into());
        }
        if now > self.valid.1 {
            return Err(CertificateError::Expired.into());
        }
        verify_server_name(&ParsedCertificate::try_from(&self.der)?, name)
    }
}

impl ReceiverTrust {
    /// Trusts the platform's roots, the certificates in `extra_ca_pem`, and `extra_ca`.
    pub fn load(
        extra_ca_pem: &[Vec<u8>],
        extra_ca: &[CertificateDer<'static>],
    ) -> anyhow::Result<Arc<Self>> {
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        for error in &native.errors {
            tracing::warn!(%error, "a root certificate of the platform cannot be read");
        }
        roots.add_parsable_certificates(native.certs);
        let mut extra = Vec::new();
        for pem in extra_ca_pem {
            extra.extend(certificates(pem).context("--extra-ca")?);
        }
        for der in extra_ca {
            extra.push(ExtraCertificate::parse(der.clone()).context("--extra-ca")?);
        }
        for certificate in extra.iter().filter(|extra| extra.is_authority) {
            roots.add(certificate.der.clone()).context("--extra-ca")?;
        }
        anyhow::ensure!(
            !roots.is_empty(),
            "there are no root certificates to verify receivers with: install the platform's \
             (Debian's package is ca-certificates) or give --extra-ca"
        );
        Self::build(roots, extra)
    }

    /// Trusts these certificates alone.
    pub fn of_authorities(given: Vec<CertificateDer<'static>>) -> anyhow::Result<Arc<Self>> {
        let extra =
            given.into_iter().map(ExtraCertificate::parse).collect::<anyhow::Result<Vec<_>>>()?;
        let mut roots = RootCertStore::empty();
        for certificate in extra.iter().filter(|extra| extra.is_authority) {
            roots.add(certificate.der.clone()).context("a certificate cannot be used")?;
        }
        Self::build(roots, extra)
    }

    fn build(roots: RootCertStore, extra: Vec<ExtraCertificate>) -> anyhow::Result<Arc<Self>> {
        let verifier = |roots| {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crypto_provider())
                .build()
                .context("the root certificates cannot be used")
        };
        let chains = if roots.is_empty() { None } else { Some(verifier(roots)?) };
        Ok(Arc::new(Self { chains, extra }))
    }
}

/// The certificates of a PEM text, at least one.
fn certificates(pem: &[u8]) -> anyhow::Result<Vec<ExtraCertificate>> {
    let mut parsed = Vec::new();
    for der in CertificateDer::pem_slice_iter(pem) {
        parsed.push(ExtraCertificate::parse(der.context("not PEM")?)?);
    }
    anyhow::ensure!(!parsed.is_empty(), "no certificate in PEM");
    Ok(parsed)
}

/// Reads a file of certificates in PEM; one without a certificate, or with a damaged one,
/// is refused.
pub fn read_certificates(file: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = file.display();
    let pem = fs::read(file).with_context(|| format!("cannot read {shown}"))?;
    let parsed = certificates(&pem).with_context(|| shown.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in parsed {
        let added = roots.add(certificate.der);
        added.with_context(|| format!("{shown}: a certificate cannot be used"))?;
    }
    Ok(pem)
}

impl ServerTrust for ReceiverTrust {
    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        if let Some(own) = self.extra.iter().find(|extra| extra.der == *end_entity) {
            return own.verify(server_name, now);
        }
        let chains = self.chains.as_ref().ok_or(CertificateError::UnknownIssuer)?;
        chains.verify_server_cert(end_entity, intermediates, server_name, &[], now).map(drop)
    }
}

/// Accepts what one of two does.
#[derive(Debug)]
pub struct EitherTrust(pub Arc<ReceiverTrust>, pub Arc<ReceiverTrust>);

impl ServerTrust for EitherTrust {
    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let Self(first, second) = self;
        first
            .check(end_entity, intermediates, server_name, now)
            .or_else(|_| second.check(end_entity, intermediates, server_name, now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

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
    ) -> Result<(), Error> {
        let trust = ReceiverTrust::load(&[given.pem().into_bytes()], &[]).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        trust.check(shown.der(), &[], &name, now)
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

    /// Its key is one receiver's, and speaks for no other.
    #[test]
    fn what_a_receivers_own_certificate_signed_is_refused() {
        let names = |name: &str, is_ca| {
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.is_ca = is_ca;
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2030, 1, 1);
            params
        };
        for (is_ca, accepted) in [
            (IsCa::NoCa, false),
            (IsCa::ExplicitNoCa, false),
            (IsCa::Ca(BasicConstraints::Unconstrained), true),
        ] {
            let key = KeyPair::generate().unwrap();
            let params = names("receiver.internal", is_ca);
            let given = params.self_signed(&key).unwrap();
            verify(&given, &given, "receiver.internal", in_year(2025)).unwrap();
            let issuer = rcgen::Issuer::from_params(&params, &key);
            let signed = names("other.internal", IsCa::NoCa)
                .signed_by(&KeyPair::generate().unwrap(), &issuer)
                .unwrap();
            let verified = verify(&given, &signed, "other.internal", in_year(2025));
            assert_eq!(verified.is_ok(), accepted, "{verified:?}");
        }
    }

    #[test]
    fn a_subscriptions_own_authorities_are_the_only_ones() {
        let (given, other) = (self_signed("receiver.internal"), self_signed("other.internal"));
        let own = |certificate: &rcgen::Certificate| {
            let given = vec![certificate.der().clone()];
            ReceiverTrust::of_authorities(given).unwrap()
        };
        let accepts = |trust: &dyn ServerTrust, shown: &rcgen::Certificate, name| {
            let name = ServerName::try_from(name).unwrap();
            let now = in_year(2025);
            trust.check(shown.der(), &[], &name, now).is_ok()
        };
        assert!(accepts(&*own(&given), &given, "receiver.internal"));
        assert!(!accepts(&*own(&given), &other, "other.internal"));
        let either = EitherTrust(own(&given), own(&other));
        assert!(accepts(&either, &given, "receiver.internal"));
        assert!(accepts(&either, &other, "other.internal"));
        assert!(!accepts(&either, &self_signed("third.internal"), "third.internal"));
    }

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let second = self_signed("receiver.internal").pem() + damaged;
        for text in ["", "-----BEGIN NOTHING", "garbage", damaged, &second] {
            fs::write(&file, text).unwrap();
            let error = format!("{:#}", read_certificates(&file).unwrap_err());
            assert!(error.contains("ca.pem"), "{error}");
        }
        fs::write(&file, self_signed("receiver.internal").pem()).unwrap();
        read_certificates(&file).unwrap();
    }
}
