//! The page that asks before a subscription is disabled.
//!
//! Fed by `route`; feeds it the page, whose form `actions` takes.

use maud::html;
use postrider_identity::Permission;

use super::actions;
use crate::console::answers::{Answer, Page};
use crate::console::components::forms::{self, Confirmation};
use crate::console::failure::PageFailure;
use crate::console::pages::crumbs;
use crate::console::visit::{Visit, path};

pub async fn ask(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let found = actions::find(visit, tenant, id).await?;
    visit.require(Permission::SetSubscriptionStatus, tenant)?;
    let own = path(&["tenants", tenant, "subscriptions", id]);
    let told = html! {
        p {
            "Events for " strong { (actions::name_of(&found)) } " are not sent from now on, not \
             even once it is enabled again, unless somebody replays them. Pause it instead to keep \
             them, and to send them later."
        }
        p { "Deliveries that wait already are sent once it is enabled, if they have not expired." }
        p { code.url { (found.url) } }
    };
    let asked = Confirmation {
        action: &path(&["tenants", tenant, "subscriptions", id, "disable"]),
        back: &own,
        hidden: &[("etag", found.etag.as_str())],
        yes: "Disable",
        no: "Leave it as it is",
    };
    let body = forms::confirmation(visit, asked, told);
    let page = Page::new("Disable this subscription?", body);
    Ok(crumbs::in_subscription(visit, page, tenant, &found).into())
}
