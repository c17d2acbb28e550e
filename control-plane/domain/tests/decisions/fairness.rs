//! Shares of time, starvation, and what leaving gains.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use postrider_domain::fairness::{MAX_DEBT, ROUND_QUANTUM, Ring, TURN_COST, TwoLevelRing};
use postrider_domain::ids::SubscriptionKey;
use proptest::prelude::*;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn ring(members: usize) -> Ring<usize> {
    let mut ring = Ring::new();
    for member in 0..members {
        ring.push(member);
    }
    ring
}

/// Gives so many turns, charging each at once; the time that each member used.
fn used(ring: &mut Ring<usize>, costs: &[Duration], turns: usize) -> Vec<Duration> {
    let mut used = vec![Duration::ZERO; costs.len()];
    for _ in 0..turns {
        let member = ring.next(|_| true).expect("someone is always ready");
        ring.charge(&member, costs[member]);
        used[member] += costs[member] + TURN_COST;
    }
    used
}

fn spread(used: &[Duration]) -> Duration {
    let most = used.iter().max().copied().unwrap_or_default();
    most - used.iter().min().copied().unwrap_or_default()
}

#[test]
fn turns_alternate_within_a_round() {
    let mut ring = ring(3);
    let turns: Vec<usize> = (0..6).filter_map(|_| ring.next(|_| true)).collect();
    assert_eq!(turns, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn an_empty_ring_has_nobody() {
    let mut ring = ring(1);
    ring.push(0);
    ring.remove(&0);
    ring.remove(&0);
    assert_eq!(ring.next(|_| true), None);
    ring.charge(&0, millis(1));
    assert_eq!(ring.next(|_| true), None, "a charge makes nobody present");
    ring.push(0);
    assert_eq!(ring.next(|_| true), Some(0));
}

#[test]
fn the_ineligible_are_passed_over_and_keep_their_place() {
    let mut ring = ring(3);
    assert_eq!(ring.next(|member| *member == 2), Some(2));
    assert_eq!(ring.next(|_| false), None);
    let turns: Vec<usize> = (0..3).filter_map(|_| ring.next(|_| true)).collect();
    assert_eq!(turns, [0, 1, 2]);
}

#[test]
fn one_that_costs_a_hundred_times_more_takes_no_more_time() {
    let mut costs = vec![millis(20); 9];
    costs.push(millis(2000));
    let used = used(&mut ring(10), &costs, 20_000);
    assert!(spread(&used) <= ROUND_QUANTUM + millis(2000) + TURN_COST, "{used:?}");
    let share = used.iter().sum::<Duration>() / 10;
    assert!(used[..9].iter().all(|time| *time + millis(2000) > share), "{used:?}");
    assert!(used[9] > Duration::ZERO);
}

#[test]
fn nobody_starves_whatever_an_attempt_cost() {
    let costs = [Duration::from_secs(86_400), millis(10)];
    let mut ring = ring(2);
    let most = usize::try_from(MAX_DEBT.as_millis() / 10).unwrap() + 2;
    let mut since = 0;
    for _ in 0..50_000 {
        let member = ring.next(|_| true).unwrap();
        ring.charge(&member, costs[member]);
        since = if member == 0 { 0 } else { since + 1 };
        assert!(since <= most, "{since} turns of the other");
    }
}

#[test]
fn nobody_starves_when_nothing_is_ever_charged() {
    let mut ring = ring(3);
    ring.charge(&0, Duration::from_secs(86_400));
    let most = 2 * ((MAX_DEBT + 2 * ROUND_QUANTUM).as_micros() / TURN_COST.as_micros());
    let turns = (0..most).take_while(|_| ring.next(|_| true) != Some(0)).count();
    assert!(turns > 0 && u128::try_from(turns).unwrap() < most);
}

proptest! {
    #[test]
    fn equal_members_get_equal_time(members in 1_usize..20, micros in 0_u64..60_000, turns in 1_usize..3000) {
        let cost = Duration::from_micros(micros);
        let used = used(&mut ring(members), &vec![cost; members], turns);
        prop_assert!(spread(&used) <= ROUND_QUANTUM + cost + TURN_COST, "{used:?}");
    }

    #[test]
    fn unequal_members_get_equal_time(costs in proptest::collection::vec(0_u64..500, 1..12), turns in 1_usize..5000) {
        let costs: Vec<Duration> = costs.into_iter().map(millis).collect();
        let most = costs.iter().max().copied().unwrap_or_default();
        let used = used(&mut ring(costs.len()), &costs, turns);
        prop_assert!(spread(&used) <= ROUND_QUANTUM + most + TURN_COST, "{used:?}");
    }

    /// Member 0 leaves and comes back as it likes; the others always stay.
    #[test]
    fn leaving_and_coming_back_gains_nothing(
        moves in proptest::collection::vec((any::<bool>(), any::<bool>()), 1..4000),
        micros in 0_u64..30_000,
        others in 1_usize..5,
    ) {
        let cost = Duration::from_micros(micros);
        let mut ring = ring(others + 1);
        let mut used = vec![Duration::ZERO; others + 1];
        for (leave, come_back) in moves {
            let member = ring.next(|_| true).unwrap();
            ring.charge(&member, cost);
            used[member] += cost + TURN_COST;
            if leave {
                ring.remove(&0);
            }
            if come_back {
                ring.push(0);
            }
        }
        let least = used[1..].iter().min().copied().unwrap();
        prop_assert!(used[0] <= least + ROUND_QUANTUM + cost + TURN_COST, "{used:?}");
    }

    /// Against a plain set: a turn is given exactly when somebody can take it,
    /// and only to those.
    #[test]
    fn turns_go_to_the_present_and_eligible(
        steps in proptest::collection::vec(
            (0_u8..7, 0_u8..4, prop_oneof![3 => 0_u64..12, 1 => 0_u64..90_000]),
            0..600,
        ),
    ) {
        let mut ring = Ring::new();
        let mut present = BTreeSet::new();
        for (step, member, cost) in steps {
            match step {
                0 | 1 => {
                    ring.push(member);
                    present.insert(member);
                }
                2 => {
                    ring.remove(&member);
                    present.remove(&member);
                }
                3 => ring.charge(&member, millis(cost)),
                _ => {
                    let can = |other: &u8| *other != member;
                    match ring.next(can) {
                        Some(turn) => prop_assert!(present.contains(&turn) && can(&turn)),
                        None => prop_assert!(!present.iter().any(can)),
                    }
                }
            }
        }
    }
}

fn key(tenant: usize, subscription: usize) -> SubscriptionKey {
    SubscriptionKey {
        tenant: format!("t{tenant}").parse().unwrap(),
        subscription: format!("s{subscription}").parse().unwrap(),
    }
}

#[test]
fn a_tenant_gains_nothing_by_having_many_subscriptions() {
    let mut ring = TwoLevelRing::new();
    ring.push(&key(1, 0));
    for subscription in 0..50 {
        ring.push(&key(0, subscription));
    }
    let mut turns = BTreeMap::new();
    for _ in 0..10_000 {
        let next = ring.next(|_| true).unwrap();
        ring.charge(&next, millis(3));
        *turns.entry(next).or_insert(0) += 1;
    }
    let lone = turns[&key(1, 0)];
    assert!((4990..=5010).contains(&lone), "{lone}");
    assert!(
        (0..50).all(|subscription| (95..=105).contains(&turns[&key(0, subscription)])),
        "{turns:?}"
    );
}

#[test]
fn a_tenant_is_present_while_one_of_its_subscriptions_is() {
    let mut ring = TwoLevelRing::new();
    ring.push(&key(0, 0));
    ring.push(&key(0, 1));
    ring.remove(&key(0, 0));
    assert_eq!(ring.next(|_| true), Some(key(0, 1)));
    assert_eq!(ring.next(|next| *next == key(0, 0)), None);
    ring.remove(&key(0, 1));
    ring.remove(&key(9, 9));
    assert_eq!(ring.next(|_| true), None);
    ring.push(&key(0, 0));
    assert_eq!(ring.next(|_| true), Some(key(0, 0)));
}

#[test]
fn ten_thousand_tenants_each_get_their_turn() {
    let mut ring = TwoLevelRing::new();
    let keys: Vec<SubscriptionKey> = (0..10_000).map(|tenant| key(tenant, 0)).collect();
    for key in &keys {
        ring.push(key);
    }
    let mut turns = BTreeMap::new();
    for _ in 0..50_000 {
        let next = ring.next(|_| true).unwrap();
        ring.charge(&next, millis(7));
        *turns.entry(next).or_insert(0) += 1;
    }
    assert!(keys.iter().all(|key| turns.get(key).is_some_and(|n| (4..=6).contains(n))));
}

/// As it is in life: few slots, costs charged when attempts end, each tenant with
/// a window of its own, leaving the ring while it is full.
#[test]
fn a_slow_endpoint_holds_no_more_of_the_slots_than_its_share() {
    const SLOTS: usize = 8;
    const WINDOW: usize = 8;
    const END: u64 = 600_000;
    let costs: [u64; 4] = [5_000, 20, 20, 20];
    let mut ring = TwoLevelRing::new();
    (0..costs.len()).for_each(|tenant| ring.push(&key(tenant, 0)));
    let mut ends = BinaryHeap::new();
    let mut in_flight = [0; 4];
    let mut used = [0; 4];
    let mut now = 0;
    while now < END {
        while ends.len() < SLOTS
            && let Some(next) = ring.next(|_| true)
        {
            let tenant = (0..costs.len()).find(|tenant| key(*tenant, 0) == next).unwrap();
            ends.push(Reverse((now + costs[tenant], tenant)));
            in_flight[tenant] += 1;
            if in_flight[tenant] == WINDOW {
                ring.remove(&next);
            }
        }
        let Reverse((end, tenant)) = ends.pop().unwrap();
        now = end;
        in_flight[tenant] -= 1;
        used[tenant] += costs[tenant];
        ring.charge(&key(tenant, 0), millis(costs[tenant]));
        ring.push(&key(tenant, 0));
    }
    let share = used.iter().sum::<u64>() / 4;
    assert!(used.iter().all(|time| time.abs_diff(share) * 10 <= share), "{used:?}");
}
