//! Rows of tenants and subscriptions, in both directions.

use postrider_domain::subscription::{Subscription, SubscriptionConfig};
use postrider_domain::tenant::Tenant;
use postrider_domain::time::{StoppedClock, Timestamp};
use sqlx::sqlite::SqliteRow;

use super::bulk::BoundValues;
use super::rows::RowReader;
use crate::codec;
use crate::error::StoreResult;

pub(super) fn tenant_search(tenant: &Tenant) -> String {
    codec::search_text(&[tenant.id.as_str(), &tenant.display_name])
}

pub(super) fn put_key_and_state(
    values: &mut BoundValues,
    subscription: &Subscription,
) -> StoreResult<()> {
    values
        .text(subscription.tenant.as_str())
        .text(subscription.id.as_str())
        .add(codec::status_code(subscription.status))
        .text(&subscription.status_reason)
        .text(&codec::to_json(&subscription.settings)?)
        .text(&codec::to_json(&subscription.signing_keys)?)
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
        .add(subscription.delete_time.map(Timestamp::as_micros));
}

pub(super) fn put_searched(values: &mut BoundValues, subscription: &Subscription) {
    let SubscriptionConfig { display_name, url, region, .. } = &subscription.settings;
    values.text(display_name).text(url).text(region.as_str()).add(codec::search_text(&[
        subscription.id.as_str(),
        display_name,
        url,
    ]));
}

pub(super) fn tenant_of(row: &SqliteRow) -> StoreResult<Tenant> {
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
    })
}

pub(super) fn subscription_of(row: &SqliteRow) -> StoreResult<Subscription> {
    let mut columns = RowReader::of(row);
    Ok(Subscription {
        tenant: columns.tenant()?,
        id: columns.subscription()?,
        status: codec::status(columns.int()?)?,
        status_reason: columns.get()?,
        settings: codec::from_json("settings", columns.text()?)?,
        signing_keys: codec::from_json("signing_keys", columns.text()?)?,
        paused_clock: StoppedClock {
            total: columns.span("paused_total")?,
            since: columns.optional_time()?,
        },
        revision: columns.int()?,
        request_revision: columns.int()?,
        create_time: columns.time()?,
        update_time: columns.time()?,
        delete_time: columns.optional_time()?,
    })
}
