//! The agent's side of the work stream: credit, fences, results, draining.

mod support;

use std::time::{Duration, Instant};

use postrider_proto::agent::v1::work_request::Message as AgentMessage;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{self as wire, Fact, ReturnReason};
use support::control_plane::{ReplicaStream, ScriptedReplica};
use support::receiver::{ReceiverBehaviour, TestReceiver};
use support::{TEST_TIMEOUT, assignment, config, connected, key, start, subscription};
use tokio::time::timeout;

/// Four heartbeats, asked for every 200 ms, come within this on a busy machine. The silence
/// that is allowed is 60 s.
const PROOF_LIMIT: Duration = Duration::from_secs(8);

async fn ready(stream: &ReplicaStream, receiver: &TestReceiver) {
    let update = subscription(&receiver.url(), 1);
    stream.send(ReplicaMessage::SubscriptionUpdate(update)).await;
}

/// Waits for credit of at least `count`.
async fn credit(stream: &mut ReplicaStream, count: u64) {
    while stream.credit.assignments < count {
        if let Some(AgentMessage::Credit(credit)) = stream.receive().await {
            stream.credit = credit;
        }
    }
}

#[tokio::test]
async fn unacknowledged_results_stop_the_posts() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[&receiver]);
    config.max_in_flight = 8;
    let _agent = start(config);
    let mut stream = replica.welcome_stream().await;
    ready(&stream, &receiver).await;
    let heartbeat = wire::ReplicaHeartbeat { backlog: 100, wall_clock_us: 0 };
    stream.send(ReplicaMessage::Heartbeat(heartbeat)).await;
    let mut assigned = 0;
    let mut results = Vec::new();
    while results.len() < 8 {
        while u64::from(assigned) < stream.credit.assignments {
            assigned += 1;
            stream.assign(vec![assignment(assigned)]).await;
        }
        match stream.receive().await.unwrap() {
            AgentMessage::Credit(credit) => stream.credit = credit,
            AgentMessage::Results(more) => results.extend(more.results),
            _ => {}
        }
    }
    stream.assert_silent_for(Duration::from_millis(500)).await;
    assert_eq!(stream.credit.assignments, 8, "nothing was acknowledged");
    stream.acknowledge((1..=8).map(key).collect()).await;
    credit(&mut stream, 9).await;
}

#[tokio::test]
async fn a_hello_numbers_its_stream_and_names_those_that_are_still_wanted() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let mut replicas =
        [ScriptedReplica::start("replica-1").await, ScriptedReplica::start("replica-2").await];
    let [one, other] = &mut replicas;
    let _agent = start(config(&[&*one, &*other], &[&receiver]));
    let (first, hello) = one.accept_stream().await;
    first.welcome(Duration::from_secs(60)).await;
    let (second, other_hello) = other.accept_stream().await;
    second.welcome(Duration::from_secs(60)).await;
    assert_ne!(hello.stream, other_hello.stream);
    // What a replica ends is given up before the next Hello to it is written.
    drop(first);
    let (_third, again) = one.accept_stream().await;
    assert!(again.stream > hello.stream && again.stream > other_hello.stream);
    assert_eq!(again.open_streams, [other_hello.stream]);
}

#[tokio::test]
async fn more_than_the_credit_is_returned() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Hang).await;
    let (_agent, _replica, mut stream) = connected(&receiver).await;
    ready(&stream, &receiver).await;
    stream.assign((1..=600).map(assignment).collect()).await;
    let returned = stream.returned().await;
    assert_eq!(returned.reason(), ReturnReason::NoCredit);
    assert!(returned.keys.len() >= 600 - 512);
}

#[tokio::test]
async fn an_assignment_ahead_of_its_settings_is_returned() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (_agent, _replica, mut stream) = connected(&receiver).await;
    stream.assign(vec![assignment(1)]).await;
    let returned = stream.returned().await;
    assert_eq!(returned.reason(), ReturnReason::UnknownSubscription);
    assert_eq!(returned.keys, [key(1)]);
    ready(&stream, &receiver).await;
    assert_eq!(stream.attempt(assignment(1)).await.fact(), Fact::Response);
}

#[tokio::test]
async fn the_newest_settings_are_used_from_whichever_stream_they_came() {
    let (old, new) = (
        TestReceiver::start(ReceiverBehaviour::Answer(200)).await,
        TestReceiver::start(ReceiverBehaviour::Answer(200)).await,
    );
    let mut first = ScriptedReplica::start("replica-1").await;
    let mut second = ScriptedReplica::start("replica-2").await;
    let _agent = start(config(&[&first, &second], &[&old, &new]));
    let (mut one, mut two) = (first.welcome_stream().await, second.welcome_stream().await);
    ready(&one, &old).await;
    two.send(ReplicaMessage::SubscriptionUpdate(subscription(&new.url(), 2))).await;
    // Both answers together say that both updates were heard.
    for stream in [&mut one, &mut two] {
        stream.send(ReplicaMessage::TakeOver(wire::TakeOver { shard: 99, epoch: 1 })).await;
        assert!(matches!(stream.next_work_message().await, AgentMessage::Inventory(_)));
    }
    one.attempt(assignment(1)).await;
    assert_eq!(new.take_requests().len(), 1);
    assert!(old.take_requests().is_empty());
}

#[tokio::test]
async fn a_take_over_fences_the_shard() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Hang).await;
    let (_agent, _replica, mut stream) = connected(&receiver).await;
    ready(&stream, &receiver).await;
    stream.assign(vec![assignment(1)]).await;
    stream.send(ReplicaMessage::TakeOver(wire::TakeOver { shard: 3, epoch: 6 })).await;
    let AgentMessage::Inventory(inventory) = stream.next_work_message().await else {
        panic!("no inventory");
    };
    assert_eq!((inventory.shard, inventory.epoch), (3, 6));
    assert_eq!(inventory.in_flight, [key(1)]);
    stream.assign(vec![assignment(2)]).await;
    let returned = stream.returned().await;
    assert_eq!(returned.reason(), ReturnReason::StaleEpoch);
    let result = stream.collect(1).await.remove(0);
    assert_eq!(result.fact(), Fact::Timeout, "what was in flight goes on");
}

#[tokio::test]
async fn what_is_held_is_not_made_again() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (_agent, _replica, mut stream) = connected(&receiver).await;
    ready(&stream, &receiver).await;
    stream.assign(vec![assignment(1), assignment(1)]).await;
    stream.collect(1).await;
    stream.assign(vec![assignment(1)]).await;
    stream.assert_silent_for(Duration::from_millis(500)).await;
    assert_eq!(receiver.take_requests().len(), 1);
}

#[tokio::test]
async fn results_are_told_again_on_the_next_stream() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (_agent, mut replica, mut stream) = connected(&receiver).await;
    ready(&stream, &receiver).await;
    stream.assign(vec![assignment(1)]).await;
    let first = stream.collect(1).await.remove(0);
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    let (mut stream, hello) = replica.accept_stream().await;
    assert_eq!(hello.unacknowledged, [key(1)]);
    assert!(hello.in_flight.is_empty());
    stream.welcome(Duration::from_secs(60)).await;
    let again = stream.collect(1).await.remove(0);
    let age =
        |result: &wire::AttemptResult| Duration::try_from(*result.age.as_ref().unwrap()).unwrap();
    assert!(age(&again) >= age(&first) + Duration::from_millis(100));
    stream.acknowledge(vec![key(1)]).await;
    stream.assert_silent_for(Duration::from_millis(300)).await;
    assert_eq!(receiver.take_requests().len(), 1);
}

#[tokio::test]
async fn a_silent_replica_s_results_go_to_another() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let mut first = ScriptedReplica::start("replica-1").await;
    let mut second = ScriptedReplica::start("replica-2").await;
    let _agent = start(config(&[&first, &second], &[&receiver]));
    let (mut one, mut two) = (first.welcome_stream().await, second.welcome_stream().await);
    ready(&one, &receiver).await;
    one.assign(vec![assignment(1)]).await;
    let began = Instant::now();
    one.collect(1).await;
    let copy = two.collect(1).await.remove(0);
    assert_eq!(copy.key, Some(key(1)));
    assert!(began.elapsed() >= Duration::from_millis(1_900));
    two.acknowledge(vec![key(1)]).await;
    one.assert_silent_for(Duration::from_millis(500)).await;
}

#[tokio::test]
async fn a_silent_stream_is_given_up() {
    let mut replica = ScriptedReplica::start("replica-1").await;
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let _agent = start(config(&[&replica], &[&receiver]));
    let (stream, _) = replica.accept_stream().await;
    stream.welcome(Duration::from_millis(400)).await;
    let (_stream, hello) = replica.accept_stream().await;
    assert_eq!(hello.agent_id, "agent-1");
}

#[tokio::test]
async fn the_agent_gives_proof_of_life() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (_agent, _replica, mut stream) = connected(&receiver).await;
    let began = Instant::now();
    let mut beats = 0;
    while beats < 4 {
        if let Some(AgentMessage::Heartbeat(beat)) = stream.receive().await {
            assert!(beat.wall_clock_us > 1_600_000_000_000_000);
            beats += 1;
        }
    }
    assert!(began.elapsed() < PROOF_LIMIT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_replica_has_one_stream_however_many_its_addresses() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let mut one = ScriptedReplica::start("the same").await;
    let mut other = ScriptedReplica::start("the same").await;
    let _agent = start(config(&[&one, &other], &[&receiver]));
    let (mut first, _) = one.accept_stream().await;
    let (mut second, _) = other.accept_stream().await;
    first.welcome(Duration::from_secs(60)).await;
    assert!(matches!(
        first.receive().await,
        Some(AgentMessage::Credit(_) | AgentMessage::Heartbeat(_))
    ));
    second.welcome(Duration::from_secs(60)).await;
    assert!(second.receive().await.is_none());
}

#[tokio::test]
async fn draining_ends_what_is_held_and_takes_nothing() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Drip).await;
    let (agent, _replica, mut stream) = connected(&receiver).await;
    ready(&stream, &receiver).await;
    stream.assign(vec![assignment(1)]).await;
    receiver.wait_for(1).await;
    agent.shutdown.cancel();
    assert!(matches!(stream.next_work_message().await, AgentMessage::Draining(_)));
    stream.assign(vec![assignment(2)]).await;
    assert_eq!(stream.returned().await.reason(), ReturnReason::Draining);
    let result = stream.collect(1).await.remove(0);
    assert_eq!(result.key, Some(key(1)));
    assert!(!agent.ended.is_finished(), "the result is not acknowledged");
    stream.acknowledge(vec![key(1)]).await;
    while stream.receive().await.is_some() {}
    drop(stream);
    timeout(TEST_TIMEOUT, agent.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_replica_can_ask_the_agent_to_stop() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (agent, _replica, mut stream) = connected(&receiver).await;
    stream.send(ReplicaMessage::Drain(wire::Drain {})).await;
    assert!(matches!(stream.next_work_message().await, AgentMessage::Draining(_)));
    while stream.receive().await.is_some() {}
    drop(stream);
    timeout(TEST_TIMEOUT, agent.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_agent_that_cannot_finish_says_so() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[&receiver]);
    config.drain_timeout = Duration::from_millis(800);
    let agent = start(config);
    let mut stream = replica.welcome_stream().await;
    ready(&stream, &receiver).await;
    stream.assign(vec![assignment(1)]).await;
    stream.collect(1).await;
    agent.shutdown.cancel();
    assert!(timeout(TEST_TIMEOUT, agent.ended).await.unwrap().unwrap().is_err());
}
