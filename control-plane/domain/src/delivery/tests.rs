//! The lifecycle's rules, one by one, and against a reference model.
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::subscription::SuccessRule;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

pub(crate) fn delivery(attempts: u32, failures: u32) -> Delivery {
    Delivery {
        id: DeliveryId(Uuid::nil()),
        subscription: SubscriptionKey {
            tenant: "acme".parse().unwrap(),
            subscription: "main".parse().unwrap(),
        },
        event: EventId(Uuid::nil()),
        event_type: "payment.completed".into(),
        account: None,
        shard: Shard(0),
        epoch: Epoch(1),
        state: DeliveryState::InFlight,
        end_reason: None,
        attempts,
        failures,
        trigger: Trigger::Publish,
        due: NOW,
        deadline: NOW + RetryPolicy::default().deadline_span(),
        end_time: None,
        ordering_key: None,
        sequence: None,
        test: false,
        resend_of: None,
        filter_failed: false,
    }
}

const fn moment() -> DecisionTime {
    DecisionTime { now: NOW, running: NOW, random: 0.5 }
}

fn decide(delivery: &Delivery, outcome: Outcome) -> DeliveryTransition {
    conclude(delivery, outcome, None, &RetryPolicy::default(), moment())
}

#[test]
fn success_ends_and_failure_waits_for_the_timetable() {
    let end = DeliveryTransition::End { state: DeliveryState::Succeeded, reason: None };
    assert_eq!(decide(&delivery(1, 0), Outcome::Succeeded), end);
    let due = NOW + Duration::from_secs(5);
    assert_eq!(
        decide(&delivery(1, 0), Outcome::Timeout),
        DeliveryTransition::Retry { due, failures: 1 }
    );
}

#[test]
fn without_a_subscription_a_success_counts_and_the_rest_is_cancelled() {
    let mut record = AttemptRecord::unknown(&delivery(1, 0), "", NOW);
    for (status, end) in [
        (Some(204), (DeliveryState::Succeeded, None)),
        (Some(302), (DeliveryState::Cancelled, Some(EndReason::SubscriptionDeleted))),
        (None, (DeliveryState::Cancelled, Some(EndReason::SubscriptionDeleted))),
    ] {
        record.http_status = status;
        let reported = ReportedResponse { outcome: Outcome::HttpStatus, error: String::new() };
        record.judge_without_rule(&reported);
        let (state, reason) = end;
        let end = DeliveryTransition::End { state, reason };
        assert_eq!(conclude_without_subscription(record.outcome), end, "{status:?}");
    }
}

#[test]
fn a_result_that_is_judged_again_is_judged_as_if_for_the_first_time() {
    let broken = ReportedResponse {
        outcome: Outcome::ConnectionClosed,
        error: "the body broke off".to_owned(),
    };
    let mut record = AttemptRecord::unknown(&delivery(1, 0), "", NOW);
    record.http_status = Some(500);
    record.judge(&SuccessRule::default(), &broken);
    let explained = record.error.clone();
    assert!(
        explained.starts_with("the status 500 does not count") && explained.contains("; the body")
    );
    record.judge(&SuccessRule::default(), &broken);
    assert_eq!(record.error, explained);
    // The rule has changed since.
    record.judge(&SuccessRule::Listed([201].into()), &broken);
    assert_ne!(record.error, explained);
    assert_eq!(record.error.matches("the status 500").count(), 1, "{}", record.error);
    record.judge(&SuccessRule::Listed([500].into()), &broken);
    assert_eq!((record.outcome, &*record.error), (Outcome::Succeeded, "the body broke off"));
    // The subscription has been deleted since.
    record.judge_without_rule(&broken);
    assert_eq!(record.outcome, Outcome::ConnectionClosed);
}

#[test]
fn the_tenth_failure_of_the_standard_timetable_exhausts() {
    let spent = exhausted(EndReason::AttemptsExhausted);
    assert!(matches!(
        decide(&delivery(9, 8), Outcome::HttpStatus),
        DeliveryTransition::Retry { .. }
    ));
    assert_eq!(decide(&delivery(10, 9), Outcome::HttpStatus), spent);
}

#[test]
fn retry_after_postpones_but_never_hastens() {
    let policy = RetryPolicy::default();
    for holds in [false, true] {
        let after = |seconds| {
            let wait = Some(GrantedWait { span: Duration::from_secs(seconds), holds });
            match conclude(&delivery(1, 0), Outcome::HttpStatus, wait, &policy, moment()) {
                DeliveryTransition::Retry { due, .. } => due.since(NOW).as_secs(),
                DeliveryTransition::End { .. } => panic!("ended"),
            }
        };
        assert_eq!((after(1), after(60)), (5, 60));
    }
}

#[test]
fn no_delivery_ends_because_of_a_retry_after() {
    let policy = RetryPolicy::default();
    let mut short = delivery(1, 0);
    short.deadline = NOW + Duration::from_secs(10);
    let after = |holds| {
        let wait = Some(GrantedWait { span: Duration::from_secs(30), holds });
        conclude(&short, Outcome::HttpStatus, wait, &policy, moment())
    };
    let due = |seconds| DeliveryTransition::Retry {
        due: NOW + Duration::from_secs(seconds),
        failures: 1,
    };
    assert_eq!(after(true), due(30), "while it is held its time stands still");
    assert_eq!(after(false), due(5), "while it is not, its last attempt begins in time");
    let spent = delivery(10, 9);
    let wait = Some(GrantedWait { span: Duration::from_secs(30), holds: true });
    let end = conclude(&spent, Outcome::HttpStatus, wait, &policy, moment());
    assert_eq!(end, exhausted(EndReason::AttemptsExhausted));
}

#[test]
fn a_retry_past_the_deadline_expires_instead_by_the_running_clock() {
    let mut late = delivery(1, 0);
    late.deadline = NOW + Duration::from_secs(4);
    assert_eq!(decide(&late, Outcome::Timeout), exhausted(EndReason::Expired));
    let paused_a_minute = DecisionTime { running: NOW - Duration::from_secs(60), ..moment() };
    let policy = RetryPolicy::default();
    let next = conclude(&late, Outcome::Timeout, None, &policy, paused_a_minute);
    assert!(matches!(next, DeliveryTransition::Retry { .. }));
}

#[test]
fn unknown_is_tried_again_at_once_without_costing_the_policy_but_not_for_ever() {
    let again = DeliveryTransition::Retry { due: NOW, failures: 0 };
    assert_eq!(decide(&delivery(1, 0), Outcome::Unknown), again);
    assert_eq!(decide(&delivery(FREE_UNKNOWN_ATTEMPTS, 0), Outcome::Unknown), again);
    let counted = decide(&delivery(FREE_UNKNOWN_ATTEMPTS + 1, 0), Outcome::Unknown);
    assert_eq!(
        counted,
        DeliveryTransition::Retry { due: NOW + Duration::from_secs(5), failures: 1 }
    );
}

#[test]
fn codes_are_the_storage_format() {
    for state in DeliveryState::ALL {
        assert_eq!(DeliveryState::from_code(state.code()), Some(*state));
    }
    assert_eq!(DeliveryState::InFlight.code(), 3);
    assert_eq!(Outcome::Unknown.code(), 11);
    assert_eq!(Trigger::from_code(0), None);
}

#[test]
fn of_late_results_only_a_success_moves_a_delivery() {
    use DeliveryState::{Cancelled, Exhausted, InFlight, Succeeded, Waiting};
    for (state, succeeds) in [
        (Waiting, true),
        (InFlight, true),
        (Exhausted, true),
        (Cancelled, false),
        (Succeeded, false),
    ] {
        assert_eq!(
            late(Some(state), KnownAttempt::Unknown, Outcome::Succeeded).succeeds,
            succeeds,
            "{state:?}"
        );
        assert!(!late(Some(state), KnownAttempt::Unknown, Outcome::Timeout).succeeds);
    }
    assert_eq!(
        late(Some(Waiting), KnownAttempt::Unknown, Outcome::Timeout).record,
        LateRecord::ReplaceUnknown
    );
    assert_eq!(late(None, KnownAttempt::Nothing, Outcome::Timeout).record, LateRecord::Insert);
    assert!(!late(None, KnownAttempt::Nothing, Outcome::Succeeded).succeeds);
    let repeated = late(Some(Exhausted), KnownAttempt::Result, Outcome::Succeeded);
    assert_eq!(repeated, LateResult { record: LateRecord::Ignore, succeeds: false });
}

proptest! {
    /// Whatever agents report and in whichever order, a delivery makes at most
    /// the policy's attempts plus the free unknown ones, and ends.
    #[test]
    fn every_delivery_ends(outcomes in proptest::collection::vec(0..3_u8, 0..64)) {
        let policy = RetryPolicy::default();
        let mut row = delivery(1, 0);
        let mut made = 0;
        for pick in outcomes.into_iter().chain(std::iter::repeat(1)) {
            made += 1;
            let outcome = [Outcome::HttpStatus, Outcome::Timeout, Outcome::Unknown][usize::from(pick)];
            match conclude(&row, outcome, None, &policy, moment()) {
                DeliveryTransition::End { state, .. } => {
                    prop_assert_eq!(state, DeliveryState::Exhausted);
                    break;
                }
                DeliveryTransition::Retry { failures, .. } => {
                    prop_assert!(failures == row.failures || failures == row.failures + 1);
                    row.failures = failures;
                    row.attempts += 1;
                }
            }
        }
        prop_assert!((10..=10 + FREE_UNKNOWN_ATTEMPTS).contains(&made), "{made} attempts");
    }
}

/// A delivery as the stores keep it, moved only by what the domain decides.
struct StoredHistory {
    row: Delivery,
    /// What history holds of each attempt.
    known: std::collections::BTreeMap<u32, Outcome>,
}

impl StoredHistory {
    fn new() -> Self {
        Self { row: delivery(1, 0), known: std::collections::BTreeMap::new() }
    }

    fn report(&mut self, number: u32, outcome: Outcome) {
        let current = self.row.state == DeliveryState::InFlight && number == self.row.attempts;
        if current {
            self.known.insert(number, outcome);
            match decide(&self.row, outcome) {
                DeliveryTransition::End { state, .. } => self.row.state = state,
                DeliveryTransition::Retry { failures, .. } => {
                    self.row.state = DeliveryState::Waiting;
                    self.row.failures = failures;
                }
            }
            return;
        }
        let known = match self.known.get(&number) {
            None => KnownAttempt::Nothing,
            Some(Outcome::Unknown) => KnownAttempt::Unknown,
            Some(_) => KnownAttempt::Result,
        };
        let late = late(Some(self.row.state), known, outcome);
        if late.record != LateRecord::Ignore {
            self.known.insert(number, outcome);
        }
        if late.succeeds {
            self.row.state = DeliveryState::Succeeded;
        }
    }

    fn claim(&mut self) {
        if self.row.state == DeliveryState::Waiting {
            self.row.state = DeliveryState::InFlight;
            self.row.attempts += 1;
        }
    }

    fn cancel(&mut self) {
        if !self.row.state.is_final() {
            self.row.state = DeliveryState::Cancelled;
        }
    }
}

proptest! {
    /// Whatever is reported, in whichever order, late, twice or never: the end is
    /// what a reader of invariant `any-success-counts` would say who knows only two things: whether a
    /// success became known for any attempt, and whether it was cancelled first.
    #[test]
    fn the_lifecycle_agrees_with_its_reference(
        steps in proptest::collection::vec((0..4_u8, 1..14_u32, 0..3_u8), 1..120)
    ) {
        let mut kept = StoredHistory::new();
        let (mut success, mut cancelled) = (false, false);
        for (step, number, pick) in steps {
            let before = kept.row.state;
            let outcome = [Outcome::Succeeded, Outcome::Timeout, Outcome::Unknown][usize::from(pick)];
            match step {
                0 | 1 => {
                    let number = if step == 0 { kept.row.attempts } else { number.min(kept.row.attempts) };
                    let news = kept.known.get(&number).is_none_or(|known| *known == Outcome::Unknown);
                    success |= news && outcome == Outcome::Succeeded && !cancelled;
                    kept.report(number, outcome);
                }
                2 => kept.claim(),
                _ => {
                    cancelled |= !before.is_final();
                    kept.cancel();
                }
            }
            let after = kept.row.state;
            let moved_once = before == DeliveryState::Exhausted && after == DeliveryState::Succeeded;
            prop_assert!(!before.is_final() || before == after || moved_once, "{before:?} to {after:?}");
            prop_assert_eq!(after == DeliveryState::Succeeded, success);
            prop_assert_eq!(after == DeliveryState::Cancelled, cancelled);
        }
    }
}

#[test]
fn a_status_that_is_no_success_is_explained() {
    use std::collections::BTreeSet;

    use crate::subscription::SuccessRule;

    let listed = SuccessRule::Listed(BTreeSet::from([200, 204]));
    let many = SuccessRule::Listed((200..=220).collect());
    for (rule, status, words) in [
        (&SuccessRule::Any2xx, 409, "409 does not count as success: those from 200 to 299 do"),
        (&SuccessRule::Any2xx, 302, "302 is a redirection, which is not followed"),
        (&listed, 201, "the subscription counts 200, 204"),
        (&many, 500, "209 and others"),
    ] {
        let why = rule.why_not(status);
        assert!(why.contains(words), "{why}");
    }
}
