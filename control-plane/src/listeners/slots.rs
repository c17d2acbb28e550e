//! Places for connections, of which there are so many.
//!
//! Fed by `accept` with each connection that comes in; feeds it a place, or none.
//! Guarantees that callers leave a reserve for agents and replicas, and that an address has
//! no more places than it may.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;

use super::door::Door;
use crate::metrics::LimitMetrics;
use crate::settings::ConnectionSettings;

/// Of an IPv6 address, what a network's provider assigns: a customer has all of the rest.
const CUSTOMER_PREFIX_BITS: u32 = 64;

#[derive(Default)]
struct SlotCounts {
    total: usize,
    /// Callers' only, and only where their number is limited.
    by_address: HashMap<IpAddr, usize>,
}

struct SlotsShared {
    counts: Mutex<SlotCounts>,
    max: usize,
    reserved: usize,
    max_per_address: usize,
    metrics: LimitMetrics,
}

/// The places of all doors. Cheap to clone.
#[derive(Clone)]
pub struct ConnectionSlots(Arc<SlotsShared>);

impl ConnectionSlots {
    pub fn new(settings: &ConnectionSettings, metrics: LimitMetrics) -> Self {
        Self(Arc::new(SlotsShared {
            counts: Mutex::default(),
            max: settings.max_connections,
            reserved: settings.reserved_for_agents_and_replicas,
            max_per_address: settings.max_connections_per_address,
            metrics,
        }))
    }

    /// A place for a connection at a door; none if a limit is reached.
    pub(super) fn take(&self, door: Door, address: IpAddr) -> Option<ConnectionSlot> {
        let shared = &self.0;
        let (max, address) = match door {
            Door::Callers => {
                let counted = (shared.max_per_address > 0).then(|| counted_address(address));
                (shared.max.saturating_sub(shared.reserved), counted)
            }
            Door::Agents | Door::Replicas => (shared.max, None),
        };
        let mut counts = shared.counts.lock();
        if counts.total >= max {
            drop(counts);
            shared.metrics.reached("connections.max_connections");
            return None;
        }
        if let Some(address) = address {
            let taken = counts.by_address.entry(address).or_default();
            if *taken >= shared.max_per_address {
                drop(counts);
                shared.metrics.reached("connections.max_connections_per_address");
                return None;
            }
            *taken += 1;
        }
        counts.total += 1;
        drop(counts);
        let open = shared.metrics.connections(door.name());
        open.inc();
        Some(ConnectionSlot { slots: self.clone(), address, open })
    }
}

/// The place of one connection, free again once this is dropped.
pub(super) struct ConnectionSlot {
    slots: ConnectionSlots,
    address: Option<IpAddr>,
    open: Gauge,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.open.dec();
        let mut counts = self.slots.0.counts.lock();
        counts.total = counts.total.saturating_sub(1);
        let Some(address) = self.address else { return };
        if let Some(taken) = counts.by_address.get_mut(&address) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                counts.by_address.remove(&address);
            }
        }
    }
}

/// The address that a customer of a network has.
fn counted_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let rest = u128::BITS - CUSTOMER_PREFIX_BITS;
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> rest << rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(max: usize, reserved: usize, per_address: usize) -> (ConnectionSlots, LimitMetrics) {
        let metrics = LimitMetrics::default();
        let settings = ConnectionSettings {
            max_connections: max,
            reserved_for_agents_and_replicas: reserved,
            max_connections_per_address: per_address,
            max_handshakes: 1,
            handshake_timeout_milliseconds: 1,
            preface_timeout_milliseconds: 1,
            max_age_seconds: 0,
            age_grace_seconds: 0,
        };
        (ConnectionSlots::new(&settings, metrics.clone()), metrics)
    }

    const LOCAL: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    #[test]
    fn callers_leave_a_reserve() {
        let (slots, metrics) = slots(3, 1, 0);
        let first = slots.take(Door::Callers, LOCAL);
        let second = slots.take(Door::Callers, LOCAL);
        assert!(first.is_some() && second.is_some());
        assert!(slots.take(Door::Callers, LOCAL).is_none());
        let agent = slots.take(Door::Agents, LOCAL);
        assert!(agent.is_some());
        assert!(slots.take(Door::Replicas, LOCAL).is_none());
        assert_eq!(metrics.times_reached("connections.max_connections"), 2);
        assert_eq!(metrics.connections("callers").get(), 2);
        drop(first);
        assert!(slots.take(Door::Callers, LOCAL).is_none(), "the agent has that place");
        drop(second);
        assert!(slots.take(Door::Callers, LOCAL).is_some());
        assert_eq!(metrics.connections("callers").get(), 0);
    }

    #[test]
    fn an_address_has_so_many_callers_and_any_number_of_agents() {
        let (slots, metrics) = slots(100, 1, 1);
        let of = |text: &str| slots.take(Door::Callers, text.parse().unwrap());
        let taken = of("2001:db8::1");
        assert!(taken.is_some());
        assert!(of("2001:db8::2").is_none(), "the same network");
        assert!(of("2001:db8:0:1::1").is_some());
        let mapped = of("::ffff:192.0.2.1");
        assert!(mapped.is_some() && of("192.0.2.1").is_none() && of("192.0.2.2").is_some());
        assert!(slots.take(Door::Agents, "192.0.2.1".parse().unwrap()).is_some());
        assert_eq!(metrics.times_reached("connections.max_connections_per_address"), 2);
        drop(taken);
        assert!(of("2001:db8::2").is_some());
        drop(mapped);
        assert!(slots.0.counts.lock().by_address.is_empty(), "nothing is remembered for good");
    }
}
