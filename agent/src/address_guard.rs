//! The address guard: which IP addresses an agent may dial.
//!
//! A tenant cannot make the agent POST to its own machine or network. IPv4 is refused
//! by ranges; IPv6 is refused unless it is global unicast; an IPv4-mapped IPv6 address
//! is checked as IPv4. What the operator says of subnets comes first: a denied one is
//! refused, also within an allowed one, and an allowed one is accepted. Pure; every range has
//! a row in a table test.
//!
//! Keeps the invariant `only-judged-addresses`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};
use thiserror::Error;

/// Why an address must not be dialled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the address {address} is refused: {reason}")]
pub struct AddressRefusal {
    /// The address as it was resolved.
    pub address: IpAddr,
    /// The range that it lies in, or that the operator denies it.
    pub reason: &'static str,
}

const DENIED_REASON: &str = "denied by the agent's settings";

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

    fn denies(&self, address: IpAddr) -> bool {
        self.denied.iter().any(|subnet| subnet.contains(&address))
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

const REFUSED_IPV4_RANGES: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "carrier-grade NAT"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a cloud platform's host service"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "protocol assignments"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

const GLOBAL_UNICAST_IPV6_RANGE: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

const REFUSED_IPV6_RANGES: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "protocol assignments"),
    (Ipv6Addr::new(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0), 32, "documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "documentation"),
];

/// Whether `address` may be dialled.
pub fn check_address(address: IpAddr, rules: &SubnetRules) -> Result<(), AddressRefusal> {
    let canonical = address.to_canonical();
    if rules.denies(canonical) {
        return Err(AddressRefusal { address, reason: DENIED_REASON });
    }
    if rules.allows(canonical) {
        return Ok(());
    }
    let refused = match canonical {
        IpAddr::V4(v4) => refused_v4(v4),
        IpAddr::V6(v6) => refused_v6(v6),
    };
    match refused {
        Some(reason) => Err(AddressRefusal { address, reason }),
        None => Ok(()),
    }
}

fn refused_v4(address: Ipv4Addr) -> Option<&'static str> {
    REFUSED_IPV4_RANGES
        .iter()
        .find(|(base, prefix, _)| {
            let mask = u32::MAX << (32 - prefix);
            u32::from(address) & mask == u32::from(*base)
        })
        .map(|(_, _, reason)| *reason)
}

fn refused_v6(address: Ipv6Addr) -> Option<&'static str> {
    let within = |base: Ipv6Addr, prefix: u32| {
        let mask = u128::MAX << (128 - prefix);
        u128::from(address) & mask == u128::from(base)
    };
    if !within(GLOBAL_UNICAST_IPV6_RANGE.0, GLOBAL_UNICAST_IPV6_RANGE.1) {
        return Some("not global unicast");
    }
    REFUSED_IPV6_RANGES
        .iter()
        .find(|(base, prefix, _)| within(*base, *prefix))
        .map(|(_, _, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(address: &str) -> Option<&'static str> {
        reason_by(&SubnetRules::default(), address)
    }

    fn reason_by(rules: &SubnetRules, address: &str) -> Option<&'static str> {
        let checked = check_address(address.parse().unwrap(), rules);
        checked.err().map(|refusal| refusal.reason)
    }

    fn subnets<const N: usize>(texts: [&str; N]) -> [IpNet; N] {
        texts.map(|text| text.parse().unwrap())
    }

    #[test]
    fn every_range_is_refused_from_its_first_to_its_last_address() {
        for (first, last, why) in [
            ("0.0.0.0", "0.255.255.255", "this network"),
            ("10.0.0.0", "10.255.255.255", "private"),
            ("100.64.0.0", "100.127.255.255", "carrier-grade NAT"),
            ("127.0.0.0", "127.255.255.255", "loopback"),
            ("168.63.129.16", "168.63.129.16", "a cloud platform's host service"),
            ("169.254.0.0", "169.254.255.255", "link-local"),
            ("172.16.0.0", "172.31.255.255", "private"),
            ("192.0.0.0", "192.0.0.255", "protocol assignments"),
            ("192.0.2.0", "192.0.2.255", "documentation"),
            ("192.168.0.0", "192.168.255.255", "private"),
            ("198.18.0.0", "198.19.255.255", "benchmarking"),
            ("198.51.100.0", "198.51.100.255", "documentation"),
            ("203.0.113.0", "203.0.113.255", "documentation"),
            ("224.0.0.0", "239.255.255.255", "multicast"),
            ("240.0.0.0", "255.255.255.255", "reserved"),
            ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "protocol assignments"),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"),
            ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6to4"),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"),
            ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "not global unicast"),
            ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "not global unicast"),
        ] {
            assert_eq!(reason(first), Some(why), "{first}");
            assert_eq!(reason(last), Some(why), "{last}");
        }
    }

    #[test]
    fn the_neighbours_of_every_range_are_accepted() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.1.255",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2001:200::",
            "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db9::",
            "2003::",
            "2606:4700::1111",
            "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "3fff:1000::",
        ] {
            assert_eq!(reason(address), None, "{address}");
        }
    }

    #[test]
    fn a_mapped_address_is_judged_as_ipv4() {
        assert_eq!(reason("::ffff:127.0.0.1"), Some("loopback"));
        assert_eq!(reason("::ffff:169.254.169.254"), Some("link-local"));
        assert_eq!(reason("::ffff:8.8.8.8"), None);
    }

    #[test]
    fn other_ways_to_write_ipv4_in_ipv6_are_refused() {
        for address in ["::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::1"] {
            assert!(reason(address).is_some(), "{address}");
        }
    }

    #[test]
    fn the_allow_list_opens_only_its_subnets() {
        let rules = SubnetRules::allowing(subnets(["127.0.0.0/8", "fd00::/8"]));
        let accepted = |address: &str| reason_by(&rules, address).is_none();
        assert!(accepted("127.0.0.1"));
        assert!(accepted("::ffff:127.0.0.1"));
        assert!(accepted("fd12::1"));
        assert!(!accepted("10.0.0.1"));
        assert!(!accepted("::1"));
    }

    #[test]
    fn every_denied_subnet_is_refused_from_its_first_to_its_last_address() {
        let rules = SubnetRules::allowing(subnets(["10.0.0.0/8", "fd00::/8"])).denying(subnets([
            "10.0.0.0/16",
            "10.9.8.7/32",
            "93.184.216.0/24",
            // 8.8.8.0/24
            "::ffff:808:800/120",
            "fd12::/16",
            "2606:4700::/32",
        ]));
        for (first, last) in [
            ("10.0.0.0", "10.0.255.255"),
            ("10.9.8.7", "10.9.8.7"),
            ("93.184.216.0", "93.184.216.255"),
            ("8.8.8.0", "8.8.8.255"),
            ("fd12::", "fd12:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2606:4700::", "2606:4700:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("::ffff:10.0.0.0", "::ffff:10.0.255.255"),
            ("::ffff:93.184.216.0", "::ffff:93.184.216.255"),
            ("::ffff:8.8.8.0", "::ffff:8.8.8.255"),
        ] {
            assert_eq!(reason_by(&rules, first), Some(DENIED_REASON), "{first}");
            assert_eq!(reason_by(&rules, last), Some(DENIED_REASON), "{last}");
        }
        for neighbour in [
            "10.1.0.0",
            "10.9.8.6",
            "10.9.8.8",
            "93.184.215.255",
            "93.184.217.0",
            "8.8.7.255",
            "8.8.9.0",
            "fd11:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fd13::",
            "2606:46ff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2606:4701::",
        ] {
            assert_eq!(reason_by(&rules, neighbour), None, "{neighbour}");
        }
        // The tables go on.
        assert_eq!(reason_by(&rules, "192.168.0.1"), Some("private"));
    }

    #[test]
    fn denied_wins_over_allowed_and_holds_for_its_family_alone() {
        let same = subnets(["10.1.0.0/16"]);
        let rules = SubnetRules::allowing(same).denying(same);
        assert_eq!(reason_by(&rules, "10.1.2.3"), Some(DENIED_REASON));
        let wider = SubnetRules::allowing(same).denying(subnets(["10.0.0.0/8"]));
        assert_eq!(reason_by(&wider, "10.1.2.3"), Some(DENIED_REASON));
        let (ipv4, ipv6) = ("8.8.8.8", "2606:4700::1111");
        for (all, refused, accepted) in [("0.0.0.0/0", ipv4, ipv6), ("::/0", ipv6, ipv4)] {
            let rules = SubnetRules::default().denying(subnets([all]));
            assert_eq!(reason_by(&rules, refused), Some(DENIED_REASON), "{all}");
            assert_eq!(reason_by(&rules, accepted), None, "{all}");
        }
    }
}
