//! The address guard: which IP addresses, and which ports of them, an agent may dial.
//!
//! Fed by `resolve` with addresses, by `client` with ports, and by the settings with what the
//! operator says of both; feeds them a verdict. Guarantees that a tenant cannot make the agent
//! POST to its own machine or network. IPv4 is refused by ranges (`ranges`); IPv6 is refused
//! unless it is global unicast. An IPv4 address inside of an IPv6 one is what counts where
//! packets go there: an IPv4-mapped address, and one of NAT64, is judged as IPv4. What the
//! operator says of subnets comes first: a denied one is refused, also within an allowed one and
//! inside of any IPv6 address, and an allowed one is accepted. Pure.
//!
//! `cases.toml` has a row, with its source, for each range and for many addresses; the tests
//! compare it with the tables, and `docs/address-guard.md` shows it.
//!
//! Keeps the invariant `only-judged-addresses`.

mod embedded;
mod ports;
mod ranges;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use thiserror::Error;

use embedded::{embedded_ipv4, is_isatap, nat64_ipv4};
pub use ports::{PortRange, PortRangeError, PortRefusal, PortRules};
use ranges::{refused_ipv4, refused_ipv6};

/// Why an address must not be dialled. What it prints is for tenants, who are not to learn what
/// their names lead to in our network; operators see the rest in the log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the address is not allowed")]
pub struct AddressRefusal {
    /// The address as it was resolved.
    pub address: IpAddr,
    /// The range that it lies in, or that the operator denies it.
    pub rule: &'static str,
}

const DENIED_RULE: &str = "denied by the agent's settings";

/// What the operator says of subnets, whatever the tables say. Denied ones are refused, also
/// within allowed ones; allowed ones are accepted, for tests and for receivers in a private
/// network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubnetRules {
    allowed: Vec<IpNet>,
    denied: Vec<IpNet>,
}

impl SubnetRules {
    /// Denies nothing, and accepts these.
    pub fn allowing(subnets: impl IntoIterator<Item = IpNet>) -> Self {
        let allowed = subnets.into_iter().map(canonical_subnet).collect();
        Self { allowed, denied: Vec::new() }
    }

    /// The same rules, and refuses these.
    pub fn denying(mut self, subnets: impl IntoIterator<Item = IpNet>) -> Self {
        self.denied.extend(subnets.into_iter().map(canonical_subnet));
        self
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|subnet| subnet.contains(&address))
    }

    /// Also of an address whose packets go to a denied one.
    fn denies(&self, address: IpAddr) -> bool {
        if self.denied.is_empty() {
            return false;
        }
        let denied = |address: &IpAddr| self.denied.iter().any(|subnet| subnet.contains(address));
        let inside = match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => embedded_ipv4(v6).map(IpAddr::V4),
        };
        denied(&address) || inside.is_some_and(|inside| denied(&inside))
    }
}

/// A subnet of IPv4-mapped addresses as IPv4, which is how addresses are judged: otherwise
/// no address would ever be in it.
fn canonical_subnet(subnet: IpNet) -> IpNet {
    const MAPPED_PREFIX_BITS: u8 = 96;
    let IpNet::V6(mapped) = subnet else { return subnet };
    let bits = mapped.prefix_len().checked_sub(MAPPED_PREFIX_BITS);
    let as_ipv4 = mapped.addr().to_ipv4_mapped().zip(bits);
    as_ipv4.and_then(|(address, bits)| Ipv4Net::new(address, bits).ok()).map_or(subnet, IpNet::V4)
}

/// Whether `address` may be dialled.
pub fn check_address(address: IpAddr, rules: &SubnetRules) -> Result<(), AddressRefusal> {
    let canonical = address.to_canonical();
    if rules.denies(canonical) {
        return Err(AddressRefusal { address, rule: DENIED_RULE });
    }
    if rules.allows(canonical) {
        return Ok(());
    }
    match refused_by_table(canonical) {
        Some(rule) => Err(AddressRefusal { address, rule }),
        None => Ok(()),
    }
}

fn refused_by_table(address: IpAddr) -> Option<&'static str> {
    let v6 = match address {
        IpAddr::V4(v4) => return refused_ipv4(v4),
        IpAddr::V6(v6) => v6,
    };
    // What DNS64 makes of a name without IPv6 addresses: the gateway connects to the IPv4 one.
    if let Some(v4) = nat64_ipv4(v6) {
        return refused_ipv4(v4);
    }
    refused_ipv6(v6).or_else(|| is_isatap(v6).then_some("ISATAP"))
}
