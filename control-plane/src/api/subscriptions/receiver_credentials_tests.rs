//! Tests of credentials as callers give and read them.

use rcgen::{CertificateParams, KeyPair};
use tonic_types::StatusExt as _;

use super::*;
use crate::fixtures::{self, FIXTURE_TIME};

struct MadeCertificate {
    chain: String,
    key: String,
}

fn made(key: &KeyPair, end_year: i32) -> MadeCertificate {
    let mut params = CertificateParams::new(["acme.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(end_year, 1, 1);
    let chain = params.self_signed(key).unwrap().pem();
    MadeCertificate { chain, key: key.serialize_pem() }
}

fn client(chain: &str, key: &str) -> v1::ReceiverCredentials {
    v1::ReceiverCredentials {
        client_certificate: Some(v1::ClientCertificate {
            certificate_chain: chain.to_owned(),
            private_key: key.to_owned(),
            certificate: None,
        }),
        ..Default::default()
    }
}

fn with(authorization: Authorization) -> v1::ReceiverCredentials {
    v1::ReceiverCredentials { authorization: Some(authorization), ..Default::default() }
}

fn basic(password: &str) -> v1::ReceiverCredentials {
    with(Authorization::Basic(v1::BasicAuthorization {
        username: "acme".to_owned(),
        password: password.to_owned(),
        password_set: false,
    }))
}

fn oauth(secret: &str) -> v1::OauthClient {
    v1::OauthClient {
        token_url: "https://id.example/token".to_owned(),
        client_id: "acme".to_owned(),
        client_secret: secret.to_owned(),
        ..Default::default()
    }
}

/// What is stored, or the fields that are refused.
fn read(
    given: &v1::ReceiverCredentials,
    there: &ReceiverCredentials,
) -> Result<ReceiverCredentials, Vec<String>> {
    let mut violations = FieldViolations::default();
    let read = credentials(Some(given), there, false, &mut violations);
    violations.check().map(|()| read).map_err(|status| {
        let violations = status.get_details_bad_request().unwrap().field_violations;
        let cut = |field: String| field.trim_start_matches("subscription.credentials.").to_owned();
        violations.into_iter().map(|violation| cut(violation.field)).collect()
    })
}

fn new(given: &v1::ReceiverCredentials) -> Result<ReceiverCredentials, Vec<String>> {
    read(given, &ReceiverCredentials::default())
}

#[test]
fn what_is_shown_reads_back_as_the_same_and_shows_nothing() {
    let own = made(&KeyPair::generate().unwrap(), 2031);
    let jwt = v1::OauthClient {
        client_authentication: v1::OauthClientAuthentication::PrivateKeyJwt.into(),
        ..oauth("")
    };
    for authorization in [
        basic("hush-hush").authorization,
        with(Authorization::Oauth(oauth("hush-hush"))).authorization,
        with(Authorization::Oauth(jwt)).authorization,
    ] {
        let given = v1::ReceiverCredentials {
            ca_certificates: Some(v1::CaCertificates {
                pem: own.chain.clone(),
                certificates: Vec::new(),
            }),
            authorization,
            ..client(&own.chain, &own.key)
        };
        let stored = new(&given).unwrap();
        let shown = credentials_to_proto(&stored).unwrap();
        assert_eq!(read(&shown, &stored).unwrap(), stored);
        // What prints nothing shows whether it is empty.
        let own = shown.client_certificate.unwrap();
        assert!(own.private_key.is_empty() && own.certificate_chain.is_empty());
        let summary = own.certificate.unwrap();
        assert_eq!((summary.sha256_fingerprint.len(), summary.issuer), (64, summary.subject));
        match shown.authorization.unwrap() {
            Authorization::Basic(basic) => {
                assert!(basic.password.is_empty() && basic.password_set);
            }
            Authorization::Oauth(client) => {
                let key = client.assertion_key.unwrap_or_default();
                assert!(client.client_secret.is_empty() && key.private_key.is_empty());
                assert_ne!(client.client_secret_set, key.public_jwk.contains("P-256"));
            }
        }
    }
    assert_eq!(credentials_to_proto(&ReceiverCredentials::default()), None);
}

#[test]
fn what_is_left_out_is_removed_and_a_certificate_is_renewed_by_itself() {
    let key = KeyPair::generate().unwrap();
    let (old, renewed) = (made(&key, 2031), made(&key, 2032));
    let stored = new(&client(&old.chain, &old.key)).unwrap();
    let after = read(&client(&renewed.chain, ""), &stored).unwrap();
    let (before, own) = (stored.client_certificate.unwrap(), after.client_certificate.unwrap());
    assert_eq!(own.private_key, before.private_key);
    assert!(own.summary.expire_time > before.summary.expire_time);
    let there = new(&basic("hush-hush")).unwrap();
    assert!(read(&v1::ReceiverCredentials::default(), &there).unwrap().is_empty());
    let mut violations = FieldViolations::default();
    assert!(credentials(None, &there, false, &mut violations).is_empty());
}

#[test]
fn what_an_agent_could_not_use_is_refused() {
    let (own, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (own, other) = (made(&own, 2031), made(&other, 2031));
    let key = "client_certificate.private_key";
    let chain = "client_certificate.certificate_chain";
    for (given, field) in [
        (client(&own.chain, &other.key), key),
        (client(&own.chain, ""), key),
        (client(&own.chain, "no PEM"), key),
        (client("", &own.key), chain),
        (client("", ""), chain),
        (client("no PEM", &own.key), chain),
        (client(&own.chain.repeat(9), &own.key), chain),
        (client(&"x".repeat(16 * 1024 + 1), &own.key), chain),
        (basic(""), "basic.password"),
        (basic("a\nb"), "basic.password"),
        (basic(&"x".repeat(257)), "basic.password"),
        (with(Authorization::Oauth(oauth(""))), "oauth.client_secret"),
        (with(Authorization::Oauth(oauth("é"))), "oauth.client_secret"),
    ] {
        assert_eq!(new(&given).unwrap_err(), [field], "{given:?}");
    }
    let authorities = |pem: &str| v1::ReceiverCredentials {
        ca_certificates: Some(v1::CaCertificates { pem: pem.to_owned(), certificates: Vec::new() }),
        ..Default::default()
    };
    for pem in ["", "no PEM", &own.chain.repeat(17)] {
        assert_eq!(new(&authorities(pem)).unwrap_err(), ["ca_certificates.pem"]);
    }
    new(&authorities(&own.chain.repeat(16))).unwrap();
    let insecure = v1::OauthClient { token_url: "http://id.example/".to_owned(), ..oauth("x") };
    let refused = new(&with(Authorization::Oauth(insecure))).unwrap_err();
    assert_eq!(refused, ["oauth.token_url"]);
}

#[test]
fn an_assertion_key_is_kept_until_a_new_one_is_wished_for() {
    let jwt = |key: Option<v1::AssertionKey>| {
        with(Authorization::Oauth(v1::OauthClient {
            client_authentication: v1::OauthClientAuthentication::PrivateKeyJwt.into(),
            assertion_key: key,
            ..oauth("")
        }))
    };
    let first = new(&jwt(None)).unwrap();
    assert_eq!(read(&jwt(None), &first).unwrap(), first, "an empty id is the thumbprint again");
    let named = v1::AssertionKey { key_id: "mine".to_owned(), ..Default::default() };
    assert_ne!(read(&jwt(Some(named)), &first).unwrap(), first);
    let wished = v1::AssertionKey { make_new: true, ..Default::default() };
    assert_ne!(read(&jwt(Some(wished)), &first).unwrap(), first);
}

#[test]
fn settings_must_not_contradict_them() {
    let refused = |settings: &SubscriptionConfig| {
        let mut violations = FieldViolations::default();
        refuse_contradictions(settings, &mut violations);
        !violations.is_empty()
    };
    let own = made(&KeyPair::generate().unwrap(), 2031);
    let mut settings = fixtures::subscription().settings;
    settings.credentials = new(&client(&own.chain, &own.key)).unwrap();
    assert!(!refused(&settings));
    settings.url = "http://example.com/hook".to_owned();
    assert!(refused(&settings));
    let mut settings = fixtures::subscription().settings;
    settings.credentials = new(&basic("hush-hush")).unwrap();
    assert!(!refused(&settings));
    let name = "Authorization".to_owned();
    settings
        .headers
        .push(postrider_domain::subscription::RequestHeader { name, value: "x".into() });
    assert!(refused(&settings));
}

#[test]
fn a_certificate_that_has_ended_is_refused_when_it_is_given() {
    let own = made(&KeyPair::generate().unwrap(), 2031);
    let given = client(&own.chain, &own.key);
    let mut settings = fixtures::subscription().settings;
    settings.credentials = new(&given).unwrap();
    let end = settings.credentials.ending_certificates()[0].1.expire_time;
    let refused = |given: &v1::ReceiverCredentials, now| {
        let mut violations = FieldViolations::default();
        refuse_expired(Some(given), &settings, now, &mut violations);
        !violations.is_empty()
    };
    assert!(FIXTURE_TIME < end && !refused(&given, FIXTURE_TIME));
    assert!(refused(&given, end));
    assert!(!refused(&client("", ""), end), "it is written back");
}
