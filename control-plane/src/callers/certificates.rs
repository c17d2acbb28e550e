//! Callers' client certificates, by the names that the configuration maps.
//!
//! Fed by the connection with the names of a certificate whose chain TLS has verified;
//! feeds the authenticator. Guarantees that a certificate which no rule names is no caller.

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::anyhow;
use http::Extensions;
use postrider_domain::time::Timestamp;
use postrider_identity::{CallerIdentity, Grant, Principal};
use postrider_tls::CertificateNames;

use crate::listeners::ConnectionPeer;
use crate::settings::AuthSettings;

/// Before a common name.
const COMMON_NAME_MARK: &str = "CN=";

/// What the holder of a certificate may do.
pub struct CertificateRule {
    name: String,
    grants: Vec<Grant>,
}

impl CertificateRule {
    pub fn read(settings: &AuthSettings) -> anyhow::Result<Vec<Self>> {
        let rules = settings.certificates.iter().map(|rule| {
            let grants =
                rule.grants().map_err(|problem| anyhow!("auth.certificates: {problem}"))?;
            Ok(Self { name: comparable(&rule.name), grants })
        });
        rules.collect()
    }
}

/// The caller whom the connection's certificate names: everything that a rule gives to
/// one of its names.
pub fn find(rules: &[CertificateRule], connection: &Extensions) -> Option<Arc<CallerIdentity>> {
    let certificate = connection.get::<ConnectionPeer>()?.certificate.as_deref()?;
    let names = names(certificate);
    let mut matching = rules.iter().filter(|rule| names.contains(&rule.name)).peekable();
    let principal = Principal::Certificate(matching.peek()?.name.clone());
    let grants = matching.flat_map(|rule| rule.grants.iter().cloned()).collect();
    let expire_time = Some(end(certificate));
    Some(Arc::new(CallerIdentity { principal, grants, expire_time }))
}

/// A rule's name as [`names`] has it: the case of a DNS name means nothing, that of a URI
/// and of a common name does.
fn comparable(name: &str) -> String {
    match name.contains(':') || name.starts_with(COMMON_NAME_MARK) {
        true => name.to_owned(),
        false => name.to_ascii_lowercase(),
    }
}

/// A certificate's names, as rules are written.
fn names(certificate: &CertificateNames) -> Vec<String> {
    let mut names = certificate.uris.clone();
    names.extend(certificate.dns_names.iter().map(|name| name.to_ascii_lowercase()));
    names.extend(certificate.common_name.iter().map(|name| format!("{COMMON_NAME_MARK}{name}")));
    names
}

fn end(certificate: &CertificateNames) -> Timestamp {
    let end = certificate.not_after.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(end.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use postrider_identity::{GrantScope, Role};

    use super::*;

    fn connection(certificate: Option<CertificateNames>) -> Extensions {
        let mut connection = Extensions::new();
        let address = ([127, 0, 0, 1], 1).into();
        let certificate = certificate.map(Arc::new);
        connection.insert(ConnectionPeer::new(address, certificate));
        connection
    }

    #[test]
    fn the_case_of_a_rule_counts_where_that_of_the_name_does() {
        assert_eq!(comparable("Billing.Example"), "billing.example");
        assert_eq!(comparable("CN=Billing"), "CN=Billing");
        assert_eq!(comparable("spiffe://bank.example/Billing"), "spiffe://bank.example/Billing");
    }

    #[test]
    fn a_certificate_has_what_rules_give_to_its_names() {
        let rule = |name: &str, role| {
            let grants = vec![Grant { role, scope: GrantScope::Installation }];
            CertificateRule { name: name.to_owned(), grants }
        };
        let rules = [
            rule("billing.example", Role::Publisher),
            rule("CN=billing", Role::Reader),
            rule("spiffe://bank.example/billing", Role::Operator),
            rule("CN=another", Role::Administrator),
        ];
        let mut shown = CertificateNames {
            uris: vec!["spiffe://bank.example/billing".to_owned()],
            dns_names: vec!["Billing.Example".to_owned()],
            common_name: Some("billing".to_owned()),
            subject: "CN=billing".to_owned(),
            not_after: SystemTime::UNIX_EPOCH + Duration::from_secs(7),
        };
        let caller = find(&rules, &connection(Some(shown.clone()))).unwrap();
        let roles: Vec<_> = caller.grants.iter().map(|grant| grant.role).collect();
        assert_eq!(roles, [Role::Publisher, Role::Reader, Role::Operator]);
        assert_eq!(caller.principal, Principal::Certificate("billing.example".to_owned()));
        assert_eq!(caller.expire_time, Some(Timestamp::from_micros(7_000_000)));
        shown.uris.clear();
        shown.dns_names.clear();
        shown.common_name = None;
        assert!(find(&rules, &connection(Some(shown))).is_none());
        assert!(find(&rules, &connection(None)).is_none());
        assert!(find(&rules, &Extensions::new()).is_none());
    }
}
