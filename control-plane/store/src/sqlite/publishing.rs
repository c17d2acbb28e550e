//! Commits events with their deliveries.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use postrider_domain::delivery::Delivery;
use postrider_domain::ids::{EventId, TenantId};
use sqlx::sqlite::SqliteConnection;

use super::SqliteStore;
use super::bulk::{Bulk, Values};
use super::rows::{
    Columns, DELIVERY_COLUMNS, EVENT_COLUMNS, delivery_columns, event_columns, put_delivery,
    put_event,
};
use crate::codec;
use crate::error::StoreResult;
use crate::publishing::{Idempotency, NewEvent, Published, PublishingStore};

const CONFIG_VERSIONS: &str = "SELECT t.id, t.config_version FROM json_each(?) j \
     CROSS JOIN tenants t ON t.id = j.value WHERE t.delete_time IS NULL";

const USED_KEYS: Bulk = Bulk {
    sql: "WITH asked(n, tenant, key, at) AS (VALUES {rows}) \
          SELECT n, event, matched, request_hash FROM asked CROSS JOIN idempotency_keys k \
          ON k.tenant = asked.tenant AND k.key = asked.key WHERE k.expire_time > asked.at",
    columns: 4,
};

const PUT_KEYS: Bulk = Bulk {
    sql: "INSERT INTO idempotency_keys (tenant, key, event, matched, request_hash, expire_time) \
          VALUES {rows} ON CONFLICT (tenant, key) DO UPDATE SET event = excluded.event, \
          matched = excluded.matched, request_hash = excluded.request_hash, \
          expire_time = excluded.expire_time",
    columns: 6,
};

const PUT_EVENTS: Bulk = Bulk {
    sql: concat!("INSERT INTO events (", event_columns!(""), ") VALUES {rows}"),
    columns: EVENT_COLUMNS,
};

const PUT_DELIVERIES: Bulk = Bulk {
    sql: concat!("INSERT INTO deliveries (", delivery_columns!(""), ") VALUES {rows}"),
    columns: DELIVERY_COLUMNS,
};

const PUT_ENDED: Bulk = Bulk {
    sql: concat!("INSERT INTO ended_deliveries (", delivery_columns!(""), ") VALUES {rows}"),
    columns: DELIVERY_COLUMNS,
};

#[async_trait]
impl PublishingStore for SqliteStore {
    async fn publish(&self, batch: &[NewEvent]) -> StoreResult<Vec<Published>> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let answers = judge(&mut tx, batch).await?;
        let accepted: Vec<&NewEvent> = batch
            .iter()
            .zip(&answers)
            .filter(|(_, answer)| **answer == Published::Committed)
            .map(|(item, _)| item)
            .collect();
        PUT_EVENTS.run(&mut tx, &accepted, |row, item| put_event(row, &item.event)).await?;
        put_deliveries(&mut tx, accepted.iter().flat_map(|item| &item.deliveries)).await?;
        put_keys(&mut tx, &accepted).await?;
        tx.commit().await?;
        Ok(answers)
    }

    async fn add_delivery(&self, delivery: &Delivery) -> StoreResult<()> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        put_deliveries(&mut tx, std::iter::once(delivery)).await?;
        let mut values = Values::default();
        values.text(delivery.subscription.tenant.as_str()).id(delivery.event.0).id(delivery.id.0);
        values.change(&mut tx, "INSERT INTO later_deliveries VALUES (?, ?, ?)").await?;
        tx.commit().await
    }
}

/// Answers for each item before anything is written: under the writer's lock
/// nothing can change until it is.
async fn judge(
    connection: &mut SqliteConnection,
    batch: &[NewEvent],
) -> StoreResult<Vec<Published>> {
    let versions = config_versions(connection, batch.iter().map(|item| &item.event.tenant)).await?;
    let mut answers: Vec<Published> = batch
        .iter()
        .map(|item| match versions.get(&item.event.tenant) {
            Some(version) if *version == item.config_version => Published::Committed,
            _ => Published::StaleConfig,
        })
        .collect();
    let asked: Vec<(usize, &NewEvent, &str, Idempotency)> = batch
        .iter()
        .enumerate()
        .filter_map(|(n, item)| {
            Some((n, item, item.event.idempotency_key.as_deref()?, item.idempotency?))
        })
        .collect();
    let used = USED_KEYS.run(connection, &asked, |row, (n, item, key, _)| {
        let n = i64::try_from(*n).unwrap_or(i64::MAX);
        row.add(n).text(item.event.tenant.as_str()).text(key);
        row.add(item.event.create_time().as_micros());
        Ok(())
    });
    for row in used.await? {
        let mut columns = Columns::of(&row);
        let n: usize = columns.number("n")?;
        let event = EventId(columns.id()?);
        let matched = columns.number("matched")?;
        let hash: [u8; 32] = codec::fixed("request_hash", columns.get()?)?;
        let same_request = batch
            .get(n)
            .and_then(|item| item.idempotency)
            .is_some_and(|asked| asked.request_hash == hash);
        if let Some(answer) = answers.get_mut(n) {
            *answer = Published::Duplicate { event, matched, same_request };
        }
    }
    Ok(answers)
}

/// The versions of the tenants that are there.
pub(super) async fn config_versions<'a>(
    connection: &mut SqliteConnection,
    tenants: impl Iterator<Item = &'a TenantId>,
) -> StoreResult<HashMap<TenantId, i64>> {
    let tenants: BTreeSet<&str> = tenants.map(TenantId::as_str).collect();
    let mut values = Values::default();
    values.add(codec::to_json(&tenants)?);
    let rows = values.run(connection, CONFIG_VERSIONS).await?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::of(row);
            Ok((columns.tenant()?, columns.int()?))
        })
        .collect()
}

pub(super) async fn put_deliveries<'a>(
    connection: &mut SqliteConnection,
    deliveries: impl Iterator<Item = &'a Delivery>,
) -> StoreResult<()> {
    let (ended, unfinished): (Vec<&Delivery>, Vec<&Delivery>) =
        deliveries.partition(|delivery| delivery.state.is_final());
    let put = |row: &mut Values, delivery: &&Delivery| {
        put_delivery(row, delivery);
        Ok(())
    };
    PUT_DELIVERIES.run(connection, &unfinished, put).await?;
    let ended: Vec<Delivery> = ended
        .into_iter()
        .map(|delivery| Delivery {
            end_time: delivery.end_time.or(Some(delivery.create_time())),
            ..delivery.clone()
        })
        .collect();
    PUT_ENDED
        .run(connection, &ended, |row, delivery| {
            put_delivery(row, delivery);
            Ok(())
        })
        .await?;
    Ok(())
}

async fn put_keys(connection: &mut SqliteConnection, accepted: &[&NewEvent]) -> StoreResult<()> {
    let keys: Vec<_> = accepted
        .iter()
        .filter_map(|item| {
            Some((&item.event, item.event.idempotency_key.as_deref()?, item.idempotency?))
        })
        .collect();
    PUT_KEYS
        .run(connection, &keys, |row, (event, key, idempotency)| {
            row.text(event.tenant.as_str())
                .text(key)
                .id(event.id.0)
                .add(i64::from(event.matched))
                .add(idempotency.request_hash.as_slice())
                .add(idempotency.expire_time.as_micros());
            Ok(())
        })
        .await?;
    Ok(())
}
