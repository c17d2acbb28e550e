//! Keeps access tokens until shortly before they expire.
//!
//! Fed by attempts that need a token; feeds them one that was kept or is fetched now, and
//! `fetch` with one request at a time for each client. Guarantees that all who wait for a
//! token share a fetch, that a fetch goes on when those who wait give up, and that memory is
//! bounded: the tokens used least recently are forgotten first.
//!
//! Keeps the invariant `nothing-shared-across-credentials`.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use lru::LruCache;
use parking_lot::Mutex;
use postrider_webhook_request::UserAgent;

use super::fetch::fetch_token;
use super::token::{AccessToken, TokenError};
use super::token_client::TokenClient;
use crate::client::WebhookClient;
use crate::client::destination::Destination;
use crate::wall_clock::WallClock;

/// Clients whose tokens are kept. At one or two KiB each some megabytes, and 64 MiB where
/// every token is of the largest size.
const MAX_KEPT_TOKENS: usize = 4_096;

type FetchResult = Result<Arc<AccessToken>, TokenError>;
type SharedFetch = Shared<BoxFuture<'static, FetchResult>>;

/// What is known of one client.
#[derive(Default)]
struct TokenSlot {
    kept: Option<Arc<AccessToken>>,
    fetch: Option<SharedFetch>,
}

/// The access tokens of one process.
pub struct TokenKeeper {
    http: Arc<WebhookClient>,
    user_agent: UserAgent,
    clock: Arc<WallClock>,
    /// By token server, tenant and credentials.
    slots: Mutex<LruCache<Arc<Destination>, Arc<Mutex<TokenSlot>>>>,
}

impl TokenKeeper {
    /// Keeps no token yet. Token servers are told the `user_agent` that receivers are.
    pub fn new(http: Arc<WebhookClient>, user_agent: UserAgent, clock: Arc<WallClock>) -> Self {
        // One made with its limit would take the memory for all at once.
        let mut slots = LruCache::unbounded();
        slots.resize(NonZeroUsize::new(MAX_KEPT_TOKENS).unwrap_or(NonZeroUsize::MIN));
        Self { http, user_agent, clock, slots: Mutex::new(slots) }
    }

    /// A token of `client` that may be sent now.
    pub async fn token(&self, client: &Arc<TokenClient>) -> FetchResult {
        let slot = self.slot(client);
        let fetch = {
            let mut known = slot.lock();
            if let Some(kept) = &known.kept
                && kept.is_usable(Instant::now())
            {
                return Ok(Arc::clone(kept));
            }
            known.kept = None;
            // One that ended and is still here ended by a panic.
            match known.fetch.take().filter(|fetch| fetch.peek().is_none()) {
                Some(under_way) => known.fetch.insert(under_way).clone(),
                None => known.fetch.insert(self.start_fetch(client, &slot)).clone(),
            }
        };
        fetch.await
    }

    /// A receiver did not accept a token: the next attempt gets a new one.
    pub fn forget(&self, client: &TokenClient, refused: &Arc<AccessToken>) {
        let slot = self.slots.lock().get(&client.destination).cloned();
        if let Some(slot) = slot {
            slot.lock().kept.take_if(|kept| Arc::ptr_eq(kept, refused));
        }
    }

    fn slot(&self, client: &TokenClient) -> Arc<Mutex<TokenSlot>> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(&client.destination) {
            return Arc::clone(slot);
        }
        let slot = Arc::<Mutex<TokenSlot>>::default();
        slots.put(Arc::clone(&client.destination), Arc::clone(&slot));
        slot
    }

    /// In a task of its own: an attempt that gives up does not end it.
    fn start_fetch(&self, client: &Arc<TokenClient>, slot: &Arc<Mutex<TokenSlot>>) -> SharedFetch {
        let (http, now) = (Arc::clone(&self.http), self.clock.signing_time());
        let user_agent = self.user_agent.clone();
        let (client, slot) = (Arc::clone(client), Arc::clone(slot));
        let task = tokio::spawn(async move {
            let fetched = fetch_token(&http, &client, &user_agent, now).await.map(Arc::new);
            let mut known = slot.lock();
            known.fetch = None;
            if let Ok(token) = &fetched {
                known.kept = Some(Arc::clone(token));
            }
            fetched
        });
        let ended = task.map(|joined| {
            joined.unwrap_or_else(|_| Err(TokenError("the agent is stopping".to_owned())))
        });
        ended.boxed().shared()
    }
}
