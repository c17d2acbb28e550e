//! Which ports of receivers an agent may dial.
//!
//! Any, unless the settings name those that are allowed; never a denied one. Denied by default
//! are those of well-known services that speak something else than HTTP, as browsers have it,
//! so that nobody makes an agent talk to a mail server.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

/// Ports from one to another, both included; most often one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRange(RangeInclusive<u16>);

/// Why a text names no ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a port from 1 to 65535, or two with a hyphen between them, the lower one first")]
pub struct PortRangeError;

impl FromStr for PortRange {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<Self, PortRangeError> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let port = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse::<u16>().map_err(|_| PortRangeError),
            false => Err(PortRangeError),
        };
        let (first, last) = (port(first)?, port(last)?);
        if first == 0 || first > last {
            return Err(PortRangeError);
        }
        Ok(Self(first..=last))
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.start(), self.0.end()) {
            (first, last) if first == last => write!(f, "{first}"),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// Why a port must not be dialled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the port {port} is not allowed")]
pub struct PortRefusal {
    pub port: u16,
    /// Which setting refuses it.
    pub rule: &'static str,
}

/// What the operator says of ports.
#[derive(Debug, Clone, Default)]
pub struct PortRules {
    /// Sorted and apart; empty: any.
    allowed: Vec<PortRange>,
    /// Sorted and apart.
    denied: Vec<PortRange>,
}

impl PortRules {
    /// Allows these, or any where there are none, and denies those, whatever is allowed.
    pub fn new(allowed: &[PortRange], denied: &[PortRange]) -> Self {
        Self { allowed: merged(allowed), denied: merged(denied) }
    }

    /// Whether `port` may be dialled.
    pub fn check(&self, port: u16) -> Result<(), PortRefusal> {
        if contains(&self.denied, port) {
            return Err(PortRefusal { port, rule: "a denied port" });
        }
        if !self.allowed.is_empty() && !contains(&self.allowed, port) {
            return Err(PortRefusal { port, rule: "not an allowed port" });
        }
        Ok(())
    }
}

fn merged(ranges: &[PortRange]) -> Vec<PortRange> {
    let mut sorted: Vec<PortRange> = ranges.to_vec();
    sorted.sort_by_key(|range| *range.0.start());
    sorted.dedup_by(|later, earlier| {
        let overlaps = later.0.start() <= earlier.0.end();
        if overlaps {
            earlier.0 = *earlier.0.start()..=*earlier.0.end().max(later.0.end());
        }
        overlaps
    });
    sorted
}

fn contains(ranges: &[PortRange], port: u16) -> bool {
    let before = ranges.partition_point(|range| *range.0.start() <= port);
    before.checked_sub(1).and_then(|last| ranges.get(last)).is_some_and(|r| r.0.contains(&port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(texts: &[&str]) -> Vec<PortRange> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn accepted(allowed: &[&str], denied: &[&str]) -> Vec<u16> {
        let rules = PortRules::new(&ranges(allowed), &ranges(denied));
        (0..=u16::MAX).filter(|port| rules.check(*port).is_ok()).collect()
    }

    #[test]
    fn ports_are_a_number_or_two() {
        for (text, shown) in [("443", "443"), ("8000-8080", "8000-8080"), ("9-9", "9")] {
            assert_eq!(text.parse::<PortRange>().unwrap().to_string(), shown);
        }
        assert!("65535".parse::<PortRange>().is_ok());
        for wrong in ["", "0", "65536", "-1", "1-", "-", "9-8", "0-9", "+1", "1 - 2", "http"] {
            assert_eq!(wrong.parse::<PortRange>(), Err(PortRangeError), "{wrong}");
        }
    }

    #[test]
    fn any_port_is_allowed_unless_some_are() {
        assert_eq!(accepted(&[], &[]).len(), 65_536);
        assert_eq!(accepted(&["443", "8443-8445"], &[]), [443, 8443, 8444, 8445]);
        assert_eq!(accepted(&["8443-8445", "443", "8444-8446"], &[]).len(), 5);
    }

    #[test]
    fn a_denied_port_is_refused_whatever_is_allowed() {
        assert_eq!(accepted(&["24-26"], &["25"]), [24, 26]);
        assert_eq!(accepted(&[], &["25", "1-65535", "30"]), [0]);
        let rules = PortRules::new(&ranges(&["443"]), &ranges(&["25"]));
        assert_eq!(rules.check(25).unwrap_err().rule, "a denied port");
        assert_eq!(rules.check(8080).unwrap_err().rule, "not an allowed port");
        assert_eq!(rules.check(25).unwrap_err().to_string(), "the port 25 is not allowed");
    }
}
