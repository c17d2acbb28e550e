//! The simulated receivers: what they answer, and what they record.
//!
//! Each POST is checked when it begins: fences, one at a time per delivery and per
//! ordering key, order, limits in flight and per second.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use postrider_agent::parts::{AttemptExecutor, CachedSubscription, OutgoingTraceContext};
use postrider_domain::ids::DeliveryId;
use postrider_proto::agent::v1::{Assignment, AttemptResult, Fact, Timings};
use uuid::Uuid;

use crate::entropy;
use crate::load::Plan;
use crate::process::{Process, State};
use crate::world::World;

/// The subscriptions' time limit for a request.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// What a limit per second is counted over, less what the way may vary.
const RATE_WINDOW: Duration = Duration::from_millis(950);

/// One POST.
#[derive(Clone)]
pub struct RecordedPost {
    pub delivery: DeliveryId,
    pub number: u32,
    pub process: Arc<Process>,
    pub succeeded: bool,
    /// Whether the agent got the answer.
    pub answered: bool,
    agent: usize,
    plan: usize,
    key: String,
    sequence: i64,
    open: bool,
}

/// All receivers.
#[derive(Default)]
pub struct Receiver(Mutex<ReceiverState>);

#[derive(Default)]
struct ReceiverState {
    posts: Vec<RecordedPost>,
    /// The highest sequence number of each subscription's key.
    highest: BTreeMap<(usize, String), i64>,
    /// When the last POSTs to a subscription began.
    begun: BTreeMap<usize, VecDeque<Duration>>,
    /// What each agent has been told of a shard's epoch, and when.
    fences: BTreeMap<(usize, u32), (u64, Duration)>,
}

impl Receiver {
    /// A new process is at an agent's place: it has heard of no epoch.
    pub fn agent_started(&self, agent: usize) {
        self.0.lock().fences.retain(|(place, _), _| *place != agent);
    }

    /// An agent has been told of an epoch.
    pub fn fenced(&self, agent: usize, shard: u32, epoch: u64) {
        let mut seen = self.0.lock();
        let fence = seen.fences.entry((agent, shard)).or_default();
        if epoch > fence.0 {
            *fence = (epoch, entropy::elapsed());
        }
    }

    pub fn posts(&self) -> Vec<RecordedPost> {
        self.0.lock().posts.clone()
    }

    fn begin(
        &self,
        world: &World,
        posts: &SimulatedExecutor,
        assignment: &Assignment,
    ) -> Option<usize> {
        let key = assignment.key.as_ref()?;
        let (place, plan) = world.load.plan(&assignment.tenant, &assignment.subscription)?;
        let payload = String::from_utf8_lossy(&assignment.payload);
        let ordered = payload.split('|').next().unwrap_or_default().to_owned();
        let post = RecordedPost {
            delivery: DeliveryId(Uuid::from_slice(&key.delivery_id).ok()?),
            number: key.number,
            process: Arc::clone(&posts.process),
            succeeded: false,
            answered: false,
            agent: posts.agent,
            plan: place,
            key: ordered,
            sequence: assignment.sequence,
            open: true,
        };
        world.note(format_args!(
            "POST by agent {} of {} {} to {place}, key {}, number {}, epoch {}",
            post.agent, post.delivery, post.number, post.key, post.sequence, key.epoch
        ));
        let mut seen = self.0.lock();
        let mut wrong = Vec::new();
        if let Some((epoch, when)) = seen.fences.get(&(post.agent, key.shard))
            && key.epoch < *epoch
            && *when + Duration::from_millis(1) < entropy::elapsed()
        {
            let shard = key.shard;
            wrong.push(format!(
                "agent {} carried out work of shard {shard} at epoch {}, having heard of {epoch}",
                post.agent, key.epoch
            ));
        }
        let open: Vec<&RecordedPost> =
            seen.posts.iter().filter(|post| post.is_open(world)).collect();
        wrong.extend(post.among(&open, plan));
        if plan.per_key && !post.key.is_empty() {
            let place = (post.plan, post.key.clone());
            let highest = seen.highest.entry(place).or_default();
            if post.sequence < *highest {
                wrong.push(format!(
                    "{}: number {} of key {} was sent after {highest}",
                    post.delivery, post.sequence, post.key
                ));
            }
            *highest = post.sequence.max(*highest);
        }
        wrong.extend(seen.too_often(&post, plan, world));
        seen.posts.push(post);
        let place = seen.posts.len() - 1;
        drop(seen);
        wrong.into_iter().for_each(|what| world.wrong(what));
        Some(place)
    }

    fn end(&self, post: Option<usize>, succeeded: bool) {
        if let Some(place) = post
            && let Some(post) = self.0.lock().posts.get_mut(place)
        {
            post.open = false;
            post.succeeded = succeeded;
        }
    }

    fn answered(&self, post: Option<usize>) {
        if let Some(place) = post
            && let Some(post) = self.0.lock().posts.get_mut(place)
        {
            post.answered = true;
        }
    }
}

impl ReceiverState {
    fn too_often(&mut self, post: &RecordedPost, plan: &Plan, world: &World) -> Option<String> {
        let rate = plan.rate? as usize;
        let now = entropy::elapsed();
        let begun = self.begun.entry(post.plan).or_default();
        begun.push_back(now);
        while begun.front().is_some_and(|first| *first + RATE_WINDOW <= now) {
            begun.pop_front();
        }
        let steady = world.is_steady() && !world.is_excused(post.agent);
        let count = begun.len();
        (count > rate && steady)
            .then(|| format!("{count} POSTs in a second to a receiver that takes {rate}"))
    }
}

impl RecordedPost {
    /// Whether it goes on at an agent that cannot rightly be taken for lost.
    fn is_open(&self, world: &World) -> bool {
        self.open && !self.process.is(State::Dead) && !world.is_excused(self.agent)
    }

    /// What is wrong with its beginning among those that go on.
    fn among(&self, open: &[&RecordedPost], plan: &Plan) -> Vec<String> {
        let mut wrong = Vec::new();
        let of_plan = || open.iter().filter(|open| open.plan == self.plan);
        if let Some(twin) = of_plan().find(|of_plan| of_plan.delivery == self.delivery) {
            wrong.push(format!(
                "{} {} was sent by agent {} while {} goes on at agent {}",
                self.delivery, self.number, self.agent, twin.number, twin.agent
            ));
        }
        let same_key =
            |item: &&&RecordedPost| item.key == self.key && item.delivery != self.delivery;
        if plan.per_key
            && !self.key.is_empty()
            && let Some(other) = of_plan().find(same_key)
        {
            wrong.push(format!(
                "{} was sent while {} of the same key goes on",
                self.delivery, other.delivery
            ));
        }
        if let Some(limit) = plan.max_in_flight
            && of_plan().count() >= limit as usize
        {
            wrong.push(format!("more than {limit} POSTs at once to receiver {}", self.plan));
        }
        wrong
    }
}

/// What an agent makes its attempts with.
pub struct SimulatedExecutor {
    pub world: Arc<World>,
    pub agent: usize,
    pub process: Arc<Process>,
}

#[async_trait]
impl AttemptExecutor for SimulatedExecutor {
    async fn execute(
        &self,
        _subscription: &CachedSubscription,
        assignment: Assignment,
        _trace: &OutgoingTraceContext,
    ) -> AttemptResult {
        if self.process.is(State::Dead) {
            std::future::pending::<()>().await;
        }
        let receiver = &self.world.receiver;
        let post = receiver.begin(&self.world, self, &assignment);
        let plan = self.world.load.plan(&assignment.tenant, &assignment.subscription);
        let (answer, takes) = plan.map_or((Some(200), Duration::ZERO), |(_, plan)| plan.answer());
        tokio::time::sleep(takes.min(REQUEST_TIMEOUT)).await;
        let succeeded = answer.is_some_and(|status| status < 300);
        receiver.end(post, succeeded);
        self.process.gate().await;
        receiver.answered(post);
        let total = prost_duration(takes.min(REQUEST_TIMEOUT));
        AttemptResult {
            key: assignment.key,
            tenant: assignment.tenant,
            fact: answer.map_or(Fact::Timeout, |_| Fact::Response).into(),
            http_status: answer.unwrap_or_default(),
            timings: Some(Timings { total, ..Timings::default() }),
            ..AttemptResult::default()
        }
    }
}

fn prost_duration(span: Duration) -> Option<prost_types::Duration> {
    span.try_into().ok()
}
