//! Who calls: from a credential to a caller.
//!
//! Fed by the layer with a request's headers and its connection; feeds it the caller's
//! identity. Guarantees that a call has one credential, verified: a token, a JWT of an
//! issuer that the configuration names, or a client certificate that it maps.
//!
//! - `certificates`: the names in a certificate. `issuers`: JWTs and their keys. `sign_in`: the
//!   way of a browser to an issuer and back.

mod certificates;
pub mod fuzzing;
mod issuers;
mod sign_in;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use http::{Extensions, HeaderMap, header::AUTHORIZATION};
use postrider_identity::{
    CallerIdentity, Grant, GrantScope, Principal, Role, TokenHash, TokenId, TokenText,
};
use postrider_store::StoreError;

use self::certificates::CertificateRule;
use self::issuers::Issuers;
pub use self::sign_in::{PendingSignIn, SignInProvider};
use crate::clock::Clock;
use crate::settings::{Settings, warn_if_open_to_others};
use crate::state::tokens::{TokenRefusal, Tokens};

/// Longest credential that is looked at. A JWT with many groups has 8 KiB; HTTP/2 headers
/// are 16 KiB by default.
const MAX_CREDENTIAL_BYTES: usize = 16 * 1024;

/// Why a call has no caller.
#[derive(Debug, thiserror::Error)]
pub enum CredentialRefusal {
    #[error("a credential is required: \"authorization: Bearer …\", or a client certificate")]
    Missing,
    #[error("the credential is not valid: {0}")]
    Invalid(&'static str),
    /// Nobody can say now.
    #[error("the credential cannot be checked now: {0}")]
    Unavailable(StoreError),
}

impl From<TokenRefusal> for CredentialRefusal {
    fn from(refusal: TokenRefusal) -> Self {
        match refusal {
            TokenRefusal::Unknown => Self::Invalid("there is no such token"),
            TokenRefusal::Ended => Self::Invalid("the token has expired or was revoked"),
            TokenRefusal::Store(error) => Self::Unavailable(error),
        }
    }
}

/// The caller of a call that a session of the console makes, among its extensions, where nothing
/// that comes from outside can be.
#[derive(Clone, Debug)]
pub struct SessionCaller(pub Arc<CallerIdentity>);

/// A token that a file holds, so that there is a first administrator.
struct BootstrapToken {
    id: TokenId,
    hash: TokenHash,
    identity: Arc<CallerIdentity>,
}

struct AuthenticatorShared {
    /// Whoever calls when no credentials are asked for.
    anybody: Option<Arc<CallerIdentity>>,
    bootstrap: Option<BootstrapToken>,
    certificates: Vec<CertificateRule>,
    issuers: Issuers,
    tokens: Tokens,
    clock: Arc<dyn Clock>,
}

/// Finds out who calls. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator(Arc<AuthenticatorShared>);

impl Authenticator {
    /// Reads the files that the settings name.
    pub fn new(settings: &Settings, tokens: Tokens, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let anybody =
            settings.server.insecure_no_auth.then(|| Arc::new(CallerIdentity::unchecked()));
        let file = &settings.auth.bootstrap_token_file;
        let bootstrap = match file.is_empty() {
            true => None,
            false => Some(read_bootstrap(Path::new(file)).context("auth.bootstrap_token_file")?),
        };
        Ok(Self(Arc::new(AuthenticatorShared {
            anybody,
            bootstrap,
            certificates: CertificateRule::read(&settings.auth)?,
            issuers: Issuers::new(&settings.auth, Arc::clone(&clock))?,
            tokens,
            clock,
        })))
    }

    /// The caller whom a request's credential names.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        connection: &Extensions,
    ) -> Result<Arc<CallerIdentity>, CredentialRefusal> {
        if let Some(anybody) = &self.0.anybody {
            return Ok(Arc::clone(anybody));
        }
        if let Some(SessionCaller(session)) = connection.get() {
            return self.of_session(session).await;
        }
        match bearer(headers)? {
            Some(text) => self.by_bearer(text).await,
            None => {
                let found = certificates::find(&self.0.certificates, connection);
                let found = found.ok_or(CredentialRefusal::Missing)?;
                // It was valid at the handshake, and the connection may be old.
                match found.has_expired(self.0.clock.now()) {
                    true => Err(CredentialRefusal::Invalid("the certificate has expired")),
                    false => Ok(found),
                }
            }
        }
    }

    async fn by_bearer(&self, text: &str) -> Result<Arc<CallerIdentity>, CredentialRefusal> {
        if !TokenText::is_like(text) {
            return self.0.issuers.verify(text).await.map_err(CredentialRefusal::Invalid);
        }
        let (id, hash) =
            TokenText::read(text).map_err(|_| CredentialRefusal::Invalid("it is no token"))?;
        if let Some(bootstrap) = &self.0.bootstrap
            && bootstrap.id == id
        {
            return match bootstrap.hash.matches(&hash) {
                true => Ok(Arc::clone(&bootstrap.identity)),
                false => Err(TokenRefusal::Unknown.into()),
            };
        }
        Ok(self.0.tokens.verify(&id, &hash).await?)
    }

    /// Whether nobody is asked for a credential.
    pub fn asks_for_nothing(&self) -> bool {
        self.0.anybody.is_some()
    }

    /// The caller who signs in with a token or a JWT.
    pub async fn sign_in(&self, text: &str) -> Result<Arc<CallerIdentity>, CredentialRefusal> {
        if let Some(anybody) = &self.0.anybody {
            return Ok(Arc::clone(anybody));
        }
        if text.len() > MAX_CREDENTIAL_BYTES {
            return Err(CredentialRefusal::Invalid("it is too long"));
        }
        self.by_bearer(text).await
    }

    /// The issuer, by its number in the settings, for whose keys [`Authenticator::sign_in`] waits
    /// if it is called now.
    pub fn awaited_issuer(&self, text: &str) -> Option<usize> {
        let may_be_jwt = self.0.anybody.is_none()
            && text.len() <= MAX_CREDENTIAL_BYTES
            && !TokenText::is_like(text);
        if may_be_jwt { self.0.issuers.awaited_issuer(text) } else { None }
    }

    /// The caller who began a session, if the credential with which he did still counts.
    pub async fn of_session(
        &self,
        session: &Arc<CallerIdentity>,
    ) -> Result<Arc<CallerIdentity>, CredentialRefusal> {
        if let Some(anybody) = &self.0.anybody {
            return Ok(Arc::clone(anybody));
        }
        match &session.principal {
            Principal::Unknown | Principal::Certificate(_) => {
                Err(CredentialRefusal::Invalid("the session was begun without one"))
            }
            Principal::Token(_) | Principal::PortalToken(_) | Principal::Subject { .. } => {
                self.is_still_valid(session).await?;
                Ok(Arc::clone(session))
            }
        }
    }

    /// Whether a caller whose call goes on may still call.
    pub async fn is_still_valid(&self, identity: &CallerIdentity) -> Result<(), CredentialRefusal> {
        if identity.has_expired(self.0.clock.now()) {
            return Err(CredentialRefusal::Invalid("it has expired"));
        }
        let bootstrap = self.0.bootstrap.as_ref().map(|bootstrap| &bootstrap.id);
        match &identity.principal {
            Principal::Token(id) if bootstrap == Some(id) => Ok(()),
            Principal::Token(id) | Principal::PortalToken(id) => {
                Ok(self.0.tokens.require_valid(id).await?)
            }
            Principal::Subject { .. } | Principal::Certificate(_) | Principal::Unknown => Ok(()),
        }
    }
}

/// The bearer token, if there is a credential in the headers.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, CredentialRefusal> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(CredentialRefusal::Invalid("there are several"));
    }
    if value.len() > MAX_CREDENTIAL_BYTES {
        return Err(CredentialRefusal::Invalid("it is too long"));
    }
    let text = value.to_str().ok().and_then(|text| text.split_once(' '));
    match text {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() => {
            Ok(Some(token.trim()))
        }
        _ => Err(CredentialRefusal::Invalid("it is no bearer token")),
    }
}

fn read_bootstrap(path: &Path) -> anyhow::Result<BootstrapToken> {
    warn_if_open_to_others(path);
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (id, hash) = TokenText::read(text.trim()).map_err(|error| {
        anyhow::anyhow!("{}: {error}: prt_, 20 hexadecimal digits, _, 64 more", path.display())
    })?;
    let grants = vec![Grant { role: Role::Administrator, scope: GrantScope::Installation }];
    let principal = Principal::Token(id.clone());
    let identity = Arc::new(CallerIdentity { principal, grants, expire_time: None });
    Ok(BootstrapToken { id, hash, identity })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Option<String>, CredentialRefusal> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        bearer(&headers).map(|found| found.map(str::to_owned))
    }

    #[test]
    fn a_call_has_one_bearer_token() {
        assert!(matches!(read(&[]), Ok(None)));
        for good in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c "] {
            assert_eq!(read(&[good]).unwrap().unwrap(), "a.b.c");
        }
        for bad in ["", "Bearer", "Bearer ", "Basic abc", "a.b.c"] {
            assert!(matches!(read(&[bad]), Err(CredentialRefusal::Invalid(_))), "{bad}");
        }
        assert!(read(&["Bearer a", "Bearer b"]).is_err());
        assert!(read(&[&format!("Bearer {}", "a".repeat(MAX_CREDENTIAL_BYTES))]).is_err());
    }
}
