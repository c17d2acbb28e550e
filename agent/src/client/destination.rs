//! Whom a connection serves, and with what it proves who it is.
//!
//! Fed by a subscription's settings; feeds the pool, which keeps connections, TLS sessions
//! and remembered HTTP versions by it, and the keeper of access tokens. Guarantees that two
//! destinations are the same only where origin, tenant, credentials, authorities and HTTP
//! version are: what one customer proves serves no other.
//!
//! Keeps the invariant `nothing-shared-across-credentials`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use anyhow::Context as _;
use postrider_proto::agent::v1 as wire;
use postrider_tls::{read_certificate_list, read_certified_key};
use postrider_webhook_request::Origin;
use prost::Message as _;
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::client::receiver_trust::ReceiverTrust;

/// Far above what the control plane permits: what it does not check is bounded all the same.
const MAX_CERTIFICATES: usize = 64;

/// What tells credentials apart: a hash of all that was given, authorities included.
type CredentialsDigest = [u8; 32];

/// The credentials of a subscription, as far as TLS needs them.
#[derive(Default)]
pub struct TlsCredentials {
    digest: CredentialsDigest,
    /// What is shown to who asks for a certificate.
    pub certified_key: Option<Arc<CertifiedKey>>,
    /// Who is trusted instead of the agent's authorities.
    pub authorities: Option<Arc<ReceiverTrust>>,
}

impl fmt::Debug for TlsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsCredentials")
    }
}

impl TlsCredentials {
    /// Reads those of an update; an error says what is wrong with them.
    pub fn from_wire(update: &wire::SubscriptionUpdate) -> anyhow::Result<Self> {
        let (tls, authorization) = (&update.receiver_tls, &update.authorization);
        if tls.is_none() && authorization.is_none() {
            return Ok(Self::default());
        }
        let given = wire::SubscriptionUpdate {
            receiver_tls: tls.clone(),
            authorization: authorization.clone(),
            ..wire::SubscriptionUpdate::default()
        };
        let digest = Sha256::digest(Zeroizing::new(given.encode_to_vec())).into();
        let mut credentials = Self { digest, ..Self::default() };
        let Some(tls) = tls else {
            return Ok(credentials);
        };
        if !tls.certificate_chain.is_empty() {
            let chain = read_certificate_list(&tls.certificate_chain, MAX_CERTIFICATES)
                .context("the client certificate")?;
            let key = read_certified_key(chain, &tls.private_key);
            credentials.certified_key = Some(key.context("the client certificate's key")?);
        }
        if !tls.ca_certificates.is_empty() {
            let authorities = read_certificate_list(&tls.ca_certificates, MAX_CERTIFICATES)
                .and_then(ReceiverTrust::of_authorities);
            credentials.authorities = Some(authorities.context("the CA certificates")?);
        }
        Ok(credentials)
    }
}

/// What is asked of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DestinationRole {
    /// It gets webhooks. Its authorities, where there are any, are the only ones.
    Receiver,
    /// It gives access tokens. The agent's authorities count there too: it is often somebody
    /// else's.
    TokenServer,
}

/// An origin as one tenant reaches it with certain credentials.
#[derive(Debug)]
pub struct Destination {
    /// Where it is.
    pub origin: Arc<Origin>,
    /// Whose it is.
    pub tenant: Arc<str>,
    /// What it is for.
    pub role: DestinationRole,
    /// Whether HTTP/2 is not to be spoken.
    pub http1_only: bool,
    /// With what.
    pub credentials: Arc<TlsCredentials>,
}

impl PartialEq for Destination {
    fn eq(&self, other: &Self) -> bool {
        self.origin == other.origin
            && self.tenant == other.tenant
            && self.role == other.role
            && self.http1_only == other.http1_only
            && self.credentials.digest == other.credentials.digest
    }
}

impl Eq for Destination {}

/// Most destinations differ in origin and tenant.
impl Hash for Destination {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.origin.hash(state);
        self.tenant.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn destination(tenant: &str, url: &str, update: &wire::SubscriptionUpdate) -> Destination {
        let target = postrider_webhook_request::WebhookTarget::parse(url, true).unwrap();
        Destination {
            origin: target.origin,
            tenant: tenant.into(),
            role: DestinationRole::Receiver,
            http1_only: update.http1_only,
            credentials: Arc::new(TlsCredentials::from_wire(update).unwrap()),
        }
    }

    fn with_password(password: &str) -> wire::SubscriptionUpdate {
        let basic =
            wire::BasicAuthorization { username: "acme".to_owned(), password: password.to_owned() };
        wire::SubscriptionUpdate {
            authorization: Some(wire::subscription_update::Authorization::Basic(basic)),
            ..Default::default()
        }
    }

    fn with_certificate(ca: bool) -> wire::SubscriptionUpdate {
        let names = vec!["acme.example".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let receiver_tls = wire::ReceiverTls {
            certificate_chain: made.cert.pem(),
            private_key: made.signing_key.serialize_pem().into_bytes().into(),
            ca_certificates: if ca { made.cert.pem() } else { String::new() },
        };
        wire::SubscriptionUpdate { receiver_tls: Some(receiver_tls), ..Default::default() }
    }

    const URL: &str = "https://pay.example/hooks";

    #[test]
    fn whatever_proves_something_else_is_another_destination() {
        let none = wire::SubscriptionUpdate::default();
        let http1 = wire::SubscriptionUpdate { http1_only: true, ..Default::default() };
        let all = HashSet::from([
            destination("acme", URL, &none),
            destination("other", URL, &none),
            destination("acme", "https://pay.example:8443/hooks", &none),
            destination("acme", URL, &http1),
            destination("acme", URL, &with_password("one")),
            destination("acme", URL, &with_password("two")),
            destination("acme", URL, &with_certificate(false)),
            destination("acme", URL, &with_certificate(true)),
            Destination { role: DestinationRole::TokenServer, ..destination("acme", URL, &none) },
        ]);
        assert_eq!(all.len(), 9);
        assert!(all.contains(&destination("acme", "https://pay.example/other", &none)));
        assert!(all.contains(&destination("acme", URL, &with_password("one"))));
    }

    #[test]
    fn credentials_that_cannot_be_used_say_why() {
        let fine = with_certificate(true).receiver_tls.unwrap();
        let other = with_certificate(false).receiver_tls.unwrap();
        for (wrong, words) in [
            (wire::ReceiverTls { private_key: other.private_key, ..fine.clone() }, "not the key"),
            (wire::ReceiverTls { certificate_chain: "x".to_owned(), ..fine.clone() }, "PEM"),
            (wire::ReceiverTls { ca_certificates: "x".to_owned(), ..fine.clone() }, "the CA"),
        ] {
            let update =
                wire::SubscriptionUpdate { receiver_tls: Some(wrong), ..Default::default() };
            let error = TlsCredentials::from_wire(&update).unwrap_err();
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
    }
}
