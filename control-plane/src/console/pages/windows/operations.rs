//! Operations of a tenant: replays, backfills and expunges, and how far each is.
//!
//! Fed by `route` and by the API; feeds the pages, and the script while one goes on. Without the
//! script the page is reloaded.

use std::sync::Arc;

use futures::{Stream, stream};
use maud::{Markup, html};
use postrider_identity::Permission;
use postrider_proto::longrunning::{
    CancelOperationRequest, GetOperationRequest, ListOperationsRequest, Operation,
    WaitOperationRequest,
};
use tonic::Status;

use super::progress::{self, OperationProgress, OperationWindow};
use crate::console::answers::{Answer, Flash, Page};
use crate::console::components::{forms, tables, times};
use crate::console::failure::PageFailure;
use crate::console::live::{self, LiveEvent, LiveEventKind};
use crate::console::pages::crumbs;
use crate::console::visit::{Visit, id_of, path};

/// How often the page is told how far it is.
const WAIT_SECONDS: i64 = 1;

pub async fn list(visit: &Visit, tenant: &str) -> Result<Answer, PageFailure> {
    let request = ListOperationsRequest {
        name: format!("tenants/{tenant}"),
        page_size: visit.console.page_size,
        page_token: tables::page_token(visit),
        ..ListOperationsRequest::default()
    };
    let listed = visit.calls.operations().list_operations(request).await?.into_inner();
    let rows: Vec<_> =
        listed.operations.iter().map(|operation| row(visit, tenant, operation)).collect();
    let body = html! {
        @if visit.may_in(Permission::WriteDeliveries, tenant) {
            p { a.button.primary href=(path(&["tenants", tenant, "replay"])) { "Replay a window" } }
        }
        (tables::table("Operations", &["Asked for", "Kind", "State"], &rows, "There are none."))
        (tables::pager(visit, &listed.next_page_token))
    };
    Ok(crumbs::in_tenant(visit, Page::new("Operations", body), tenant).into())
}

fn row(visit: &Visit, tenant: &str, operation: &Operation) -> Vec<Markup> {
    let progress = OperationProgress::of(operation);
    let target = path(&["tenants", tenant, "operations", id_of(&operation.name)]);
    vec![
        html! { a href=(target) { (times::time(progress.create_time, visit.now)) } },
        html! { (progress.name()) },
        progress::state(operation),
    ]
}

pub async fn show(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let name = format!("tenants/{tenant}/operations/{id}");
    let request = GetOperationRequest { name };
    let operation = visit.calls.operations().get_operation(request).await?.into_inner();
    let shown = progress::shown(&operation, OperationWindow::asked(visit), visit.now);
    let own = |part: &str| path(&["tenants", tenant, "operations", id, part]);
    let body = html! {
        @if operation.done {
            (shown)
        } @else {
            (live::lost_notice())
            div.panel data-live={ (own("live")) "?" (visit.request.query_with("", "")) } { (shown) }
            div data-until-end {
                p.hint {
                    "This goes on by itself. Without scripts, reload the page to see how far it is."
                }
                @if visit.may_in(Permission::WriteOperations, tenant) {
                    (forms::action(visit, &own("cancel"), ("what", "operation"), "Cancel"))
                }
            }
        }
    };
    let page = Page::new(OperationProgress::of(&operation).name(), body);
    Ok(crumbs::in_list(visit, page, tenant, ("Operations", "operations")).into())
}

/// How far it is, until it is done.
pub fn live(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let name = format!("tenants/{tenant}/operations/{id}");
    live::events(visit, changes(visit, name))
}

fn changes(
    visit: &Visit,
    name: String,
) -> impl Stream<Item = Result<LiveEvent, Status>> + Send + use<> {
    let (calls, clock) = (visit.calls.clone(), Arc::clone(&visit.console.clock));
    let window = OperationWindow::asked(visit);
    stream::unfold(Some(calls), move |calls| {
        let (name, clock) = (name.clone(), Arc::clone(&clock));
        async move {
            let calls = calls?;
            let timeout = Some(prost_types::Duration { seconds: WAIT_SECONDS, nanos: 0 });
            let request = WaitOperationRequest { name, timeout };
            let operation = match calls.operations().wait_operation(request).await {
                Ok(waited) => waited.into_inner(),
                Err(status) => return Some((Err(status), None)),
            };
            let markup = progress::shown(&operation, window, clock.now());
            let kind = if operation.done { LiveEventKind::End } else { LiveEventKind::Replace };
            let event = LiveEvent { kind, id: None, markup };
            Some((Ok(event), (!operation.done).then_some(calls)))
        }
    })
}

pub async fn cancel(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let name = format!("tenants/{tenant}/operations/{id}");
    let request = CancelOperationRequest { name };
    visit.calls.operations().cancel_operation(request).await?;
    let target = path(&["tenants", tenant, "operations", id]);
    Ok(Answer::See(target, Some(Flash::Cancelled)))
}
