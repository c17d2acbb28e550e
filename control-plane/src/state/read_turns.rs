//! Turns of callers' reads at the database.
//!
//! Fed by the layer around the services with each read; feeds it a turn. Guarantees that no
//! more reads are worked on than there are connections for, so that none waits in the
//! store, and that a caller has no more than its part of them: others' reads are not behind
//! all of its own.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use postrider_store::{StoreError, StoreResult};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use crate::metrics::LimitMetrics;
use crate::settings::{DatabaseSettings, RequestSettings};

/// The turns of one caller, while it has calls.
struct CallerTurns {
    turns: Arc<Semaphore>,
    /// Calls that have a turn or wait for one.
    calls: usize,
}

struct ReadTurnsShared {
    all: Arc<Semaphore>,
    callers: Mutex<HashMap<Box<str>, CallerTurns>>,
    max_per_caller: usize,
    max_wait: Duration,
    metrics: LimitMetrics,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct ReadTurns(Arc<ReadTurnsShared>);

/// The wait was too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReadTurn {
    /// The caller had all of its own turns.
    OfCaller,
    /// All callers together had all that there are.
    OfAll,
}

impl NoReadTurn {
    /// The setting that made it wait.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::OfCaller => "requests.max_reads_per_caller",
            Self::OfAll => "database.max_read_connections",
        }
    }
}

impl ReadTurns {
    pub fn new(
        settings: &RequestSettings,
        database: &DatabaseSettings,
        metrics: LimitMetrics,
    ) -> Self {
        // One is left for the tail of attempts: the least is two.
        let all = usize::try_from(database.max_read_connections.saturating_sub(1).max(1));
        Self::with(
            all.unwrap_or(usize::MAX),
            settings.max_reads_per_caller,
            settings.max_read_wait(),
            metrics,
        )
    }

    pub fn with(
        all: usize,
        max_per_caller: usize,
        max_wait: Duration,
        metrics: LimitMetrics,
    ) -> Self {
        let (all, callers) = (Arc::new(Semaphore::new(all)), Mutex::default());
        Self(Arc::new(ReadTurnsShared { all, callers, max_per_caller, max_wait, metrics }))
    }

    /// Waits for a turn of a caller's, as logs name it, for as long as a setting says.
    pub async fn take(&self, who: &str) -> Result<ReadTurn, NoReadTurn> {
        let mut waits_for = NoReadTurn::OfCaller;
        let turn = self.next_turn(who, &mut waits_for);
        let taken = tokio::time::timeout(self.0.max_wait, turn).await;
        taken.ok().flatten().ok_or_else(|| {
            self.0.metrics.reached(waits_for.setting());
            waits_for
        })
    }

    /// Waits for a turn for as long as it takes: for what is bounded itself, and may be ended
    /// while it waits. `None` never comes, since turns are not closed.
    pub async fn wait(&self, who: &str) -> Option<ReadTurn> {
        self.next_turn(who, &mut NoReadTurn::OfCaller).await
    }

    async fn next_turn(&self, who: &str, waits_for: &mut NoReadTurn) -> Option<ReadTurn> {
        let place = CallerPlace::take(self, who);
        let (open, waiting) = self.0.metrics.reads();
        let waits = Counted::new(waiting);
        let own = Arc::clone(&place.turns).acquire_owned().await.ok()?;
        *waits_for = NoReadTurn::OfAll;
        let of_all = Arc::clone(&self.0.all).acquire_owned().await.ok()?;
        drop(waits);
        let open = Counted::new(open);
        Some(ReadTurn { _own: own, _of_all: of_all, _place: place, _open: open })
    }
}

/// Carries out the read of a stream apart from the stream, with which it is given up. A
/// stream goes on only while its caller takes what it brings: were its read to wait for
/// that, its turn, or its place in the line for one, would be held by whoever takes nothing.
pub async fn read_apart<T: Send + 'static>(
    read: impl Future<Output = T> + Send + 'static,
) -> StoreResult<T> {
    let done = AbortOnDropHandle::new(tokio::spawn(read.in_current_span())).await;
    done.map_err(|error| StoreError::Corrupt(format!("the read was not done: {error}")))
}

/// The right to read, until it is dropped.
pub struct ReadTurn {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
    _place: CallerPlace,
    _open: Counted,
}

/// One among a gauge's.
struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Keeps a caller among those whose turns are counted.
struct CallerPlace {
    shared: ReadTurns,
    who: Box<str>,
    turns: Arc<Semaphore>,
}

impl CallerPlace {
    fn take(shared: &ReadTurns, who: &str) -> Self {
        let mut callers = shared.0.callers.lock();
        let fresh =
            || CallerTurns { turns: Arc::new(Semaphore::new(shared.0.max_per_caller)), calls: 0 };
        let caller = callers.entry(who.into()).or_insert_with(fresh);
        caller.calls += 1;
        let turns = Arc::clone(&caller.turns);
        drop(callers);
        Self { shared: shared.clone(), who: who.into(), turns }
    }
}

impl Drop for CallerPlace {
    fn drop(&mut self) {
        let mut callers = self.shared.0.callers.lock();
        if let Some(caller) = callers.get_mut(&self.who) {
            caller.calls = caller.calls.saturating_sub(1);
            if caller.calls == 0 {
                callers.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn a_caller_has_its_part_and_leaves_the_rest() {
        let metrics = LimitMetrics::default();
        let turns = ReadTurns::with(3, 2, WAIT, metrics.clone());
        let (first, second) = (turns.take("a").await.unwrap(), turns.take("a").await.unwrap());
        let refused = turns.take("a").await.err();
        assert_eq!(refused, Some(NoReadTurn::OfCaller), "it waits, and not for ever");
        let other = turns.take("b").await.unwrap();
        assert_eq!(turns.take("c").await.err(), Some(NoReadTurn::OfAll), "all are taken");
        assert_eq!((metrics.reads().0.get(), metrics.reads().1.get()), (3, 0));
        let (waiting, ()) = tokio::join!(turns.take("a"), async { drop(first) });
        assert!(waiting.is_ok());
        drop((second, other, waiting));
        assert_eq!(metrics.reads().0.get(), 0);
        for refused in [NoReadTurn::OfCaller, NoReadTurn::OfAll] {
            assert_eq!(metrics.times_reached(refused.setting()), 1, "{refused:?}");
        }
        assert!(turns.0.callers.lock().is_empty(), "nobody is remembered for good");
    }

    #[tokio::test]
    async fn a_stream_that_nobody_takes_from_holds_no_turn() {
        let turns = ReadTurns::with(1, 1, WAIT, LimitMetrics::default());
        let held = turns.take("a").await.unwrap();
        let in_turn = |turns: ReadTurns| async move { turns.take("b").await.is_ok() };
        let mut read = Box::pin(read_apart(in_turn(turns.clone())));
        assert!(futures::poll!(&mut read).is_pending());
        tokio::task::yield_now().await;
        // It is in the line, and the next.
        drop(held);
        assert!(turns.take("a").await.is_ok(), "nobody has looked at the other since");
        assert!(read.await.unwrap());
        let held = turns.take("a").await.unwrap();
        let mut given_up = Box::pin(read_apart(in_turn(turns.clone())));
        assert!(futures::poll!(&mut given_up).is_pending());
        tokio::task::yield_now().await;
        drop((given_up, held));
        assert!(turns.take("a").await.is_ok());
        assert!(turns.0.callers.lock().is_empty());
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_leaves_nothing() {
        let turns = ReadTurns::with(1, 1, WAIT, LimitMetrics::default());
        let held = turns.take("a").await.unwrap();
        let given_up = tokio::time::timeout(WAIT / 4, turns.take("a")).await;
        assert!(given_up.is_err());
        drop(held);
        assert!(turns.0.callers.lock().is_empty());
        assert!(turns.take("a").await.is_ok());
    }
}
