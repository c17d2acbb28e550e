//! Records of changes.
//!
//! Fed by `pages`; feeds it the page.

use maud::{Markup, html};
use postrider_identity::Permission;
use postrider_proto::v1;

use crate::console::answers::{Answer, Page};
use crate::console::components::{tables, times};
use crate::console::failure::PageFailure;
use crate::console::filters;
use crate::console::visit::Visit;

/// What records are looked for by: the query's parameter, the field with its operator, words.
const SOUGHT: [(&str, &str, &str); 4] = [
    ("actor", "actor:", "Who"),
    ("method", "method:", "Method"),
    ("resource", "resource:", "Resource"),
    ("request_id", "request_id=", "Request id"),
];
const PARENT_PARAMETER: &str = "parent";
const INSTALLATION: &str = "installation";
const ALL_TENANTS: &str = "tenants/-";

pub async fn list(visit: &Visit) -> Result<Answer, PageFailure> {
    let parent = match visit.request.query(PARENT_PARAMETER) {
        "" => ALL_TENANTS,
        given => given,
    };
    let sought = SOUGHT.map(|(name, field, _)| (field, visit.request.query(name)));
    let request = v1::ListAuditRecordsRequest {
        parent: parent.to_owned(),
        filter: filters::all_of(&sought),
        page_size: visit.console.page_size,
        page_token: tables::page_token(visit),
    };
    let listed = visit.calls.audit().list_audit_records(request).await?.into_inner();
    let rows: Vec<_> = listed.audit_records.iter().map(|record| row(visit, record)).collect();
    let columns = ["Time", "Who", "From", "Method", "Resource", "Changes"];
    let empty = match listed.next_page_token.as_str() {
        "" => "There are no such records.",
        _ => "There are none among these; there may be on the next page.",
    };
    let body = html! {
        (search(visit, parent))
        (tables::table("Records of changes", &columns, &rows, empty))
        (tables::pager(visit, &listed.next_page_token))
    };
    let page = Page::new("Audit log", body);
    Ok(match parent.strip_prefix("tenants/").filter(|tenant| *tenant != "-") {
        Some(tenant) => page.of_tenant(tenant),
        None => page,
    }
    .into())
}

fn search(visit: &Visit, parent: &str) -> Markup {
    let is_of_one = ![ALL_TENANTS, INSTALLATION].contains(&parent);
    html! {
        form.search method="get" action=(visit.request.uri.path()) role="search"
            aria-label="Audit log" {
            div.fields {
                div.field {
                    label for="audit-parent" { "Records of" }
                    select #audit-parent name=(PARENT_PARAMETER) {
                        @if is_of_one { option value=(parent) selected { (parent) } }
                        option value=(ALL_TENANTS) selected[parent == ALL_TENANTS] { "Tenants" }
                        @if visit.may_everywhere(Permission::ReadAudit) {
                            option value=(INSTALLATION) selected[parent == INSTALLATION] {
                                "The installation"
                            }
                        }
                    }
                }
                @for (name, _, words) in SOUGHT {
                    div.field {
                        label for={ "audit-" (name) } { (words) }
                        input id={ "audit-" (name) } name=(name) value=(visit.request.query(name))
                            autocomplete="off" spellcheck="false";
                    }
                }
            }
            button type="submit" { "Search" }
        }
    }
}

fn row(visit: &Visit, record: &v1::AuditRecord) -> Vec<Markup> {
    vec![
        times::time(record.record_time, visit.now),
        html! { (record.actor) },
        html! { (record.address) },
        html! { (record.method.rsplit('/').next().unwrap_or_default()) },
        html! { code { (record.resource) } },
        changes(record),
    ]
}

fn changes(record: &v1::AuditRecord) -> Markup {
    let count = record.changes.len();
    if count == 0 {
        return html! { span.none { "–" } };
    }
    html! {
        details {
            summary { (count) @if count == 1 { " field" } @else { " fields" } }
            dl.facts {
                @for change in &record.changes {
                    div {
                        dt { (change.field) }
                        dd {
                            del { (change.before.as_deref().unwrap_or("–")) } " "
                            ins { (change.after.as_deref().unwrap_or("–")) }
                        }
                    }
                }
            }
            @if record.omitted_change_count > 0 {
                p.hint { "And " (record.omitted_change_count) " more." }
            }
        }
    }
}
