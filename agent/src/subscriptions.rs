//! Settings of subscriptions, as far as a POST needs them.
//!
//! Fed by every session with updates; feeds `attempt`. Guarantees that the
//! highest version wins on whichever stream it came (rule 12: what already
//! waits in the agent uses the newest settings that it holds) and that memory
//! is bounded: the settings used longest ago are dropped first, and an
//! assignment that needs them is returned, upon which they are sent again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::HeaderMap;
use postrider_proto::agent::v1::{self as wire, Envelope};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::headers::{self, HeaderError};
use crate::signing::{Signers, SigningError};
use crate::target::{Target, TargetError};

/// Shorter deadlines than this are a mistake of the sender's.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);
/// No attempt may hold its credit longer than this.
const MAX_TIMEOUT: Duration = Duration::from_secs(600);

/// One version of a subscription's settings, ready to use.
#[derive(Debug)]
pub struct Settings {
    /// Grows with every change.
    pub version: u64,
    /// The attempt's whole deadline.
    pub timeout: Duration,
    /// Where and with what to POST, or why that cannot be done.
    pub usable: Result<Usable, Unusable>,
}

/// Settings that a request can be built from.
#[derive(Debug)]
pub struct Usable {
    /// Where to POST.
    pub target: Target,
    /// How to sign.
    pub signers: Signers,
    /// What is around the payload.
    pub envelope: Envelope,
    /// Whether whitespace that means nothing is taken out of JSON.
    pub compact_json: bool,
    /// Of every request.
    pub headers: HeaderMap,
    /// Whether HTTP/2 is not to be spoken.
    pub http1_only: bool,
}

/// Why no request can be built from settings.
#[derive(Debug, Error)]
pub enum Unusable {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Signing(#[from] SigningError),
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The control plane is newer than the agent.
    #[error("the envelope is not known to this agent")]
    Envelope,
}

impl Usable {
    /// Takes the settings of an update that arrived at `now`.
    pub fn from_wire(update: &wire::SubscriptionUpdate, now: Instant) -> Result<Self, Unusable> {
        let target = Target::parse(&update.url, update.allow_insecure_url)?;
        let signers = Signers::from_wire(update, now)?;
        let headers = headers::custom(&update.headers, &signers)?;
        let envelope = Envelope::try_from(update.envelope).map_err(|_| Unusable::Envelope)?;
        let compact_json = update.compact_json;
        let http1_only = update.http1_only;
        Ok(Self { target, signers, envelope, compact_json, headers, http1_only })
    }
}

impl Settings {
    fn from_wire(update: &wire::SubscriptionUpdate) -> Self {
        let timeout = update
            .request_timeout
            .and_then(|timeout| Duration::try_from(timeout).ok())
            .unwrap_or(MIN_TIMEOUT)
            .clamp(MIN_TIMEOUT, MAX_TIMEOUT);
        let usable = Usable::from_wire(update, Instant::now());
        Self { version: update.version, timeout, usable }
    }
}

/// One attempt's leave to use a connection, for as long as it is held.
pub type Turn = OwnedSemaphorePermit;

/// The place of one subscription's newest settings; an attempt holds it and
/// reads it again at the moment of the POST.
#[derive(Debug)]
pub struct Subscription {
    tenant: Arc<str>,
    newest: RwLock<Arc<Settings>>,
    last_used: AtomicU64,
    connections: Arc<Semaphore>,
}

impl Subscription {
    /// Whose it is.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The newest settings that the agent holds.
    pub fn newest(&self) -> Arc<Settings> {
        let newest = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&newest)
    }

    /// Leave to use one of the connections that the subscription may have at once:
    /// one that hangs must leave some to the others of its receiver. `None` never
    /// comes.
    pub async fn turn(&self) -> Option<Turn> {
        Arc::clone(&self.connections).acquire_owned().await.ok()
    }

    fn replace(&self, settings: Settings) {
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        if settings.version > newest.version {
            *newest = Arc::new(settings);
        }
    }
}

/// All subscriptions that the agent knows.
#[derive(Debug)]
pub struct Subscriptions {
    by_id: HashMap<String, Arc<Subscription>>,
    limit: usize,
    /// Of each.
    connections: usize,
    uses: u64,
}

impl Subscriptions {
    /// Remembers at most `limit` subscriptions, each with so many HTTP/1.1
    /// connections at once.
    pub fn new(limit: usize, connections: usize) -> Self {
        Self { by_id: HashMap::new(), limit: limit.max(1), connections, uses: 0 }
    }

    /// Takes an update, unless what is held is as new.
    pub fn update(&mut self, update: &wire::SubscriptionUpdate) {
        let settings = Settings::from_wire(update);
        self.uses += 1;
        let key = key(&update.tenant, &update.subscription);
        if let Some(held) = self.by_id.get(&key) {
            held.last_used.store(self.uses, Ordering::Relaxed);
            held.replace(settings);
            return;
        }
        if self.by_id.len() >= self.limit {
            self.forget_oldest();
        }
        let subscription = Subscription {
            tenant: update.tenant.as_str().into(),
            newest: RwLock::new(Arc::new(settings)),
            last_used: AtomicU64::new(self.uses),
            connections: Arc::new(Semaphore::new(self.connections)),
        };
        self.by_id.insert(key, Arc::new(subscription));
    }

    /// The subscription, when its settings are at least as new as `version`.
    pub fn get(
        &mut self,
        tenant: &str,
        subscription: &str,
        version: u64,
    ) -> Option<Arc<Subscription>> {
        let held = self.by_id.get(&key(tenant, subscription))?;
        self.uses += 1;
        held.last_used.store(self.uses, Ordering::Relaxed);
        (held.newest().version >= version).then(|| Arc::clone(held))
    }

    /// An eighth at once, so that the scan is paid for by many insertions.
    fn forget_oldest(&mut self) {
        let mut uses: Vec<u64> =
            self.by_id.values().map(|held| held.last_used.load(Ordering::Relaxed)).collect();
        uses.sort_unstable();
        let Some(newest_to_forget) = uses.get(self.limit / 8).copied() else {
            return;
        };
        self.by_id.retain(|_, held| held.last_used.load(Ordering::Relaxed) > newest_to_forget);
    }
}

/// Ids hold no slash, so the pair is unambiguous.
fn key(tenant: &str, subscription: &str) -> String {
    let mut key = String::with_capacity(tenant.len() + 1 + subscription.len());
    key.push_str(tenant);
    key.push('/');
    key.push_str(subscription);
    key
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn update(subscription: &str, version: u64, url: &str) -> wire::SubscriptionUpdate {
        wire::SubscriptionUpdate {
            tenant: "acme".to_owned(),
            subscription: subscription.to_owned(),
            version,
            url: url.to_owned(),
            request_timeout: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
            unsigned: true,
            ..Default::default()
        }
    }

    #[test]
    fn the_highest_version_wins_in_any_order() {
        let mut subscriptions = Subscriptions::new(10, 64);
        subscriptions.update(&update("s", 2, "https://two.example/"));
        subscriptions.update(&update("s", 3, "https://three.example/"));
        subscriptions.update(&update("s", 1, "https://one.example/"));
        let held = subscriptions.get("acme", "s", 3).unwrap();
        assert_eq!(held.newest().version, 3);
        assert!(subscriptions.get("acme", "s", 4).is_none());
        assert!(subscriptions.get("other", "s", 1).is_none());
    }

    #[test]
    fn a_held_subscription_shows_later_updates() {
        let mut subscriptions = Subscriptions::new(10, 64);
        subscriptions.update(&update("s", 1, "https://one.example/"));
        let held = subscriptions.get("acme", "s", 1).unwrap();
        subscriptions.update(&update("s", 2, "https://two.example/"));
        assert_eq!(held.newest().version, 2);
    }

    #[test]
    fn the_least_recently_used_are_forgotten_first() {
        let mut subscriptions = Subscriptions::new(8, 64);
        for number in 0..8 {
            subscriptions.update(&update(&number.to_string(), 1, "https://x.example/"));
        }
        assert!(subscriptions.get("acme", "0", 1).is_some());
        subscriptions.update(&update("new", 1, "https://x.example/"));
        assert!(subscriptions.get("acme", "0", 1).is_some());
        assert!(subscriptions.get("acme", "new", 1).is_some());
        assert!(subscriptions.get("acme", "1", 1).is_none());
        assert!(subscriptions.by_id.len() <= 8);
    }

    #[test]
    fn unusable_settings_say_why() {
        let fine = update("s", 1, "https://pay.example/");
        let header = |name: &str| wire::Header { name: name.to_owned(), value: "1".into() };
        for (wrong, words) in [
            (
                wire::SubscriptionUpdate { url: "http://pay.example/".to_owned(), ..fine.clone() },
                "https",
            ),
            (wire::SubscriptionUpdate { unsigned: false, ..fine.clone() }, "no signing key"),
            (wire::SubscriptionUpdate { envelope: 99, ..fine.clone() }, "envelope"),
            (wire::SubscriptionUpdate { headers: vec![header("host")], ..fine.clone() }, "host"),
        ] {
            let mut subscriptions = Subscriptions::new(8, 64);
            subscriptions.update(&wrong);
            let settings = subscriptions.get("acme", "s", 1).unwrap().newest();
            let error = settings.usable.as_ref().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
