//! Pages about one tenant's subscriptions.
//!
//! Fed by `pages` with the rest of a path; feeds it what to answer. Guarantees that each page
//! names the tenant of its path, and so asks the API for nothing of another one.
//!
//! - `list`: all of them, with a search bar. `show`: one of them. `actions`: what can be done
//!   with one, and changing its status. `delete`: asked for, and done. `disable`: asked for.
//! - `edit`: creating and changing one, by `form_values` (what stands in the form),
//!   `form_reading` (from there to the API's message) and `form_page`, with `event_choice`,
//!   `form_signing`, `form_retry` and `form_advanced`.
//! - `secrets`: rotating and revoking keys, and a secret that is shown once.
//! - `test_send`: a test, and its attempt at once. `stats`: how the endpoint has been doing.
//! - `fuzzing`: entrances to the form's reading, which no program uses.

pub mod actions;
mod delete;
mod disable;
mod edit;
mod event_choice;
mod form_advanced;
mod form_page;
mod form_reading;
mod form_retry;
mod form_signing;
mod form_values;
pub mod fuzzing;
mod list;
mod secrets;
mod show;
mod stats;
mod test_send;

use crate::console::answers::Answer;
use crate::console::failure::PageFailure;
use crate::console::visit::Visit;

/// The page at a path below "tenants/{tenant}/subscriptions".
pub async fn route(
    visit: &Visit,
    is_post: bool,
    tenant: &str,
    rest: &[&str],
) -> Result<Answer, PageFailure> {
    match (is_post, rest) {
        (false, []) => list::show(visit, tenant).await,
        (false, [id]) => show::show(visit, tenant, id).await,
        (false, [id, "edit"]) => edit::show(visit, tenant, id).await,
        (true, [id, "edit"]) => edit::save(visit, tenant, id).await,
        (false, [id, "test"]) => test_send::show(visit, tenant, id).await,
        (true, [id, "test"]) => test_send::send(visit, tenant, id).await,
        (false, [id, "statistics"]) => stats::show(visit, tenant, id).await,
        (false, [id, "rotate"]) => secrets::show(visit, tenant, id).await,
        (true, [id, "rotate"]) => secrets::rotate(visit, tenant, id).await,
        (false, [id, "revoke"]) => secrets::ask_to_revoke(visit, tenant, id).await,
        (true, [id, "revoke"]) => secrets::revoke(visit, tenant, id).await,
        (false, [id, "delete"]) => delete::ask(visit, tenant, id).await,
        (true, [id, "delete"]) => delete::delete(visit, tenant, id).await,
        (false, [id, "disable"]) => disable::ask(visit, tenant, id).await,
        (true, [id, change @ ("enable" | "pause" | "disable")]) => {
            actions::change_status(visit, tenant, id, change).await
        }
        _ => Err(PageFailure::NotFound),
    }
}

/// The page at "tenants/{tenant}/new-subscription": "new" may be a subscription's id.
pub async fn create(visit: &Visit, is_post: bool, tenant: &str) -> Result<Answer, PageFailure> {
    if is_post { edit::create(visit, tenant).await } else { edit::offer(visit, tenant).await }
}
