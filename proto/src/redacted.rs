//! `Debug` for the messages that can carry a signing secret.
//!
//! Fed by the generated types, for which `build.rs` leaves the derived `Debug`
//! out; feeds whatever logs a message. Guarantees that printing a request, an
//! answer or a stream message never prints a secret.

use std::fmt;

use crate::{agent, v1};

impl fmt::Debug for agent::v1::SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerKey").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

// Values of headers can be credentials.
impl fmt::Debug for v1::CustomHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomHeader")
            .field("name", &self.name)
            .field("value_set", &self.value_set)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for agent::v1::Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for agent::v1::ReceiverTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiverTls { .. }")
    }
}

impl fmt::Debug for agent::v1::BasicAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicAuthorization")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for agent::v1::OauthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthClient")
            .field("token_url", &self.token_url)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for agent::v1::AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::BasicAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicAuthorization")
            .field("username", &self.username)
            .field("password_set", &self.password_set)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::OauthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthClient")
            .field("token_url", &self.token_url)
            .field("client_id", &self.client_id)
            .field("client_secret_set", &self.client_secret_set)
            .field("assertion_key", &self.assertion_key)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionKey")
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("event_types", &self.event_types)
            .field("accounts", &self.accounts)
            .field("status", &self.status())
            .field("status_reason", &self.status_reason)
            .field("region", &self.region)
            .field("signature_schemes", &self.signature_schemes)
            .field("signing_keys", &self.signing_keys)
            .field("headers", &self.headers)
            .field("credentials", &self.credentials)
            .field("endpoint_health", &self.endpoint_health)
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::RotateSigningSecretRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotateSigningSecretRequest")
            .field("name", &self.name)
            .field("grace_period", &self.grace_period)
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::CreateTokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateTokenResponse").field("token", &self.token).finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::CreatePortalTokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatePortalTokenResponse")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::{agent, v1};

    const SECRET: &str = "whsec_c2VjcmV0";

    fn agents_credentials() -> agent::v1::SubscriptionUpdate {
        let secret = || prost::bytes::Bytes::from_static(SECRET.as_bytes());
        let key = agent::v1::AssertionKey { private_key: secret(), ..Default::default() };
        let client = agent::v1::OauthClient {
            client_authentication: Some(
                agent::v1::oauth_client::ClientAuthentication::AssertionKey(key),
            ),
            ..Default::default()
        };
        agent::v1::SubscriptionUpdate {
            receiver_tls: Some(agent::v1::ReceiverTls {
                private_key: secret(),
                ..Default::default()
            }),
            authorization: Some(agent::v1::subscription_update::Authorization::Oauth(client)),
            ..Default::default()
        }
    }

    fn callers_credentials() -> v1::ReceiverCredentials {
        let key = v1::AssertionKey { private_key: SECRET.into(), ..Default::default() };
        let client = v1::OauthClient {
            client_secret: SECRET.into(),
            assertion_key: Some(key),
            ..Default::default()
        };
        v1::ReceiverCredentials {
            client_certificate: Some(v1::ClientCertificate {
                private_key: SECRET.into(),
                ..Default::default()
            }),
            authorization: Some(v1::receiver_credentials::Authorization::Oauth(client)),
            ..Default::default()
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let update = agent::v1::SubscriptionUpdate {
            signers: vec![agent::v1::Signer {
                keys: vec![agent::v1::SignerKey {
                    secret: prost::bytes::Bytes::from_static(SECRET.as_bytes()),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            headers: vec![agent::v1::Header {
                name: "authorization".into(),
                value: prost::bytes::Bytes::from_static(SECRET.as_bytes()),
            }],
            ..Default::default()
        };
        let subscription = v1::Subscription {
            signing_secret: SECRET.into(),
            headers: vec![v1::CustomHeader {
                name: "authorization".into(),
                value: SECRET.into(),
                value_set: true,
            }],
            ..Default::default()
        };
        let answer = v1::RotateSigningSecretResponse { subscription: Some(subscription) };
        let request =
            v1::RotateSigningSecretRequest { signing_secret: SECRET.into(), ..Default::default() };
        let secret = SECRET.to_owned();
        let token = v1::CreateTokenResponse { token: None, secret: secret.clone() };
        let console_url = format!("https://a.example/console/portal/{SECRET}");
        let portal = v1::CreatePortalTokenResponse { token: None, secret, console_url };
        let basic = v1::BasicAuthorization { password: SECRET.into(), ..Default::default() };
        let sent = agent::v1::BasicAuthorization { password: SECRET.into(), ..Default::default() };
        for printed in [
            format!("{:?}", agents_credentials()),
            format!("{:?}", callers_credentials()),
            format!("{basic:?}{sent:?}"),
            format!("{update:?}"),
            format!("{answer:?}"),
            format!("{request:?}"),
            format!("{token:?}"),
            format!("{portal:?}"),
        ] {
            assert!(!printed.contains("whsec_"), "{printed}");
        }
    }
}
