//! Batches of values as arrays of rows, for `unnest`.
//!
//! Each type binds its parameters in a fixed order, which is the beginning of the
//! statements' numbering.

use std::borrow::Cow;
use std::collections::HashMap;

use postrider_domain::delivery::{AttemptRecord, Delivery, DeliveryStatus};
use postrider_domain::event::Event;
use postrider_domain::ids::SubscriptionKey;
use postrider_domain::time::Timestamp;
use uuid::Uuid;

use super::inputs::input;
use super::numbers::{BatchNumbers, SubscriptionNumbers};
use super::octaves::{OctaveCounts, octave};
use super::query::PgQuery;
use crate::codec;
use crate::error::StoreResult;
use crate::latency::latency_bucket;
use crate::publishing::numbered;
use crate::work::ConcludedDelivery;

/// A count for an INTEGER column; no real count comes near its limit.
pub(super) fn int(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

input!(
    /// An event to insert.
    EventInput as "event_input" {
        config: i32,
        tenant: i32,
        id: Uuid,
        create_time: i64,
        event_type: &'a str,
        account: Option<&'a str>,
        attributes: Option<String>,
        ordering_key: Option<&'a str>,
        content_type: Option<&'a str>,
        payload_sha256: &'a [u8],
        traceparent: &'a str,
        tracestate: &'a str,
        idempotency_key: Option<&'a str>,
        matched: i32,
        test: bool,
        payload: &'a [u8],
    }
);

impl<'a> EventInput<'a> {
    /// `config` is the number of the configuration that the event depends on, `tenant` its
    /// tenant's.
    pub(super) fn new(config: i32, tenant: i32, event: &'a Event) -> StoreResult<Self> {
        let content = &event.content;
        Ok(Self {
            config,
            tenant,
            id: event.id.0,
            create_time: event.create_time().as_micros(),
            event_type: &content.event_type,
            account: content.account.as_deref(),
            attributes: codec::attributes_to_json(&content.attributes)?,
            ordering_key: content.ordering_key.as_deref(),
            content_type: codec::unusual_content_type(&content.content_type),
            payload_sha256: &content.payload_sha256,
            traceparent: &content.traceparent,
            tracestate: &content.tracestate,
            idempotency_key: content.idempotency_key.as_deref(),
            matched: int(event.matched),
            test: event.test,
            payload: &content.payload,
        })
    }
}

input!(
    /// A delivery to insert.
    DeliveryInput as "delivery_input" {
        ord: i32,
        config: i32,
        lane: Option<i32>,
        place: Option<i32>,
        id: Uuid,
        tenant: i32,
        subscription: i32,
        event: Uuid,
        event_type: &'a str,
        account: Option<&'a str>,
        shard: i32,
        epoch: i64,
        state: i16,
        attempts: i32,
        failures: i32,
        trigger: i16,
        due: i64,
        deadline: i64,
        ordering_key: Option<&'a str>,
        sequence: Option<i64>,
        test: bool,
        resend_of: Option<Uuid>,
        filter_failed: bool,
        end_reason: Option<i16>,
        end_time: i64,
    }
);

/// The subscriptions that number deliveries of a batch, in the order in which their
/// counters are locked, and how many each numbers.
#[derive(Default)]
struct NumberingLanes<'a> {
    places: HashMap<&'a SubscriptionKey, (i32, i64)>,
    tenants: Vec<i32>,
    subscriptions: Vec<i32>,
}

impl<'a> NumberingLanes<'a> {
    fn of(
        deliveries: impl Iterator<Item = &'a Delivery>,
        numbers: &BatchNumbers<'_>,
    ) -> StoreResult<Self> {
        let mut keys: Vec<(SubscriptionNumbers, &SubscriptionKey)> = deliveries
            .filter(|delivery| numbered(delivery))
            .map(|delivery| Ok((numbers.of(&delivery.subscription)?, &delivery.subscription)))
            .collect::<StoreResult<_>>()?;
        keys.sort_unstable();
        keys.dedup();
        Ok(Self {
            tenants: keys.iter().map(|(of, _)| of.tenant).collect(),
            subscriptions: keys.iter().map(|(of, _)| of.subscription).collect(),
            places: keys.into_iter().map(|(_, key)| key).zip((1..).map(|at| (at, 0))).collect(),
        })
    }

    /// The delivery's lane, and its place in the lane.
    fn next(&mut self, delivery: &Delivery) -> Option<(i32, i32)> {
        if !numbered(delivery) {
            return None;
        }
        let (lane, last) = self.places.get_mut(&delivery.subscription)?;
        *last += 1;
        Some((*lane, i32::try_from(*last).unwrap_or(i32::MAX)))
    }

    fn counts(&self) -> Vec<i64> {
        let mut counts: Vec<(i32, i64)> = self.places.values().copied().collect();
        counts.sort_unstable();
        counts.into_iter().map(|(_, count)| count).collect()
    }
}

/// Deliveries to insert, and to number; 4 parameters.
#[derive(Default)]
pub(super) struct DeliveryArrays<'a> {
    rows: Vec<DeliveryInput<'a>>,
    lanes: NumberingLanes<'a>,
}

impl<'a> DeliveryArrays<'a> {
    /// Sized for the deliveries that will be pushed.
    pub(super) fn of(
        deliveries: impl Iterator<Item = &'a Delivery>,
        numbers: &BatchNumbers<'_>,
    ) -> StoreResult<Self> {
        let mut count = 0;
        let lanes = NumberingLanes::of(deliveries.inspect(|_| count += 1), numbers)?;
        Ok(Self { rows: Vec::with_capacity(count), lanes })
    }

    pub(super) fn bind<'q>(self, query: PgQuery<'q>) -> PgQuery<'q> {
        let counts = self.lanes.counts();
        let query = query.bind(self.rows);
        query.bind(self.lanes.tenants).bind(self.lanes.subscriptions).bind(counts)
    }

    /// The lane of each delivery pushed.
    pub(super) fn lanes(&self) -> Vec<Option<i32>> {
        self.rows.iter().map(|row| row.lane).collect()
    }

    /// How many deliveries each lane numbers.
    pub(super) fn counts(&self) -> Vec<i64> {
        self.lanes.counts()
    }

    /// `config` is the number of the configuration that the delivery depends on.
    pub(super) fn push(
        &mut self,
        config: i32,
        delivery: &'a Delivery,
        numbers: &BatchNumbers<'_>,
    ) -> StoreResult<()> {
        let SubscriptionNumbers { tenant, subscription } = numbers.of(&delivery.subscription)?;
        let (lane, place) = self.lanes.next(delivery).unzip();
        self.rows.push(DeliveryInput {
            ord: i32::try_from(self.rows.len()).unwrap_or(i32::MAX).saturating_add(1),
            config,
            lane,
            place,
            id: delivery.id.0,
            tenant,
            subscription,
            event: delivery.event.0,
            event_type: &delivery.event_type,
            account: delivery.account.as_deref(),
            shard: delivery.shard.0.into(),
            epoch: epoch(delivery.epoch.0)?,
            state: delivery.state.code(),
            attempts: int(delivery.attempts),
            failures: int(delivery.failures),
            trigger: delivery.trigger.code(),
            due: delivery.due.as_micros(),
            deadline: delivery.deadline.as_micros(),
            ordering_key: delivery.ordering_key.as_deref(),
            sequence: delivery.sequence,
            test: delivery.test,
            resend_of: delivery.resend_of.map(|id| id.0),
            filter_failed: delivery.filter_failed,
            end_reason: delivery.end_reason.map(|reason| reason.code()),
            end_time: delivery.end_time.unwrap_or_else(|| delivery.create_time()).as_micros(),
        });
        Ok(())
    }
}

/// An epoch for its column.
pub(super) fn epoch(epoch: u64) -> StoreResult<i64> {
    i64::try_from(epoch).map_err(|_| codec::corrupt(format_args!("epoch {epoch}")))
}

input!(
    /// An attempt to insert, with the delivery that it ends.
    AttemptInput as "attempt_input" {
        delivery: Uuid,
        number: i32,
        tenant: i32,
        subscription: i32,
        event: Uuid,
        event_type: &'a str,
        outcome: i16,
        http_status: Option<i32>,
        start_time: i64,
        dns_us: Option<i32>,
        connect_us: Option<i32>,
        tls_us: Option<i32>,
        first_byte_us: Option<i32>,
        total_us: i64,
        response_headers: Vec<u8>,
        response_body: &'a [u8],
        response_body_bytes: i64,
        response_body_truncated: bool,
        error: Cow<'a, str>,
        agent: &'a str,
        region: &'a str,
        remote_address: &'a str,
        http_version: &'a str,
        trigger: i16,
        test: bool,
        next_attempt_time: Option<i64>,
        settings_revision: Option<i64>,
        delivery_state: Option<i16>,
        delivery_end_reason: Option<i16>,
        tally: Option<i32>,
        failures: Option<i32>,
        due: Option<i64>,
        deadline: Option<i64>,
        sequence: Option<i64>,
        resend_of: Option<Uuid>,
        account: Option<&'a str>,
        ordering_key: Option<&'a str>,
        filter_failed: Option<bool>,
        end_time: Option<i64>,
    }
);

/// The groups in which attempts are counted: one array for each column; the last array
/// has the counts.
#[derive(Default)]
struct AttemptTallies<'a> {
    tenants: Vec<i32>,
    subscriptions: Vec<i32>,
    hours: Vec<i64>,
    outcomes: Vec<i16>,
    octaves: Vec<i16>,
    counts: Vec<OctaveCounts>,
    /// Numbers of the tallies, from 0.
    numbers: HashMap<(&'a SubscriptionKey, i64, i16, i16), usize>,
}

impl<'a> AttemptTallies<'a> {
    /// Counts an attempt; tests are not counted.
    fn count(&mut self, record: &'a AttemptRecord, of: SubscriptionNumbers) -> Option<i32> {
        if record.test {
            return None;
        }
        let (hour, outcome) = (codec::hour(record.start_time), record.outcome.code());
        let (octave, place) = octave(latency_bucket(record.timings.total));
        let next = self.counts.len();
        let at = *self.numbers.entry((&record.subscription, hour, outcome, octave)).or_insert_with(
            || {
                self.tenants.push(of.tenant);
                self.subscriptions.push(of.subscription);
                self.hours.push(hour);
                self.outcomes.push(outcome);
                self.octaves.push(octave);
                self.counts.push(OctaveCounts::default());
                next
            },
        );
        if let Some(counts) = self.counts.get_mut(at) {
            counts.add(place);
        }
        i32::try_from(at + 1).ok()
    }
}

/// Attempts to insert and to count; 7 parameters.
#[derive(Default)]
pub(super) struct AttemptArrays<'a> {
    rows: Vec<AttemptInput<'a>>,
    tallies: AttemptTallies<'a>,
}

impl<'a> AttemptArrays<'a> {
    pub(super) fn with_capacity(attempts: usize) -> Self {
        Self { rows: Vec::with_capacity(attempts), ..Self::default() }
    }

    pub(super) fn bind<'q>(self, query: PgQuery<'q>) -> PgQuery<'q> {
        let AttemptTallies { tenants, subscriptions, hours, outcomes, octaves, counts, .. } =
            self.tallies;
        let counts: Vec<String> = counts.iter().map(OctaveCounts::to_number).collect();
        let query = query.bind(self.rows).bind(tenants).bind(subscriptions);
        query.bind(hours).bind(outcomes).bind(octaves).bind(counts)
    }

    /// `delivery` is where the attempt's delivery stands after it; `ended` the delivery that it
    /// ends, and when.
    pub(super) fn push(
        &mut self,
        record: &'a AttemptRecord,
        numbers: SubscriptionNumbers,
        delivery: Option<DeliveryStatus>,
        ended: Option<(&'a ConcludedDelivery, Timestamp)>,
    ) -> StoreResult<()> {
        let of = ended.map(|(delivery, _)| delivery);
        let tally = self.tallies.count(record, numbers);
        self.rows.push(AttemptInput {
            delivery: record.key.delivery.0,
            number: int(record.key.number),
            tenant: numbers.tenant,
            subscription: numbers.subscription,
            event: record.event.0,
            event_type: &record.event_type,
            outcome: record.outcome.code(),
            http_status: record.http_status.map(i32::from),
            start_time: record.start_time.as_micros(),
            dns_us: codec::step(record.timings.dns),
            connect_us: codec::step(record.timings.connect),
            tls_us: codec::step(record.timings.tls),
            first_byte_us: codec::step(record.timings.first_byte),
            total_us: codec::micros(record.timings.total),
            response_headers: codec::encode_headers(&record.response_headers)?,
            response_body: &record.response_body,
            response_body_bytes: i64::try_from(record.response_body_bytes).unwrap_or(i64::MAX),
            response_body_truncated: record.response_body_truncated,
            error: codec::without_nul(&record.error),
            agent: &record.agent.0,
            region: record.region.as_str(),
            remote_address: &record.remote_address,
            http_version: &record.http_version,
            trigger: record.trigger.code(),
            test: record.test,
            next_attempt_time: record.next_attempt_time.map(|time| time.as_micros()),
            settings_revision: record.settings_revision,
            delivery_state: delivery.map(|standing| standing.state.code()),
            delivery_end_reason: delivery
                .and_then(|standing| standing.end_reason)
                .map(|reason| reason.code()),
            tally,
            failures: of.map(|delivery| int(delivery.failures)),
            due: of.map(|delivery| delivery.due.as_micros()),
            deadline: of.map(|delivery| delivery.deadline.as_micros()),
            sequence: of.and_then(|delivery| delivery.sequence),
            resend_of: of.and_then(|delivery| delivery.resend_of).map(|id| id.0),
            account: of.and_then(|delivery| delivery.account.as_deref()),
            ordering_key: of.and_then(|delivery| delivery.ordering_key.as_deref()),
            filter_failed: of.map(|delivery| delivery.filter_failed),
            end_time: ended.map(|(_, time)| time.as_micros()),
        });
        Ok(())
    }
}
