//! IPv4 addresses inside of IPv6 ones, to which packets go in the end.
//!
//! What cannot be known here is which prefixes of its own a network translates (RFC 6052,
//! section 3.3) or tunnels (6rd): those are for the operator's denied subnets.

use std::net::{Ipv4Addr, Ipv6Addr};

fn ipv4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

/// The IPv4 address that a NAT64 gateway connects to: `64:ff9b::/96`, the well-known prefix of
/// RFC 6052, section 2.1.
pub fn nat64_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(ipv4(high, low)),
        _ => None,
    }
}

/// Whether packets are tunnelled to an IPv4 address in the site of the prefix: any prefix, and
/// an interface identifier that begins with `0000:5efe` or `0200:5efe` (RFC 5214, section 6.1).
pub fn is_isatap(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [_, _, _, _, 0 | 0x200, 0x5efe, _, _])
}

/// The IPv4 address to which packets go in the end, in each of the forms that are known.
pub fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        // IPv4-compatible, IPv4-mapped (RFC 4291, section 2.5.5) and IPv4-translated (RFC 2765).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            Some(ipv4(high, low))
        }
        // 6to4 (RFC 3056, section 2).
        [0x2002, high, low, ..] => Some(ipv4(high, low)),
        // Teredo (RFC 4380, section 4): the client's, with every bit turned.
        [0x2001, 0, _, _, _, _, high, low] => Some(ipv4(!high, !low)),
        [.., high, low] if is_isatap(address) => Some(ipv4(high, low)),
        _ => nat64_ipv4(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_is_found_in_every_form() {
        for (address, inside) in [
            ("::10.1.2.3", Some("10.1.2.3")),
            ("::ffff:10.1.2.3", Some("10.1.2.3")),
            ("::ffff:0:10.1.2.3", Some("10.1.2.3")),
            ("64:ff9b::10.1.2.3", Some("10.1.2.3")),
            ("2002:a01:203::1", Some("10.1.2.3")),
            ("2001::5ef5:79fd:0:59d:f5fe:fdfc", Some("10.1.2.3")),
            ("2606:4700::5efe:10.1.2.3", Some("10.1.2.3")),
            ("2606:4700::200:5efe:10.1.2.3", Some("10.1.2.3")),
            ("64:ff9b:1::10.1.2.3", None),
            ("64:ff9b::1:10.1.2.3", None),
            ("2606:4700::1:5efe:10.1.2.3", None),
            ("2606:4700::1111", None),
        ] {
            let found = embedded_ipv4(address.parse().unwrap());
            assert_eq!(found, inside.map(|inside| inside.parse().unwrap()), "{address}");
        }
    }
}
