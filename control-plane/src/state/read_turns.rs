//! Turns of callers' reads at the database.
//!
//! Fed by the layer around the services with each read; feeds it a turn. Guarantees that no
//! more reads are worked on than there are connections for, so that none waits in the store;
//! and that a caller has only its part of them, as have all callers together that count for
//! one tenant: others' reads are not behind all of its own, however many tokens it has.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use postrider_domain::ids::TenantId;
use postrider_identity::CallerIdentity;
use postrider_store::{StoreError, StoreResult};
use postrider_telemetry::metrics::BoundUpDownCounter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use crate::metrics::LimitMetrics;
use crate::settings::{DatabaseSettings, RequestSettings};

/// Whose read it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOwner {
    /// The caller, as logs name it.
    caller: String,
    /// The tenant for which it counts; absent: it may call everywhere.
    tenant: Option<TenantId>,
}

impl ReadOwner {
    /// A caller, as logs name it.
    pub fn new(caller: &str, identity: &CallerIdentity) -> Self {
        Self { caller: caller.into(), tenant: identity.counted_tenant().cloned() }
    }

    pub const fn caller(&self) -> &str {
        self.caller.as_str()
    }

    pub const fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }
}

/// A caller who counts for no tenant.
#[cfg(test)]
impl From<&str> for ReadOwner {
    fn from(caller: &str) -> Self {
        Self { caller: caller.into(), tenant: None }
    }
}

/// Who has a part of the turns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ShareKey {
    Caller(String),
    /// All callers that count for this tenant.
    Tenant(TenantId),
}

/// The turns of a caller or a tenant, while it has calls.
struct ShareTurns {
    turns: Arc<Semaphore>,
    /// Calls that have a turn or wait for one.
    calls: usize,
}

/// Most turns at once.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    pub all: usize,
    pub per_tenant: usize,
    pub per_caller: usize,
}

struct ReadTurnsShared {
    all: Arc<Semaphore>,
    shares: Mutex<HashMap<ShareKey, ShareTurns>>,
    limits: ReadLimits,
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
    /// The callers of its tenant together had all of the tenant's.
    OfTenant,
    /// All callers together had all that there are.
    OfAll,
}

impl NoReadTurn {
    /// The setting that made it wait.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::OfCaller => "requests.max_reads_per_caller",
            Self::OfTenant => "requests.max_reads_per_tenant",
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
        let limits = ReadLimits {
            all: all.unwrap_or(usize::MAX),
            per_tenant: settings.max_reads_per_tenant,
            per_caller: settings.max_reads_per_caller,
        };
        Self::with(limits, settings.max_read_wait(), metrics)
    }

    pub fn with(limits: ReadLimits, max_wait: Duration, metrics: LimitMetrics) -> Self {
        let (all, shares) = (Arc::new(Semaphore::new(limits.all)), Mutex::default());
        Self(Arc::new(ReadTurnsShared { all, shares, limits, max_wait, metrics }))
    }

    /// Waits for a turn of a caller's for as long as a setting says.
    pub async fn take(&self, owner: &ReadOwner) -> Result<ReadTurn, NoReadTurn> {
        let mut waits_for = NoReadTurn::OfCaller;
        let turn = self.next_turn(owner, &mut waits_for);
        let taken = tokio::time::timeout(self.0.max_wait, turn).await;
        taken.ok().flatten().ok_or_else(|| {
            self.0.metrics.reached(waits_for.setting());
            waits_for
        })
    }

    /// Waits for a turn for as long as it takes: for what is bounded itself, and may be ended
    /// while it waits. `None` never comes, since turns are not closed.
    pub async fn wait(&self, owner: &ReadOwner) -> Option<ReadTurn> {
        self.next_turn(owner, &mut NoReadTurn::OfCaller).await
    }

    /// A turn of the caller's first, then of its tenant's, then of all: in each line there
    /// are no more of one than its part, and lines are in the order of arrival, so that
    /// callers of a tenant take turns, and so do tenants.
    async fn next_turn(&self, owner: &ReadOwner, waits_for: &mut NoReadTurn) -> Option<ReadTurn> {
        let (open, waiting) = self.0.metrics.reads();
        let waits = Counted::new(waiting);
        let of_caller = SharePlace::take(self, ShareKey::Caller(owner.caller.clone()));
        let of_caller = of_caller.turn().await?;
        let of_tenant = match &owner.tenant {
            Some(tenant) => {
                *waits_for = NoReadTurn::OfTenant;
                let place = SharePlace::take(self, ShareKey::Tenant(tenant.clone()));
                Some(place.turn().await?)
            }
            None => None,
        };
        *waits_for = NoReadTurn::OfAll;
        let of_all = Arc::clone(&self.0.all).acquire_owned().await.ok()?;
        drop(waits);
        let open = Counted::new(open);
        let turn =
            ReadTurn { _of_caller: of_caller, _of_tenant: of_tenant, _of_all: of_all, _open: open };
        Some(turn)
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
    _of_caller: ShareTurn,
    _of_tenant: Option<ShareTurn>,
    _of_all: OwnedSemaphorePermit,
    _open: Counted,
}

/// One among a gauge's.
struct Counted(BoundUpDownCounter<i64>);

impl Counted {
    fn new(gauge: &BoundUpDownCounter<i64>) -> Self {
        gauge.add(1);
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

/// Keeps a caller or a tenant among those whose turns are counted.
struct SharePlace {
    shared: ReadTurns,
    key: ShareKey,
    turns: Arc<Semaphore>,
}

/// One of the turns of a caller or a tenant.
struct ShareTurn {
    _turn: OwnedSemaphorePermit,
    _place: SharePlace,
}

impl SharePlace {
    fn take(shared: &ReadTurns, key: ShareKey) -> Self {
        let ReadLimits { per_tenant, per_caller, .. } = shared.0.limits;
        let most = match key {
            ShareKey::Caller(_) => per_caller,
            ShareKey::Tenant(_) => per_tenant,
        };
        let mut shares = shared.0.shares.lock();
        let fresh = || ShareTurns { turns: Arc::new(Semaphore::new(most)), calls: 0 };
        let share = shares.entry(key.clone()).or_insert_with(fresh);
        share.calls += 1;
        let turns = Arc::clone(&share.turns);
        drop(shares);
        Self { shared: shared.clone(), key, turns }
    }

    async fn turn(self) -> Option<ShareTurn> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        Some(ShareTurn { _turn: turn, _place: self })
    }
}

impl Drop for SharePlace {
    fn drop(&mut self) {
        let mut shares = self.shared.0.shares.lock();
        if let Some(share) = shares.get_mut(&self.key) {
            share.calls = share.calls.saturating_sub(1);
            if share.calls == 0 {
                shares.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use postrider_identity::{Grant, GrantScope, Principal, Role};

    use super::*;

    const WAIT: Duration = Duration::from_millis(100);

    fn turns(all: usize, per_caller: usize, metrics: LimitMetrics) -> ReadTurns {
        let limits = ReadLimits { all, per_tenant: per_caller, per_caller };
        ReadTurns::with(limits, WAIT, metrics)
    }

    /// One of a tenant's tokens.
    fn of_tenant(caller: &str) -> ReadOwner {
        ReadOwner { caller: caller.into(), tenant: Some("acme".parse().unwrap()) }
    }

    #[tokio::test]
    async fn a_caller_has_its_part_and_leaves_the_rest() {
        let metrics = LimitMetrics::alone();
        let turns = turns(3, 2, metrics.clone());
        let (first, second) =
            (turns.take(&"a".into()).await.unwrap(), turns.take(&"a".into()).await.unwrap());
        let refused = turns.take(&"a".into()).await.err();
        assert_eq!(refused, Some(NoReadTurn::OfCaller), "it waits, and not for ever");
        let other = turns.take(&"b".into()).await.unwrap();
        assert_eq!(turns.take(&"c".into()).await.err(), Some(NoReadTurn::OfAll), "all are taken");
        assert_eq!(metrics.shown_reads(), [3, 0]);
        let owner = "a".into();
        let (waiting, ()) = tokio::join!(turns.take(&owner), async { drop(first) });
        assert!(waiting.is_ok());
        drop((second, other, waiting));
        assert_eq!(metrics.shown_reads(), [0, 0]);
        for refused in [NoReadTurn::OfCaller, NoReadTurn::OfAll] {
            assert_eq!(metrics.times_reached(refused.setting()), 1, "{refused:?}");
        }
        assert!(turns.0.shares.lock().is_empty(), "nobody is remembered for good");
    }

    #[tokio::test]
    async fn all_tokens_of_a_tenant_have_the_part_of_one() {
        let limits = ReadLimits { all: 3, per_tenant: 2, per_caller: 2 };
        let turns = ReadTurns::with(limits, WAIT, LimitMetrics::alone());
        let first = turns.take(&of_tenant("a")).await.unwrap();
        let second = turns.take(&of_tenant("b")).await.unwrap();
        let waiting: Vec<_> = (0..60)
            .map(|number| {
                let turns = turns.clone();
                tokio::spawn(
                    async move { turns.take(&of_tenant(&format!("c{number}"))).await.err() },
                )
            })
            .collect();
        tokio::task::yield_now().await;
        let other = turns.take(&"gateway".into()).await;
        assert!(other.is_ok(), "nobody else waits behind them");
        for refused in waiting {
            assert_eq!(refused.await.unwrap(), Some(NoReadTurn::OfTenant));
        }
        drop((first, second, other));
        assert!(turns.0.shares.lock().is_empty(), "nobody is remembered for good");
    }

    #[tokio::test]
    async fn tokens_for_several_tenants_have_the_part_of_one() {
        let limits = ReadLimits { all: 3, per_tenant: 2, per_caller: 2 };
        let turns = ReadTurns::with(limits, WAIT, LimitMetrics::alone());
        let token = |caller: &str| {
            let tenants: [TenantId; 2] = ["zeta", "acme"].map(|tenant| tenant.parse().unwrap());
            let scope = GrantScope::Tenants(tenants.into());
            let grants = vec![Grant { role: Role::Reader, scope }];
            let principal = Principal::Unknown;
            ReadOwner::new(caller, &CallerIdentity { principal, grants, expire_time: None })
        };
        let _first = turns.take(&token("a")).await.unwrap();
        let _second = turns.take(&token("b")).await.unwrap();
        assert_eq!(turns.take(&token("c")).await.err(), Some(NoReadTurn::OfTenant));
        let alone = turns.take(&of_tenant("d")).await.err();
        assert_eq!(alone, Some(NoReadTurn::OfTenant), "they count for the first by name");
        assert!(turns.take(&"gateway".into()).await.is_ok(), "one is left to others");
    }

    #[tokio::test]
    async fn callers_of_a_tenant_take_turns() {
        let limits = ReadLimits { all: 3, per_tenant: 1, per_caller: 1 };
        let turns = ReadTurns::with(limits, Duration::from_secs(20), LimitMetrics::alone());
        let held = turns.take(&of_tenant("busy")).await.unwrap();
        let busy: Vec<_> = (0..10)
            .map(|_| {
                let turns = turns.clone();
                tokio::spawn(async move {
                    let turn = turns.take(&of_tenant("busy")).await;
                    tokio::task::yield_now().await;
                    drop(turn);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        let owner = of_tenant("quiet");
        let mut quiet = Box::pin(turns.take(&owner));
        assert!(futures::poll!(&mut quiet).is_pending());
        drop(held);
        assert!(quiet.await.is_ok());
        let done = busy.iter().filter(|busy| busy.is_finished()).count();
        assert!(done <= 1, "it waited for one of the ten, and not for {done}");
    }

    #[tokio::test]
    async fn a_stream_that_nobody_takes_from_holds_no_turn() {
        let turns = turns(1, 1, LimitMetrics::alone());
        let held = turns.take(&"a".into()).await.unwrap();
        let in_turn = |turns: ReadTurns| async move { turns.take(&"b".into()).await.is_ok() };
        let mut read = Box::pin(read_apart(in_turn(turns.clone())));
        assert!(futures::poll!(&mut read).is_pending());
        tokio::task::yield_now().await;
        // It is in the line, and the next.
        drop(held);
        assert!(turns.take(&"a".into()).await.is_ok(), "nobody has looked at the other since");
        assert!(read.await.unwrap());
        let held = turns.take(&"a".into()).await.unwrap();
        let mut given_up = Box::pin(read_apart(in_turn(turns.clone())));
        assert!(futures::poll!(&mut given_up).is_pending());
        tokio::task::yield_now().await;
        drop((given_up, held));
        assert!(turns.take(&"a".into()).await.is_ok());
        assert!(turns.0.shares.lock().is_empty());
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_leaves_nothing() {
        let turns = turns(1, 1, LimitMetrics::alone());
        let held = turns.take(&"a".into()).await.unwrap();
        let given_up = tokio::time::timeout(WAIT / 4, turns.take(&"a".into())).await;
        assert!(given_up.is_err());
        drop(held);
        assert!(turns.0.shares.lock().is_empty());
        assert!(turns.take(&"a".into()).await.is_ok());
    }
}
