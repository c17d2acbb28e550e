//! Secrets that an update would send elsewhere.
//!
//! Fed by updates with the settings before and after; feeds them violations. Guarantees
//! that a value which cannot be read is not sent to an origin of the caller's choice: it
//! must be given again where the URL comes to name another scheme, host or port, and where
//! a scheme that sends the secret itself is added. What proves a client to a token server
//! must be given again as well where the token URL does: the first gets the token, the
//! second the secret. What only signs may move, a client certificate too: a signature does
//! not tell its key. What is changed in the database instead does not open there
//! (`postrider_store`'s `sealing`).
//!
//! Keeps the invariant `secrets-encrypted`.

use postrider_domain::receiver_credentials::{OauthClientAuthentication, ReceiverAuthorization};
use postrider_domain::signature::{KeyKind, SignatureScheme, SigningKey};
use postrider_domain::subscription::{Subscription, SubscriptionConfig};
use postrider_domain::time::Timestamp;
use postrider_proto::v1;
use postrider_proto::v1::receiver_credentials::Authorization;
use url::Url;

use crate::api::rpc::errors::FieldViolations;
use crate::api::subscriptions::fixed_fields::is_secret_of;
use crate::api::values::masks::UpdateMask;

const MOVED: &str = "the URL names another scheme, host or port";

/// Refuses an update that would send a stored value elsewhere without giving it again.
/// `there` is the subscription as the update leaves it.
pub fn require_values_again(
    before: &SubscriptionConfig,
    there: &Subscription,
    given: &v1::Subscription,
    mask: &UpdateMask,
    now: Timestamp,
    violations: &mut FieldViolations,
) {
    let has_moved = !is_same_origin(&before.url, &there.settings.url);
    if has_moved {
        require_header_values(there, given, mask, violations);
    }
    if has_moved || token_url_moved(before, &there.settings) {
        require_authorization(there, given, mask, violations);
    }
    let sends_now = sends_secret(&there.settings.schemes);
    if sends_now && has_moved {
        require_secret(there, given, MOVED, now, violations);
    } else if sends_now && !sends_secret(&before.schemes) {
        require_secret(there, given, "a scheme that sends it is added", now, violations);
    }
}

/// Whether two URLs name the same scheme, host and port.
fn is_same_origin(before: &str, after: &str) -> bool {
    let origin = |text: &str| Url::parse(text).map(|url| url.origin());
    before == after || matches!((origin(before), origin(after)), (Ok(a), Ok(b)) if a == b)
}

fn require_header_values(
    there: &Subscription,
    given: &v1::Subscription,
    mask: &UpdateMask,
    violations: &mut FieldViolations,
) {
    if !mask.has("headers") {
        if !there.settings.headers.is_empty() {
            let problem = format!("must be given again, with their values: {MOVED}");
            violations.add("subscription.headers", problem);
        }
        return;
    }
    for (index, header) in given.headers.iter().enumerate() {
        if header.value.is_empty() {
            let field = format!("subscription.headers[{index}].value");
            violations.add(field, format!("must be given again: {MOVED}"));
        }
    }
}

/// Whether a client that both have asks elsewhere for its tokens.
fn token_url_moved(before: &SubscriptionConfig, after: &SubscriptionConfig) -> bool {
    let token_url = |settings: &SubscriptionConfig| match &settings.credentials.authorization {
        Some(ReceiverAuthorization::Oauth(client)) => Some(client.token_url.clone()),
        Some(ReceiverAuthorization::Basic { .. }) | None => None,
    };
    let both = token_url(before).zip(token_url(after));
    both.is_some_and(|(before, after)| !is_same_origin(&before, &after))
}

/// Refuses an authorization whose secret is kept.
fn require_authorization(
    there: &Subscription,
    given: &v1::Subscription,
    mask: &UpdateMask,
    violations: &mut FieldViolations,
) {
    let Some(authorization) = &there.settings.credentials.authorization else {
        return;
    };
    let given = given.credentials.as_ref().filter(|_| mask.has("credentials"));
    let is_given = match given.and_then(|given| given.authorization.as_ref()) {
        Some(Authorization::Basic(basic)) => !basic.password.is_empty(),
        Some(Authorization::Oauth(client)) => {
            let key = client.assertion_key.as_ref();
            let is_new = |key: &v1::AssertionKey| key.make_new || !key.private_key.is_empty();
            !client.client_secret.is_empty() || key.is_some_and(is_new)
        }
        None => false,
    };
    if is_given {
        return;
    }
    let field = match authorization {
        ReceiverAuthorization::Basic { .. } => "basic.password",
        ReceiverAuthorization::Oauth(client) => match &client.authentication {
            OauthClientAuthentication::SecretBasic(_)
            | OauthClientAuthentication::SecretPost(_) => "oauth.client_secret",
            OauthClientAuthentication::PrivateKeyJwt(_) => "oauth.assertion_key.private_key",
        },
    };
    let problem = "must be given again: the URL, or the token URL, names another scheme, host or \
                   port";
    violations.add(format!("subscription.credentials.{field}"), problem);
}

/// Whether requests carry a secret itself.
fn sends_secret(schemes: &[SignatureScheme]) -> bool {
    schemes.iter().any(SignatureScheme::sends_key)
}

/// Every key in force may be sent, and only one can be given.
fn require_secret(
    there: &Subscription,
    given: &v1::Subscription,
    why: &str,
    now: Timestamp,
    violations: &mut FieldViolations,
) {
    let is_sent = |key: &&SigningKey| key.kind == KeyKind::Text && key.in_force(now);
    let sent: Vec<&SigningKey> = there.signing_keys.iter().filter(is_sent).collect();
    let field = "subscription.signing_secret";
    match sent.as_slice() {
        // That a scheme lacks its key is told elsewhere.
        [] => {}
        [only] if is_secret_of(only, &given.signing_secret) => {}
        [_] => {
            violations.add(field, format!("must be given as it is now, outside of the mask: {why}"))
        }
        [_, _, ..] => violations.add(
            field,
            format!("is not the only TEXT key in force: revoke the others first, because {why}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::receiver_credentials::OauthClient;
    use postrider_domain::secret::SigningSecret;
    use postrider_domain::signature::KeyRotation;
    use postrider_domain::subscription::RequestHeader;
    use prost_types::FieldMask;
    use tonic_types::StatusExt;

    use super::*;
    use crate::api::subscriptions::conversion::fields;
    use crate::fixtures::{self, FIXTURE_TIME};

    const HERE: &str = "https://example.com/hook";
    const ELSEWHERE: &str = "https://attacker.example/hook";

    fn static_secret() -> Vec<SignatureScheme> {
        vec![SignatureScheme::StaticSecret {
            header: "X-Secret".to_owned(),
            prefix: String::new(),
            rotation: KeyRotation::EachKey,
        }]
    }

    fn text_key(id: &str, secret: &str) -> SigningKey {
        SigningKey {
            id: id.to_owned(),
            kind: KeyKind::Text,
            secret: SigningSecret::new(secret.as_bytes().to_vec()),
            create_time: FIXTURE_TIME,
            expire_time: None,
        }
    }

    fn with_static_secret(secrets: &[&str]) -> Subscription {
        let mut there = fixtures::subscription();
        there.settings.schemes = static_secret();
        there.signing_keys = secrets.iter().map(|secret| text_key(secret, secret)).collect();
        there
    }

    /// The fields that are refused.
    fn refused(
        before: &SubscriptionConfig,
        there: &Subscription,
        given: &v1::Subscription,
        paths: &[&str],
    ) -> Vec<String> {
        let mut violations = FieldViolations::default();
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let mask = FieldMask { paths };
        let mask = UpdateMask::read(Some(&mask), &fields(given), &[], &mut violations);
        require_values_again(before, there, given, &mask, FIXTURE_TIME, &mut violations);
        let Err(status) = violations.check() else { return Vec::new() };
        let told = status.get_details_bad_request().unwrap().field_violations;
        told.into_iter().map(|violation| violation.field).collect()
    }

    fn moved(there: &Subscription, url: &str) -> Subscription {
        let mut there = there.clone();
        there.settings.url = url.to_owned();
        there
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for same in [
            HERE,
            "https://EXAMPLE.com/other?a=1",
            "https://example.com:443/hook",
            "https://example.com",
        ] {
            assert!(is_same_origin(HERE, same), "{same}");
        }
        for other in [
            "http://example.com/hook",
            "https://example.com:8443/hook",
            "https://example.com.attacker.example/hook",
            "https://www.example.com/hook",
            "no URL",
        ] {
            assert!(!is_same_origin(HERE, other), "{other}");
        }
    }

    #[test]
    fn values_of_headers_do_not_move_by_themselves() {
        let mut there = fixtures::subscription();
        let before = there.settings.clone();
        let given = v1::Subscription::default();
        assert!(refused(&before, &moved(&there, ELSEWHERE), &given, &["url"]).is_empty());
        there.settings.headers =
            vec![RequestHeader { name: "X-Token".to_owned(), value: "one".into() }];
        let before = there.settings.clone();
        let same = moved(&there, "https://example.com/elsewhere");
        assert!(refused(&before, &same, &given, &["url"]).is_empty());
        let there = moved(&there, ELSEWHERE);
        assert_eq!(refused(&before, &there, &given, &["url"]), ["subscription.headers"]);
        let with = |value: &str| {
            let name = "X-Token".to_owned();
            let header = v1::CustomHeader { name, value: value.to_owned(), value_set: false };
            v1::Subscription { headers: vec![header], ..Default::default() }
        };
        let both = &["url", "headers"];
        assert_eq!(refused(&before, &there, &with(""), both), ["subscription.headers[0].value"]);
        assert!(refused(&before, &there, &with("two"), both).is_empty());
        assert!(refused(&before, &there, &given, both).is_empty(), "they are taken away");
    }

    fn oauth(token_url: &str) -> ReceiverAuthorization {
        ReceiverAuthorization::Oauth(OauthClient {
            token_url: token_url.to_owned(),
            client_id: "acme".to_owned(),
            scope: String::new(),
            audience: String::new(),
            authentication: OauthClientAuthentication::SecretPost("hush".into()),
        })
    }

    /// A request with such a client, whose secret is given or not.
    fn asked(secret: &str) -> v1::Subscription {
        let client = v1::OauthClient { client_secret: secret.to_owned(), ..Default::default() };
        let authorization = Some(Authorization::Oauth(client));
        let credentials = v1::ReceiverCredentials { authorization, ..Default::default() };
        v1::Subscription { credentials: Some(credentials), ..Default::default() }
    }

    #[test]
    fn what_proves_a_client_does_not_move_by_itself() {
        let field = ["subscription.credentials.oauth.client_secret"];
        let mut there = fixtures::subscription();
        there.settings.credentials.authorization = Some(oauth("https://id.example/token"));
        let before = there.settings.clone();
        let moved = moved(&there, ELSEWHERE);
        assert_eq!(refused(&before, &moved, &v1::Subscription::default(), &["url"]), field);
        let both = &["url", "credentials"];
        assert_eq!(refused(&before, &moved, &asked(""), both), field);
        assert!(refused(&before, &moved, &asked("hush"), both).is_empty());
        there.settings.credentials.authorization = Some(oauth("https://other.example/token"));
        assert_eq!(refused(&before, &there, &asked(""), &["credentials"]), field);
        assert!(refused(&before, &there, &asked("hush"), &["credentials"]).is_empty());
        there.settings.credentials.authorization = Some(oauth("https://id.example/other"));
        assert!(refused(&before, &there, &asked(""), &["credentials"]).is_empty());
        let (username, password) = ("acme".to_owned(), "hush".into());
        there.settings = before.clone();
        there.settings.url = ELSEWHERE.to_owned();
        there.settings.credentials.authorization =
            Some(ReceiverAuthorization::Basic { username, password });
        let told = refused(&before, &there, &v1::Subscription::default(), &["url"]);
        assert_eq!(told, ["subscription.credentials.basic.password"]);
    }

    #[test]
    fn a_static_secret_moves_with_who_knows_it() {
        let there = with_static_secret(&["hush"]);
        let before = there.settings.clone();
        let knowing = |secret: &str| v1::Subscription {
            signing_secret: secret.to_owned(),
            ..Default::default()
        };
        let there = moved(&there, ELSEWHERE);
        for (secret, allowed) in [("", false), ("wrong", false), ("hush", true)] {
            let told = refused(&before, &there, &knowing(secret), &["url"]);
            assert_eq!(told.is_empty(), allowed, "{secret}: {told:?}");
        }
        // The one before, which is sent too, is not known by the newest.
        let two = moved(&with_static_secret(&["old", "new"]), ELSEWHERE);
        let told = refused(&before, &two, &knowing("new"), &["url"]);
        assert_eq!(told, ["subscription.signing_secret"]);
        // It only signs.
        let mut signs = there.clone();
        signs.settings.schemes = vec![SignatureScheme::Stripe { header: "X-Sign".to_owned() }];
        assert!(refused(&before, &signs, &knowing(""), &["url"]).is_empty());
    }

    #[test]
    fn what_signed_is_not_sent_without_being_known() {
        let there = with_static_secret(&["hush"]);
        let mut before = there.settings.clone();
        before.schemes = vec![SignatureScheme::Stripe { header: "X-Sign".to_owned() }];
        let paths = &["signature_schemes"];
        let given = v1::Subscription::default();
        assert_eq!(refused(&before, &there, &given, paths), ["subscription.signing_secret"]);
        let given = v1::Subscription { signing_secret: "hush".to_owned(), ..given };
        assert!(refused(&before, &there, &given, paths).is_empty());
        let already = there.settings.clone();
        let given = v1::Subscription::default();
        assert!(refused(&already, &there, &given, paths).is_empty());
    }
}
