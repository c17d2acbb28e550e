//! Where a tenant's pages stand.
//!
//! Fed by pages; feeds them with links above them. A customer knows of no other tenant, and of
//! none by its id.

use crate::console::answers::Page;
use crate::console::visit::{Visit, path};

/// A page of a tenant.
pub fn in_tenant(visit: &Visit, page: Page, tenant: &str) -> Page {
    let page = page.of_tenant(tenant);
    match visit.is_portal() {
        true => page,
        false => {
            page.below("Tenants", path(&["tenants"])).below(tenant, path(&["tenants", tenant]))
        }
    }
}

/// A page below one of a tenant's lists: its words and the last part of its path.
pub fn in_list(visit: &Visit, page: Page, tenant: &str, (words, list): (&str, &str)) -> Page {
    in_tenant(visit, page, tenant).below(words, path(&["tenants", tenant, list]))
}

/// A page of a subscription.
pub fn in_subscription(visit: &Visit, page: Page, tenant: &str, subscription: &str) -> Page {
    let page = in_list(visit, page, tenant, ("Subscriptions", "subscriptions"));
    page.below(subscription, path(&["tenants", tenant, "subscriptions", subscription]))
}
