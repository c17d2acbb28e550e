//! Hours and days, in seconds.
//!
//! Fed by a control plane on the test's clock. Guarantees
//! that every moment is checked from both sides: nothing is sent a moment
//! before it is due, and it is sent soon afterwards.

use std::time::Duration;

use http::StatusCode;
use postrider::clock::Clock;
use postrider_domain::time::Timestamp;
use postrider_proto::v1::{
    CircuitState, Delivery, DeliveryEndReason, DeliveryState, ListRegionsRequest, RetryPolicy,
    Subscription,
};
use postrider_tests::api::Api;
use postrider_tests::cluster::Engine;
use postrider_tests::publish::{event, fixed_delays, subscription};
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{ok, status};
use postrider_tests::signature::assert_signed;
use postrider_tests::timed::{Timed, timestamp};
use postrider_tests::wait;

use crate::stage::{DEFAULT_PAYLOAD, DEFAULT_REGION, SETTLE_WAIT, SOON_LIMIT};

const ONE_SECOND: Duration = Duration::from_secs(1);
const ONE_MINUTE: Duration = Duration::from_mins(1);
const ONE_HOUR: Duration = Duration::from_hours(1);
const ONE_DAY: Duration = Duration::from_hours(24);
/// The Standard Webhooks timetable, after a first attempt at once.
const STANDARD_DELAYS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];
/// How close to its moment a wait is watched from before.
const JUST_BEFORE: Duration = Duration::from_millis(400);
/// Before a moment, long enough to look around on a busy machine.
const WELL_BEFORE: Duration = Duration::from_secs(30);
/// A lease is renewed after a leap, work is swept, and the machine is busy.
const LATENESS_LIMIT: Duration = Duration::from_secs(20);

struct TimetableSetup {
    timed: Timed,
    api: Api,
    receiver: Receiver,
    tenant: String,
    subscription: Subscription,
}

impl TimetableSetup {
    /// A tenant whose only subscription, with this policy, fails.
    async fn set(engine: Engine, retry_policy: Option<RetryPolicy>) -> Self {
        let timed = Timed::start(engine).await.unwrap();
        let receiver = timed.receiver().await.unwrap();
        receiver.otherwise([status(StatusCode::INTERNAL_SERVER_ERROR)]);
        let mut api = timed.api();
        let tenant = api.create_tenant("patient").await.unwrap();
        let wanted = Subscription {
            region: DEFAULT_REGION.to_owned(),
            retry_policy,
            ..subscription(&receiver.url("/"), &["*"])
        };
        let subscription = api.subscribe(&tenant, wanted).await.unwrap();
        Self { timed, api, receiver, tenant, subscription }
    }

    async fn publish(&mut self) -> String {
        let event = event("payment.completed", DEFAULT_PAYLOAD);
        let event = self.api.publish(&self.tenant, event, "").await;
        let deliveries = self.api.deliveries_of(&event.unwrap().event).await;
        deliveries.unwrap().remove(0).name
    }

    /// Waits until that many attempts of a delivery are over.
    async fn wait_for_attempts(&self, delivery: &str, count: u32) -> Delivery {
        let what = format!("{count} attempts of {delivery}");
        wait::until(&what, SOON_LIMIT, || {
            let mut api = self.api.clone();
            async move {
                let seen = api.delivery(delivery).await.map_err(|e| e.to_string())?;
                wait::when(seen, |seen| {
                    seen.attempt_count == count && seen.state() != DeliveryState::InFlight
                })
            }
        })
        .await
        .unwrap()
    }

    /// Leaps to just before a moment, sees that nothing happens until then, and
    /// that a POST comes soon afterwards.
    async fn expect_post_at(&self, due: Timestamp, received: usize) {
        let clock = &self.timed.clock;
        clock.advance_to(due - JUST_BEFORE);
        let requests = self.receiver.wait_for_at("/", received, SOON_LIMIT);
        let requests = requests.await.unwrap();
        let came = clock.at(requests.last().unwrap().at);
        assert!(came >= due, "POST {received} at {came}, due at {due}");
        assert!(came < due + LATENESS_LIMIT, "POST {received} at {came}, due at {due}");
    }

    async fn wait_for_end(&self, delivery: &str, reason: DeliveryEndReason) -> Delivery {
        let ended = self.api.wait_for_state(delivery, DeliveryState::Exhausted, SOON_LIMIT);
        let ended = ended.await.unwrap();
        assert_eq!(ended.end_reason(), reason);
        ended
    }

    async fn circuit(&self) -> CircuitState {
        let seen = self.api.subscription(&self.subscription.name).await.unwrap();
        seen.endpoint_health.unwrap().circuit_state()
    }
}

/// Ten attempts over three days, each within its jitter, all the same webhook.
async fn the_standard_timetable_is_kept(engine: Engine) {
    let mut scene = TimetableSetup::set(engine, None).await;
    let begun = scene.timed.clock.now();
    let delivery = scene.publish().await;
    for (place, delay) in STANDARD_DELAYS.iter().enumerate() {
        let number = u32::try_from(place + 1).unwrap();
        let seen = scene.wait_for_attempts(&delivery, number).await;
        let known = scene.timed.clock.now();
        assert_eq!(seen.state(), DeliveryState::Waiting, "{seen:?}");
        let attempts = scene.api.attempts(&delivery).await.unwrap();
        let last = attempts.last().unwrap();
        let due = timestamp(last.next_attempt_time).unwrap();
        assert_eq!(due, timestamp(seen.next_attempt_time).unwrap());
        let began = timestamp(last.start_time).unwrap();
        assert!(due >= began + *delay * 9 / 10, "{number}: {began} to {due}");
        assert!(due <= known + *delay * 11 / 10, "{number}: {known} to {due}");
        scene.expect_post_at(due, place + 2).await;
    }
    let ended = scene.wait_for_end(&delivery, DeliveryEndReason::AttemptsExhausted);
    assert_eq!(ended.await.attempt_count, 10);
    let total: Duration = STANDARD_DELAYS.iter().sum();
    let took = scene.timed.clock.now().since(begun);
    assert!(took >= total * 9 / 10 && took <= total * 11 / 10 + LATENESS_LIMIT * 10);

    scene.timed.clock.advance(3 * ONE_DAY);
    let requests = scene.receiver.requests();
    assert_eq!(requests.len(), 10, "none after the last");
    for request in &requests {
        assert_eq!(request.webhook_id(), requests[0].webhook_id());
        assert_eq!(request.body, requests[0].body);
        assert_signed(request, &scene.subscription.signing_secret).unwrap();
    }
    scene.timed.stop().await.unwrap();
}

/// A retry after half an hour, an end after an hour.
fn an_hour_at_most() -> RetryPolicy {
    RetryPolicy {
        max_age: Some(ONE_HOUR.try_into().unwrap()),
        ..fixed_delays(&[ONE_HOUR / 2, ONE_HOUR / 4]).unwrap()
    }
}

fn expires(delivery: &Delivery) -> Timestamp {
    timestamp(delivery.expire_time).unwrap()
}

/// What waits behind a disabled subscription ends with its deadline, not before.
async fn what_waits_expires_at_its_deadline(engine: Engine) {
    let mut scene = TimetableSetup::set(engine, Some(an_hour_at_most())).await;
    let delivery = scene.publish().await;
    let waiting = scene.wait_for_attempts(&delivery, 1).await;
    let created = timestamp(waiting.create_time).unwrap();
    let lifetime = expires(&waiting).since(created);
    // The clock of a region whose first agent has just come runs from the next
    // heartbeat on; until then a deadline may still move away, never nearer.
    assert!(lifetime + Duration::from_millis(2) > ONE_HOUR, "{lifetime:?}");
    assert!(lifetime < ONE_HOUR + LATENESS_LIMIT, "{lifetime:?}");
    scene.api.disable(&scene.subscription.name).await.unwrap();
    scene.timed.clock.advance_to(expires(&waiting) - WELL_BEFORE);
    tokio::time::sleep(2 * ONE_SECOND).await; // two sweeps that could end it
    let seen = scene.api.delivery(&delivery).await.unwrap();
    assert_eq!(seen.state(), DeliveryState::Waiting, "{seen:?}");
    scene.timed.clock.advance_to(expires(&waiting) - JUST_BEFORE);
    let ended = scene.wait_for_end(&delivery, DeliveryEndReason::Expired).await;
    let end = timestamp(ended.end_time).unwrap();
    assert!(end >= expires(&waiting), "ended at {end}");
    assert!(end < expires(&waiting) + LATENESS_LIMIT, "ended at {end}");
    assert_eq!(scene.receiver.received(), 1);
    scene.timed.stop().await.unwrap();
}

/// Ten hours of pause: the deadline moves by them, and what fell due in the meantime
/// is sent when the pause is over.
async fn pause(scene: &mut TimetableSetup) {
    println!("paused time does not count");
    let delivery = scene.publish().await;
    let before = scene.wait_for_attempts(&delivery, 1).await;
    let received = usize::try_from(scene.receiver.received()).unwrap();
    scene.api.pause(&scene.subscription.name).await.unwrap();
    scene.timed.clock.advance(10 * ONE_HOUR);
    tokio::time::sleep(2 * ONE_SECOND).await; // two sweeps that could end or send it
    let seen = scene.api.delivery(&delivery).await.unwrap();
    assert_eq!(seen.state(), DeliveryState::Waiting, "{seen:?}");
    assert_eq!(scene.receiver.received(), received as u64);
    scene.api.enable(&scene.subscription.name).await.unwrap();
    let again = scene.receiver.wait_for_at("/", received + 1, SOON_LIMIT);
    again.await.unwrap();
    let after = scene.wait_for_attempts(&delivery, 2).await;
    assert_eq!(after.state(), DeliveryState::Waiting, "{after:?}");
    let moved = expires(&after).since(expires(&before));
    assert!(moved >= 10 * ONE_HOUR && moved < 10 * ONE_HOUR + ONE_MINUTE, "{moved:?}");
}

/// The same, without an agent in the region.
async fn absence(scene: &mut TimetableSetup) {
    println!("time without an agent does not count");
    let delivery = scene.publish().await;
    let before = scene.wait_for_attempts(&delivery, 1).await;
    let received = usize::try_from(scene.receiver.received()).unwrap();
    scene.timed.agent.stop().await.unwrap();
    wait::until("the region's clock to stand", SOON_LIMIT, || {
        let mut api = scene.api.clone();
        async move {
            let regions = api.fleet.list_regions(ListRegionsRequest::default()).await;
            let regions = regions.map_err(|status| status.to_string())?.into_inner();
            let agents: u32 = regions.regions.iter().map(|r| r.agent_count).sum();
            wait::when(agents, |agents| *agents == 0)
        }
    })
    .await
    .unwrap();
    tokio::time::sleep(7 * ONE_SECOND).await; // lost for everybody after 5 s
    scene.timed.clock.advance(10 * ONE_HOUR);
    tokio::time::sleep(2 * ONE_SECOND).await; // two sweeps that could end it
    let seen = scene.api.delivery(&delivery).await.unwrap();
    assert!(matches!(seen.state(), DeliveryState::Waiting | DeliveryState::InFlight), "{seen:?}");
    scene.timed.agent.start_again().unwrap();
    let again = scene.receiver.wait_for_at("/", received + 1, SOON_LIMIT);
    again.await.unwrap();
    let after = scene.wait_for_attempts(&delivery, 2).await;
    assert_eq!(after.state(), DeliveryState::Waiting, "{after:?}");
    let moved = expires(&after).since(expires(&before));
    let about = 10 * ONE_HOUR - ONE_MINUTE..10 * ONE_HOUR + ONE_MINUTE;
    assert!(about.contains(&moved), "{moved:?}");
}

async fn time_in_which_nothing_can_be_sent_does_not_count(engine: Engine) {
    let mut scene = TimetableSetup::set(engine, Some(an_hour_at_most())).await;
    pause(&mut scene).await;
    absence(&mut scene).await;
    scene.timed.stop().await.unwrap();
}

/// Publishes and waits until so many requests have come and so many deliveries of the
/// tenant wait; another request would come a moment later.
async fn publish_and_fail(scene: &mut TimetableSetup, count: usize, received: u64, waiting: usize) {
    for _ in 0..count {
        scene.publish().await;
    }
    scene.receiver.wait_for(received, SOON_LIMIT).await.unwrap();
    let waiting =
        scene.api.wait_for_deliveries(&scene.tenant, "state = WAITING", waiting, SOON_LIMIT);
    waiting.await.unwrap();
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(scene.receiver.received(), received);
}

/// The scheduler learns a moment after the table what came of an attempt.
async fn wait_for_open_circuit(scene: &TimetableSetup) {
    wait::until("the circuit to be open", SOON_LIMIT, || async {
        let seen = scene.api.subscription(&scene.subscription.name).await;
        let seen = seen.map_err(|status| status.to_string())?;
        let state = seen.endpoint_health.unwrap_or_default().circuit_state();
        wait::when(state, |state| *state == CircuitState::Open)
    })
    .await
    .unwrap();
}

/// Leaps to the next probe and waits until it has failed.
async fn expect_probe(scene: &TimetableSetup, after: Duration, received: u64) {
    scene.timed.clock.advance(after);
    scene.receiver.wait_for(received, SOON_LIMIT).await.unwrap();
    wait_for_open_circuit(scene).await;
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(scene.receiver.received(), received, "one probe, no more");
}

/// 20 different deliveries fail over 30 s: from then on there are probes only,
/// ever more seldom, until one succeeds.
async fn a_dead_endpoint_is_probed(engine: Engine) {
    let policy = fixed_delays(&[ONE_DAY]).unwrap();
    let mut scene = TimetableSetup::set(engine, Some(policy)).await;
    publish_and_fail(&mut scene, 25, 25, 25).await;
    assert_eq!(scene.circuit().await, CircuitState::Closed, "too soon");
    scene.timed.clock.advance(31 * ONE_SECOND);
    publish_and_fail(&mut scene, 1, 26, 26).await;
    wait_for_open_circuit(&scene).await;

    println!("nothing through an open circuit");
    publish_and_fail(&mut scene, 30, 26, 56).await;
    expect_probe(&scene, 30 * ONE_SECOND, 27).await;
    expect_probe(&scene, 60 * ONE_SECOND, 28).await;

    scene.receiver.otherwise([ok()]);
    scene.timed.clock.advance(2 * ONE_MINUTE);
    let ended = "state = SUCCEEDED";
    let ended = scene.api.wait_for_deliveries(&scene.tenant, ended, 28, SOON_LIMIT);
    ended.await.unwrap();
    wait::until("the circuit to be closed", SOON_LIMIT, || async {
        wait::when(scene.circuit().await, |state| *state == CircuitState::Closed)
    })
    .await
    .unwrap();
    assert_eq!(scene.receiver.received(), 56, "each of the rest once");
    scene.timed.stop().await.unwrap();
}

on_both_engines!(
    the_standard_timetable_is_kept,
    what_waits_expires_at_its_deadline,
    time_in_which_nothing_can_be_sent_does_not_count,
    a_dead_endpoint_is_probed,
);
