//! From a receiver's host to the addresses that may be dialled.
//!
//! Fed by `client` with the host of a subscription's URL; feeds it judged
//! addresses. Guarantees that every address of a host went through the guard,
//! that an answer which mixes permitted and refused addresses is refused as a
//! whole (half of a rebinding attack is still one), and that concurrent
//! attempts for one host cost one lookup. Answers are kept for a short while,
//! because a lookup for each POST would cost more than the POST.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;
use url::Host;

use crate::guard::{AllowList, Refusal, judge};

/// Failures are kept this long at most, so that a storm of attempts for a
/// broken name asks for it a few times a second and not thousands of times.
const FAILURE_KEPT: Duration = Duration::from_secs(1);

/// More than this many names are not remembered.
const MAX_NAMES: usize = 10_000;

/// Why a host cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// The name has no address, or the lookup failed.
    #[error("no address for {host}: {cause}")]
    NotFound { host: String, cause: String },
    /// The guard refused one of the addresses.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// At least one address, all of them judged.
pub type Addresses = Arc<[IpAddr]>;

type Answer = Result<Addresses, ResolveError>;

/// Looks names up and judges what comes back.
#[derive(Debug)]
pub struct Resolver {
    allow: AllowList,
    keep: Duration,
    names: Mutex<HashMap<String, Name>>,
}

#[derive(Debug, Default)]
struct Name {
    answer: Option<(Instant, Answer)>,
    lookup: Arc<tokio::sync::Mutex<()>>,
}

impl Resolver {
    /// Judges by `allow` and keeps good answers for `keep`.
    pub fn new(allow: AllowList, keep: Duration) -> Self {
        Self { allow, keep, names: Mutex::default() }
    }

    /// The judged addresses of `host`; the flag says whether they had to be
    /// looked up.
    pub async fn resolve(&self, host: &Host<String>) -> (Answer, bool) {
        match host {
            Host::Ipv4(address) => (self.judged(&[IpAddr::V4(*address)]), false),
            Host::Ipv6(address) => (self.judged(&[IpAddr::V6(*address)]), false),
            Host::Domain(name) => Box::pin(self.resolve_name(name)).await,
        }
    }

    async fn resolve_name(&self, name: &str) -> (Answer, bool) {
        let lookup = match self.remembered(name) {
            Ok(answer) => return (answer, false),
            Err(lookup) => lookup,
        };
        let _only_one = lookup.lock().await;
        if let Ok(answer) = self.remembered(name) {
            return (answer, true);
        }
        let answer = self.look_up(name).await;
        self.remember(name, &answer);
        (answer, true)
    }

    async fn look_up(&self, name: &str) -> Answer {
        let not_found = |cause: String| ResolveError::NotFound { host: name.to_owned(), cause };
        let found: Vec<IpAddr> = tokio::net::lookup_host((name, 0))
            .await
            .map_err(|error| not_found(error.to_string()))?
            .map(|address| address.ip())
            .collect();
        if found.is_empty() {
            return Err(not_found("the answer is empty".to_owned()));
        }
        self.judged(&found)
    }

    fn judged(&self, found: &[IpAddr]) -> Answer {
        for address in found {
            judge(*address, &self.allow)?;
        }
        Ok(found.into())
    }

    /// What is still fresh, or the lock under which to look it up.
    fn remembered(&self, name: &str) -> Result<Answer, Arc<tokio::sync::Mutex<()>>> {
        let mut names = self.names();
        let Some(entry) = names.get(name) else {
            if names.len() >= MAX_NAMES {
                names.clear();
            }
            let entry = names.entry(name.to_owned()).or_default();
            return Err(Arc::clone(&entry.lookup));
        };
        match &entry.answer {
            Some((until, answer)) if Instant::now() < *until => Ok(answer.clone()),
            _ => Err(Arc::clone(&entry.lookup)),
        }
    }

    fn remember(&self, name: &str, answer: &Answer) {
        let keep = match answer {
            Ok(_) => self.keep,
            Err(_) => self.keep.min(FAILURE_KEPT),
        };
        if let Some(entry) = self.names().get_mut(name) {
            entry.answer = Some((Instant::now() + keep, answer.clone()));
        }
    }

    fn names(&self) -> MutexGuard<'_, HashMap<String, Name>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const KEEP: Duration = Duration::from_secs(60);

    fn loopback() -> AllowList {
        AllowList::new(["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()])
    }

    #[test]
    fn a_mixed_answer_is_refused_as_a_whole() {
        let resolver = Resolver::new(AllowList::default(), KEEP);
        let public: IpAddr = "93.184.216.34".parse().unwrap();
        let private: IpAddr = "10.0.0.7".parse().unwrap();
        assert!(resolver.judged(&[public]).is_ok());
        for mixed in [[public, private], [private, public]] {
            let Err(ResolveError::Refused(refusal)) = resolver.judged(&mixed) else {
                panic!("accepted");
            };
            assert_eq!(refusal.address, private);
        }
    }

    #[tokio::test]
    async fn literals_are_judged_too() {
        let resolver = Resolver::new(AllowList::default(), KEEP);
        for host in [
            Host::Ipv4("127.0.0.1".parse().unwrap()),
            Host::Ipv6("::1".parse().unwrap()),
            Host::Ipv6("::ffff:10.0.0.1".parse().unwrap()),
        ] {
            let (answer, _) = resolver.resolve(&host).await;
            assert!(matches!(answer, Err(ResolveError::Refused(_))), "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_is_looked_up_judged_and_kept() {
        let host = Host::Domain("localhost".to_owned());
        let refusing = Resolver::new(AllowList::default(), KEEP);
        let (answer, _) = refusing.resolve(&host).await;
        assert!(matches!(answer, Err(ResolveError::Refused(_))));

        let accepting = Resolver::new(loopback(), KEEP);
        let (first, looked_up) = accepting.resolve(&host).await;
        assert!(looked_up);
        let (second, looked_up_again) = accepting.resolve(&host).await;
        assert!(!looked_up_again);
        assert_eq!(first, second);
        assert!(first.unwrap().iter().all(IpAddr::is_loopback));
    }

    #[tokio::test]
    async fn an_unknown_name_is_not_found() {
        let resolver = Resolver::new(AllowList::default(), KEEP);
        let host = Host::Domain("no-such-host.invalid".to_owned());
        let (answer, _) = resolver.resolve(&host).await;
        assert!(matches!(answer, Err(ResolveError::NotFound { .. })));
    }
}
