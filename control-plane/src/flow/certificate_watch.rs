//! Certificates of subscriptions' credentials that end soon: warned about.
//!
//! Fed by the rows that say when; feeds the outbox with warnings. Guarantees that a warning
//! is written with the time of the next one, or not at all: whoever is stopped in between
//! leaves it to another.
//!
//! Keeps the invariant `told-once`.

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{Shard, SubscriptionKey};
use postrider_domain::operational_event::{
    EndpointSummary, OperationalEvent, OperationalEventType,
};
use postrider_domain::time::Timestamp;
use postrider_store::{FirstFault, Store, StoreResult};

use crate::clock::Clock;
use crate::progress::RoundCounts;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::outbox::Outbox;
use crate::state::tenants::TenantConfigs;

/// How often rows are looked at. Warnings are days before what they warn of; this is so that
/// a test need not wait.
pub const CERTIFICATE_CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// Most subscriptions that are warned at once; others wait for the next look.
const MAX_WARNED_AT_ONCE: u32 = 100;

/// Warns of certificates that end.
pub struct CertificateWatch {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    dispatcher: Dispatcher,
    outbox: Outbox,
}

impl CertificateWatch {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            dispatcher: context.dispatcher.clone(),
            outbox: context.outbox.clone(),
        }
    }

    /// Writes what is due of tenants in this replica's shards, and counts it.
    pub async fn write_warnings(&self, counts: &mut RoundCounts) -> StoreResult<()> {
        let leases = self.dispatcher.read(|scheduler, _| scheduler.leases());
        let shards: Vec<Shard> = leases.iter().map(|lease| lease.shard).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let due = self.store.due_certificate_warnings(&shards, now, MAX_WARNED_AT_ONCE).await?;
        let mut faults = FirstFault::default();
        for (key, since) in due {
            let warned = faults.keep_readable(self.warn(&key, since, now).await)?;
            counts.add_all("certificates_warned_of", warned.unwrap_or_default());
        }
        faults.into_result()
    }

    /// Tells of how many certificates of a subscription it has warned.
    async fn warn(
        &self,
        key: &SubscriptionKey,
        due: Timestamp,
        now: Timestamp,
    ) -> StoreResult<usize> {
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        let found = snapshot.as_ref().and_then(|s| Some((s, s.subscription(&key.subscription)?)));
        let Some((snapshot, subscription)) = found else {
            // It is deleted, or about to be.
            self.store.warn_of_certificates(key, due, None, &[]).await?;
            return Ok(0);
        };
        let credentials = &subscription.settings.credentials;
        let warnings = credentials.certificate_warnings_since(due, now);
        let is_wanted =
            snapshot.wants_event(&self.outbox, OperationalEventType::CertificateExpiring);
        let endpoint = EndpointSummary::of(subscription);
        let events: Vec<OperationalEvent> = warnings
            .iter()
            .filter(|_| is_wanted)
            .map(|(role, summary, left)| endpoint.certificate_expiring(*role, summary, *left))
            .collect();
        let next = credentials.next_certificate_warning(now);
        if !self.store.warn_of_certificates(key, due, next, &events).await? {
            // Another replica has, or the subscription was changed.
            return Ok(0);
        }
        for (_, summary, _) in &warnings {
            tracing::warn!(subscription = %key, ends = %summary.expire_time, "a certificate of a subscription ends soon");
        }
        Ok(warnings.len())
    }
}
