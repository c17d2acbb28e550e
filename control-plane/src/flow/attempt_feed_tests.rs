//! Tests of the attempt feed over a tail in memory.

use futures::StreamExt;
use postrider_domain::delivery::AttemptRecord;
use postrider_domain::ids::{AttemptKey, SubscriptionKey};

use super::*;
use crate::fixtures;

const POLL: Duration = Duration::from_millis(5);
/// Long enough for anything that is not stuck, on a busy machine.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// Attempts in the order of commit; the position is how many there are.
#[derive(Clone, Default)]
struct MemoryTail {
    attempts: Arc<parking_lot::Mutex<Vec<TailedAttempt>>>,
    reads: Arc<AtomicUsize>,
    down: Arc<AtomicUsize>,
    held: Arc<AtomicUsize>,
    metrics: Metrics,
}

#[async_trait]
impl TailSource for MemoryTail {
    async fn position(&self) -> StoreResult<i64> {
        Ok(i64::try_from(self.all().len()).unwrap())
    }

    async fn read(&self, position: i64) -> StoreResult<TailPage> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) > 0 {
            self.down.fetch_sub(1, Ordering::SeqCst);
            return Err(StoreError::Unavailable("down".into()));
        }
        let from = usize::try_from(position).unwrap();
        let attempts: Vec<_> =
            self.all().into_iter().skip(from).take(MAX_ATTEMPTS_PER_READ as usize).collect();
        let position = i64::try_from(from + attempts.len()).unwrap();
        let held = self.held.load(Ordering::SeqCst) > 0;
        Ok(TailPage { attempts, position, held })
    }
}

impl MemoryTail {
    fn all(&self) -> Vec<TailedAttempt> {
        self.attempts.lock().clone()
    }

    fn commit(&self, tenant: &str, number: u32) {
        self.attempts.lock().push(TailedAttempt { record: record(tenant, number), delivery: None });
    }

    fn watch(&self, max_watchers: usize) -> AttemptFeed {
        AttemptFeed::over(Box::new(self.clone()), max_watchers, POLL, self.metrics.clone())
    }
}

/// What happens soon, or never.
async fn soon<T>(happening: impl Future<Output = T>) -> T {
    tokio::time::timeout(WAIT_LIMIT, happening).await.unwrap()
}

async fn until(mut holds: impl FnMut() -> bool) {
    soon(async {
        while !holds() {
            tokio::time::sleep(POLL).await;
        }
    })
    .await;
}

fn record(tenant: &str, number: u32) -> AttemptRecord {
    let attempt = fixtures::attempt();
    AttemptRecord {
        key: AttemptKey { number, ..attempt.key },
        subscription: SubscriptionKey { tenant: tenant.parse().unwrap(), ..attempt.subscription },
        ..attempt
    }
}

#[tokio::test]
async fn a_watcher_sees_every_attempt_after_it_began_once_and_in_order() {
    let memory = MemoryTail::default();
    memory.commit("acme", 1);
    let watch = memory.watch(2);
    let all = watch.subscribe(WatchFilter::default()).await.unwrap();
    let only = WatchFilter { tenant: Some("acme".parse().unwrap()), ..WatchFilter::default() };
    let acme = watch.subscribe(only).await.unwrap();
    memory.down.store(3, Ordering::SeqCst);
    for number in 2..1200 {
        memory.commit(if number % 2 == 0 { "acme" } else { "other" }, number);
    }
    let numbers = all.take(1198).map(|a| a.unwrap().record.key.number);
    let numbers: Vec<u32> = soon(numbers.collect()).await;
    assert_eq!(numbers, (2..1200).collect::<Vec<_>>());
    let numbers = acme.take(599).map(|a| a.unwrap().record.key.number);
    let numbers: Vec<u32> = soon(numbers.collect()).await;
    assert_eq!(numbers, (2..1200).step_by(2).collect::<Vec<_>>());
}

#[tokio::test]
async fn watchers_are_bounded_and_make_room_when_they_leave() {
    let watch = MemoryTail::default().watch(1);
    let first = watch.subscribe(WatchFilter::default()).await.unwrap();
    assert!(matches!(watch.subscribe(WatchFilter::default()).await, Err(WatchError::TooMany)));
    drop(first);
    assert!(watch.subscribe(WatchFilter::default()).await.is_ok());
}

#[tokio::test]
async fn nobody_watching_means_nobody_reading() {
    let memory = MemoryTail::default();
    let watch = memory.watch(1);
    drop(watch.subscribe(WatchFilter::default()).await.unwrap());
    soon(async {
        while watch.0.sender.lock().await.is_some() {
            tokio::time::sleep(POLL).await;
        }
    })
    .await;
    let reads = memory.reads.load(Ordering::SeqCst);
    tokio::time::sleep(POLL * 10).await;
    assert_eq!(memory.reads.load(Ordering::SeqCst), reads);
    let again = watch.subscribe(WatchFilter::default()).await.unwrap();
    memory.commit("acme", 7);
    let next = soon(Box::pin(again).next()).await.unwrap().unwrap();
    assert_eq!(next.record.key.number, 7);
}

#[tokio::test]
async fn a_slow_watcher_is_told_that_it_missed_something() {
    let memory = MemoryTail::default();
    let watch = memory.watch(1);
    let mut slow = Box::pin(watch.subscribe(WatchFilter::default()).await.unwrap());
    let count = u32::try_from(MAX_LAG_ATTEMPTS).unwrap() + 1000;
    (0..count).for_each(|number| memory.commit("acme", number));
    let reads = usize::try_from(count / MAX_ATTEMPTS_PER_READ).unwrap() + 3;
    until(|| memory.reads.load(Ordering::SeqCst) >= reads).await;
    assert_eq!(soon(slow.next()).await, Some(Err(WatchEnd::TooSlow)));
    assert_eq!(soon(slow.next()).await, None);
}

#[tokio::test]
async fn a_stopping_replica_ends_its_watches() {
    let watch = MemoryTail::default().watch(1);
    let mut stream = Box::pin(watch.subscribe(WatchFilter::default()).await.unwrap());
    watch.close();
    assert_eq!(soon(stream.next()).await, Some(Err(WatchEnd::Stopping)));
    assert_eq!(soon(stream.next()).await, None);
}

#[tokio::test]
async fn a_tail_that_stands_still_says_for_how_long() {
    let memory = MemoryTail::default();
    let stream = memory.watch(1).subscribe(WatchFilter::default()).await.unwrap();
    memory.held.store(1, Ordering::SeqCst);
    until(|| memory.metrics.shown_feed_stall() > 0.0).await;
    memory.held.store(0, Ordering::SeqCst);
    until(|| memory.metrics.shown_feed_stall() == 0.0).await;
    // Nor may a read that fails go unnoticed.
    memory.down.store(usize::MAX, Ordering::SeqCst);
    until(|| memory.metrics.shown_feed_stall() > 0.0).await;
    drop(stream);
    memory.down.store(0, Ordering::SeqCst);
    until(|| memory.metrics.shown_feed_stall() == 0.0).await;
}
