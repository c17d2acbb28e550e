//! What holds under any order of events.

use proptest::prelude::*;

use super::*;

proptest! {
    /// Under any order of events: never more in flight than allowed, never more
    /// sent than credited, nothing twice at agents, memory accounted for, and what is busy
    /// listed.
    #[test]
    fn limits_hold_under_any_interleaving(steps in proptest::collection::vec((0..8_u8, any::<u8>()), 1..200)) {
        let mut scheduler = ready();
        scheduler.credit(FIRST_STREAM, 0, 0, 1000);
        let mut out: BTreeMap<DeliveryId, Arc<ScheduledDelivery>> = BTreeMap::new();
        let mut now = at(1);
        for (step, n) in steps {
            now = now + Duration::from_millis(u64::from(n));
            match step {
                0 | 1 => {
                    let one = scheduled("main", n);
                    let key = one.delivery.subscription.clone();
                    let fresh = !scheduler.entries.contains_key(&one.delivery.id);
                    if fresh && scheduler.admits(&key, 10, now).is_some() {
                        scheduler.reserve(Arc::clone(&one), now);
                        if step == 0 {
                            scheduler.committed([(one.delivery.id, None)], now);
                        } else {
                            scheduler.rolled_back([one.delivery.id]);
                        }
                    }
                }
                2 => {
                    if let Some((id, one)) = out.iter().next().map(|(id, next)| (*id, Arc::clone(next))) {
                        scheduler.begin_conclusion(one.delivery.current_attempt(), Some(&identity(1)));
                        scheduler.concluded(one.delivery.current_attempt(), &success(), now);
                        out.remove(&id);
                    }
                }
                3 => {
                    if let Some((id, one)) = out.iter().next_back().map(|(id, next_back)| (*id, Arc::clone(next_back))) {
                        scheduler.returned(FIRST_STREAM, &[one.delivery.current_attempt()], false, now);
                        out.remove(&id);
                    }
                }
                4 => scheduler.renew_shard(FIRST_LEASE.shard, now + Duration::from_secs(8), now),
                5 => scheduler.suspend(FIRST_STREAM, n.is_multiple_of(4)),
                6 => scheduler.sample_demand(now),
                _ => scheduler.configure(Arc::new(Subscription {
                    status: if n.is_multiple_of(3) { SubscriptionStatus::Paused } else { SubscriptionStatus::Enabled },
                    ..subscription("main", i64::from(n) + 2)
                }), FIRST_LEASE.shard, now),
            }
            let actions = scheduler.poll(now);
            for (one, _) in actions.dispatches.iter().flat_map(|d| &d.deliveries) {
                prop_assert!(out.insert(one.delivery.id, Arc::clone(one)).is_none(), "sent twice");
            }
            prop_assert!(out.len() <= 3, "{} in flight", out.len());
            let view = scheduler.lane(&subscription("main", 1).key(), now).unwrap();
            prop_assert_eq!(view.in_flight as usize, out.len());
            prop_assert_eq!(scheduler.payload_bytes(), scheduler.deliveries() * 10);
            prop_assert_eq!(scheduler.backlog(&region()), view.queued);
            let (key, lane) = scheduler.lanes.iter().next().unwrap();
            prop_assert_eq!(lane.listed, scheduler.busy_lanes.contains(key));
            prop_assert!(lane.listed || lane.rests(now), "{:?}", lane);
        }
    }
}
