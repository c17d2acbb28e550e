//! Places for connections, of which there are so many.
//!
//! Fed by `accept` with each connection that comes in; feeds it a place, or none.
//! Guarantees that each door has its reserve, which no other door takes, that agents leave
//! places to callers, and that an address has no more places than it may.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use postrider_telemetry::metrics::BoundUpDownCounter;

use super::door::Door;
use crate::metrics::LimitMetrics;
use crate::settings::ConnectionSettings;

/// Of an IPv6 address, what a network's provider assigns: a customer has all of the rest.
const CUSTOMER_PREFIX_BITS: u32 = 64;

/// Connections by their doors.
#[derive(Clone, Copy, Default)]
struct DoorCounts {
    callers: usize,
    agents: usize,
    replicas: usize,
}

impl DoorCounts {
    const fn of(&mut self, door: Door) -> &mut usize {
        match door {
            Door::Callers => &mut self.callers,
            Door::Agents => &mut self.agents,
            Door::Replicas => &mut self.replicas,
        }
    }
}

#[derive(Default)]
struct SlotCounts {
    doors: DoorCounts,
    /// Callers' only, and only where their number is limited.
    by_address: HashMap<IpAddr, usize>,
}

struct SlotsShared {
    counts: Mutex<SlotCounts>,
    max: usize,
    max_agents: usize,
    reserved_for_agents: usize,
    reserved_for_replicas: usize,
    max_per_address: usize,
    metrics: LimitMetrics,
}

impl SlotsShared {
    /// The setting that refuses one more connection.
    fn refusal(
        &self,
        counts: &SlotCounts,
        door: Door,
        address: Option<IpAddr>,
    ) -> Option<&'static str> {
        let DoorCounts { callers, agents, replicas } = counts.doors;
        let for_agents = self.reserved_for_agents.saturating_sub(agents);
        let for_replicas = self.reserved_for_replicas.saturating_sub(replicas);
        let (kept_for_others, is_full, setting) = match door {
            Door::Callers => {
                let taken = address.and_then(|address| counts.by_address.get(&address));
                let is_full = taken.is_some_and(|taken| *taken >= self.max_per_address);
                let setting = "connections.max_connections_per_address";
                (for_agents + for_replicas, is_full, setting)
            }
            Door::Agents => {
                let is_full = agents >= self.max_agents;
                (for_replicas, is_full, "connections.max_agents_connections")
            }
            // They have their reserve, and need no more.
            Door::Replicas => (for_agents, for_replicas == 0, "connections.reserved_for_replicas"),
        };
        if is_full {
            return Some(setting);
        }
        let taken = callers + agents + replicas + kept_for_others;
        (taken >= self.max).then_some("connections.max_connections")
    }

    /// Only callers are counted by their addresses, and only where their number is limited.
    fn counted_address(&self, door: Door, address: IpAddr) -> Option<IpAddr> {
        let is_counted = door == Door::Callers && self.max_per_address > 0;
        is_counted.then(|| customers_address(address))
    }
}

/// The places of all doors. Cheap to clone.
#[derive(Clone)]
pub struct ConnectionSlots(Arc<SlotsShared>);

impl ConnectionSlots {
    pub fn new(settings: &ConnectionSettings, metrics: LimitMetrics) -> Self {
        Self(Arc::new(SlotsShared {
            counts: Mutex::default(),
            max: settings.max_connections,
            max_agents: settings.max_agents_connections,
            reserved_for_agents: settings.reserved_for_agents,
            reserved_for_replicas: settings.reserved_for_replicas,
            max_per_address: settings.max_connections_per_address,
            metrics,
        }))
    }

    /// Whether a connection at a door would find a place now. Counted if not.
    pub(super) fn have_room(&self, door: Door, address: IpAddr) -> bool {
        let address = self.0.counted_address(door, address);
        let refusal = self.0.refusal(&self.0.counts.lock(), door, address);
        refusal.inspect(|setting| self.0.metrics.reached(setting)).is_none()
    }

    /// A place for a connection at a door; none if a limit is reached.
    pub(super) fn take(&self, door: Door, address: IpAddr) -> Option<ConnectionSlot> {
        let shared = &self.0;
        let address = shared.counted_address(door, address);
        let mut counts = shared.counts.lock();
        if let Some(setting) = shared.refusal(&counts, door, address) {
            drop(counts);
            shared.metrics.reached(setting);
            return None;
        }
        if let Some(address) = address {
            *counts.by_address.entry(address).or_default() += 1;
        }
        *counts.doors.of(door) += 1;
        drop(counts);
        let open = shared.metrics.connections(door.name());
        open.add(1);
        Some(ConnectionSlot { slots: self.clone(), door, address, open })
    }
}

/// The place of one connection, free again once this is dropped.
pub(super) struct ConnectionSlot {
    slots: ConnectionSlots,
    door: Door,
    address: Option<IpAddr>,
    open: BoundUpDownCounter<i64>,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.open.add(-1);
        let mut counts = self.slots.0.counts.lock();
        let of_door = counts.doors.of(self.door);
        *of_door = of_door.saturating_sub(1);
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
pub fn customers_address(address: IpAddr) -> IpAddr {
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

    /// Of `max`, agents have at most two thirds.
    fn slots(max: usize, reserved: usize, per_address: usize) -> (ConnectionSlots, LimitMetrics) {
        let metrics = LimitMetrics::alone();
        let settings = ConnectionSettings {
            max_connections: max,
            max_agents_connections: max * 2 / 3,
            reserved_for_agents: reserved,
            reserved_for_replicas: reserved,
            max_connections_per_address: per_address,
            max_handshakes: 1,
            handshake_timeout_milliseconds: 1,
            preface_timeout_milliseconds: 1,
            write_timeout_seconds: 1,
            max_age_seconds: 0,
            age_grace_seconds: 0,
        };
        (ConnectionSlots::new(&settings, metrics.clone()), metrics)
    }

    const CONNECTIONS: &str = "postrider_connections";
    const LOCAL: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    fn take_all(slots: &ConnectionSlots, door: Door) -> Vec<ConnectionSlot> {
        std::iter::from_fn(|| slots.take(door, LOCAL)).collect()
    }

    #[test]
    fn callers_leave_a_reserve() {
        let (slots, metrics) = slots(6, 1, 0);
        let mut callers = take_all(&slots, Door::Callers);
        assert_eq!(callers.len(), 4);
        assert!(!slots.have_room(Door::Callers, LOCAL) && slots.have_room(Door::Agents, LOCAL));
        let agents = take_all(&slots, Door::Agents);
        let replicas = take_all(&slots, Door::Replicas);
        assert_eq!((agents.len(), replicas.len()), (1, 1), "each has its own");
        assert_eq!(metrics.times_reached("connections.max_connections"), 3);
        assert_eq!(metrics.times_reached("connections.reserved_for_replicas"), 1);
        assert_eq!(metrics.shown_of_callers(CONNECTIONS), 4);
        callers.pop();
        assert!(slots.take(Door::Callers, LOCAL).is_some(), "what agents have is not kept twice");
        drop((callers, agents, replicas));
        let DoorCounts { callers, agents, replicas } = slots.0.counts.lock().doors;
        assert_eq!((callers, agents, replicas), (0, 0, 0));
        assert_eq!(metrics.shown_of_callers(CONNECTIONS), 0);
    }

    #[test]
    fn agents_leave_places_to_callers_and_replicas() {
        let (slots, metrics) = slots(6, 1, 0);
        let agents = take_all(&slots, Door::Agents);
        assert_eq!(agents.len(), 4);
        assert_eq!(metrics.times_reached("connections.max_agents_connections"), 1);
        let callers = take_all(&slots, Door::Callers);
        let replicas = take_all(&slots, Door::Replicas);
        assert_eq!((callers.len(), replicas.len()), (1, 1));
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
