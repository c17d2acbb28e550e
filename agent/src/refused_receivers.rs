//! What operators see of receivers that the address guard refuses.
//!
//! A tenant reads in the history of his deliveries that the address, or the port, is not
//! allowed: what his names lead to in our network is not his to learn. Operators see the rest:
//! each refusal is counted by its rule, and a receiver has a line in the log, with the address
//! and the rule, when it is refused first and each hour from then on.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;
use postrider_telemetry::LineLimit;
use postrider_telemetry::metrics::{Counter, KeyValue};
use postrider_webhook_request::Origin;

use crate::resolve::ResolveError;

/// How long the line of a receiver is not repeated: its retries come for hours.
const LINE_INTERVAL: Duration = Duration::from_secs(3_600);
/// Receivers whose line is remembered: at some 300 bytes each, a third of a megabyte.
const MAX_REMEMBERED_LINES: usize = 1_024;
/// So many receivers' lines at once, and then one in each ten seconds, however many names a
/// tenant makes up.
const LINES_IN_A_ROW: u32 = 20;
const NEXT_LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Counts refusals, and logs each receiver's now and then.
#[derive(Debug)]
pub struct RefusedReceivers {
    /// Of attempts, by the rule.
    counts: Counter<u64>,
    lines: LineLimit,
    /// When each receiver, by its tenant and rule, had its last line.
    logged: Mutex<LruCache<String, Instant>>,
}

impl RefusedReceivers {
    /// None so far.
    pub fn new(counts: Counter<u64>) -> Self {
        let lines = LineLimit::new(LINES_IN_A_ROW, NEXT_LINE_INTERVAL);
        let remembered = NonZeroUsize::new(MAX_REMEMBERED_LINES).unwrap_or(NonZeroUsize::MIN);
        Self { counts, lines, logged: Mutex::new(LruCache::new(remembered)) }
    }

    /// A look-up for a subscription of `tenant` came to no addresses; counts if that is
    /// a refusal.
    pub fn report(&self, error: &ResolveError, origin: &Origin, tenant: &str) {
        let (rule, address) = match error {
            ResolveError::NotFound { .. } => return,
            ResolveError::Refused(refusal) => (refusal.rule, Some(refusal.address)),
            ResolveError::RefusedPort(refusal) => (refusal.rule, None),
        };
        self.counts.add(1, &[KeyValue::new("rule", rule)]);
        let (host, port) = (&origin.host, origin.port);
        let receiver = format!("{tenant} {host}:{port} {rule}");
        let Some(left_out) = self.next_line(receiver, Instant::now()) else { return };
        tracing::warn!(
            tenant,
            %host,
            port,
            address = address.map(tracing::field::display),
            rule,
            left_out,
            "the address guard refuses a receiver; nothing is sent to it"
        );
    }

    /// How many lines were left out before this receiver's; none if it has none now.
    fn next_line(&self, receiver: String, now: Instant) -> Option<u64> {
        let mut logged = self.logged.lock();
        let last = logged.get(&receiver);
        if last.is_some_and(|last| now.saturating_duration_since(*last) < LINE_INTERVAL) {
            return None;
        }
        let left_out = self.lines.next_line(now)?;
        logged.put(receiver, now);
        Some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use postrider_telemetry::metrics::MetricRegistry;
    use postrider_webhook_request::WebhookTarget;

    use super::*;
    use crate::address_guard::{PortRules, SubnetRules, check_address};
    use crate::metrics::AgentMetrics;

    fn refused_receivers(registry: &MetricRegistry) -> RefusedReceivers {
        RefusedReceivers::new(AgentMetrics::new(registry).refused_receivers)
    }

    fn origin() -> Arc<Origin> {
        WebhookTarget::parse("https://pay.example:25/hooks", false).unwrap().origin
    }

    #[test]
    fn refusals_are_counted_by_their_rule() {
        let registry = MetricRegistry::new(None).unwrap();
        let refused = refused_receivers(&registry);
        let address = "10.0.0.7".parse().unwrap();
        let private = check_address(address, &SubnetRules::default()).unwrap_err();
        let denied = ["25".parse().unwrap()];
        let port = PortRules::new(&[], &denied).check(25).unwrap_err();
        let (host, cause) = ("pay.example".to_owned(), "it is gone".to_owned());
        for error in [
            ResolveError::from(private.clone()),
            ResolveError::from(private),
            ResolveError::from(port),
            ResolveError::NotFound { host, cause },
        ] {
            refused.report(&error, &origin(), "acme");
        }
        let text = registry.text().unwrap();
        for (rule, count) in [("private", 2), ("a denied port", 1)] {
            let series =
                format!("postrider_agent_refused_receivers_total{{rule=\"{rule}\"}} {count}\n");
            assert!(text.contains(&series), "{series}\n{text}");
        }
    }

    #[test]
    fn a_receiver_has_a_line_an_hour_and_all_of_them_a_bounded_number() {
        let refused = refused_receivers(&MetricRegistry::unread());
        let start = Instant::now();
        let line = |receiver: &str, seconds| {
            refused.next_line(receiver.to_owned(), start + Duration::from_secs(seconds))
        };
        assert_eq!([0, 1, 3_599, 3_600].map(|at| line("a", at)), [Some(0), None, None, Some(0)]);
        assert_eq!(line("b", 3_600), Some(0));
        let many = |at| (0..100).filter(|n| line(&format!("{at}-{n}"), at).is_some()).count();
        assert_eq!(many(10_000), LINES_IN_A_ROW as usize);
        // What has had no line gets one later, which says how many were left out.
        assert_eq!(line("10000-99", 10_010), Some(80));
    }
}
