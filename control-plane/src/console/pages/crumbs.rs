//! Where a tenant's pages stand.
//!
//! Fed by pages; feeds them with links above them. A customer knows of no other tenant, and of
//! none by its id.

use postrider_identity::Permission;
use postrider_proto::v1::Subscription;

use super::subscriptions::actions;
use crate::console::answers::Page;
use crate::console::visit::{Visit, id_of, path};

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

/// A page of a subscription that was read.
pub fn in_subscription(visit: &Visit, page: Page, tenant: &str, found: &Subscription) -> Page {
    let (id, name) = (id_of(&found.name), actions::name_of(found));
    in_named_subscription(visit, page, tenant, (id, name))
}

/// A page of a subscription, by its id and name.
pub fn in_named_subscription(
    visit: &Visit,
    page: Page,
    tenant: &str,
    (id, name): (&str, &str),
) -> Page {
    let page = in_list(visit, page, tenant, ("Subscriptions", "subscriptions"));
    page.below(name, path(&["tenants", tenant, "subscriptions", id]))
}

/// As people call a subscription that the page is not about. Its id, where it cannot be read: the
/// page is of use without the name.
pub async fn subscription_name(visit: &Visit, tenant: &str, id: &str) -> String {
    if id.is_empty() || !visit.may_in(Permission::ReadSubscriptions, tenant) {
        return id.to_owned();
    }
    match actions::find(visit, tenant, id).await {
        Ok(found) => actions::name_of(&found).to_owned(),
        Err(_) => id.to_owned(),
    }
}
