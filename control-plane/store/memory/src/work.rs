//! Unfinished deliveries: claimed, looked for, given back, ended by a decision.

use async_trait::async_trait;
use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, DeliveryStatus, EndReason, LateResult, Trigger,
};
use postrider_domain::ids::{AttemptKey, DeliveryId, Epoch, Shard, SubscriptionKey, TenantId};
use postrider_domain::operational_event::{ExhaustedDelivery, OperationalEvent};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use postrider_store::{
    CancelOutcome, ClaimLimits, ClaimRequest, ClaimedDelivery, Conclusion, ConclusionOutcome,
    EndWaitingRequest, StoreResult, SubscriptionBacklog, WaitingSubscription, WorkStore,
};

use crate::MemoryStore;
use crate::tables::MemoryTables;

#[async_trait]
impl WorkStore for MemoryStore {
    async fn conclude(
        &self,
        batch: &[Conclusion],
        now: Timestamp,
    ) -> StoreResult<Vec<ConclusionOutcome>> {
        self.tables()?.conclude(batch, now)
    }

    async fn conclude_late(
        &self,
        record: &AttemptRecord,
        now: Timestamp,
    ) -> StoreResult<LateResult> {
        self.tables()?.conclude_late(record, now)
    }

    async fn claim_due(
        &self,
        claims: &[ClaimRequest],
        now: Timestamp,
        limits: ClaimLimits,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        let mut tables = self.tables()?;
        let mut claimed = Vec::new();
        for claim in claims {
            let room = limit(limits.deliveries).saturating_sub(claimed.len());
            let due = tables.due(claim, now, limit(claim.limit).min(room));
            for id in &due {
                if let Some(delivery) = tables.unfinished.get_mut(id) {
                    delivery.state = DeliveryState::InFlight;
                    delivery.attempts += 1;
                    delivery.epoch = claim.epoch;
                }
            }
            claimed.extend(due);
        }
        Ok(tables.load(&claimed, now))
    }

    async fn waiting(&self, shards: &[Shard]) -> StoreResult<Vec<WaitingSubscription>> {
        let tables = self.tables()?;
        let mut found: Vec<WaitingSubscription> = Vec::new();
        let place = |found: &[WaitingSubscription], delivery: &Delivery| {
            found.iter().position(|row| row.subscription == delivery.subscription)
        };
        for delivery in tables.in_shards(shards, DeliveryState::Waiting) {
            let first = WaitingSubscription {
                subscription: delivery.subscription.clone(),
                shard: delivery.shard,
                first_due: delivery.due,
                first_deadline: delivery.deadline,
            };
            match place(&found, delivery).and_then(|at| found.get_mut(at)) {
                Some(one) => {
                    one.first_due = one.first_due.min(delivery.due);
                    one.first_deadline = one.first_deadline.min(delivery.deadline);
                }
                None => found.push(first),
            }
        }
        for delivery in tables.in_shards(shards, DeliveryState::Held) {
            if let Some(one) = place(&found, delivery).and_then(|at| found.get_mut(at)) {
                one.first_deadline = one.first_deadline.min(delivery.deadline);
            }
        }
        Ok(found)
    }

    async fn stale_in_flight(
        &self,
        shards: &[(Shard, Epoch)],
        most: u32,
    ) -> StoreResult<Vec<Delivery>> {
        let tables = self.tables()?;
        let stale = tables.in_flight().filter(|in_flight| {
            shards
                .iter()
                .any(|(shard, epoch)| in_flight.shard == *shard && in_flight.epoch < *epoch)
        });
        Ok(stale.take(limit(most)).cloned().collect())
    }

    async fn own_in_flight(
        &self,
        shards: &[(Shard, Epoch)],
        after: Option<DeliveryId>,
        most: u32,
    ) -> StoreResult<Vec<Delivery>> {
        let tables = self.tables()?;
        let own = tables.in_flight().filter(|in_flight| {
            shards.contains(&(in_flight.shard, in_flight.epoch))
                && after.is_none_or(|after| in_flight.id > after)
        });
        Ok(own.take(limit(most)).cloned().collect())
    }

    async fn load_work(
        &self,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        Ok(self.tables()?.load(ids, now))
    }

    async fn release(&self, keys: &[AttemptKey], due: Timestamp) -> StoreResult<()> {
        self.tables()?.change_attempts(keys, |delivery| {
            if delivery.attempts > 0 {
                delivery.state = DeliveryState::Waiting;
                delivery.due = due;
                delivery.attempts -= 1;
            }
        });
        Ok(())
    }

    async fn adopt(&self, keys: &[AttemptKey], epoch: Epoch) -> StoreResult<()> {
        self.tables()?.change_attempts(keys, |delivery| delivery.epoch = epoch);
        Ok(())
    }

    async fn end_waiting(
        &self,
        request: &EndWaitingRequest,
        now: Timestamp,
        most: u32,
    ) -> StoreResult<u64> {
        let mut tables = self.tables()?;
        let until = request.deadline_before.unwrap_or(Timestamp::MAX);
        let mut over: Vec<&Delivery> = tables
            .backlog(&request.subscription)
            .filter(|backlog| backlog.deadline <= until)
            .collect();
        over.sort_by_key(|delivery| {
            (delivery.state == DeliveryState::Held, delivery.deadline, delivery.sequence)
        });
        over.truncate(limit(most));
        let mut operational_events: Vec<OperationalEvent> = Vec::new();
        if let Some(endpoint) = &request.endpoint_for_events {
            let ended = over
                .iter()
                .filter_map(|delivery| ExhaustedDelivery::of(delivery, Some(request.reason)));
            operational_events.extend(ended.map(|delivery| endpoint.exhausted(delivery)));
        }
        let mut by_number = over.clone();
        by_number.sort_by_key(|delivery| delivery.sequence);
        let by_number: Vec<DeliveryId> = by_number.iter().map(|delivery| delivery.id).collect();
        if request.hold_keys {
            by_number.iter().for_each(|id| tables.hold_key_of(*id));
        }
        tables.write_to_outbox(&operational_events);
        for id in &by_number {
            tables.end(*id, request.state, Some(request.reason), now);
        }
        Ok(by_number.len() as u64)
    }

    async fn cancel(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        reason: EndReason,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<CancelOutcome> {
        let mut tables = self.tables()?;
        let Some(delivery) = tables.delivery(tenant, id).cloned() else {
            return Ok(CancelOutcome::NotFound);
        };
        if delivery.state.is_final() {
            return Ok(CancelOutcome::AlreadyEnded(delivery.state));
        }
        let under_way = delivery.cancelled_under_way(now);
        if let Some(record) = &under_way {
            let standing =
                DeliveryStatus { state: DeliveryState::Cancelled, end_reason: Some(reason) };
            tables.put_unless_known(record, standing, now);
        }
        tables.end(id, DeliveryState::Cancelled, Some(reason), now);
        tables.append_record(audit)?;
        Ok(CancelOutcome::Done { in_flight: under_way.map(|record| record.key) })
    }

    async fn bring_forward(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<bool> {
        let mut tables = self.tables()?;
        let found = tables.unfinished.get_mut(&id).filter(|delivery| {
            delivery.state == DeliveryState::Waiting && delivery.subscription.tenant == *tenant
        });
        let Some(delivery) = found else { return Ok(false) };
        delivery.due = now;
        delivery.trigger = Trigger::Manual;
        tables.append_record(audit)?;
        Ok(true)
    }

    async fn count_due(
        &self,
        key: &SubscriptionKey,
        shard: Shard,
        now: Timestamp,
        cap: u32,
    ) -> StoreResult<u32> {
        let tables = self.tables()?;
        let due = tables.backlog(key).filter(|backlog| {
            backlog.state == DeliveryState::Waiting && backlog.shard == shard && backlog.due <= now
        });
        Ok(u32::try_from(due.take(limit(cap)).count()).unwrap_or(cap))
    }

    async fn backlog(&self, key: &SubscriptionKey, cap: u32) -> StoreResult<SubscriptionBacklog> {
        let tables = self.tables()?;
        let mut counted: Vec<&Delivery> = tables.backlog(key).collect();
        counted.sort_by_key(|delivery| (delivery.state == DeliveryState::Held, delivery.deadline));
        counted.truncate(limit(cap));
        Ok(SubscriptionBacklog {
            count: u32::try_from(counted.len()).unwrap_or(cap),
            oldest: counted.iter().map(|delivery| delivery.create_time()).min(),
        })
    }
}

fn limit(most: u32) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX)
}

impl MemoryTables {
    fn in_flight(&self) -> impl Iterator<Item = &Delivery> {
        self.unfinished.values().filter(|delivery| delivery.state == DeliveryState::InFlight)
    }

    fn in_shards<'t>(
        &'t self,
        shards: &'t [Shard],
        state: DeliveryState,
    ) -> impl Iterator<Item = &'t Delivery> {
        let unfinished = self.unfinished.values();
        unfinished
            .filter(move |delivery| delivery.state == state && shards.contains(&delivery.shard))
    }

    /// What of a subscription is WAITING or HELD.
    fn backlog<'t>(&'t self, key: &'t SubscriptionKey) -> impl Iterator<Item = &'t Delivery> {
        let unfinished = self.unfinished.values();
        unfinished.filter(|delivery| {
            delivery.state != DeliveryState::InFlight && delivery.subscription == *key
        })
    }

    /// Takes the deliveries of a claim, the longest due first.
    fn due(&self, claim: &ClaimRequest, now: Timestamp, most: usize) -> Vec<DeliveryId> {
        let due = self.backlog(&claim.subscription).filter(|backlog| {
            backlog.state == DeliveryState::Waiting
                && backlog.shard == claim.shard
                && backlog.due <= now
                && backlog.deadline >= claim.running
                && (backlog.test || !claim.tests_only)
        });
        let mut due: Vec<(Timestamp, DeliveryId)> =
            due.map(|delivery| (delivery.due, delivery.id)).collect();
        due.sort_unstable();
        due.into_iter().take(most).map(|(_, id)| id).collect()
    }

    /// IN_FLIGHT deliveries with their events; one without ends.
    fn load(&mut self, ids: &[DeliveryId], now: Timestamp) -> Vec<ClaimedDelivery> {
        let mut work = Vec::with_capacity(ids.len());
        let mut gone = Vec::new();
        for id in ids {
            let found = self.unfinished.get(id);
            let found = found.filter(|row| row.state == DeliveryState::InFlight);
            let Some(delivery) = found else { continue };
            match self.event_of(delivery) {
                Some(event) => {
                    work.push(ClaimedDelivery { delivery: delivery.clone(), event: event.clone() });
                }
                None => gone.push(*id),
            }
        }
        for id in gone {
            self.end(id, DeliveryState::Exhausted, Some(EndReason::EventGone), now);
        }
        work
    }

    /// Changes attempts that are still current.
    fn change_attempts(&mut self, keys: &[AttemptKey], change: impl Fn(&mut Delivery)) {
        for key in keys {
            let current = |item: &&mut Delivery| {
                item.state == DeliveryState::InFlight && item.current_attempt() == *key
            };
            if let Some(delivery) = self.unfinished.get_mut(&key.delivery).filter(current) {
                change(delivery);
            }
        }
    }
}
