//! What a new delivery is like, and a claimed one in memory.
//!
//! Fed by whoever creates deliveries: `publish`, `on_demand`, `operations`; feeds them.
//! Depends on nothing but its arguments and chance.

use std::sync::Arc;

use postrider_domain::delivery::{Delivery, DeliveryState, Trigger};
use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, Epoch, SubscriptionKey};
use postrider_domain::scheduler::ScheduledDelivery;
use postrider_domain::subscription::{DeliveryOrdering, Subscription};
use postrider_domain::time::Timestamp;
use postrider_store::ClaimedDelivery;

use crate::state::tenants::TenantSnapshot;

/// The key by which a subscription orders a delivery of an event with this key.
pub fn ordering_key_for(subscription: &Subscription, key: Option<&String>) -> Option<String> {
    match subscription.settings.ordering {
        DeliveryOrdering::PerKey => key.cloned(),
        DeliveryOrdering::Unordered => None,
    }
}

/// The state of a new delivery that is due at once.
pub fn initial_state(ordering_key: Option<&String>) -> DeliveryState {
    match ordering_key {
        Some(_) => DeliveryState::Held,
        None => DeliveryState::Waiting,
    }
}

/// A new delivery of an event, WAITING and due now.
pub fn new_waiting_delivery(
    event: &Event,
    key: SubscriptionKey,
    snapshot: &TenantSnapshot,
    now: Timestamp,
) -> Delivery {
    Delivery {
        id: DeliveryId::new(event.id.time(), rand::random()),
        subscription: key,
        event: event.id,
        event_type: event.content.event_type.clone(),
        account: event.content.account.clone(),
        shard: snapshot.shard,
        epoch: Epoch::default(),
        state: DeliveryState::Waiting,
        end_reason: None,
        attempts: 0,
        failures: 0,
        trigger: Trigger::Publish,
        due: now,
        deadline: now,
        end_time: None,
        ordering_key: None,
        sequence: None,
        test: false,
        resend_of: None,
        filter_failed: false,
    }
}

/// A claimed delivery as the scheduler keeps it.
pub fn scheduled_delivery(work: ClaimedDelivery) -> Arc<ScheduledDelivery> {
    Arc::new(ScheduledDelivery { delivery: work.delivery, event: Some(Arc::new(work.event)) })
}
