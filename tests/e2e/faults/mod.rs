//! What the world does to a running Postrider: it stops processes, parts them,
//! fills disks, slows, restarts and refuses databases, and turns clocks.
//!
//! Fed by real clusters, with proxies and other means between their parts; feeds
//! nobody. Guarantees, for each fault, that the system is seen to recover by
//! itself in bounded time, that liveness and readiness told the truth in the meantime,
//! that no publisher waited past his deadline or was promised what did not hold,
//! and that in the end everything acknowledged was delivered.

mod clocks;
mod database;
mod full_disk;
mod late_database;
mod names;
mod partitions;
mod refusals;
mod resets;
mod stopped;
mod unreadable;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use postrider_proto::v1::{
    Attempt, AttemptOutcome, Delivery, DeliveryState, Event, PublishEventRequest, Subscription,
};
use postrider_tests::api::{self, Api};
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::history::{self, CrashHistory, Post};
use postrider_tests::lateness;
use postrider_tests::postgres::Server;
use postrider_tests::publish::event;
use postrider_tests::receiver::{Received, Receiver};
use postrider_tests::wait;
use tokio::time::{Instant, timeout};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::crashes::variable;
use crate::replicas::two_replicas_that;
use crate::stage::patient;

/// A lease, an agent's silence and a retry or two, on a busy machine.
pub const SETTLE_LIMIT: Duration = Duration::from_secs(60);
/// A replica says within this time that its database is away, or back.
pub const HEALTH_REPORT_LIMIT: Duration = Duration::from_secs(15);
/// What a publisher in a hurry gives a call.
const PUBLISH_DEADLINE: Duration = Duration::from_secs(3);
/// What he gives it at most where the machine stood still meanwhile: less than the limit
/// that the control plane has without a deadline.
const LONGEST_PUBLISH_DEADLINE: Duration = Duration::from_secs(9);
/// A machine that is as late as this in one place may use up, in several, what a publisher's
/// deadline leaves for the answer's way: the tenth of 3 s.
const LATE_MACHINE: Duration = Duration::from_millis(50);
/// What a replica is given to say how it is.
const HEALTH_ANSWER_LIMIT: Duration = Duration::from_secs(10);
const RETRY_DELAY: Duration = Duration::from_millis(500);
const SMALL_PAYLOAD: &str = r#"{"amount": "10.00", "currency": "SEK"}"#;

// --- health -----------------------------------------------------------------------

/// What a replica says of itself; an error when it says nothing.
async fn says(api: &Api, service: &str) -> Result<bool, Status> {
    let asked = HealthCheckRequest { service: service.to_owned() };
    let mut health = api.health.clone();
    let answer = timeout(HEALTH_ANSWER_LIMIT, health.check(asked)).await;
    let answer = answer.map_err(|_| Status::deadline_exceeded("no word about its health"))??;
    Ok(answer.into_inner().status() == ServingStatus::Serving)
}

/// A fault of others is no reason to restart a replica.
pub async fn assert_alive(api: &Api) {
    assert!(says(api, "liveness").await.unwrap(), "it asks to be restarted");
}

/// Waits until a replica says that it is ready, or that it is not.
pub async fn wait_until_ready(api: &Api, ready: bool, limit: Duration) -> Duration {
    let begun = Instant::now();
    wait::until(&format!("readiness to be {ready}"), limit, || async {
        let said = says(api, "readiness").await.map_err(|status| status.to_string())?;
        wait::when(said, |said| *said == ready)
    })
    .await
    .unwrap();
    begun.elapsed()
}

/// A replica that was not ready is not ready now either; one that says nothing is asked
/// again.
pub async fn assert_still_unready(api: &Api) {
    wait::until("word about readiness", HEALTH_REPORT_LIMIT, || async {
        let ready = says(api, "readiness").await.map_err(|status| status.to_string())?;
        assert!(!ready, "it says that it is ready");
        Ok(())
    })
    .await
    .unwrap();
}

/// How long an outage lasts, if the environment says so.
fn outage_seconds() -> Option<Duration> {
    variable("POSTRIDER_TEST_OUTAGE_SECONDS").map(Duration::from_secs)
}

// --- tenants ----------------------------------------------------------------------

/// A tenant with one subscription, and what it was promised.
pub struct TestEndpoint {
    pub tenant: String,
    pub subscription: String,
    pub path: String,
    pub events: Vec<String>,
}

impl TestEndpoint {
    /// Posted to at `/{id}`, with at most so many at once.
    pub async fn create(api: &Api, receiver: &Receiver, id: &str, max_in_flight: u32) -> Self {
        let mut api = api.clone();
        let tenant = api.create_tenant(id).await.unwrap();
        let path = format!("/{id}");
        let wanted = Subscription { max_in_flight, ..patient(&receiver.url(&path), RETRY_DELAY) };
        let subscription = api.subscribe(&tenant, wanted).await.unwrap().name;
        Self { tenant, subscription, path, events: Vec::new() }
    }

    /// Publishes so many events, each of which must be acknowledged at once.
    pub async fn publish(&mut self, api: &Api, count: usize) {
        let published = (0..count).map(|_| {
            let (mut api, tenant) = (api.clone(), self.tenant.clone());
            async move { api.publish(&tenant, event("payment.completed", SMALL_PAYLOAD), "").await }
        });
        let published =
            join_all(published).await.into_iter().map(|join_all| join_all.unwrap().event);
        self.events.extend(published);
    }

    /// Publishes an event whose publisher tries, with its key, until it is
    /// acknowledged. Every refusal on the way is one that he can understand.
    pub async fn publish_surely(&mut self, api: &Api, key: &str) {
        let (begun, limit) = (Instant::now(), SETTLE_LIMIT + outage_seconds().unwrap_or_default());
        loop {
            match self.try_publish(api, key, Duration::from_secs(30)).await {
                Ok(event) => return self.events.push(event),
                Err(status) if begun.elapsed() > limit => panic!("{key}: {status}"),
                Err(status) => {
                    assert_understandable(&status);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// One try, with a deadline.
    pub async fn try_publish(
        &self,
        api: &Api,
        key: &str,
        deadline: Duration,
    ) -> Result<String, Status> {
        self.try_event(api, event("payment.completed", SMALL_PAYLOAD), key, deadline).await
    }

    /// As [`Self::try_publish`], of this event.
    pub async fn try_event(
        &self,
        api: &Api,
        event: Event,
        key: &str,
        deadline: Duration,
    ) -> Result<String, Status> {
        let mut request = Request::new(PublishEventRequest {
            parent: self.tenant.clone(),
            event: Some(event),
            idempotency_key: key.to_owned(),
        });
        request.set_timeout(deadline);
        let mut events = api.events.clone();
        Ok(events.publish_event(request).await?.into_inner().event)
    }

    /// Each delivery with its attempts.
    pub async fn history(&self, api: &Api) -> Vec<(Delivery, Vec<Attempt>)> {
        let mut api = api.clone();
        let mut all = Vec::new();
        for delivery in api.all_deliveries(&self.tenant, "").await.unwrap() {
            let attempts = api.attempts(&delivery.name).await.unwrap();
            all.push((delivery, attempts));
        }
        all
    }

    /// Everything was delivered by the only attempt that was ever made of it.
    pub async fn assert_delivered_once(&self, api: &Api, receiver: &Receiver) {
        let delivered = self.delivered(api, receiver).await;
        for (delivery, attempts) in &delivered {
            let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome()).collect();
            assert_eq!(outcomes, [AttemptOutcome::Succeeded], "{}: {attempts:#?}", delivery.name);
        }
        let posts = usize::try_from(receiver.received_at(&self.path)).unwrap();
        assert_eq!(posts, delivered.len(), "POSTs to {}", self.path);
    }

    /// What history tells and what came, of one and the same time: an event whose
    /// publishing was refused may be committed, and sent, while history is read.
    async fn settled(
        &self,
        api: &Api,
        receiver: &Receiver,
    ) -> (Vec<(Delivery, Vec<Attempt>)>, Vec<Arc<Received>>) {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < SETTLE_LIMIT, "{} goes on receiving", self.path);
            let filter = "state != SUCCEEDED";
            let unfinished = api.wait_for_deliveries(&self.tenant, filter, 0, SETTLE_LIMIT);
            unfinished.await.unwrap();
            let came_before = receiver.requests_to(&self.path).len();
            let deliveries = self.history(api).await;
            let requests = receiver.requests_to(&self.path);
            let finished =
                deliveries.iter().all(|(delivery, _)| delivery.state() == DeliveryState::Succeeded);
            if finished && requests.len() == came_before {
                return (deliveries, requests);
            }
        }
    }

    /// Waits until everything is delivered; what history tells then has no fault.
    pub async fn delivered(&self, api: &Api, receiver: &Receiver) -> Vec<(Delivery, Vec<Attempt>)> {
        let (deliveries, requests) = self.settled(api, receiver).await;
        let pair = |event: String| (event, self.subscription.clone());
        let posts = requests.iter().map(|request| Post::of(request, &self.subscription)).collect();
        let owed = self.events.iter().cloned().map(pair).collect();
        let story = CrashHistory { owed, posts, deliveries, ..CrashHistory::default() };
        let faults = history::faults(&story);
        assert!(faults.is_empty(), "{}: {faults:#?}", self.tenant);
        story.deliveries
    }
}

/// As many payees as it takes for each of two replicas to own some.
pub async fn payees(api: &Api, receiver: &Receiver, name: &str, count: usize) -> Vec<TestEndpoint> {
    let mut payees = Vec::new();
    for number in 0..count {
        payees.push(TestEndpoint::create(api, receiver, &format!("{name}-{number}"), 0).await);
    }
    payees
}

// --- refusals ---------------------------------------------------------------------

/// A refusal tells the publisher that, and when, he may try again.
pub fn assert_understandable(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(api::retry_delay(status).is_some(), "without RetryInfo: {status:?}");
}

/// A publish that has its answer, good or bad, before its deadline. That the answer was
/// missed is no word about the control plane where the machine stood still: then it is
/// tried again, with more time for the answer's way.
async fn answer_in_time(
    api: &Api,
    payee: &TestEndpoint,
    event: &Event,
    key: &str,
) -> Result<String, Status> {
    let mut deadline = PUBLISH_DEADLINE;
    loop {
        let begun = Instant::now();
        let tried = payee.try_event(api, event.clone(), key, deadline);
        let (answer, late) = lateness::during(tried).await;
        let took = begun.elapsed();
        // As the client says that it gave the call up.
        let missed = answer.as_ref().is_err_and(|status| status.code() == Code::Cancelled);
        if !missed {
            assert!(took < deadline + late, "answered after {took:?} of {deadline:?}");
            return answer;
        }
        let again = late >= LATE_MACHINE && deadline < LONGEST_PUBLISH_DEADLINE;
        assert!(again, "no answer within {deadline:?} on a machine {late:?} late");
        println!("no answer within {deadline:?}, and the machine {late:?} late: once more");
        deadline += PUBLISH_DEADLINE;
    }
}

/// A publish through this replica is refused, before its deadline.
pub async fn assert_refused(api: &Api, payee: &TestEndpoint, key: &str) {
    let event = event("payment.completed", SMALL_PAYLOAD);
    let refused = answer_in_time(api, payee, &event, key).await.expect_err("a false yes");
    assert_understandable(&refused);
}

/// Two replicas, each with a proxy between it and the database.
async fn two_behind_proxies() -> Cluster {
    two_replicas_that(Description { database_proxies: true, ..Description::default() }).await
}

/// A small cluster on SQLite, or on a PostgreSQL server of the test's own.
async fn small_on(server: Option<&Server>, rest: Description) -> Cluster {
    let engine = if server.is_some() { Engine::Postgres } else { Engine::Sqlite };
    let server_url = server.map(|server| server.url().to_owned());
    Cluster::start(&Description { engine, server_url, ..rest }).await.unwrap()
}
