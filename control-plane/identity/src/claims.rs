//! From the claims of a verified JWT to grants, by rules of the configuration.
//!
//! Fed by the settings with rules and by the verifier with claims; feeds the caller's
//! grants. Guarantees that a claim grants only what a rule says, that what is not as
//! expected grants nothing, and that a list of tenants is never taken for all of them.

use std::collections::BTreeSet;

use postrider_domain::ids::TenantId;
use serde_json::Value;

use crate::grant::{Grant, GrantScope, MAX_GRANT_TENANTS, MAX_GRANTS};
use crate::role::Role;

/// One rule: who has this claim with this value has this role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRule {
    /// The claim's path: a name, or names with dots between.
    pub claim: String,
    /// What it must be, or what must be among its values; absent: anything but nothing.
    pub value: Option<String>,
    pub role: Role,
    /// Where the role holds.
    pub scope: ClaimScope,
}

/// Where a rule's role holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimScope {
    Fixed(GrantScope),
    /// In the tenants that another claim names.
    TenantsOf(String),
}

/// Why a rule was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimMappingError {
    #[error("must name the tenants, a tenants_claim, or installation = true, and one of them")]
    Scope,
    #[error("the tenant \"{0}\" is no tenant's id")]
    Tenant(String),
}

impl ClaimScope {
    /// Reads a scope, of which exactly one form must be given.
    pub fn read(
        installation: bool,
        tenants: &[String],
        tenants_claim: &str,
    ) -> Result<Self, ClaimMappingError> {
        match (installation, tenants, tenants_claim) {
            (true, [], "") => Ok(Self::Fixed(GrantScope::Installation)),
            (false, [], claim) if !claim.is_empty() => Ok(Self::TenantsOf(claim.to_owned())),
            (false, [_, ..], "") => {
                let parsed = tenants
                    .iter()
                    .map(|text| text.parse().map_err(|_| ClaimMappingError::Tenant(text.clone())));
                Ok(Self::Fixed(GrantScope::Tenants(parsed.collect::<Result<_, _>>()?)))
            }
            _ => Err(ClaimMappingError::Scope),
        }
    }
}

/// All rules of one issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimMapping(pub Vec<ClaimRule>);

impl ClaimMapping {
    /// What the rules grant to these claims.
    pub fn grants(&self, claims: &Value) -> Vec<Grant> {
        let granted = self.0.iter().filter_map(|rule| rule.grant(claims));
        granted.take(MAX_GRANTS).collect()
    }

    /// Whether a rule grants nothing only because a claim names more tenants than a grant may
    /// have.
    pub fn has_too_many_tenants(&self, claims: &Value) -> bool {
        self.0.iter().any(|rule| rule.has_too_many_tenants(claims))
    }
}

impl ClaimRule {
    fn grant(&self, claims: &Value) -> Option<Grant> {
        let scope = match &self.scope {
            ClaimScope::Fixed(scope) => scope.clone(),
            ClaimScope::TenantsOf(path) => GrantScope::Tenants(tenants(claim(claims, path)?)?),
        };
        self.applies(claims).then_some(Grant { role: self.role, scope })
    }

    fn applies(&self, claims: &Value) -> bool {
        let Some(value) = claim(claims, &self.claim) else { return false };
        let found = texts(&self.claim, value);
        match &self.value {
            Some(wanted) => found.contains(&wanted.as_str()),
            None => !found.is_empty(),
        }
    }

    fn has_too_many_tenants(&self, claims: &Value) -> bool {
        let ClaimScope::TenantsOf(path) = &self.scope else { return false };
        let named = claim(claims, path).and_then(Value::as_array);
        named.is_some_and(|named| named.len() > MAX_GRANT_TENANTS) && self.applies(claims)
    }
}

/// The value at a path. A name that contains dots is tried whole first, as in
/// `kubernetes.io`.
fn claim<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = claims.get(path) {
        return Some(found);
    }
    let dots = path.match_indices('.').map(|(at, _)| at);
    dots.filter_map(|at| path.split_at_checked(at))
        .find_map(|(first, rest)| claim(claims.get(first)?, rest.strip_prefix('.')?))
}

/// The texts of a claim: one, those of a list, or the words of a scope, which is the one
/// claim that has its values in a text with spaces between them (RFC 8693, 4.2; `scp` is
/// the name that some issuers give it).
fn texts<'a>(path: &str, value: &'a Value) -> Vec<&'a str> {
    let is_scope = matches!(path.rsplit('.').next(), Some("scope" | "scp"));
    match value {
        Value::String(text) if is_scope => {
            text.split(' ').filter(|word| !word.is_empty()).collect()
        }
        Value::String(text) => {
            std::iter::once(text.as_str()).filter(|text| !text.is_empty()).collect()
        }
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The tenants that a claim names: none if one of them is no tenant's id.
fn tenants(value: &Value) -> Option<BTreeSet<TenantId>> {
    let named: Vec<&str> = match value {
        Value::String(text) => vec![text],
        Value::Array(all) => all.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    let tenants: BTreeSet<TenantId> =
        named.into_iter().map(|text| text.parse().ok()).collect::<Option<_>>()?;
    (1..=MAX_GRANT_TENANTS).contains(&tenants.len()).then_some(tenants)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(claim: &str, value: Option<&str>, scope: ClaimScope) -> ClaimRule {
        let value = value.map(str::to_owned);
        ClaimRule { claim: claim.to_owned(), value, role: Role::Reader, scope }
    }

    fn granted(rule: ClaimRule, claims: &Value) -> Option<GrantScope> {
        let grants = ClaimMapping(vec![rule]).grants(claims);
        assert!(grants.len() < 2);
        grants.into_iter().next().map(|grant| grant.scope)
    }

    #[test]
    fn a_claim_is_a_text_a_list_or_words() {
        let everywhere = || ClaimScope::Fixed(GrantScope::Installation);
        let all = Some(GrantScope::Installation);
        for claims in [json!({"groups": "ops"}), json!({"groups": ["dev", "ops"]})] {
            assert_eq!(granted(rule("groups", Some("ops"), everywhere()), &claims), all);
            assert_eq!(granted(rule("groups", Some("op"), everywhere()), &claims), None);
            assert_eq!(granted(rule("groups", None, everywhere()), &claims), all);
        }
        for claim in ["scope", "scp", "realm.scope"] {
            let words = json!({"scope": "dev ops", "scp": "dev ops", "realm": {"scope": "ops"}});
            assert_eq!(granted(rule(claim, Some("ops"), everywhere()), &words), all, "{claim}");
        }
        // What users choose, such as a name, must not become a role by one of its words.
        for claim in ["groups", "sub", "scope.sub"] {
            let words = json!({"groups": "dev ops", "sub": "a ops", "scope": {"sub": "a ops"}});
            assert_eq!(granted(rule(claim, Some("ops"), everywhere()), &words), None, "{claim}");
        }
        for claims in [json!({}), json!({"groups": 7}), json!({"groups": []}), json!([])] {
            assert_eq!(granted(rule("groups", None, everywhere()), &claims), None, "{claims}");
        }
    }

    #[test]
    fn paths_go_into_objects_and_names_may_have_dots() {
        let everywhere = || ClaimScope::Fixed(GrantScope::Installation);
        let claims = json!({"kubernetes.io": {"serviceaccount": {"name": "billing"}}});
        let path = "kubernetes.io.serviceaccount.name";
        let all = Some(GrantScope::Installation);
        assert_eq!(granted(rule(path, Some("billing"), everywhere()), &claims), all);
        assert_eq!(granted(rule(path, Some("other"), everywhere()), &claims), None);
        assert_eq!(granted(rule("kubernetes.io.x", None, everywhere()), &claims), None);
    }

    #[test]
    fn tenants_of_a_claim_are_all_valid_or_none() {
        let by_claim = || ClaimScope::TenantsOf("tenants".to_owned());
        let scope = |claims: Value| granted(rule("sub", None, by_claim()), &claims);
        let one = Some(GrantScope::tenant("acme".parse().unwrap()));
        assert_eq!(scope(json!({"sub": "x", "tenants": "acme"})), one);
        assert_eq!(scope(json!({"sub": "x", "tenants": ["acme"]})), one);
        for none in [json!([]), json!(""), json!("*"), json!(["acme", "-"]), json!(1), json!(null)]
        {
            assert_eq!(scope(json!({"sub": "x", "tenants": none})), None, "{none}");
        }
        assert_eq!(scope(json!({"sub": "x"})), None);
    }

    #[test]
    fn a_claim_with_too_many_tenants_is_told_apart() {
        let names = |count: usize| (0..count).map(|n| format!("t{n}")).collect::<Vec<_>>();
        let by_claim = ClaimScope::TenantsOf("tenants".to_owned());
        let mapping = ClaimMapping(vec![rule("groups", Some("ops"), by_claim)]);
        let tell = |group: &str, count: usize| {
            let claims = json!({"groups": group, "tenants": names(count)});
            (mapping.grants(&claims).len(), mapping.has_too_many_tenants(&claims))
        };
        assert_eq!(tell("ops", MAX_GRANT_TENANTS), (1, false));
        assert_eq!(tell("ops", MAX_GRANT_TENANTS + 1), (0, true));
        assert_eq!(tell("dev", MAX_GRANT_TENANTS + 1), (0, false), "no rule applies");
    }

    #[test]
    fn a_scope_is_given_in_one_form() {
        let acme = ["acme".to_owned()];
        assert!(ClaimScope::read(true, &[], "").is_ok());
        assert!(ClaimScope::read(false, &acme, "").is_ok());
        assert!(ClaimScope::read(false, &[], "tenants").is_ok());
        for bad in [
            ClaimScope::read(false, &[], ""),
            ClaimScope::read(true, &acme, ""),
            ClaimScope::read(true, &[], "tenants"),
            ClaimScope::read(false, &acme, "tenants"),
        ] {
            assert_eq!(bad, Err(ClaimMappingError::Scope));
        }
        let bad = ClaimScope::read(false, &["*".to_owned()], "");
        assert_eq!(bad, Err(ClaimMappingError::Tenant("*".to_owned())));
    }
}
