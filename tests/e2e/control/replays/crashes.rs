//! Replays whose replica dies in the middle.
//!
//! Fed by clusters on each engine. Guarantees that a replay makes each
//! delivery exactly once all the same.

use std::collections::BTreeMap;

use postrider_proto::v1::ReplayDeliveriesRequest;
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::receiver::behaviour::ok;
use postrider_tests::wait;

use super::{REPLAY_LIMIT, all, exhausted, get, made_of, replay, replayed};
use crate::replicas::two_replicas;
use crate::stage::Stage;

const CRASH_EVENTS: usize = 300;
const CRASH_RATE: u32 = 60;
const TAKEN_TENANTS: usize = 4;
const TAKEN_EVENTS: usize = 40;

/// `kill -9` in the middle of a replay: when it is over, each delivery was sent
/// again exactly once, and all of them arrived.
async fn a_replay_goes_on_after_kills(engine: Engine) {
    let mut cluster = Cluster::small(engine).await.unwrap();
    let stage = Stage::set(&cluster, "replay-killed").await;
    exhausted(&stage, "/hook", CRASH_EVENTS).await;
    stage.receiver.script("/hook", [ok()]);
    let asked = ReplayDeliveriesRequest { max_deliveries_per_second: CRASH_RATE, ..all(&stage) };
    let begun = replay(&stage, asked).await.unwrap();
    for third in 1..=2 {
        let seen = CRASH_EVENTS + third * CRASH_EVENTS / 4;
        stage.receiver.wait_for_at("/hook", seen, REPLAY_LIMIT).await.unwrap();
        assert!(!get(&stage, &begun.name).await.done);
        cluster.replicas[0].kill().await.unwrap();
        cluster.replicas[0].start_again().await.unwrap();
    }
    let ended = wait::until("the replay's end", REPLAY_LIMIT, || async {
        wait::when(get(&stage, &begun.name).await, |operation| operation.done)
    });
    let response = replayed(&ended.await.unwrap());
    let total = i64::try_from(CRASH_EVENTS).unwrap();
    assert_eq!((response.examined_count, response.delivery_count), (total, total));
    let filter = "state = SUCCEEDED";
    let succeeded =
        stage.api.wait_for_deliveries(&stage.tenant, filter, CRASH_EVENTS, REPLAY_LIMIT).await;
    assert_eq!(made_of(&stage).await.len(), CRASH_EVENTS);
    let mut of_event: BTreeMap<String, usize> = BTreeMap::new();
    for delivery in succeeded.unwrap() {
        *of_event.entry(delivery.event).or_default() += 1;
    }
    assert_eq!(of_event.len(), CRASH_EVENTS);
    assert_eq!(stage.count("").await, 2 * CRASH_EVENTS);
}

/// One of two replicas dies for good: what it carried out, the other goes on with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_taken_over_on_postgres() {
    let mut cluster = two_replicas().await;
    let survivor = cluster.api_of(1).unwrap();
    // Of so many tenants each replica owns some.
    let mut begun = Vec::new();
    for number in 0..TAKEN_TENANTS {
        let mut stage = Stage::set(&cluster, &format!("replay-taken-{number}")).await;
        stage.api = survivor.clone();
        exhausted(&stage, "/hook", TAKEN_EVENTS).await;
        stage.receiver.script("/hook", [ok()]);
        let asked = ReplayDeliveriesRequest { max_deliveries_per_second: 5, ..all(&stage) };
        begun.push((replay(&stage, asked).await.unwrap(), stage));
    }
    for (_, stage) in &begun {
        stage.receiver.wait_for_at("/hook", TAKEN_EVENTS + 3, REPLAY_LIMIT).await.unwrap();
    }
    cluster.replicas[0].kill().await.unwrap();
    for (operation, stage) in &begun {
        let ended = wait::until("the replay's end", REPLAY_LIMIT, || async {
            wait::when(get(stage, &operation.name).await, |operation| operation.done)
        });
        let made = replayed(&ended.await.unwrap()).delivery_count;
        assert_eq!(usize::try_from(made).unwrap(), TAKEN_EVENTS);
        let filter = "state = SUCCEEDED";
        let arrived =
            stage.api.wait_for_deliveries(&stage.tenant, filter, TAKEN_EVENTS, REPLAY_LIMIT);
        arrived.await.unwrap();
        assert_eq!(made_of(stage).await.len(), TAKEN_EVENTS);
    }
}

on_both_engines!(a_replay_goes_on_after_kills);
