//! One subscription's queue and the gates before it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::{Job, SchedulerConfig};
use crate::health::{Breaker, BreakerState, Hold, Permission, Window, WindowConfig};
use crate::ids::Shard;
use crate::rate::TokenBucket;
use crate::subscription::{Status, Subscription};
use crate::time::Timestamp;

/// Known due times that a lane remembers; what it forgets, the sweep finds.
const MAX_KNOWN_DUE: usize = 256;
/// Most deliveries claimed for one subscription at once.
const MAX_CLAIM: usize = 256;

/// A subscription as its operator sees it.
#[derive(Clone, Copy, Debug)]
pub struct LaneView {
    pub breaker: BreakerState,
    pub breaker_opened: Option<Timestamp>,
    pub held_until: Option<Timestamp>,
    pub window: u32,
    pub in_flight: u32,
    pub queued: usize,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub subscription: Arc<Subscription>,
    pub shard: Shard,
    pub ready: VecDeque<Arc<Job>>,
    pub in_flight: u32,
    window: Window,
    breaker: Breaker,
    hold: Hold,
    probe_patience: Duration,
    rate: Option<TokenBucket>,
    /// When deliveries that wait in the table are due, as far as known.
    due: BTreeSet<Timestamp>,
    pub claiming: bool,
    /// Late successes that are being recorded: nothing is claimed meanwhile.
    pub late: u32,
    pub queued_for_claim: bool,
    /// The earliest timer set for this lane.
    pub timer: Option<Timestamp>,
    /// Deleted; kept until what is in flight has ended.
    pub retired: bool,
}

/// Whether a lane may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    /// One attempt, to see whether the endpoint lives.
    Probe,
    /// Shut until then.
    Until(Timestamp),
    /// Shut until something happens.
    Shut,
}

impl Lane {
    pub fn new(
        subscription: Arc<Subscription>,
        shard: Shard,
        config: &SchedulerConfig,
        now: Timestamp,
    ) -> Self {
        Self {
            window: Window::new(window_config(&subscription, config)),
            breaker: Breaker::new(config.breaker),
            hold: Hold::default(),
            probe_patience: config.breaker.probe_patience,
            rate: subscription.settings.max_requests_per_second.map(|n| TokenBucket::new(n, now)),
            subscription,
            shard,
            ready: VecDeque::new(),
            in_flight: 0,
            due: BTreeSet::new(),
            claiming: false,
            late: 0,
            queued_for_claim: false,
            timer: None,
            retired: false,
        }
    }

    /// Takes new settings. Whoever changes a subscription, or enables it, wants it
    /// tried again: the breaker closes and a hold ends.
    pub fn configure(
        &mut self,
        subscription: Arc<Subscription>,
        config: &SchedulerConfig,
        now: Timestamp,
    ) {
        let old = &self.subscription.settings;
        let new = &subscription.settings;
        self.breaker = Breaker::new(config.breaker);
        self.hold = Hold::default();
        if old.max_requests_per_second != new.max_requests_per_second {
            self.rate = new.max_requests_per_second.map(|n| TokenBucket::new(n, now));
        }
        if old.url != new.url || old.max_in_flight != new.max_in_flight {
            self.window = Window::new(window_config(&subscription, config));
        }
        self.subscription = subscription;
    }

    pub fn enabled(&self) -> bool {
        self.subscription.status == Status::Enabled && !self.retired
    }

    /// The gates that concern the endpoint, in the order of how long they shut.
    pub fn gate(&self, now: Timestamp) -> Gate {
        if !self.enabled() {
            return Gate::Shut;
        }
        match (self.hold.may_dispatch(now), self.breaker.may_dispatch(now)) {
            (Permission::No { until }, _) | (_, Permission::No { until }) => Gate::Until(until),
            (Permission::Probe, _) | (_, Permission::Probe) => Gate::Probe,
            (Permission::Yes, Permission::Yes) => {
                self.window.rests(now).map_or(Gate::Open, Gate::Until)
            }
        }
    }

    /// How many more may be in flight now.
    pub fn room(&self) -> u32 {
        self.window.size().saturating_sub(self.in_flight)
    }

    /// Takes the right to start one attempt now, or says when to ask again.
    pub fn take_turn(&mut self, now: Timestamp) -> Result<(), Gate> {
        let gate = self.gate(now);
        match gate {
            Gate::Open if self.room() == 0 => return Err(Gate::Shut),
            Gate::Open | Gate::Probe => {}
            Gate::Until(_) | Gate::Shut => return Err(gate),
        }
        if let Some(rate) = &mut self.rate {
            rate.try_take(now).map_err(Gate::Until)?;
        }
        if gate == Gate::Probe {
            self.breaker.probe_started(now);
            self.hold.attempt_started(now, self.probe_patience);
        }
        self.in_flight += 1;
        Ok(())
    }

    /// Gives a turn back unused: the attempt was never made.
    pub fn turn_unused(&mut self, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.breaker.probe_abandoned(now);
        self.hold.attempt_abandoned(now);
    }

    /// Learns from an attempt that ended.
    pub fn learn(&mut self, feedback: &super::Feedback, job: &Job, now: Timestamp) {
        use crate::delivery::Outcome;
        match feedback.outcome {
            Outcome::Succeeded => self.window.on_success(feedback.latency, now),
            Outcome::Timeout => self.window.on_timeout(now),
            Outcome::Unknown => {}
            _ => self.window.on_failure(now),
        }
        if feedback.outcome == Outcome::Unknown {
            self.breaker.probe_abandoned(now);
            self.hold.attempt_abandoned(now);
        } else {
            let success = feedback.outcome == Outcome::Succeeded;
            self.breaker.on_attempt_result(job.delivery.id, success, now);
            if self.hold.on_attempt_result() {
                self.window.restart();
            }
        }
        if let Some(span) = feedback.hold {
            self.hold.hold_until(now + span);
        }
    }

    /// Takes up a hold of the owner before.
    pub fn hold_until(&mut self, until: Timestamp) {
        self.hold.hold_until(until);
    }

    pub fn note_due(&mut self, due: Timestamp) {
        self.due.insert(due);
        if self.due.len() > MAX_KNOWN_DUE {
            self.due.pop_last();
        }
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().copied()
    }

    /// Forgets due times up to `until`: everything due by then was claimed.
    pub fn claimed_until(&mut self, until: Timestamp) {
        while self.due.first().is_some_and(|due| *due <= until) {
            self.due.pop_first();
        }
    }

    /// How many due deliveries to claim now; 0 when there is no use for more.
    pub fn claim_size(&self, now: Timestamp, config: &SchedulerConfig) -> usize {
        let due = self.next_due().is_some_and(|due| due <= now);
        if !due || self.claiming {
            return 0;
        }
        match self.gate(now) {
            Gate::Open => {
                let wanted = usize::try_from(self.room()).unwrap_or(usize::MAX).max(1) * 2;
                let wanted = wanted.min(MAX_CLAIM).min(config.max_deliveries_per_subscription);
                if self.ready.len() * 2 > wanted { 0 } else { wanted - self.ready.len() }
            }
            Gate::Probe => usize::from(self.ready.is_empty() && self.in_flight == 0),
            Gate::Until(_) | Gate::Shut => 0,
        }
    }

    pub fn view(&self, now: Timestamp) -> LaneView {
        LaneView {
            breaker: self.breaker.state(now),
            breaker_opened: self.breaker.opened_since(),
            held_until: self.hold.held(now),
            window: self.window.size(),
            in_flight: self.in_flight,
            queued: self.ready.len(),
        }
    }
}

fn window_config(subscription: &Subscription, config: &SchedulerConfig) -> WindowConfig {
    let max = subscription.settings.max_in_flight.unwrap_or(config.default_max_in_flight).max(1);
    WindowConfig { initial: config.window.initial.min(max), max, ..config.window }
}

/// How long a gate may stay shut before its queue goes back to the table.
pub(super) fn is_long(gate: Gate, now: Timestamp, shed_after: Duration) -> bool {
    match gate {
        Gate::Open | Gate::Probe => false,
        Gate::Shut => true,
        Gate::Until(until) => until.since(now) > shed_after,
    }
}
