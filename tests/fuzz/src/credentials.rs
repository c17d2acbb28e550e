//! What callers show: bearer tokens, JWTs, and the keys and claims of issuers.

use std::sync::LazyLock;

use postrider::api::fuzzing::FUZZED_TIME;
use postrider::callers::fuzzing::{JwtVerifier, count_keys, read_bearer};
use postrider::clock::SystemClock;
use postrider::settings::Settings;
use postrider_domain::ids::TenantId;
use postrider_identity::{
    ClaimMapping, ClaimRule, ClaimScope, GrantScope, MAX_GRANT_TENANTS, MAX_GRANTS, Role, TokenId,
    TokenText,
};
use tempfile::NamedTempFile;

use crate::runtime::block_on;
use crate::target::texts;

/// The public half of the key of RFC 7515, appendix A.3.
pub const KEY_SET: &str = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a3\",\"alg\":\
     \"ES256\",\"use\":\"sig\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\
     \"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
/// As `control-plane/src/callers/issuers/key_set.rs` has it.
const MAX_KEYS: usize = 64;

static VERIFIER: LazyLock<(JwtVerifier, NamedTempFile)> = LazyLock::new(|| {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), KEY_SET).expect("a file");
    let text = format!(
        "[[auth.issuers]]\nissuer = \"https://issuer.example\"\naudiences = [\"postrider\"]\n\
         jwks_file = {:?}\nalgorithms = [\"ES256\"]\n\
         rules = [{{ claim = \"sub\", role = \"reader\", installation = true }}]\n",
        file.path()
    );
    let settings = Settings::parse(&text, std::iter::empty()).expect("the example");
    let clock = SystemClock::starting_at(FUZZED_TIME);
    (JwtVerifier::new(&settings.auth, clock).expect("the example"), file)
});

/// The value of an `authorization` header. Nothing is a caller that was not signed.
pub fn bearers(data: &[u8]) {
    let Some(text) = read_bearer(data) else { return };
    if let Ok((id, hash)) = TokenText::read(&text) {
        assert!(TokenText::is_like(&text));
        assert_eq!(TokenId::parse(id.as_str()), Some(id));
        assert!(hash.matches(&hash) && !format!("{hash:?}").contains(&text));
    }
    let verified = block_on(VERIFIER.0.verify(&text));
    assert!(verified.is_err(), "a caller by a JWT that nobody signed");
}

/// The key set of an issuer.
pub fn key_sets(data: &[u8]) {
    assert!(count_keys(data).is_none_or(|count| count <= MAX_KEYS));
}

/// The claims of a JWT that was signed.
pub fn claims(data: &[u8]) {
    let Ok(claims) = serde_json::from_slice::<serde_json::Value>(data) else { return };
    let rule = |claim: &str, value: Option<&str>, role, scope| ClaimRule {
        claim: claim.to_owned(),
        value: value.map(str::to_owned),
        role,
        scope,
    };
    let everywhere = || ClaimScope::Fixed(GrantScope::Installation);
    let of_tenants = || ClaimScope::TenantsOf("tenants".to_owned());
    let mapping = ClaimMapping(vec![
        rule("groups", Some("ops"), Role::Operator, everywhere()),
        rule("kubernetes.io.serviceaccount.name", None, Role::Publisher, of_tenants()),
        rule("sub", None, Role::Reader, of_tenants()),
    ]);
    let grants = mapping.grants(&claims);
    assert!(grants.len() <= MAX_GRANTS);
    for grant in grants {
        match &grant.scope {
            GrantScope::Installation => {
                assert_eq!(grant.role, Role::Operator, "a list of tenants was taken for all");
                assert!(claims.get("groups").is_some());
            }
            GrantScope::Tenants(tenants) => {
                assert!((1..=MAX_GRANT_TENANTS).contains(&tenants.len()));
                let is_id = |tenant: &TenantId| tenant.as_str().parse::<TenantId>().is_ok();
                assert!(tenants.iter().all(is_id));
            }
        }
    }
}

pub fn bearer_texts() -> Vec<Vec<u8>> {
    let token = format!("Bearer prt_{}_{}", "0a".repeat(10), "b1".repeat(32));
    let mut all = texts(&[
        // {"alg":"ES256","kid":"a3"}, {"iss":"https://issuer.example","sub":"x",
        // "aud":"postrider","exp":9999999999}, and a signature of zeros.
        "Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6ImEzIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic\
         3ViIjoieCIsImF1ZCI6InBvc3RyaWRlciIsImV4cCI6OTk5OTk5OTk5OX0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
         AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        // The same with {"alg":"none"}.
        "bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoieCIsImF1Z\
         CI6InBvc3RyaWRlciIsImV4cCI6OTk5OTk5OTk5OX0.",
        "Basic dXNlcjpwYXNzd29yZA==",
        "Bearer  ",
    ]);
    all.push(token.into_bytes());
    all
}

pub fn key_set_texts() -> Vec<Vec<u8>> {
    texts(&[
        KEY_SET,
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"},{\"kty\":\"oct\",\"k\":\"c2\"},\
         {\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}",
    ])
}

pub fn claim_texts() -> Vec<Vec<u8>> {
    texts(&[
        "{\"sub\":\"x\",\"tenants\":[\"acme\",\"globex\"],\"groups\":\"dev ops\"}",
        "{\"sub\":\"x\",\"tenants\":\"acme\",\"groups\":[\"ops\",7]}",
        "{\"kubernetes.io\":{\"serviceaccount\":{\"name\":\"billing\"}},\"tenants\":[\"-\"]}",
    ])
}
