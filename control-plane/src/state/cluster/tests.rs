//! Tests of what the cluster state derives from the database's view.

use super::*;
use crate::fixtures;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn cluster() -> ClusterState {
    ClusterState::new(ReplicaId("one".into()), 4, Duration::from_secs(5), NOW)
}

#[test]
fn a_jump_of_the_databases_clock_is_noticed_either_way_until_it_is_back() {
    let near = cluster();
    near.compare_clocks(NOW, NOW + Duration::from_secs(60), NOW);
    assert!(!near.has_clock_jumped());
    for databases in [NOW + Duration::from_secs(61), NOW - Duration::from_secs(61)] {
        let far = cluster();
        far.compare_clocks(NOW, databases, NOW);
        assert!(far.has_clock_jumped());
        let later = Duration::from_secs(5);
        far.compare_clocks(NOW + later, databases + later, NOW + later);
        assert!(far.has_clock_jumped(), "it stays where it jumped to");
        assert!(far.outvoted_for().is_none(), "this machine says that ours is right");
        far.compare_clocks(NOW, databases, databases);
        assert!(far.has_clock_jumped() && far.outvoted_for().is_some());
        far.compare_clocks(NOW, NOW, databases);
        assert!(!far.has_clock_jumped() && far.outvoted_for().is_none());
    }
}

#[test]
fn a_replica_is_lately_lost_for_a_while() {
    let cluster = cluster();
    let mut view = ClusterView::clone(&cluster.view());
    let silent = |id: &str, seconds| postrider_store::ReplicaRow {
        id: ReplicaId(id.into()),
        instance: cluster.instance(),
        address: String::new(),
        version: String::new(),
        heard: NOW - Duration::from_secs(seconds),
    };
    view.replicas =
        vec![silent("one", 7), silent("two", 4), silent("three", 6), silent("four", 22)];
    cluster.set(view);
    assert_eq!(cluster.recently_lost_replicas(), [NOW - Duration::from_secs(6)]);
    let commit_allowance = Duration::from_secs(10);
    assert_eq!(cluster.commit_deadline(), NOW - Duration::from_secs(7) + commit_allowance);
    cluster.mark_left();
    assert!(cluster.commit_deadline() < NOW - Duration::from_secs(3600));
}

#[test]
fn a_later_process_of_the_same_name_makes_the_earlier_one_lost() {
    let cluster = cluster();
    let seen = |incarnation, heard| postrider_store::AgentSighting {
        incarnation: [incarnation; 16],
        heard,
        ..fixtures::sighting("a")
    };
    let first =
        AgentIdentity { agent: postrider_domain::ids::AgentId("a".into()), incarnation: [1; 16] };
    let mut view = ClusterView::clone(&cluster.view());
    let look = |view: &mut ClusterView, seconds| {
        view.now = NOW + Duration::from_secs(seconds);
        cluster.record_view(view.clone(), NOW);
    };
    assert!(cluster.is_agent_alive(&first), "nothing is known of anybody");
    view.agents = vec![seen(1, NOW)];
    look(&mut view, 0);
    assert!(cluster.is_agent_alive(&first));
    view.agents.push(seen(2, NOW + Duration::from_millis(1)));
    look(&mut view, 1);
    assert!(!cluster.is_agent_alive(&first));
    view.agents.truncate(1);
    for second in 2..=5 {
        look(&mut view, second);
    }
    assert!(!cluster.is_agent_alive(&first), "nobody heard it for five seconds");
    look(&mut view, 20);
    assert!(cluster.is_agent_alive(&first), "nobody could hear it");
    for second in 21..=23 {
        look(&mut view, second);
    }
    assert!(cluster.is_agent_alive(&first), "news came as late as half a minute ago");
    for second in 24..=25 {
        look(&mut view, second);
    }
    assert!(!cluster.is_agent_alive(&first), "it could have said so for five seconds");
}

#[test]
fn of_two_processes_of_one_name_each_is_heard_until_it_was_silent_for_long_enough() {
    let cluster = cluster();
    let identity = |incarnation| AgentIdentity {
        agent: postrider_domain::ids::AgentId("a".into()),
        incarnation: [incarnation; 16],
    };
    let seen = |incarnation, second| postrider_store::AgentSighting {
        incarnation: [incarnation; 16],
        heard: NOW + Duration::from_secs(second),
        ..fixtures::sighting("a")
    };
    let mut view = ClusterView::clone(&cluster.view());
    for second in 0..=20 {
        view.now = NOW + Duration::from_secs(second);
        view.agents = vec![seen(1, second.min(10)), seen(2, second)];
        cluster.record_view(view.clone(), NOW);
        assert!(cluster.is_heard(&identity(2)));
        assert_eq!(cluster.is_heard(&identity(1)), second < 15, "{second}");
        assert!(!cluster.is_heard(&identity(3)), "nobody knows it");
    }
    view.now = NOW + Duration::from_secs(60);
    cluster.record_view(view, NOW);
    assert!(cluster.is_heard(&identity(2)), "nobody could hear it meanwhile");
    assert!(!cluster.is_heard(&identity(1)), "it was lost before");
}

#[test]
fn an_agent_that_the_table_does_not_know_yet_is_not_lost_while_nobody_listens() {
    let cluster = cluster();
    let new =
        AgentIdentity { agent: postrider_domain::ids::AgentId("new".into()), incarnation: [7; 16] };
    let mut view = ClusterView::clone(&cluster.view());
    for second in 0..=60 {
        view.now = NOW + Duration::from_secs(second);
        cluster.record_view(view.clone(), NOW);
    }
    assert!(!cluster.is_agent_alive(&new), "it had a minute");
    view.now = NOW + Duration::from_secs(75);
    cluster.record_view(view, NOW);
    assert!(cluster.is_agent_alive(&new), "this replica stood still for a quarter of it");
}

#[test]
fn a_shard_whose_owner_is_lost_or_late_is_nobodys() {
    let cluster = cluster();
    assert!(!cluster.has_unowned_shard(), "nothing is known of any");
    let mut view = ClusterView::clone(&cluster.view());
    let replica = |id: &str, seconds| postrider_store::ReplicaRow {
        id: ReplicaId(id.into()),
        instance: cluster.instance(),
        address: String::new(),
        version: String::new(),
        heard: NOW - Duration::from_secs(seconds),
    };
    let owned = |owner: Option<&str>, lease_until| postrider_store::ShardRow {
        shard: Shard(0),
        epoch: Epoch(1),
        owner: owner.map(|id| ReplicaId(id.into())),
        lease_until,
    };
    let later = NOW + Duration::from_secs(1);
    view.replicas = vec![replica("two", 4), replica("three", 5)];
    for (owner, lease_until, unowned) in [
        (Some("one"), NOW, false),
        (Some("two"), later, false),
        (Some("two"), NOW, true),
        (Some("three"), later, true),
        (Some("four"), later, true),
        (None, later, true),
    ] {
        view.shards = vec![owned(Some("two"), later), owned(owner, lease_until)];
        cluster.set(view.clone());
        assert_eq!(cluster.has_unowned_shard(), unowned, "{owner:?}");
    }
}
