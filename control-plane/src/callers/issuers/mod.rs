//! JWTs of the issuers that the configuration names.
//!
//! Fed by the authenticator with what a caller presents; feeds it the caller. Guarantees
//! that a JWT counts only with its issuer, its audience, its time and a signature by a key
//! of that issuer, of an asymmetric algorithm that the configuration allows; and that what
//! a JWT's claims are not mapped to, it does not grant.
//!
//! - `key_set`: an issuer's keys. `fetch`: how they are fetched. `endpoint`: requests to an
//!   issuer.

mod endpoint;
mod fetch;
pub(super) mod key_set;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use jsonwebtoken::{Algorithm, Validation};
use parking_lot::{Mutex, MutexGuard};
use postrider_domain::limits::is_unprintable;
use postrider_domain::time::Timestamp;
use postrider_identity::{CallerIdentity, ClaimMapping, Principal};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(super) use self::endpoint::IssuerEndpoint;
use self::key_set::KeySet;
use crate::clock::Clock;
use crate::settings::{AuthSettings, IssuerSettings};

/// For how long a verified JWT is remembered, so that a key that is withdrawn counts for
/// no longer.
const VERIFIED_AGE: Duration = Duration::from_secs(60);
/// Most verified JWTs that are remembered, in a few MiB. With more callers in a minute some
/// are verified again.
const MAX_VERIFIED_JWTS: usize = 4096;
/// Longest subject or issuer that is shown. Either is an address or an id.
const MAX_NAME_CHARACTERS: usize = 256;
const TOO_MANY_TENANTS: &str =
    "its claim of tenants names more than 1000, and so a rule of this installation gives no role";

type JwtHash = [u8; 32];

struct VerifiedJwt {
    identity: Arc<CallerIdentity>,
    verified_at: Instant,
}

/// One issuer.
struct Issuer {
    name: String,
    validation: Validation,
    mapping: ClaimMapping,
    leeway: Duration,
    keys: Arc<KeySet>,
}

/// All issuers.
pub struct Issuers {
    all: Vec<Issuer>,
    verified: Mutex<HashMap<JwtHash, VerifiedJwt>>,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct UnverifiedClaims {
    iss: String,
}

impl Issuers {
    /// Reads the files that the settings name. Keys are fetched when they are needed.
    pub fn new(settings: &AuthSettings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let all = settings.issuers.iter().map(|issuer| {
            Issuer::new(issuer).with_context(|| format!("auth.issuers: {}", issuer.issuer))
        });
        let all = all.collect::<anyhow::Result<_>>()?;
        Ok(Self { all, verified: Mutex::default(), clock })
    }

    /// The caller whom a JWT names; an error says what is wrong with it.
    pub async fn verify(&self, text: &str) -> Result<Arc<CallerIdentity>, &'static str> {
        self.verify_at(text, Instant::now()).await
    }

    /// The issuer, by its number in the settings, for whose keys the verification of a JWT waits if
    /// it begins now.
    pub fn awaited_issuer(&self, text: &str) -> Option<usize> {
        let unverified = jsonwebtoken::dangerous::insecure_decode_claims::<UnverifiedClaims>(text);
        let name = unverified.ok()?.iss;
        let (number, issuer) =
            self.all.iter().enumerate().find(|(_, issuer)| issuer.name == name)?;
        issuer.would_wait(text, Instant::now()).then_some(number)
    }

    async fn verify_at(
        &self,
        text: &str,
        at: Instant,
    ) -> Result<Arc<CallerIdentity>, &'static str> {
        if self.all.is_empty() {
            return Err("it is no token of this installation, which begins with prt_");
        }
        let hash: JwtHash = Sha256::digest(text.as_bytes()).into();
        let now = self.clock.now();
        if let Some(known) = self.verified().get(&hash)
            && at.saturating_duration_since(known.verified_at) < VERIFIED_AGE
            && !known.identity.has_expired(now)
        {
            return Ok(Arc::clone(&known.identity));
        }
        let unverified: UnverifiedClaims = jsonwebtoken::dangerous::insecure_decode_claims(text)
            .map_err(
                |_| "it is neither a token of this installation, which begins with prt_, nor a JWT",
            )?;
        let issuer = self.all.iter().find(|issuer| issuer.name == unverified.iss);
        let identity =
            Arc::new(issuer.ok_or("its issuer is not known here")?.verify(text, at).await?);
        if identity.has_expired(now) {
            return Err("it has expired");
        }
        let mut verified = self.verified();
        if verified.len() >= MAX_VERIFIED_JWTS {
            verified
                .retain(|_, known| at.saturating_duration_since(known.verified_at) < VERIFIED_AGE);
            if verified.len() >= MAX_VERIFIED_JWTS {
                verified.clear();
            }
        }
        let fresh = VerifiedJwt { identity: Arc::clone(&identity), verified_at: at };
        verified.insert(hash, fresh);
        Ok(identity)
    }

    fn verified(&self) -> MutexGuard<'_, HashMap<JwtHash, VerifiedJwt>> {
        self.verified.lock()
    }
}

impl Issuer {
    fn new(settings: &IssuerSettings) -> anyhow::Result<Self> {
        let algorithms = settings
            .algorithms
            .iter()
            .map(|name| name.parse::<Algorithm>().map_err(|_| anyhow!("{name} is no algorithm")));
        let algorithms: Vec<Algorithm> = algorithms.collect::<anyhow::Result<_>>()?;
        let first = algorithms.first().copied().context("algorithms is empty")?;
        let mut validation = Validation::new(first);
        validation.algorithms = algorithms;
        validation.leeway = settings.leeway_seconds;
        validation.validate_nbf = true;
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&settings.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Ok(Self {
            name: settings.issuer.clone(),
            validation,
            mapping: settings.mapping().map_err(|problem| anyhow!(problem))?,
            leeway: Duration::from_secs(settings.leeway_seconds),
            keys: Arc::new(KeySet::new(settings)?),
        })
    }

    fn would_wait(&self, text: &str, at: Instant) -> bool {
        jsonwebtoken::decode_header(text).is_ok_and(|header| {
            self.validation.algorithms.contains(&header.alg)
                && self.keys.would_wait(header.kid.as_deref(), header.alg, at)
        })
    }

    async fn verify(&self, text: &str, at: Instant) -> Result<CallerIdentity, &'static str> {
        let header = jsonwebtoken::decode_header(text).map_err(|_| "it is no JWT")?;
        if !self.validation.algorithms.contains(&header.alg) {
            return Err("its algorithm is not allowed");
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg, at).await?;
        // One algorithm for each verification: the key says which family it is of.
        let validation = Validation { algorithms: vec![header.alg], ..self.validation.clone() };
        let token = jsonwebtoken::decode::<Value>(text, &key, &validation)
            .map_err(|error| refusal(error.kind()))?;
        self.identity(&token.claims)
    }

    fn identity(&self, claims: &Value) -> Result<CallerIdentity, &'static str> {
        let subject = claims.get("sub").and_then(Value::as_str);
        let subject = subject.filter(|subject| !subject.is_empty()).ok_or("it has no subject")?;
        let end = claims.get("exp").and_then(Value::as_f64).ok_or("it has no end")?;
        // Whole seconds of a time that the verification has accepted.
        let end = Timestamp::from_micros((end as i64).saturating_mul(1_000_000)) + self.leeway;
        let grants = self.mapping.grants(claims);
        if grants.is_empty() {
            return Err(match self.mapping.has_too_many_tenants(claims) {
                true => TOO_MANY_TENANTS,
                false => "no rule of this installation gives its holder a role",
            });
        }
        let principal = Principal::Subject { issuer: shown(&self.name), subject: shown(subject) };
        Ok(CallerIdentity { principal, grants, expire_time: Some(end) })
    }
}

/// A name as logs and records may have it. One that cannot be shown as it is has the hash of
/// the whole: two callers are never one.
fn shown(name: &str) -> String {
    let printable = name.chars().map(|letter| if is_unprintable(letter) { '?' } else { letter });
    let kept: String = printable.take(MAX_NAME_CHARACTERS).collect();
    if kept == name {
        return kept;
    }
    format!("{kept}… ({} bytes, SHA-256 {})", name.len(), hex::encode(Sha256::digest(name)))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others are told alike")]
fn refusal(kind: &jsonwebtoken::errors::ErrorKind) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match kind {
        ErrorKind::ExpiredSignature => "it has expired",
        ErrorKind::ImmatureSignature => "it is not valid yet",
        ErrorKind::InvalidAudience => "it is for another audience",
        ErrorKind::MissingRequiredClaim(_) => "it lacks a claim: exp, iss, aud or sub",
        ErrorKind::InvalidSignature => "its signature is wrong",
        _ => "it cannot be verified",
    }
}

#[cfg(test)]
mod tests;
