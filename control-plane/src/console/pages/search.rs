//! Finds anything by its name or its id.
//!
//! Fed by `pages`; feeds it the page. A whole name leads where it says. An id of a tenant's own
//! things is asked for in so many tenants at a time, since nobody waits for all of them.

use maud::html;
use postrider_proto::longrunning::GetOperationRequest;
use postrider_proto::v1;
use tonic::{Code, Status};

use crate::console::answers::{Answer, Page};
use crate::console::components::tables;
use crate::console::failure::PageFailure;
use crate::console::visit::{Visit, id_of, path};

/// Tenants of one page.
const PAGE_TENANTS: i32 = 20;
/// Longest name that is looked for.
const MAX_NAME_BYTES: usize = 512;
/// What has no page of its own, and where it is listed.
const LISTED_KINDS: [(&str, &str); 3] =
    [("replicas/", "fleet"), ("agents/", "overview"), ("regions/", "overview")];

pub async fn show(visit: &Visit) -> Result<Answer, PageFailure> {
    let sought = visit.request.query("q").trim();
    if sought.is_empty() || sought.len() > MAX_NAME_BYTES {
        return Ok(Page::new("Find", html! { p { "Type an id, or a whole name." } }).into());
    }
    if let Some((_, page)) = LISTED_KINDS.iter().find(|(kind, _)| sought.starts_with(kind)) {
        return Ok(Answer::See(path(&[page]), None));
    }
    let parts: Vec<&str> = sought.split('/').collect();
    if let ["tenants" | "tokens", _, ..] = parts.as_slice() {
        return Ok(Answer::See(path(&parts), None));
    }
    let mut found = Vec::new();
    if visit.request.query("page_token").is_empty() {
        found.extend(tenant(visit, sought).await?);
        found.extend(token(visit, sought).await?);
    }
    let request = v1::ListTenantsRequest {
        page_size: PAGE_TENANTS,
        page_token: tables::page_token(visit),
        ..v1::ListTenantsRequest::default()
    };
    let listed = visit.calls.tenants().list_tenants(request).await?.into_inner();
    for tenant in &listed.tenants {
        found.extend(within(visit, &tenant.name, sought).await?);
    }
    let body = html! {
        @if found.is_empty() {
            p.empty { "Nothing has this id in " (listed.tenants.len()) " tenants." }
        } @else {
            ul.choices {
                @for name in &found {
                    @let parts = name.split('/').collect::<Vec<_>>();
                    li { a href=(path(&parts)) { (name) } }
                }
            }
        }
        @if !listed.next_page_token.is_empty() {
            p.hint { "There are more tenants, on the next page." }
        }
        (tables::pager(visit, &listed.next_page_token))
    };
    Ok(Page::new(format!("Find {sought}"), body).into())
}

async fn tenant(visit: &Visit, id: &str) -> Result<Option<String>, PageFailure> {
    let request = v1::GetTenantRequest { name: format!("tenants/{id}") };
    let found = visit.calls.tenants().get_tenant(request).await;
    there(found.map(|tenant| tenant.into_inner().name))
}

async fn token(visit: &Visit, id: &str) -> Result<Option<String>, PageFailure> {
    // Of a token's text the id alone, so that nobody's secret is looked for.
    let id = id.strip_prefix("prt_").and_then(|rest| rest.split('_').next()).unwrap_or(id);
    let request = v1::GetTokenRequest { name: format!("tokens/{id}") };
    let found = visit.calls.tokens().get_token(request).await;
    there(found.map(|token| token.into_inner().name))
}

/// What a tenant has with an id.
async fn within(visit: &Visit, tenant: &str, id: &str) -> Result<Option<String>, PageFailure> {
    if id.starts_with("dlv_") {
        let request = v1::GetDeliveryRequest { name: format!("{tenant}/deliveries/{id}") };
        let found = visit.calls.deliveries().get_delivery(request).await;
        return there(found.map(|delivery| delivery.into_inner().name));
    }
    if id.starts_with("evt_") {
        let name = format!("{tenant}/events/{id}");
        let request = v1::GetEventRequest { name, view: v1::EventView::Basic.into() };
        let found = visit.calls.events().get_event(request).await;
        return there(found.map(|event| event.into_inner().name));
    }
    if id.starts_with("op_") {
        let request = GetOperationRequest { name: format!("{tenant}/operations/{id}") };
        let found = visit.calls.operations().get_operation(request).await;
        return there(found.map(|operation| operation.into_inner().name));
    }
    let name = format!("{tenant}/subscriptions/{}", id_of(id));
    let request = v1::GetSubscriptionRequest { name };
    let found = visit.calls.subscriptions().get_subscription(request).await;
    there(found.map(|subscription| subscription.into_inner().name))
}

/// What is not there, or of another form, or not the caller's to see, is nothing that was found.
fn there(found: Result<String, Status>) -> Result<Option<String>, PageFailure> {
    match found {
        Ok(name) => Ok(Some(name)),
        Err(status) => {
            let is_nothing = [Code::NotFound, Code::InvalidArgument, Code::PermissionDenied]
                .contains(&status.code());
            if is_nothing { Ok(None) } else { Err(status.into()) }
        }
    }
}
