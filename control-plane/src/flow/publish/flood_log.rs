//! Logs tenants that are held back because they publish more than all others together.
//!
//! Fed by the publish queue with each batch of such a tenant; feeds the log. Guarantees a line
//! when a tenant is first held back, and one once it has not been for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fair_batch::FloodReporter;
use parking_lot::Mutex;
use postrider_domain::ids::TenantId;
use tokio::time::Instant;

/// A flood is over when its tenant was not held back for so long. Shorter, and one that
/// publishes in bursts would be some lines a minute.
const FLOOD_OVER_AFTER: Duration = Duration::from_secs(10);

/// A tenant that is held back.
struct HeldTenant {
    since: Instant,
    last: Instant,
    batches: u64,
}

/// The tenants that are held back: seldom more than one, since each brings more than all
/// others together. Cheap to clone.
#[derive(Clone, Default)]
pub struct FloodLog(Arc<Mutex<HashMap<TenantId, HeldTenant>>>);

impl FloodReporter<TenantId> for FloodLog {
    fn report_held_back(&self, tenant: &TenantId) {
        if self.note(tenant, Instant::now()) {
            tracing::info!(
                %tenant,
                "a tenant publishes more than all others together, and is held back for them"
            );
            tokio::spawn(self.clone().wait_for_end(tenant.clone()));
        }
    }
}

impl FloodLog {
    /// Notes a batch of a tenant that is held back; whether that is new.
    fn note(&self, tenant: &TenantId, now: Instant) -> bool {
        let mut held = self.0.lock();
        if let Some(known) = held.get_mut(tenant) {
            known.last = now;
            known.batches += 1;
            return false;
        }
        held.insert(tenant.clone(), HeldTenant { since: now, last: now, batches: 1 });
        true
    }

    /// Forgets a tenant that was not held back for a while; returns for how long it was, and
    /// in how many batches.
    fn take_over(&self, tenant: &TenantId, now: Instant) -> Option<(Duration, u64)> {
        let mut held = self.0.lock();
        let known = held.get(tenant)?;
        if now.saturating_duration_since(known.last) < FLOOD_OVER_AFTER {
            return None;
        }
        let ended = (known.last.saturating_duration_since(known.since), known.batches);
        held.remove(tenant);
        Some(ended)
    }

    async fn wait_for_end(self, tenant: TenantId) {
        loop {
            tokio::time::sleep(FLOOD_OVER_AFTER / 2).await;
            if let Some((held, batches)) = self.take_over(&tenant, Instant::now()) {
                let seconds = held.as_secs();
                tracing::info!(%tenant, seconds, batches, "a tenant is held back no more");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_begins_once_and_ends_after_a_while_without() {
        let (log, start) = (FloodLog::default(), Instant::now());
        let acme: TenantId = "acme".parse().unwrap();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(log.note(&acme, at(0)));
        assert!(!log.note(&acme, at(9)) && !log.note(&acme, at(18)));
        assert_eq!(log.take_over(&acme, at(27)), None, "it may only pause");
        assert_eq!(log.take_over(&acme, at(28)), Some((Duration::from_secs(18), 3)));
        assert_eq!(log.take_over(&acme, at(60)), None);
        assert!(log.note(&acme, at(61)), "another flood");
    }
}
