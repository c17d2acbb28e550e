//! Converts a subscription's credentials for the agent.

use bytes::Bytes;
use postrider_domain::receiver_credentials::{
    AssertionKey, OauthClient, OauthClientAuthentication, ReceiverAuthorization,
    ReceiverCredentials,
};
use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::oauth_client::ClientAuthentication;
use postrider_proto::agent::v1::subscription_update::Authorization;
use postrider_proto::webhook_url::is_insecure;

/// What TLS needs; `None` where nothing was given.
pub(super) fn receiver_tls(credentials: &ReceiverCredentials) -> Option<wire::ReceiverTls> {
    let ReceiverCredentials { client_certificate, ca_certificates, authorization: _ } = credentials;
    if client_certificate.is_none() && ca_certificates.is_none() {
        return None;
    }
    let mut tls = wire::ReceiverTls::default();
    if let Some(own) = client_certificate {
        tls.certificate_chain.clone_from(&own.chain);
        tls.private_key = Bytes::copy_from_slice(own.private_key.expose().as_bytes());
    }
    if let Some(authorities) = ca_certificates {
        tls.ca_certificates.clone_from(&authorities.pem);
    }
    Some(tls)
}

pub(super) fn authorization(authorization: &ReceiverAuthorization) -> Authorization {
    match authorization {
        ReceiverAuthorization::Basic { username, password } => {
            Authorization::Basic(wire::BasicAuthorization {
                username: username.clone(),
                password: password.expose().to_owned(),
            })
        }
        ReceiverAuthorization::Oauth(client) => Authorization::Oauth(oauth_client(client)),
    }
}

fn oauth_client(client: &OauthClient) -> wire::OauthClient {
    let OauthClient { token_url, client_id, scope, audience, authentication } = client;
    wire::OauthClient {
        token_url: token_url.clone(),
        allow_insecure_url: is_insecure(token_url),
        client_id: client_id.clone(),
        scope: scope.clone(),
        audience: audience.clone(),
        client_authentication: Some(match authentication {
            OauthClientAuthentication::SecretBasic(secret) => {
                ClientAuthentication::ClientSecretBasic(secret.expose().to_owned())
            }
            OauthClientAuthentication::SecretPost(secret) => {
                ClientAuthentication::ClientSecretPost(secret.expose().to_owned())
            }
            OauthClientAuthentication::PrivateKeyJwt(key) => {
                ClientAuthentication::AssertionKey(assertion_key(key))
            }
        }),
    }
}

fn assertion_key(key: &AssertionKey) -> wire::AssertionKey {
    wire::AssertionKey {
        private_key: Bytes::copy_from_slice(key.private_key.expose().as_bytes()),
        algorithm: key.algorithm.clone(),
        key_id: key.key_id.clone(),
    }
}
