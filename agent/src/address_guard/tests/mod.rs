//! Tests of the guard: its tables against `cases.toml`, and every row of that.

mod cases;
mod document;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use postrider_proto::webhook_url::WebhookUrl;
use url::Host;

use super::ranges::{REFUSED_IPV4_RANGES, REFUSED_IPV6_RANGES};
use super::*;
use cases::{GuardCase, cases};

fn rule(address: &str) -> Option<&'static str> {
    rule_by(&SubnetRules::default(), address)
}

fn rule_by(rules: &SubnetRules, address: &str) -> Option<&'static str> {
    rule_of(address.parse().unwrap(), rules)
}

fn rule_of(address: IpAddr, rules: &SubnetRules) -> Option<&'static str> {
    check_address(address, rules).err().map(|refusal| refusal.rule)
}

fn subnets<const N: usize>(texts: [&str; N]) -> [IpNet; N] {
    texts.map(|text| text.parse().unwrap())
}

fn subnet_of(case: &GuardCase) -> IpNet {
    case.field("subnet").parse().unwrap()
}

/// A subnet's first and last address.
fn ends(subnet: IpNet) -> [IpAddr; 2] {
    [subnet.network(), subnet.broadcast()]
}

/// The addresses before and behind a subnet, where there are some.
fn neighbours(subnet: IpNet) -> Vec<IpAddr> {
    let [before, behind] = match ends(subnet) {
        [IpAddr::V4(first), IpAddr::V4(last)] => [
            u32::from(first).checked_sub(1).map(|bits| Ipv4Addr::from(bits).into()),
            u32::from(last).checked_add(1).map(|bits| Ipv4Addr::from(bits).into()),
        ],
        [IpAddr::V6(first), IpAddr::V6(last)] => [
            u128::from(first).checked_sub(1).map(|bits| Ipv6Addr::from(bits).into()),
            u128::from(last).checked_add(1).map(|bits| Ipv6Addr::from(bits).into()),
        ],
        _ => unreachable!("a subnet is of one family"),
    };
    [before, behind].into_iter().flatten().collect()
}

#[test]
fn the_tables_are_those_of_the_cases() {
    let v4 = REFUSED_IPV4_RANGES.iter().map(|(first, bits, rule)| format!("{first}/{bits} {rule}"));
    let v6 = REFUSED_IPV6_RANGES.iter().map(|(first, bits, rule)| format!("{first}/{bits} {rule}"));
    let tables: Vec<String> = v4.chain(v6).collect();
    let rows = cases("range");
    let rows = rows.iter().map(|row| format!("{} {}", row.field("subnet"), row.field("rule")));
    assert_eq!(tables, rows.collect::<Vec<_>>());
}

#[test]
fn the_tables_are_sorted_and_their_ranges_apart() {
    let subnets: Vec<IpNet> = cases("range").iter().map(subnet_of).collect();
    for subnet in &subnets {
        assert_eq!(subnet.network(), subnet.addr(), "{subnet} has bits that do not count");
    }
    for pair in subnets.windows(2) {
        let ([_, last], [first, _]) = (ends(pair[0]), ends(pair[1]));
        assert!(last < first, "{} and {}", pair[0], pair[1]);
    }
}

#[test]
fn every_range_is_refused_from_its_first_to_its_last_address() {
    for row in cases("range").iter().chain(&cases("outside")) {
        for address in ends(subnet_of(row)) {
            assert_eq!(rule_of(address, &SubnetRules::default()), row.rule(), "{address}");
        }
    }
}

#[test]
fn what_is_not_global_unicast_is_refused_but_for_nat64() {
    for (first, last) in [
        ("::", "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("64:ff9b::1:0:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ] {
        assert_eq!(rule(first), Some("not global unicast"), "{first}");
        assert_eq!(rule(last), Some("not global unicast"), "{last}");
    }
    assert_eq!(rule("2000::"), None);
}

#[test]
fn the_neighbours_of_every_range_are_accepted() {
    let ranges: Vec<IpNet> = cases("range").iter().map(subnet_of).collect();
    let outside = ["::/3", "4000::/2", "8000::/1"].map(|text| text.parse::<IpNet>().unwrap());
    let refused =
        |address: &IpAddr| ranges.iter().chain(&outside).any(|range| range.contains(address));
    let mut accepted = 0;
    for address in ranges.iter().flat_map(|range| neighbours(*range)) {
        if !refused(&address) {
            assert_eq!(rule_of(address, &SubnetRules::default()), None, "{address}");
            accepted += 1;
        }
    }
    assert!(accepted > ranges.len(), "most ranges have no other beside them");
}

#[test]
fn every_address_is_judged_as_its_row_says() {
    for row in cases("address") {
        let address = row.field("address");
        assert_eq!(rule(address), row.rule(), "{address}: {}", row.field("source"));
    }
}

/// What a URL's host is, and not how it is written, is judged.
#[test]
fn every_url_is_judged_as_its_row_says() {
    for row in cases("url") {
        let text = row.field("url");
        let parsed = WebhookUrl::parse(text, false);
        let Some(problem) = row.optional("problem") else {
            let address = match parsed.expect(text).url.host().unwrap() {
                Host::Ipv4(v4) => IpAddr::V4(v4),
                Host::Ipv6(v6) => IpAddr::V6(v6),
                Host::Domain(name) => panic!("{text} is taken for the name {name}"),
            };
            assert_eq!(rule_of(address, &SubnetRules::default()), row.rule(), "{text}");
            continue;
        };
        let refused = parsed.expect_err(text).to_string();
        assert!(refused.starts_with(problem), "{text}: {refused}");
    }
}

#[test]
fn every_row_has_a_source_and_stands_once() {
    for (kind, name) in [
        ("range", "subnet"),
        ("outside", "subnet"),
        ("address", "address"),
        ("url", "url"),
        ("port", "port"),
    ] {
        let rows = cases(kind);
        let distinct: BTreeSet<&str> = rows.iter().map(|row| row.field(name)).collect();
        assert_eq!(distinct.len(), rows.len(), "{kind}");
        assert!(rows.iter().all(|row| !row.field("source").is_empty()), "{kind}");
    }
}

#[test]
fn nat64_is_judged_as_ipv4_from_the_first_to_the_last_address_of_every_range() {
    for row in cases("range") {
        let IpNet::V4(subnet) = subnet_of(&row) else { continue };
        for v4 in [subnet.network(), subnet.broadcast()] {
            assert_eq!(rule(&format!("64:ff9b::{v4}")), row.rule(), "{v4}");
        }
    }
}

#[test]
fn the_allow_list_opens_only_its_subnets() {
    let rules = SubnetRules::allowing(subnets(["127.0.0.0/8", "fd00::/8"]));
    let accepted = |address: &str| rule_by(&rules, address).is_none();
    assert!(accepted("127.0.0.1"));
    assert!(accepted("::ffff:127.0.0.1"));
    assert!(accepted("fd12::1"));
    assert!(!accepted("10.0.0.1"));
    assert!(!accepted("::1"));
    // The gateway's network is another than ours.
    assert!(!accepted("64:ff9b::127.0.0.1"));
}

/// Who has it translated into his own network says so.
#[test]
fn an_allowed_subnet_of_nat64_is_named_as_it_is() {
    let rules = SubnetRules::allowing(subnets(["64:ff9b::a00:0/104"]));
    assert_eq!(rule_by(&rules, "64:ff9b::10.1.2.3"), None);
    assert_eq!(rule_by(&rules, "64:ff9b::127.0.0.1"), Some("loopback"));
    assert_eq!(rule_by(&rules, "10.1.2.3"), Some("private"));
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
        ("64:ff9b::93.184.216.0", "64:ff9b::93.184.216.255"),
        ("64:ff9b::8.8.8.0", "64:ff9b::8.8.8.255"),
    ] {
        assert_eq!(rule_by(&rules, first), Some(DENIED_RULE), "{first}");
        assert_eq!(rule_by(&rules, last), Some(DENIED_RULE), "{last}");
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
        "64:ff9b::93.184.217.0",
    ] {
        assert_eq!(rule_by(&rules, neighbour), None, "{neighbour}");
    }
    // The tables go on.
    assert_eq!(rule_by(&rules, "192.168.0.1"), Some("private"));
}

/// However it is written, and whatever is allowed around it.
#[test]
fn a_denied_address_is_refused_inside_of_every_ipv6_address() {
    let rules = SubnetRules::allowing(subnets(["::/0"])).denying(subnets(["10.1.0.0/16"]));
    for inside in [
        "::10.1.2.3",
        "::ffff:10.1.2.3",
        "64:ff9b::10.1.2.3",
        "2002:a01:203::1",
        "2001::5ef5:79fd:0:59d:f5fe:fdfc",
        "2606:4700::5efe:10.1.2.3",
    ] {
        assert_eq!(rule_by(&rules, inside), Some(DENIED_RULE), "{inside}");
    }
    assert_eq!(rule_by(&rules, "2606:4700::5efe:10.2.2.3"), None, "the operator allows it");
}

#[test]
fn denied_wins_over_allowed_and_holds_for_its_family_alone() {
    let same = subnets(["10.1.0.0/16"]);
    let rules = SubnetRules::allowing(same).denying(same);
    assert_eq!(rule_by(&rules, "10.1.2.3"), Some(DENIED_RULE));
    let wider = SubnetRules::allowing(same).denying(subnets(["10.0.0.0/8"]));
    assert_eq!(rule_by(&wider, "10.1.2.3"), Some(DENIED_RULE));
    let (ipv4, ipv6) = ("8.8.8.8", "2606:4700::1111");
    for (all, refused, accepted) in [("0.0.0.0/0", ipv4, ipv6), ("::/0", ipv6, ipv4)] {
        let rules = SubnetRules::default().denying(subnets([all]));
        assert_eq!(rule_by(&rules, refused), Some(DENIED_RULE), "{all}");
        assert_eq!(rule_by(&rules, accepted), None, "{all}");
    }
}

#[test]
fn a_tenant_is_not_told_the_address() {
    let refusal = check_address("10.1.2.3".parse().unwrap(), &SubnetRules::default()).unwrap_err();
    assert_eq!(refusal.to_string(), "the address is not allowed");
}
