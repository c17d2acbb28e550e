//! Which operational events are written, and waking their publisher.
//!
//! Fed by the settings, and by whoever has written an event; feeds `outbox_publisher`.
//! Guarantees nothing by itself: a notification only makes publishing faster.
//!
//! An event that nobody in the tenant subscribes to is not written, so unused events
//! cost nothing. Two exceptions: a disabled endpoint is always reported, and everything
//! is while there is an operators' tenant.

use std::sync::Arc;

use postrider_domain::ids::TenantId;
use postrider_domain::operational_event::OperationalEventType;
use tokio::sync::Notify;

struct OutboxShared {
    /// The tenant in which every event is published a second time.
    operators: Option<TenantId>,
    written: Notify,
}

/// Decides which operational events are written, and wakes their publisher. Cheap to
/// clone.
#[derive(Clone)]
pub struct Outbox(Arc<OutboxShared>);

impl Outbox {
    pub fn new(operators: Option<TenantId>) -> Self {
        Self(Arc::new(OutboxShared { operators, written: Notify::new() }))
    }

    /// Whether an event of this type is written even if its tenant does not subscribe to
    /// it.
    pub fn always_reports(&self, event_type: OperationalEventType) -> bool {
        event_type == OperationalEventType::EndpointDisabled || self.0.operators.is_some()
    }

    /// The tenant in which every event is published a second time, if there is one.
    pub fn operators(&self) -> Option<&TenantId> {
        self.0.operators.as_ref()
    }

    /// Wakes the publisher: an event was written, or a streak needs a decision.
    pub fn notify(&self) {
        self.0.written.notify_one();
    }

    /// Completes when the publisher was woken.
    pub async fn notified(&self) {
        self.0.written.notified().await;
    }
}
