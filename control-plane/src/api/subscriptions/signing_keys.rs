//! A subscription's signing keys: made, rotated, revoked.
//!
//! Fed by `changes`; feeds the subscription that is stored.
//! Guarantees that every scheme has a key of its kind that does not end by
//! itself, that a secret is taken and given only in the form of its kind, and that one
//! which is sent in a header can be.

use std::collections::BTreeSet;
use std::time::Duration;

use postrider_domain::limits::MAX_SIGNING_KEYS;
use postrider_domain::secret::SigningSecret;
use postrider_domain::signature::{KeyKind, SignatureScheme, SigningKey};
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_proto::v1;
use tonic::Status;

use crate::api::rpc::errors::{self, ErrorReason, FieldViolations};

fn kinds(schemes: &[SignatureScheme]) -> BTreeSet<KeyKind> {
    schemes.iter().map(SignatureScheme::key_kind).collect()
}

const fn name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Standard => "STANDARD",
        KeyKind::Text => "TEXT",
        KeyKind::Ed25519 => "ED25519",
    }
}

/// The kind that is meant if none is named: the shared secret, or else the key pair.
/// `None` if both kinds of shared secret are used, or no key at all.
pub(in crate::api) fn main_kind(schemes: &[SignatureScheme]) -> Option<KeyKind> {
    let kinds = kinds(schemes);
    match (kinds.contains(&KeyKind::Standard), kinds.contains(&KeyKind::Text)) {
        (true, false) => Some(KeyKind::Standard),
        (false, true) => Some(KeyKind::Text),
        (false, false) => kinds.first().copied(),
        (true, true) => None,
    }
}

/// The keys of a new subscription: one of each kind that its schemes use. The caller's
/// secret, if any, becomes the main one.
pub(in crate::api) fn create_initial_keys(
    schemes: &[SignatureScheme],
    given: &str,
    field: &str,
    now: Timestamp,
    violations: &mut FieldViolations,
) -> Vec<SigningKey> {
    let main = main_kind(schemes);
    if main.is_none() && !schemes.is_empty() {
        let problem = "share both STANDARD and TEXT keys: create it with one of them, and add a \
                       key of the other kind by RotateSigningSecret before its scheme";
        violations.add("subscription.signature_schemes", problem);
        return Vec::new();
    }
    if main.is_none() && !given.is_empty() {
        violations.add(field, "is of a kind that no signature scheme uses");
    }
    let mut keys = Vec::new();
    for kind in kinds(schemes) {
        let own = if Some(kind) == main { given } else { "" };
        let made = violations.keep(field, secret(kind, own)).map(|s| key(kind, s, now));
        if made.as_ref().is_some_and(|made| !schemes.iter().all(|scheme| can_send(scheme, made))) {
            violations.add(field, NOT_A_HEADER);
        }
        keys.extend(made);
    }
    keys
}

const NOT_A_HEADER: &str = "is sent in a header by the scheme static_secret, and so must be \
                            visible ASCII characters, and spaces that are not at an end";

/// Whether a scheme can send what it makes of a key.
fn can_send(scheme: &SignatureScheme, key: &SigningKey) -> bool {
    match scheme {
        SignatureScheme::StaticSecret { prefix, .. } => {
            key.kind != KeyKind::Text || key.secret.fits_header(prefix)
        }
        SignatureScheme::StandardV1
        | SignatureScheme::StandardV1a
        | SignatureScheme::Stripe { .. }
        | SignatureScheme::Hmac(_) => true,
    }
}

fn secret(
    kind: KeyKind,
    given: &str,
) -> Result<SigningSecret, postrider_domain::secret::SigningSecretError> {
    if given.is_empty() { Ok(kind.secret(rand::random())) } else { kind.parse(given) }
}

fn key(kind: KeyKind, secret: SigningSecret, now: Timestamp) -> SigningKey {
    let id = format!("key-{:016x}", rand::random::<u64>());
    SigningKey { id, kind, secret, create_time: now, expire_time: None }
}

/// Notes each scheme that has no key.
pub(in crate::api) fn require_key_for_each_scheme(
    subscription: &Subscription,
    now: Timestamp,
    violations: &mut FieldViolations,
) {
    for (index, scheme) in subscription.settings.schemes.iter().enumerate() {
        let kind = scheme.key_kind();
        let there = |key: &SigningKey| key.kind == kind && key.in_force(now);
        if !subscription.signing_keys.iter().any(there) {
            let problem =
                format!("needs a {} key: add one with RotateSigningSecret first", name(kind));
            violations.add(format!("subscription.signature_schemes[{index}]"), problem);
        }
        let mut in_force = subscription.signing_keys.iter().filter(|key| key.in_force(now));
        if !in_force.all(|key| can_send(scheme, key)) {
            let field = format!("subscription.signature_schemes[{index}].static_secret");
            violations.add(field, "cannot send a TEXT key in force, which no header can carry");
        }
    }
}

/// Reads the kind; `None` if the caller did not choose one.
pub(in crate::api) fn read_key_kind(
    given: i32,
    violations: &mut FieldViolations,
) -> Option<KeyKind> {
    match v1::SigningKeyKind::try_from(given) {
        Ok(v1::SigningKeyKind::Unspecified) => None,
        Ok(v1::SigningKeyKind::Standard) => Some(KeyKind::Standard),
        Ok(v1::SigningKeyKind::Text) => Some(KeyKind::Text),
        Ok(v1::SigningKeyKind::Ed25519) => Some(KeyKind::Ed25519),
        Err(_) => {
            violations.add("kind", "must be STANDARD, TEXT or ED25519");
            None
        }
    }
}

/// Adds a key. Older keys of its kind sign until the grace period ends, or until they
/// expire.
pub(in crate::api) fn rotate_keys(
    subscription: &mut Subscription,
    kind: Option<KeyKind>,
    given: &str,
    grace: Duration,
    now: Timestamp,
) -> Result<(), Status> {
    let schemes = &subscription.settings.schemes;
    let Some(kind) = kind.or_else(|| main_kind(schemes)) else {
        return Err(errors::invalid(
            "kind",
            "is missing, and the signature schemes use more than one kind",
        ));
    };
    let secret =
        secret(kind, given).map_err(|problem| errors::invalid("signing_secret", problem))?;
    let new = key(kind, secret, now);
    if !schemes.iter().all(|scheme| can_send(scheme, &new)) {
        return Err(errors::invalid("signing_secret", NOT_A_HEADER));
    }
    let keys = &mut subscription.signing_keys;
    keys.retain(|key| key.in_force(now));
    let end = now + grace;
    for key in keys.iter_mut().filter(|key| key.kind == kind) {
        key.expire_time = Some(key.expire_time.map_or(end, |sooner| sooner.min(end)));
    }
    keys.retain(|key| key.in_force(now));
    if keys.len() >= MAX_SIGNING_KEYS {
        let message =
            format!("{MAX_SIGNING_KEYS} keys are in force already; wait until one expires");
        return Err(errors::status(ErrorReason::TooManySigningKeys, message));
    }
    keys.push(new);
    subscription.update_time = now;
    Ok(())
}

/// Ends a key at once. The newest remaining key of its kind then no longer expires.
pub(in crate::api) fn revoke_key(
    subscription: &mut Subscription,
    id: &str,
    now: Timestamp,
) -> Result<(), Status> {
    let keys = &mut subscription.signing_keys;
    keys.retain(|key| key.in_force(now));
    let Some(index) = keys.iter().position(|key| key.id == id) else {
        return Err(errors::invalid("key_id", "is not a key in force"));
    };
    let kind = keys.remove(index).kind;
    match keys.iter_mut().rev().find(|key| key.kind == kind) {
        Some(newest) => newest.expire_time = None,
        None if kinds(&subscription.settings.schemes).contains(&kind) => {
            let message =
                format!("this is the last {} key, and a signature scheme needs it", name(kind));
            return Err(errors::status(ErrorReason::LastSigningKey, message));
        }
        None => {}
    }
    subscription.update_time = now;
    Ok(())
}

#[cfg(test)]
mod tests {
    use postrider_domain::signature::KeyRotation;

    use super::*;
    use crate::fixtures::{self, FIXTURE_TIME};

    const ONE_HOUR: Duration = Duration::from_secs(3600);

    fn ends(subscription: &Subscription) -> Vec<Option<Timestamp>> {
        subscription.signing_keys.iter().map(|key| key.expire_time).collect()
    }

    #[test]
    fn older_keys_get_the_grace_period_but_no_longer_life() {
        let mut subscription = fixtures::subscription();
        rotate_keys(&mut subscription, None, "", ONE_HOUR, FIXTURE_TIME).unwrap();
        rotate_keys(&mut subscription, None, "", ONE_HOUR * 2, FIXTURE_TIME).unwrap();
        assert_eq!(
            ends(&subscription),
            [Some(FIXTURE_TIME + ONE_HOUR), Some(FIXTURE_TIME + ONE_HOUR * 2), None]
        );
        rotate_keys(&mut subscription, None, "", Duration::ZERO, FIXTURE_TIME + ONE_HOUR).unwrap();
        assert_eq!(ends(&subscription), [None], "the others are revoked");
    }

    #[test]
    fn keys_in_force_are_bounded() {
        let mut subscription = fixtures::subscription();
        for _ in 1..MAX_SIGNING_KEYS {
            rotate_keys(&mut subscription, None, "", ONE_HOUR, FIXTURE_TIME).unwrap();
        }
        assert!(rotate_keys(&mut subscription, None, "", ONE_HOUR, FIXTURE_TIME).is_err());
        assert!(
            rotate_keys(&mut subscription, None, "", ONE_HOUR, FIXTURE_TIME + ONE_HOUR).is_ok()
        );
    }

    #[test]
    fn a_key_of_another_kind_leaves_the_others_alone_and_comes_before_its_scheme() {
        let mut subscription = fixtures::subscription();
        let text = SignatureScheme::Stripe { header: "x".into() };
        subscription.settings.schemes.push(text);
        let missing = |subscription: &Subscription| {
            let mut violations = FieldViolations::default();
            require_key_for_each_scheme(subscription, FIXTURE_TIME, &mut violations);
            !violations.is_empty()
        };
        assert!(missing(&subscription));
        assert!(
            rotate_keys(&mut subscription, None, "", ONE_HOUR, FIXTURE_TIME).is_err(),
            "which kind?"
        );
        rotate_keys(&mut subscription, Some(KeyKind::Text), "my-own", ONE_HOUR, FIXTURE_TIME)
            .unwrap();
        assert!(!missing(&subscription));
        assert_eq!(ends(&subscription), [None, None]);
        assert!(
            rotate_keys(
                &mut subscription,
                Some(KeyKind::Ed25519),
                "my-own",
                ONE_HOUR,
                FIXTURE_TIME
            )
            .is_err()
        );
    }

    #[test]
    fn a_static_secret_is_one_that_a_header_carries() {
        let fixed = |prefix: &str| SignatureScheme::StaticSecret {
            header: "x".into(),
            prefix: prefix.into(),
            rotation: KeyRotation::EachKey,
        };
        let hmac = [SignatureScheme::Stripe { header: "x".into() }];
        let refused = |schemes: &[SignatureScheme], secret: &str| {
            let mut violations = FieldViolations::default();
            create_initial_keys(schemes, secret, "f", FIXTURE_TIME, &mut violations);
            !violations.is_empty()
        };
        for secret in ["é", "a ", " a", "a\nb"] {
            assert!(!refused(&hmac, secret) && refused(&[fixed("")], secret), "{secret:?}");
        }
        assert!(!refused(&[fixed("Bearer")], " a b"));

        let mut subscription = fixtures::subscription();
        subscription.settings.schemes = vec![fixed("")];
        let mut rotate = |secret: &str| {
            let kind = Some(KeyKind::Text);
            rotate_keys(&mut subscription, kind, secret, ONE_HOUR, FIXTURE_TIME)
        };
        assert!(rotate("é").is_err() && rotate("e").is_ok());
        subscription.settings.schemes = hmac.to_vec();
        rotate_keys(&mut subscription, None, "é", ONE_HOUR, FIXTURE_TIME).unwrap();
        subscription.settings.schemes = vec![fixed("")];
        let mut violations = FieldViolations::default();
        require_key_for_each_scheme(&subscription, FIXTURE_TIME, &mut violations);
        assert!(!violations.is_empty(), "a scheme that cannot send the key that is there");
    }

    #[test]
    fn the_last_key_of_a_scheme_cannot_be_revoked() {
        let mut subscription = fixtures::subscription();
        assert!(revoke_key(&mut subscription, "key-1", FIXTURE_TIME).is_err());
        assert!(revoke_key(&mut subscription, "key-9", FIXTURE_TIME).is_err());
        let mut subscription = fixtures::subscription();
        rotate_keys(&mut subscription, None, "", ONE_HOUR, FIXTURE_TIME).unwrap();
        let newest = subscription.signing_keys[1].id.clone();
        revoke_key(&mut subscription, &newest, FIXTURE_TIME).unwrap();
        assert_eq!(ends(&subscription), [None], "what is left signs on");
        assert_eq!(subscription.signing_keys[0].id, "key-1");
    }

    #[test]
    fn a_new_subscription_has_a_key_for_each_kind() {
        let both = [SignatureScheme::StandardV1a, SignatureScheme::StandardV1];
        let mut violations = FieldViolations::default();
        let keys = create_initial_keys(&both, "", "f", FIXTURE_TIME, &mut violations);
        let kinds: Vec<KeyKind> = keys.iter().map(|key| key.kind).collect();
        assert_eq!(kinds, [KeyKind::Standard, KeyKind::Ed25519]);
        assert!(keys[1].public_key().unwrap().starts_with("whpk_"));
        assert!(create_initial_keys(&[], "", "f", FIXTURE_TIME, &mut violations).is_empty());
        assert!(violations.is_empty());
        create_initial_keys(&[], "whsec_x", "f", FIXTURE_TIME, &mut violations);
        assert!(!violations.is_empty(), "a secret that nothing uses");
    }
}
