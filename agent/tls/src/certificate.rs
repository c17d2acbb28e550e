//! The names in a certificate.
//!
//! Fed by certificates whose chain was verified, in DER; feeds whoever decides what their
//! holder may do. Guarantees nothing about trust: it only reads.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

/// Most bytes of a certificate's names in a message or a log line.
const MAX_DESCRIPTION_BYTES: usize = 300;

/// Whom a certificate names, and until when it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateNames {
    /// Subject alternative names of the type URI; a SPIFFE id is one.
    pub uris: Vec<String>,
    /// Subject alternative names of the type DNS.
    pub dns_names: Vec<String>,
    /// The subject's first common name. Deprecated for hosts, and no binding is made to it.
    pub common_name: Option<String>,
    /// The whole subject, as in RFC 4514.
    pub subject: String,
    pub not_after: SystemTime,
}

impl CertificateNames {
    /// Reads the names of a certificate.
    pub fn parse(certificate: &CertificateDer<'_>) -> anyhow::Result<Self> {
        let (_, parsed) =
            X509Certificate::from_der(certificate).context("a certificate is damaged")?;
        let (mut uris, mut dns_names) = (Vec::new(), Vec::new());
        let alternatives =
            parsed.subject_alternative_name().context("a certificate's names are damaged")?;
        for name in alternatives.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::URI(uri) => uris.push((*uri).to_owned()),
                GeneralName::DNSName(dns_name) => dns_names.push((*dns_name).to_owned()),
                _ => {}
            }
        }
        let common_name = parsed.subject().iter_common_name().next();
        let common_name = common_name.and_then(|name| name.as_str().ok()).map(str::to_owned);
        let seconds = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
        Ok(Self {
            uris,
            dns_names,
            common_name,
            subject: parsed.subject().to_string(),
            not_after: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        })
    }

    /// All of the names: the same for a certificate that replaces this one.
    pub fn holder(&self) -> String {
        let Self { uris, dns_names, subject, .. } = self;
        format!("{uris:?} {dns_names:?} {subject:?}")
    }

    /// The names for a message: printable, and cut.
    pub fn description(&self) -> String {
        let mut text = String::new();
        let uris = self.uris.iter().map(|uri| ("URI:", uri));
        let all = uris.chain(self.dns_names.iter().map(|name| ("DNS:", name)));
        for (kind, name) in all.chain([("subject ", &self.subject)]) {
            if name.is_empty() {
                continue;
            }
            let separator = if text.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{separator}{kind}{}", name.escape_debug());
            if text.len() > MAX_DESCRIPTION_BYTES {
                text.truncate(text.floor_char_boundary(MAX_DESCRIPTION_BYTES));
                text.push('…');
                break;
            }
        }
        if text.is_empty() { "no name".to_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn params() -> CertificateParams {
        let mut params = CertificateParams::new(["agents.example".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.not_after = rcgen::date_time_ymd(2031, 1, 1);
        params
    }

    fn names(params: &CertificateParams) -> CertificateNames {
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        CertificateNames::parse(certificate.der()).unwrap()
    }

    #[test]
    fn all_names_are_read() {
        let mut params = params();
        let uri = "spiffe://example.org/postrider/agent/eu";
        params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        params.distinguished_name.push(DnType::CommonName, "agent-1");
        params.distinguished_name.push(DnType::OrganizationName, "Bank");
        let names = names(&params);
        assert_eq!(names.uris, [uri]);
        assert_eq!(names.dns_names, ["agents.example"]);
        assert_eq!(names.common_name.as_deref(), Some("agent-1"));
        let year = Duration::from_secs(1_924_992_000);
        assert_eq!(names.not_after, SystemTime::UNIX_EPOCH + year);
        let shown = names.description();
        assert!(shown.starts_with(&format!("URI:{uri}, DNS:agents.example, subject ")), "{shown}");
        assert!(shown.contains("CN=agent-1") && shown.contains("O=Bank"), "{shown}");
    }

    #[test]
    fn a_description_is_printable_and_cut() {
        let mut params = params();
        params.subject_alt_names.clear();
        assert_eq!(names(&params).description(), "no name");
        params.distinguished_name.push(DnType::CommonName, format!("a\n{}", "é".repeat(400)));
        let shown = names(&params).description();
        assert!(shown.len() < MAX_DESCRIPTION_BYTES + 8 && !shown.contains('\n'), "{shown}");
    }

    #[test]
    fn what_is_damaged_is_refused() {
        for damaged in [&b""[..], b"\x30\x03abc", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]] {
            assert!(CertificateNames::parse(&CertificateDer::from(damaged)).is_err());
        }
    }
}
