//! The settings of subscriptions that an attempt needs.
//!
//! The highest version wins, whichever stream it came on (invariant
//! `answered-change-in-force`): an attempt that already waits uses the newest settings
//! that the agent has.
//! Memory is bounded: the least recently used are evicted first; an assignment that
//! needs evicted settings is returned, and the control plane sends them again.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::RwLock;
use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::subscription_update::Authorization;
use postrider_webhook_request::{Origin, RequestTemplate, TemplateError};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::client::destination::{Destination, DestinationRole, TlsCredentials};
use crate::header_case::HeaderCase;
use crate::oauth::TokenClient;
/// Shorter request timeouts are treated as a mistake.
const MIN_REQUEST_TIMEOUT: Duration = Duration::from_millis(1);
/// No attempt may hold its credit longer than this. Ten times what the control plane
/// permits, so that it can permit more.
const MAX_REQUEST_TIMEOUT: Duration = Duration::from_secs(600);

/// Why nothing can be sent by settings. An agent older than the control plane may be why.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct AccessError(String);

/// How a receiver is reached: as whom, and with what.
#[derive(Debug)]
pub struct ReceiverAccess {
    /// Whose connections are used.
    pub destination: Arc<Destination>,
    /// Where access tokens come from, if requests carry them.
    pub oauth: Option<Arc<TokenClient>>,
}

impl ReceiverAccess {
    fn from_wire(
        update: &wire::SubscriptionUpdate,
        origin: &Arc<Origin>,
        http1_only: bool,
    ) -> Result<Self, AccessError> {
        let error = |error: anyhow::Error| AccessError(format!("{error:#}"));
        let tenant: Arc<str> = update.tenant.as_str().into();
        let credentials = Arc::new(TlsCredentials::from_wire(update).map_err(error)?);
        let oauth = match &update.authorization {
            Some(Authorization::Oauth(client)) => {
                let (tenant, credentials) = (Arc::clone(&tenant), Arc::clone(&credentials));
                Some(TokenClient::from_wire(client, tenant, credentials).map_err(error)?)
            }
            Some(Authorization::Basic(_)) | None => None,
        };
        let destination = Destination {
            origin: Arc::clone(origin),
            tenant,
            role: DestinationRole::Receiver,
            http1_only,
            credentials,
        };
        Ok(Self { destination: Arc::new(destination), oauth: oauth.map(Arc::new) })
    }
}

/// One version of a subscription's settings, ready to use.
#[derive(Debug)]
pub struct SubscriptionSettings {
    /// Grows with every change.
    pub version: u64,
    /// The attempt's whole deadline.
    pub timeout: Duration,
    /// Where and with what to POST, or why that cannot be done.
    pub template: Result<RequestTemplate, TemplateError>,
    /// How the names of its headers are spelt over HTTP/1.1.
    pub header_case: HeaderCase,
    /// How the receiver is reached, or why it cannot be.
    pub access: Result<ReceiverAccess, AccessError>,
}

impl SubscriptionSettings {
    fn from_wire(update: &wire::SubscriptionUpdate) -> Self {
        let timeout = update
            .request_timeout
            .and_then(|timeout| Duration::try_from(timeout).ok())
            .unwrap_or(MIN_REQUEST_TIMEOUT)
            .clamp(MIN_REQUEST_TIMEOUT, MAX_REQUEST_TIMEOUT);
        let template = RequestTemplate::from_wire(update, Instant::now());
        let spellings = template.as_ref().map(|template| &template.spellings);
        let header_case = spellings.map_or_else(|_| HeaderCase::default(), HeaderCase::of);
        let access = match &template {
            Ok(template) => {
                ReceiverAccess::from_wire(update, &template.target.origin, template.http1_only)
            }
            Err(error) => Err(AccessError(error.to_string())),
        };
        Self { version: update.version, timeout, template, header_case, access }
    }
}

/// Permits one attempt of a subscription to use a connection.
pub type SubscriptionPermit = OwnedSemaphorePermit;

/// One subscription's newest settings. An attempt keeps the handle and reads the settings
/// again when it sends.
#[derive(Debug)]
pub struct CachedSubscription {
    tenant: Arc<str>,
    newest: RwLock<Arc<SubscriptionSettings>>,
    connections: Arc<Semaphore>,
}

impl CachedSubscription {
    /// Whose it is.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The newest settings that the agent holds.
    pub fn newest_settings(&self) -> Arc<SubscriptionSettings> {
        let newest = self.newest.read();
        Arc::clone(&newest)
    }

    /// Waits for one of the subscription's connection permits. The limit keeps a
    /// subscription that hangs from using all connections to its receiver. `None` never
    /// happens: the semaphore is not closed.
    pub async fn acquire_permit(&self) -> Option<SubscriptionPermit> {
        Arc::clone(&self.connections).acquire_owned().await.ok()
    }

    fn replace_if_newer(&self, settings: SubscriptionSettings) {
        let mut newest = self.newest.write();
        if settings.version > newest.version {
            *newest = Arc::new(settings);
        }
    }
}

/// All subscriptions that the agent knows.
#[derive(Debug)]
pub struct SubscriptionCache {
    by_id: LruCache<String, Arc<CachedSubscription>>,
    /// Of each.
    connections: usize,
}

impl SubscriptionCache {
    /// Remembers at most `limit` subscriptions, each with so many HTTP/1.1
    /// connections at once.
    pub fn new(limit: usize, connections: usize) -> Self {
        // One made with its limit would take the memory for all at once.
        let mut by_id = LruCache::unbounded();
        by_id.resize(NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN));
        Self { by_id, connections }
    }

    /// Takes an update, unless what is held is as new.
    pub fn update(&mut self, update: &wire::SubscriptionUpdate) {
        let settings = SubscriptionSettings::from_wire(update);
        let key = key(&update.tenant, &update.subscription);
        if let Some(held) = self.by_id.get(&key) {
            held.replace_if_newer(settings);
            return;
        }
        let subscription = CachedSubscription {
            tenant: update.tenant.as_str().into(),
            newest: RwLock::new(Arc::new(settings)),
            connections: Arc::new(Semaphore::new(self.connections)),
        };
        self.by_id.put(key, Arc::new(subscription));
    }

    /// The subscription, when its settings are at least as new as `version`.
    pub fn get_at_version(
        &mut self,
        tenant: &str,
        subscription: &str,
        version: u64,
    ) -> Option<Arc<CachedSubscription>> {
        let held = self.by_id.get(&key(tenant, subscription))?;
        (held.newest_settings().version >= version).then(|| Arc::clone(held))
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
        let mut subscriptions = SubscriptionCache::new(10, 64);
        subscriptions.update(&update("s", 2, "https://two.example/"));
        subscriptions.update(&update("s", 3, "https://three.example/"));
        subscriptions.update(&update("s", 1, "https://one.example/"));
        let held = subscriptions.get_at_version("acme", "s", 3).unwrap();
        assert_eq!(held.newest_settings().version, 3);
        assert!(subscriptions.get_at_version("acme", "s", 4).is_none());
        assert!(subscriptions.get_at_version("other", "s", 1).is_none());
    }

    #[test]
    fn a_held_subscription_shows_later_updates() {
        let mut subscriptions = SubscriptionCache::new(10, 64);
        subscriptions.update(&update("s", 1, "https://one.example/"));
        let held = subscriptions.get_at_version("acme", "s", 1).unwrap();
        subscriptions.update(&update("s", 2, "https://two.example/"));
        assert_eq!(held.newest_settings().version, 2);
    }

    #[test]
    fn the_least_recently_used_are_forgotten_first() {
        let mut subscriptions = SubscriptionCache::new(8, 64);
        for number in 0..8 {
            subscriptions.update(&update(&number.to_string(), 1, "https://x.example/"));
        }
        assert!(subscriptions.get_at_version("acme", "0", 1).is_some());
        subscriptions.update(&update("new", 1, "https://x.example/"));
        assert!(subscriptions.get_at_version("acme", "0", 1).is_some());
        assert!(subscriptions.get_at_version("acme", "new", 1).is_some());
        assert!(subscriptions.get_at_version("acme", "1", 1).is_none());
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
            let mut subscriptions = SubscriptionCache::new(8, 64);
            subscriptions.update(&wrong);
            let settings = subscriptions.get_at_version("acme", "s", 1).unwrap().newest_settings();
            let error = settings.template.as_ref().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
