//! Leases and signs of life, by the database's clock.
//!
//! `clock_timestamp()`, not `now()`: a statement may have waited for a lock, and a
//! lease must count from when it is written.

use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::ids::{AgentId, Epoch, Region, ReplicaId, Shard};
use postrider_domain::time::Timestamp;
use sqlx::postgres::PgRow;

use super::arrays::epoch;
use super::call::DatabaseCall;
use super::engine::PostgresStore;
use super::query::PgQuery;
use super::rows::{self, get, shard, stopped_clock, time};
use crate::codec;
use crate::error::StoreResult;
use crate::ownership::{
    AgentSighting, ClusterView, OwnershipStore, ProcessInstance, RegionClock, ReplicaRow, ShardRow,
    latest_sightings,
};
use crate::sealing::{ASSIGNMENT_KEY_ID, assignment_key_of, no_tenant};
use crate::sql_file::without_comment;

/// Replicas and agents unheard for longer are gone, and so are those heard later than now,
/// by a clock that was set back since; in microseconds, and as in [`VIEW`] and [`ACQUIRE`].
/// Twelve times the silence after which they are lost.
const FORGET_AFTER_MICROSECONDS: i64 = 60_000_000;

/// Of one moment; several statements that the server takes as one.
const SELECT_CLUSTER: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
    SELECT id, instance, address, version, heard FROM replicas ORDER BY id;
    SELECT shard, epoch, owner, lease_until FROM shards ORDER BY shard;
    SELECT agent, replica, incarnation, region, version, max_in_flight, in_flight, draining,
            clock_skew_us, heard
        FROM agent_sightings
        WHERE heard >= (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - 60000000
        ORDER BY replica, agent;
    SELECT region, total_us, since FROM region_clocks ORDER BY region;
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now";

const UPSERT_HEARTBEAT: &str =
    without_comment(include_str!("../../sql/postgres/upsert_heartbeat.sql"));

const ACQUIRE_SHARDS: &str = without_comment(include_str!("../../sql/postgres/acquire_shards.sql"));

/// A lease that has ended but that nobody took is extended all the same.
const RENEW_SHARDS: &str = "UPDATE shards s
    SET clock = greatest(s.clock, $5),
        lease_until = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $4
    FROM unnest($2::integer[], $3::bigint[]) AS mine(shard, epoch)
    WHERE s.shard = mine.shard AND s.epoch = mine.epoch AND s.owner = $1
    RETURNING s.shard";

const RELEASE_SHARDS: &str = "UPDATE shards SET owner = NULL, lease_until = 0
    WHERE shard = ANY($2::integer[]) AND owner = $1";

const UPSERT_REGION_CLOCK: &str = "INSERT INTO region_clocks (region, total_us, since)
    VALUES ($1, $2, $3)
    ON CONFLICT (region) DO UPDATE SET total_us = excluded.total_us, since = excluded.since";

const FORGET_REGION: &str = "DELETE FROM region_clocks
    WHERE region = $1
        AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE region = $1 AND delete_time IS NULL)";

/// Waits for another replica that draws one at the same moment.
const INSERT_ASSIGNMENT_KEY: &str =
    "INSERT INTO data_keys (tenant, id, wrapped_by, wrapped, create_time)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING";

const SELECT_CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

const REGION_IS_SUBSCRIBED: &str =
    "SELECT EXISTS (SELECT 1 FROM subscriptions WHERE region = $1 AND delete_time IS NULL)";

const LIST_SUBSCRIBED_REGIONS: &str = "SELECT DISTINCT region FROM subscriptions
    WHERE delete_time IS NULL
    ORDER BY region LIMIT $1";

pub(super) async fn database_clock(call: &mut DatabaseCall<'_>) -> StoreResult<Timestamp> {
    call.value(sqlx::query(SELECT_CLOCK)).await.map(Timestamp::from_micros)
}

#[async_trait]
impl OwnershipStore for PostgresStore {
    async fn now(&self) -> StoreResult<Timestamp> {
        database_clock(&mut self.call("now")).await
    }

    async fn heartbeat(
        &self,
        replica: &ReplicaRow,
        agents: &[AgentSighting],
        lost_after: Duration,
    ) -> StoreResult<ClusterView> {
        let mut call = self.ownership_call("heartbeat");
        let query = sqlx::query(UPSERT_HEARTBEAT)
            .bind(&*replica.id.0)
            .bind(&replica.address)
            .bind(FORGET_AFTER_MICROSECONDS);
        call.execute(
            bind_sightings(query, &latest_sightings(agents))
                .bind(&replica.version)
                .bind(&replica.instance[..])
                .bind(codec::micros(lost_after)),
        )
        .await?;
        cluster_view(&mut call).await
    }

    async fn acquire_shards(
        &self,
        replica: &ReplicaId,
        shards: &[Shard],
        lease: Duration,
        force: bool,
    ) -> StoreResult<Vec<(Shard, Epoch)>> {
        let mut call = self.ownership_call("acquire_shards");
        let rows = call
            .rows(
                sqlx::query(ACQUIRE_SHARDS)
                    .bind(&*replica.0)
                    .bind(numbers(shards))
                    .bind(codec::micros(lease))
                    .bind(force),
            )
            .await?;
        rows::read(&rows, |row| Ok((shard(row)?, rows::epoch(row)?)))
    }

    async fn renew_shards(
        &self,
        replica: &ReplicaId,
        shards: &[(Shard, Epoch)],
        lease: Duration,
        now: Timestamp,
    ) -> StoreResult<Vec<Shard>> {
        let mut call = self.ownership_call("renew_shards");
        let epochs = shards.iter().map(|(_, at)| epoch(at.0)).collect::<StoreResult<Vec<_>>>()?;
        let rows = call
            .rows(
                sqlx::query(RENEW_SHARDS)
                    .bind(&*replica.0)
                    .bind(shards.iter().map(|(shard, _)| i32::from(shard.0)).collect::<Vec<_>>())
                    .bind(epochs)
                    .bind(codec::micros(lease))
                    .bind(now.as_micros()),
            )
            .await?;
        rows::read(&rows, shard)
    }

    async fn release_shards(&self, replica: &ReplicaId, shards: &[Shard]) -> StoreResult<()> {
        let mut call = self.ownership_call("release_shards");
        call.execute(sqlx::query(RELEASE_SHARDS).bind(&*replica.0).bind(numbers(shards))).await?;
        Ok(())
    }

    async fn remove_replica(
        &self,
        replica: &ReplicaId,
        instance: ProcessInstance,
    ) -> StoreResult<()> {
        let mut call = self.ownership_call("remove_replica");
        call.execute(
            sqlx::query("DELETE FROM replicas WHERE id = $1 AND instance = $2")
                .bind(&*replica.0)
                .bind(&instance[..]),
        )
        .await?;
        Ok(())
    }

    async fn region_is_subscribed(&self, region: &Region) -> StoreResult<bool> {
        let mut call = self.call("region_is_subscribed");
        call.value(sqlx::query(REGION_IS_SUBSCRIBED).bind(region.as_str())).await
    }

    async fn list_subscribed_regions(&self, limit: u32) -> StoreResult<Vec<Region>> {
        let mut call = self.call("list_subscribed_regions");
        let list = sqlx::query(LIST_SUBSCRIBED_REGIONS).bind(i64::from(limit));
        let names: Vec<String> = call.values(list).await?;
        Ok(names.into_iter().map(Region::from_stored).collect())
    }

    async fn put_region_clock(&self, clock: &RegionClock) -> StoreResult<()> {
        let mut call = self.ownership_call("put_region_clock");
        call.execute(
            sqlx::query(UPSERT_REGION_CLOCK)
                .bind(clock.region.as_str())
                .bind(codec::micros(clock.clock.total))
                .bind(clock.clock.since.map(Timestamp::as_micros)),
        )
        .await?;
        Ok(())
    }

    async fn forget_region(&self, region: &Region) -> StoreResult<bool> {
        let mut call = self.call("forget_region");
        Ok(call.execute(sqlx::query(FORGET_REGION).bind(region.as_str())).await? > 0)
    }

    async fn assignment_key(&self, proposed: &AssignmentKey) -> StoreResult<AssignmentKey> {
        let mut call = self.call("assignment_key");
        let owner = no_tenant();
        let wrapped = self.sealer.wrap_assignment_key(proposed).await?;
        let now = database_clock(&mut call).await?;
        call.execute(
            sqlx::query(INSERT_ASSIGNMENT_KEY)
                .bind(owner.as_str())
                .bind(ASSIGNMENT_KEY_ID)
                .bind(wrapped.by.as_str())
                .bind(wrapped.bytes)
                .bind(now.as_micros()),
        )
        .await?;
        let found = self.stored_key(&mut call, &owner, ASSIGNMENT_KEY_ID).await?;
        let (key, _) = found.ok_or_else(|| codec::corrupt("the assignment key is not there"))?;
        assignment_key_of(&key)
    }
}

fn bind_sightings<'q>(query: PgQuery<'q>, agents: &[&'q AgentSighting]) -> PgQuery<'q> {
    query
        .bind(agents.iter().map(|agent| &*agent.agent.0).collect::<Vec<_>>())
        .bind(agents.iter().map(|agent| &agent.incarnation[..]).collect::<Vec<_>>())
        .bind(agents.iter().map(|agent| agent.region.as_str()).collect::<Vec<_>>())
        .bind(agents.iter().map(|agent| agent.version.as_str()).collect::<Vec<_>>())
        .bind(agents.iter().map(|agent| i64::from(agent.max_in_flight)).collect::<Vec<_>>())
        .bind(agents.iter().map(|agent| i64::from(agent.in_flight)).collect::<Vec<_>>())
        .bind(agents.iter().map(|agent| agent.draining).collect::<Vec<_>>())
        .bind(agents.iter().map(|agent| agent.clock_skew_us).collect::<Vec<_>>())
        .bind(agents.iter().map(|agent| codec::micros(agent.heard_ago)).collect::<Vec<_>>())
}

fn numbers(shards: &[Shard]) -> Vec<i32> {
    shards.iter().map(|shard| i32::from(shard.0)).collect()
}

/// Reads everybody's state in one round trip: by the time that several take from a
/// slow database, leases would have ended.
async fn cluster_view(call: &mut DatabaseCall<'_>) -> StoreResult<ClusterView> {
    let parts = call.answers(SELECT_CLUSTER).await?;
    let [_, replicas, shards, agents, regions, clock] = parts.as_slice() else {
        return Err(codec::corrupt("an unexpected number of answers"));
    };
    let now = clock.first().map(|row| time(row, "now")).transpose()?;
    let now = now.ok_or_else(|| codec::corrupt("a clock without a time"))?;
    Ok(ClusterView {
        now,
        clock: now,
        replicas: rows::read(replicas, replica)?,
        shards: rows::read(shards, shard_row)?,
        // One that cannot be read is no reason to know nothing of the others.
        agents: agents.iter().filter_map(|row| sighting(row, now).ok()).collect(),
        regions: rows::read(regions, region_clock)?,
    })
}

fn replica(row: &PgRow) -> StoreResult<ReplicaRow> {
    Ok(ReplicaRow {
        id: ReplicaId(get::<&str>(row, "id")?.into()),
        instance: codec::fixed("instance", &get::<Vec<u8>>(row, "instance")?)?,
        address: get(row, "address")?,
        version: get(row, "version")?,
        heard: time(row, "heard")?,
    })
}

fn shard_row(row: &PgRow) -> StoreResult<ShardRow> {
    let owner: Option<&str> = get(row, "owner")?;
    Ok(ShardRow {
        shard: shard(row)?,
        epoch: rows::epoch(row)?,
        owner: owner.map(|id| ReplicaId(id.into())),
        lease_until: time(row, "lease_until")?,
    })
}

fn sighting(row: &PgRow, now: Timestamp) -> StoreResult<AgentSighting> {
    let heard = time(row, "heard")?;
    Ok(AgentSighting {
        agent: AgentId(get::<&str>(row, "agent")?.into()),
        incarnation: codec::fixed("incarnation", &get::<Vec<u8>>(row, "incarnation")?)?,
        region: Region::from_stored(get::<&str>(row, "region")?),
        version: get(row, "version")?,
        max_in_flight: codec::narrow("max_in_flight", get(row, "max_in_flight")?)?,
        in_flight: codec::narrow("in_flight", get(row, "in_flight")?)?,
        draining: get(row, "draining")?,
        clock_skew_us: get(row, "clock_skew_us")?,
        replica: ReplicaId(get::<&str>(row, "replica")?.into()),
        heard,
        heard_ago: now.since(heard),
    })
}

fn region_clock(row: &PgRow) -> StoreResult<RegionClock> {
    Ok(RegionClock {
        region: Region::from_stored(get::<&str>(row, "region")?),
        clock: stopped_clock(row, "total_us", "since")?,
    })
}
