//! Endpoints that fail: those whose circuit is not closed, some tenants at a time.
//!
//! Fed by `pages`; feeds it the page. One page looks at so many tenants and so many of each's
//! subscriptions, since nobody waits for a look at all of them.

use maud::html;
use postrider_proto::v1;

use crate::console::answers::{Answer, Page};
use crate::console::components::{badges, tables, times};
use crate::console::failure::PageFailure;
use crate::console::visit::{Visit, id_of, path};

/// Tenants of one page.
const PAGE_TENANTS: i32 = 20;
/// Subscriptions of one tenant that are looked at.
const TENANT_SUBSCRIPTIONS: i32 = 200;

pub async fn list(visit: &Visit) -> Result<Answer, PageFailure> {
    let request = v1::ListTenantsRequest {
        page_size: PAGE_TENANTS,
        page_token: tables::page_token(visit),
        ..v1::ListTenantsRequest::default()
    };
    let listed = visit.calls.tenants().list_tenants(request).await?.into_inner();
    let (mut rows, mut unfinished) = (Vec::new(), Vec::new());
    for tenant in &listed.tenants {
        let request = v1::ListSubscriptionsRequest {
            parent: tenant.name.clone(),
            page_size: TENANT_SUBSCRIPTIONS,
            filter: "status != DISABLED".to_owned(),
            ..v1::ListSubscriptionsRequest::default()
        };
        let found = visit.calls.subscriptions().list_subscriptions(request).await?.into_inner();
        if !found.next_page_token.is_empty() {
            unfinished.push(id_of(&tenant.name));
        }
        for subscription in &found.subscriptions {
            let Some(health) = &subscription.endpoint_health else { continue };
            let Some(circuit) = badges::circuit(health.circuit_state) else { continue };
            let (tenant, id) = (id_of(&tenant.name), id_of(&subscription.name));
            rows.push(vec![
                html! { a href=(path(&["tenants", tenant])) { (tenant) } },
                html! { a href=(path(&["tenants", tenant, "subscriptions", id])) { (id) } },
                html! { code.url { (subscription.url) } },
                circuit,
                times::time(health.circuit_open_time, visit.now),
            ]);
        }
    }
    let columns = ["Tenant", "Subscription", "URL", "Endpoint", "Since"];
    let body = html! {
        p.hint { (listed.tenants.len()) " tenants were looked at." }
        @if !unfinished.is_empty() {
            p.hint {
                "Only the first " (TENANT_SUBSCRIPTIONS) " subscriptions of "
                (unfinished.join(", ")) "."
            }
        }
        (tables::table("Failing endpoints", &columns, &rows, "No endpoint of these tenants fails."))
        (tables::pager(visit, &listed.next_page_token))
    };
    let page = Page::new("Failing endpoints", body);
    Ok(page.below("Overview", path(&["overview"])).into())
}
