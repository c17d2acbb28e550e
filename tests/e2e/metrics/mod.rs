//! What running programs count, as Prometheus and an OTLP collector see it.
//!
//! Fed by clusters under a little load; feeds `tests/run`. Guarantees that `docs/metrics.md`
//! lists what is exported and nothing else, that both ways have the same, and that every
//! expression of the dashboard and of the alerts finds something in a real Prometheus.

mod collector;
mod documented;
mod exported;
mod prometheus;

use postrider_proto::v1::Subscription;
use postrider_tests::cluster::{Cluster, Description};
use postrider_tests::ports::free_port;

use crate::stage::Stage;

/// A cluster whose only agent is measured too, and where that one is asked.
async fn measured(description: Description) -> (Cluster, String) {
    let agent = format!("127.0.0.1:{}", free_port().unwrap());
    let listen = ["--metrics-listen".to_owned(), agent.clone()];
    let description = Description { agent_arguments: listen.to_vec(), ..description };
    let cluster = Cluster::start(&description).await.unwrap();
    (cluster, agent)
}

/// Subscribes a receiver by its name, so that names are looked up.
async fn subscribe_by_name(stage: &Stage, path: &str) -> Subscription {
    let wanted = stage.wanted(path);
    let url = wanted.url.replace("127.0.0.1", "localhost");
    stage.create(Subscription { url, ..wanted }).await
}
