//! The ranges of addresses that are refused, and why.
//!
//! Sorted and apart from each other, so that an address is looked for in a few steps; a test
//! checks that. Where each comes from stands in `cases.toml`, which a test compares with these.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A first address, how many of its bits all have in common, and the rule.
type RefusedRange<A> = (A, u32, &'static str);

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

pub static REFUSED_IPV4_RANGES: &[RefusedRange<Ipv4Addr>] = &[
    (v4(0, 0, 0, 0), 8, "this network"),
    (v4(10, 0, 0, 0), 8, "private"),
    (v4(100, 64, 0, 0), 10, "carrier-grade NAT"),
    (v4(127, 0, 0, 0), 8, "loopback"),
    (v4(161, 26, 0, 0), 16, "a cloud's private services"),
    (v4(166, 8, 0, 0), 14, "a cloud's private services"),
    (v4(168, 63, 129, 16), 32, "a cloud's host service"),
    (v4(169, 254, 0, 0), 16, "link-local"),
    (v4(172, 16, 0, 0), 12, "private"),
    (v4(192, 0, 0, 0), 24, "protocol assignments"),
    (v4(192, 0, 2, 0), 24, "documentation"),
    (v4(192, 31, 196, 0), 24, "AS112"),
    (v4(192, 52, 193, 0), 24, "AMT relays"),
    (v4(192, 80, 8, 124), 32, "a cloud's host service"),
    (v4(192, 88, 99, 0), 24, "6to4 relays"),
    (v4(192, 168, 0, 0), 16, "private"),
    (v4(192, 175, 48, 0), 24, "AS112"),
    (v4(198, 18, 0, 0), 15, "benchmarking"),
    (v4(198, 51, 100, 0), 24, "documentation"),
    (v4(199, 36, 153, 4), 30, "a cloud's private services"),
    (v4(199, 36, 153, 8), 30, "a cloud's private services"),
    (v4(203, 0, 113, 0), 24, "documentation"),
    (v4(224, 0, 0, 0), 4, "multicast"),
    (v4(240, 0, 0, 0), 4, "reserved"),
];

/// An address of IPv6 by its first four groups; the others are 0.
const fn v6(a: u16, b: u16, c: u16, d: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)
}

/// Within global unicast; all that lies outside is refused as well.
pub static REFUSED_IPV6_RANGES: &[RefusedRange<Ipv6Addr>] = &[
    (v6(0x2001, 0, 0, 0), 23, "protocol assignments"),
    (v6(0x2001, 0x0db8, 0, 0), 32, "documentation"),
    (v6(0x2002, 0, 0, 0), 16, "6to4"),
    (v6(0x2600, 0x2d00, 2, 0x1000), 64, "a cloud's private services"),
    (v6(0x2600, 0x2d00, 2, 0x2000), 64, "a cloud's private services"),
    (v6(0x2620, 0x004f, 0x8000, 0), 48, "AS112"),
    (v6(0x3ffe, 0, 0, 0), 16, "6bone"),
    (v6(0x3fff, 0, 0, 0), 20, "documentation"),
];

/// The rule of the range that an IPv4 address lies in.
pub fn refused_ipv4(address: Ipv4Addr) -> Option<&'static str> {
    let before = REFUSED_IPV4_RANGES.partition_point(|(first, ..)| *first <= address);
    let (first, bits, rule) = REFUSED_IPV4_RANGES.get(before.checked_sub(1)?)?;
    let mask = u32::MAX << (32 - bits);
    (u32::from(address) & mask == u32::from(*first)).then_some(*rule)
}

/// The same of an IPv6 address.
pub fn refused_ipv6(address: Ipv6Addr) -> Option<&'static str> {
    let [first_group, ..] = address.segments();
    // 2000::/3.
    if first_group >> 13 != 1 {
        return Some("not global unicast");
    }
    let before = REFUSED_IPV6_RANGES.partition_point(|(first, ..)| *first <= address);
    let (first, bits, rule) = REFUSED_IPV6_RANGES.get(before.checked_sub(1)?)?;
    let mask = u128::MAX << (128 - bits);
    (u128::from(address) & mask == u128::from(*first)).then_some(*rule)
}
