//! What every call of `SubscriptionService` works with.
//!
//! Fed by `service` and `changes`; feeds them with the state, the entrances, names and shown
//! subscriptions.

use postrider_domain::ids::SubscriptionKey;
use postrider_domain::subscription::Subscription;
use postrider_proto::v1;
use tonic::Status;

use crate::api::rpc::{errors, spans};
use crate::api::subscriptions::conversion::to_proto;
use crate::api::values::names;
use crate::flow::Flow;
use crate::state::context::ReplicaContext;

/// Handles the calls of `SubscriptionService`.
pub struct SubscriptionApi {
    pub(in crate::api) context: ReplicaContext,
    pub(in crate::api) flow: Flow,
}

impl SubscriptionApi {
    pub fn new(context: ReplicaContext, flow: Flow) -> Self {
        Self { context, flow }
    }

    /// Converts a subscription with what this replica knows about its endpoint.
    pub(in crate::api) fn show(&self, subscription: &Subscription) -> v1::Subscription {
        let lane = self.context.dispatcher.lane(&subscription.key());
        to_proto(subscription, lane, self.context.clock.now())
    }
}

/// Parses a subscription's name and records it in the call's span.
pub(in crate::api) fn key(name: &str) -> Result<SubscriptionKey, Status> {
    let key = names::subscription(name).map_err(|error| errors::invalid("name", error))?;
    spans::record_in_span("tenant", &key.tenant);
    spans::record_in_span("subscription", &key.subscription);
    Ok(key)
}
