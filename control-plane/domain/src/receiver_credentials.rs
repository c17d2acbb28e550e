//! How a subscription's receiver recognises the sender, and whom the sender trusts there.
//!
//! Fed by the API with what a caller gave and what certificates say of themselves; feeds
//! agents with it, and the watch over certificates with the times at which to warn. Nothing
//! here reads a certificate: it was read when it was given.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;
use crate::time::Timestamp;

const ONE_DAY: Duration = Duration::from_secs(86_400);

/// How long before its end a certificate is warned of: a month for those who order theirs
/// by form, a week for those who did not, and a day for whoever is on duty.
pub const CERTIFICATE_WARNING_TIMES: [Duration; 3] = [
    Duration::from_secs(30 * ONE_DAY.as_secs()),
    Duration::from_secs(7 * ONE_DAY.as_secs()),
    ONE_DAY,
];

/// The credentials of one subscription. All of it is encrypted where it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReceiverCredentials {
    pub client_certificate: Option<ClientIdentity>,
    pub ca_certificates: Option<CaCertificates>,
    pub authorization: Option<ReceiverAuthorization>,
}

/// What is shown in TLS to who asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientIdentity {
    /// PEM: the certificate first.
    pub chain: String,
    /// PEM.
    pub private_key: SecretText,
    /// Of the first.
    pub summary: CertificateSummary,
}

/// Who may have signed the receiver's certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaCertificates {
    pub pem: String,
    pub summaries: Vec<CertificateSummary>,
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateSummary {
    pub subject: String,
    pub issuer: String,
    pub start_time: Timestamp,
    pub expire_time: Timestamp,
    /// In hexadecimal digits.
    pub sha256: String,
}

/// What the header `authorization` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverAuthorization {
    Basic { username: String, password: SecretText },
    Oauth(OauthClient),
}

/// A client of a token server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OauthClient {
    pub token_url: String,
    pub client_id: String,
    pub scope: String,
    pub audience: String,
    pub authentication: OauthClientAuthentication,
}

/// How a client proves who it is to its token server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OauthClientAuthentication {
    SecretBasic(SecretText),
    SecretPost(SecretText),
    PrivateKeyJwt(AssertionKey),
}

/// A key that signs assertions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionKey {
    /// PEM, PKCS #8.
    pub private_key: SecretText,
    /// As JWTs name it.
    pub algorithm: String,
    pub key_id: String,
    /// The public half.
    pub public_jwk: String,
}

/// Whose end is warned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CertificateRole {
    /// What is shown to the receiver.
    Client,
    /// What the receiver is checked with.
    Authority,
}

impl ReceiverCredentials {
    pub const fn is_empty(&self) -> bool {
        self.client_certificate.is_none()
            && self.ca_certificates.is_none()
            && self.authorization.is_none()
    }

    /// The certificates whose end stops deliveries: the client's own and, of several
    /// authorities, the one that lasts longest.
    pub fn ending_certificates(&self) -> Vec<(CertificateRole, &CertificateSummary)> {
        let client = self.client_certificate.as_ref().map(|own| &own.summary);
        let authorities = self.ca_certificates.iter().flat_map(|given| &given.summaries);
        let authority = authorities.max_by_key(|authority| authority.expire_time);
        let client = client.map(|summary| (CertificateRole::Client, summary));
        let authority = authority.map(|summary| (CertificateRole::Authority, summary));
        client.into_iter().chain(authority).collect()
    }

    /// When to warn next, after a moment.
    pub fn next_certificate_warning(&self, after: Timestamp) -> Option<Timestamp> {
        let warned_at = |(_, summary): (CertificateRole, &CertificateSummary)| {
            CERTIFICATE_WARNING_TIMES.map(|before| summary.expire_time - before)
        };
        let times = self.ending_certificates().into_iter().flat_map(warned_at);
        times.filter(|at| *at > after).min()
    }

    /// The warnings that were to be given from a moment until now: how long before which
    /// certificate's end it is. Certificates that were made together end seconds apart, and
    /// who was away for days gives the last of a certificate's warnings alone.
    pub fn certificate_warnings_since(
        &self,
        due: Timestamp,
        now: Timestamp,
    ) -> Vec<(CertificateRole, &CertificateSummary, Duration)> {
        let mut warnings = Vec::new();
        for (role, summary) in self.ending_certificates() {
            let is_due = |before: &Duration| (due..=now).contains(&(summary.expire_time - *before));
            let before = CERTIFICATE_WARNING_TIMES.into_iter().rev().find(is_due);
            warnings.extend(before.map(|before| (role, summary, before)));
        }
        warnings
    }

    /// Whether both lead to the same requests, but for values that nobody is shown.
    pub fn requests_like(&self, other: &Self) -> bool {
        self.authorization == other.authorization
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn ending(days: u64) -> CertificateSummary {
        CertificateSummary {
            subject: "CN=acme".into(),
            issuer: "CN=bank".into(),
            start_time: NOW,
            expire_time: NOW + ONE_DAY * u32::try_from(days).unwrap(),
            sha256: "ab".into(),
        }
    }

    fn with_client_certificate(days: u64) -> ReceiverCredentials {
        let summary = ending(days);
        let (chain, private_key) = (String::new(), "key".into());
        let client_certificate = Some(ClientIdentity { chain, private_key, summary });
        ReceiverCredentials { client_certificate, ..ReceiverCredentials::default() }
    }

    #[test]
    fn a_certificate_is_warned_of_three_times() {
        let credentials = with_client_certificate(100);
        let first = credentials.next_certificate_warning(NOW).unwrap();
        assert_eq!(first, NOW + ONE_DAY * 70);
        let told = credentials.certificate_warnings_since(first, first + ONE_DAY);
        let told: Vec<_> = told.into_iter().map(|(role, _, before)| (role, before)).collect();
        assert_eq!(told, [(CertificateRole::Client, ONE_DAY * 30)]);
        assert!(credentials.certificate_warnings_since(NOW, first - ONE_DAY).is_empty());
        let second = credentials.next_certificate_warning(first).unwrap();
        assert_eq!(second, NOW + ONE_DAY * 93);
        let third = credentials.next_certificate_warning(second).unwrap();
        assert_eq!(third, NOW + ONE_DAY * 99);
        assert_eq!(credentials.next_certificate_warning(third), None);
        assert_eq!(ReceiverCredentials::default().next_certificate_warning(NOW), None);
    }

    /// A look finds what has become due since the one before, of both.
    #[test]
    fn certificates_that_end_one_after_the_other_are_both_warned_of() {
        let summaries = vec![ending(101)];
        let ca_certificates = Some(CaCertificates { pem: String::new(), summaries });
        let credentials = ReceiverCredentials { ca_certificates, ..with_client_certificate(100) };
        let first = credentials.next_certificate_warning(NOW).unwrap();
        let told = |until| {
            let warnings = credentials.certificate_warnings_since(first, until).into_iter();
            warnings.map(|(role, _, before)| (role, before)).collect::<Vec<_>>()
        };
        let (client, authority) = (CertificateRole::Client, CertificateRole::Authority);
        assert_eq!(told(first), [(client, ONE_DAY * 30)]);
        assert_eq!(told(first + ONE_DAY), [(client, ONE_DAY * 30), (authority, ONE_DAY * 30)]);
        // Of what became due while nobody looked, the last of each.
        assert_eq!(told(first + ONE_DAY * 23), [(client, ONE_DAY * 7), (authority, ONE_DAY * 30)]);
        let after = credentials.next_certificate_warning(first + ONE_DAY * 23);
        assert_eq!(after, Some(first + ONE_DAY * 24));
    }

    #[test]
    fn an_old_authority_beside_its_successor_is_not_warned_of() {
        let summaries = vec![ending(2), ending(400)];
        let ca_certificates = Some(CaCertificates { pem: String::new(), summaries });
        let credentials = ReceiverCredentials { ca_certificates, ..Default::default() };
        assert_eq!(credentials.next_certificate_warning(NOW), Some(NOW + ONE_DAY * 370));
        let ending = credentials.ending_certificates();
        assert_eq!(ending[0].0, CertificateRole::Authority);
        assert_eq!(ending.len(), 1);
    }

    #[test]
    fn what_is_stored_is_read_again_and_not_printed() {
        let key = AssertionKey {
            private_key: "hush".into(),
            algorithm: "ES256".into(),
            key_id: "1".into(),
            public_jwk: "{}".into(),
        };
        let client = OauthClient {
            token_url: "https://id.example/token".into(),
            client_id: "acme".into(),
            scope: String::new(),
            audience: String::new(),
            authentication: OauthClientAuthentication::PrivateKeyJwt(key),
        };
        let authorization = Some(ReceiverAuthorization::Oauth(client));
        let credentials = ReceiverCredentials { authorization, ..with_client_certificate(1) };
        let text = serde_json::to_string(&credentials).unwrap();
        assert_eq!(serde_json::from_str::<ReceiverCredentials>(&text).unwrap(), credentials);
        assert!(!format!("{credentials:?}").contains("hush"));
        assert_eq!(
            serde_json::from_str::<ReceiverCredentials>("{}").unwrap(),
            ReceiverCredentials::default()
        );
    }
}
