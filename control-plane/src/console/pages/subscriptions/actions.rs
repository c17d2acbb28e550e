//! What can be done with a subscription, and changing its status.
//!
//! Fed by lists, by a subscription's page and by forms; feeds them menus, and the API with
//! changes. What is offered is what the caller may do; the API judges it all the same.

use postrider_identity::Permission;
use postrider_proto::v1::{self, SubscriptionStatus};

use crate::console::answers::{Answer, Flash};
use crate::console::components::menus::{MenuEntry, MenuEntryKind};
use crate::console::failure::PageFailure;
use crate::console::visit::{Visit, id_of, path};

/// Below a tenant's path.
pub const CREATE_PATH: &str = "new-subscription";

/// As people call a subscription.
pub fn name_of(subscription: &v1::Subscription) -> &str {
    match subscription.display_name.as_str() {
        "" => id_of(&subscription.name),
        name => name,
    }
}

/// A tenant's subscription.
pub async fn find(visit: &Visit, tenant: &str, id: &str) -> Result<v1::Subscription, PageFailure> {
    let name = format!("tenants/{tenant}/subscriptions/{id}");
    let request = v1::GetSubscriptionRequest { name };
    Ok(visit.calls.subscriptions().get_subscription(request).await?.into_inner())
}

/// The action menu of a subscription. Of a deleted one there is only what it was.
pub fn entries(visit: &Visit, tenant: &str, subscription: &v1::Subscription) -> Vec<MenuEntry> {
    let id = id_of(&subscription.name);
    let etag = &subscription.etag;
    let target = |action: &str| path(&["tenants", tenant, "subscriptions", id, action]);
    let page = |words, action: &str| MenuEntry {
        words,
        target: target(action),
        kind: MenuEntryKind::Page,
    };
    let at_once = |words, action: &str| {
        let kind = MenuEntryKind::Action { etag: etag.clone() };
        MenuEntry { words, target: target(action), kind }
    };
    let asked = |words, action: &str| MenuEntry {
        words,
        target: target(action),
        kind: MenuEntryKind::Danger,
    };
    let may = |permission| visit.may_in(permission, tenant);
    let is_live = subscription.delete_time.is_none();
    let mut entries = Vec::new();
    if is_live && may(Permission::TestSubscriptions) {
        entries.push(page("Test", "test"));
    }
    if may(Permission::ReadDeliveries) {
        entries.push(page("View events", "attempts"));
    }
    if may(Permission::ReadSubscriptions) {
        entries.push(page("Statistics", "statistics"));
    }
    if !is_live {
        return entries;
    }
    if may(Permission::WriteSubscriptions) {
        entries.push(page("Edit", "edit"));
    }
    if may(Permission::SetSubscriptionStatus) {
        let status = subscription.status();
        if status != SubscriptionStatus::Enabled {
            entries.push(at_once("Enable", "enable"));
        }
        if status == SubscriptionStatus::Enabled {
            entries.push(at_once("Pause", "pause"));
        }
        if status != SubscriptionStatus::Disabled {
            entries.push(asked("Disable", "disable"));
        }
    }
    if may(Permission::WriteSigningKeys) {
        entries.push(page("Rotate the secret", "rotate"));
    }
    if may(Permission::WriteSubscriptions) {
        entries.push(asked("Delete", "delete"));
    }
    entries
}

/// Enables, pauses or disables a subscription, and shows it.
pub async fn change_status(
    visit: &Visit,
    tenant: &str,
    id: &str,
    change: &str,
) -> Result<Answer, PageFailure> {
    let name = format!("tenants/{tenant}/subscriptions/{id}");
    let status = match change {
        "enable" => SubscriptionStatus::Enabled,
        "pause" => SubscriptionStatus::Paused,
        _ => SubscriptionStatus::Disabled,
    };
    set_status(visit, name, visit.request.form("etag").to_owned(), status).await?;
    let flash = match status {
        SubscriptionStatus::Enabled => Flash::Enabled,
        SubscriptionStatus::Paused => Flash::Paused,
        SubscriptionStatus::Disabled | SubscriptionStatus::Unspecified => Flash::Disabled,
    };
    Ok(Answer::See(path(&["tenants", tenant, "subscriptions", id]), Some(flash)))
}

/// Changes a subscription's status by the method that there is for it.
pub async fn set_status(
    visit: &Visit,
    name: String,
    etag: String,
    status: SubscriptionStatus,
) -> Result<(), tonic::Status> {
    let mut calls = visit.calls.subscriptions();
    let reason = String::new();
    match status {
        SubscriptionStatus::Enabled => {
            let request = v1::EnableSubscriptionRequest { name, etag, reason };
            calls.enable_subscription(request).await?;
        }
        SubscriptionStatus::Paused => {
            let request = v1::PauseSubscriptionRequest { name, etag, reason };
            calls.pause_subscription(request).await?;
        }
        SubscriptionStatus::Disabled => {
            let request = v1::DisableSubscriptionRequest { name, etag, reason };
            calls.disable_subscription(request).await?;
        }
        SubscriptionStatus::Unspecified => {}
    }
    Ok(())
}
