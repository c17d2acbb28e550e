//! Which subscriptions get an event.
//!
//! Fed by the publishing call, in its own task, so that nobody else waits while
//! conditions are evaluated; feeds the writer. Guarantees that an event whose
//! condition fails is delivered, and that one which a subscription could never
//! be sent is refused before it is committed.

use std::sync::Arc;

use postrider_domain::content_filter::{ContentFilter, FilterInput};
use postrider_domain::subscription::{Status, Subscription};

use super::{PublishError, PublishInput};
use crate::flow::tenants::{Candidate, Snapshot};

/// A subscription that gets the event.
pub(super) struct Match {
    pub subscription: Arc<Subscription>,
    /// Whether its content filter gave no answer.
    pub filter_failed: bool,
}

/// The subscriptions that get an event by one version of the configuration, in
/// the order of their ids.
pub(super) async fn matching(
    snapshot: &Snapshot,
    input: &PublishInput,
) -> Result<Vec<Match>, PublishError> {
    let mut matches = Vec::new();
    let mut seen = None;
    for one in snapshot.candidates(&input.event_type, input.account.as_deref()) {
        let Candidate { subscription, filter } = one;
        let filter_failed = match filter {
            None => false,
            Some(filter) => {
                if seen.is_some() {
                    // Each may take milliseconds: others get their turn in between.
                    tokio::task::yield_now().await;
                }
                match wanted(filter, seen.get_or_insert_with(|| looked_into(input))) {
                    Some(true) => false,
                    Some(false) => continue,
                    None => true,
                }
            }
        };
        if !input.json
            && subscription.settings.envelope.is_json()
            && subscription.status != Status::Disabled
        {
            return Err(PublishError::EnvelopeNeedsJson { subscription: subscription.key() });
        }
        matches.push(Match { subscription: Arc::clone(subscription), filter_failed });
    }
    Ok(matches)
}

fn looked_into(input: &PublishInput) -> FilterInput<'_> {
    let account = input.account.as_deref();
    FilterInput::new(&input.event_type, account, &input.attributes, &input.payload)
}

/// Whether the condition holds; `None` when it failed.
fn wanted(filter: &ContentFilter, input: &FilterInput<'_>) -> Option<bool> {
    filter
        .evaluate(input)
        .inspect_err(|failure| tracing::debug!(%failure, "a content filter failed"))
        .ok()
}
