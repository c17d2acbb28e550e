//! Leases and signs of life, by this process's clock.
//!
//! One process alone can open the file, so the tables mostly hold that one; they
//! are kept all the same, so that the control plane need not know.

use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::ids::{AgentId, Epoch, Region, ReplicaId, Shard};
use postrider_domain::time::{StoppedClock, Timestamp};
use sqlx::sqlite::SqliteConnection;

use super::bulk::{BoundValues, BulkStatement};
use super::engine::SqliteStore;
use super::open::wall_clock;
use super::rows::{RowReader, integer};
use crate::codec;
use crate::error::StoreResult;
use crate::ownership::{
    AgentSighting, ClusterView, OwnershipStore, ProcessInstance, RegionClock, ReplicaRow, ShardRow,
    latest_sightings,
};
use crate::sealing::{ASSIGNMENT_KEY_ID, assignment_key_of, no_tenant};

/// How long those unheard are remembered, and those heard later than now, by a clock that
/// was set back since; nor is a lease believed that ends so much later than one that begins
/// now. As on PostgreSQL.
const FORGET_AFTER: Duration = Duration::from_secs(60);

const UPSERT_REPLICA: &str = "INSERT INTO replicas AS known (
        id, address, version, heard, instance
    )
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (id) DO UPDATE
        SET address = excluded.address, version = excluded.version, heard = excluded.heard,
            instance = excluded.instance
        WHERE known.instance = excluded.instance OR abs(known.heard - excluded.heard) >= ?6";
const UPSERT_AGENTS: BulkStatement = BulkStatement {
    sql: "INSERT INTO agent_sightings (
            agent, replica, incarnation, region, version, max_in_flight, in_flight, draining,
            clock_skew_us, heard
        )
        VALUES {rows}
        ON CONFLICT (agent, replica) DO UPDATE
            SET incarnation = excluded.incarnation, region = excluded.region,
                version = excluded.version, max_in_flight = excluded.max_in_flight,
                in_flight = excluded.in_flight, draining = excluded.draining,
                clock_skew_us = excluded.clock_skew_us, heard = excluded.heard",
    columns: 10,
};
const DELETE_SILENT_REPLICAS: &str = "DELETE FROM replicas WHERE heard NOT BETWEEN ? AND ?";
const DELETE_SILENT_AGENTS: &str = "DELETE FROM agent_sightings WHERE heard NOT BETWEEN ? AND ?";
const SELECT_REPLICAS: &str =
    "SELECT id, instance, address, version, heard FROM replicas ORDER BY id";
const SELECT_SHARDS: &str = "SELECT shard, epoch, owner, lease_until FROM shards ORDER BY shard";
const SELECT_AGENTS: &str = "SELECT agent, incarnation, region, version, max_in_flight, in_flight,
        draining, clock_skew_us, replica, heard
    FROM agent_sightings
    ORDER BY agent, replica";
const SELECT_REGIONS: &str =
    "SELECT region, stopped_total, stopped_since FROM region_clocks ORDER BY region";
const ACQUIRE_SHARDS: &str = "UPDATE shards SET epoch = epoch + 1, owner = ?2, lease_until = ?3
    WHERE shard IN (SELECT value FROM json_each(?1))
        AND (?5 OR owner IS NULL OR lease_until NOT BETWEEN ?4 + 1 AND ?6)
    RETURNING shard, epoch";
const RENEW_SHARDS: &str = "UPDATE shards SET lease_until = ?3, clock = max(clock, ?4)
    FROM json_each(?1) j
    WHERE shards.shard = j.value ->> 0 AND shards.epoch = j.value ->> 1 AND shards.owner = ?2
    RETURNING shards.shard";
const RELEASE_SHARDS: &str = "UPDATE shards SET owner = NULL, lease_until = 0
    WHERE shard IN (SELECT value FROM json_each(?1)) AND owner = ?2";
const DELETE_REPLICA: &str = "DELETE FROM replicas WHERE id = ? AND instance = ?";
const REGION_IS_SUBSCRIBED: &str =
    "SELECT EXISTS (SELECT 1 FROM subscriptions WHERE region = ? AND delete_time IS NULL)";
const LIST_SUBSCRIBED_REGIONS: &str = "SELECT DISTINCT region FROM subscriptions
    WHERE delete_time IS NULL
    ORDER BY region LIMIT ?";
const UPSERT_REGION_CLOCK: &str = "INSERT INTO region_clocks (
        region, stopped_total, stopped_since
    )
    VALUES (?, ?, ?)
    ON CONFLICT (region) DO UPDATE
        SET stopped_total = excluded.stopped_total, stopped_since = excluded.stopped_since";
const FORGET_REGION: &str = "DELETE FROM region_clocks
    WHERE region = ?1
        AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE region = ?1 AND delete_time IS NULL)";
const INSERT_ASSIGNMENT_KEY: &str =
    "INSERT INTO data_keys (tenant, id, wrapped_by, wrapped, create_time)
    VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING";

#[async_trait]
impl OwnershipStore for SqliteStore {
    async fn now(&self) -> StoreResult<Timestamp> {
        Ok(self.clock.now())
    }

    async fn heartbeat(
        &self,
        replica: &ReplicaRow,
        agents: &[AgentSighting],
        lost_after: Duration,
    ) -> StoreResult<ClusterView> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let now = self.clock.now();
        let mut values = BoundValues::default();
        values
            .text(&replica.id.0)
            .text(&replica.address)
            .text(&replica.version)
            .add(now.as_micros())
            .add(replica.instance.as_slice())
            .add(codec::micros(lost_after));
        values.change(&mut tx, UPSERT_REPLICA).await?;
        UPSERT_AGENTS
            .run(&mut tx, &latest_sightings(agents), |row, agent| {
                put_sighting(row, agent, now);
                Ok(())
            })
            .await?;
        for forget in [DELETE_SILENT_REPLICAS, DELETE_SILENT_AGENTS] {
            let mut values = BoundValues::default();
            values.add((now - FORGET_AFTER).as_micros()).add((now + FORGET_AFTER).as_micros());
            values.change(&mut tx, forget).await?;
        }
        let view = view(&mut tx, now).await?;
        tx.commit().await?;
        Ok(view)
    }

    async fn acquire_shards(
        &self,
        replica: &ReplicaId,
        shards: &[Shard],
        lease: Duration,
        force: bool,
    ) -> StoreResult<Vec<(Shard, Epoch)>> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let now = self.clock.now();
        let mut values = shard_list(shards)?;
        let until = now + lease;
        values.text(&replica.0).add(until.as_micros()).add(now.as_micros()).add(force);
        values.add((until + FORGET_AFTER).as_micros());
        let rows = values.run(&mut tx, ACQUIRE_SHARDS).await?;
        let mut taken = rows
            .iter()
            .map(|row| {
                let mut columns = RowReader::of(row);
                Ok((columns.shard()?, columns.epoch()?))
            })
            .collect::<StoreResult<Vec<_>>>()?;
        tx.commit().await?;
        taken.sort_unstable();
        Ok(taken)
    }

    async fn renew_shards(
        &self,
        replica: &ReplicaId,
        shards: &[(Shard, Epoch)],
        lease: Duration,
        now: Timestamp,
    ) -> StoreResult<Vec<Shard>> {
        let list: Vec<(u16, i64)> =
            shards.iter().map(|(shard, epoch)| (shard.0, integer(epoch.0))).collect();
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let mut values = BoundValues::default();
        values
            .add(codec::to_json(&list)?)
            .text(&replica.0)
            .add((self.clock.now() + lease).as_micros())
            .add(now.as_micros());
        let rows = values.run(&mut tx, RENEW_SHARDS).await?;
        let mut renewed =
            rows.iter().map(|row| RowReader::of(row).shard()).collect::<StoreResult<Vec<_>>>()?;
        tx.commit().await?;
        renewed.sort_unstable();
        Ok(renewed)
    }

    async fn release_shards(&self, replica: &ReplicaId, shards: &[Shard]) -> StoreResult<()> {
        let mut values = shard_list(shards)?;
        values.text(&replica.0);
        self.change(values, RELEASE_SHARDS).await
    }

    async fn remove_replica(
        &self,
        replica: &ReplicaId,
        instance: ProcessInstance,
    ) -> StoreResult<()> {
        let mut values = BoundValues::default();
        values.text(&replica.0).add(instance.as_slice());
        self.change(values, DELETE_REPLICA).await
    }

    async fn region_is_subscribed(&self, region: &Region) -> StoreResult<bool> {
        let mut values = BoundValues::default();
        values.text(region.as_str());
        let mut reader = self.reader().await?;
        let rows = values.run(&mut reader, REGION_IS_SUBSCRIBED).await?;
        rows.first().map_or(Ok(false), |row| RowReader::of(row).flag())
    }

    async fn list_subscribed_regions(&self, limit: u32) -> StoreResult<Vec<Region>> {
        let mut values = BoundValues::default();
        values.add(i64::from(limit));
        let rows = values.run(&mut *self.reader().await?, LIST_SUBSCRIBED_REGIONS).await?;
        rows.iter().map(|row| Ok(Region::from_stored(RowReader::of(row).text()?))).collect()
    }

    async fn put_region_clock(&self, clock: &RegionClock) -> StoreResult<()> {
        let mut values = BoundValues::default();
        values
            .text(clock.region.as_str())
            .add(codec::micros(clock.clock.total))
            .add(clock.clock.since.map(Timestamp::as_micros));
        self.change(values, UPSERT_REGION_CLOCK).await
    }

    async fn forget_region(&self, region: &Region) -> StoreResult<bool> {
        let mut values = BoundValues::default();
        values.text(region.as_str());
        Ok(self.changed_by(values, FORGET_REGION).await? > 0)
    }

    async fn assignment_key(&self, proposed: &AssignmentKey) -> StoreResult<AssignmentKey> {
        let owner = no_tenant();
        let wrapped = self.sealer.wrap_assignment_key(proposed).await?;
        let mut values = BoundValues::default();
        values.text(owner.as_str()).id(ASSIGNMENT_KEY_ID).text(wrapped.by.as_str());
        values.add(wrapped.bytes).add(self.clock.now().as_micros());
        self.change(values, INSERT_ASSIGNMENT_KEY).await?;
        let mut reader = self.reader().await?;
        let found = self.stored_key(&mut reader, &owner, ASSIGNMENT_KEY_ID).await?;
        let (key, _) = found.ok_or_else(|| codec::corrupt("the assignment key is not there"))?;
        assignment_key_of(&key)
    }
}

impl SqliteStore {
    pub(super) async fn change(&self, values: BoundValues, sql: &'static str) -> StoreResult<()> {
        self.changed_by(values, sql).await.map(|_| ())
    }
}

fn shard_list(shards: &[Shard]) -> StoreResult<BoundValues> {
    let list: Vec<u16> = shards.iter().map(|shard| shard.0).collect();
    let mut values = BoundValues::default();
    values.add(codec::to_json(&list)?);
    Ok(values)
}

fn put_sighting(row: &mut BoundValues, agent: &AgentSighting, now: Timestamp) {
    row.text(&agent.agent.0)
        .text(&agent.replica.0)
        .add(agent.incarnation.as_slice())
        .text(agent.region.as_str())
        .text(&agent.version)
        .add(i64::from(agent.max_in_flight))
        .add(i64::from(agent.in_flight))
        .add(agent.draining)
        .add(agent.clock_skew_us)
        .add((now - agent.heard_ago).as_micros());
}

async fn view(connection: &mut SqliteConnection, now: Timestamp) -> StoreResult<ClusterView> {
    let mut view = ClusterView {
        now,
        clock: wall_clock(),
        replicas: Vec::new(),
        shards: Vec::new(),
        agents: Vec::new(),
        regions: Vec::new(),
    };
    for row in BoundValues::default().run(connection, SELECT_REPLICAS).await? {
        let mut columns = RowReader::of(&row);
        view.replicas.push(ReplicaRow {
            id: ReplicaId(columns.text()?.into()),
            instance: codec::fixed("instance", columns.get()?)?,
            address: columns.get()?,
            version: columns.get()?,
            heard: columns.time()?,
        });
    }
    for row in BoundValues::default().run(connection, SELECT_SHARDS).await? {
        let mut columns = RowReader::of(&row);
        view.shards.push(ShardRow {
            shard: columns.shard()?,
            epoch: columns.epoch()?,
            owner: columns.get::<Option<&str>>()?.map(|owner| ReplicaId(owner.into())),
            lease_until: columns.time()?,
        });
    }
    for row in BoundValues::default().run(connection, SELECT_AGENTS).await? {
        view.agents.push(sighting(&mut RowReader::of(&row), now)?);
    }
    for row in BoundValues::default().run(connection, SELECT_REGIONS).await? {
        let mut columns = RowReader::of(&row);
        view.regions.push(RegionClock {
            region: Region::from_stored(columns.text()?),
            clock: StoppedClock {
                total: columns.span("stopped_total")?,
                since: columns.optional_time()?,
            },
        });
    }
    Ok(view)
}

fn sighting(columns: &mut RowReader<'_>, now: Timestamp) -> StoreResult<AgentSighting> {
    let mut seen = AgentSighting {
        agent: AgentId(columns.text()?.into()),
        incarnation: codec::fixed("incarnation", columns.get()?)?,
        region: Region::from_stored(columns.text()?),
        version: columns.get()?,
        max_in_flight: columns.number("max_in_flight")?,
        in_flight: columns.number("in_flight")?,
        draining: columns.flag()?,
        clock_skew_us: columns.int()?,
        replica: ReplicaId(columns.text()?.into()),
        heard: columns.time()?,
        heard_ago: Duration::ZERO,
    };
    seen.heard_ago = now.since(seen.heard);
    Ok(seen)
}
