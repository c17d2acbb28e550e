//! What a page works with.
//!
//! Fed by `serve` with a request of somebody who is signed in; feeds pages.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use postrider_identity::{Permission, Principal};

use super::Console;
use super::calls::ApiCalls;
use super::failure::PageFailure;
use super::request::BrowserRequest;
use super::sessions::SignedIn;
use crate::api;
use crate::settings::CONSOLE_PATH;

/// What stands for itself in a part of a path.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// One request of a page.
pub struct Visit {
    pub console: Arc<Console>,
    pub request: BrowserRequest,
    pub signed_in: SignedIn,
    /// The API, as whoever is signed in.
    pub calls: ApiCalls,
    pub now: Timestamp,
}

impl Visit {
    /// Whether the caller holds a permission anywhere. What a page offers goes by this; what is
    /// allowed is judged by the API.
    pub fn may_somewhere(&self, permission: Permission) -> bool {
        self.signed_in.identity.may_somewhere(permission)
    }

    pub fn may_everywhere(&self, permission: Permission) -> bool {
        self.signed_in.identity.may_everywhere(permission)
    }

    pub fn may_in(&self, permission: Permission, tenant: &str) -> bool {
        let tenant = tenant.parse::<TenantId>();
        tenant.is_ok_and(|tenant| self.signed_in.identity.may_in(permission, &tenant))
    }

    /// Refuses a form that the API would not take from this caller, with the API's own words.
    pub fn require(&self, permission: Permission, tenant: &str) -> Result<(), PageFailure> {
        if self.may_in(permission, tenant) {
            return Ok(());
        }
        let tenant = tenant.parse::<TenantId>();
        let is_known = tenant.is_ok_and(|tenant| self.signed_in.identity.knows(&tenant));
        match is_known {
            true => Err(api::permission_denied(permission).into()),
            false => Err(PageFailure::NotFound),
        }
    }

    /// Whether a customer is here, by a portal's link.
    pub fn is_portal(&self) -> bool {
        matches!(self.signed_in.identity.principal, Principal::PortalToken(_))
    }

    /// As logs and records name the caller.
    pub fn caller(&self) -> String {
        self.signed_in.identity.principal.to_string()
    }

    /// What each form of this session sends along, as `form_token`.
    pub fn form_token(&self) -> String {
        self.signed_in.id.form_token()
    }

    /// The one tenant in which the caller has a role, if it is one.
    pub fn only_tenant(&self) -> Option<String> {
        let tenants = self.signed_in.identity.tenants_with(Permission::ReadSubscriptions)?;
        let mut tenants = tenants.into_iter();
        let first = tenants.next()?;
        tenants.next().is_none().then(|| first.as_str().to_owned())
    }

    /// The whole path of the page that the console begins with for this caller.
    pub fn home(&self) -> String {
        match self.only_tenant() {
            Some(tenant) => path(&["tenants", &tenant, "subscriptions"]),
            None if self.may_everywhere(Permission::ReadFleet) => path(&["overview"]),
            None => path(&["tenants"]),
        }
    }
}

/// A whole path of the console, of parts that may be anything. No escape keeps browsers from
/// taking "." and ".." out, which lead elsewhere (WHATWG URL); with a space they name nothing.
pub fn path(parts: &[&str]) -> String {
    let mut path = CONSOLE_PATH.to_owned();
    for part in parts {
        path.push('/');
        path.extend(utf8_percent_encode(part, ESCAPED));
        if matches!(*part, "." | "..") {
            path.push_str("%20");
        }
    }
    path
}

/// The last part of a resource's name, which is its id.
pub fn id_of(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_no_part_that_leads_elsewhere() {
        assert_eq!(path(&[]), "/console");
        assert_eq!(path(&["sign-in", "acme"]), "/console/sign-in/acme");
        let hostile = path(&["..", ".", "a/b?c#d"]);
        assert_eq!(hostile, "/console/%2E%2E%20/%2E%20/a%2Fb%3Fc%23d");
        let own = url::Url::parse("https://own.example/console/search").unwrap();
        assert_eq!(own.join(&hostile).unwrap().path(), hostile, "a browser leaves it as it is");
        assert_eq!(id_of("tenants/acme/subscriptions/erp"), "erp");
    }
}
