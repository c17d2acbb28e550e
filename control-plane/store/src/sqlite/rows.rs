//! Rows of the tables that hold tenants, events, deliveries and attempts, in
//! both directions.
//!
//! Fed by every statement that reads or writes whole rows; feeds the callers of the
//! store. Columns are read and bound by their place, so each statement names all of them
//! in one order; the test `sql_text` compares.

use std::time::Duration;

use bytes::Bytes;
use postrider_domain::delivery::{AttemptRecord, Delivery, DeliveryStatus, EndReason, StepTimings};
use postrider_domain::event::{Event, EventContent};
use postrider_domain::ids::{
    AgentId, AttemptKey, DeliveryId, Epoch, EventId, Region, Shard, SubscriptionId,
    SubscriptionKey, TenantId,
};
use postrider_domain::time::Timestamp;
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Error, Row, Type};
use uuid::Uuid;

use super::bulk::BoundValues;
use super::errors::stored;
use crate::attempts::RecordedAttempt;
use crate::codec;
use crate::error::{StoreError, StoreResult};
use crate::history::TailedAttempt;

/// Of `deliveries`; those that have ended are read with as many.
pub(super) const DELIVERY_COLUMNS: usize = 21;
pub(super) const ENDED_COLUMNS: usize = 19;
pub(super) const EVENT_COLUMNS: usize = 14;
pub(super) const ATTEMPT_COLUMNS: usize = 30;
/// Of an attempt, in a row of its own and in that of the delivery that it ended.
pub(super) const OUTCOME_COLUMNS: usize = 17;

/// A delivery, unfinished or ended.
pub(super) const SELECT_DELIVERY: &str =
    "SELECT id, tenant, subscription, event, event_type, account, shard,
        epoch, state, end_reason, attempts, failures, cause, due, deadline, end_time,
        ordering_key, sequence, test, resend_of, filter_failed
    FROM deliveries
    WHERE tenant = ?1 AND id = ?2
    UNION ALL
    SELECT id, tenant, subscription, event, event_type, account, 0, 0, state, end_reason,
        attempts, failures, cause, due, deadline, end_time, ordering_key, sequence, test,
        resend_of, filter_failed
    FROM ended_deliveries
    WHERE tenant = ?1 AND id = ?2";

/// Reads a row from left to right.
pub(super) struct RowReader<'r> {
    row: &'r SqliteRow,
    next: usize,
}

impl<'r> RowReader<'r> {
    pub(super) fn of(row: &'r SqliteRow) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn get<T: Decode<'r, Sqlite> + Type<Sqlite>>(&mut self) -> StoreResult<T> {
        let column = self.next;
        self.next += 1;
        self.row.try_get(column).map_err(stored)
    }

    pub(super) fn int(&mut self) -> StoreResult<i64> {
        self.get()
    }

    pub(super) fn number<T: TryFrom<i64>>(&mut self, column: &str) -> StoreResult<T> {
        codec::narrow(column, self.get()?)
    }

    pub(super) fn flag(&mut self) -> StoreResult<bool> {
        Ok(self.int()? != 0)
    }

    pub(super) fn text(&mut self) -> StoreResult<&'r str> {
        self.get()
    }

    pub(super) fn bytes(&mut self) -> StoreResult<Bytes> {
        self.get::<Vec<u8>>().map(Bytes::from)
    }

    pub(super) fn id(&mut self) -> StoreResult<Uuid> {
        self.get()
    }

    pub(super) fn time(&mut self) -> StoreResult<Timestamp> {
        self.get().map(Timestamp::from_micros)
    }

    pub(super) fn optional_time(&mut self) -> StoreResult<Option<Timestamp>> {
        Ok(self.get::<Option<i64>>()?.map(Timestamp::from_micros))
    }

    pub(super) fn span(&mut self, column: &str) -> StoreResult<Duration> {
        codec::span(column, self.get()?)
    }

    pub(super) fn optional_span(&mut self, column: &str) -> StoreResult<Option<Duration>> {
        self.get::<Option<i64>>()?.map(|micros| codec::span(column, micros)).transpose()
    }

    pub(super) fn tenant(&mut self) -> StoreResult<TenantId> {
        Ok(TenantId::from_stored(self.text()?))
    }

    pub(super) fn subscription(&mut self) -> StoreResult<SubscriptionId> {
        Ok(SubscriptionId::from_stored(self.text()?))
    }

    pub(super) fn shard(&mut self) -> StoreResult<Shard> {
        self.number("shard").map(Shard)
    }

    pub(super) fn epoch(&mut self) -> StoreResult<Epoch> {
        self.number("epoch").map(Epoch)
    }

    /// Goes on at another column.
    pub(super) fn skip_to(&mut self, column: usize) {
        self.next = column;
    }

    /// The name of what a row holds, for whoever has to look at it; its tenant's and its id may
    /// be what cannot be read.
    fn row_name(&self, tenant: usize, id: Result<String, Error>) -> String {
        let tenant = self.row.try_get(tenant).unwrap_or("?");
        format!("tenants/{tenant}/{}", id.as_deref().unwrap_or("?"))
    }

    /// A delivery. What is wrong with it is told with its name.
    pub(super) fn delivery(&mut self) -> StoreResult<Delivery> {
        let at = self.next;
        self.delivery_columns().map_err(|error| {
            let id = self.row.try_get(at).map(|id| format!("deliveries/{}", DeliveryId(id)));
            error.in_row(|| self.row_name(at + 1, id))
        })
    }

    fn delivery_columns(&mut self) -> StoreResult<Delivery> {
        Ok(Delivery {
            id: DeliveryId(self.id()?),
            subscription: SubscriptionKey {
                tenant: self.tenant()?,
                subscription: self.subscription()?,
            },
            event: EventId(self.id()?),
            event_type: self.get()?,
            account: self.get()?,
            shard: self.shard()?,
            epoch: self.epoch()?,
            state: codec::delivery_state(self.int()?)?,
            end_reason: self.get::<Option<i64>>()?.map(codec::end_reason).transpose()?,
            attempts: self.number("attempts")?,
            failures: self.number("failures")?,
            trigger: codec::trigger(self.int()?)?,
            due: self.time()?,
            deadline: self.time()?,
            end_time: self.optional_time()?,
            ordering_key: self.get()?,
            sequence: self.get()?,
            test: self.flag()?,
            resend_of: self.get::<Option<Uuid>>()?.map(DeliveryId),
            filter_failed: self.flag()?,
        })
    }

    /// An event. What is wrong with it is told with its name.
    pub(super) fn event(&mut self) -> StoreResult<Event> {
        let at = self.next;
        self.event_columns().map_err(|error| {
            let id = self.row.try_get(at + 1).map(|id| format!("events/{}", EventId(id)));
            error.in_row(|| self.row_name(at, id))
        })
    }

    fn event_columns(&mut self) -> StoreResult<Event> {
        let (tenant, id) = (self.tenant()?, EventId(self.id()?));
        let (event_type, account) = (self.get()?, self.get()?);
        let attributes = codec::attributes_from_json(self.get()?)?;
        let (ordering_key, content_type) = (self.get()?, self.get::<Option<&str>>()?);
        let payload_sha256 = codec::fixed("payload_sha256", self.get()?)?;
        let (traceparent, tracestate, idempotency_key) = (self.get()?, self.get()?, self.get()?);
        let (matched, test) = (self.number("matched")?, self.flag()?);
        let content = EventContent {
            event_type,
            account,
            attributes,
            ordering_key,
            content_type: codec::content_type(content_type),
            payload: self.bytes()?,
            payload_sha256,
            traceparent,
            tracestate,
            idempotency_key,
        };
        let payload_removal = codec::payload_removal(self.get()?)?;
        Ok(Event { tenant, id, content, matched, test, payload_removal })
    }

    pub(super) fn attempt(&mut self) -> StoreResult<AttemptRecord> {
        self.recorded_attempt().map(|attempt| attempt.record)
    }

    /// An attempt. What is wrong with it is told with its name.
    pub(super) fn recorded_attempt(&mut self) -> StoreResult<RecordedAttempt> {
        let at = self.next;
        self.attempt_columns().map_err(|error| self.in_attempt(at, error))
    }

    fn in_attempt(&self, at: usize, error: StoreError) -> StoreError {
        let number: i64 = self.row.try_get(at + 3).unwrap_or_default();
        let id = self.row.try_get(at + 2).map(DeliveryId);
        let id = id.map(|delivery| format!("deliveries/{delivery}/attempts/{number}"));
        error.in_row(|| self.row_name(at + 1, id))
    }

    fn attempt_columns(&mut self) -> StoreResult<RecordedAttempt> {
        let record_time = self.time()?;
        let tenant = self.tenant()?;
        let record = AttemptRecord {
            key: AttemptKey { delivery: DeliveryId(self.id()?), number: self.number("number")? },
            subscription: SubscriptionKey { tenant, subscription: self.subscription()? },
            event: EventId(self.id()?),
            event_type: self.get()?,
            outcome: codec::outcome(self.int()?)?,
            http_status: self
                .get::<Option<i64>>()?
                .map(|status| codec::narrow("http_status", status))
                .transpose()?,
            start_time: self.time()?,
            timings: StepTimings {
                dns: self.optional_span("dns")?,
                connect: self.optional_span("connect")?,
                tls: self.optional_span("tls")?,
                first_byte: self.optional_span("first_byte")?,
                total: self.span("total")?,
            },
            response_headers: codec::decode_headers(self.get()?)?,
            response_body: self.bytes()?,
            response_body_bytes: self.number("response_body_bytes")?,
            response_body_truncated: self.flag()?,
            error: self.get()?,
            agent: AgentId(self.text()?.into()),
            region: Region::from_stored(self.text()?),
            remote_address: self.get()?,
            http_version: self.get()?,
            trigger: codec::trigger(self.int()?)?,
            test: self.flag()?,
            next_attempt_time: self.optional_time()?,
            settings_revision: self.get()?,
        };
        Ok(RecordedAttempt { record, record_time })
    }

    pub(super) fn tailed_attempt(&mut self) -> StoreResult<TailedAttempt> {
        let at = self.next;
        let record = self.attempt()?;
        let delivery = self.standing().map_err(|error| self.in_attempt(at, error))?;
        Ok(TailedAttempt { record, delivery })
    }

    fn standing(&mut self) -> StoreResult<Option<DeliveryStatus>> {
        codec::standing(self.get()?, self.get()?)
    }
}

/// A count or an epoch as SQLite's integer.
pub(super) use crate::codec::integer;

/// Values in the order of a delivery's columns; `sequence` is the number that the
/// delivery is stored with.
pub(super) fn put_delivery(row: &mut BoundValues, delivery: &Delivery, sequence: Option<i64>) {
    row.id(delivery.id.0)
        .text(delivery.subscription.tenant.as_str())
        .text(delivery.subscription.subscription.as_str())
        .id(delivery.event.0)
        .text(&delivery.event_type)
        .optional_text(delivery.account.as_deref())
        .add(i64::from(delivery.shard.0))
        .add(integer(delivery.epoch.0))
        .add(delivery.state.code())
        .add(delivery.end_reason.map(|reason| reason.code()))
        .add(i64::from(delivery.attempts))
        .add(i64::from(delivery.failures))
        .add(delivery.trigger.code())
        .add(delivery.due.as_micros())
        .add(delivery.deadline.as_micros())
        .add(delivery.end_time.map(Timestamp::as_micros))
        .optional_text(delivery.ordering_key.as_deref())
        .add(sequence)
        .add(delivery.test)
        .add(delivery.resend_of.map(|id| id.0))
        .add(delivery.filter_failed);
}

/// Values in the order of an ended delivery's columns.
pub(super) fn put_ended(row: &mut BoundValues, delivery: &Delivery, sequence: Option<i64>) {
    let end_time = delivery.end_time.unwrap_or_else(|| delivery.create_time());
    row.id(delivery.id.0)
        .id(delivery.event.0)
        .text(delivery.subscription.tenant.as_str())
        .text(delivery.subscription.subscription.as_str())
        .text(&delivery.event_type)
        .optional_text(delivery.account.as_deref())
        .add(delivery.state.code())
        .add(delivery.end_reason.map(|reason| reason.code()))
        .add(i64::from(delivery.attempts))
        .add(i64::from(delivery.failures))
        .add(delivery.trigger.code())
        .add(delivery.due.as_micros())
        .add(delivery.deadline.as_micros())
        .add(end_time.as_micros())
        .optional_text(delivery.ordering_key.as_deref())
        .add(sequence)
        .add(delivery.test)
        .add(delivery.resend_of.map(|id| id.0))
        .add(delivery.filter_failed);
}

/// Values in the order of an event's columns.
pub(super) fn put_event(row: &mut BoundValues, event: &Event) -> StoreResult<()> {
    let content = &event.content;
    row.text(event.tenant.as_str())
        .id(event.id.0)
        .text(&content.event_type)
        .optional_text(content.account.as_deref())
        .add(codec::attributes_to_json(&content.attributes)?)
        .optional_text(content.ordering_key.as_deref())
        .optional_text(codec::unusual_content_type(&content.content_type))
        .add(content.payload_sha256.as_slice())
        .text(&content.traceparent)
        .text(&content.tracestate)
        .optional_text(content.idempotency_key.as_deref())
        .add(i64::from(event.matched))
        .add(event.test)
        .add(&content.payload[..]);
    Ok(())
}

/// Values in the order of an attempt's columns; `delivery` is where the attempt's
/// delivery stands after it.
pub(super) fn put_attempt(
    row: &mut BoundValues,
    record: &AttemptRecord,
    delivery: Option<DeliveryStatus>,
    now: Timestamp,
) -> StoreResult<()> {
    row.add(now.as_micros())
        .text(record.subscription.tenant.as_str())
        .id(record.key.delivery.0)
        .add(i64::from(record.key.number))
        .text(record.subscription.subscription.as_str())
        .id(record.event.0)
        .text(&record.event_type);
    put_outcome(row, record)?;
    row.add(record.trigger.code())
        .add(record.test)
        .add(record.next_attempt_time.map(Timestamp::as_micros))
        .add(record.settings_revision)
        .add(delivery.map(|standing| standing.state.code()))
        .add(delivery.and_then(|standing| standing.end_reason).map(EndReason::code));
    Ok(())
}

/// Values of what came of an attempt: [`OUTCOME_COLUMNS`].
pub(super) fn put_outcome(row: &mut BoundValues, record: &AttemptRecord) -> StoreResult<()> {
    let micros = |span: Option<Duration>| span.map(codec::micros);
    row.add(record.outcome.code())
        .add(record.http_status.map(i64::from))
        .add(record.start_time.as_micros())
        .add(micros(record.timings.dns))
        .add(micros(record.timings.connect))
        .add(micros(record.timings.tls))
        .add(micros(record.timings.first_byte))
        .add(codec::micros(record.timings.total))
        .add(codec::encode_headers(&record.response_headers)?)
        .add(&record.response_body[..])
        .add(integer(record.response_body_bytes))
        .add(record.response_body_truncated)
        .text(&codec::without_nul(&record.error))
        .text(&record.agent.0)
        .text(record.region.as_str())
        .text(&record.remote_address)
        .text(&record.http_version);
    Ok(())
}
