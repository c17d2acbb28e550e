//! The name cache, with a clock that the test moves.
use std::net::IpAddr;

use super::*;

const LIMITS: LookupLimits = LookupLimits {
    total: 16,
    per_tenant: 4,
    timeout: Duration::from_secs(5),
    max_ttl: Duration::from_secs(300),
    max_stale: Duration::from_secs(3_600),
};

/// Names and the time.
struct CacheAndClock {
    names: NameCache,
    now: Instant,
}

impl CacheAndClock {
    fn new() -> Self {
        Self { names: NameCache::new(LIMITS), now: Instant::now() }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn query(&mut self, name: &str, tenant: &str) -> CacheAnswer {
        self.names.query(name, tenant, self.now)
    }

    /// What is known without a look-up.
    fn known(&mut self, name: &str) -> Option<LookupResult> {
        match self.query(name, "acme") {
            CacheAnswer::Ready(outcome) => Some(outcome),
            CacheAnswer::Pending { .. } => None,
        }
    }

    fn started(&mut self) -> Vec<NameLookup> {
        std::iter::from_fn(|| self.names.start_next()).collect()
    }

    fn end(
        &mut self,
        lookup: &NameLookup,
        outcome: Result<LookupAnswer, LookupFailure>,
        took: u64,
    ) {
        self.names.complete_lookup(lookup, outcome, Duration::from_secs(took), self.now);
        self.names.release_place(lookup);
    }

    /// Looks a name up.
    fn tell(&mut self, name: &str, outcome: Result<LookupAnswer, LookupFailure>, took: u64) {
        assert!(self.known(name).is_none_or(|known| known.is_ok()), "nothing to look up");
        let lookups = self.started();
        assert_eq!(lookups.iter().map(|lookup| &*lookup.name).collect::<Vec<_>>(), [name]);
        self.pass(took);
        self.end(&lookups[0], outcome, took);
    }
}

fn found(last: u8, seconds: u64) -> Result<LookupAnswer, LookupFailure> {
    let addresses = [IpAddr::from([93, 184, 216, last])].into();
    Ok(LookupAnswer { addresses, time_to_live: Duration::from_secs(seconds) })
}

fn address(outcome: Option<LookupResult>) -> Option<String> {
    outcome.map(|outcome| outcome.unwrap()[0].to_string())
}

fn failed() -> Result<LookupAnswer, LookupFailure> {
    Err(LookupFailure::temporary("SERVFAIL"))
}

fn gone() -> Result<LookupAnswer, LookupFailure> {
    Err(LookupFailure { is_definitive: true, cause: "NXDOMAIN".to_owned() })
}

#[test]
fn an_answer_holds_for_its_time_to_live_within_bounds() {
    for (time_to_live, holds) in [(0, 1), (1, 1), (60, 60), (300, 300), (86_400, 300)] {
        let mut book = CacheAndClock::new();
        book.tell("pay.example", found(1, time_to_live), 0);
        book.pass(holds - 1);
        assert_eq!(address(book.known("pay.example")).unwrap(), "93.184.216.1");
        book.pass(1);
        assert!(book.known("pay.example").is_none(), "{time_to_live} s");
    }
}

#[test]
fn a_failure_is_remembered_for_as_long_as_its_look_up_took() {
    for (took, holds) in [(0, 1), (1, 1), (5, 5)] {
        for failure in [failed(), gone()] {
            let mut book = CacheAndClock::new();
            book.tell("pay.example", failure, took);
            book.pass(holds - 1);
            assert!(book.known("pay.example").unwrap().is_err());
            book.pass(1);
            assert!(book.known("pay.example").is_none(), "{took} s");
        }
    }
}

#[test]
fn an_old_answer_is_used_while_name_servers_fail_and_for_so_long() {
    let mut book = CacheAndClock::new();
    book.tell("pay.example", found(1, 60), 0);
    book.pass(60);
    let CacheAnswer::Pending { stale, .. } = book.query("pay.example", "acme") else {
        panic!("asked nobody")
    };
    assert_eq!(address(stale.map(Ok)).unwrap(), "93.184.216.1");
    let lookup = book.started().remove(0);
    book.end(&lookup, failed(), 5);
    // While the failure is remembered, and beside each look-up that follows.
    for _ in 0..3 {
        assert_eq!(address(book.known("pay.example")).unwrap(), "93.184.216.1");
        assert!(book.started().is_empty());
        book.pass(5);
        assert_eq!(address(book.known("pay.example")).unwrap(), "93.184.216.1");
        let lookup = book.started().remove(0);
        assert_eq!(address(book.known("pay.example")).unwrap(), "93.184.216.1");
        assert!(book.started().is_empty(), "one at a time");
        book.end(&lookup, failed(), 5);
    }
    book.pass(60);
    assert!(book.known("pay.example").is_none(), "after a while they are waited for again");
    let lookup = book.started().remove(0);
    book.end(&lookup, failed(), 5);
    book.pass(3_600);
    book.tell("pay.example", failed(), 5);
    assert!(book.known("pay.example").unwrap().is_err());
}

#[test]
fn a_name_that_is_gone_has_no_old_answer() {
    let mut book = CacheAndClock::new();
    book.tell("pay.example", found(1, 60), 0);
    book.pass(60);
    book.tell("pay.example", gone(), 0);
    assert!(book.known("pay.example").unwrap().is_err());
}

#[test]
fn all_who_wait_are_told_by_one_look_up() {
    let mut book = CacheAndClock::new();
    let waiting: Vec<_> = (0..50)
        .map(|number| match book.query("pay.example", &format!("tenant-{number}")) {
            CacheAnswer::Pending { broadcast, stale: None } => broadcast,
            other => panic!("{other:?}"),
        })
        .collect();
    let lookups = book.started();
    assert_eq!(lookups.len(), 1);
    let CacheAnswer::Pending { broadcast, .. } = book.query("pay.example", "late") else {
        panic!("known")
    };
    book.end(&lookups[0], found(1, 60), 1);
    for broadcast in waiting.iter().chain([&broadcast]) {
        assert_eq!(address(broadcast.outcome()).unwrap(), "93.184.216.1");
    }
    assert!(book.started().is_empty());
}

#[test]
fn a_tenant_has_a_share_and_some_is_left_to_those_that_have_none() {
    let mut book = CacheAndClock::new();
    for tenant in 0..10 {
        for name in 0..10 {
            book.query(&format!("n{name}.t{tenant}.example"), &format!("tenant-{tenant}"));
        }
    }
    let running = book.started();
    let of = |tenant: &str| running.iter().filter(|running| *running.tenant == *tenant).count();
    assert!(
        (0..10).all(|tenant| (1..=LIMITS.per_tenant).contains(&of(&format!("tenant-{tenant}"))))
    );
    assert_eq!(running.len(), LIMITS.total - LIMITS.total / 8);
    book.query("pay.example", "neighbour");
    assert_eq!(book.started().len(), 1, "the neighbour's");
}

#[test]
fn a_name_comes_with_the_first_of_its_tenants_turns() {
    let mut book = CacheAndClock::new();
    for number in 0..100 {
        book.query(&format!("n{number}.slow.example"), "slow");
    }
    assert_eq!(book.started().len(), LIMITS.per_tenant);
    book.query("pay.example", "slow");
    assert!(book.started().is_empty());
    book.query("pay.example", "neighbour");
    let lookups = book.started();
    assert_eq!(lookups.len(), 1);
    assert_eq!(&*lookups[0].tenant, "neighbour");
    book.end(&lookups[0], found(1, 60), 0);
    assert!(matches!(book.query("pay.example", "slow"), CacheAnswer::Ready(Ok(_))));
}

#[test]
fn what_ends_makes_room_and_nothing_is_looked_up_twice() {
    let mut book = CacheAndClock::new();
    for tenant in ["slow", "other"] {
        for number in 0..100 {
            book.query(&format!("n{number}.example"), tenant);
        }
    }
    let mut ended = Vec::new();
    loop {
        let lookups = book.started();
        if lookups.is_empty() {
            break;
        }
        for lookup in lookups {
            book.end(&lookup, failed(), 5);
            ended.push(lookup.name);
        }
    }
    ended.sort_unstable();
    ended.dedup();
    assert_eq!(ended.len(), 100);
    assert_eq!((book.names.running, book.names.waiting), (0, 0));
    assert!(book.names.tenant_rotation.is_empty());
}

#[test]
fn nothing_grows_without_bound() {
    let mut book = CacheAndClock::new();
    let refused = (0..MAX_WAITING_NAMES_PER_TENANT + 10)
        .filter(|number| {
            matches!(book.query(&format!("n{number}.example"), "slow"), CacheAnswer::Ready(_))
        })
        .count();
    assert_eq!(refused, 10);
    assert!(matches!(book.query("pay.example", "neighbour"), CacheAnswer::Pending { .. }));

    let mut book = CacheAndClock::new();
    book.tell("pay.example", found(1, 300), 0);
    for number in 0..2 * MAX_CACHED_NAMES {
        book.query(&format!("n{number}.example"), &format!("tenant-{}", number % 3));
        for lookup in book.started() {
            book.end(&lookup, found(2, 300), 0);
        }
    }
    assert!(book.names.by_name.len() <= MAX_CACHED_NAMES);
    let most = book.names.tenant_queues.values().map(|line| line.remembered).max();
    assert!(most.unwrap() <= MAX_CACHED_NAMES_PER_TENANT);
    let remembered: usize = book.names.tenant_queues.values().map(|line| line.remembered).sum();
    assert_eq!(remembered, book.names.by_name.len());
    assert_eq!(address(book.known("pay.example")).unwrap(), "93.184.216.1");
}
