//! Rows of the tables, as values of the domain.
//!
//! Fed by every statement that reads; feeds the callers of the store. Columns are found
//! by their names, and always named in the statement: a prepared `SELECT *` fails once a
//! newer version of the program has added one.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use postrider_domain::delivery::{AttemptRecord, Delivery, StepTimings};
use postrider_domain::event::{Event, EventContent};
use postrider_domain::ids::{
    AgentId, AttemptKey, DeliveryId, Epoch, EventId, Region, Shard, SubscriptionId,
    SubscriptionKey, TenantId,
};
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::{Tenant, TenantRetention};
use postrider_domain::time::{StoppedClock, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row as _, Type};
use uuid::Uuid;

use super::errors::Checked as _;
use crate::codec;
use crate::error::StoreResult;
use crate::history::{ListedEvent, TailedAttempt};
use crate::sealing::{SealedColumns, SealedSubscription, tenant_name};

pub(super) fn get<'r, T>(row: &'r PgRow, column: &str) -> StoreResult<T>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(column).checked()
}

/// A number in whichever integer type its column has.
pub(super) fn small(row: &PgRow, column: &str) -> StoreResult<i64> {
    get::<i16>(row, column).map(i64::from)
}

fn count(row: &PgRow, column: &str) -> StoreResult<u32> {
    codec::narrow(column, get::<i32>(row, column)?.into())
}

pub(super) fn time(row: &PgRow, column: &str) -> StoreResult<Timestamp> {
    get(row, column).map(Timestamp::from_micros)
}

pub(super) fn optional_time(row: &PgRow, column: &str) -> StoreResult<Option<Timestamp>> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_micros))
}

pub(super) fn optional_span(row: &PgRow, column: &str) -> StoreResult<Option<Duration>> {
    get::<Option<i64>>(row, column)?.map(|micros| codec::span(column, micros)).transpose()
}

pub(super) fn shard(row: &PgRow) -> StoreResult<Shard> {
    codec::narrow("shard", get::<i32>(row, "shard")?.into()).map(Shard)
}

pub(super) fn epoch(row: &PgRow) -> StoreResult<Epoch> {
    codec::narrow("epoch", get(row, "epoch")?).map(Epoch)
}

pub(super) fn tenant_id(row: &PgRow, column: &str) -> StoreResult<TenantId> {
    get::<&str>(row, column).map(TenantId::from_stored)
}

pub(super) fn subscription_key(row: &PgRow) -> StoreResult<SubscriptionKey> {
    Ok(SubscriptionKey {
        tenant: tenant_id(row, "tenant")?,
        subscription: SubscriptionId::from_stored(get::<&str>(row, "subscription")?),
    })
}

/// Of rows with numbers: one whose number has no name any more keeps nobody from the others.
pub(super) fn named_subscription_key(row: &PgRow) -> StoreResult<SubscriptionKey> {
    let name = || {
        let tenant = row.try_get("tenant").unwrap_or("?");
        format!("tenants/{tenant}/subscriptions/?")
    };
    subscription_key(row).map_err(|error| error.in_row(name))
}

pub(super) fn stopped_clock(row: &PgRow, total: &str, since: &str) -> StoreResult<StoppedClock> {
    Ok(StoppedClock {
        total: codec::span(total, get(row, total)?)?,
        since: optional_time(row, since)?,
    })
}

/// A tenant. What is wrong with it is told with its name.
pub(super) fn named_tenant(row: &PgRow) -> StoreResult<Tenant> {
    tenant(row).map_err(|error| match tenant_id(row, "id") {
        Ok(id) => error.in_config(&tenant_name(&id)),
        Err(_) => error,
    })
}

fn tenant(row: &PgRow) -> StoreResult<Tenant> {
    Ok(Tenant {
        id: tenant_id(row, "id")?,
        display_name: get(row, "display_name")?,
        allow_insecure_urls: get(row, "allow_insecure_urls")?,
        labels: codec::from_json("labels", get(row, "labels")?)?,
        config_version: get(row, "config_version")?,
        revision: get(row, "revision")?,
        create_time: time(row, "create_time")?,
        update_time: time(row, "update_time")?,
        delete_time: optional_time(row, "delete_time")?,
        retention: TenantRetention {
            history: optional_span(row, "history_retention")?,
            payload: optional_span(row, "payload_retention")?,
        },
    })
}

/// A subscription, its secrets still sealed. What is wrong with it is told with its name.
pub(super) fn named_subscription(row: &PgRow) -> StoreResult<SealedSubscription> {
    subscription(row).map_err(|error| match (tenant_id(row, "tenant"), get::<&str>(row, "id")) {
        (Ok(tenant), Ok(id)) => {
            let subscription = SubscriptionId::from_stored(id);
            error.in_config(&SubscriptionKey { tenant, subscription })
        }
        _ => error,
    })
}

fn subscription(row: &PgRow) -> StoreResult<SealedSubscription> {
    let sealed = SealedColumns::of(
        get(row, "data_key")?,
        get(row, "signing_keys")?,
        get(row, "header_values")?,
        get(row, "credentials")?,
    )?;
    let subscription = Subscription {
        tenant: tenant_id(row, "tenant")?,
        id: SubscriptionId::from_stored(get::<&str>(row, "id")?),
        status: codec::status(small(row, "status")?)?,
        status_reason: get(row, "status_reason")?,
        settings: codec::from_json("settings", get(row, "settings")?)?,
        signing_keys: Vec::new(),
        paused_clock: stopped_clock(row, "paused_total_us", "paused_since")?,
        revision: get(row, "revision")?,
        request_revision: get(row, "request_revision")?,
        create_time: time(row, "create_time")?,
        update_time: time(row, "update_time")?,
        delete_time: optional_time(row, "delete_time")?,
    };
    Ok(SealedSubscription { subscription, sealed })
}

/// The name of what a row holds, for whoever has to look at it.
fn row_name(row: &PgRow, kind: &str, id: StoreResult<impl Display>) -> String {
    let tenant = row.try_get("tenant").unwrap_or("?");
    let id = id.map_or_else(|_| "?".to_owned(), |id| id.to_string());
    format!("tenants/{tenant}/{kind}/{id}")
}

/// An event; its payload is empty when the column was not asked for. What is wrong with it is
/// told with its name.
pub(super) fn event(row: &PgRow, with_payload: bool) -> StoreResult<Event> {
    let name = || row_name(row, "events", get(row, "id").map(EventId));
    event_of(row, with_payload).map_err(|error| error.in_row(name))
}

fn event_of(row: &PgRow, with_payload: bool) -> StoreResult<Event> {
    let payload =
        if with_payload { Bytes::copy_from_slice(get(row, "payload")?) } else { Bytes::new() };
    Ok(Event {
        tenant: tenant_id(row, "tenant")?,
        id: EventId(get(row, "id")?),
        content: EventContent {
            event_type: get(row, "event_type")?,
            account: get(row, "account")?,
            attributes: codec::attributes_from_json(get(row, "attributes")?)?,
            ordering_key: get(row, "ordering_key")?,
            content_type: codec::content_type(get(row, "content_type")?),
            payload,
            payload_sha256: codec::fixed("payload_sha256", get(row, "payload_sha256")?)?,
            traceparent: get(row, "traceparent")?,
            tracestate: get(row, "tracestate")?,
            idempotency_key: get(row, "idempotency_key")?,
        },
        matched: count(row, "matched")?,
        test: get(row, "test")?,
        payload_removal: codec::payload_removal(get(row, "payload_removal")?)?,
    })
}

/// A delivery. What is wrong with it is told with its name.
pub(super) fn delivery(row: &PgRow) -> StoreResult<Delivery> {
    let name = || row_name(row, "deliveries", get(row, "id").map(DeliveryId));
    delivery_of(row).map_err(|error| error.in_row(name))
}

fn delivery_of(row: &PgRow) -> StoreResult<Delivery> {
    let end_reason = get::<Option<i16>>(row, "end_reason")?;
    Ok(Delivery {
        id: DeliveryId(get(row, "id")?),
        subscription: subscription_key(row)?,
        event: EventId(get(row, "event")?),
        event_type: get(row, "event_type")?,
        account: get(row, "account")?,
        shard: shard(row)?,
        epoch: epoch(row)?,
        state: codec::delivery_state(small(row, "state")?)?,
        end_reason: end_reason.map(|code| codec::end_reason(code.into())).transpose()?,
        attempts: count(row, "attempts")?,
        failures: count(row, "failures")?,
        trigger: codec::trigger(small(row, "trigger")?)?,
        due: time(row, "due")?,
        deadline: time(row, "deadline")?,
        end_time: optional_time(row, "end_time")?,
        ordering_key: get(row, "ordering_key")?,
        sequence: get(row, "sequence")?,
        test: get(row, "test")?,
        resend_of: get::<Option<Uuid>>(row, "resend_of")?.map(DeliveryId),
        filter_failed: get(row, "filter_failed")?,
    })
}

/// An attempt. What is wrong with it is told with its name.
pub(super) fn attempt(row: &PgRow) -> StoreResult<AttemptRecord> {
    named_attempt(row, attempt_of)
}

fn named_attempt<T>(row: &PgRow, read: fn(&PgRow) -> StoreResult<T>) -> StoreResult<T> {
    let name = || {
        let delivery = row_name(row, "deliveries", get(row, "delivery").map(DeliveryId));
        format!("{delivery}/attempts/{}", get::<i32>(row, "number").unwrap_or_default())
    };
    read(row).map_err(|error| error.in_row(name))
}

fn attempt_of(row: &PgRow) -> StoreResult<AttemptRecord> {
    let step = |column: &str| {
        get::<Option<i32>>(row, column)?.map(|us| codec::span(column, us.into())).transpose()
    };
    let status = get::<Option<i32>>(row, "http_status")?;
    Ok(AttemptRecord {
        key: AttemptKey {
            delivery: DeliveryId(get(row, "delivery")?),
            number: count(row, "number")?,
        },
        subscription: subscription_key(row)?,
        event: EventId(get(row, "event")?),
        event_type: get(row, "event_type")?,
        outcome: codec::outcome(small(row, "outcome")?)?,
        http_status: status.map(|code| codec::narrow("http_status", code.into())).transpose()?,
        start_time: time(row, "start_time")?,
        timings: StepTimings {
            dns: step("dns_us")?,
            connect: step("connect_us")?,
            tls: step("tls_us")?,
            first_byte: step("first_byte_us")?,
            total: codec::span("total_us", get(row, "total_us")?)?,
        },
        response_headers: codec::decode_headers(get(row, "response_headers")?)?,
        response_body: Bytes::copy_from_slice(get(row, "response_body")?),
        response_body_bytes: codec::narrow(
            "response_body_bytes",
            get(row, "response_body_bytes")?,
        )?,
        response_body_truncated: get(row, "response_body_truncated")?,
        error: get(row, "error")?,
        agent: AgentId(get::<&str>(row, "agent")?.into()),
        region: Region::from_stored(get::<&str>(row, "region")?),
        remote_address: get(row, "remote_address")?,
        http_version: get(row, "http_version")?,
        trigger: codec::trigger(small(row, "trigger")?)?,
        test: get(row, "test")?,
        next_attempt_time: optional_time(row, "next_attempt_time")?,
        settings_revision: get(row, "settings_revision")?,
    })
}

/// An event of a list, whose rows have the payload's size.
pub(super) fn listed_event(row: &PgRow, with_payload: bool) -> StoreResult<ListedEvent> {
    Ok(ListedEvent {
        event: event(row, with_payload)?,
        payload_bytes: codec::narrow("payload_bytes", get::<i32>(row, "payload_bytes")?.into())?,
    })
}

pub(super) fn tailed_attempt(row: &PgRow) -> StoreResult<TailedAttempt> {
    named_attempt(row, tailed_attempt_of)
}

fn tailed_attempt_of(row: &PgRow) -> StoreResult<TailedAttempt> {
    let code = |column| Ok(get::<Option<i16>>(row, column)?.map(i64::from));
    Ok(TailedAttempt {
        record: attempt_of(row)?,
        delivery: codec::standing(code("delivery_state")?, code("delivery_end_reason")?)?,
    })
}

/// All rows by one reader.
pub(super) fn read<T>(
    rows: &[PgRow],
    reader: impl Fn(&PgRow) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    rows.iter().map(reader).collect()
}
