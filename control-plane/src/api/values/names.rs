//! Resource names (AIP-122): read and written in one place.
//!
//! Fed by requests with text, by the conversions with ids; guarantees that what
//! it writes it can read.

use std::str::FromStr;

use postrider_domain::event_type_name::validate_event_type;
use postrider_domain::ids::{
    AgentId, AttemptKey, DeliveryId, EventId, IdError, OperationId, Region, ReplicaId,
    SubscriptionId, SubscriptionKey, TenantId,
};
use postrider_identity::{AuditChain, TokenId};

use crate::api::rpc::errors::ResourceKind;

/// Longest name that an error repeats without knowing more of it. Names that exist are
/// shorter but for odd event types.
const MAX_REPEATED_BYTES: usize = 256;
/// Longest agent name, in bytes. A host name has no more (RFC 1035).
const MAX_AGENT_NAME_BYTES: usize = 253;

/// Why a name was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("is missing; must have the form \"{0}\"")]
    Missing(&'static str),
    #[error("must have the form \"{0}\"")]
    Form(&'static str),
    #[error("must have the form \"{form}\", where {part} {problem}")]
    Part { form: &'static str, part: &'static str, problem: IdError },
}

type ParsedName<T> = Result<T, NameError>;

const TENANT_FORM: &str = "tenants/{tenant}";
const SUBSCRIPTION_FORM: &str = "tenants/{tenant}/subscriptions/{subscription}";
const EVENT_FORM: &str = "tenants/{tenant}/events/{event}";
const DELIVERY_FORM: &str = "tenants/{tenant}/deliveries/{delivery}";
const ATTEMPT_FORM: &str = "tenants/{tenant}/deliveries/{delivery}/attempts/{attempt}";
const EVENT_TYPE_FORM: &str = "eventTypes/{event_type}";
const OPERATION_FORM: &str = "tenants/{tenant}/operations/{operation}";
const REGION_FORM: &str = "regions/{region}";
const TOKEN_FORM: &str = "tokens/{token}";
const AGENT_FORM: &str = "agents/{agent}";
const REPLICA_FORM: &str = "replicas/{replica}";
const AUDIT_FORM: &str = "tenants/{tenant}\", \"tenants/-\" or \"installation";
const CHAIN_FORM: &str = "tenants/{tenant}\" or \"installation";

/// The parent of what belongs to no tenant.
pub const INSTALLATION: &str = "installation";
/// The parent that stands for all tenants (AIP-159).
const ALL_TENANTS: &str = "tenants/-";

/// The parts of `text` at the placeholders of `form`.
fn parts<'a, const N: usize>(text: &'a str, form: &'static str) -> ParsedName<[&'a str; N]> {
    if text.is_empty() {
        return Err(NameError::Missing(form));
    }
    let mut found = [""; N];
    let mut slots = found.iter_mut();
    let mut given = text.split('/');
    for wanted in form.split('/') {
        let part = given.next().ok_or(NameError::Form(form))?;
        if wanted.starts_with('{') {
            *slots.next().ok_or(NameError::Form(form))? = part;
        } else if wanted != part {
            return Err(NameError::Form(form));
        }
    }
    if given.next().is_some() { Err(NameError::Form(form)) } else { Ok(found) }
}

fn id<T: FromStr<Err = IdError>>(
    text: &str,
    form: &'static str,
    part: &'static str,
) -> ParsedName<T> {
    text.parse().map_err(|problem| NameError::Part { form, part, problem })
}

pub fn tenant(text: &str) -> ParsedName<TenantId> {
    let [tenant] = parts(text, TENANT_FORM)?;
    id(tenant, TENANT_FORM, "{tenant}")
}

pub fn subscription(text: &str) -> ParsedName<SubscriptionKey> {
    let [tenant, subscription] = parts(text, SUBSCRIPTION_FORM)?;
    Ok(SubscriptionKey {
        tenant: id(tenant, SUBSCRIPTION_FORM, "{tenant}")?,
        subscription: id::<SubscriptionId>(subscription, SUBSCRIPTION_FORM, "{subscription}")?,
    })
}

pub fn event(text: &str) -> ParsedName<(TenantId, EventId)> {
    let [tenant, event] = parts(text, EVENT_FORM)?;
    Ok((id(tenant, EVENT_FORM, "{tenant}")?, id(event, EVENT_FORM, "{event}")?))
}

pub fn delivery(text: &str) -> ParsedName<(TenantId, DeliveryId)> {
    let [tenant, delivery] = parts(text, DELIVERY_FORM)?;
    Ok((id(tenant, DELIVERY_FORM, "{tenant}")?, id(delivery, DELIVERY_FORM, "{delivery}")?))
}

pub fn attempt(text: &str) -> ParsedName<(TenantId, AttemptKey)> {
    let [tenant, delivery, number] = parts(text, ATTEMPT_FORM)?;
    let tenant = id(tenant, ATTEMPT_FORM, "{tenant}")?;
    let delivery = id(delivery, ATTEMPT_FORM, "{delivery}")?;
    // Leading zeros and signs are refused: an attempt has only one name.
    let written = number.parse().ok().filter(|n: &u32| *n > 0 && n.to_string() == number);
    let number = written.ok_or(NameError::Form(ATTEMPT_FORM))?;
    Ok((tenant, AttemptKey { delivery, number }))
}

/// Whose attempts to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptParent {
    Delivery(TenantId, DeliveryId),
    Subscription(SubscriptionKey),
    /// All deliveries of a tenant (AIP-159).
    Tenant(TenantId),
}

impl AttemptParent {
    pub const fn tenant(&self) -> &TenantId {
        match self {
            Self::Delivery(tenant, _) | Self::Tenant(tenant) => tenant,
            Self::Subscription(key) => &key.tenant,
        }
    }
}

pub fn attempt_parent(text: &str) -> ParsedName<AttemptParent> {
    let mut parts = text.split('/').skip(2);
    match (parts.next(), parts.next()) {
        (None, _) => tenant(text).map(AttemptParent::Tenant),
        (Some("deliveries"), Some("-")) => {
            let parent =
                text.strip_suffix("/deliveries/-").ok_or(NameError::Form(DELIVERY_FORM))?;
            tenant(parent).map(AttemptParent::Tenant)
        }
        (Some("subscriptions"), _) => subscription(text).map(AttemptParent::Subscription),
        _ => delivery(text).map(|(tenant, id)| AttemptParent::Delivery(tenant, id)),
    }
}

pub fn event_type(text: &str) -> ParsedName<String> {
    let [name] = parts(text, EVENT_TYPE_FORM)?;
    validate_event_type(name).map_err(|_| NameError::Form(EVENT_TYPE_FORM))?;
    Ok(name.to_owned())
}

pub fn operation(text: &str) -> ParsedName<(TenantId, OperationId)> {
    let [tenant, operation] = parts(text, OPERATION_FORM)?;
    Ok((id(tenant, OPERATION_FORM, "{tenant}")?, id(operation, OPERATION_FORM, "{operation}")?))
}

pub fn region(text: &str) -> ParsedName<Region> {
    let [region] = parts(text, REGION_FORM)?;
    id(region, REGION_FORM, "{region}")
}

pub fn token(text: &str) -> ParsedName<TokenId> {
    let [token] = parts(text, TOKEN_FORM)?;
    TokenId::parse(token).ok_or(NameError::Form(TOKEN_FORM))
}

pub fn of_token(token: &TokenId) -> String {
    format!("tokens/{token}")
}

/// Whose records to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditParent {
    Chain(AuditChain),
    /// All tenants that the caller sees.
    AllTenants,
}

pub fn audit_parent(text: &str) -> ParsedName<AuditParent> {
    match text {
        ALL_TENANTS => Ok(AuditParent::AllTenants),
        _ => chain(text, AUDIT_FORM).map(AuditParent::Chain),
    }
}

/// Which chain to check.
pub fn audit_chain(text: &str) -> ParsedName<AuditChain> {
    chain(text, CHAIN_FORM)
}

fn chain(text: &str, form: &'static str) -> ParsedName<AuditChain> {
    match text {
        "" => Err(NameError::Missing(form)),
        INSTALLATION => Ok(AuditChain::Installation),
        _ => tenant(text).map(AuditChain::Tenant).map_err(|error| match error {
            NameError::Form(_) | NameError::Missing(_) => NameError::Form(form),
            NameError::Part { .. } => error,
        }),
    }
}

pub fn of_chain(chain: &AuditChain) -> String {
    match chain {
        AuditChain::Installation => INSTALLATION.to_owned(),
        AuditChain::Tenant(tenant) => of_tenant(tenant),
    }
}

pub fn of_audit_record(chain: &AuditChain, number: i64) -> String {
    format!("{}/auditRecords/{number}", of_chain(chain))
}

/// What kind of resource a tenant's name or the name of something below it names, and the
/// name as an error repeats it.
pub fn named_resource(text: &str) -> (ResourceKind, String) {
    let parts: Vec<&str> = text.splitn(7, '/').collect();
    let kind = match parts.as_slice() {
        [_, _, _, _, "attempts", _] => ResourceKind::Attempt,
        [_, _, "subscriptions", ..] => ResourceKind::Subscription,
        [_, _, "events", ..] => ResourceKind::Event,
        [_, _, "deliveries", id] if *id != "-" => ResourceKind::Delivery,
        [_, _, "operations", ..] => ResourceKind::Operation,
        _ => ResourceKind::Tenant,
    };
    let end = text.floor_char_boundary(MAX_REPEATED_BYTES);
    let name = match (kind, parts.as_slice()) {
        (ResourceKind::Tenant, [first, second, ..]) => format!("{first}/{second}"),
        _ => text.get(..end).unwrap_or_default().to_owned(),
    };
    (kind, name)
}

/// An agent chooses its name, usually that of its pod or host.
pub fn agent(text: &str) -> ParsedName<AgentId> {
    let [agent] = parts(text, AGENT_FORM)?;
    if agent.is_empty() || agent.len() > MAX_AGENT_NAME_BYTES {
        return Err(NameError::Form(AGENT_FORM));
    }
    Ok(AgentId(agent.into()))
}

/// Which replicas a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicaChoice {
    All,
    Only(ReplicaId),
}

impl ReplicaChoice {
    pub fn includes(&self, replica: &ReplicaId) -> bool {
        match self {
            Self::All => true,
            Self::Only(chosen) => chosen == replica,
        }
    }
}

/// A replica is named by its settings, usually as its pod or host is.
pub fn replica_choice(text: &str) -> ParsedName<ReplicaChoice> {
    let [replica] = parts(text, REPLICA_FORM)?;
    match replica {
        "-" => Ok(ReplicaChoice::All),
        "" => Err(NameError::Form(REPLICA_FORM)),
        _ if replica.len() > MAX_AGENT_NAME_BYTES => Err(NameError::Form(REPLICA_FORM)),
        _ => Ok(ReplicaChoice::Only(ReplicaId(replica.into()))),
    }
}

pub fn of_tenant(tenant: &TenantId) -> String {
    format!("tenants/{tenant}")
}

pub fn of_event(tenant: &TenantId, event: EventId) -> String {
    let tenant = tenant.as_str();
    let bytes = "tenants//events/".len() + tenant.len() + EventId::TEXT_BYTES;
    let mut name = String::with_capacity(bytes);
    ["tenants/", tenant, "/events/"].iter().for_each(|part| name.push_str(part));
    event.append_to(&mut name);
    name
}

pub fn of_delivery(tenant: &TenantId, delivery: DeliveryId) -> String {
    format!("tenants/{tenant}/deliveries/{delivery}")
}

pub fn of_attempt(tenant: &TenantId, delivery: DeliveryId, number: u32) -> String {
    format!("tenants/{tenant}/deliveries/{delivery}/attempts/{number}")
}

pub fn of_event_type(name: &str) -> String {
    format!("eventTypes/{name}")
}

pub fn of_operation(tenant: &TenantId, operation: OperationId) -> String {
    format!("tenants/{tenant}/operations/{operation}")
}

pub fn of_region(region: &Region) -> String {
    format!("regions/{region}")
}

pub fn of_agent(agent: &AgentId) -> String {
    format!("agents/{}", agent.name())
}

pub fn of_replica(replica: &str) -> String {
    format!("replicas/{replica}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0192f0c1a2b37c4d8e5f0123456789ab";

    #[test]
    fn names_round_trip() {
        let acme = tenant("tenants/acme").unwrap();
        assert_eq!(of_tenant(&acme), "tenants/acme");
        let key = subscription("tenants/acme/subscriptions/erp").unwrap();
        assert_eq!(key.to_string(), "tenants/acme/subscriptions/erp");
        let text = format!("tenants/acme/events/evt_{HEX}");
        let (tenant, id) = event(&text).unwrap();
        assert_eq!(of_event(&tenant, id), text);
        let text = format!("tenants/acme/deliveries/dlv_{HEX}");
        let (tenant, id) = delivery(&text).unwrap();
        assert_eq!(of_delivery(&tenant, id), text);
        assert_eq!(of_attempt(&tenant, id, 3), format!("{text}/attempts/3"));
        let key = AttemptKey { delivery: id, number: 3 };
        assert_eq!(attempt(&format!("{text}/attempts/3")), Ok((tenant, key)));
        let name = event_type("eventTypes/payment.completed").unwrap();
        assert_eq!(of_event_type(&name), "eventTypes/payment.completed");
        let text = format!("tenants/acme/operations/op_{HEX}");
        let (tenant, id) = operation(&text).unwrap();
        assert_eq!(of_operation(&tenant, id), text);
        assert_eq!(of_region(&region("regions/eu").unwrap()), "regions/eu");
        assert_eq!(of_agent(&agent("agents/pod-1.x").unwrap()), "agents/pod-1.x");
    }

    #[test]
    fn attempts_have_three_kinds_of_parents() {
        let acme: TenantId = "acme".parse().unwrap();
        let tenant = AttemptParent::Tenant(acme.clone());
        assert_eq!(attempt_parent("tenants/acme"), Ok(tenant.clone()));
        assert_eq!(attempt_parent("tenants/acme/deliveries/-"), Ok(tenant));
        let named = attempt_parent("tenants/acme/subscriptions/erp").unwrap();
        assert!(matches!(&named, AttemptParent::Subscription(_)) && *named.tenant() == acme);
        let named = attempt_parent(&format!("tenants/acme/deliveries/dlv_{HEX}")).unwrap();
        assert!(matches!(&named, AttemptParent::Delivery(..)) && *named.tenant() == acme);
        for bad in [
            "",
            "acme",
            "tenants/A",
            "tenants/acme/deliveries/-/attempts",
            "tenants/acme/deliveries/-/deliveries/-",
            "tenants/acme/deliveries",
            "tenants/acme/events/-",
            "tenants/acme/subscriptions/-",
        ] {
            assert!(attempt_parent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn records_are_of_a_tenant_of_all_or_of_the_installation() {
        let acme = AuditChain::Tenant("acme".parse().unwrap());
        for chain in [acme, AuditChain::Installation] {
            let parent = of_chain(&chain);
            assert_eq!(audit_parent(&parent), Ok(AuditParent::Chain(chain.clone())));
            assert_eq!(audit_chain(&parent), Ok(chain.clone()));
            assert_eq!(of_audit_record(&chain, 7), format!("{parent}/auditRecords/7"));
        }
        assert_eq!(audit_parent("tenants/-"), Ok(AuditParent::AllTenants));
        for bad in ["", "tenants", "tenants/A", "installation/1", "tenants/acme/auditRecords/1"] {
            assert!(audit_parent(bad).is_err() && audit_chain(bad).is_err(), "{bad}");
        }
        assert!(audit_chain("tenants/-").is_err());
    }

    #[test]
    fn other_forms_are_refused_with_the_form_expected() {
        assert_eq!(tenant(""), Err(NameError::Missing(TENANT_FORM)));
        for bad in ["acme", "tenants", "tenants/a/b", "Tenants/a", "tenants/a/subscriptions/b"] {
            assert_eq!(tenant(bad), Err(NameError::Form(TENANT_FORM)), "{bad}");
        }
        let message = tenant("tenants/A").unwrap_err().to_string();
        assert!(message.contains("tenants/{tenant}") && message.contains("^[a-z]"), "{message}");
        assert!(event("tenants/acme/events/evt_1").is_err());
        assert!(delivery(&format!("tenants/acme/deliveries/evt_{HEX}")).is_err());
        for number in ["", "0", "-1", "+1", "01", "4294967296", "x"] {
            let name = format!("tenants/acme/deliveries/dlv_{HEX}/attempts/{number}");
            assert_eq!(attempt(&name), Err(NameError::Form(ATTEMPT_FORM)), "{name}");
        }
        assert!(agent("agents/").is_err());
        assert!(event_type("eventTypes/a..b").is_err() && event_type("eventTypes/").is_err());
    }
}
