//! Keys with which a client of a token server signs assertions.
//!
//! Fed by `oauth_client` with a caller's key, or with the wish for one; feeds it keys with
//! their public halves. Guarantees that an agent can sign by what is stored: it has been
//! tried.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use postrider_domain::receiver_credentials::AssertionKey;
use postrider_domain::secret::SecretText;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;
use zeroize::Zeroizing;

/// As RFC 7468 has it.
const PEM_LINE_BYTES: usize = 64;
/// Of the modulus: 2,048 and 4,096 bits, as base64 without padding.
const RSA_MODULUS_DIGITS: std::ops::RangeInclusive<usize> = 342..=683;

/// Reads a caller's key. Without an id it gets its thumbprint.
pub fn read(private_key: SecretText, key_id: &str) -> Result<AssertionKey, &'static str> {
    let pem = private_key.expose().as_bytes();
    let candidates = [
        (Algorithm::RS256, "RS256", EncodingKey::from_rsa_pem(pem)),
        (Algorithm::ES256, "ES256", EncodingKey::from_ec_pem(pem)),
        (Algorithm::ES384, "ES384", EncodingKey::from_ec_pem(pem)),
        (Algorithm::EdDSA, "EdDSA", EncodingKey::from_ed_pem(pem)),
    ];
    let usable = candidates.into_iter().find_map(|(algorithm, name, key)| {
        let key = key.ok()?;
        let signed = jsonwebtoken::encode(&Header::new(algorithm), &json!({}), &key);
        signed.is_ok().then_some((algorithm, name, key))
    });
    let Some((algorithm, name, key)) = usable else {
        return Err("must be a private key in PEM, PKCS #8, on P-256, P-384 or Ed25519, or RSA");
    };
    let unusable = "has a public half that cannot be told";
    let mut jwk = Jwk::from_encoding_key(&key, algorithm).map_err(|_| unusable)?;
    if let AlgorithmParameters::RSA(rsa) = &jwk.algorithm
        && !RSA_MODULUS_DIGITS.contains(&rsa.n.len())
    {
        return Err("must have 2,048 to 4,096 bits");
    }
    let key_id = match key_id {
        "" => jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| unusable)?,
        given => given.to_owned(),
    };
    jwk.common.key_id = Some(key_id.clone());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    let public_jwk = serde_json::to_string(&jwk).map_err(|_| unusable)?;
    Ok(AssertionKey { private_key, algorithm: name.to_owned(), key_id, public_jwk })
}

/// Makes a key on P-256.
pub fn make(key_id: &str) -> Result<AssertionKey, &'static str> {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        .map_err(|_| "cannot be made: there is no randomness")?;
    read(to_pem(made.as_ref()), key_id)
}

fn to_pem(pkcs8: &[u8]) -> SecretText {
    let base64 = Zeroizing::new(STANDARD.encode(pkcs8));
    // With room for all, so that nothing is left behind by a move.
    let mut pem = String::with_capacity(2 * base64.len() + 128);
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, left) = rest.split_at(rest.len().min(PEM_LINE_BYTES));
        // Writing to a string cannot fail.
        let _ = writeln!(pem, "{line}");
        rest = left;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    SecretText::new(pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 2,048 bits.
    const RSA_KEY: &str = include_str!("../../../../agent/tests/tls/rsa.key");

    #[test]
    fn a_key_that_is_made_has_a_public_half_and_is_read_again() {
        let made = make("").unwrap();
        let jwk: serde_json::Value = serde_json::from_str(&made.public_jwk).unwrap();
        assert_eq!(
            (&jwk["kty"], &jwk["crv"], &jwk["use"]),
            (&json!("EC"), &json!("P-256"), &json!("sig"))
        );
        assert_eq!(jwk["kid"], made.key_id.as_str());
        assert!(jwk.get("d").is_none(), "{jwk}");
        assert_eq!(read(made.private_key.clone(), "").unwrap(), made);
        assert_eq!(read(made.private_key.clone(), "mine").unwrap().key_id, "mine");
        assert_ne!(make("").unwrap(), made);
    }

    #[test]
    fn keys_of_every_kind_are_told_apart() {
        for (kind, name) in
            [(&rcgen::PKCS_ECDSA_P256_SHA256, "ES256"), (&rcgen::PKCS_ECDSA_P384_SHA384, "ES384")]
        {
            let pem = rcgen::KeyPair::generate_for(kind).unwrap().serialize_pem();
            assert_eq!(read(SecretText::new(pem), "").unwrap().algorithm, name);
        }
        let rsa = read(RSA_KEY.into(), "").unwrap();
        assert_eq!(rsa.algorithm, "RS256");
        let jwk: serde_json::Value = serde_json::from_str(&rsa.public_jwk).unwrap();
        assert_eq!((&jwk["kty"], &jwk["alg"]), (&json!("RSA"), &json!("RS256")));
        assert!(jwk.get("d").is_none(), "{jwk}");
        for wrong in ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(read(wrong.into(), "").is_err(), "{wrong}");
        }
    }
}
