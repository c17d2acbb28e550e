//! One subscription's queue and the gates before it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::config::SchedulerConfig;
use super::entry::{AttemptFeedback, BreakerSpan, ScheduledDelivery};
use crate::endpoint_health::{
    BreakerState, CircuitBreaker, ConcurrencyWindow, ConcurrencyWindowConfig, DispatchPermission,
    EndpointHold,
};
use crate::ids::Shard;
use crate::rate::TokenBucket;
use crate::subscription::{Subscription, SubscriptionStatus};
use crate::time::Timestamp;

/// Due times that a lane remembers; the sweep finds the others. As many as one claim takes.
const MAX_KNOWN_DUE_TIMES: usize = 256;
/// Most deliveries claimed for one subscription at once. Four times an endpoint's first
/// window, so that the next claim is made while this one is sent.
const MAX_CLAIMED_DELIVERIES: usize = 256;
/// What a lane is counted for at most before its first success. What the owner before knew of
/// a dead receiver is not stored, so that a take-over would bring agents for each of them; one
/// that lives has its first success soon. An eighth of the first window.
const MAX_UNPROVEN_ATTEMPTS: u64 = 8;

/// A subscription's lane, as operators see it.
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
    pub ready: VecDeque<Arc<ScheduledDelivery>>,
    pub in_flight: u32,
    window: ConcurrencyWindow,
    breaker: CircuitBreaker,
    hold: EndpointHold,
    probe_timeout: Duration,
    rate: Option<TokenBucket>,
    /// When deliveries in the table are due, as far as known.
    due: BTreeSet<Timestamp>,
    pub claiming: bool,
    /// Late successes that are being recorded; no claims in the meantime.
    pub late: u32,
    pub queued_for_claim: bool,
    /// The earliest timer set for this lane.
    pub timer: Option<Timestamp>,
    /// The subscription is deleted; the lane stays until its attempts have ended.
    pub retired: bool,
    /// Whether it is among the scheduler's busy lanes.
    pub listed: bool,
    /// Whether an attempt at this URL has succeeded since this replica owns the shard.
    has_succeeded: bool,
}

/// Whether a lane may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LaneGate {
    Open,
    /// One probe.
    Probe,
    /// Closed until a time.
    Until(Timestamp),
    /// Closed until an event opens it.
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
            window: ConcurrencyWindow::new(window_config(&subscription, config)),
            breaker: CircuitBreaker::new(config.breaker),
            hold: EndpointHold::default(),
            probe_timeout: config.breaker.probe_timeout,
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
            listed: false,
            has_succeeded: false,
        }
    }

    /// Applies new settings. A change or an enabling asks for an attempt, so the
    /// breaker closes and a hold ends.
    pub fn configure(
        &mut self,
        subscription: Arc<Subscription>,
        config: &SchedulerConfig,
        now: Timestamp,
    ) {
        let old = &self.subscription.settings;
        let new = &subscription.settings;
        self.breaker = CircuitBreaker::new(config.breaker);
        self.hold = EndpointHold::default();
        if old.max_requests_per_second != new.max_requests_per_second {
            self.rate = new.max_requests_per_second.map(|n| TokenBucket::new(n, now));
        }
        if old.url != new.url || old.max_in_flight != new.max_in_flight {
            self.window = ConcurrencyWindow::new(window_config(&subscription, config));
        }
        self.has_succeeded &= old.url == new.url;
        self.subscription = subscription;
    }

    pub fn enabled(&self) -> bool {
        self.subscription.status == SubscriptionStatus::Enabled && !self.retired
    }

    /// The gate of the endpoint: the one that stays closed longest decides.
    pub fn gate(&self, now: Timestamp) -> LaneGate {
        if !self.enabled() {
            return LaneGate::Shut;
        }
        match (self.hold.may_dispatch(now), self.breaker.may_dispatch(now)) {
            (DispatchPermission::No { until }, _) | (_, DispatchPermission::No { until }) => {
                LaneGate::Until(until)
            }
            (DispatchPermission::Probe, _) | (_, DispatchPermission::Probe) => LaneGate::Probe,
            (DispatchPermission::Yes, DispatchPermission::Yes) => {
                self.window.rests(now).map_or(LaneGate::Open, LaneGate::Until)
            }
        }
    }

    /// Whether it has nothing at all.
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.ready.is_empty() && self.due.is_empty()
    }

    /// Whether nothing is to be done, or seen, before it is woken: by an event, or by its timer
    /// once something is due.
    pub fn rests(&self, now: Timestamp) -> bool {
        let is_woken = |due: Timestamp| now < due && self.timer.is_some_and(|timer| timer <= due);
        self.in_flight == 0 && self.ready.is_empty() && self.next_due().is_none_or(is_woken)
    }

    /// Attempts that would be in flight now if agents had room for all of them: those that
    /// are, and those that are due and may begin beside them. Of what waits in the table only
    /// some due times are known, so that without agents it is at least one. Few before the
    /// first success.
    pub fn wanted(&self, now: Timestamp) -> u64 {
        let wanted = u64::from(self.in_flight).saturating_add(self.startable(now));
        if self.has_succeeded { wanted } else { wanted.min(MAX_UNPROVEN_ATTEMPTS) }
    }

    /// Of what is known to be due, what may begin now.
    fn startable(&self, now: Timestamp) -> u64 {
        let in_table = self.next_due().filter(|due| *due <= now);
        let queued = self.ready.front().map(|scheduled| scheduled.delivery.due);
        let Some(oldest) = [in_table, queued].into_iter().flatten().min() else {
            return 0;
        };
        let allowed = match self.gate(now) {
            LaneGate::Open => self.free_slots(),
            LaneGate::Probe => 1,
            LaneGate::Until(_) | LaneGate::Shut => 0,
        };
        let allowed = match &self.rate {
            // For want of agents, starts were missed. What would have begun longer ago than a
            // round trip would have ended.
            Some(rate) => {
                let since = oldest.max(now - self.window.round_trip());
                allowed.min(rate.missed_starts(since, now))
            }
            None => allowed,
        };
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        let queued = self.ready.len().min(allowed);
        let startable = queued + self.count_due(now, allowed - queued);
        u64::try_from(startable).unwrap_or(u64::MAX)
    }

    /// How many known deliveries in the table are due, and no more than `most`.
    fn count_due(&self, now: Timestamp, most: usize) -> usize {
        // Mostly, either all of them are or they are retries, of which few are.
        match self.due.last() {
            Some(last) if *last <= now => self.due.len().min(most),
            _ => self.due.range(..=now).take(most).count(),
        }
    }

    /// How many more attempts may be in flight.
    pub fn free_slots(&self) -> u32 {
        self.window.size().saturating_sub(self.in_flight)
    }

    /// Uses up one start, or says when to try again.
    pub fn take_turn(&mut self, now: Timestamp) -> Result<(), LaneGate> {
        let gate = self.gate(now);
        match gate {
            LaneGate::Open if self.free_slots() == 0 => return Err(LaneGate::Shut),
            LaneGate::Open | LaneGate::Probe => {}
            LaneGate::Until(_) | LaneGate::Shut => return Err(gate),
        }
        if let Some(rate) = &mut self.rate {
            rate.try_take(now).map_err(LaneGate::Until)?;
        }
        if gate == LaneGate::Probe {
            self.breaker.probe_started(now);
            self.hold.attempt_started(now, self.probe_timeout);
        }
        self.in_flight += 1;
        Ok(())
    }

    /// Returns an unused start: the attempt was not made.
    pub fn return_turn(&mut self, now: Timestamp) {
        debug_assert!(self.in_flight > 0, "a turn is returned once");
        self.in_flight = self.in_flight.saturating_sub(1);
        self.breaker.probe_abandoned(now);
        self.hold.attempt_abandoned(now);
    }

    /// Updates window and breaker from an ended attempt; tells what the breaker made of it.
    pub fn learn(
        &mut self,
        feedback: &AttemptFeedback,
        scheduled: &ScheduledDelivery,
        now: Timestamp,
    ) -> BreakerSpan {
        use crate::delivery::Outcome;
        let before = self.breaker.opened_since();
        match feedback.outcome {
            Outcome::Succeeded => {
                self.has_succeeded = true;
                self.window.on_success(feedback.latency, now);
            }
            Outcome::Timeout => self.window.on_timeout(now),
            Outcome::Unknown => {}
            Outcome::HttpStatus
            | Outcome::DnsFailed
            | Outcome::ConnectFailed
            | Outcome::TlsFailed
            | Outcome::ConnectionClosed
            | Outcome::ResponseTooLarge
            | Outcome::BlockedAddress
            | Outcome::InvalidRequest
            | Outcome::TokenFailed => self.window.on_failure(now),
        }
        if feedback.outcome == Outcome::Unknown {
            self.breaker.probe_abandoned(now);
            self.hold.attempt_abandoned(now);
        } else {
            let success = feedback.outcome == Outcome::Succeeded;
            self.breaker.on_attempt_result(scheduled.delivery.id, success, now);
            if self.hold.on_attempt_result() {
                self.window.restart();
            }
        }
        if let Some(span) = feedback.hold {
            self.hold.hold_until(now + span);
        }
        BreakerSpan { before, after: self.breaker.opened_since() }
    }

    /// Takes over a hold of the previous owner.
    pub fn hold_until(&mut self, until: Timestamp) {
        self.hold.hold_until(until);
    }

    pub fn note_due(&mut self, due: Timestamp) {
        self.due.insert(due);
        if self.due.len() > MAX_KNOWN_DUE_TIMES {
            self.due.pop_last();
        }
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().copied()
    }

    /// Forgets due times up to `until`, because everything due by then was claimed.
    pub fn claimed_until(&mut self, until: Timestamp) {
        while self.due.first().is_some_and(|due| *due <= until) {
            self.due.pop_first();
        }
    }

    /// How many due deliveries to claim now.
    pub fn claim_size(&self, now: Timestamp, config: &SchedulerConfig) -> usize {
        let due = self.next_due().is_some_and(|due| due <= now);
        if !due || self.claiming {
            return 0;
        }
        match self.gate(now) {
            LaneGate::Open => {
                let wanted = usize::try_from(self.free_slots()).unwrap_or(usize::MAX).max(1) * 2;
                let wanted =
                    wanted.min(MAX_CLAIMED_DELIVERIES).min(config.max_deliveries_per_subscription);
                if self.ready.len() * 2 > wanted { 0 } else { wanted - self.ready.len() }
            }
            LaneGate::Probe => usize::from(self.ready.is_empty() && self.in_flight == 0),
            LaneGate::Until(_) | LaneGate::Shut => 0,
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

fn window_config(subscription: &Subscription, config: &SchedulerConfig) -> ConcurrencyWindowConfig {
    let max = subscription.settings.max_in_flight.unwrap_or(config.default_max_in_flight).max(1);
    ConcurrencyWindowConfig { initial: config.window.initial.min(max), max, ..config.window }
}

/// Whether a closed gate stays closed for so long that its queue goes back to the
/// table.
pub(super) fn is_long(gate: LaneGate, now: Timestamp, shed_after: Duration) -> bool {
    match gate {
        LaneGate::Open | LaneGate::Probe => false,
        LaneGate::Shut => true,
        LaneGate::Until(until) => until.since(now) > shed_after,
    }
}
