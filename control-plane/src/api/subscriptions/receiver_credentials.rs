//! How a subscription's receiver recognises the sender, and whom the sender trusts there.
//!
//! Fed by `conversion` with a caller's choice; feeds the domain's settings, and callers with
//! what is shown of them. Guarantees that an agent can use what is stored, and that private
//! keys, passwords and client secrets are taken and never given (invariant
//! `secrets-encrypted`): in an update an empty one keeps what is there.

use postrider_domain::receiver_credentials::{
    CaCertificates, CertificateRole, CertificateSummary, ClientIdentity, ReceiverAuthorization,
    ReceiverCredentials,
};
use postrider_domain::secret::SecretText;
use postrider_domain::subscription::SubscriptionConfig;
use postrider_domain::time::Timestamp;
use postrider_proto::v1;
use postrider_proto::v1::receiver_credentials::Authorization;
use postrider_proto::webhook_url::is_insecure;
use postrider_tls::{CertificateDescription, read_certificate_list, read_certified_key};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};

use crate::api::rpc::errors::FieldViolations;
use crate::api::subscriptions::oauth_client;
use crate::api::values::time::{from_system_time, timestamp};

pub(super) const FIELD: &str = "subscription.credentials";
const AUTHORIZATION_HEADER: &str = "authorization";

/// A leaf and what leads from it to a root; more than four are not met.
const MAX_CHAIN_CERTIFICATES: usize = 8;
/// Eight certificates of 4,096-bit keys.
const MAX_CHAIN_BYTES: usize = 16 * 1024;
/// A key of 4,096 bits has 3 KiB.
const MAX_KEY_BYTES: usize = 16 * 1024;
/// A bank's authorities, old and new.
const MAX_CA_CERTIFICATES: usize = 16;
const MAX_CA_BYTES: usize = 64 * 1024;
/// As a text of the customer's own (`SigningSecret::parse_text`).
const MAX_BASIC_BYTES: usize = 256;

/// Reads credentials; what is empty and cannot be read keeps what is `there`.
pub fn credentials(
    given: Option<&v1::ReceiverCredentials>,
    there: &ReceiverCredentials,
    allow_insecure_urls: bool,
    violations: &mut FieldViolations,
) -> ReceiverCredentials {
    let Some(given) = given else {
        return ReceiverCredentials::default();
    };
    let client = given.client_certificate.as_ref();
    let authorities = given.ca_certificates.as_ref();
    ReceiverCredentials {
        client_certificate: client.and_then(|client| {
            client_certificate(client, there.client_certificate.as_ref(), violations)
        }),
        ca_certificates: authorities.and_then(|authorities| {
            ca_certificates(authorities, there.ca_certificates.as_ref(), violations)
        }),
        authorization: given.authorization.as_ref().and_then(|authorization| {
            let there = there.authorization.as_ref();
            match authorization {
                Authorization::Basic(given) => basic(given, there, violations),
                Authorization::Oauth(given) => {
                    oauth_client::client(given, there, allow_insecure_urls, violations)
                        .map(ReceiverAuthorization::Oauth)
                }
            }
        }),
    }
}

fn client_certificate(
    given: &v1::ClientCertificate,
    there: Option<&ClientIdentity>,
    violations: &mut FieldViolations,
) -> Option<ClientIdentity> {
    let field = format!("{FIELD}.client_certificate");
    let (chain_field, key_field) =
        (format!("{field}.certificate_chain"), format!("{field}.private_key"));
    if given.certificate_chain.is_empty() {
        if !given.private_key.is_empty() {
            violations.add(chain_field, "is missing: a key is given with its certificate");
        } else if there.is_none() {
            violations.add(chain_field, "is missing, and there is none to keep");
        }
        return there.cloned();
    }
    if given.certificate_chain.len() > MAX_CHAIN_BYTES {
        violations.add(chain_field, "must have at most 16 KiB");
        return None;
    }
    let chain = read_certificate_list(&given.certificate_chain, MAX_CHAIN_CERTIFICATES);
    let chain = violations.keep(&chain_field, chain)?;
    let private_key = match (given.private_key.is_empty(), there) {
        (false, _) => SecretText::from(given.private_key.as_str()),
        // A certificate that was renewed for the same key.
        (true, Some(there)) => there.private_key.clone(),
        (true, None) => {
            violations.add(key_field, "is missing");
            return None;
        }
    };
    if private_key.expose().len() > MAX_KEY_BYTES {
        violations.add(key_field, "must have at most 16 KiB");
        return None;
    }
    let summary = chain.first().map(summary).transpose();
    let summary = violations.keep(&chain_field, summary)??;
    let key = read_certified_key(chain, private_key.expose().as_bytes());
    violations.keep(&key_field, key)?;
    Some(ClientIdentity { chain: given.certificate_chain.clone(), private_key, summary })
}

fn ca_certificates(
    given: &v1::CaCertificates,
    there: Option<&CaCertificates>,
    violations: &mut FieldViolations,
) -> Option<CaCertificates> {
    let field = format!("{FIELD}.ca_certificates.pem");
    if given.pem.is_empty() {
        if there.is_none() {
            violations.add(field, "is missing, and there is none to keep");
        }
        return there.cloned();
    }
    if given.pem.len() > MAX_CA_BYTES {
        violations.add(field, "must have at most 64 KiB");
        return None;
    }
    let read = read_certificate_list(&given.pem, MAX_CA_CERTIFICATES);
    let read = violations.keep(&field, read)?;
    let summaries = read.iter().map(summary).collect::<anyhow::Result<Vec<_>>>();
    let summaries = violations.keep(&field, summaries)?;
    let usable = rustls::RootCertStore::empty().add_parsable_certificates(read).1 == 0;
    if !usable {
        violations.add(field, "has a certificate that cannot be used");
        return None;
    }
    Some(CaCertificates { pem: given.pem.clone(), summaries })
}

fn summary(certificate: &CertificateDer<'static>) -> anyhow::Result<CertificateSummary> {
    let CertificateDescription { subject, issuer, not_before, not_after } =
        CertificateDescription::parse(certificate)?;
    Ok(CertificateSummary {
        subject,
        issuer,
        start_time: from_system_time(not_before),
        expire_time: from_system_time(not_after),
        sha256: hex::encode(Sha256::digest(certificate)),
    })
}

fn basic(
    given: &v1::BasicAuthorization,
    there: Option<&ReceiverAuthorization>,
    violations: &mut FieldViolations,
) -> Option<ReceiverAuthorization> {
    let field = format!("{FIELD}.basic");
    let is_plain = |text: &str| text.len() <= MAX_BASIC_BYTES && !text.contains(char::is_control);
    let username = &given.username;
    if !is_plain(username) || username.contains(':') {
        let problem = "must have at most 256 bytes, without a colon and control characters";
        violations.add(format!("{field}.username"), problem);
    }
    let password = match (given.password.as_str(), there) {
        ("", Some(ReceiverAuthorization::Basic { password, .. })) => password.clone(),
        ("", _) => {
            let problem = "is missing, and there is none to keep";
            violations.add(format!("{field}.password"), problem);
            return None;
        }
        (text, _) if is_plain(text) => SecretText::from(text),
        _ => {
            let problem = "must have 1 to 256 bytes, without control characters";
            violations.add(format!("{field}.password"), problem);
            return None;
        }
    };
    Some(ReceiverAuthorization::Basic { username: username.clone(), password })
}

/// Refuses settings that contradict their credentials.
pub fn refuse_contradictions(settings: &SubscriptionConfig, violations: &mut FieldViolations) {
    let credentials = &settings.credentials;
    if credentials.client_certificate.is_some() && is_insecure(&settings.url) {
        violations.add(format!("{FIELD}.client_certificate"), "needs an https:// URL");
    }
    if credentials.authorization.is_none() {
        return;
    }
    let is_there = |name: &str| name.eq_ignore_ascii_case(AUTHORIZATION_HEADER);
    if settings.headers.iter().any(|header| is_there(&header.name)) {
        violations.add(FIELD, "writes the header authorization, which headers has too");
    }
    let mut written = settings.schemes.iter().flat_map(super::custom_headers::written);
    if written.any(is_there) {
        violations.add(FIELD, "writes the header authorization, which a signature scheme does too");
    }
}

/// Refuses certificates that have ended, where they are given now.
pub fn refuse_expired(
    given: Option<&v1::ReceiverCredentials>,
    settings: &SubscriptionConfig,
    now: Timestamp,
    violations: &mut FieldViolations,
) {
    let client = given.and_then(|given| given.client_certificate.as_ref());
    let authorities = given.and_then(|given| given.ca_certificates.as_ref());
    for (role, summary) in settings.credentials.ending_certificates() {
        let (is_new, field) = match role {
            CertificateRole::Client => (
                client.is_some_and(|client| !client.certificate_chain.is_empty()),
                "client_certificate.certificate_chain",
            ),
            CertificateRole::Authority => {
                (authorities.is_some_and(|given| !given.pem.is_empty()), "ca_certificates.pem")
            }
        };
        if is_new && summary.expire_time <= now {
            let problem = format!("ended at {}", summary.expire_time);
            violations.add(format!("{FIELD}.{field}"), problem);
        }
    }
}

/// Converts credentials, never with what is secret.
pub fn credentials_to_proto(credentials: &ReceiverCredentials) -> Option<v1::ReceiverCredentials> {
    if credentials.is_empty() {
        return None;
    }
    let client = credentials.client_certificate.as_ref();
    let authorities = credentials.ca_certificates.as_ref();
    Some(v1::ReceiverCredentials {
        client_certificate: client.map(|client| v1::ClientCertificate {
            certificate: Some(summary_to_proto(&client.summary)),
            ..Default::default()
        }),
        ca_certificates: authorities.map(|authorities| v1::CaCertificates {
            pem: String::new(),
            certificates: authorities.summaries.iter().map(summary_to_proto).collect(),
        }),
        authorization: credentials.authorization.as_ref().map(
            |authorization| match authorization {
                ReceiverAuthorization::Basic { username, password } => {
                    Authorization::Basic(v1::BasicAuthorization {
                        username: username.clone(),
                        password: String::new(),
                        password_set: !password.is_empty(),
                    })
                }
                ReceiverAuthorization::Oauth(client) => {
                    Authorization::Oauth(oauth_client::client_to_proto(client))
                }
            },
        ),
    })
}

fn summary_to_proto(summary: &CertificateSummary) -> v1::CertificateSummary {
    let CertificateSummary { subject, issuer, start_time, expire_time, sha256 } = summary;
    v1::CertificateSummary {
        subject: subject.clone(),
        issuer: issuer.clone(),
        start_time: Some(timestamp(*start_time)),
        expire_time: Some(timestamp(*expire_time)),
        sha256_fingerprint: sha256.clone(),
    }
}

#[cfg(test)]
#[path = "receiver_credentials_tests.rs"]
mod tests;
