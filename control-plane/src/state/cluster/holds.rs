//! Holds: endpoints that asked, by Retry-After, not to be called for a while.
//!
//! Fed by `conclude` with the waits that were granted, and by `hold_keeper` with those
//! that other replicas granted; feeds every running clock, which stands still in the meantime.
//! Guarantees that an old row changes nothing, and that a hold is stored only when it
//! begins or grows.
//!
//! How to drive it: `begin` for each wait that is granted, and store the row that it
//! returns; `merge_rows` with what was stored since `read_from`; `elapsed` for a clock.
//!
//! Keeps the invariant `deadlines-stand-still`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use postrider_domain::ids::SubscriptionKey;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::{HoldClock, Timestamp};

/// A hold that grew by less than this is not stored again: each answer of a held endpoint
/// extends it a little. Retry-After counts in seconds.
const MIN_HOLD_GROWTH: Duration = Duration::from_secs(1);
/// How far before the last read the next one begins. As far as a replica's clock may be
/// from the database's.
const READ_OVERLAP: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
struct KnownHold {
    clock: HoldClock,
    /// The end of the latest stored hold.
    kept_until: Timestamp,
}

#[derive(Default)]
struct HoldsState {
    clocks: HashMap<SubscriptionKey, KnownHold>,
    /// When the table was last read.
    seen: Option<Timestamp>,
}

impl HoldsState {
    /// Takes what the table has, unless it is older than what is known.
    fn replace(&mut self, key: SubscriptionKey, clock: HoldClock) {
        let newer = |known: &KnownHold| clock.version > known.clock.version;
        if self.clocks.get(&key).is_none_or(newer) {
            self.clocks.insert(key, KnownHold { clock, kept_until: clock.until });
        }
    }
}

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct EndpointHolds(Arc<RwLock<HoldsState>>);

impl EndpointHolds {
    /// How long a subscription has been held, up to `now`. An edit, or enabling it, ends a
    /// hold.
    pub fn elapsed(&self, subscription: &Subscription, now: Timestamp) -> Duration {
        let state = self.0.read();
        let known = state.clocks.get(&subscription.key());
        known.map_or(Duration::ZERO, |known| known.clock.elapsed(now, subscription.update_time))
    }

    /// Holds an endpoint until a time; returns the clock if it is to be stored.
    pub fn begin(
        &self,
        subscription: &Subscription,
        now: Timestamp,
        until: Timestamp,
    ) -> Option<(SubscriptionKey, HoldClock)> {
        let mut state = self.0.write();
        let key = subscription.key();
        let fresh = KnownHold { clock: HoldClock::default(), kept_until: Timestamp::default() };
        let known = state.clocks.entry(key.clone()).or_insert(fresh);
        let goes_on = known.clock.held(now, subscription.update_time).is_some();
        known.clock.hold(now, until, subscription.update_time);
        let keep = !goes_on || known.clock.until.since(known.kept_until) >= MIN_HOLD_GROWTH;
        if keep {
            known.kept_until = known.clock.until;
        }
        keep.then_some((key, known.clock))
    }

    /// From which time on the table has to be read.
    pub fn read_from(&self) -> Timestamp {
        let state = self.0.read();
        state.seen.map_or(Timestamp::from_micros(i64::MIN), |seen| seen - READ_OVERLAP)
    }

    pub fn merge_rows(&self, rows: Vec<(SubscriptionKey, HoldClock)>, now: Timestamp) {
        let mut state = self.0.write();
        for (key, clock) in rows {
            state.replace(key, clock);
        }
        state.seen = Some(now);
    }

    /// Replaces what is known of a hold, unless more has become known in the meantime.
    pub fn replace(&self, key: SubscriptionKey, clock: HoldClock) {
        let mut state = self.0.write();
        state.replace(key, clock);
    }

    /// How many last at a time.
    pub fn count_active(&self, now: Timestamp) -> usize {
        self.0.read().clocks.values().filter(|known| known.clock.until > now).count()
    }

    pub fn active(&self, now: Timestamp) -> Vec<(SubscriptionKey, HoldClock)> {
        let state = self.0.read();
        let lasting = state.clocks.iter().filter(|(_, clock)| clock.clock.until > now);
        lasting.map(|(key, lasting)| (key.clone(), lasting.clock)).collect()
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::subscription::{SubscriptionConfig, SubscriptionStatus};
    use postrider_domain::time::StoppedClock;

    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + seconds * 1_000_000)
    }

    fn subscription() -> Subscription {
        Subscription {
            tenant: "acme".parse().unwrap(),
            id: "main".parse().unwrap(),
            status: SubscriptionStatus::Enabled,
            status_reason: String::new(),
            settings: SubscriptionConfig::default(),
            signing_keys: Vec::new(),
            paused_clock: StoppedClock::default(),
            revision: 1,
            request_revision: 1,
            create_time: at(0),
            update_time: at(0),
            delete_time: None,
        }
    }

    #[test]
    fn a_hold_is_kept_when_it_begins_and_when_it_grew() {
        let (holds, subscription) = (EndpointHolds::default(), subscription());
        let begin = |now, until| holds.begin(&subscription, now, until).is_some();
        assert!(begin(at(10), at(40)));
        assert!(!begin(at(10), at(40) + MIN_HOLD_GROWTH / 2));
        assert!(!begin(at(11), at(20)));
        assert!(begin(at(12), at(42)));
        assert!(begin(at(42), at(43)), "the one before is over");
        assert_eq!(holds.elapsed(&subscription, at(99)), Duration::from_secs(33));
    }

    #[test]
    fn another_replicas_hold_is_taken_over_unless_it_is_older() {
        let (holds, subscription) = (EndpointHolds::default(), subscription());
        let key = subscription.key();
        let total = Duration::from_secs(5);
        let clock = HoldClock { total, since: at(10), until: at(40), version: 1 };
        holds.merge_rows(vec![(key.clone(), clock)], at(11));
        assert_eq!(holds.elapsed(&subscription, at(20)), Duration::from_secs(15));
        holds.begin(&subscription, at(20), at(60));
        holds.merge_rows(vec![(key.clone(), clock)], at(21));
        assert_eq!(holds.active(at(50)).len(), 1, "an old row changes nothing");
        assert_eq!(holds.read_from(), at(21) - READ_OVERLAP);
        let edited = Subscription { update_time: at(30), ..subscription };
        assert_eq!(holds.elapsed(&edited, at(99)), Duration::from_secs(25));
    }

    /// A replica that went by the old end would give publishes deadlines that are over.
    #[test]
    fn another_replica_learns_that_a_hold_ended_early() {
        let (holds, subscription) = (EndpointHolds::default(), subscription());
        let mut clock = HoldClock::default();
        clock.hold(at(10), at(3600), at(0));
        holds.merge_rows(vec![(subscription.key(), clock)], at(11));
        clock.shorten(at(20), at(20));
        holds.merge_rows(vec![(subscription.key(), clock)], at(21));
        let edited_again = Subscription { update_time: at(1800), ..subscription };
        assert_eq!(holds.elapsed(&edited_again, at(1801)), Duration::from_secs(10));
    }
}
