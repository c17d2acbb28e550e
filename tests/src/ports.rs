//! Free ports of the loopback interface.
//!
//! Fed by nothing; feeds every process that a test starts. Guarantees ports that
//! stay usable over a restart: they lie below the range from which outgoing
//! connections take theirs, so that none is taken while its process is down.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

const FIRST: u16 = 18_000;
const LAST: u16 = 31_999;
const TRIES_MAX: u32 = 1_000;

/// Ports given out by this process, so that two tests never share one.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that nothing listens on and that no other test of this process has.
pub fn free_port() -> Result<u16> {
    for _ in 0..TRIES_MAX {
        let port = rand::random_range(FIRST..=LAST);
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if !given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    bail!("no free port between {FIRST} and {LAST} in {TRIES_MAX} tries")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::free_port;

    #[test]
    fn ports_are_given_once() {
        assert_ne!(free_port().unwrap(), free_port().unwrap());
    }
}
