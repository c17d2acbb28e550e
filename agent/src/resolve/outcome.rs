//! What a look-up comes to, and how those who wait hear of it.
//!
//! Fed by `lookup` with addresses or failures; feeds `names` and `resolve`.
//! Guarantees that whoever waits is told, whenever he began to, and that those who
//! wait go on in the order in which they came.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;

/// A host's addresses as they were found; not judged yet.
pub type FoundAddresses = Arc<[IpAddr]>;

/// A successful look-up.
#[derive(Debug, Clone)]
pub struct Found {
    pub addresses: FoundAddresses,
    /// How long the answer holds.
    pub time_to_live: Duration,
}

/// A look-up without addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupFailure {
    /// Whether name servers said that there is nothing; otherwise they failed,
    /// and an old answer is better than none.
    pub final_answer: bool,
    /// For people.
    pub cause: String,
}

/// What whoever asked for a name gets.
pub type Outcome = Result<FoundAddresses, LookupFailure>;

/// What comes of a look-up, for all who wait.
#[derive(Debug, Default)]
pub struct LookupNews {
    outcome: OnceLock<Outcome>,
    told: Notify,
}

impl LookupNews {
    /// Tells all of them.
    pub fn tell(&self, outcome: Outcome) {
        // A look-up ends once.
        let _ = self.outcome.set(outcome);
        self.told.notify_waiters();
    }

    /// The outcome, if it is there.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome.get().cloned()
    }

    /// The outcome; those who wait go on in the order in which they came.
    pub async fn wait(&self) -> Option<Outcome> {
        let mut told = pin!(self.told.notified());
        // From here on nothing is missed.
        told.as_mut().enable();
        if self.outcome.get().is_none() {
            told.await;
        }
        self.outcome()
    }
}

impl LookupFailure {
    /// Name servers did not tell.
    pub fn passing(cause: impl Into<String>) -> Self {
        Self { final_answer: false, cause: cause.into() }
    }
}
