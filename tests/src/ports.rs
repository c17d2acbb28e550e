//! Free ports of the loopback interface.
//!
//! Fed by nothing; feeds every process that a test starts. Guarantees ports that
//! stay usable over a restart: they lie below the range from which outgoing
//! connections take theirs, so that none is taken while its process is down.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};
use parking_lot::Mutex;

const FIRST_PORT: u16 = 18_000;
const LAST_PORT: u16 = 31_999;
const MAX_PORT_TRIES: u32 = 1_000;

/// Ports given out by this process, so that two tests never share one.
static PORTS_IN_USE: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that nothing listens on and that no other test of this process has.
pub fn free_port() -> Result<u16> {
    for _ in 0..MAX_PORT_TRIES {
        let port = rand::random_range(FIRST_PORT..=LAST_PORT);
        let mut given = PORTS_IN_USE.lock();
        if !given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    bail!("no free port between {FIRST_PORT} and {LAST_PORT} in {MAX_PORT_TRIES} tries")
}

#[cfg(test)]
mod tests {
    use super::free_port;

    #[test]
    fn ports_are_given_once() {
        assert_ne!(free_port().unwrap(), free_port().unwrap());
    }
}
