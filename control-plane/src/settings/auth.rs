//! The `[auth]` settings: which credentials callers may show.
//!
//! Fed by the settings as they were read; feeds `callers` with rules. Guarantees that
//! every rule is checked before a port is opened, and that only asymmetric algorithms
//! count.

use postrider_domain::ids::TenantId;
use postrider_identity::{ClaimMapping, ClaimRule, ClaimScope, Grant, GrantScope, Role};
use postrider_settings::SettingsError;
use serde::Deserialize;

use super::identities::rules;

const ISSUERS: &str = "auth.issuers";
const CERTIFICATES: &str = "auth.certificates";
const MAX_LEEWAY_SECONDS: u64 = 300;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    pub bootstrap_token_file: String,
    pub open_reflection: bool,
    #[serde(deserialize_with = "rules")]
    pub certificates: Vec<CallerCertificateSettings>,
    #[serde(deserialize_with = "rules")]
    pub issuers: Vec<IssuerSettings>,
}

/// Who shows a certificate with this name has these roles.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerCertificateSettings {
    pub name: String,
    pub roles: Vec<String>,
    #[serde(default)]
    pub installation: bool,
    #[serde(default)]
    pub tenants: Vec<String>,
}

/// One issuer of JWTs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    pub issuer: String,
    pub audiences: Vec<String>,
    #[serde(default)]
    pub jwks_url: String,
    #[serde(default)]
    pub jwks_file: String,
    #[serde(default)]
    pub ca_file: String,
    #[serde(default)]
    pub bearer_token_file: String,
    #[serde(default = "usual_algorithms")]
    pub algorithms: Vec<String>,
    #[serde(default = "usual_leeway")]
    pub leeway_seconds: u64,
    pub rules: Vec<ClaimRuleSettings>,
}

/// Whose claims are like this has this role.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRuleSettings {
    pub claim: String,
    #[serde(default)]
    pub value: Option<String>,
    pub role: String,
    #[serde(default)]
    pub installation: bool,
    #[serde(default)]
    pub tenants: Vec<String>,
    #[serde(default)]
    pub tenants_claim: String,
}

/// Those that a public key verifies.
pub const ASYMMETRIC_ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

fn usual_algorithms() -> Vec<String> {
    ["RS256", "ES256"].map(str::to_owned).to_vec()
}

const fn usual_leeway() -> u64 {
    60
}

impl AuthSettings {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        for rule in &self.certificates {
            rule.grants().map_err(|problem| SettingsError::value(CERTIFICATES, problem))?;
        }
        for issuer in &self.issuers {
            issuer.check().map_err(|problem| SettingsError::value(ISSUERS, problem))?;
        }
        let mut names: Vec<_> = self.issuers.iter().map(|issuer| &issuer.issuer).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| matches!(pair, [left, right] if left == right)) {
            return Err(SettingsError::value(ISSUERS, "an issuer stands there twice"));
        }
        Ok(())
    }
}

impl CallerCertificateSettings {
    /// What the certificate's holder may do.
    pub fn grants(&self) -> Result<Vec<Grant>, &'static str> {
        if self.name.is_empty() {
            return Err("each must have a name: a URI, a DNS name, or CN= and a common name");
        }
        let scope = match (self.installation, self.tenants.as_slice()) {
            (true, []) => GrantScope::Installation,
            (false, [_, ..]) => {
                let tenants = self.tenants.iter().map(|text| text.parse::<TenantId>().ok());
                let tenants = tenants.collect::<Option<_>>();
                GrantScope::Tenants(tenants.ok_or("tenants must be tenants' ids")?)
            }
            _ => return Err("each must have either tenants or installation = true"),
        };
        let role = |text: &String| Some(Grant { role: text.parse().ok()?, scope: scope.clone() });
        let grants: Option<Vec<Grant>> = self.roles.iter().map(role).collect();
        let grants = grants.ok_or("roles must be names of roles")?;
        Grant::check_all(&grants).map_err(|_| "each must have roles and tenants, within bounds")?;
        Ok(grants)
    }
}

impl IssuerSettings {
    fn check(&self) -> Result<(), &'static str> {
        if self.issuer.is_empty() || self.audiences.iter().all(String::is_empty) {
            return Err("each must have an issuer and audiences");
        }
        if self.jwks_url.is_empty() == self.jwks_file.is_empty() {
            return Err("each must have either jwks_url or jwks_file");
        }
        if !self.jwks_url.is_empty() && !is_https_or_loopback(&self.jwks_url) {
            return Err("jwks_url must begin with https://, or name this machine");
        }
        let known = |name: &String| ASYMMETRIC_ALGORITHMS.contains(&name.as_str());
        if self.algorithms.is_empty() || !self.algorithms.iter().all(known) {
            return Err("algorithms must be some of RS256 to RS512, PS256 to PS512, ES256, ES384 \
                        and EdDSA");
        }
        if self.leeway_seconds > MAX_LEEWAY_SECONDS {
            return Err("leeway_seconds must be at most 300");
        }
        if self.rules.is_empty() {
            return Err("each must have rules: without them nobody may do anything");
        }
        self.mapping().map(|_| ())
    }

    /// From claims to grants.
    pub fn mapping(&self) -> Result<ClaimMapping, &'static str> {
        let rules = self.rules.iter().map(ClaimRuleSettings::rule);
        Ok(ClaimMapping(rules.collect::<Result<_, _>>()?))
    }
}

impl ClaimRuleSettings {
    fn rule(&self) -> Result<ClaimRule, &'static str> {
        if self.claim.is_empty() {
            return Err("each rule must have a claim");
        }
        let scope = ClaimScope::read(self.installation, &self.tenants, &self.tenants_claim);
        let scope = scope.map_err(
            |_| "each rule must have one of tenants, tenants_claim and installation = true",
        )?;
        let role: Role = self.role.parse().map_err(|_| "role must be the name of a role")?;
        Ok(ClaimRule { claim: self.claim.clone(), value: self.value.clone(), role, scope })
    }
}

/// Plain HTTP stays on this machine.
pub(super) fn is_https_or_loopback(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let plain = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => return false,
    };
    url.username().is_empty() && (url.scheme() == "https" || (url.scheme() == "http" && plain))
}

#[cfg(test)]
mod tests {
    use crate::settings::Settings;

    fn said(text: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postrider.toml");
        std::fs::write(&path, text).unwrap();
        Settings::load(Some(&path), &[])
            .map(|_| ())
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    }

    const RULE: &str =
        r#"rules = [{claim = "groups", value = "ops", role = "operator", installation = true}]"#;

    #[test]
    fn an_issuer_is_read_and_checked() {
        let issuer = |more: &str, rules: &str| {
            said(&format!(
                "[[auth.issuers]]\nissuer = \"https://id.example\"\naudiences = [\"postrider\"]\n\
                 {more}\n{rules}\n"
            ))
        };
        let url = r#"jwks_url = "https://id.example/keys""#;
        assert_eq!(issuer(url, RULE), "");
        assert_eq!(issuer("jwks_url = \"http://127.0.0.1:1/keys\"", RULE), "");
        assert_eq!(issuer("jwks_file = \"keys.json\"\nalgorithms = [\"EdDSA\"]", RULE), "");
        for (wrong, told) in [
            (issuer("", RULE), "either jwks_url or jwks_file"),
            (issuer("jwks_url = \"http://id.example/keys\"", RULE), "https://"),
            (issuer("jwks_url = \"http://127.0.0.1.example/keys\"", RULE), "https://"),
            (issuer(&format!("{url}\nalgorithms = [\"HS256\"]"), RULE), "algorithms"),
            (issuer(&format!("{url}\nalgorithms = [\"none\"]"), RULE), "algorithms"),
            (issuer(&format!("{url}\nleeway_seconds = 301"), RULE), "leeway_seconds"),
            (issuer(url, "rules = []"), "rules"),
            (issuer(url, r#"rules = [{claim = "a", role = "root", installation = true}]"#), "role"),
            (issuer(url, r#"rules = [{claim = "a", role = "reader"}]"#), "tenants_claim"),
        ] {
            assert!(wrong.starts_with("auth.issuers") && wrong.contains(told), "{told}: {wrong}");
        }
    }

    #[test]
    fn a_certificate_has_roles_somewhere() {
        let rule = |more: &str| said(&format!("[[auth.certificates]]\nname = \"CN=x\"\n{more}\n"));
        assert_eq!(rule("roles = [\"reader\"]\ntenants = [\"acme\"]"), "");
        assert_eq!(rule("roles = [\"administrator\"]\ninstallation = true"), "");
        for wrong in [
            rule("roles = [\"reader\"]"),
            rule("roles = []\ninstallation = true"),
            rule("roles = [\"root\"]\ninstallation = true"),
            rule("roles = [\"reader\"]\ntenants = [\"*\"]"),
            rule("roles = [\"reader\"]\ntenants = [\"acme\"]\ninstallation = true"),
        ] {
            assert!(wrong.starts_with("auth.certificates"), "{wrong}");
        }
    }
}
