//! The pages.
//!
//! Fed by `serve` with a `Visit`; feeds it what to answer. Guarantees that a page is found by
//! its path alone, which follows the names of resources: "tenants/acme/subscriptions/erp" is at
//! `/console/tenants/acme/subscriptions/erp`.
//!
//! How a page is added:
//!
//! 1. A file here, or in a folder for each resource, with a function that takes the `Visit` and
//!    gives an `Answer`. `subscriptions/list.rs` is the one to copy: it calls the API by
//!    `visit.calls`, passes errors on with `?`, and puts components together.
//! 2. A line in [`route`], or in that of its folder. A GET changes nothing. A POST ends in
//!    `Answer::See` with a `Flash`, so that reloading does nothing again, or shows the form
//!    again with `FormErrors::of` and `Page::with_errors`. The token of the form is checked
//!    before. What is shown once, as a secret or a test's attempt, is an `Answer::Page`; an id or
//!    an etag in the form keeps a reload from doing it again where that would matter.
//! 3. An entry in the navigation (`layout::navigation`), if people come to it by that, for those
//!    who hold the permission. What is not offered is judged by the API all the same. A page
//!    with a form for a change begins with `Visit::require`, and one whose change cannot be taken
//!    back asks first (`forms::confirmation`). Pages elsewhere are marked by their crumbs.
//! 4. Texts of others only in braces of the templates: `(text)`. Never `PreEscaped`, never
//!    `style=`, no handler in an attribute: the content security policy forbids both. An
//!    address that others chose is shown and not linked to.
//! 5. What goes on by itself is an element with `data-live="PATH"`; that path answers with
//!    `live::events`. The page has to be of use without it, and to be loaded again at any time;
//!    `live::lost_notice` stands before the element. A piece that may come twice has a `data-key`.

pub mod audit;
pub mod choices;
pub mod crumbs;
pub mod failing;
pub mod fleet;
pub mod history;
pub mod overview;
pub mod search;
pub mod subscriptions;
pub mod tenants;
pub mod tokens;
pub mod windows;

use http::Method;

use super::answers::Answer;
use super::failure::PageFailure;
use super::visit::Visit;

/// The page at a path.
pub async fn route(visit: &Visit) -> Result<Answer, PageFailure> {
    let path: Vec<&str> = visit.request.segments.iter().map(String::as_str).collect();
    let is_post = visit.request.method == Method::POST;
    match (is_post, path.as_slice()) {
        (false, []) => Ok(Answer::See(visit.home(), None)),
        (false, ["overview"]) => overview::show(visit).await,
        (false, ["failing"]) => failing::list(visit).await,
        (false, ["tenants"]) => tenants::list(visit).await,
        (false, ["tenants", tenant]) => tenants::show(visit, tenant).await,
        (_, ["tenants", tenant, rest @ ..]) => {
            // What goes on in all of them together would make one large future.
            Box::pin(of_tenant(visit, is_post, tenant, rest)).await
        }
        (false, ["tokens", token]) => tokens::show(visit, token).await,
        (false, ["search"]) => search::show(visit).await,
        (false, ["fleet"]) => fleet::show(visit).await,
        (false, ["audit"]) => audit::list(visit).await,
        _ => Err(PageFailure::NotFound),
    }
}

/// The page at a path below "tenants/{tenant}".
async fn of_tenant(
    visit: &Visit,
    is_post: bool,
    tenant: &str,
    rest: &[&str],
) -> Result<Answer, PageFailure> {
    match rest {
        ["new-subscription"] => subscriptions::create(visit, is_post, tenant).await,
        ["subscriptions", _, "attempts"] => history::route(visit, is_post, tenant, rest).await,
        ["subscriptions", rest @ ..] => {
            Box::pin(subscriptions::route(visit, is_post, tenant, rest)).await
        }
        ["attempts" | "tail" | "deliveries" | "events", ..] => {
            history::route(visit, is_post, tenant, rest).await
        }
        ["replay" | "reconcile" | "operations", ..] => {
            windows::route(visit, is_post, tenant, rest).await
        }
        _ => Err(PageFailure::NotFound),
    }
}
