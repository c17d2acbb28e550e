//! A tenant's subscriptions: creation date, name, URL and status, with a search bar.
//!
//! Fed by `route`; feeds it the page. The example that other pages are copied from.

use maud::{Markup, html};
use postrider_identity::Permission;
use postrider_proto::v1;

use super::actions::{self, CREATE_PATH};
use crate::console::answers::{Answer, Page};
use crate::console::components::{badges, menus, tables, times};
use crate::console::failure::PageFailure;
use crate::console::pages::crumbs;
use crate::console::visit::{Visit, id_of, path};

/// Of the search bar the parameter of the query.
const SEARCH_PARAMETER: &str = "q";

pub async fn show(visit: &Visit, tenant: &str) -> Result<Answer, PageFailure> {
    let request = v1::ListSubscriptionsRequest {
        parent: format!("tenants/{tenant}"),
        page_size: visit.console.page_size,
        page_token: tables::page_token(visit),
        order_by: "create_time desc".to_owned(),
        search: visit.request.query(SEARCH_PARAMETER).to_owned(),
        ..v1::ListSubscriptionsRequest::default()
    };
    let listed = visit.calls.subscriptions().list_subscriptions(request).await?.into_inner();
    let rows = listed.subscriptions.iter().map(|subscription| row(visit, tenant, subscription));
    let rows: Vec<_> = rows.collect();
    let empty = match visit.request.query(SEARCH_PARAMETER) {
        "" => "There are no subscriptions yet.",
        _ => "No subscription has this in its name or URL.",
    };
    let columns = ["Created", "Name", "URL", "Status", "Actions"];
    let body = html! {
        div.bar {
            (tables::search_bar(visit, "Search by name or URL", SEARCH_PARAMETER))
            @if visit.may_in(Permission::WriteSubscriptions, tenant) {
                a.button.primary href=(path(&["tenants", tenant, CREATE_PATH])) { "Create" }
            }
        }
        (tables::table("Subscriptions", &columns, &rows, empty))
        (tables::pager(visit, &listed.next_page_token))
    };
    let page = Page::new("Subscriptions", body);
    Ok(crumbs::in_tenant(visit, page, tenant).into())
}

fn row(visit: &Visit, tenant: &str, subscription: &v1::Subscription) -> Vec<Markup> {
    let id = id_of(&subscription.name);
    let name = actions::name_of(subscription);
    let health = subscription.endpoint_health.as_ref();
    let circuit = health.and_then(|health| badges::circuit(health.circuit_state));
    let entries = actions::entries(visit, tenant, subscription);
    vec![
        times::time(subscription.create_time, visit.now),
        html! { a href=(path(&["tenants", tenant, "subscriptions", id])) { (name) } },
        html! { code.url { (subscription.url) } },
        html! {
            (badges::subscription_status(subscription.status))
            @if let Some(circuit) = circuit { " " (circuit) }
        },
        menus::menu(visit, id, name, &entries),
    ]
}
