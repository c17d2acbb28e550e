//! Certificates and keys that somebody gave as PEM, checked and read.
//!
//! Fed by the control plane with what a caller gave, and by agents with the same as the
//! control plane passed it on; feeds them certificates in DER, ready to use. Guarantees that
//! a key fits its certificate and is of a kind that TLS can use here; trust is another's.
//! Errors are for whoever gave the PEM, and tell nothing of a key.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail, ensure};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::provider::crypto_provider;

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateDescription {
    pub subject: String,
    pub issuer: String,
    /// Since the Unix epoch; a certificate from before it begins with it.
    pub not_before: SystemTime,
    pub not_after: SystemTime,
}

impl CertificateDescription {
    /// Reads a certificate.
    pub fn parse(certificate: &CertificateDer<'_>) -> anyhow::Result<Self> {
        let (_, parsed) =
            X509Certificate::from_der(certificate).context("a certificate is damaged")?;
        let time = |seconds: i64| {
            SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
        };
        Ok(Self {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            not_before: time(parsed.validity().not_before.timestamp()),
            not_after: time(parsed.validity().not_after.timestamp()),
        })
    }
}

/// The certificates of a PEM text: at least one, and no more than so many.
pub fn read_certificate_list(
    pem: &str,
    most: usize,
) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut certificates = Vec::new();
    for der in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        ensure!(certificates.len() < most, "must hold at most {most} certificates");
        let der = der.map_err(|_| anyhow::anyhow!("is not PEM"))?;
        CertificateDescription::parse(&der)?;
        certificates.push(der);
    }
    ensure!(!certificates.is_empty(), "holds no certificate in PEM");
    Ok(certificates)
}

/// A chain with the key of its first certificate.
pub fn read_certified_key(
    chain: Vec<CertificateDer<'static>>,
    private_key: &[u8],
) -> anyhow::Result<Arc<CertifiedKey>> {
    let key = match PrivateKeyDer::from_pem_slice(private_key) {
        Ok(key) => key,
        Err(_) if contains(private_key, b"ENCRYPTED") => bail!("is encrypted: give it decrypted"),
        Err(_) => bail!("holds no private key in PEM: PKCS #8, PKCS #1 or SEC 1"),
    };
    let Ok(key) = crypto_provider().key_provider.load_private_key(key) else {
        bail!(
            "is not of a supported kind: RSA of 2,048 to 4,096 bits, or an elliptic curve key on \
             P-256, P-384 or Ed25519"
        );
    };
    let certified = CertifiedKey::new(chain, key);
    ensure!(is_key_of_first(&certified), "is not the key of the certificate");
    Ok(Arc::new(certified))
}

/// Compares the key with that in the first certificate. `CertifiedKey::keys_match` reads
/// certificates of version 3 alone. `openssl x509 -req` makes others, and whether those do is
/// for whoever they are shown to.
fn is_key_of_first(certified: &CertifiedKey) -> bool {
    let (Some(first), Some(public)) = (certified.cert.first(), certified.key.public_key()) else {
        return false;
    };
    let Ok((_, parsed)) = X509Certificate::from_der(first) else {
        return false;
    };
    *parsed.public_key().raw == *public
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn made() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["acme.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2031, 1, 1);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn key_error(chain: &str, key: &str) -> String {
        let chain = read_certificate_list(chain, 8).unwrap();
        read_certified_key(chain, key.as_bytes()).err().unwrap().to_string()
    }

    #[test]
    fn a_key_must_be_the_certificates() {
        let (chain, key) = made();
        let (_, other) = made();
        let certificates = read_certificate_list(&chain, 8).unwrap();
        read_certified_key(certificates, key.as_bytes()).unwrap();
        assert!(key_error(&chain, &other).contains("not the key of"));
        assert!(key_error(&chain, "").contains("no private key"));
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n";
        assert!(key_error(&chain, encrypted).contains("encrypted"));
        let nonsense = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(key_error(&chain, nonsense).contains("kind"));
    }

    /// `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521`. Banks have such keys,
    /// and ring does not.
    const P521_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIBGrRjvdjmHroO9zIu
s1rJcTVpVnbv1we7u2MYhsf+G+x5i7ozBP/kaI8g5jpY1mjkul1GyIGtSd68TBKv
Q6fhwu6hgYkDgYYABAHVzzLX8/xtIvo10dVmbEDKXOZzfq0I4NMEWnWDT9IQqfv3
JK1Vue2eGN0DrFx2I6FK+pB3yY4pC7cAoyY74BK0TwA7scl2ePxS1w2sky5uww41
xkys2dT7vlbuvuAL6VV5V0rrAhPlciQ/7ZagNEv5svQMOoMpSfeVAIBeqn5pdI1o
TQ==
-----END PRIVATE KEY-----
";

    #[test]
    fn a_key_on_p521_is_refused_with_the_kinds_there_are() {
        let (chain, _) = made();
        let said = key_error(&chain, P521_KEY);
        assert!(said.contains("P-256, P-384 or Ed25519"), "{said}");
    }

    /// What `openssl req -new` and `openssl x509 -req` make: version 1.
    const VERSION_1: &str = "-----BEGIN CERTIFICATE-----
MIIBGzCBwQIUDzakYqefZ+OSYQphqG/eptPobvkwCgYIKoZIzj0EAwIwDzENMAsG
A1UEAwwEYWNtZTAgFw0yNjEyMDEwMzQ1MzlaGA8yMTI2MTEwNzAzNDUzOVowDzEN
MAsGA1UEAwwEYWNtZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGtl3wrWIPQ9
g+O4l6HFXTsLzi2IPJu4Q/nB5dV9gqh7V2Le3RFvn6Ah/A+BF8Av/aXmKBmCOrEu
CTDLYKwlSwUwCgYIKoZIzj0EAwIDSQAwRgIhAPMHvlx5e3p5J2MRneTu/8BObzW8
Ch9BOa9VVKY3XM0kAiEA+znMYPhU4FuPkB21+fI88hbawJU4IosvIBAq6OuHjuY=
-----END CERTIFICATE-----
";
    const VERSION_1_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgz3FEQ+cAm70tZipz
uGHSY1E1F+asFeZDIrO6T0g1R0OhRANCAARrZd8K1iD0PYPjuJehxV07C84tiDyb
uEP5weXVfYKoe1di3t0Rb5+gIfwPgRfAL/2l5igZgjqxLgkwy2CsJUsF
-----END PRIVATE KEY-----
";

    #[test]
    fn a_certificate_of_version_1_has_its_key_too() {
        let chain = read_certificate_list(VERSION_1, 8).unwrap();
        read_certified_key(chain, VERSION_1_KEY.as_bytes()).unwrap();
        let (_, other) = made();
        assert!(key_error(VERSION_1, &other).contains("not the key of"));
    }

    #[test]
    fn certificates_are_counted_and_read() {
        let (pem, _) = made();
        let all = read_certificate_list(&pem.repeat(2), 2).unwrap();
        let described = CertificateDescription::parse(&all[0]).unwrap();
        assert_eq!(
            described.not_after,
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_924_992_000)
        );
        assert_eq!(described.subject, described.issuer);
        assert!(read_certificate_list(&pem.repeat(3), 2).is_err());
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for wrong in ["", "nothing", damaged, "-----BEGIN CERTIFICATE-----\n*\n"] {
            assert!(read_certificate_list(wrong, 2).is_err(), "{wrong}");
        }
    }
}
