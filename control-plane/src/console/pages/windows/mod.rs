//! Windows of time: sent again, with how far that is, and accounted for.
//!
//! Fed by `pages` with the rest of a tenant's path; feeds it what to answer. Guarantees that each
//! page names the tenant of its path.
//!
//! - `replay`: deliveries of a window are sent again. `operations`: what goes on by itself for a
//!   while, and how far it is (`progress`). `reconcile`: what became of a window's events.

mod operations;
mod progress;
mod reconcile;
mod replay;

use crate::console::answers::Answer;
use crate::console::failure::PageFailure;
use crate::console::visit::Visit;

/// The page at a path below "tenants/{tenant}".
pub async fn route(
    visit: &Visit,
    is_post: bool,
    tenant: &str,
    rest: &[&str],
) -> Result<Answer, PageFailure> {
    match (is_post, rest) {
        (false, ["replay"]) => replay::show(visit, tenant).await,
        (true, ["replay"]) => replay::start(visit, tenant).await,
        (false, ["reconcile"]) => reconcile::show(visit, tenant).await,
        (false, ["operations"]) => operations::list(visit, tenant).await,
        (false, ["operations", id]) => operations::show(visit, tenant, id).await,
        (false, ["operations", id, "live"]) => operations::live(visit, tenant, id),
        (true, ["operations", id, "cancel"]) => operations::cancel(visit, tenant, id).await,
        _ => Err(PageFailure::NotFound),
    }
}
