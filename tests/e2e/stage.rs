//! The setup that a scenario uses.
//!
//! Fed by a cluster that several scenarios share; gives each a tenant and a receiver of
//! its own, so that none sees another's events. Guarantees that all scenarios of a test
//! run to their end, and that those that failed are named.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use futures::FutureExt;
use futures::future::join_all;
use postrider_proto::v1::retry_policy::Timetable;
use postrider_proto::v1::{Attempt, Delivery, DeliveryState, LinearBackoff, RetryPolicy};
use postrider_proto::v1::{Event, Subscription};
use postrider_tests::agent::{Agent, Plan};
use postrider_tests::api::Api;
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::{event, fixed_delays, subscription};
use postrider_tests::receiver::Receiver;
use postrider_tests::wait;
use prost_types::Timestamp;

/// Long enough for anything that is not stuck, on a busy machine.
pub const SOON_LIMIT: Duration = Duration::from_secs(20);
/// How long something that must not happen is watched for.
pub const SETTLE_WAIT: Duration = Duration::from_millis(700);
/// A retry's delay where something is done before it is due: long enough for a machine
/// that runs forty scenarios at once.
pub const UNHURRIED_RETRY_MILLISECONDS: u64 = 3000;
/// A retry's delay where none must come before the scenario is over.
pub const NO_RETRY_MILLISECONDS: u64 = 3_600_000;
pub const DEFAULT_PAYLOAD: &str = r#"{"amount": "10.00", "currency": "SEK"}"#;
pub const DEFAULT_REGION: &str = "regions/eu";

/// A scenario and its name.
pub type Scenario<'a> = (&'static str, Pin<Box<dyn Future<Output = ()> + 'a>>);

/// Plays scenarios beside one another; fails with the names of those that did.
pub async fn play(scenarios: Vec<Scenario<'_>>) {
    let played = scenarios.into_iter().map(|(name, scenario)| async move {
        let begun = Instant::now();
        let failed = AssertUnwindSafe(scenario).catch_unwind().await.is_err();
        let ended = if failed { "FAILED" } else { "ok" };
        println!("{name}: {ended} after {:.1?}", begun.elapsed());
        failed.then_some(name)
    });
    let failed: Vec<_> = join_all(played).await.into_iter().flatten().collect();
    assert!(failed.is_empty(), "these scenarios failed: {failed:?}");
}

/// Plays scenarios, functions of a cluster, on a cluster.
macro_rules! play {
    ($cluster:expr; $($scenario:path),+ $(,)?) => {
        $crate::stage::play(vec![
            $((stringify!($scenario), Box::pin($scenario($cluster)) as _)),+
        ])
        .await
    };
}

/// Makes tests of functions of an engine: `NAME::on_sqlite` and `NAME::on_postgres`.
macro_rules! on_both_engines {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            use postrider_tests::cluster::Engine;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                Box::pin(super::$test(Engine::Sqlite)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                Box::pin(super::$test(Engine::Postgres)).await;
            }
        }
    )+};
}

/// A tenant and a receiver.
pub struct Stage {
    pub api: Api,
    pub tenant: String,
    pub receiver: Receiver,
}

impl Stage {
    pub async fn set(cluster: &Cluster, tenant_id: &str) -> Self {
        let mut api = cluster.api().unwrap();
        Self {
            tenant: api.create_tenant(tenant_id).await.unwrap(),
            receiver: cluster.receiver().await.unwrap(),
            api,
        }
    }

    /// A subscription to everything at a path of the receiver, not yet made.
    pub fn wanted(&self, path: &str) -> Subscription {
        Subscription {
            region: DEFAULT_REGION.to_owned(),
            ..subscription(&self.receiver.url(path), &["*"])
        }
    }

    pub async fn subscribe(&self, path: &str) -> Subscription {
        self.create(self.wanted(path)).await
    }

    pub async fn create(&self, wanted: Subscription) -> Subscription {
        let mut api = self.api.clone();
        api.subscribe(&self.tenant, wanted).await.unwrap()
    }

    /// Subscribes with these delays between attempts, without jitter.
    pub async fn subscribe_with_delays(&self, path: &str, milliseconds: &[u64]) -> Subscription {
        self.create(Subscription { retry_policy: Some(delays(milliseconds)), ..self.wanted(path) })
            .await
    }

    /// Waits until an unhurried retry would have been made.
    pub async fn wait_out_retry(&self) {
        let delay = Duration::from_millis(UNHURRIED_RETRY_MILLISECONDS);
        tokio::time::sleep(delay + SETTLE_WAIT).await;
    }

    /// Publishes an ordinary event and returns its name.
    pub async fn publish(&self) -> String {
        self.publish_event(event("payment.completed", DEFAULT_PAYLOAD)).await
    }

    pub async fn publish_event(&self, event: Event) -> String {
        let mut api = self.api.clone();
        api.publish(&self.tenant, event, "").await.unwrap().event
    }

    /// Publishes several ordinary events at once.
    pub async fn publish_many(&self, count: usize) -> Vec<String> {
        join_all((0..count).map(|_| self.publish())).await
    }

    /// The only delivery of an event.
    pub async fn delivery(&self, event: &str) -> Delivery {
        let mut api = self.api.clone();
        let mut all = api.deliveries_of(event).await.unwrap();
        assert_eq!(all.len(), 1, "deliveries of {event}: {all:?}");
        all.remove(0)
    }

    /// Waits until an event's only delivery is in a state.
    pub async fn wait_for(&self, event: &str, state: DeliveryState) -> Delivery {
        let name = self.delivery(event).await.name;
        self.api.wait_for_state(&name, state, SOON_LIMIT).await.unwrap()
    }

    /// Waits until an attempt of an event's only delivery has failed and the next is
    /// waited for. What finds no credit is WAITING before its first attempt, too.
    pub async fn wait_for_retry(&self, event: &str) -> Delivery {
        let name = self.delivery(event).await.name;
        wait::until("a retry to be waited for", SOON_LIMIT, || async {
            let mut api = self.api.clone();
            let seen = api.delivery(&name).await.map_err(|status| status.to_string())?;
            wait::when(seen, |seen| {
                seen.state() == DeliveryState::Waiting && seen.attempt_count > 0
            })
        })
        .await
        .unwrap()
    }

    /// How many deliveries a filter selects.
    pub async fn count(&self, filter: &str) -> usize {
        let mut api = self.api.clone();
        let all = api.all_deliveries(&self.tenant, filter).await.unwrap();
        all.len()
    }

    pub async fn attempts(&self, delivery: &Delivery) -> Vec<Attempt> {
        let mut api = self.api.clone();
        api.attempts(&delivery.name).await.unwrap()
    }
}

/// Exactly these delays.
pub fn delays(milliseconds: &[u64]) -> RetryPolicy {
    let delays: Vec<_> = milliseconds.iter().map(|delay| Duration::from_millis(*delay)).collect();
    fixed_delays(&delays).unwrap()
}

/// A subscription that is retried often, so that nothing of it ends but by success.
pub fn patient(url: &str, retry_delay: Duration) -> Subscription {
    Subscription {
        retry_policy: Some(fixed_delays(&[retry_delay; 40]).unwrap()),
        region: DEFAULT_REGION.to_owned(),
        ..subscription(url, &["*"])
    }
}

/// One attempt and no more.
pub fn once() -> RetryPolicy {
    RetryPolicy {
        timetable: Some(Timetable::Linear(LinearBackoff {
            initial_delay: Some(prost_types::Duration::default()),
            increment: Some(prost_types::Duration::default()),
            max_attempts: 1,
        })),
        ..RetryPolicy::default()
    }
}

/// An agent that the cluster did not start; it connects in its own time.
pub fn agent_in(cluster: &Cluster, region: &str) -> Agent {
    let id = format!("agent-{region}-late");
    Agent::start(Plan {
        region: region.to_owned(),
        control_planes: cluster.replicas.iter().map(|r| r.agents_url()).collect(),
        ca_file: cluster.pki().ca_file(),
        identity: Some(cluster.pki().agent(region, &id).unwrap()),
        max_in_flight: 16,
        arguments: Vec::new(),
        environment: Vec::new(),
        folder: cluster.folder().to_owned(),
        id,
    })
    .unwrap()
}

/// A moment of history.
pub fn time(timestamp: Option<Timestamp>) -> SystemTime {
    timestamp.unwrap().try_into().unwrap()
}

/// A duration of history.
pub fn duration(given: Option<prost_types::Duration>) -> Duration {
    given.unwrap().try_into().unwrap()
}
