//! Pages about one tenant's subscriptions.
//!
//! Fed by `pages` with the rest of a path; feeds it what to answer. Guarantees that each page
//! names the tenant of its path, and so asks the API for nothing of another one.
//!
//! - `list`: all of them, with a search bar.

mod list;

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
        _ => Err(PageFailure::NotFound),
    }
}
