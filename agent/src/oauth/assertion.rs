//! JWTs by which a client proves who it is (RFC 7523, section 3; `private_key_jwt`).
//!
//! Fed by a subscription's credentials; feeds requests for tokens. An assertion is made for
//! one request: its id is random.

use std::fmt;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use postrider_proto::agent::v1 as wire;
use serde::Serialize;

/// How long an assertion counts. Servers refuse what lasts longer than some minutes; this is
/// far more than a request takes, clocks that differ included.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(60);

/// A key that signs assertions.
pub struct AssertionSigner {
    key: EncodingKey,
    header: Header,
}

impl fmt::Debug for AssertionSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AssertionSigner")
    }
}

#[derive(Serialize)]
struct AssertionClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: u64,
    exp: u64,
}

impl AssertionSigner {
    /// Reads a key.
    pub fn from_wire(key: &wire::AssertionKey) -> anyhow::Result<Self> {
        let pem = &key.private_key;
        let (algorithm, read) = match key.algorithm.as_str() {
            "ES256" => (Algorithm::ES256, EncodingKey::from_ec_pem(pem)),
            "ES384" => (Algorithm::ES384, EncodingKey::from_ec_pem(pem)),
            "EdDSA" => (Algorithm::EdDSA, EncodingKey::from_ed_pem(pem)),
            "RS256" => (Algorithm::RS256, EncodingKey::from_rsa_pem(pem)),
            _ => bail!("this agent does not know the algorithm; it may be too old"),
        };
        let mut header = Header::new(algorithm);
        header.kid = Some(key.key_id.clone());
        let signer = Self { key: read.context("the key cannot be read")?, header };
        // A key of another curve is found here, and not by a token server.
        signer.sign("", "", SystemTime::UNIX_EPOCH)?;
        Ok(signer)
    }

    /// The assertion of a client for its token server.
    pub fn sign(&self, client: &str, audience: &str, now: SystemTime) -> anyhow::Result<String> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let claims = AssertionClaims {
            iss: client,
            sub: client,
            aud: audience,
            jti: format!("{:032x}", rand::random::<u128>()),
            iat: now,
            exp: now + ASSERTION_LIFETIME.as_secs(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.key).context("signing failed")
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::Jwk;
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::Value;

    use super::*;

    /// As `openssl genpkey -algorithm ed25519` makes it.
    const ED25519_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINygd2jcHV5BzM9M/BQACfMbBkTgkzfEFKlyv7F94xUD\n-----END PRIVATE KEY-----\n";

    const RSA_KEY: &str = include_str!("../../tests/tls/rsa.key");

    fn signer(algorithm: &str, pem: &str) -> anyhow::Result<AssertionSigner> {
        AssertionSigner::from_wire(&wire::AssertionKey {
            private_key: pem.as_bytes().to_vec().into(),
            algorithm: algorithm.to_owned(),
            key_id: "key-1".to_owned(),
        })
    }

    fn on_p256() -> String {
        rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem()
    }

    fn on_p384() -> String {
        rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem()
    }

    #[test]
    fn an_assertion_is_the_clients_for_its_server() {
        for (name, algorithm, pem) in [
            ("ES256", Algorithm::ES256, on_p256()),
            ("ES384", Algorithm::ES384, on_p384()),
            ("EdDSA", Algorithm::EdDSA, ED25519_KEY.to_owned()),
            ("RS256", Algorithm::RS256, RSA_KEY.to_owned()),
        ] {
            let signer = signer(name, &pem).unwrap();
            let url = "https://id.example/token";
            let text = signer.sign("acme", url, SystemTime::now()).unwrap();
            assert_ne!(text, signer.sign("acme", url, SystemTime::now()).unwrap());
            let header = jsonwebtoken::decode_header(&text).unwrap();
            assert_eq!((header.alg, header.kid.as_deref()), (algorithm, Some("key-1")), "{name}");
            let public = Jwk::from_encoding_key(&signer.key, algorithm).unwrap();
            let mut validation = Validation::new(algorithm);
            validation.set_audience(&[url]);
            validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
            let public = DecodingKey::from_jwk(&public).unwrap();
            let claims = jsonwebtoken::decode::<Value>(&text, &public, &validation).unwrap().claims;
            assert_eq!(
                (claims["iss"].as_str(), claims["sub"].as_str()),
                (Some("acme"), Some("acme"))
            );
            assert!(!format!("{signer:?}").contains("PRIVATE"));
        }
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        let p384 = on_p384();
        for wrong in ["ES256", "EdDSA", "RS256", "HS256", ""] {
            assert!(signer(wrong, &p384).is_err(), "{wrong}");
        }
    }
}
