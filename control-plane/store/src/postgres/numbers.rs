//! Numbers that stand for tenants and subscriptions in rows of which there are a great many.
//!
//! Fed by whoever writes such rows in batches, before its transaction begins; feeds the
//! parameters of the batch. All other statements look numbers up by themselves. Guarantees
//! that a number that is remembered is committed, and that a name keeps its number for good:
//! numbers outlive their tenants and subscriptions, and so what history says of them.

use std::collections::HashMap;

use parking_lot::RwLock;
use postrider_domain::ids::{SubscriptionId, SubscriptionKey, TenantId};

use super::call::DatabaseCall;
use super::rows::get;
use crate::codec;
use crate::error::StoreResult;

/// Names that are remembered, some 20 MB; with one more all are forgotten, and looked up again
/// as they are used.
const MAX_KNOWN_NAMES: usize = 100_000;

/// Only to those without: a number that a conflict used up would be lost.
const GIVE_TENANTS: &str = "INSERT INTO tenant_numbers (id)
    SELECT asked.id FROM unnest($1::text[]) AS asked(id)
    WHERE NOT EXISTS (SELECT FROM tenant_numbers n WHERE n.id = asked.id)
    ORDER BY asked.id
    ON CONFLICT (id) DO NOTHING";
const SELECT_TENANTS: &str = "SELECT asked.id, (
        SELECT n.number FROM tenant_numbers n WHERE n.id = asked.id
    ) AS number
    FROM unnest($1::text[]) AS asked(id)";

const GIVE_SUBSCRIPTIONS: &str = "INSERT INTO subscription_numbers (tenant, id)
    SELECT asked.tenant, asked.id FROM unnest($1::text[], $2::text[]) AS asked(tenant, id)
    WHERE NOT EXISTS (
        SELECT FROM subscription_numbers n WHERE n.tenant = asked.tenant AND n.id = asked.id
    )
    ORDER BY asked.tenant, asked.id
    ON CONFLICT (tenant, id) DO NOTHING";
const SELECT_SUBSCRIPTIONS: &str = "SELECT asked.tenant, asked.id, (
        SELECT n.number FROM subscription_numbers n
        WHERE n.tenant = asked.tenant AND n.id = asked.id
    ) AS number
    FROM unnest($1::text[], $2::text[]) AS asked(tenant, id)";

const SELECT_OF_SUBSCRIPTION: &str =
    "SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = $1) AS tenant,
        (
            SELECT n.number FROM subscription_numbers n WHERE n.tenant = $1 AND n.id = $2
        ) AS subscription";

/// The numbers of a subscription and of its tenant, in the order of rows: tenants first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SubscriptionNumbers {
    pub(super) tenant: i32,
    pub(super) subscription: i32,
}

/// Numbers of a batch.
#[derive(Default)]
pub(super) struct BatchNumbers<'a> {
    tenants: HashMap<&'a TenantId, i32>,
    subscriptions: HashMap<&'a SubscriptionKey, i32>,
    unknown_tenants: Vec<&'a TenantId>,
    unknown_subscriptions: Vec<&'a SubscriptionKey>,
}

impl BatchNumbers<'_> {
    pub(super) fn tenant(&self, id: &TenantId) -> StoreResult<i32> {
        let number = self.tenants.get(id).copied();
        number.ok_or_else(|| codec::corrupt(format_args!("tenant {id} has no number")))
    }

    pub(super) fn of(&self, key: &SubscriptionKey) -> StoreResult<SubscriptionNumbers> {
        let number = self.subscriptions.get(key).copied();
        let subscription = number.ok_or_else(|| {
            let SubscriptionKey { tenant, subscription } = key;
            codec::corrupt(format_args!("subscription {subscription} of {tenant} has no number"))
        })?;
        Ok(SubscriptionNumbers { tenant: self.tenant(&key.tenant)?, subscription })
    }
}

/// Numbers that this process has seen committed.
#[derive(Default)]
pub(super) struct KnownNumbers(RwLock<NumbersByName>);

#[derive(Default)]
struct NumbersByName {
    tenants: HashMap<TenantId, i32>,
    subscriptions: HashMap<SubscriptionKey, i32>,
}

impl NumbersByName {
    fn make_room(&mut self) {
        if self.tenants.len() + self.subscriptions.len() >= MAX_KNOWN_NAMES {
            self.tenants.clear();
            self.subscriptions.clear();
        }
    }
}

impl KnownNumbers {
    /// What is known of the numbers of these tenants, and of these subscriptions and theirs.
    pub(super) fn look_up<'a>(
        &self,
        tenants: impl Iterator<Item = &'a TenantId>,
        subscriptions: impl Iterator<Item = &'a SubscriptionKey>,
    ) -> BatchNumbers<'a> {
        let known = self.0.read();
        let mut batch = BatchNumbers::default();
        for key in subscriptions {
            if batch.subscriptions.contains_key(key) {
                continue;
            }
            match known.subscriptions.get(key) {
                Some(number) => {
                    batch.subscriptions.insert(key, *number);
                }
                None => batch.unknown_subscriptions.push(key),
            }
            note_tenant(&mut batch, &known, &key.tenant);
        }
        for tenant in tenants {
            note_tenant(&mut batch, &known, tenant);
        }
        batch.unknown_tenants.sort_unstable();
        batch.unknown_tenants.dedup();
        batch.unknown_subscriptions.sort_unstable();
        batch.unknown_subscriptions.dedup();
        batch
    }

    /// Gives numbers to those of a batch that have none, and finds those that are not known.
    /// Stands in no transaction: it could be rolled back.
    pub(super) async fn complete(
        &self,
        call: &mut DatabaseCall<'_>,
        batch: &mut BatchNumbers<'_>,
    ) -> StoreResult<()> {
        self.complete_tenants(call, batch).await?;
        self.complete_subscriptions(call, batch).await
    }

    async fn complete_tenants(
        &self,
        call: &mut DatabaseCall<'_>,
        batch: &mut BatchNumbers<'_>,
    ) -> StoreResult<()> {
        let unknown = std::mem::take(&mut batch.unknown_tenants);
        if unknown.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = unknown.iter().map(|id| id.as_str()).collect();
        call.execute(sqlx::query(GIVE_TENANTS).bind(ids.clone())).await?;
        let rows = call.rows(sqlx::query(SELECT_TENANTS).bind(ids)).await?;
        let mut found: HashMap<TenantId, i32> = HashMap::with_capacity(rows.len());
        for row in &rows {
            let id = TenantId::from_stored(get::<&str>(row, "id")?);
            found.extend(get::<Option<i32>>(row, "number")?.map(|number| (id, number)));
        }
        for id in unknown {
            if let Some(number) = found.get(id) {
                batch.tenants.insert(id, *number);
            }
        }
        let mut known = self.0.write();
        known.make_room();
        known.tenants.extend(found);
        Ok(())
    }

    async fn complete_subscriptions(
        &self,
        call: &mut DatabaseCall<'_>,
        batch: &mut BatchNumbers<'_>,
    ) -> StoreResult<()> {
        let unknown = std::mem::take(&mut batch.unknown_subscriptions);
        if unknown.is_empty() {
            return Ok(());
        }
        let tenants: Vec<&str> = unknown.iter().map(|key| key.tenant.as_str()).collect();
        let ids: Vec<&str> = unknown.iter().map(|key| key.subscription.as_str()).collect();
        let give = sqlx::query(GIVE_SUBSCRIPTIONS).bind(tenants.clone()).bind(ids.clone());
        call.execute(give).await?;
        let rows = call.rows(sqlx::query(SELECT_SUBSCRIPTIONS).bind(tenants).bind(ids)).await?;
        let mut found: HashMap<SubscriptionKey, i32> = HashMap::with_capacity(rows.len());
        for row in &rows {
            let key = SubscriptionKey {
                tenant: TenantId::from_stored(get::<&str>(row, "tenant")?),
                subscription: SubscriptionId::from_stored(get::<&str>(row, "id")?),
            };
            found.extend(get::<Option<i32>>(row, "number")?.map(|number| (key, number)));
        }
        for key in unknown {
            if let Some(number) = found.get(key) {
                batch.subscriptions.insert(key, *number);
            }
        }
        let mut known = self.0.write();
        known.make_room();
        known.subscriptions.extend(found);
        Ok(())
    }
}

fn note_tenant<'a>(batch: &mut BatchNumbers<'a>, known: &NumbersByName, id: &'a TenantId) {
    if batch.tenants.contains_key(id) {
        return;
    }
    match known.tenants.get(id) {
        Some(number) => {
            batch.tenants.insert(id, *number);
        }
        None => batch.unknown_tenants.push(id),
    }
}

/// The numbers of a subscription that has them, in any transaction.
pub(super) async fn numbers_of(
    call: &mut DatabaseCall<'_>,
    key: &SubscriptionKey,
) -> StoreResult<SubscriptionNumbers> {
    let query = sqlx::query(SELECT_OF_SUBSCRIPTION)
        .bind(key.tenant.as_str())
        .bind(key.subscription.as_str());
    let row = call.one_row(query).await?;
    Ok(SubscriptionNumbers {
        tenant: get(&row, "tenant")?,
        subscription: get(&row, "subscription")?,
    })
}
