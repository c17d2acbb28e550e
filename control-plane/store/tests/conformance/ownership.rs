//! Leases and signs of life, by the database's clock (invariant `database-clock`).

use std::time::Duration;

use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::ids::{AgentId, Epoch, Region, ReplicaId, Shard};
use postrider_domain::time::{StoppedClock, Timestamp};
use postrider_store::{AgentSighting, RegionClock, ReplicaRow, ShardRow, SubscriptionSideEffects};

use crate::engine::{SHARDS, conformance, options};
use crate::fixture::{SECOND, audit, subscription, tenant};

const LONG: Duration = Duration::from_secs(600);
const LOST_AFTER: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(50);

fn replica(id: &str) -> ReplicaRow {
    ReplicaRow {
        id: ReplicaId(id.into()),
        instance: [1; 16],
        address: format!("http://{id}.example:8443"),
        version: format!("1.2-{id}"),
        heard: Default::default(),
    }
}

fn sighting(agent: &str, replica: &str, heard_ago: Duration) -> AgentSighting {
    AgentSighting {
        agent: AgentId(agent.into()),
        incarnation: [7; 16],
        region: "eu".parse::<Region>().unwrap(),
        version: "1.2.3".to_owned(),
        max_in_flight: 100,
        in_flight: 3,
        draining: true,
        clock_skew_us: -5,
        replica: ReplicaId(replica.into()),
        heard: Default::default(),
        heard_ago,
    }
}

conformance! {
    async fn free_shards_are_taken_once(engine) {
        let (a, b) = (replica("a").id, replica("b").id);
        let wanted = [Shard(1), Shard(3), Shard(5)];
        let store = &engine.store;
        let taken = store.acquire_shards(&a, &wanted, LONG, false).await.unwrap();
        assert_eq!(taken, wanted.map(|shard| (shard, Epoch(1))));
        let all: Vec<Shard> = (0..SHARDS).map(Shard).collect();
        let rest = store.acquire_shards(&b, &all, LONG, false).await.unwrap();
        assert_eq!(rest, [0, 2, 4].map(|shard| (Shard(shard), Epoch(1))));
        let again = store.acquire_shards(&a, &all, LONG, false).await.unwrap();
        assert!(again.is_empty(), "one's own lease is a lease too: {again:?}");
        let view = store.heartbeat(&replica("a"), &[], LOST_AFTER).await.unwrap();
        assert_eq!(view.shards.len(), usize::from(SHARDS));
        for (n, row) in view.shards.iter().enumerate() {
            let owner = if n % 2 == 1 { &a } else { &b };
            assert_eq!((row.shard, row.epoch), (Shard(n as u16), Epoch(1)));
            assert_eq!(row.owner.as_ref(), Some(owner));
            assert!(row.lease_until > view.now + LONG / 2);
        }
    }

    async fn an_ended_lease_can_be_taken_over_and_not_renewed(engine) {
        let (a, b) = (replica("a").id, replica("b").id);
        let store = &engine.store;
        store.acquire_shards(&a, &[Shard(0), Shard(1)], SHORT, false).await.unwrap();
        let lease = [(Shard(0), Epoch(1)), (Shard(1), Epoch(1))];
        tokio::time::sleep(2 * SHORT).await;
        // Nobody has taken it: it is still this replica's.
        let renewed = store.renew_shards(&a, &lease[1..], LONG, Timestamp::default()).await.unwrap();
        assert_eq!(renewed, [Shard(1)]);
        let taken =
            store.acquire_shards(&b, &[Shard(0), Shard(1)], LONG, false).await.unwrap();
        assert_eq!(taken, [(Shard(0), Epoch(2))]);
        let renewed = store.renew_shards(&a, &lease, LONG, Timestamp::default()).await.unwrap();
        assert_eq!(renewed, [Shard(1)]);
        let old = store.renew_shards(&b, &[(Shard(0), Epoch(1))], LONG, Timestamp::default()).await.unwrap();
        assert!(old.is_empty(), "an epoch that is over");
        let view = store.heartbeat(&replica("a"), &[], LOST_AFTER).await.unwrap();
        assert_eq!(view.shards[0].owner, Some(b));
    }

    async fn renewing_extends(engine) {
        let a = replica("a").id;
        let store = &engine.store;
        store.acquire_shards(&a, &[Shard(2)], SECOND, false).await.unwrap();
        store.renew_shards(&a, &[(Shard(2), Epoch(1))], LONG, Timestamp::default()).await.unwrap();
        let view = store.heartbeat(&replica("a"), &[], LOST_AFTER).await.unwrap();
        assert!(view.shards[2].lease_until > view.now + LONG / 2);
    }

    async fn force_takes_what_is_leased(engine) {
        let (a, b) = (replica("a").id, replica("b").id);
        let store = &engine.store;
        store.acquire_shards(&a, &[Shard(0)], LONG, false).await.unwrap();
        let taken = store.acquire_shards(&b, &[Shard(0)], LONG, true).await.unwrap();
        assert_eq!(taken, [(Shard(0), Epoch(2))]);
        assert!(store.renew_shards(&a, &[(Shard(0), Epoch(1))], LONG, Timestamp::default()).await.unwrap().is_empty());
    }

    async fn released_shards_are_free_and_keep_counting(engine) {
        let (a, b) = (replica("a").id, replica("b").id);
        let store = &engine.store;
        store.acquire_shards(&a, &[Shard(0), Shard(1)], LONG, false).await.unwrap();
        store.release_shards(&b, &[Shard(0)]).await.unwrap();
        let view = store.heartbeat(&replica("b"), &[], LOST_AFTER).await.unwrap();
        assert_eq!(view.shards[0].owner, Some(a.clone()), "only one's own are freed");
        store.release_shards(&a, &[Shard(0)]).await.unwrap();
        let view = store.heartbeat(&replica("b"), &[], LOST_AFTER).await.unwrap();
        assert_eq!(view.shards[0].owner, None);
        assert_eq!(view.shards[1].owner, Some(a));
        let taken = store.acquire_shards(&b, &[Shard(0)], LONG, false).await.unwrap();
        assert_eq!(taken, [(Shard(0), Epoch(2))]);
    }

    async fn of_two_that_race_for_a_shard_one_wins(engine) {
        let second = engine.second().await;
        let all: Vec<Shard> = (0..SHARDS).map(Shard).collect();
        let (a, b) = (replica("a").id, replica("b").id);
        let (one, two) = tokio::join!(
            engine.store.acquire_shards(&a, &all, LONG, false),
            second.acquire_shards(&b, &all, LONG, false)
        );
        let mut taken = [one.unwrap(), two.unwrap()].concat();
        taken.sort_unstable();
        assert_eq!(taken, all.iter().map(|shard| (*shard, Epoch(1))).collect::<Vec<_>>());
        if engine.is_postgres() {
            second.close().await;
        }
    }

    async fn a_heartbeat_shows_everybody(engine) {
        let store = &engine.store;
        let before = store.now().await.unwrap();
        let seen = sighting("agent-1", "a", 10 * SECOND);
        store.heartbeat(&replica("a"), std::slice::from_ref(&seen), LOST_AFTER).await.unwrap();
        let old = sighting("agent-2", "b", 2 * 60 * SECOND);
        let view = store.heartbeat(&replica("b"), &[old], LOST_AFTER).await.unwrap();
        assert!(view.now >= before);
        let told = |row: &ReplicaRow| ReplicaRow { heard: Default::default(), ..row.clone() };
        let shown: Vec<_> = view.replicas.iter().map(told).collect();
        assert_eq!(shown, [replica("a"), replica("b")]);
        assert!(view.replicas.iter().all(|row| row.heard >= before && row.heard <= view.now));
        assert_eq!(view.agents.len(), 1, "one unheard for two minutes is no longer shown");
        let shown = &view.agents[0];
        let age = view.now.since(shown.heard);
        assert!(age >= 10 * SECOND && age < 40 * SECOND, "{age:?}");
        let expected = AgentSighting { heard: shown.heard, heard_ago: shown.heard_ago, ..seen };
        assert_eq!(*shown, expected);
        assert!(view.shards.iter().all(|row: &ShardRow| row.owner.is_none()));

        let newer = AgentSighting { in_flight: 4, ..sighting("agent-1", "a", SECOND) };
        store.heartbeat(&replica("a"), &[newer], LOST_AFTER).await.unwrap();
        store.remove_replica(&replica("a").id, [1; 16]).await.unwrap();
        let upgraded = ReplicaRow { version: "2.0".to_owned(), ..replica("b") };
        let view = store.heartbeat(&upgraded, &[], LOST_AFTER).await.unwrap();
        assert_eq!(view.replicas.iter().map(told).collect::<Vec<_>>(), [upgraded]);
        assert_eq!(view.agents.len(), 1, "what was seen is not forgotten with who saw it");
        assert_eq!(view.agents[0].in_flight, 4);
    }

    async fn of_two_processes_of_one_agent_the_latest_is_recorded(engine) {
        let seen = |incarnation, ago| AgentSighting {
            incarnation: [incarnation; 16],
            ..sighting("agent-1", "a", ago)
        };
        let both = [seen(1, 3 * SECOND), seen(2, SECOND), seen(3, 2 * SECOND)];
        let view = engine.store.heartbeat(&replica("a"), &both, LOST_AFTER).await.unwrap();
        let shown: Vec<_> = view.agents.iter().map(|agent| agent.incarnation).collect();
        assert_eq!(shown, [[2; 16]]);
    }

    async fn a_replicas_name_belongs_to_one_process_at_a_time(engine) {
        let store = &engine.store;
        let (first, second) = (replica("a"), ReplicaRow { instance: [2; 16], ..replica("a") });
        let owner = |view: &postrider_store::ClusterView| view.replicas[0].instance;
        let alive = store.heartbeat(&first, &[], LONG).await.unwrap();
        let refused = store.heartbeat(&second, &[], LONG).await.unwrap();
        assert_eq!(owner(&refused), first.instance);
        assert_eq!(refused.replicas[0].heard, alive.replicas[0].heard, "it was not heard again");
        store.remove_replica(&second.id, second.instance).await.unwrap();
        tokio::time::sleep(2 * SHORT).await;
        let taken = store.heartbeat(&second, &[], SHORT).await.unwrap();
        assert_eq!((taken.replicas.len(), owner(&taken)), (1, second.instance));
        let back = store.heartbeat(&first, &[], LONG).await.unwrap();
        assert_eq!(owner(&back), second.instance, "its name was taken while it was silent");
        store.remove_replica(&second.id, second.instance).await.unwrap();
        assert_eq!(owner(&store.heartbeat(&first, &[], LONG).await.unwrap()), first.instance);
    }

    async fn a_region_is_subscribed_while_a_subscription_names_it(engine) {
        let store = &engine.store;
        let region: Region = "nowhere".parse().unwrap();
        assert!(!store.region_is_subscribed(&region).await.unwrap());
        let now = store.now().await.unwrap();
        let tenant = tenant("acme", now);
        store.create_tenant(&tenant, audit()).await.unwrap();
        let mut one = subscription(&tenant.id, "orders", now);
        one.settings.region = region.clone();
        store.create_subscription(&one, usize::MAX, audit()).await.unwrap();
        assert!(store.region_is_subscribed(&region).await.unwrap());
    }

    async fn regions_that_subscriptions_name_are_listed_once(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let tenant = tenant("acme", now);
        store.create_tenant(&tenant, audit()).await.unwrap();
        assert_eq!(store.list_subscribed_regions(9).await.unwrap(), []);
        for (id, region) in [("a", "us"), ("b", "eu"), ("c", "us"), ("d", "gone")] {
            let mut named = subscription(&tenant.id, id, now);
            named.settings.region = region.parse().unwrap();
            store.create_subscription(&named, usize::MAX, audit()).await.unwrap();
            if region == "gone" {
                named.delete_time = Some(now);
                let (revision, effects) = (named.revision, SubscriptionSideEffects::default());
                store.update_subscription(&named, revision, &effects, audit()).await.unwrap();
            }
        }
        let regions: [Region; 2] = ["eu".parse().unwrap(), "us".parse().unwrap()];
        assert_eq!(store.list_subscribed_regions(9).await.unwrap(), regions);
        assert_eq!(store.list_subscribed_regions(1).await.unwrap(), regions[..1]);
    }

    async fn region_clocks_are_kept(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let region: Region = "eu".parse().unwrap();
        let mut clock = StoppedClock { total: LONG, since: Some(now) };
        store.put_region_clock(&RegionClock { region: region.clone(), clock }).await.unwrap();
        clock.start(now + SECOND);
        let kept = RegionClock { region, clock };
        store.put_region_clock(&kept).await.unwrap();
        let view = store.heartbeat(&replica("a"), &[], LOST_AFTER).await.unwrap();
        assert_eq!(view.regions, [kept]);
    }

    async fn a_region_s_clock_is_forgotten_once_no_subscription_names_it(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let tenant = tenant("acme", now);
        store.create_tenant(&tenant, audit()).await.unwrap();
        let mut named = subscription(&tenant.id, "orders", now);
        named.settings.region = "named".parse().unwrap();
        store.create_subscription(&named, usize::MAX, audit()).await.unwrap();
        let regions: [Region; 2] = ["invented".parse().unwrap(), named.settings.region.clone()];
        let clock = StoppedClock { total: LONG, since: Some(now) };
        for region in &regions {
            store.put_region_clock(&RegionClock { region: region.clone(), clock }).await.unwrap();
        }
        let forgotten = [true, false];
        for (region, forgotten) in regions.iter().zip(forgotten) {
            assert_eq!(store.forget_region(region).await.unwrap(), forgotten);
        }
        let view = store.heartbeat(&replica("a"), &[], LOST_AFTER).await.unwrap();
        assert_eq!(view.regions, [RegionClock { region: regions[1].clone(), clock }]);
        named.delete_time = Some(now);
        store.update_subscription(&named, named.revision, &Default::default(), audit()).await.unwrap();
        assert!(store.forget_region(&regions[1]).await.unwrap());
        let view = store.heartbeat(&replica("a"), &[], LOST_AFTER).await.unwrap();
        assert_eq!(view.regions, []);
    }

    async fn all_replicas_have_one_assignment_key(engine) {
        let proposals = [[1; 32], [2; 32]].map(AssignmentKey::new);
        let second = engine.second().await;
        let (one, other) = tokio::join!(
            engine.store.assignment_key(&proposals[0]),
            second.assignment_key(&proposals[1]),
        );
        let key = one.unwrap();
        assert!(proposals.contains(&key) && other.unwrap() == key);
        let later = AssignmentKey::new([3; 32]);
        assert_eq!(second.assignment_key(&later).await.unwrap(), key);
    }

    async fn the_clock_moves_on(engine) {
        let one = engine.store.now().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let two = engine.store.now().await.unwrap();
        let passed = two.since(one);
        assert!(passed >= Duration::from_millis(15) && passed < 30 * SECOND, "{passed:?}");
    }
}

/// One that was killed left its row; it would count as living, and keep shards, for a
/// while.
#[tokio::test]
async fn sqlite_knows_no_replica_from_before_its_file_was_opened() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("one.db").display());
    for id in ["killed", "next"] {
        let store = postrider_store::open(&url, &options()).await.unwrap();
        let view = store.heartbeat(&replica(id), &[], LOST_AFTER).await.unwrap();
        let known: Vec<_> = view.replicas.iter().map(|row| &*row.id.0).collect();
        assert_eq!(known, [id]);
        store.close().await;
    }
}
