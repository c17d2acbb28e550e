//! What a method needs, and the judgement of a call.
//!
//! Fed by the options in the protos; feeds the layer, which judges the caller, and the
//! entrance of the handlers, which judges the tenant that a request names. Guarantees that
//! a tenant of which a caller knows nothing looks like one that does not exist.
//!
//! Keeps the invariant `nothing-without-permission`.

use postrider_domain::ids::TenantId;

use crate::caller::CallerIdentity;
use crate::permission::Permission;

/// Where the caller must hold a method's permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodReach {
    /// In the tenant that the request names.
    Tenant,
    /// Anywhere; what is shown is what the caller's grants include.
    Anywhere,
    /// In the whole installation.
    Installation,
}

/// What one method needs of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodAccess {
    pub permission: Permission,
    pub reach: MethodReach,
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessDenial {
    /// The caller lacks the permission.
    Permission(Permission),
    /// The caller may not know whether there is such a tenant.
    UnknownTenant,
}

impl MethodAccess {
    /// Judges a call before its request is read.
    pub fn judge_caller(&self, caller: &CallerIdentity) -> Result<(), AccessDenial> {
        let allowed = match self.reach {
            MethodReach::Installation => caller.may_everywhere(self.permission),
            MethodReach::Tenant | MethodReach::Anywhere => caller.may_somewhere(self.permission),
        };
        if allowed { Ok(()) } else { Err(AccessDenial::Permission(self.permission)) }
    }

    /// Judges the tenant that a request names.
    pub fn judge_tenant(
        &self,
        caller: &CallerIdentity,
        tenant: &TenantId,
    ) -> Result<(), AccessDenial> {
        if caller.may_in(self.permission, tenant) {
            Ok(())
        } else if caller.knows(tenant) {
            Err(AccessDenial::Permission(self.permission))
        } else {
            Err(AccessDenial::UnknownTenant)
        }
    }

    /// Judges a request that names what belongs to the installation and no tenant.
    pub fn judge_installation(&self, caller: &CallerIdentity) -> Result<(), AccessDenial> {
        let allowed = caller.may_everywhere(self.permission);
        if allowed { Ok(()) } else { Err(AccessDenial::Permission(self.permission)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Principal;
    use crate::grant::{Grant, GrantScope};
    use crate::role::Role;

    #[test]
    fn a_tenant_that_is_not_the_callers_is_unknown() {
        let tenant = |name: &str| name.parse::<TenantId>().unwrap();
        let grants = vec![
            Grant { role: Role::Reader, scope: GrantScope::tenant(tenant("a")) },
            Grant { role: Role::Publisher, scope: GrantScope::tenant(tenant("b")) },
        ];
        let caller = CallerIdentity { principal: Principal::Unknown, grants, expire_time: None };
        let needs = |reach| MethodAccess { permission: Permission::ReadEvents, reach };
        let method = needs(MethodReach::Tenant);
        let lacks = Err(AccessDenial::Permission(Permission::ReadEvents));
        assert_eq!(method.judge_caller(&caller), Ok(()));
        assert_eq!(needs(MethodReach::Anywhere).judge_caller(&caller), Ok(()));
        assert_eq!(needs(MethodReach::Installation).judge_caller(&caller), lacks);
        assert_eq!(method.judge_tenant(&caller, &tenant("a")), Ok(()));
        assert_eq!(method.judge_tenant(&caller, &tenant("b")), lacks);
        let unknown = Err(AccessDenial::UnknownTenant);
        assert_eq!(method.judge_tenant(&caller, &tenant("c")), unknown);
        assert_eq!(method.judge_installation(&caller), lacks);
    }
}
