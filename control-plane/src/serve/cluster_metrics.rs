//! Metrics of what a replica knows of the cluster, of its database and of its loops.
//!
//! Fed by its state at each reading; feeds the metrics port. Nothing is asked of the database
//! for it.

use postrider_store::ConnectionPoolSize;
use postrider_telemetry::metrics::{KeyValue, MetricDescriptor, MetricRegistry, ObservedState};

use crate::state::context::ReplicaContext;

static SHARDS_OWNED: MetricDescriptor =
    MetricDescriptor::up_down("postrider.shards.owned", "{shard}", "Shards of this replica");
static SHARDS_CONFIGURED: MetricDescriptor =
    MetricDescriptor::gauge("postrider.shards.configured", "{shard}", "Shards that there are");
static SHARDS_UNOWNED: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.shards.unowned",
    "{shard}",
    "Shards without an owner whose lease lasts, as last read",
);
static LEASE_MARGIN: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.lease.margin",
    "s",
    "How long the lease of this replica's shards that ends first still lasts, as last read",
);
static HEARTBEAT_AGE: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.heartbeat.age",
    "s",
    "How long ago the database last took this replica's heartbeat",
);
static REPLICAS: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.replicas.live",
    "{replica}",
    "Replicas that are alive, this one among them",
);
static SWEEP_AGE: MetricDescriptor =
    MetricDescriptor::gauge("postrider.sweep.age", "s", "How long ago the last sweep ended");
static HOLDS: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.holds.active",
    "{subscription}",
    "Subscriptions whose receivers asked not to be called for a while, anywhere",
);
static STREAKS: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.failure_streaks",
    "{subscription}",
    "Subscriptions of this replica's shards of which every attempt fails",
);
static UNREADABLE_ROWS: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.unreadable_rows",
    "{row}",
    "Rows that this replica could not read in the last hour, and passed over",
);
static POOL_CONNECTIONS: MetricDescriptor = MetricDescriptor::up_down(
    "db.client.connection.count",
    "{connection}",
    "Connections to PostgreSQL, used or idle",
)
.by(&["db.client.connection.pool.name", "db.client.connection.state"]);
static POOL_MAX: MetricDescriptor = MetricDescriptor::up_down(
    "db.client.connection.max",
    "{connection}",
    "Most connections to PostgreSQL",
)
.by(&["db.client.connection.pool.name"]);

/// What a replica knows at one moment.
struct ClusterReading {
    owned: u64,
    configured: u64,
    unowned: u64,
    /// In seconds, as ages are.
    lease_margin: Option<f64>,
    heartbeat_age: f64,
    replicas: u64,
    sweep_age: Option<f64>,
    holds: u64,
    streaks: u64,
    unreadable: u64,
    pools: Vec<ConnectionPoolSize>,
}

impl ClusterReading {
    fn read(context: &ReplicaContext) -> Self {
        let (cluster, now) = (&context.cluster, context.clock.now());
        let view = cluster.view();
        let own = view.shards.iter().filter(|row| row.owner.as_ref() == Some(&context.replica));
        let leases: Vec<_> = own.map(|row| row.lease_until).collect();
        let all = view.shards.iter();
        let unowned = all.filter(|row| row.owner.is_none() || row.lease_until <= view.now);
        let first = leases.iter().min();
        let sweep_age = |ended| now.since(ended).as_secs_f64();
        Self {
            owned: leases.len() as u64,
            configured: view.shards.len() as u64,
            unowned: unowned.count() as u64,
            lease_margin: first.map(|first| first.since(now).as_secs_f64()),
            heartbeat_age: cluster.since_heartbeat().as_secs_f64(),
            replicas: cluster.live_peers().len() as u64 + 1,
            sweep_age: context.metrics.last_sweep().map(sweep_age),
            holds: cluster.holds().count_active(now) as u64,
            streaks: context.failure_streaks.count() as u64,
            unreadable: context.store.unreadable_rows(),
            pools: context.store.connection_pools(),
        }
    }
}

/// Shows what a replica knows.
pub fn observe_cluster(registry: &MetricRegistry, context: ReplicaContext) {
    let state = ObservedState::new(move || ClusterReading::read(&context));
    let count = |descriptor, number: fn(&ClusterReading) -> u64| {
        registry.observe_counts(descriptor, &state, move |cluster, tell| {
            tell(number(cluster), &[]);
        });
    };
    let age = |descriptor, seconds: fn(&ClusterReading) -> Option<f64>| {
        registry.observe_reals(descriptor, &state, move |cluster, tell| {
            if let Some(seconds) = seconds(cluster) {
                tell(seconds, &[]);
            }
        });
    };
    count(&SHARDS_OWNED, |cluster| cluster.owned);
    count(&SHARDS_CONFIGURED, |cluster| cluster.configured);
    count(&SHARDS_UNOWNED, |cluster| cluster.unowned);
    age(&LEASE_MARGIN, |cluster| cluster.lease_margin);
    age(&HEARTBEAT_AGE, |cluster| Some(cluster.heartbeat_age));
    count(&REPLICAS, |cluster| cluster.replicas);
    age(&SWEEP_AGE, |cluster| cluster.sweep_age);
    count(&HOLDS, |cluster| cluster.holds);
    count(&STREAKS, |cluster| cluster.streaks);
    count(&UNREADABLE_ROWS, |cluster| cluster.unreadable);
    registry.observe_counts(&POOL_CONNECTIONS, &state, |cluster, tell| {
        for pool in &cluster.pools {
            let used = pool.open.saturating_sub(pool.idle);
            for (word, connections) in [("used", used), ("idle", pool.idle)] {
                let label = KeyValue::new("db.client.connection.state", word);
                tell(connections, &[pool_label(pool), label]);
            }
        }
    });
    registry.observe_counts(&POOL_MAX, &state, |cluster, tell| {
        cluster.pools.iter().for_each(|pool| tell(pool.max, &[pool_label(pool)]));
    });
}

fn pool_label(pool: &ConnectionPoolSize) -> KeyValue {
    KeyValue::new("db.client.connection.pool.name", pool.name)
}
