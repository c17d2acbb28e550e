//! A tenant's subscriptions: creation date, name, URL and status, with a search bar.
//!
//! Fed by `route`; feeds it the page. The example that other pages are copied from.

use maud::{Markup, html};
use postrider_proto::v1;

use crate::console::answers::{Answer, Page};
use crate::console::components::{badges, tables, times};
use crate::console::failure::PageFailure;
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
    let body = html! {
        (tables::search_bar(visit, "Search by name or URL", SEARCH_PARAMETER))
        (tables::table("Subscriptions", &["Created", "Name", "URL", "Status"], &rows, empty))
        (tables::pager(visit, &listed.next_page_token))
    };
    let page = Page::new("Subscriptions", body).of_tenant(tenant);
    // A customer knows of no other tenant, and of none by its id.
    Ok(Answer::Page(match visit.is_portal() {
        true => page,
        false => {
            page.below("Tenants", path(&["tenants"])).below(tenant, path(&["tenants", tenant]))
        }
    }))
}

fn row(visit: &Visit, tenant: &str, subscription: &v1::Subscription) -> Vec<Markup> {
    let id = id_of(&subscription.name);
    let name = match subscription.display_name.as_str() {
        "" => id,
        name => name,
    };
    let health = subscription.endpoint_health.as_ref();
    let circuit = health.and_then(|health| badges::circuit(health.circuit_state));
    vec![
        times::time(subscription.create_time, visit.now),
        html! { a href=(path(&["tenants", tenant, "subscriptions", id])) { (name) } },
        html! { code.url { (subscription.url) } },
        html! {
            (badges::subscription_status(subscription.status))
            @if let Some(circuit) = circuit { " " (circuit) }
        },
    ]
}
