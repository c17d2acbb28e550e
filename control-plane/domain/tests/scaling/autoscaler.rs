//! KEDA and Kubernetes' horizontal autoscaler, as they scale the agents of a region.
//!
//! Fed by what the region tells; feeds it agents. The rules and numbers are KEDA's and
//! Kubernetes' defaults: a look at the activity every 30 s and when work is pushed (only a look
//! tells that there is none), a look at the metric every 15 s, a tolerance of a tenth, at most
//! twice as many agents or four more in 15 s, fewer only once fewer were enough for 300 s, none
//! after 300 s without activity.

use std::collections::VecDeque;
use std::time::Duration;

use postrider_domain::scheduler::StreamId;
use postrider_domain::time::Timestamp;

use crate::installation::SimulatedRegion;

/// What one agent is to have in flight: 320 of the 512 that it has by default, at an eighth.
const TARGET_ATTEMPTS: f64 = 40.0;
const MAX_AGENTS: usize = 20;
/// From when an agent is wanted until it serves.
const AGENT_START_TIME: Duration = Duration::from_secs(10);
const POLLING_INTERVAL: Duration = Duration::from_secs(30);
const COOLDOWN_PERIOD: Duration = Duration::from_secs(300);
const SYNC_PERIOD: Duration = Duration::from_secs(15);
const STABILIZATION_WINDOW: Duration = Duration::from_secs(300);
const SCALE_TOLERANCE: f64 = 0.1;
const MAX_ADDED_AGENTS: usize = 4;
/// How often a stream looks whether the activity has changed.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How often a stream says again that there is work.
const REPEAT_INTERVAL: Duration = Duration::from_secs(5);

/// An agent that is wanted.
struct WantedAgent {
    stream: StreamId,
    serves_from: Timestamp,
    serves: bool,
}

/// A region and what scales its agents.
pub struct ScaledAgents {
    pub region: SimulatedRegion,
    /// When which number of agents was wanted.
    pub changes: Vec<(Duration, usize)>,
    begun: Timestamp,
    wanted: Vec<WantedAgent>,
    next_stream: u64,
    /// When the stream said last that there is work, while there is.
    told_active: Option<Timestamp>,
    last_active: Timestamp,
    next_look: Timestamp,
    next_poll: Timestamp,
    next_sync: Timestamp,
    recommendations: VecDeque<(Timestamp, usize)>,
}

impl ScaledAgents {
    /// Without an agent.
    pub fn new() -> Self {
        let region = SimulatedRegion::new();
        let begun = region.now;
        Self {
            region,
            changes: Vec::new(),
            begun,
            wanted: Vec::new(),
            next_stream: 1,
            told_active: None,
            last_active: begun - COOLDOWN_PERIOD,
            next_look: begun,
            next_poll: begun,
            next_sync: begun,
            recommendations: VecDeque::new(),
        }
    }

    pub fn run(&mut self, span: Duration) {
        let end = self.region.now + span;
        while self.region.now < end {
            self.region.step();
            self.ask();
            self.start_agents();
        }
    }

    pub fn wanted_agents(&self) -> usize {
        self.wanted.len()
    }

    pub fn most_agents(&self) -> usize {
        self.changes.iter().map(|(_, agents)| *agents).max().unwrap_or_default()
    }

    /// How often the number of wanted agents began to fall after it rose, or to rise after
    /// it fell.
    pub fn turns(&self) -> usize {
        let numbers: Vec<usize> = self.changes.iter().map(|(_, agents)| *agents).collect();
        let rises: Vec<bool> = numbers.windows(2).map(|pair| pair[1] > pair[0]).collect();
        rises.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    fn ask(&mut self) {
        let now = self.region.now;
        let (looks, polls) = (now >= self.next_look, now >= self.next_poll);
        if looks || polls {
            self.next_look = if looks { now + LOOK_INTERVAL } else { self.next_look };
            self.next_poll = if polls { now + POLLING_INTERVAL } else { self.next_poll };
            let is_active = self.region.demand().is_some_and(|told| told.is_active(Duration::ZERO));
            let was_told = self.told_active.is_some_and(|at| now.since(at) < REPEAT_INTERVAL);
            self.told_active = match (is_active, was_told) {
                (true, true) => self.told_active,
                (true, false) => Some(now),
                (false, _) => None,
            };
            if polls || (is_active && !was_told) {
                self.request_scale(is_active);
            }
        }
        if now >= self.next_sync {
            self.next_sync = now + SYNC_PERIOD;
            if !self.wanted.is_empty() {
                self.sync();
            }
        }
    }

    /// KEDA: to one and to none.
    fn request_scale(&mut self, is_active: bool) {
        let now = self.region.now;
        if is_active {
            self.last_active = now;
            if self.wanted.is_empty() {
                self.recommendations.clear();
                self.scale_to(1);
            }
        } else if !self.wanted.is_empty() && now.since(self.last_active) >= COOLDOWN_PERIOD {
            self.scale_to(0);
        }
    }

    /// Kubernetes: among one and more.
    fn sync(&mut self) {
        let (now, current) = (self.region.now, self.wanted.len());
        let demand = self.region.demand().map_or(0.0, |told| told.demand);
        let usage = demand / (TARGET_ATTEMPTS * current as f64);
        let computed = match (usage - 1.0).abs() <= SCALE_TOLERANCE {
            true => current,
            false => (demand / TARGET_ATTEMPTS).ceil() as usize,
        };
        let recommended = computed.clamp(1, MAX_AGENTS);
        self.recommendations.push_back((now, recommended));
        while self
            .recommendations
            .front()
            .is_some_and(|(at, _)| now.since(*at) > STABILIZATION_WINDOW)
        {
            self.recommendations.pop_front();
        }
        let most_lately = self.recommendations.iter().map(|(_, agents)| *agents).max();
        let lowest = current.min(most_lately.unwrap_or(current));
        let highest = (current * 2).max(current + MAX_ADDED_AGENTS);
        self.scale_to(recommended.clamp(lowest, highest));
    }

    fn scale_to(&mut self, agents: usize) {
        if agents == self.wanted.len() {
            return;
        }
        self.changes.push((self.region.now.since(self.begun), agents));
        while self.wanted.len() < agents {
            let stream = StreamId(self.next_stream);
            self.next_stream += 1;
            let serves_from = self.region.now + AGENT_START_TIME;
            self.wanted.push(WantedAgent { stream, serves_from, serves: false });
        }
        for gone in self.wanted.split_off(agents) {
            if gone.serves {
                self.region.stop_agent(gone.stream);
            }
        }
    }

    fn start_agents(&mut self) {
        let now = self.region.now;
        for agent in self.wanted.iter_mut().filter(|agent| !agent.serves) {
            if now >= agent.serves_from {
                agent.serves = true;
                self.region.start_agent(agent.stream);
            }
        }
    }
}
