//! What was sent: the log of attempts, deliveries and events.
//!
//! Fed by `pages` with the rest of a tenant's path; feeds it what to answer. Guarantees that each
//! page names the tenant of its path.
//!
//! - `log`: every attempt of a subscription or of a tenant, with filters (`attempt_search`).
//! - `deliveries`: one, with its attempts on a line of time. `events`: all, and one of them.
//! - `tail`: attempts as they happen.

mod attempt_search;
mod deliveries;
mod events;
mod log;
mod tail;

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
        (false, ["attempts"]) => log::show(visit, tenant, None).await,
        (false, ["subscriptions", id, "attempts"]) => log::show(visit, tenant, Some(*id)).await,
        (false, ["tail"]) => tail::show(visit, tenant).await,
        (false, ["tail", "live"]) => tail::live(visit, tenant).await,
        (false, ["deliveries", id]) => deliveries::show(visit, tenant, id, None).await,
        (false, ["deliveries", id, "attempts", number]) => {
            deliveries::show(visit, tenant, id, Some(*number)).await
        }
        (true, ["deliveries", id, "retry"]) => deliveries::retry(visit, tenant, id).await,
        (true, ["deliveries", id, "cancel"]) => deliveries::cancel(visit, tenant, id).await,
        (false, ["events"]) => events::list(visit, tenant).await,
        (false, ["events", id]) => events::show(visit, tenant, id).await,
        (true, ["events", id, "resend"]) => events::resend(visit, tenant, id).await,
        _ => Err(PageFailure::NotFound),
    }
}
