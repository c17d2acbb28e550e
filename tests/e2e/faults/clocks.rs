//! Wall clocks that somebody sets, by hours, while everything runs: those of the
//! control plane, of an agent and of the database. Needs Debian's libfaketime.

use std::time::{Duration, Instant, UNIX_EPOCH};

use postrider_proto::v1::{
    AgentState, DeliveryState, Event, ListAgentsRequest, Ordering, Subscription,
};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::fake_time::FakeTime;
use postrider_tests::postgres::Server;
use postrider_tests::publish::event;
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{self, Gate, ok, status};
use postrider_tests::wait;
use tokio::time::sleep;

use super::{
    HEALTH_REPORT_LIMIT, SMALL_PAYLOAD, TestEndpoint, assert_alive, small_on, wait_until_ready,
};
use crate::stage::SOON_LIMIT;

const CLOCK_SHIFT_SECONDS: i64 = 3 * 3600;
/// Less than a delivery's last hour, after which it would be over.
const HALF_HOUR_SECONDS: i64 = 1800;
/// A minute until a clock counts as set, a start, and a busy machine.
const SET_FOR_GOOD: Duration = Duration::from_secs(120);
/// The time after which an agent counts as lost, a retry, and a busy machine.
const LOST_AND_SENT: Duration = Duration::from_secs(60);
/// Long enough for sweeps and heartbeats to show what they make of a clock.
const SHORT_TIME: Duration = Duration::from_secs(3);

/// Somebody sets the clock that the control plane goes by, forwards and back:
/// nothing expires, nothing stops, and readiness tells until it is right again.
async fn turn_and_return(api: &Api, receiver: &Receiver, time: &FakeTime) {
    let mut waiting = TestEndpoint::create(api, receiver, "waiting", 0).await;
    receiver.script(&waiting.path, [status(http::StatusCode::SERVICE_UNAVAILABLE)]);
    waiting.publish(api, 5).await;
    receiver.wait_for_at(&waiting.path, 5, SOON_LIMIT).await.unwrap();
    let mut flowing = TestEndpoint::create(api, receiver, "flowing", 0).await;
    for hours in [CLOCK_SHIFT_SECONDS, -CLOCK_SHIFT_SECONDS] {
        time.turn(hours).unwrap();
        println!("noticed after {:?}", wait_until_ready(api, false, HEALTH_REPORT_LIMIT).await);
        flowing.publish(api, 5).await;
        flowing.delivered(api, receiver).await;
        sleep(SHORT_TIME).await;
        assert_alive(api).await;
        let left = api.clone().all_deliveries(&waiting.tenant, "").await.unwrap();
        let open = |state| matches!(state, DeliveryState::Waiting | DeliveryState::InFlight);
        assert!(left.iter().all(|delivery| open(delivery.state())), "{left:#?}");
        time.turn(0).unwrap();
        println!("back after {:?}", wait_until_ready(api, true, HEALTH_REPORT_LIMIT).await);
    }
    receiver.script(&waiting.path, [ok()]);
    waiting.delivered(api, receiver).await;
    flowing.publish(api, 5).await;
    flowing.delivered(api, receiver).await;
}

/// Somebody sets all clocks for good, forwards or back: the control plane restarts
/// by them, by itself, what agents hold is sent once all the same, and everything goes
/// on. What waits when they are set back is due as much later.
async fn turn_for_good(cluster: &mut Cluster, receiver: &Receiver, time: &FakeTime, turns: &[i64]) {
    let api = cluster.api().unwrap();
    let mut flowing = TestEndpoint::create(&api, receiver, "set", 0).await;
    let mut held = TestEndpoint::create(&api, receiver, "held", 0).await;
    for &seconds in turns {
        let gate = Gate::closed();
        receiver.script(&held.path, [behaviour::held(&gate)]);
        held.publish(&api, 3).await;
        receiver.wait_for_at(&held.path, held.events.len(), SOON_LIMIT).await.unwrap();
        time.turn(seconds).unwrap();
        println!("noticed after {:?}", wait_until_ready(&api, false, HEALTH_REPORT_LIMIT).await);
        gate.open();
        if seconds > 0 {
            flowing.publish(&api, 5).await;
        }
        println!("ready after {:?}", wait_until_ready(&api, true, SET_FOR_GOOD).await);
        assert_alive(&api).await;
        cluster.wait_for_agents().await.unwrap();
        flowing.publish(&api, 5).await;
        for payee in [&held, &flowing] {
            payee.assert_delivered_once(&api, receiver).await;
        }
    }
}

/// A PostgreSQL that goes by this clock; with SQLite there is none.
async fn server_by(time: &FakeTime, engine: Engine) -> Option<Server> {
    match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(Server::start_with(None, time.environment()).await.unwrap()),
    }
}

async fn everything_goes_by_clocks_that_are_set_for_good(engine: Engine) {
    let time = FakeTime::create().unwrap();
    let server = server_by(&time, engine).await;
    let rest = Description { environment: time.environment(), ..Description::default() };
    let mut cluster = small_on(server.as_ref(), rest).await;
    let receiver = cluster.receiver().await.unwrap();
    let turns: &[i64] = match engine {
        Engine::Sqlite => &[HALF_HOUR_SECONDS, 0],
        Engine::Postgres => &[HALF_HOUR_SECONDS],
    };
    turn_for_good(&mut cluster, &receiver, &time, turns).await;
    drop(cluster);
}

async fn nothing_ends_by_a_clock_that_is_set_for_a_while(engine: Engine) {
    let time = FakeTime::create().unwrap();
    let server = server_by(&time, engine).await;
    // The control plane goes by its database's clock, where that has one.
    let replica_environment = match engine {
        Engine::Sqlite => time.environment(),
        Engine::Postgres => Vec::new(),
    };
    let rest = Description { replica_environment, ..Description::default() };
    let cluster = small_on(server.as_ref(), rest).await;
    let receiver = cluster.receiver().await.unwrap();
    turn_and_return(&cluster.api().unwrap(), &receiver, &time).await;
    drop(cluster);
}

on_both_engines!(
    everything_goes_by_clocks_that_are_set_for_good,
    nothing_ends_by_a_clock_that_is_set_for_a_while,
);

/// The database's clock is ten minutes ahead for a while, in which the only agent dies:
/// what it had in flight is somebody else's once it counts as lost, and not ten minutes
/// later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_lost_in_time_while_the_clock_is_ahead_on_postgres() {
    const TEN_MINUTES_SECONDS: i64 = 600;
    let time = FakeTime::create().unwrap();
    let server = Server::start_with(None, time.environment()).await.unwrap();
    let mut cluster = small_on(Some(&server), Description::default()).await;
    let api = cluster.api().unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut payee = TestEndpoint::create(&api, &receiver, "lost", 0).await;
    let gate = Gate::closed();
    receiver.script(&payee.path, [behaviour::held(&gate)]);
    payee.publish(&api, 3).await;
    receiver.wait_for_at(&payee.path, 3, SOON_LIMIT).await.unwrap();
    time.turn(TEN_MINUTES_SECONDS).unwrap();
    wait_until_ready(&api, false, HEALTH_REPORT_LIMIT).await;
    sleep(SHORT_TIME).await;
    cluster.agents[0].kill().await.unwrap();
    time.turn(0).unwrap();
    wait_until_ready(&api, true, HEALTH_REPORT_LIMIT).await;
    receiver.script(&payee.path, [ok()]);
    gate.open();
    let begun = Instant::now();
    cluster.agents[0].start_again().unwrap();
    receiver.wait_for_at(&payee.path, 6, LOST_AND_SENT).await.unwrap();
    payee.delivered(&api, &receiver).await;
    println!("delivered after {:?}", begun.elapsed());
    drop(cluster);
}

/// Waits until the only agent is shown as one whose clock is off by this much.
async fn wait_for_skew(api: &Api, seconds: i64) {
    wait::until(&format!("an agent {seconds} s ahead"), SOON_LIMIT, || async {
        let agents = api.clone().fleet.list_agents(ListAgentsRequest::default()).await;
        let agents = agents.map_err(|status| status.to_string())?.into_inner().agents;
        let agent = agents.into_iter().next().ok_or("no agent")?;
        let seen = (agent.state(), agent.clock_skew.unwrap_or_default().seconds);
        wait::when(seen, |(state, skew)| {
            *state == AgentState::ClockSkewed && (skew - seconds).abs() < 30
        })
    })
    .await
    .unwrap();
}

/// A small cluster whose agent goes by this clock, and has sent what it was given.
async fn agent_by(time: &FakeTime, name: &str) -> (Cluster, Receiver, TestEndpoint) {
    let agent_environment = time.environment();
    let rest = Description { agent_environment, ..Description::default() };
    let cluster = Cluster::start(&rest).await.unwrap();
    let api = cluster.api().unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut payee = TestEndpoint::create(&api, &receiver, name, 0).await;
    payee.publish(&api, 2).await;
    payee.assert_delivered_once(&api, &receiver).await;
    (cluster, receiver, payee)
}

/// An agent that signs by a wrong clock gets no work, from its first moment on,
/// and all of it when the clock is right again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_whose_clock_is_wrong_gets_no_work() {
    let time = FakeTime::create().unwrap();
    let (mut cluster, receiver, mut payee) = agent_by(&time, "skewed").await;
    let api = cluster.api().unwrap();
    for hours in [CLOCK_SHIFT_SECONDS, -CLOCK_SHIFT_SECONDS] {
        time.turn(hours).unwrap();
        wait_for_skew(&api, hours).await;
        let posts = receiver.received();
        payee.publish(&api, 5).await;
        cluster.agents[0].kill().await.unwrap();
        cluster.agents[0].start_again().unwrap();
        wait_for_skew(&api, hours).await;
        sleep(SHORT_TIME).await;
        assert_eq!(receiver.received(), posts, "it was given work");
        assert_alive(&api).await;
        wait_until_ready(&api, true, HEALTH_REPORT_LIMIT).await; // the control plane is well
        time.turn(0).unwrap();
        payee.assert_delivered_once(&api, &receiver).await;
    }
}

/// All clocks are set back while something waits that is due, and the control plane is
/// started again: it is due by the time that it is now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_stays_due_when_clocks_are_set_back_across_a_start() {
    const TWO_MINUTES_SECONDS: i64 = 120;
    let time = FakeTime::create().unwrap();
    let mut cluster =
        Cluster::start(&Description { environment: time.environment(), ..Description::default() })
            .await
            .unwrap();
    let api = cluster.api().unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut payee = TestEndpoint::create(&api, &receiver, "back", 0).await;
    let mut ordered = TestEndpoint::create(&api, &receiver, "ordered", 0).await;
    let changed = Subscription {
        name: ordered.subscription.clone(),
        ordering: Ordering::PerKey.into(),
        ..Subscription::default()
    };
    api.update(changed, &["ordering"]).await.unwrap();
    payee.publish(&api, 3).await;
    payee.assert_delivered_once(&api, &receiver).await;

    cluster.agents[0].kill().await.unwrap();
    payee.publish(&api, 3).await;
    for _ in 0..3 {
        let event =
            Event { ordering_key: "key".to_owned(), ..event("payment.completed", SMALL_PAYLOAD) };
        let event = ordered.try_event(&api, event, "", SOON_LIMIT).await.unwrap();
        ordered.events.push(event);
    }
    time.turn(-TWO_MINUTES_SECONDS).unwrap();
    cluster.replicas[0].kill().await.unwrap();
    cluster.replicas[0].start_again().await.unwrap();
    cluster.agents[0].start_again().unwrap();
    wait_until_ready(&api, true, SET_FOR_GOOD).await;
    let begun = Instant::now();
    for payee in [&payee, &ordered] {
        let delivered = payee.delivered(&api, &receiver).await;
        assert!(delivered.iter().all(|(delivery, attempts)| {
            let end = delivery.end_time.map(|end| (end.seconds, end.nanos));
            let made = delivery.create_time.map(|made| (made.seconds, made.nanos));
            made <= end && !attempts.is_empty()
        }));
    }
    // It would have stood still for as long as the step.
    println!("delivered after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(60));
}

/// Until the control plane stops giving it work, an agent whose clock is set signs by the
/// time before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_signs_by_the_time_before_its_clock_was_set() {
    let time = FakeTime::create().unwrap();
    let (cluster, receiver, mut payee) = agent_by(&time, "signed").await;
    let api = cluster.api().unwrap();
    for hours in [CLOCK_SHIFT_SECONDS, -CLOCK_SHIFT_SECONDS] {
        for number in 0..40 {
            if number == 10 {
                time.turn(hours).unwrap();
            }
            payee.publish(&api, 2).await;
        }
        wait_for_skew(&api, hours).await;
        time.turn(0).unwrap();
        payee.delivered(&api, &receiver).await;
    }
    for request in receiver.requests_to(&payee.path) {
        let signed: u64 = request.header("webhook-timestamp").parse().unwrap();
        let came = request.wall.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(came.abs_diff(signed) < 60, "signed {signed} and came {came}");
    }
}
