//! Who calls, and the one entrance of the handlers.
//!
//! Fed by `layer` with a caller who may call the method; feeds the handlers with requests
//! that name only what the caller may reach, and with whom to name in records. Guarantees
//! that a resource of a tenant of which a caller knows nothing is not found, as one that
//! does not exist, and that a record of a change says who called, from where.
//!
//! Keeps the invariant `nothing-without-permission`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use http::Extensions;
use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use postrider_identity::{
    AccessDenial, AuditDraft, AuditOrigin, CallerIdentity, MethodAccess, Principal,
};
use postrider_proto::access::ResourceRequest;
use tokio::time::Instant;
use tonic::{Request, Status, Streaming};

use crate::api::rpc::deadlines::AnswerDeadline;
use crate::api::rpc::errors::{self, ErrorReason, ResourceKind};
use crate::api::values::names;
use crate::listeners::ConnectionPeer;
use crate::state::rate_limits::{RateLimits, RatedCall};
use crate::state::read_turns::ReadOwner;

/// What stands for all tenants in a name (AIP-159).
const WILDCARD: &str = "-";

/// The sender of a request, and what its method needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// As logs and records name it.
    pub who: String,
    pub identity: Arc<CallerIdentity>,
    pub access: MethodAccess,
    /// As records of changes name the call.
    pub origin: Arc<AuditOrigin>,
    /// Until when an answer is of use.
    pub answer_by: Instant,
}

/// For whom the bytes of a call count. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CountedCaller {
    origin: Arc<AuditOrigin>,
    identity: Arc<CallerIdentity>,
}

impl CountedCaller {
    pub const fn new(origin: Arc<AuditOrigin>, identity: Arc<CallerIdentity>) -> Self {
        Self { origin, identity }
    }

    /// As logs name it.
    pub fn name(&self) -> &str {
        &self.origin.actor
    }

    /// The tenant for which it counts, if it counts for one.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.identity.counted_tenant()
    }
}

#[cfg(test)]
impl CountedCaller {
    /// A reader of some tenants; of none, of the installation.
    pub fn fixture(name: &str, tenants: &[&str]) -> Self {
        use postrider_identity::{Grant, GrantScope, Role};

        let ids = tenants.iter().map(|tenant| tenant.parse().unwrap());
        let scope = match tenants {
            [] => GrantScope::Installation,
            _ => GrantScope::Tenants(ids.collect()),
        };
        let (principal, grants) = (Principal::Unknown, vec![Grant { role: Role::Reader, scope }]);
        let identity = CallerIdentity { principal, grants, expire_time: None };
        let origin = AuditOrigin {
            actor: name.to_owned(),
            address: String::new(),
            request_id: String::new(),
            method: "".into(),
        };
        Self::new(Arc::new(origin), Arc::new(identity))
    }
}

/// Where a call comes from, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPlace {
    pub address: String,
    pub request_id: String,
    /// "package.Service/Method".
    pub method: String,
}

impl Caller {
    /// A caller who may call a method.
    pub(super) fn new(
        identity: Arc<CallerIdentity>,
        access: MethodAccess,
        place: CallPlace,
    ) -> Self {
        let CallPlace { address, request_id, method } = place;
        let who = match &identity.principal {
            Principal::Unknown => format!("address:{address}"),
            known @ (Principal::Token(_)
            | Principal::PortalToken(_)
            | Principal::Subject { .. }
            | Principal::Certificate(_)) => known.to_string(),
        };
        let origin = AuditOrigin { actor: who.clone(), address, request_id, method: method.into() };
        let answer_by = AnswerDeadline::default().begun_now();
        Self { who, identity, access, origin: Arc::new(origin), answer_by }
    }

    /// A record of what this call changes of a resource.
    pub fn record(&self, resource: &dyn fmt::Display, now: Timestamp) -> AuditDraft {
        self.origin.draft(&resource.to_string(), now)
    }

    /// The sender of a request that came through `layer`; there is no other way in.
    pub fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let found = request.extensions().get().cloned();
        found.ok_or_else(|| errors::status(ErrorReason::Internal, "the call was not judged"))
    }

    /// For the turns of reads: callers that count for a tenant share its part.
    pub fn read_owner(&self) -> ReadOwner {
        ReadOwner::new(&self.who, &self.identity)
    }

    /// For the bytes of its requests and answers.
    pub fn counted(&self) -> CountedCaller {
        CountedCaller::new(Arc::clone(&self.origin), Arc::clone(&self.identity))
    }

    /// Opens a request once the resource that it names is judged.
    pub fn admit<T: ResourceRequest>(request: Request<T>) -> Result<(Self, T), Status> {
        let caller = Self::of(&request)?;
        let rate_limits = request.extensions().get::<RateLimits>().cloned();
        let message = request.into_inner();
        caller.require_resource(message.resource_name())?;
        if caller.access.permission.administers()
            && let Some((rate_limits, tenant)) =
                rate_limits.zip(named_tenant(message.resource_name()))
        {
            let call = RatedCall::Administration;
            let taken = rate_limits.take_of_tenant(call, &caller.who, &tenant);
            taken.map_err(errors::rate_limited)?;
        }
        Ok((caller, message))
    }

    /// Opens a stream of requests, each of which names its own resource.
    pub fn open_stream<T>(request: Request<Streaming<T>>) -> Result<(Self, Streaming<T>), Status> {
        Ok((Self::of(&request)?, request.into_inner()))
    }

    /// Judges the tenant in a resource's name, or the installation. A name in another form
    /// names nothing, and is refused by who reads it.
    pub fn require_resource(&self, name: &str) -> Result<(), Status> {
        if name.split('/').next() == Some(names::INSTALLATION) {
            return self.access.judge_installation(&self.identity).map_err(denied);
        }
        let Some(tenant) = named_tenant(name) else { return Ok(()) };
        self.access.judge_tenant(&self.identity, &tenant).map_err(|denial| match denial {
            AccessDenial::Permission(_) => denied(denial),
            AccessDenial::UnknownTenant => {
                let (kind, name) = names::named_resource(name);
                errors::not_found(kind, &name)
            }
        })
    }

    /// The tenants that lists of this method show; `None`: all.
    pub fn tenants_seen(&self) -> Option<BTreeSet<TenantId>> {
        self.identity.tenants_with(self.access.permission)
    }
}

/// The tenant in a resource's name, if there is one and it is not all of them.
fn named_tenant(name: &str) -> Option<TenantId> {
    let mut parts = name.split('/');
    let (Some("tenants"), Some(tenant)) = (parts.next(), parts.next()) else { return None };
    if tenant == WILDCARD { None } else { tenant.parse().ok() }
}

/// The error for a caller who may not call.
pub(super) fn denied(denial: AccessDenial) -> Status {
    match denial {
        AccessDenial::Permission(permission) => errors::permission_denied(permission),
        AccessDenial::UnknownTenant => errors::not_found(ResourceKind::Tenant, &"the tenant"),
    }
}

/// Where a connection comes from.
pub(super) fn address(connection: &Extensions) -> String {
    let peer = connection.get::<ConnectionPeer>();
    peer.map_or_else(|| "unknown".to_owned(), |peer| peer.address.to_string())
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.who)
    }
}

#[cfg(test)]
mod tests {
    use postrider_identity::{Grant, GrantScope, MethodReach, Permission, Role};
    use tonic::Code;

    use super::*;

    fn reader_of(tenant: &str) -> Caller {
        let scope = GrantScope::tenant(tenant.parse().unwrap());
        let grants = vec![Grant { role: Role::Reader, scope }];
        let principal = Principal::Certificate("CN=x".to_owned());
        let identity = Arc::new(CallerIdentity { principal, grants, expire_time: None });
        let access =
            MethodAccess { permission: Permission::ReadSubscriptions, reach: MethodReach::Tenant };
        let place = CallPlace {
            address: "127.0.0.1:1".to_owned(),
            request_id: "1".to_owned(),
            method: "postrider.v1.SubscriptionService/GetSubscription".to_owned(),
        };
        Caller::new(identity, access, place)
    }

    #[test]
    fn another_tenants_resource_is_not_found() {
        let caller = reader_of("acme");
        assert!(caller.require_resource("tenants/acme/subscriptions/erp").is_ok());
        for foreign in ["tenants/other", "tenants/other/subscriptions/erp"] {
            let refused = caller.require_resource(foreign).unwrap_err();
            assert_eq!(refused.code(), Code::NotFound);
            assert!(refused.message().starts_with(foreign), "{refused:?}");
        }
        let mut writer = caller.clone();
        writer.access.permission = Permission::WriteSubscriptions;
        let refused = writer.require_resource("tenants/acme").unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        let refused = caller.require_resource("installation").unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }

    #[test]
    fn a_record_says_who_called_from_where() {
        let record = reader_of("acme").record(&"tenants/acme", Timestamp::default());
        assert_eq!(
            (record.actor.as_str(), record.address.as_str()),
            ("certificate:CN=x", "127.0.0.1:1")
        );
        assert_eq!((record.request_id.as_str(), record.resource.as_str()), ("1", "tenants/acme"));
    }

    #[test]
    fn a_request_that_was_not_judged_is_not_opened() {
        assert_eq!(Caller::of(&Request::new(())).unwrap_err().code(), Code::Internal);
    }
}
