//! Agents follow the load: the product's scheduler, with receivers, agents and a table that
//! are simulated, under a model of KEDA and of Kubernetes' autoscaler.
//!
//! Sizes are an eighth of the defaults: an agent has 64 attempts in flight, and its target is
//! 40; a receiver begins with a window of 8. An agent serves ten seconds after it is wanted.
//! All chance comes from one seed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod autoscaler;
mod installation;
mod receivers;

use std::f64::consts::TAU;
use std::time::Duration;

use autoscaler::ScaledAgents;
use installation::AGENT_CAPACITY;
use receivers::ReceiverKind;

/// Within this agents are as many as the load needs.
const FOLLOW_LIMIT: Duration = Duration::from_secs(60);
/// An autoscaler's memory of what it recommended, and a few looks.
const SCALE_DOWN_LIMIT: Duration = Duration::from_secs(420);
const MINUTE: Duration = Duration::from_secs(60);

const fn answers_after(seconds: u64) -> ReceiverKind {
    ReceiverKind::Answers(Duration::from_secs(seconds))
}

/// A region of so many subscriptions, which get a part each of so many events a second.
fn region(receivers: usize, kind: ReceiverKind, per_second: f64) -> ScaledAgents {
    let mut scaled = ScaledAgents::new();
    for _ in 0..receivers {
        scaled.region.subscribe(kind, per_second / receivers as f64);
    }
    scaled
}

#[test]
fn a_burst_gets_its_agents_within_a_minute_and_gives_them_back_once() {
    let mut scaled = region(40, answers_after(5), 2.0);
    scaled.run(MINUTE * 5);
    assert_eq!(scaled.wanted_agents(), 1);
    // 200 attempts at once.
    scaled.region.set_load(40.0);
    scaled.run(FOLLOW_LIMIT);
    assert!(scaled.region.agents() * AGENT_CAPACITY >= 200, "{} agents", scaled.region.agents());
    scaled.run(MINUTE);
    // A receiver may have eight at once, and five on average: now and then one waits.
    assert!(scaled.region.waiting() < 40, "what gathered meanwhile is sent");
    scaled.run(MINUTE * 8);
    scaled.region.set_load(2.0);
    scaled.run(SCALE_DOWN_LIMIT);
    assert_eq!(scaled.wanted_agents(), 1);
    assert_eq!(scaled.turns(), 1, "up and down once: {:?}", scaled.changes);
}

#[test]
fn a_daily_wave_is_followed_without_flapping() {
    let mut scaled = region(40, answers_after(5), 0.5);
    // A day in two hours: what takes minutes here takes an hour there.
    let minutes = 120;
    for minute in 0..minutes {
        let phase = f64::from(minute) / f64::from(minutes);
        scaled.region.set_load(12.0 * (1.0 - (phase * TAU).cos()) + 0.5);
        scaled.run(MINUTE);
        let (agents, wanted) = (scaled.region.agents(), scaled.region.wanted());
        assert!(agents * AGENT_CAPACITY >= wanted, "minute {minute}: {wanted} with {agents}");
    }
    assert!(scaled.most_agents() >= 3, "{:?}", scaled.changes);
    assert_eq!(scaled.turns(), 1, "up by day and down by night: {:?}", scaled.changes);
}

#[test]
fn dead_receivers_bring_no_agent() {
    let mut scaled = region(40, ReceiverKind::Answers(Duration::from_millis(200)), 8.0);
    scaled.run(MINUTE * 5);
    for _ in 0..4 {
        scaled.region.subscribe(ReceiverKind::TimesOut, 5.0);
    }
    scaled.run(MINUTE * 30);
    assert!(scaled.region.waiting() > 10_000, "{} wait", scaled.region.waiting());
    assert_eq!(scaled.most_agents(), 1, "{:?}", scaled.changes);
}

#[test]
fn receivers_that_begin_to_hang_count_their_windows_until_they_time_out() {
    let mut scaled = region(4, ReceiverKind::Answers(Duration::from_millis(200)), 4.0);
    scaled.run(MINUTE * 5);
    scaled.region.set_load(40.0);
    scaled.run(MINUTE);
    assert_eq!(scaled.most_agents(), 1, "{:?}", scaled.changes);
    // By now each may have 64 in flight: 256, or seven agents.
    scaled.region.answer_all(ReceiverKind::TimesOut);
    scaled.run(MINUTE);
    assert!((2..=7).contains(&scaled.most_agents()), "{:?}", scaled.changes);
    scaled.run(SCALE_DOWN_LIMIT);
    assert_eq!(scaled.wanted_agents(), 1);
    assert_eq!(scaled.turns(), 1, "up and down once: {:?}", scaled.changes);
}

#[test]
fn a_dead_receiver_keeps_one_agent_awake() {
    let mut scaled = region(1, ReceiverKind::TimesOut, 1.0);
    scaled.run(MINUTE * 60);
    let numbers: Vec<usize> = scaled.changes.iter().map(|(_, agents)| *agents).collect();
    assert_eq!(numbers, [1], "each of its probes comes before the last cooldown is over");
}

#[test]
fn who_has_a_rate_gets_the_agents_for_the_starts_that_were_missed() {
    let mut scaled = ScaledAgents::new();
    for _ in 0..30 {
        let kind = ReceiverKind::Answers(Duration::from_millis(1_900));
        scaled.region.subscribe_with_rate(kind, 3.5, Some(4));
    }
    // The first agent has 64 of the 200 that the load needs; each subscription starts less
    // than it may.
    scaled.run(Duration::from_secs(20));
    assert!(scaled.wanted_agents() >= 3, "{:?}", scaled.changes);
    scaled.run(FOLLOW_LIMIT - Duration::from_secs(20));
    assert!(scaled.region.agents() * AGENT_CAPACITY >= 200, "{} agents", scaled.region.agents());
    scaled.run(MINUTE * 10);
    assert!(scaled.most_agents() <= 7, "and no more: {:?}", scaled.changes);
}

#[test]
fn slow_receivers_get_the_agents_that_they_need_and_no_more() {
    let mut scaled = region(20, ReceiverKind::Answers(Duration::from_millis(200)), 10.0);
    scaled.run(MINUTE * 5);
    assert_eq!(scaled.wanted_agents(), 1);
    // 200 attempts at once, after the 20 s that the first of them take.
    scaled.region.answer_all(answers_after(20));
    scaled.run(FOLLOW_LIMIT + Duration::from_secs(20));
    assert!(scaled.region.agents() * AGENT_CAPACITY >= 200, "{} agents", scaled.region.agents());
    scaled.run(MINUTE * 10);
    assert_eq!(scaled.region.waiting(), 0);
    let settled = scaled.wanted_agents();
    assert!((5..=6).contains(&settled), "{settled}");
    // One that gets more than it can take: what waits for it is no reason for agents, what
    // it may have in flight is.
    let changes = scaled.changes.len();
    scaled.region.subscribe(answers_after(20), 20.0);
    scaled.run(MINUTE * 30);
    assert!(scaled.region.waiting() > 10_000, "{} wait", scaled.region.waiting());
    let later = &scaled.changes[changes..];
    assert!(later.iter().all(|(_, agents)| (5..=settled + 1).contains(agents)), "{later:?}");
    assert_eq!(scaled.turns(), 1, "up, and down once nothing waits: {:?}", scaled.changes);
}

#[test]
fn a_sleeping_region_wakes_within_a_second_and_a_trickle_keeps_it_awake() {
    let mut scaled = region(1, ReceiverKind::Answers(Duration::from_millis(50)), 0.0);
    scaled.run(MINUTE);
    assert_eq!(scaled.wanted_agents(), 0);
    scaled.region.publish(0);
    scaled.run(Duration::from_secs(1));
    assert_eq!(scaled.wanted_agents(), 1);
    scaled.run(Duration::from_secs(14));
    assert_eq!((scaled.region.delivered, scaled.region.waiting()), (1, 0));
    scaled.run(MINUTE * 8);
    assert_eq!(scaled.wanted_agents(), 0, "{:?}", scaled.changes);
    for _ in 0..90 {
        scaled.region.publish(0);
        scaled.run(Duration::from_secs(20));
    }
    assert_eq!(scaled.changes.len(), 3, "awake, asleep and awake: {:?}", scaled.changes);
}

#[test]
fn what_waits_for_a_retry_keeps_no_agent_and_wakes_one_when_it_is_due() {
    let mut scaled = region(4, ReceiverKind::Refuses, 0.0);
    for number in 0..40 {
        scaled.region.publish(number % 4);
    }
    scaled.run(MINUTE * 10);
    assert_eq!((scaled.wanted_agents(), scaled.region.waiting()), (0, 40));
    scaled.region.answer_all(answers_after(1));
    scaled.run(MINUTE * 52);
    assert_eq!((scaled.most_agents(), scaled.region.waiting()), (1, 0), "{:?}", scaled.changes);
    assert_eq!(scaled.region.delivered, 40);
}
