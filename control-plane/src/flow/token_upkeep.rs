//! Writes when tokens were used, and forgets those that ended long ago, and the console's
//! sessions that are over.
//!
//! Fed by a timer and by `state::tokens`; feeds the store. Guarantees that a use is
//! written once a minute at most, never while a call waits.

use std::sync::Arc;
use std::time::Duration;

use postrider_identity::TokenKind;
use postrider_store::{Store, StoreResult};
use tokio_util::sync::CancellationToken;

use super::faults::LoopRounds;
use crate::clock::Clock;
use crate::progress::{RoundCounts, WatchedLoops};
use crate::state::context::ReplicaContext;
use crate::state::tokens::Tokens;

/// The last use is for people, who ask whether a token is still needed.
const UPKEEP_PERIOD: Duration = Duration::from_secs(60);
/// For how long an ended token stays listed.
const ENDED_TOKEN_RETENTION: Duration = Duration::from_secs(30 * 86_400);
/// They are many.
const ENDED_PORTAL_TOKEN_RETENTION: Duration = Duration::from_secs(3600);

/// Keeps the table of tokens.
pub struct TokenUpkeep {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    loops: WatchedLoops,
    tokens: Tokens,
    max_session_idle: Duration,
}

impl TokenUpkeep {
    pub fn new(context: &ReplicaContext) -> Self {
        let (store, clock) = (Arc::clone(&context.store), Arc::clone(&context.clock));
        let loops = context.loops.clone();
        let max_session_idle = context.settings.console.max_idle();
        Self { store, clock, loops, tokens: context.tokens.clone(), max_session_idle }
    }

    /// Keeps it until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut rounds = LoopRounds::new(self.loops.register_slow_loop("tokens"));
        while !stop.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(UPKEEP_PERIOD) => {}
                () = stop.cancelled() => break,
            }
            rounds.begin();
            let mut counts = RoundCounts::default();
            let kept = self.keep(&mut counts).await;
            let now = self.clock.now();
            rounds.end(counts, kept.as_ref().err(), now, Some(now + UPKEEP_PERIOD));
        }
    }

    async fn keep(&self, counts: &mut RoundCounts) -> StoreResult<()> {
        let uses = self.tokens.take_uses();
        if !uses.is_empty() {
            self.store.note_token_uses(&uses).await?;
            counts.add_all("token_uses_written", uses.len());
        }
        let now = self.clock.now();
        let (service, portal) = (TokenKind::Service, TokenKind::Portal);
        self.store.forget_tokens(service, now - ENDED_TOKEN_RETENTION).await?;
        self.store.forget_tokens(portal, now - ENDED_PORTAL_TOKEN_RETENTION).await?;
        self.store.forget_console_sessions(now, now - self.max_session_idle).await
    }
}
