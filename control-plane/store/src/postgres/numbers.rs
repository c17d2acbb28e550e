//! Numbers that stand for tenants and subscriptions in rows of which there are a great many.
//!
//! Fed by whoever writes such rows in batches, before its transaction begins; feeds the
//! parameters of the batch. All other statements look numbers up by themselves. Guarantees
//! that a number that is remembered is committed, and that a name keeps its number for good:
//! numbers outlive their tenants and subscriptions, and so what history says of them.
//!
//! A fail over may lose what was committed last, numbers among it, while a process remembers
//! them, or a batch is under way with them. So a number follows from its name, unless another
//! name has it: whoever gives the name a number again gives it the same, and no other name
//! gets it. And what is remembered is forgotten with each connection that is opened, which may
//! lead to another server.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash, RandomState};

use parking_lot::RwLock;
use postrider_domain::ids::{SubscriptionId, SubscriptionKey, TenantId};

use super::call::DatabaseCall;
use super::rows::get;
use super::suspicion::ServerSuspicion;
use crate::codec;
use crate::error::StoreResult;

/// Names that are remembered, some 20 MB; with one more all are forgotten, and looked up again
/// as they are used.
const MAX_KNOWN_NAMES: usize = 100_000;

/// How many numbers a name is offered. With a million names, of 2,000 numbers one is taken.
const MAX_OFFERED_NUMBERS: u32 = 8;

/// In the order of names, so that two replicas do not wait for each other in a circle.
const GIVE_TENANTS: &str = "INSERT INTO tenant_numbers (id, number)
    SELECT asked.id, asked.number FROM unnest($1::text[], $2::integer[]) AS asked(id, number)
    ORDER BY asked.id
    ON CONFLICT DO NOTHING";
const SELECT_TENANTS: &str = "SELECT asked.id, (
        SELECT n.number FROM tenant_numbers n WHERE n.id = asked.id
    ) AS number
    FROM unnest($1::text[]) AS asked(id)";

const GIVE_SUBSCRIPTIONS: &str = "INSERT INTO subscription_numbers (tenant, id, number)
    SELECT asked.tenant, asked.id, asked.number
    FROM unnest($1::text[], $2::text[], $3::integer[]) AS asked(tenant, id, number)
    ORDER BY asked.tenant, asked.id
    ON CONFLICT DO NOTHING";
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
    /// As [`NumbersByName`] when it was looked at.
    opened_connections: u64,
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
pub(super) struct KnownNumbers {
    names: RwLock<NumbersByName>,
    server: ServerSuspicion,
}

#[derive(Default)]
struct NumbersByName {
    tenants: HashMap<TenantId, i32>,
    subscriptions: HashMap<SubscriptionKey, i32>,
    /// How many connections had been opened when the first of these was read.
    opened_connections: u64,
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
    pub(super) fn of(server: ServerSuspicion) -> Self {
        Self { names: RwLock::default(), server }
    }

    /// What is known of the numbers of these tenants, and of these subscriptions and theirs.
    pub(super) fn look_up<'a>(
        &self,
        tenants: impl Iterator<Item = &'a TenantId>,
        subscriptions: impl Iterator<Item = &'a SubscriptionKey>,
    ) -> BatchNumbers<'a> {
        self.forget_other_servers();
        let known = self.names.read();
        let opened_connections = known.opened_connections;
        let mut batch = BatchNumbers { opened_connections, ..BatchNumbers::default() };
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

    fn forget_other_servers(&self) {
        let opened_connections = self.server.opened_connections();
        let is_current = |names: &NumbersByName| names.opened_connections == opened_connections;
        if is_current(&self.names.read()) {
            return;
        }
        let mut names = self.names.write();
        if !is_current(&names) {
            *names = NumbersByName { opened_connections, ..NumbersByName::default() };
        }
    }

    /// Finds the numbers of a batch that are not known, and gives some to names that have
    /// none. Stands in no transaction: it could be rolled back.
    pub(super) async fn complete(
        &self,
        call: &mut DatabaseCall<'_>,
        batch: &mut BatchNumbers<'_>,
    ) -> StoreResult<()> {
        for offer in 0..MAX_OFFERED_NUMBERS {
            self.complete_tenants(call, batch, offer).await?;
            self.complete_subscriptions(call, batch, offer).await?;
        }
        Ok(())
    }

    async fn complete_tenants(
        &self,
        call: &mut DatabaseCall<'_>,
        batch: &mut BatchNumbers<'_>,
        offer: u32,
    ) -> StoreResult<()> {
        if batch.unknown_tenants.is_empty() {
            return Ok(());
        }
        let unknown = &batch.unknown_tenants;
        let ids: Vec<&str> = unknown.iter().map(|id| id.as_str()).collect();
        if offer > 0 {
            let offered: Vec<i32> = unknown.iter().map(|id| offered_number(id, offer)).collect();
            let give = sqlx::query(GIVE_TENANTS).bind(ids.clone()).bind(offered);
            call.execute(give).await?;
        }
        let rows = call.rows(sqlx::query(SELECT_TENANTS).bind(ids)).await?;
        let mut found: HashMap<TenantId, i32> = HashMap::with_capacity(rows.len());
        for row in &rows {
            let id = TenantId::from_stored(get::<&str>(row, "id")?);
            found.extend(get::<Option<i32>>(row, "number")?.map(|number| (id, number)));
        }
        let BatchNumbers { tenants, unknown_tenants, .. } = batch;
        unknown_tenants.retain(|id| match found.get(*id) {
            Some(number) => {
                tenants.insert(*id, *number);
                false
            }
            None => true,
        });
        self.remember(batch.opened_connections, |names| names.tenants.extend(found));
        Ok(())
    }

    async fn complete_subscriptions(
        &self,
        call: &mut DatabaseCall<'_>,
        batch: &mut BatchNumbers<'_>,
        offer: u32,
    ) -> StoreResult<()> {
        if batch.unknown_subscriptions.is_empty() {
            return Ok(());
        }
        let unknown = &batch.unknown_subscriptions;
        let tenants: Vec<&str> = unknown.iter().map(|key| key.tenant.as_str()).collect();
        let ids: Vec<&str> = unknown.iter().map(|key| key.subscription.as_str()).collect();
        if offer > 0 {
            let offered: Vec<i32> = unknown.iter().map(|key| offered_number(key, offer)).collect();
            let give = sqlx::query(GIVE_SUBSCRIPTIONS).bind(tenants.clone()).bind(ids.clone());
            call.execute(give.bind(offered)).await?;
        }
        let rows = call.rows(sqlx::query(SELECT_SUBSCRIPTIONS).bind(tenants).bind(ids)).await?;
        let mut found: HashMap<SubscriptionKey, i32> = HashMap::with_capacity(rows.len());
        for row in &rows {
            let key = SubscriptionKey {
                tenant: TenantId::from_stored(get::<&str>(row, "tenant")?),
                subscription: SubscriptionId::from_stored(get::<&str>(row, "id")?),
            };
            found.extend(get::<Option<i32>>(row, "number")?.map(|number| (key, number)));
        }
        let BatchNumbers { subscriptions, unknown_subscriptions, .. } = batch;
        unknown_subscriptions.retain(|key| match found.get(*key) {
            Some(number) => {
                subscriptions.insert(*key, *number);
                false
            }
            None => true,
        });
        self.remember(batch.opened_connections, |names| names.subscriptions.extend(found));
        Ok(())
    }

    /// Unless a connection was opened since, and numbers of another server are there.
    fn remember(&self, opened_connections: u64, add: impl FnOnce(&mut NumbersByName)) {
        let mut names = self.names.write();
        if names.opened_connections == opened_connections {
            names.make_room();
            add(&mut names);
        }
    }
}

/// A number for a name: the first follows from it, the others from chance, so that nobody
/// can keep a name without a number by names of his own.
fn offered_number<N: Hash>(name: &N, offer: u32) -> i32 {
    let hash = match offer {
        0 | 1 => BuildHasherDefault::<DefaultHasher>::default().hash_one(name),
        _ => RandomState::new().hash_one(name),
    };
    // None is 0: loops over all keys begin there.
    i32::try_from(hash % u64::from(i32::MAX.unsigned_abs())).map_or(1, |number| number + 1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_follows_from_the_name_and_the_others_do_not() {
        let name = |text: &str| TenantId::from_stored(text);
        assert_eq!(offered_number(&name("acme"), 1), offered_number(&name("acme"), 1));
        assert_ne!(offered_number(&name("acme"), 1), offered_number(&name("globex"), 1));
        assert_ne!(offered_number(&name("acme"), 2), offered_number(&name("acme"), 2));
        for n in 0..1_000 {
            assert!(offered_number(&name(&format!("tenant-{n}")), 1 + n % 2) > 0);
        }
    }

    #[test]
    fn numbers_are_forgotten_with_each_connection_that_is_opened() {
        let server = ServerSuspicion::new();
        let numbers = KnownNumbers::of(server.clone());
        let acme = TenantId::from_stored("acme");
        let known = || {
            let batch = numbers.look_up(std::iter::once(&acme), std::iter::empty());
            (batch.tenant(&acme).ok(), batch.opened_connections)
        };
        let (_, before) = known();
        let add = |names: &mut NumbersByName| names.tenants.extend([(acme.clone(), 7)]);
        numbers.remember(before, add);
        assert_eq!(known().0, Some(7));
        server.note_connection();
        assert_eq!(known().0, None);
        // What was read before is late.
        numbers.remember(before, add);
        assert_eq!(known().0, None);
    }
}
