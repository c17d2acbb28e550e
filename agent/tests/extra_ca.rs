//! Roots of receivers in files that change while the agent runs.

mod support;

use std::time::Duration;

use postrider_proto::agent::v1::Fact;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use support::control_plane::ScriptedReplica;
use support::receiver::{ReceiverBehaviour, TestReceiver};
use support::{assignment, config, start, subscription};
use tokio::time::{Instant, sleep};

/// Files are read every 2 s.
const RELOAD_LIMIT: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_root_that_is_added_to_a_file_is_trusted_without_a_restart() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let other = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.pem");
    std::fs::write(&bundle, &other.ca_pem).unwrap();
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[]);
    config.extra_ca_files = vec![bundle.clone()];
    let _agent = start(config);
    let mut stream = replica.welcome_stream().await;
    let update = subscription(&receiver.url(), 1);
    stream.send(ReplicaMessage::SubscriptionUpdate(update)).await;
    assert_eq!(stream.attempt(assignment(1)).await.fact(), Fact::TlsFailed);

    std::fs::write(&bundle, [other.ca_pem, receiver.ca_pem.clone()].concat()).unwrap();
    let begun = Instant::now();
    let mut number = 2;
    while stream.attempt(assignment(number)).await.fact() != Fact::Response {
        assert!(begun.elapsed() < RELOAD_LIMIT, "the file is not read again");
        number += 1;
        sleep(Duration::from_millis(100)).await;
    }
}
