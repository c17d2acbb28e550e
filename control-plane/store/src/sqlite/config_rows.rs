//! Rows of tenants and subscriptions, in both directions.

use postrider_domain::ids::SubscriptionKey;
use postrider_domain::subscription::{Subscription, SubscriptionConfig};
use postrider_domain::tenant::{Tenant, TenantRetention};
use postrider_domain::time::{StoppedClock, Timestamp};
use sqlx::sqlite::SqliteRow;

use super::bulk::BoundValues;
use super::rows::RowReader;
use crate::codec;
use crate::error::StoreResult;
use crate::sealing::{SealedColumns, SealedSubscription, certificate_warning, tenant_name};

pub(super) fn tenant_search(tenant: &Tenant) -> String {
    codec::search_text(&[tenant.id.as_str(), &tenant.display_name])
}

pub(super) fn put_key_and_state(
    values: &mut BoundValues,
    subscription: &Subscription,
    sealed: Option<SealedColumns>,
) -> StoreResult<()> {
    let (data_key, signing_keys, header_values, credentials) = SealedColumns::split(sealed);
    values
        .text(subscription.tenant.as_str())
        .text(subscription.id.as_str())
        .add(codec::status_code(subscription.status))
        .text(&subscription.status_reason)
        .text(&codec::to_json(&subscription.settings)?)
        .add(data_key)
        .add(signing_keys)
        .add(header_values)
        .add(credentials)
        .add(codec::micros(subscription.paused_clock.total))
        .add(subscription.paused_clock.since.map(Timestamp::as_micros));
    Ok(())
}

pub(super) fn put_times(values: &mut BoundValues, subscription: &Subscription, revision: i64) {
    values
        .add(revision)
        .add(subscription.request_revision)
        .add(subscription.create_time.as_micros())
        .add(subscription.update_time.as_micros())
        .add(subscription.delete_time.map(Timestamp::as_micros))
        .add(certificate_warning(subscription).map(Timestamp::as_micros));
}

pub(super) fn put_searched(values: &mut BoundValues, subscription: &Subscription) {
    let SubscriptionConfig { display_name, url, region, .. } = &subscription.settings;
    values.text(display_name).text(url).text(region.as_str()).add(codec::search_text(&[
        subscription.id.as_str(),
        display_name,
        url,
    ]));
}

fn tenant_of(row: &SqliteRow) -> StoreResult<Tenant> {
    let mut columns = RowReader::of(row);
    Ok(Tenant {
        id: columns.tenant()?,
        display_name: columns.get()?,
        allow_insecure_urls: columns.flag()?,
        labels: codec::from_json("labels", columns.text()?)?,
        config_version: columns.int()?,
        revision: columns.int()?,
        create_time: columns.time()?,
        update_time: columns.time()?,
        delete_time: columns.optional_time()?,
        retention: TenantRetention {
            history: columns.optional_span("history_retention")?,
            payload: columns.optional_span("payload_retention")?,
        },
    })
}

/// A tenant. What is wrong with it is told with its name.
pub(super) fn named_tenant(row: &SqliteRow) -> StoreResult<Tenant> {
    tenant_of(row).map_err(|error| match RowReader::of(row).tenant() {
        Ok(id) => error.in_config(&tenant_name(&id)),
        Err(_) => error,
    })
}

/// A subscription, its secrets still sealed.
fn subscription_of(row: &SqliteRow) -> StoreResult<SealedSubscription> {
    let mut columns = RowReader::of(row);
    let tenant = columns.tenant()?;
    let id = columns.subscription()?;
    let status = codec::status(columns.int()?)?;
    let status_reason = columns.get()?;
    let settings = codec::from_json("settings", columns.text()?)?;
    let sealed = SealedColumns::of(columns.get()?, columns.get()?, columns.get()?, columns.get()?)?;
    let subscription = Subscription {
        id,
        tenant,
        status,
        status_reason,
        settings,
        signing_keys: Vec::new(),
        paused_clock: StoppedClock {
            total: columns.span("paused_total")?,
            since: columns.optional_time()?,
        },
        revision: columns.int()?,
        request_revision: columns.int()?,
        create_time: columns.time()?,
        update_time: columns.time()?,
        delete_time: columns.optional_time()?,
    };
    Ok(SealedSubscription { subscription, sealed })
}

/// The same; what is wrong with it is told with its name.
pub(super) fn named_subscription(row: &SqliteRow) -> StoreResult<SealedSubscription> {
    subscription_of(row).map_err(|error| {
        let mut columns = RowReader::of(row);
        match (columns.tenant(), columns.subscription()) {
            (Ok(tenant), Ok(subscription)) => {
                error.in_config(&SubscriptionKey { tenant, subscription })
            }
            _ => error,
        }
    })
}
