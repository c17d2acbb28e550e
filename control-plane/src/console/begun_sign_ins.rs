//! Sign-ins with providers that are begun: so many in a second.
//!
//! Fed by `sign_in` with browsers that are about to leave for a provider; feeds it whether they
//! may. Guarantees that no more are begun here than `redemptions` remembers until they are over,
//! and that one address, whatever it begins, leaves others a reserve, of which each has a small
//! part. A single address, as that of a proxy, has all but the reserve.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;
use postrider_domain::rate_budget::{RateBudget, RateLimit};
use postrider_domain::time::Timestamp;

use crate::listeners::customers_address;

/// Sign-ins with providers that all browsers begin in a second.
const MAX_BEGUN_PER_SECOND: u32 = 100;
/// So many seconds of them may be begun at once.
const BEGUN_BURST_SECONDS: u32 = 20;
/// Of that burst, what is kept for addresses that have not had their part.
const RESERVED_BEGINNINGS: u32 = 1_000;
/// An address's part: people of one office who sign in now and then.
const PART_PER_SECOND: u32 = 2;
const PART_BURST_SECONDS: u32 = 10;
/// Most addresses whose parts are remembered, in some 300 KiB: more than begin while a part
/// becomes whole again. Another one would have none.
const MAX_ADDRESSES: usize = 4_096;

#[derive(Default)]
struct BeginningState {
    begun: RateBudget,
    /// What addresses have used of their parts, lately.
    parts: HashMap<IpAddr, RateBudget>,
}

/// See the module.
pub struct BegunSignIns {
    rate: Option<RateLimit>,
    part: Option<RateLimit>,
    state: Mutex<BeginningState>,
}

impl Default for BegunSignIns {
    fn default() -> Self {
        Self {
            rate: RateLimit::new(MAX_BEGUN_PER_SECOND, BEGUN_BURST_SECONDS),
            part: RateLimit::new(PART_PER_SECOND, PART_BURST_SECONDS),
            state: Mutex::default(),
        }
    }
}

impl BegunSignIns {
    /// Whether another sign-in may begin now, from an address, which is counted.
    pub fn may_begin(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        let (Some(rate), Some(part)) = (self.rate, self.part) else { return true };
        let mut state = self.state.lock();
        // Where nothing is left nobody is remembered.
        if state.begun.after(rate, 1, now).is_err() {
            return false;
        }
        let has_part = address.is_some_and(|address| state.take_part(address, part, now));
        if !has_part && state.begun.after(rate, RESERVED_BEGINNINGS + 1, now).is_err() {
            return false;
        }
        state.begun.try_take(rate, 1, now).is_ok()
    }
}

impl BeginningState {
    /// Whether an address had not used its part, which is counted.
    fn take_part(&mut self, address: IpAddr, part: RateLimit, now: Timestamp) -> bool {
        let address = customers_address(address);
        if self.parts.len() >= MAX_ADDRESSES && !self.parts.contains_key(&address) {
            let whole = PART_PER_SECOND * PART_BURST_SECONDS;
            self.parts.retain(|_, used| used.after(part, whole, now).is_err());
            if self.parts.len() >= MAX_ADDRESSES {
                return false;
            }
        }
        self.parts.entry(address).or_default().try_take(part, 1, now).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::redemptions::MAX_REMEMBERED_SIGN_INS;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn address(number: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(number.into()))
    }

    /// How many of so many tries of an address are let through.
    fn begun(sign_ins: &BegunSignIns, address: Option<IpAddr>, tries: u32, seconds: i64) -> usize {
        (0..tries).filter(|_| sign_ins.may_begin(address, at(seconds))).count()
    }

    #[test]
    fn so_many_sign_ins_are_begun_in_a_second() {
        let sign_ins = BegunSignIns::default();
        // One address, as that of a proxy: all but the reserve.
        let proxied = [0, 10, 11, 12].map(|second| begun(&sign_ins, address(1), 5_000, second));
        assert_eq!(proxied, [1_000, 1_000, 100, 100]);
        let ten_minutes = MAX_BEGUN_PER_SECOND * (600 + BEGUN_BURST_SECONDS);
        assert!(MAX_REMEMBERED_SIGN_INS > ten_minutes as usize);
    }

    #[test]
    fn one_address_leaves_others_their_parts() {
        let sign_ins = BegunSignIns::default();
        for second in 0..60_u32 {
            begun(&sign_ins, address(1), 3_000, second.into());
            let honest = begun(&sign_ins, address(2 + second), 20, second.into());
            assert_eq!(honest, 20, "{second}");
        }
        assert_eq!(begun(&sign_ins, None, 10, 59), 0, "the reserve is for addresses");
    }

    #[test]
    fn all_addresses_together_begin_no_more_and_few_are_remembered() {
        let sign_ins = BegunSignIns::default();
        for round in 0..5_u32 {
            let (first, now) = (round * 10_000, at(i64::from(round) * 60));
            let tries = first..first + 10_000;
            let all = tries.filter(|number| sign_ins.may_begin(address(*number), now)).count();
            assert_eq!(all, 2_000);
            assert!(sign_ins.state.lock().parts.len() <= MAX_ADDRESSES);
        }
    }
}
