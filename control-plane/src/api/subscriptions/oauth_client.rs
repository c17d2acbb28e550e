//! The client of a token server that a subscription's credentials name.
//!
//! Fed by `receiver_credentials`; feeds it the domain's client, and callers with what is
//! shown of one. Guarantees that an agent can ask by it, and that secrets and private keys
//! are taken and never given.

use postrider_domain::receiver_credentials::{
    AssertionKey, OauthClient, OauthClientAuthentication, ReceiverAuthorization,
};
use postrider_domain::secret::SecretText;
use postrider_proto::v1;
use postrider_proto::webhook_url::WebhookUrl;

use crate::api::rpc::errors::FieldViolations;
use crate::api::subscriptions::assertion_keys;

pub(super) const FIELD: &str = "subscription.credentials.oauth";
const MAX_CLIENT_ID_BYTES: usize = 256;
const MAX_CLIENT_SECRET_BYTES: usize = 512;
/// Of scope and of audience: URLs are met in both.
const MAX_PARAMETER_BYTES: usize = 1024;
const MAX_KEY_ID_BYTES: usize = 256;
const MAX_KEY_BYTES: usize = 16 * 1024;

/// Reads a client; secrets that are empty keep what is `there`.
pub fn client(
    given: &v1::OauthClient,
    there: Option<&ReceiverAuthorization>,
    allow_insecure_urls: bool,
    violations: &mut FieldViolations,
) -> Option<OauthClient> {
    let there = match there {
        Some(ReceiverAuthorization::Oauth(client)) => Some(&client.authentication),
        Some(ReceiverAuthorization::Basic { .. }) | None => None,
    };
    let url = WebhookUrl::parse(&given.token_url, allow_insecure_urls);
    violations.keep(&format!("{FIELD}.token_url"), url);
    if !is_printable(&given.client_id, MAX_CLIENT_ID_BYTES) {
        let problem = "must be 1 to 256 printable ASCII characters";
        violations.add(format!("{FIELD}.client_id"), problem);
    }
    for (name, value) in [("scope", &given.scope), ("audience", &given.audience)] {
        if !value.is_empty() && !is_printable(value, MAX_PARAMETER_BYTES) {
            let problem = "must be at most 1,024 printable ASCII characters";
            violations.add(format!("{FIELD}.{name}"), problem);
        }
    }
    Some(OauthClient {
        token_url: given.token_url.clone(),
        client_id: given.client_id.clone(),
        scope: given.scope.clone(),
        audience: given.audience.clone(),
        authentication: authentication(given, there, violations)?,
    })
}

fn is_printable(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn authentication(
    given: &v1::OauthClient,
    there: Option<&OauthClientAuthentication>,
    violations: &mut FieldViolations,
) -> Option<OauthClientAuthentication> {
    type Way = v1::OauthClientAuthentication;
    let Ok(way) = Way::try_from(given.client_authentication) else {
        let problem = "must be CLIENT_SECRET_BASIC, CLIENT_SECRET_POST or PRIVATE_KEY_JWT";
        violations.add(format!("{FIELD}.client_authentication"), problem);
        return None;
    };
    match way {
        Way::Unspecified | Way::ClientSecretBasic => {
            client_secret(given, there, violations).map(OauthClientAuthentication::SecretBasic)
        }
        Way::ClientSecretPost => {
            client_secret(given, there, violations).map(OauthClientAuthentication::SecretPost)
        }
        Way::PrivateKeyJwt => {
            if !given.client_secret.is_empty() {
                let problem = "is not used by PRIVATE_KEY_JWT";
                violations.add(format!("{FIELD}.client_secret"), problem);
            }
            let there = match there {
                Some(OauthClientAuthentication::PrivateKeyJwt(key)) => Some(key),
                Some(
                    OauthClientAuthentication::SecretBasic(_)
                    | OauthClientAuthentication::SecretPost(_),
                )
                | None => None,
            };
            let key = assertion_key(given.assertion_key.as_ref(), there, violations);
            key.map(OauthClientAuthentication::PrivateKeyJwt)
        }
    }
}

fn client_secret(
    given: &v1::OauthClient,
    there: Option<&OauthClientAuthentication>,
    violations: &mut FieldViolations,
) -> Option<SecretText> {
    let field = format!("{FIELD}.client_secret");
    if given.assertion_key.is_some() {
        violations.add(format!("{FIELD}.assertion_key"), "is used by PRIVATE_KEY_JWT alone");
    }
    if given.client_secret.is_empty() {
        return match there {
            Some(
                OauthClientAuthentication::SecretBasic(secret)
                | OauthClientAuthentication::SecretPost(secret),
            ) => Some(secret.clone()),
            Some(OauthClientAuthentication::PrivateKeyJwt(_)) | None => {
                violations.add(field, "is missing, and there is none to keep");
                None
            }
        };
    }
    if !is_printable(&given.client_secret, MAX_CLIENT_SECRET_BYTES) {
        violations.add(field, "must be 1 to 512 printable ASCII characters");
        return None;
    }
    Some(given.client_secret.as_str().into())
}

fn assertion_key(
    given: Option<&v1::AssertionKey>,
    there: Option<&AssertionKey>,
    violations: &mut FieldViolations,
) -> Option<AssertionKey> {
    let field = format!("{FIELD}.assertion_key");
    let nothing = v1::AssertionKey::default();
    let given = given.unwrap_or(&nothing);
    let key_id = given.key_id.as_str();
    if !key_id.is_empty() && !is_printable(key_id, MAX_KEY_ID_BYTES) {
        let problem = "must be at most 256 printable ASCII characters";
        violations.add(format!("{field}.key_id"), problem);
        return None;
    }
    if !given.private_key.is_empty() {
        let field = format!("{field}.private_key");
        if given.make_new || given.private_key.len() > MAX_KEY_BYTES {
            violations.add(field, "must have at most 16 KiB, and is not given with make_new");
            return None;
        }
        let key = assertion_keys::read(given.private_key.as_str().into(), key_id);
        return violations.keep(&field, key);
    }
    let stored = there.filter(|_| !given.make_new);
    let key = match stored {
        Some(there) if key_id == there.key_id => return Some(there.clone()),
        Some(there) => assertion_keys::read(there.private_key.clone(), key_id),
        None => assertion_keys::make(key_id),
    };
    violations.keep(&field, key)
}

/// Converts a client, never with its secret.
pub fn client_to_proto(client: &OauthClient) -> v1::OauthClient {
    type Way = v1::OauthClientAuthentication;
    let (way, assertion_key) = match &client.authentication {
        OauthClientAuthentication::SecretBasic(_) => (Way::ClientSecretBasic, None),
        OauthClientAuthentication::SecretPost(_) => (Way::ClientSecretPost, None),
        OauthClientAuthentication::PrivateKeyJwt(key) => (Way::PrivateKeyJwt, Some(key)),
    };
    v1::OauthClient {
        token_url: client.token_url.clone(),
        client_id: client.client_id.clone(),
        scope: client.scope.clone(),
        audience: client.audience.clone(),
        client_authentication: way.into(),
        client_secret: String::new(),
        client_secret_set: assertion_key.is_none(),
        assertion_key: assertion_key.map(|key| v1::AssertionKey {
            private_key: String::new(),
            make_new: false,
            key_id: key.key_id.clone(),
            algorithm: key.algorithm.clone(),
            public_jwk: key.public_jwk.clone(),
        }),
    }
}
