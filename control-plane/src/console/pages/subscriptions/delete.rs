//! Deleting a subscription, after a page that asks.
//!
//! Fed by `route`; feeds the API with the deletion of what was shown, by its etag.

use maud::html;
use postrider_identity::Permission;
use postrider_proto::v1;

use super::actions;
use crate::console::answers::{Answer, Flash, Page};
use crate::console::components::forms::{self, Confirmation};
use crate::console::failure::PageFailure;
use crate::console::pages::crumbs;
use crate::console::visit::{Visit, path};

pub async fn ask(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let found = actions::find(visit, tenant, id).await?;
    visit.require(Permission::WriteSubscriptions, tenant)?;
    let own =
        |action: &[&str]| path(&[&["tenants", tenant, "subscriptions", id][..], action].concat());
    let told = html! {
        p {
            "Deliveries of " strong { (actions::name_of(&found)) } " that wait are cancelled. Its \
             history stays readable until its retention ends. This cannot be undone."
        }
        p { code.url { (found.url) } }
    };
    let asked = Confirmation {
        action: &own(&["delete"]),
        back: &own(&[]),
        hidden: &[("etag", found.etag.as_str())],
        yes: "Delete",
        no: "Keep it",
    };
    let body = forms::confirmation(visit, asked, told);
    let page = Page::new("Delete this subscription?", body);
    Ok(crumbs::in_subscription(visit, page, tenant, &found).into())
}

pub async fn delete(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let name = format!("tenants/{tenant}/subscriptions/{id}");
    let etag = visit.request.form("etag").to_owned();
    let request = v1::DeleteSubscriptionRequest { name, etag };
    visit.calls.subscriptions().delete_subscription(request).await?;
    Ok(Answer::See(path(&["tenants", tenant, "subscriptions"]), Some(Flash::Deleted)))
}
