//! An endpoint's health: how many attempts it gets at once, and whether it gets any.
//!
//! Fed by the scheduler with the outcome of each attempt; feeds it a [`ConcurrencyWindow`] of
//! attempts in flight, a [`CircuitBreaker`] that stops sending to a dead endpoint and probes
//! it, and a [`EndpointHold`] that the receiver asked for. Guarantees that the window stays
//! within its limits, that one bad delivery never opens the breaker, that an open
//! breaker always probes again, and that one attempt goes first after a hold.
//!
//! How to drive them: before an attempt ask `size` and `rests` of the window and
//! `may_dispatch` of the others; for a probe then call `probe_started` and
//! `attempt_started`; tell each of them of every result, or `…_abandoned` where there is
//! none.
//!
//! Keeps the invariant `breaker-spares-deliveries`.

use std::time::Duration;

use crate::ids::DeliveryId;
use crate::time::Timestamp;

/// After so many failures without a success the endpoint rests after each further one. More
/// than the first window (64), so that one burst of failures is not enough (decision 0011).
const FAILURES_BEFORE_REST: u32 = 100;
/// How long it rests: short compared with a receiver's recovery, long compared with a
/// refused connection.
const FAILURE_REST_TIME: Duration = Duration::from_millis(100);

/// Limits of a concurrency window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcurrencyWindowConfig {
    pub initial: u32,
    pub min: u32,
    pub max: u32,
    /// A slower success does not widen the window.
    pub quick: Duration,
}

impl Default for ConcurrencyWindowConfig {
    fn default() -> Self {
        Self { initial: 8, min: 1, max: 64, quick: Duration::from_secs(1) }
    }
}

/// How many attempts may be in flight at an endpoint. Quick successes widen it;
/// time-outs, and failures without a success between them, halve it.
#[derive(Clone, Debug)]
pub struct ConcurrencyWindow {
    config: ConcurrencyWindowConfig,
    size: u32,
    /// Quick successes since it was widened last.
    progress: u32,
    /// Failures since the last success.
    failures: u32,
    /// Those of them since it was halved last.
    failures_at_size: u32,
    /// Nothing may begin before this.
    rest_until: Timestamp,
    /// Until the first time-out every quick success widens it, which doubles it in a
    /// round trip.
    doubling: bool,
    /// No doubling before this, because the endpoint has just failed.
    wary_until: Timestamp,
    /// What ends before this began under the wider window.
    stale_until: Timestamp,
    /// Moving average of successes' latency.
    round_trip: Duration,
}

impl ConcurrencyWindow {
    pub fn new(config: ConcurrencyWindowConfig) -> Self {
        let max = config.max.max(1);
        let min = config.min.clamp(1, max);
        let config = ConcurrencyWindowConfig { min, max, ..config };
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

    /// Moving average of successes' latency.
    pub const fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// When the next attempt may begin, if not now.
    pub fn rests(&self, now: Timestamp) -> Option<Timestamp> {
        (now < self.rest_until).then_some(self.rest_until)
    }

    /// Starts again with at most a new endpoint's window, after a time without
    /// attempts.
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

    /// Halves the window, at most once in a round trip, because attempts begun together
    /// time out together.
    pub fn on_timeout(&mut self, now: Timestamp) {
        if now < self.stale_until {
            return;
        }
        self.size = (self.size / 2).max(self.config.min);
        self.progress = 0;
        self.doubling = false;
        self.stale_until = now + self.round_trip;
    }

    /// Counts a failure that is not a time-out. One error says little about load, since
    /// a receiver may dislike one kind of event, so a few leave the window as it is and
    /// only slow its growth for a round trip. But as many failures in a row as the
    /// window is wide halve it, and after `FAILURES_BEFORE_REST` the endpoint rests
    /// after each, until a success or until its breaker opens: an endpoint that always
    /// fails is not worth thousands of attempts a second.
    pub fn on_failure(&mut self, now: Timestamp) {
        self.wary_until = now + self.round_trip;
        self.failures = self.failures.saturating_add(1);
        self.failures_at_size += 1;
        if self.failures_at_size >= self.size {
            self.failures_at_size = 0;
            self.progress = 0;
            self.size = (self.size / 2).max(self.config.min);
        }
        if self.failures > FAILURES_BEFORE_REST {
            self.rest_until = now + FAILURE_REST_TIME;
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
    /// A probe without a result after this is considered lost. Longer than any attempt
    /// may take.
    pub probe_timeout: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            min_deliveries: 20,
            min_span: Duration::from_secs(30),
            first_probe: Duration::from_secs(30),
            max_probe: Duration::from_secs(300),
            probe_timeout: Duration::from_secs(120),
        }
    }
}

/// The state of a circuit breaker.
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
pub enum DispatchPermission {
    Yes,
    /// One probe; report it with [`CircuitBreaker::probe_started`].
    Probe,
    No {
        until: Timestamp,
    },
}

/// Stops sending to an endpoint that fails every delivery, and probes it.
#[derive(Clone, Debug)]
pub struct CircuitBreaker {
    config: BreakerConfig,
    phase: BreakerPhase,
}

#[derive(Clone, Debug)]
enum BreakerPhase {
    Closed {
        /// Different deliveries that failed since the last success, at most as many as
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

impl BreakerPhase {
    const CLOSED: Self = Self::Closed { failed: Vec::new(), first_failure: Timestamp::MAX };
}

impl CircuitBreaker {
    pub const fn new(config: BreakerConfig) -> Self {
        Self { config, phase: BreakerPhase::CLOSED }
    }

    pub fn state(&self, now: Timestamp) -> BreakerState {
        match self.phase {
            BreakerPhase::Closed { .. } => BreakerState::Closed,
            BreakerPhase::Probing { lost_at, .. } if now < lost_at => BreakerState::HalfOpen,
            BreakerPhase::Open { .. } | BreakerPhase::Probing { .. } => BreakerState::Open,
        }
    }

    /// Since when it has not been closed.
    pub const fn opened_since(&self) -> Option<Timestamp> {
        match self.phase {
            BreakerPhase::Closed { .. } => None,
            BreakerPhase::Open { since, .. } | BreakerPhase::Probing { since, .. } => Some(since),
        }
    }

    pub fn may_dispatch(&self, now: Timestamp) -> DispatchPermission {
        match self.phase {
            BreakerPhase::Closed { .. } => DispatchPermission::Yes,
            BreakerPhase::Open { probe_at: at, .. } | BreakerPhase::Probing { lost_at: at, .. } => {
                if now < at {
                    DispatchPermission::No { until: at }
                } else {
                    DispatchPermission::Probe
                }
            }
        }
    }

    pub fn probe_started(&mut self, now: Timestamp) {
        if let BreakerPhase::Open { since, interval, .. }
        | BreakerPhase::Probing { since, interval, .. } = self.phase
        {
            self.phase =
                BreakerPhase::Probing { since, interval, lost_at: now + self.config.probe_timeout };
        }
    }

    /// A probe had no result: it was never sent, or its outcome is unknown. The next
    /// probe may begin at once.
    pub fn probe_abandoned(&mut self, now: Timestamp) {
        if let BreakerPhase::Probing { since, interval, .. } = self.phase {
            self.phase = BreakerPhase::Open { since, interval, probe_at: now };
        }
    }

    pub fn on_attempt_result(&mut self, delivery: DeliveryId, success: bool, now: Timestamp) {
        if success {
            self.phase = BreakerPhase::CLOSED;
            return;
        }
        match &mut self.phase {
            BreakerPhase::Closed { failed, first_failure } => {
                *first_failure = now.min(*first_failure);
                if failed.len() < self.config.min_deliveries && !failed.contains(&delivery) {
                    failed.push(delivery);
                }
                let enough = failed.len() >= self.config.min_deliveries;
                if enough && now.since(*first_failure) >= self.config.min_span {
                    self.open(now, self.config.first_probe, now);
                }
            }
            // Begun before it opened: says nothing new.
            BreakerPhase::Open { .. } => {}
            BreakerPhase::Probing { since, interval, .. } => {
                let (since, doubled) = (*since, interval.saturating_mul(2));
                self.open(since, doubled.min(self.config.max_probe), now);
            }
        }
    }

    fn open(&mut self, since: Timestamp, interval: Duration, now: Timestamp) {
        self.phase = BreakerPhase::Open { since, interval, probe_at: now + interval };
    }
}

/// A hold that the receiver asked for (Retry-After on 429 and 503). Afterwards one
/// attempt goes first, as with a breaker, so that a receiver that is not back does not
/// meet everything that was held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointHold {
    phase: HoldPhase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum HoldPhase {
    #[default]
    Free,
    Held {
        until: Timestamp,
    },
    /// The first attempt afterwards is under way.
    Resuming {
        lost_at: Timestamp,
    },
}

impl EndpointHold {
    /// Holds until `until`, or longer if it was held for longer already.
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
            HoldPhase::Held { until } => (now < until).then_some(until),
            HoldPhase::Free | HoldPhase::Resuming { .. } => None,
        }
    }

    pub fn may_dispatch(&self, now: Timestamp) -> DispatchPermission {
        match self.phase {
            HoldPhase::Free => DispatchPermission::Yes,
            HoldPhase::Held { until: at } | HoldPhase::Resuming { lost_at: at } => {
                if now < at {
                    DispatchPermission::No { until: at }
                } else {
                    DispatchPermission::Probe
                }
            }
        }
    }

    /// The first attempt after the hold began; without a result after `patience` it is
    /// considered lost.
    pub fn attempt_started(&mut self, now: Timestamp, patience: Duration) {
        if self.phase != HoldPhase::Free {
            self.phase = HoldPhase::Resuming { lost_at: now + patience };
        }
    }

    /// That attempt had no result: it was never sent, or its outcome is unknown.
    /// Another may begin at once.
    pub fn attempt_abandoned(&mut self, now: Timestamp) {
        if matches!(self.phase, HoldPhase::Resuming { .. }) {
            self.phase = HoldPhase::Held { until: now };
        }
    }

    /// A result came. Returns whether it ends the hold; an attempt begun before the
    /// hold does not.
    pub fn on_attempt_result(&mut self) -> bool {
        let ends = matches!(self.phase, HoldPhase::Resuming { .. });
        if ends {
            self.phase = HoldPhase::Free;
        }
        ends
    }
}
