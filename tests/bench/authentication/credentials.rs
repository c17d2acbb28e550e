//! What publishers show at a door that asks for it: a token, or a JWT.
//!
//! Fed by random numbers and by a Postrider that runs; feeds the settings with an issuer,
//! and publishers with credentials. Guarantees that either credential is a publisher's in
//! one tenant, and that the issuer's keys lie in a file for as long as the issuer lives.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use postrider_proto::v1::{CreateTokenRequest, Grant, Role, Token};
use postrider_tests::api::Api;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rig::TENANT_ID;
use crate::worker::now_ns;

const ISSUER_NAME: &str = "https://issuer.example";
const AUDIENCE_NAME: &str = "postrider";
const KEY_ID: &str = "bench";
const KEYS_FILE: &str = "keys.json";
/// Longer than any measurement.
const JWT_LIFETIME: Duration = Duration::from_hours(24);
const NS_PER_SECOND: u64 = 1_000_000_000;

/// Signs JWTs by a key whose public half is in a file.
pub struct JwtIssuer {
    key: SigningKey,
    folder: TempDir,
}

impl JwtIssuer {
    /// Draws a key and writes its public half as a JSON Web Key Set.
    pub fn create() -> Result<Self> {
        let key = SigningKey::from_bytes(&rand::random::<[u8; 32]>());
        let folder = tempfile::Builder::new().prefix("postrider-issuer-").tempdir()?;
        let public = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID,
            "x": public,
        });
        fs::write(folder.path().join(KEYS_FILE), json!({ "keys": [jwk] }).to_string())?;
        Ok(Self { key, folder })
    }

    /// The control plane's, as TOML: whoever this issuer names publishes for one tenant.
    pub fn settings(&self) -> String {
        format!(
            "[[auth.issuers]]\nissuer = \"{ISSUER_NAME}\"\naudiences = [\"{AUDIENCE_NAME}\"]\n\
             jwks_file = {:?}\nalgorithms = [\"EdDSA\"]\n\
             rules = [{{ claim = \"sub\", role = \"publisher\", tenants = [\"{TENANT_ID}\"] }}]\n",
            self.folder.path().join(KEYS_FILE)
        )
    }

    /// A JWT that is valid from now on.
    pub fn jwt(&self) -> String {
        let now = now_ns() / NS_PER_SECOND;
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": KEY_ID });
        let claims = json!({
            "iss": ISSUER_NAME, "aud": AUDIENCE_NAME, "sub": "bench", "iat": now,
            "exp": now + JWT_LIFETIME.as_secs(),
        });
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = self.key.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Has a token made for a publisher of this tenant, `tenants/{id}`; answers its text. The
/// token of tests would not do: a file holds it, and it is looked up nowhere.
pub async fn create_token(api: &mut Api, tenant: &str) -> Result<String> {
    let grant = Grant {
        role: Role::Publisher.into(),
        tenants: vec![tenant.to_owned()],
        installation: false,
    };
    let token = Token { grants: vec![grant], ..Token::default() };
    let request = CreateTokenRequest { token: Some(token), ttl: None };
    Ok(api.tokens.create_token(request).await?.into_inner().secret)
}
