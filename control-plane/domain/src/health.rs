//! How an endpoint does: how much it is sent at once, and whether it is sent
//! anything.
//!
//! Fed by the scheduler with what came of each attempt; feeds it a [`Window`] of
//! attempts in flight, a [`Breaker`] that takes a dead endpoint out of the ring
//! and probes it, and a [`Hold`] that the receiver asked for. Guarantees that
//! the window stays within its bounds, that one bad delivery never opens the
//! breaker, that an open breaker always comes to another probe, and that what was held
//! is resumed by one attempt.

use std::time::Duration;

use crate::ids::DeliveryId;
use crate::time::Timestamp;

/// An endpoint that failed this often without a success between rests after each
/// further failure.
const REST_AFTER: u32 = 100;
/// How long: short beside what a receiver needs to come back, and long beside an
/// attempt that is refused at once.
const REST: Duration = Duration::from_millis(100);

/// Bounds of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowConfig {
    pub initial: u32,
    pub min: u32,
    pub max: u32,
    /// A success that takes longer does not let the window grow.
    pub quick: Duration,
}

impl Default for WindowConfig {
    fn default() -> Self {
        Self { initial: 8, min: 1, max: 64, quick: Duration::from_secs(1) }
    }
}

/// How many attempts may be in flight at an endpoint: it grows with quick successes,
/// and is halved by time-outs and by failures of which none succeeded between.
#[derive(Clone, Debug)]
pub struct Window {
    config: WindowConfig,
    size: u32,
    /// Quick successes since the last step of growth.
    progress: u32,
    /// Failures since the last success.
    failures: u32,
    /// Of them, those since they last made it smaller.
    failures_at_size: u32,
    /// Nothing is begun before this.
    rest_until: Timestamp,
    /// Until the first time-out every quick success makes it grow, so that it
    /// doubles in a round trip.
    doubling: bool,
    /// No doubling before this: the endpoint failed just now.
    wary_until: Timestamp,
    /// Until this, what ends was begun under the window before it was halved.
    stale_until: Timestamp,
    /// Moving average of successes' latency.
    round_trip: Duration,
}

impl Window {
    pub fn new(config: WindowConfig) -> Self {
        let max = config.max.max(1);
        let min = config.min.clamp(1, max);
        let config = WindowConfig { min, max, ..config };
        Self {
            config,
            size: config.initial.clamp(min, max),
            progress: 0,
            failures: 0,
            failures_at_size: 0,
            rest_until: Timestamp::default(),
            doubling: true,
            wary_until: Timestamp::default(),
            stale_until: Timestamp::default(),
            round_trip: config.quick,
        }
    }

    pub const fn size(&self) -> u32 {
        self.size
    }

    /// Until when nothing may be begun, if so.
    pub fn rests(&self, now: Timestamp) -> Option<Timestamp> {
        (now < self.rest_until).then_some(self.rest_until)
    }

    /// Begins anew, no wider than a new endpoint's: it was sent nothing for a while.
    pub fn restart(&mut self) {
        self.size = self.size.min(self.config.initial.max(self.config.min));
        self.progress = 0;
        self.doubling = true;
    }

    pub fn on_success(&mut self, latency: Duration, now: Timestamp) {
        self.round_trip = (self.round_trip.saturating_mul(7) / 8).saturating_add(latency / 8);
        (self.failures, self.failures_at_size) = (0, 0);
        self.rest_until = Timestamp::default();
        if latency > self.config.quick || now < self.stale_until {
            return;
        }
        self.progress += 1;
        let step = if self.doubling && now >= self.wary_until { 1 } else { self.size };
        if self.progress >= step {
            self.progress = 0;
            self.size = (self.size + 1).min(self.config.max);
        }
    }

    /// Halves the window, at most once in a round trip: attempts that were begun
    /// together time out together, and tell one thing.
    pub fn on_timeout(&mut self, now: Timestamp) {
        if now < self.stale_until {
            return;
        }
        self.size = (self.size / 2).max(self.config.min);
        self.progress = 0;
        self.doubling = false;
        self.stale_until = now + self.round_trip;
    }

    /// Notes a failure that is no time-out. An error says little about load (a
    /// receiver may dislike one kind of event), so a few leave the window as it is,
    /// and for a round trip it grows with caution. But an endpoint that answers nobody,
    /// or nobody well, is not worth thousands of attempts a second: as many failures in
    /// a row as the window is wide halve it, and after [`REST_AFTER`] it rests between
    /// them, until its breaker opens or something succeeds.
    pub fn on_failure(&mut self, now: Timestamp) {
        self.wary_until = now + self.round_trip;
        self.failures = self.failures.saturating_add(1);
        self.failures_at_size += 1;
        if self.failures_at_size >= self.size {
            self.failures_at_size = 0;
            self.progress = 0;
            self.size = (self.size / 2).max(self.config.min);
        }
        if self.failures > REST_AFTER {
            self.rest_until = now + REST;
        }
    }
}

/// When a breaker opens, and how it probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failures of at least so many different deliveries open it...
    pub min_deliveries: usize,
    /// ...when they were at least so far apart, without a success between them.
    pub min_span: Duration,
    pub first_probe: Duration,
    /// The interval between probes doubles up to this.
    pub max_probe: Duration,
    /// A probe without a result after this is taken for lost. Longer than any
    /// attempt may take.
    pub probe_patience: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            min_deliveries: 20,
            min_span: Duration::from_secs(30),
            first_probe: Duration::from_secs(30),
            max_probe: Duration::from_secs(300),
            probe_patience: Duration::from_secs(120),
        }
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything may be sent.
    Closed,
    /// Nothing is sent.
    Open,
    /// A probe is under way.
    HalfOpen,
}

/// Whether an attempt may be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    Yes,
    /// One, to see whether the endpoint lives; say so with
    /// [`Breaker::probe_started`].
    Probe,
    No {
        until: Timestamp,
    },
}

/// Takes an endpoint that fails everything out of use, and probes it.
#[derive(Clone, Debug)]
pub struct Breaker {
    config: BreakerConfig,
    phase: Phase,
}

#[derive(Clone, Debug)]
enum Phase {
    Closed {
        /// Different deliveries that failed since the last success: no more than
        /// are needed to open.
        failed: Vec<DeliveryId>,
        first_failure: Timestamp,
    },
    Open {
        since: Timestamp,
        /// Between the last probe, or the opening, and the next probe.
        interval: Duration,
        probe_at: Timestamp,
    },
    Probing {
        since: Timestamp,
        interval: Duration,
        lost_at: Timestamp,
    },
}

impl Phase {
    const CLOSED: Self = Self::Closed { failed: Vec::new(), first_failure: Timestamp::MAX };
}

impl Breaker {
    pub const fn new(config: BreakerConfig) -> Self {
        Self { config, phase: Phase::CLOSED }
    }

    pub fn state(&self, now: Timestamp) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Probing { lost_at, .. } if now < lost_at => BreakerState::HalfOpen,
            Phase::Open { .. } | Phase::Probing { .. } => BreakerState::Open,
        }
    }

    /// Since when it has not been closed.
    pub const fn opened_since(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Closed { .. } => None,
            Phase::Open { since, .. } | Phase::Probing { since, .. } => Some(since),
        }
    }

    pub fn may_dispatch(&self, now: Timestamp) -> Permission {
        match self.phase {
            Phase::Closed { .. } => Permission::Yes,
            Phase::Open { probe_at: at, .. } | Phase::Probing { lost_at: at, .. } => {
                if now < at {
                    Permission::No { until: at }
                } else {
                    Permission::Probe
                }
            }
        }
    }

    pub fn probe_started(&mut self, now: Timestamp) {
        if let Phase::Open { since, interval, .. } | Phase::Probing { since, interval, .. } =
            self.phase
        {
            self.phase =
                Phase::Probing { since, interval, lost_at: now + self.config.probe_patience };
        }
    }

    /// Notes that a probe came to nothing: it was never sent, or nobody knows.
    /// The next one may be made at once.
    pub fn probe_abandoned(&mut self, now: Timestamp) {
        if let Phase::Probing { since, interval, .. } = self.phase {
            self.phase = Phase::Open { since, interval, probe_at: now };
        }
    }

    pub fn on_attempt_result(&mut self, delivery: DeliveryId, success: bool, now: Timestamp) {
        if success {
            self.phase = Phase::CLOSED;
            return;
        }
        match &mut self.phase {
            Phase::Closed { failed, first_failure } => {
                *first_failure = now.min(*first_failure);
                if failed.len() < self.config.min_deliveries && !failed.contains(&delivery) {
                    failed.push(delivery);
                }
                let enough = failed.len() >= self.config.min_deliveries;
                if enough && now.since(*first_failure) >= self.config.min_span {
                    self.open(now, self.config.first_probe, now);
                }
            }
            // Begun before it opened: nothing new.
            Phase::Open { .. } => {}
            Phase::Probing { since, interval, .. } => {
                let (since, doubled) = (*since, interval.saturating_mul(2));
                self.open(since, doubled.min(self.config.max_probe), now);
            }
        }
    }

    fn open(&mut self, since: Timestamp, interval: Duration, now: Timestamp) {
        self.phase = Phase::Open { since, interval, probe_at: now + interval };
    }
}

/// Until when a receiver asked to be left alone (Retry-After on 429 and 503). After it
/// one attempt goes first, as behind a breaker: what was held does not meet a receiver
/// who may not be back all at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    phase: HoldPhase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum HoldPhase {
    #[default]
    Free,
    Held {
        until: Timestamp,
    },
    /// The first attempt after it is under way.
    Resuming {
        lost_at: Timestamp,
    },
}

impl Hold {
    /// Holds until then, or longer if it was held for longer already.
    pub fn hold_until(&mut self, until: Timestamp) {
        let until = match self.phase {
            HoldPhase::Held { until: known } => known.max(until),
            HoldPhase::Free | HoldPhase::Resuming { .. } => until,
        };
        self.phase = HoldPhase::Held { until };
    }

    /// Until when it is held, if it is.
    pub fn held(&self, now: Timestamp) -> Option<Timestamp> {
        match self.phase {
            HoldPhase::Held { until } if now < until => Some(until),
            _ => None,
        }
    }

    pub fn may_dispatch(&self, now: Timestamp) -> Permission {
        match self.phase {
            HoldPhase::Free => Permission::Yes,
            HoldPhase::Held { until: at } | HoldPhase::Resuming { lost_at: at } => {
                if now < at {
                    Permission::No { until: at }
                } else {
                    Permission::Probe
                }
            }
        }
    }

    /// Notes that the first attempt after it began; without a result after `patience` it
    /// is taken for lost.
    pub fn attempt_started(&mut self, now: Timestamp, patience: Duration) {
        if self.phase != HoldPhase::Free {
            self.phase = HoldPhase::Resuming { lost_at: now + patience };
        }
    }

    /// Notes that it came to nothing: it was never sent, or nobody knows. Another may
    /// begin at once.
    pub fn attempt_abandoned(&mut self, now: Timestamp) {
        if matches!(self.phase, HoldPhase::Resuming { .. }) {
            self.phase = HoldPhase::Held { until: now };
        }
    }

    /// An attempt's result came; whether it ends the hold. What was begun before it
    /// does not.
    pub fn on_attempt_result(&mut self) -> bool {
        let ends = matches!(self.phase, HoldPhase::Resuming { .. });
        if ends {
            self.phase = HoldPhase::Free;
        }
        ends
    }
}
