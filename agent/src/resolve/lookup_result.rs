//! The result of a lookup, and how waiting attempts receive it.
//!
//! Everyone who waits receives the result, whenever they started to wait, in the order
//! in which they started.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;

/// A host's addresses as they were found; not judged yet.
pub type UncheckedAddresses = Arc<[IpAddr]>;

/// A successful look-up.
#[derive(Debug, Clone)]
pub struct LookupAnswer {
    pub addresses: UncheckedAddresses,
    /// How long the answer holds.
    pub time_to_live: Duration,
}

/// A look-up without addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupFailure {
    /// Whether name servers said that there is nothing; otherwise they failed,
    /// and an old answer is better than none.
    pub is_definitive: bool,
    /// For people.
    pub cause: String,
}

/// What whoever asked for a name gets.
pub type LookupResult = Result<UncheckedAddresses, LookupFailure>;

/// What comes of a look-up, for all who wait.
#[derive(Debug, Default)]
pub struct LookupBroadcast {
    outcome: OnceLock<LookupResult>,
    notify: Notify,
}

impl LookupBroadcast {
    /// Tells all of them.
    pub fn publish(&self, outcome: LookupResult) {
        // A look-up ends once.
        let _ = self.outcome.set(outcome);
        self.notify.notify_waiters();
    }

    /// The outcome, if it is there.
    pub fn outcome(&self) -> Option<LookupResult> {
        self.outcome.get().cloned()
    }

    /// The outcome; those who wait go on in the order in which they came.
    pub async fn wait(&self) -> Option<LookupResult> {
        let mut notify = pin!(self.notify.notified());
        // From here on nothing is missed.
        notify.as_mut().enable();
        if self.outcome.get().is_none() {
            notify.await;
        }
        self.outcome()
    }
}

impl LookupFailure {
    /// Name servers did not tell.
    pub fn temporary(cause: impl Into<String>) -> Self {
        Self { is_definitive: false, cause: cause.into() }
    }
}
