//! Signing in with an issuer: the authorization code flow of OpenID Connect, with PKCE.
//!
//! Fed by the console with a browser that goes to the provider and comes back; feeds it the ID
//! token, which `issuers` verifies as any JWT. Guarantees that a code is redeemed with the
//! verifier of the browser that asked for it, that an ID token counts only for the request
//! whose nonce it has, for this client and from this provider's issuer, and that nothing is
//! asked of an address that the settings do not name.

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use super::issuers::IssuerEndpoint;
use crate::settings::{IssuerSettings, ProviderSettings, Settings};

/// Longest code that is redeemed. Providers' have some hundred bytes, some two thousand.
const MAX_CODE_BYTES: usize = 4096;
/// Longest error of a provider that is logged.
const MAX_ERROR_CHARACTERS: usize = 256;

/// What one browser's way to a provider and back belongs together by. The browser keeps it
/// sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingSignIn {
    /// Which of the providers.
    pub provider: usize,
    pub state: String,
    pub nonce: String,
    pub verifier: String,
    /// Microseconds since the epoch.
    pub expires: i64,
}

impl PendingSignIn {
    /// With random texts of its own.
    pub fn new(provider: usize, expires: i64) -> Self {
        let text = || URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        Self { provider, state: text(), nonce: text(), verifier: text(), expires }
    }

    /// Whether a provider's answer is to this request. Compares in constant time.
    pub fn has_state(&self, given: &str) -> bool {
        self.state.as_bytes().ct_eq(given.as_bytes()).into()
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }
}

/// One provider.
pub struct SignInProvider {
    pub name: String,
    issuer: String,
    client_id: String,
    secret: Option<Zeroizing<String>>,
    authorization_url: Url,
    token: IssuerEndpoint,
    scopes: String,
}

#[derive(Deserialize)]
struct CodeAnswer {
    #[serde(default)]
    id_token: String,
    #[serde(default)]
    error: String,
}

impl SignInProvider {
    /// The providers that the settings name. Reads their files.
    pub fn read(settings: &Settings) -> anyhow::Result<Vec<Self>> {
        let providers = settings.console.providers.iter().map(|provider| {
            let issuers = &settings.auth.issuers;
            let issuer = issuers.iter().find(|issuer| issuer.issuer == provider.issuer);
            let issuer = issuer.context("issuer is not one of auth.issuers")?;
            Self::new(provider, issuer)
                .with_context(|| format!("console.providers: {}", provider.name))
        });
        providers.collect()
    }

    fn new(settings: &ProviderSettings, issuer: &IssuerSettings) -> anyhow::Result<Self> {
        let secret = match settings.client_secret_file.as_str() {
            "" => None,
            path => {
                let text = std::fs::read_to_string(path);
                let text = text.with_context(|| format!("client_secret_file: cannot read {path}"));
                Some(Zeroizing::new(text?.trim().to_owned()))
            }
        };
        Ok(Self {
            name: settings.name.clone(),
            issuer: issuer.issuer.clone(),
            client_id: settings.client_id.clone(),
            secret,
            authorization_url: settings.authorization_url.parse().context("authorization_url")?,
            token: IssuerEndpoint::new(&settings.token_url, &issuer.ca_file)
                .context("token_url")?,
            scopes: settings.scopes.join(" "),
        })
    }

    /// Where a browser is sent, to come back to an address.
    pub fn authorization_url(&self, pending: &PendingSignIn, back: &str) -> Url {
        let mut url = self.authorization_url.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", back)
            .append_pair("scope", &self.scopes)
            .append_pair("state", &pending.state)
            .append_pair("nonce", &pending.nonce)
            .append_pair("code_challenge", &pending.challenge())
            .append_pair("code_challenge_method", "S256");
        url
    }

    /// The ID token for which a code stands. It is not verified yet.
    pub async fn redeem(
        &self,
        pending: &PendingSignIn,
        code: &str,
        back: &str,
    ) -> anyhow::Result<Zeroizing<String>> {
        ensure!((1..=MAX_CODE_BYTES).contains(&code.len()), "the code is empty or too long");
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let accepted = HeaderValue::from_static("application/json");
        let mut headers = vec![(header::CONTENT_TYPE, kind), (header::ACCEPT, accepted)];
        if let Some(secret) = &self.secret {
            headers.push((header::AUTHORIZATION, self.basic(secret)?));
        }
        let form = Bytes::from(self.token_form(pending, code, back));
        let answer = self.token.send(Method::POST, headers, form).await?;
        let status = answer.status();
        let told = serde_json::from_slice::<CodeAnswer>(answer.body());
        let told = told.with_context(|| format!("the answer is {status}, and no JSON"))?;
        let error: String = told.error.chars().take(MAX_ERROR_CHARACTERS).collect();
        ensure!(status == StatusCode::OK, "the answer is {status}: {error}");
        ensure!(!told.id_token.is_empty(), "the answer has no id_token: is openid in scopes?");
        Ok(Zeroizing::new(told.id_token))
    }

    fn token_form(&self, pending: &PendingSignIn, code: &str, back: &str) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", back)
            .append_pair("code_verifier", &pending.verifier);
        if self.secret.is_none() {
            form.append_pair("client_id", &self.client_id);
        }
        form.finish()
    }

    /// Who the client is (RFC 6749, section 2.3.1).
    fn basic(&self, secret: &str) -> anyhow::Result<HeaderValue> {
        let encoded =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = Zeroizing::new(format!("{}:{}", encoded(&self.client_id), encoded(secret)));
        let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(&*pair)))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Whether an ID token, which was verified, is the answer to a request to this provider.
    pub fn answers(&self, id_token: &str, pending: &PendingSignIn) -> bool {
        let Ok(claims) = jsonwebtoken::dangerous::insecure_decode_claims::<Value>(id_token) else {
            return false;
        };
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str).unwrap_or_default();
        let several = claims.get("aud").and_then(Value::as_array);
        let is_own = |audience: &Value| audience.as_str() == Some(self.client_id.as_str());
        let is_audience =
            several.map_or(text("aud") == self.client_id, |all| all.iter().any(is_own));
        // Of several audiences the one that asked is named (OpenID Connect Core, 3.1.3.7).
        let is_party = text("azp").is_empty() || text("azp") == self.client_id;
        let is_nonce: bool = text("nonce").as_bytes().ct_eq(pending.nonce.as_bytes()).into();
        is_audience && is_party && is_nonce && text("iss") == self.issuer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> SignInProvider {
        SignInProvider {
            name: "Staff".to_owned(),
            issuer: "https://id.example".to_owned(),
            client_id: "console".to_owned(),
            secret: None,
            authorization_url: "https://id.example/login?tenant=a".parse().unwrap(),
            token: IssuerEndpoint::new("http://127.0.0.1:1/token", "").unwrap(),
            scopes: "openid groups".to_owned(),
        }
    }

    #[test]
    fn a_browser_is_sent_with_a_challenge_and_not_with_its_verifier() {
        let pending = PendingSignIn::new(0, 1);
        let url = provider().authorization_url(&pending, "https://a.example/back");
        let given: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        for (name, value) in [
            ("tenant", "a"),
            ("response_type", "code"),
            ("redirect_uri", "https://a.example/back"),
            ("scope", "openid groups"),
            ("state", pending.state.as_str()),
            ("nonce", pending.nonce.as_str()),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(given.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(!url.as_str().contains(&pending.verifier));
        let other = PendingSignIn::new(0, 1);
        assert!(pending.has_state(&pending.state) && !pending.has_state(&other.state));
        assert!(!pending.has_state(""));
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let pending = PendingSignIn { verifier, ..PendingSignIn::new(0, 1) };
        assert_eq!(pending.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn an_id_token_is_for_one_request() {
        let pending = PendingSignIn::new(0, 1);
        let token = |claims: Value| {
            let part = |text: String| URL_SAFE_NO_PAD.encode(text);
            format!("{}.{}.c2ln", part(r#"{"alg":"RS256"}"#.to_owned()), part(claims.to_string()))
        };
        let claims = |change: fn(&mut Value)| {
            let mut claims = serde_json::json!({
                "iss": "https://id.example", "aud": "console", "nonce": pending.nonce,
            });
            change(&mut claims);
            provider().answers(&token(claims), &pending)
        };
        assert!(claims(|_| {}));
        assert!(claims(|claims| claims["aud"] = serde_json::json!(["other", "console"])));
        assert!(!claims(|claims| claims["aud"] = "other".into()));
        assert!(!claims(|claims| claims["azp"] = "other".into()));
        assert!(!claims(|claims| claims["nonce"] = "x".into()));
        assert!(!claims(|claims| claims["nonce"] = Value::Null));
        assert!(!claims(|claims| claims["iss"] = "https://evil.example".into()));
        assert!(!provider().answers("x", &pending));
    }
}
