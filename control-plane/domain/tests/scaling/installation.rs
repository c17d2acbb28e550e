//! One region of one replica: the product's scheduler, and all else simulated.
//!
//! Fed by tests with subscriptions and their load, and by the autoscaler with agents; feeds
//! them what the scheduler says of the region. A step is 50 ms.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postrider_domain::delivery::{Delivery, DeliveryState, DeliveryTransition, Outcome, Trigger};
use postrider_domain::endpoint_health::{BreakerConfig, ConcurrencyWindowConfig};
use postrider_domain::event::{Event, EventContent};
use postrider_domain::ids::{
    AgentId, AttemptKey, DeliveryId, Epoch, EventId, Region, Shard, SubscriptionKey,
};
use postrider_domain::scheduler::{
    AgentIdentity, AttemptFeedback, RegionDemand, ReportedAttempt, ScheduledDelivery, Scheduler,
    SchedulerConfig, ShardLease, StreamId,
};
use postrider_domain::subscription::{Subscription, SubscriptionConfig, SubscriptionStatus};
use postrider_domain::time::{StoppedClock, Timestamp};

use crate::receivers::{ReceiverKind, Subscriber, WaitingRow};

const STEP: Duration = Duration::from_millis(50);
/// Attempts that an agent has in flight at most.
pub const AGENT_CAPACITY: usize = 64;
/// How often the dispatch loop takes a sample, in steps.
const SAMPLE_STEPS: u64 = 10;
/// How long the subscriptions' requests may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
const RETRY_DELAY: Duration = Duration::from_secs(3_600);
const LEASE: ShardLease = ShardLease { shard: Shard(0), epoch: Epoch(1) };

struct SimulatedAgent {
    in_flight: u64,
    finished: u64,
    is_draining: bool,
}

struct RunningAttempt {
    key: AttemptKey,
    subscriber: usize,
    /// How its receiver answers it.
    kind: ReceiverKind,
    stream: StreamId,
    began: Timestamp,
}

/// See the module.
pub struct SimulatedRegion {
    pub now: Timestamp,
    pub delivered: usize,
    scheduler: Scheduler,
    event: Arc<Event>,
    subscribers: Vec<Subscriber>,
    places: HashMap<SubscriptionKey, usize>,
    agents: BTreeMap<StreamId, SimulatedAgent>,
    running: BTreeMap<(Timestamp, u64), RunningAttempt>,
    /// Deliveries in the scheduler's memory, as the table would have them back.
    in_memory: HashMap<DeliveryId, (usize, WaitingRow)>,
    counter: u64,
    steps: u64,
    chance: u64,
}

fn config() -> SchedulerConfig {
    SchedulerConfig {
        max_deliveries: 6_250,
        max_payload_bytes: 16 << 20,
        max_deliveries_per_subscription: 2_500,
        default_max_in_flight: 64,
        shed_after: Duration::from_secs(5),
        settle_grace: Duration::from_secs(5),
        window: ConcurrencyWindowConfig {
            initial: 8,
            min: 1,
            max: 64,
            quick: Duration::from_secs(2),
        },
        breaker: BreakerConfig::default(),
    }
}

fn region() -> Region {
    "eu".parse().unwrap()
}

fn identity(stream: StreamId) -> AgentIdentity {
    AgentIdentity { agent: AgentId(format!("agent-{}", stream.0).into()), incarnation: [1; 16] }
}

impl SimulatedRegion {
    pub fn new() -> Self {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let mut scheduler = Scheduler::new(config());
        scheduler.take_shard(LEASE, Timestamp::MAX, [], now);
        scheduler.settle(LEASE, now);
        let content = EventContent::new(
            "payment.completed".into(),
            "application/json".into(),
            Bytes::from_static(b"{}"),
        );
        let event = Event {
            tenant: "acme".parse().unwrap(),
            id: EventId::new(now, [1; 10]),
            content,
            matched: 1,
            test: false,
            payload_removal: None,
        };
        Self {
            now,
            delivered: 0,
            scheduler,
            event: Arc::new(event),
            subscribers: Vec::new(),
            places: HashMap::new(),
            agents: BTreeMap::new(),
            running: BTreeMap::new(),
            in_memory: HashMap::new(),
            counter: 0,
            steps: 0,
            chance: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// A subscription that gets so many events a second, 20 at most.
    pub fn subscribe(&mut self, kind: ReceiverKind, per_second: f64) {
        self.subscribe_with_rate(kind, per_second, None);
    }

    /// One with a limit of starts in a second.
    pub fn subscribe_with_rate(&mut self, kind: ReceiverKind, per_second: f64, most: Option<u32>) {
        let place = self.subscribers.len();
        let subscription = Subscription {
            tenant: "acme".parse().unwrap(),
            id: format!("receiver-{place}").parse().unwrap(),
            status: SubscriptionStatus::Enabled,
            status_reason: String::new(),
            settings: SubscriptionConfig {
                url: "https://example.com".into(),
                region: region(),
                max_requests_per_second: most,
                ..SubscriptionConfig::default()
            },
            signing_keys: Vec::new(),
            paused_clock: StoppedClock::default(),
            revision: 1,
            request_revision: 1,
            create_time: self.now,
            update_time: self.now,
            delete_time: None,
        };
        let key = subscription.key();
        self.scheduler.configure(Arc::new(subscription), LEASE.shard, self.now);
        self.places.insert(key.clone(), place);
        self.subscribers.push(Subscriber { key, kind, per_second, table: BTreeMap::new() });
    }

    /// So many events a second for all subscriptions together.
    pub fn set_load(&mut self, per_second: f64) {
        let each = per_second / self.subscribers.len() as f64;
        self.subscribers.iter_mut().for_each(|subscriber| subscriber.per_second = each);
    }

    /// How all receivers answer what is sent from now on.
    pub fn answer_all(&mut self, kind: ReceiverKind) {
        self.subscribers.iter_mut().for_each(|subscriber| subscriber.kind = kind);
    }

    /// Agents that take work.
    pub fn agents(&self) -> usize {
        self.agents.values().filter(|agent| !agent.is_draining).count()
    }

    pub fn start_agent(&mut self, stream: StreamId) {
        let agent = SimulatedAgent { in_flight: 0, finished: 0, is_draining: false };
        self.agents.insert(stream, agent);
        self.scheduler.stream_opened(stream, identity(stream), region(), &[], self.now);
        self.grant(stream);
    }

    /// The agent finishes what it has and goes.
    pub fn stop_agent(&mut self, stream: StreamId) {
        self.scheduler.suspend(stream, true);
        if let Some(agent) = self.agents.get_mut(&stream) {
            agent.is_draining = true;
        }
        self.remove_if_done(stream);
    }

    /// What autoscalers are told; nothing before anything was wanted.
    pub fn demand(&self) -> Option<RegionDemand> {
        self.scheduler.demand_of(&region(), self.now)
    }

    /// Attempts that would be in flight if agents had room for all.
    pub fn wanted(&self) -> usize {
        let mut figures = self.scheduler.region_figures(self.now).into_iter();
        let found = figures.find(|figures| figures.region == region()).unwrap();
        usize::try_from(found.wanted).unwrap()
    }

    /// Deliveries that are neither delivered nor in flight.
    pub fn waiting(&self) -> usize {
        let in_table: usize = self.subscribers.iter().map(|found| found.table.len()).sum();
        in_table + self.in_memory.len() - self.running.len()
    }

    /// One step of everything.
    pub fn step(&mut self) {
        self.now = self.now + STEP;
        self.steps += 1;
        for place in 0..self.subscribers.len() {
            let expected = self.subscribers[place].per_second * STEP.as_secs_f64();
            if self.draw() < expected {
                self.publish(place);
            }
        }
        self.end_attempts();
        while self.dispatch() {}
        if self.steps.is_multiple_of(SAMPLE_STEPS) {
            self.scheduler.sample_demand(self.now);
        }
    }

    /// A number from 0 to 1.
    fn draw(&mut self) -> f64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// An event for one subscription.
    pub fn publish(&mut self, place: usize) {
        self.counter += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.counter.to_be_bytes());
        let id = DeliveryId::new(self.now, random);
        let (now, key) = (self.now, self.subscribers[place].key.clone());
        let row = WaitingRow { id, order: self.counter, due: now, attempts: 0, failures: 0 };
        let payload_bytes = self.event.content.payload.len();
        if self.scheduler.admits(&key, payload_bytes, now).is_some() {
            let scheduled = self.take_into_memory(place, row);
            self.scheduler.reserve(scheduled, now);
            self.scheduler.committed([(id, None)], now);
        } else {
            self.subscribers[place].table.insert((now, row.order), row);
            self.scheduler.note_due(&key, now, now);
        }
    }

    fn take_into_memory(&mut self, place: usize, row: WaitingRow) -> Arc<ScheduledDelivery> {
        self.in_memory.insert(row.id, (place, row));
        let delivery = Delivery {
            id: row.id,
            subscription: self.subscribers[place].key.clone(),
            event: self.event.id,
            event_type: self.event.content.event_type.clone(),
            account: None,
            shard: LEASE.shard,
            epoch: LEASE.epoch,
            state: DeliveryState::InFlight,
            end_reason: None,
            attempts: row.attempts + 1,
            failures: row.failures,
            trigger: Trigger::Publish,
            due: row.due,
            deadline: Timestamp::MAX,
            end_time: None,
            ordering_key: None,
            sequence: None,
            test: false,
            resend_of: None,
            filter_failed: false,
        };
        Arc::new(ScheduledDelivery { delivery, event: Some(Arc::clone(&self.event)) })
    }

    /// Sends what may be sent, and claims what is due; whether there may be more.
    fn dispatch(&mut self) -> bool {
        let now = self.now;
        let actions = self.scheduler.poll(now);
        for dispatch in actions.dispatches {
            for (scheduled, _) in dispatch.deliveries {
                self.begin(dispatch.stream, &scheduled);
            }
        }
        for key in &actions.release {
            let (place, row) = self.in_memory.remove(&key.delivery).expect("it was in memory");
            self.subscribers[place].table.insert((row.due, row.order), row);
        }
        self.scheduler.confirm_return(&actions.release);
        let claims = self.scheduler.claims(now);
        let claimed = !claims.is_empty();
        for (key, _, _, limit, tests_only) in claims {
            let place = self.places[&key];
            let most = if tests_only { 0 } else { limit as usize };
            let due = self.subscribers[place].table.range(..=(now, u64::MAX)).take(most);
            let due: Vec<WaitingRow> = due.map(|(_, row)| *row).collect();
            let mut scheduled = Vec::with_capacity(due.len());
            for row in &due {
                self.subscribers[place].table.remove(&(row.due, row.order));
                scheduled.push(self.take_into_memory(place, *row));
            }
            self.scheduler.add(scheduled, now);
            let count = u32::try_from(due.len()).unwrap();
            self.scheduler.claim_done(&key, limit, count, now, now);
        }
        claimed
    }

    fn begin(&mut self, stream: StreamId, scheduled: &ScheduledDelivery) {
        let (place, row) = self.in_memory[&scheduled.delivery.id];
        let kind = self.subscribers[place].kind;
        let takes = match kind {
            ReceiverKind::Answers(latency) => latency,
            ReceiverKind::TimesOut => REQUEST_TIMEOUT,
            ReceiverKind::Refuses => STEP,
        };
        let key = scheduled.delivery.current_attempt();
        let attempt = RunningAttempt { key, subscriber: place, kind, stream, began: self.now };
        self.running.insert((self.now + takes, row.order), attempt);
        self.agents.get_mut(&stream).unwrap().in_flight += 1;
    }

    fn end_attempts(&mut self) {
        while let Some(entry) = self.running.first_entry()
            && entry.key().0 <= self.now
        {
            let attempt = entry.remove();
            self.end(&attempt);
        }
    }

    fn end(&mut self, attempt: &RunningAttempt) {
        let RunningAttempt { key, subscriber, kind, stream, began } = *attempt;
        let (_, row) = self.in_memory.remove(&key.delivery).expect("it was in memory");
        let success = DeliveryTransition::End { state: DeliveryState::Succeeded, reason: None };
        let due = self.now + RETRY_DELAY;
        let retry = DeliveryTransition::Retry { due, failures: row.failures + 1 };
        let (outcome, transition) = match kind {
            ReceiverKind::Answers(_) => (Outcome::Succeeded, success),
            ReceiverKind::TimesOut => (Outcome::Timeout, retry),
            ReceiverKind::Refuses => (Outcome::HttpStatus, retry),
        };
        if outcome == Outcome::Succeeded {
            self.delivered += 1;
        } else {
            let (attempts, failures) = (row.attempts + 1, row.failures + 1);
            let row = WaitingRow { due, attempts, failures, ..row };
            self.subscribers[subscriber].table.insert((due, row.order), row);
        }
        let begun = self.scheduler.begin_conclusion(key, Some(&identity(stream)));
        assert!(matches!(begun, ReportedAttempt::Theirs(_)), "{begun:?}");
        let latency = self.now.since(began);
        let feedback = AttemptFeedback { outcome, latency, hold: None, transition };
        self.scheduler.concluded(key, &feedback, self.now);
        let agent = self.agents.get_mut(&stream).unwrap();
        agent.in_flight -= 1;
        agent.finished += 1;
        self.grant(stream);
        self.remove_if_done(stream);
    }

    /// All of the agent's capacity, to the one replica that there is.
    fn grant(&mut self, stream: StreamId) {
        let finished = self.agents[&stream].finished;
        let most = u32::try_from(AGENT_CAPACITY).unwrap();
        self.scheduler.credit(stream, finished + u64::from(most), u64::MAX, most);
    }

    fn remove_if_done(&mut self, stream: StreamId) {
        let is_done = |agent: &SimulatedAgent| agent.is_draining && agent.in_flight == 0;
        if self.agents.get(&stream).is_some_and(is_done) {
            self.agents.remove(&stream);
            self.scheduler.stream_closed(stream);
        }
    }
}
