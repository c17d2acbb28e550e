//! Endpoints that fail: those whose circuit is not closed, some tenants at a time.
//!
//! Fed by `pages`; feeds it the page. One page looks at so many tenants and so many of each's
//! subscriptions, since nobody waits for a look at all of them.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use maud::html;
use postrider_proto::v1;
use tonic::Status;

use super::subscriptions::actions;
use crate::console::answers::{Answer, Page};
use crate::console::components::{badges, tables, times};
use crate::console::failure::PageFailure;
use crate::console::visit::{Visit, id_of, path};

/// Tenants of one page.
const PAGE_TENANTS: i32 = 20;
/// Subscriptions of one tenant that are looked at.
const TENANT_SUBSCRIPTIONS: i32 = 200;
/// Tenants that are looked at side by side: one after the other would take as long as all of them.
const TENANTS_AT_ONCE: usize = 4;

pub async fn list(visit: &Visit) -> Result<Answer, PageFailure> {
    let request = v1::ListTenantsRequest {
        page_size: PAGE_TENANTS,
        page_token: tables::page_token(visit),
        ..v1::ListTenantsRequest::default()
    };
    let listed = visit.calls.tenants().list_tenants(request).await?.into_inner();
    let reads: Vec<_> = listed.tenants.iter().map(|tenant| read(visit, &tenant.name)).collect();
    let answers: Vec<v1::ListSubscriptionsResponse> =
        stream::iter(reads).buffered(TENANTS_AT_ONCE).try_collect().await?;
    let (mut rows, mut unfinished) = (Vec::new(), Vec::new());
    for (tenant, found) in listed.tenants.iter().zip(&answers) {
        if !found.next_page_token.is_empty() {
            unfinished.push(id_of(&tenant.name));
        }
        for subscription in &found.subscriptions {
            let Some(health) = &subscription.endpoint_health else { continue };
            let Some(circuit) = badges::circuit(health.circuit_state) else { continue };
            let (tenant, id) = (id_of(&tenant.name), id_of(&subscription.name));
            let name = actions::name_of(subscription);
            rows.push(vec![
                html! { a href=(path(&["tenants", tenant])) { (tenant) } },
                html! { a href=(path(&["tenants", tenant, "subscriptions", id])) { (name) } },
                html! { code.url { (subscription.url) } },
                circuit,
                times::time(health.circuit_open_time, visit.now),
            ]);
        }
    }
    let columns = ["Tenant", "Subscription", "URL", "Endpoint", "Since"];
    let body = html! {
        p.hint {
            @if listed.tenants.len() == 1 {
                "1 tenant was looked at."
            } @else {
                (listed.tenants.len()) " tenants were looked at."
            }
        }
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

/// The subscriptions of a tenant that may fail.
fn read(
    visit: &Visit,
    tenant: &str,
) -> impl Future<Output = Result<v1::ListSubscriptionsResponse, Status>> + Send + use<> {
    let mut calls = visit.calls.subscriptions();
    let request = v1::ListSubscriptionsRequest {
        parent: tenant.to_owned(),
        page_size: TENANT_SUBSCRIPTIONS,
        filter: "status != DISABLED".to_owned(),
        ..v1::ListSubscriptionsRequest::default()
    };
    async move { Ok(calls.list_subscriptions(request).await?.into_inner()) }
}
