//! Looking up receivers' names, through a real agent and a scripted name server.

mod support;

use postrider_agent::LookupBackend;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{Assignment, AttemptKey, Fact, SubscriptionUpdate};
use support::control_plane::ScriptedReplica;
use support::name_server::{DnsReply, NameServer};
use support::receiver::{RECEIVER_HOST_NAME, ReceiverBehaviour, TestReceiver};
use support::{RunningTestAgent, assignment, config, key, start, subscription};

/// An agent that asks `names`.
async fn asking(
    names: &NameServer,
    receiver: &TestReceiver,
) -> (RunningTestAgent, ScriptedReplica) {
    let replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[receiver]);
    config.lookup_backend = LookupBackend::name_servers(vec![names.address]);
    (start(config), replica)
}

fn of(tenant: &str, subscription: &str, url: &str) -> SubscriptionUpdate {
    let (tenant, subscription) = (tenant.to_owned(), subscription.to_owned());
    SubscriptionUpdate { tenant, subscription, ..support::subscription(url, 1) }
}

fn for_one(tenant: &str, subscription: &str, number: u32) -> Assignment {
    let (tenant, subscription) = (tenant.to_owned(), subscription.to_owned());
    let delivery_id = number.to_be_bytes().repeat(4).into();
    let key = Some(AttemptKey { delivery_id, ..key(1) });
    Assignment { key, tenant, subscription, ..assignment(number) }
}

/// Forty-five of them, at a deadline of half a second, once stopped every look-up of
/// an agent.
#[tokio::test]
async fn a_neighbour_of_names_that_never_answer_is_delivered_before_any_of_them_fails() {
    const SLOW_NAME_COUNT: u32 = 50;
    let names = NameServer::start().await;
    names.reply("slow.example", DnsReply::Silence);
    names.point(RECEIVER_HOST_NAME, "127.0.0.1");
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (_agent, mut replica) = asking(&names, &receiver).await;
    let mut stream = replica.welcome_stream().await;
    let port = receiver.address.port();
    let well = of("well", "orders", &format!("https://{RECEIVER_HOST_NAME}:{port}/"));
    stream.send(ReplicaMessage::SubscriptionUpdate(well)).await;
    for number in 1..=SLOW_NAME_COUNT {
        let subscription = format!("s{number}");
        let url = format!("https://n{number}.slow.example:{port}/");
        stream.send(ReplicaMessage::SubscriptionUpdate(of("slow", &subscription, &url))).await;
    }
    let slow = (1..=SLOW_NAME_COUNT).map(|number| for_one("slow", &format!("s{number}"), number));
    stream.assign(slow.collect()).await;
    stream.assign(vec![for_one("well", "orders", SLOW_NAME_COUNT + 1)]).await;
    let results = stream.collect(1 + SLOW_NAME_COUNT as usize).await;
    assert_eq!(results[0].tenant, "well");
    assert_eq!(results[0].fact(), Fact::Response);
    assert!(results[1..].iter().all(|item| matches!(item.fact(), Fact::Timeout | Fact::DnsFailed)));
    assert_eq!(receiver.take_requests().len(), 1);
}

#[tokio::test]
async fn a_name_may_end_with_a_dot() {
    let names = NameServer::start().await;
    names.point(RECEIVER_HOST_NAME, "127.0.0.1");
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (_agent, mut replica) = asking(&names, &receiver).await;
    let mut stream = replica.welcome_stream().await;
    let url = format!("https://{RECEIVER_HOST_NAME}.:{}/", receiver.address.port());
    stream.send(ReplicaMessage::SubscriptionUpdate(subscription(&url, 1))).await;
    let result = stream.attempt(assignment(1)).await;
    assert_eq!(result.fact(), Fact::Response, "{}", result.error);
}

#[tokio::test]
async fn what_name_servers_fail_at_is_told() {
    let names = NameServer::start().await;
    names.reply("failing.example", DnsReply::Failure);
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (_agent, mut replica) = asking(&names, &receiver).await;
    let mut stream = replica.welcome_stream().await;
    for (host, words) in
        [("failing.example", "Server Failure"), ("missing.example", "the name does not exist")]
    {
        let update = of("acme", host, &format!("https://{host}/"));
        stream.send(ReplicaMessage::SubscriptionUpdate(update)).await;
        let result = stream.attempt(for_one("acme", host, 1)).await;
        assert_eq!(result.fact(), Fact::DnsFailed);
        assert!(result.error.contains(words), "{}", result.error);
        assert!(result.error.contains(host), "{}", result.error);
    }
}
