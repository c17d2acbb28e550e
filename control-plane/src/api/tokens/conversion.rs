//! Tokens, grants and roles.

use std::collections::BTreeSet;
use std::time::Duration;

use postrider_domain::time::Timestamp;
use postrider_identity::{
    Grant, GrantScope, IssuedToken, MAX_GRANT_TENANTS, MAX_GRANTS, Role, SECRET_BYTES,
    TOKEN_ID_BYTES, TokenKind, TokenRecord,
};
use postrider_proto::v1;

use crate::api::rpc::errors::FieldViolations;
use crate::api::values::names;
use crate::api::values::time::{span, timestamp};

/// Shorter, a clock that is a little off would end it before it is used.
const MIN_TTL: Duration = Duration::from_secs(60);

/// A new token of random bytes.
pub fn issue(kind: TokenKind, grants: Vec<Grant>, now: Timestamp) -> IssuedToken {
    let id: [u8; TOKEN_ID_BYTES] = rand::random();
    let secret: zeroize::Zeroizing<[u8; SECRET_BYTES]> = zeroize::Zeroizing::new(rand::random());
    IssuedToken::new(id, &secret, kind, grants, now)
}

pub fn to_proto(token: &TokenRecord) -> v1::Token {
    v1::Token {
        name: names::of_token(&token.id),
        display_name: token.display_name.clone(),
        grants: token.grants.iter().map(grant_to_proto).collect(),
        create_time: Some(timestamp(token.create_time)),
        expire_time: token.expire_time.map(timestamp),
        revoke_time: token.revoke_time.map(timestamp),
        last_use_time: token.last_use_time.map(timestamp),
        creator: token.created_by.clone(),
        portal: token.kind == TokenKind::Portal,
    }
}

fn grant_to_proto(grant: &Grant) -> v1::Grant {
    let (installation, tenants) = match &grant.scope {
        GrantScope::Installation => (true, Vec::new()),
        GrantScope::Tenants(tenants) => (false, tenants.iter().map(names::of_tenant).collect()),
    };
    v1::Grant { role: role_to_proto(grant.role).into(), tenants, installation }
}

const fn role_to_proto(role: Role) -> v1::Role {
    match role {
        Role::Publisher => v1::Role::Publisher,
        Role::Reader => v1::Role::Reader,
        Role::SubscriptionManager => v1::Role::SubscriptionManager,
        Role::Operator => v1::Role::Operator,
        Role::Autoscaler => v1::Role::Autoscaler,
        Role::Administrator => v1::Role::Administrator,
    }
}

pub fn role(code: i32, field: &str, violations: &mut FieldViolations) -> Option<Role> {
    match v1::Role::try_from(code) {
        Ok(v1::Role::Publisher) => Some(Role::Publisher),
        Ok(v1::Role::Reader) => Some(Role::Reader),
        Ok(v1::Role::SubscriptionManager) => Some(Role::SubscriptionManager),
        Ok(v1::Role::Operator) => Some(Role::Operator),
        Ok(v1::Role::Autoscaler) => Some(Role::Autoscaler),
        Ok(v1::Role::Administrator) => Some(Role::Administrator),
        Ok(v1::Role::Unspecified) | Err(_) => {
            violations.add(field, "must be a role");
            None
        }
    }
}

/// Reads and checks the grants of a request.
pub fn grants(given: &[v1::Grant], violations: &mut FieldViolations) -> Vec<Grant> {
    if given.is_empty() || given.len() > MAX_GRANTS {
        violations.add("token.grants", format!("must hold 1 to {MAX_GRANTS} grants"));
        return Vec::new();
    }
    let read = given.iter().enumerate().filter_map(|(at, grant)| {
        let field = |name: &str| format!("token.grants[{at}].{name}");
        let role = role(grant.role, &field("role"), violations);
        let scope = match (grant.installation, grant.tenants.len()) {
            (true, 0) => Some(GrantScope::Installation),
            (false, 1..=MAX_GRANT_TENANTS) => {
                let tenants = grant.tenants.iter().enumerate().map(|(index, name)| {
                    violations.keep(&field(&format!("tenants[{index}]")), names::tenant(name))
                });
                tenants.collect::<Option<BTreeSet<_>>>().map(GrantScope::Tenants)
            }
            _ => {
                let most = MAX_GRANT_TENANTS;
                let problem = format!("must name 1 to {most} tenants, unless installation is set");
                violations.add(field("tenants"), problem);
                None
            }
        };
        Some(Grant { role: role?, scope: scope? })
    });
    read.collect()
}

/// How long a token is to be valid, within bounds.
pub fn ttl(
    given: Option<&prost_types::Duration>,
    most: Duration,
    violations: &mut FieldViolations,
) -> Option<Duration> {
    let asked = violations.keep("ttl", span(given?))?;
    if (MIN_TTL..=most).contains(&asked) {
        return Some(asked);
    }
    violations.add("ttl", format!("must be 60 s to {} s", most.as_secs()));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_back_and_checked() {
        let given = [
            v1::Grant {
                role: v1::Role::Reader.into(),
                tenants: vec!["tenants/acme".into()],
                installation: false,
            },
            v1::Grant { role: v1::Role::Operator.into(), tenants: vec![], installation: true },
            v1::Grant { role: v1::Role::Autoscaler.into(), tenants: vec![], installation: true },
        ];
        let mut violations = FieldViolations::default();
        let read = grants(&given, &mut violations);
        assert!(violations.is_empty());
        assert_eq!(read.iter().map(grant_to_proto).collect::<Vec<_>>(), given);
        for bad in [
            v1::Grant::default(),
            v1::Grant { role: 9, tenants: vec![], installation: true },
            v1::Grant { role: 1, tenants: vec!["tenants/-".into()], installation: false },
            v1::Grant { role: 1, tenants: vec!["tenants/a".into()], installation: true },
        ] {
            let mut violations = FieldViolations::default();
            assert!(grants(&[bad], &mut violations).is_empty());
            assert!(!violations.is_empty());
        }
    }

    #[test]
    fn issued_tokens_differ() {
        let now = Timestamp::from_micros(1);
        let [one, other] = [(); 2].map(|()| issue(TokenKind::Service, Vec::new(), now));
        assert_ne!(one.record.id, other.record.id);
        assert_ne!(one.text.reveal(), other.text.reveal());
    }
}
