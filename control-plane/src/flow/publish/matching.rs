//! Which subscriptions get an event.
//!
//! Fed by the publisher's own task, so that evaluating content filters delays nobody
//! else; feeds the writer. Guarantees that an event whose content filter fails is
//! delivered all the same, and that an event which one of its subscriptions could never
//! be sent is refused before the commit.

use std::sync::Arc;

use postrider_domain::content_filter::{ContentFilter, FilterInput};
use postrider_domain::event::EventContent;
use postrider_domain::subscription::{Subscription, SubscriptionStatus};

use super::answer::PublishError;
use crate::state::tenants::{MatchCandidate, TenantSnapshot};

/// A subscription that gets the event.
pub(super) struct MatchedSubscription {
    pub subscription: Arc<Subscription>,
    /// Whether its content filter failed, so that the event is delivered unfiltered.
    pub filter_failed: bool,
}

/// The subscriptions that get an event, by one version of the configuration, in the
/// order of their ids.
pub(super) async fn match_subscriptions(
    snapshot: &TenantSnapshot,
    content: &EventContent,
) -> Result<Vec<MatchedSubscription>, PublishError> {
    let mut matches = Vec::new();
    let is_json = content.is_json();
    let mut seen = None;
    for candidate in snapshot.candidates(&content.event_type, content.account.as_deref()) {
        let MatchCandidate { subscription, filter } = candidate;
        let filter_failed = match filter {
            None => false,
            Some(filter) => {
                if seen.is_some() {
                    // A filter may take milliseconds: let other tasks run in between.
                    tokio::task::yield_now().await;
                }
                match evaluate_filter(filter, seen.get_or_insert_with(|| filter_input(content))) {
                    Some(true) => false,
                    Some(false) => continue,
                    None => true,
                }
            }
        };
        if !is_json
            && subscription.settings.envelope.is_json()
            && subscription.status != SubscriptionStatus::Disabled
        {
            return Err(PublishError::EnvelopeNeedsJson { subscription: subscription.key() });
        }
        matches.push(MatchedSubscription { subscription: Arc::clone(subscription), filter_failed });
    }
    Ok(matches)
}

fn filter_input(content: &EventContent) -> FilterInput<'_> {
    let account = content.account.as_deref();
    FilterInput::new(&content.event_type, account, &content.attributes, &content.payload)
}

/// Whether the filter admits the event; `None` if it failed.
fn evaluate_filter(filter: &ContentFilter, input: &FilterInput<'_>) -> Option<bool> {
    filter
        .evaluate(input)
        .inspect_err(|failure| tracing::debug!(%failure, "a content filter failed"))
        .ok()
}
