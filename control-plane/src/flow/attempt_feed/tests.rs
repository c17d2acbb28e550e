//! Tests of the attempt feed over a tail in memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use postrider_domain::delivery::AttemptRecord;
use postrider_domain::ids::{AttemptKey, SubscriptionKey};
use postrider_store::{StoreResult, TailPage, TailedAttempt};
use tokio::time::Instant;

use super::tail_reader::{MAX_ATTEMPTS_PER_READ, MAX_LAG_ATTEMPTS};
use super::*;
use crate::fixtures;
use crate::metrics::LimitMetrics;
use crate::state::read_turns::ReadLimits;

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
        self.watch_in_turns(max_watchers, turns(9))
    }

    fn watch_in_turns(&self, max_watchers: usize, turns: ReadTurns) -> AttemptFeed {
        let limits =
            WatchLimits { total: max_watchers, per_caller: usize::MAX, per_tenant: usize::MAX };
        AttemptFeed::over(Box::new(self.clone()), limits, turns, POLL, self.metrics.clone())
    }
}

/// So many turns, each of which any caller may have.
fn turns(all: usize) -> ReadTurns {
    let limits = ReadLimits { all, per_tenant: all, per_caller: all };
    ReadTurns::with(limits, WAIT_LIMIT, LimitMetrics::alone())
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

/// Returns once nobody reads the tail.
async fn idle(feed: &AttemptFeed) {
    while feed.reader.sender.lock().await.is_some() {
        tokio::time::sleep(POLL).await;
    }
}

type TestWatch = futures::stream::BoxStream<'static, Result<WatchItem, WatchEnd>>;

async fn subscribe(
    feed: &AttemptFeed,
    filter: WatchFilter,
    terms: WatchTerms,
) -> Result<TestWatch, WatchError> {
    Ok(feed.subscribe(filter, terms, &"somebody".into()).await?.boxed())
}

async fn subscribe_to_all(feed: &AttemptFeed) -> Result<TestWatch, WatchError> {
    subscribe(feed, WatchFilter::default(), WatchTerms::default()).await
}

/// The attempt's number, and where its page began.
fn shown(item: Option<Result<WatchItem, WatchEnd>>) -> (u32, i64) {
    match item.unwrap().unwrap() {
        WatchItem::Attempt(item) => (item.attempt.record.key.number, item.start),
        WatchItem::Progress(position) => (0, position),
    }
}

async fn numbers(watch: TestWatch, count: usize) -> Vec<u32> {
    soon(watch.take(count).map(|item| shown(Some(item)).0).collect()).await
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
    let all = subscribe_to_all(&watch).await.unwrap();
    let only = WatchFilter { tenant: Some("acme".parse().unwrap()), ..WatchFilter::default() };
    let acme = subscribe(&watch, only, WatchTerms::default()).await.unwrap();
    memory.down.store(3, Ordering::SeqCst);
    for number in 2..1200 {
        memory.commit(if number % 2 == 0 { "acme" } else { "other" }, number);
    }
    assert_eq!(numbers(all, 1198).await, (2..1200).collect::<Vec<_>>());
    assert_eq!(numbers(acme, 599).await, (2..1200).step_by(2).collect::<Vec<_>>());
}

#[tokio::test]
async fn watchers_are_bounded_and_make_room_when_they_leave() {
    let watch = MemoryTail::default().watch(1);
    let first = subscribe_to_all(&watch).await.unwrap();
    let refused = subscribe_to_all(&watch).await;
    assert!(matches!(refused, Err(WatchError::TooMany("api.max_watchers"))));
    drop(first);
    assert!(subscribe_to_all(&watch).await.is_ok());
}

#[tokio::test]
async fn nobody_watching_means_nobody_reading() {
    let memory = MemoryTail::default();
    let watch = memory.watch(1);
    drop(subscribe_to_all(&watch).await.unwrap());
    soon(idle(&watch)).await;
    let reads = memory.reads.load(Ordering::SeqCst);
    tokio::time::sleep(POLL * 10).await;
    assert_eq!(memory.reads.load(Ordering::SeqCst), reads);
    let again = subscribe_to_all(&watch).await.unwrap();
    memory.commit("acme", 7);
    assert_eq!(numbers(again, 1).await, [7]);
}

#[tokio::test]
async fn a_slow_watcher_is_told_that_it_missed_something() {
    let memory = MemoryTail::default();
    let watch = memory.watch(1);
    let mut slow = subscribe_to_all(&watch).await.unwrap();
    let count = u32::try_from(MAX_LAG_ATTEMPTS).unwrap() + 1000;
    (0..count).for_each(|number| memory.commit("acme", number));
    let reads = usize::try_from(count / MAX_ATTEMPTS_PER_READ).unwrap() + 3;
    until(|| memory.reads.load(Ordering::SeqCst) >= reads).await;
    assert!(matches!(soon(slow.next()).await, Some(Err(WatchEnd::TooSlow))));
    assert!(soon(slow.next()).await.is_none());
}

#[tokio::test]
async fn a_stopping_replica_ends_its_watches() {
    let watch = MemoryTail::default().watch(1);
    let mut stream = subscribe_to_all(&watch).await.unwrap();
    watch.close();
    assert!(matches!(soon(stream.next()).await, Some(Err(WatchEnd::Stopping))));
    assert!(soon(stream.next()).await.is_none());
}

#[tokio::test]
async fn a_tail_that_stands_still_says_for_how_long() {
    let memory = MemoryTail::default();
    let stream = subscribe_to_all(&memory.watch(1)).await.unwrap();
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

/// What a watch shows from a position until it has shown this number.
async fn resumed(feed: &AttemptFeed, position: i64, last: u32) -> Vec<u32> {
    let terms = WatchTerms { resume: Some(position), ..WatchTerms::default() };
    let mut watch = subscribe(feed, WatchFilter::default(), terms).await.unwrap();
    let mut seen = Vec::new();
    while seen.last() != Some(&last) {
        seen.push(shown(soon(watch.next()).await).0);
    }
    seen
}

#[tokio::test]
async fn a_watch_is_resumed_from_any_position_that_it_was_told() {
    const COUNT: u32 = 3 * MAX_ATTEMPTS_PER_READ + 7;
    let memory = MemoryTail::default();
    let feed = memory.watch(9);
    let mut watch = subscribe_to_all(&feed).await.unwrap();
    (1..=COUNT).for_each(|number| memory.commit("acme", number));
    let mut told = Vec::new();
    for _ in 0..COUNT {
        told.push(shown(soon(watch.next()).await));
    }
    // Beside one that runs, and where none does.
    for is_alone in [false, true] {
        if is_alone {
            watch = futures::stream::empty().boxed();
            soon(idle(&feed)).await;
        }
        for (number, position) in told.iter().copied().step_by(97) {
            let seen = resumed(&feed, position, COUNT).await;
            assert!(seen[0] <= number, "nothing is missed after {number}: {}", seen[0]);
            assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1), "in order, each once");
        }
    }
    drop(watch);
    let late = WatchTerms { resume: Some(i64::from(COUNT) + 1), ..WatchTerms::default() };
    let refused = subscribe(&feed, WatchFilter::default(), late).await;
    assert!(matches!(refused, Err(WatchError::UnknownPosition)));
}

#[tokio::test]
async fn a_watch_that_catches_up_takes_its_turn_for_each_page() {
    let memory = MemoryTail::default();
    (1..=3 * MAX_ATTEMPTS_PER_READ).for_each(|number| memory.commit("other", number));
    let turns = turns(1);
    let feed = memory.watch_in_turns(1, turns.clone());
    let held = turns.take(&"another".into()).await.unwrap();
    let only = WatchFilter { tenant: Some("acme".parse().unwrap()), ..WatchFilter::default() };
    let terms = WatchTerms { resume: Some(0), ..WatchTerms::default() };
    let mut watch = subscribe(&feed, only, terms).await.unwrap();
    assert!(tokio::time::timeout(POLL * 10, watch.next()).await.is_err(), "it waits");
    assert_eq!(memory.reads.load(Ordering::SeqCst), 0);
    drop(held);
    let reading = tokio::spawn(async move { soon(watch.next()).await });
    // Between two pages it is another's turn.
    drop(soon(turns.take(&"another".into())).await.unwrap());
    memory.commit("acme", 7);
    assert_eq!(shown(reading.await.unwrap()).0, 7);
}

#[tokio::test]
async fn nothing_is_missed_while_a_watch_catches_up() {
    let memory = MemoryTail::default();
    let feed = memory.watch(2);
    (1..=2000).for_each(|number| memory.commit("acme", number));
    let _running = subscribe_to_all(&feed).await.unwrap();
    let recording = {
        let memory = memory.clone();
        tokio::spawn(async move {
            for number in 2001..=4000 {
                memory.commit("acme", number);
                if number % 50 == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        })
    };
    let mut seen = resumed(&feed, 10, 4000).await;
    recording.await.unwrap();
    seen.dedup();
    // A page may be shown again where the watch joins the others.
    let all: std::collections::BTreeSet<u32> = seen.iter().copied().collect();
    assert_eq!(all, (11..=4000).collect());
}

#[tokio::test]
async fn who_wants_to_know_is_told_the_position_at_once_and_at_the_end() {
    let memory = MemoryTail::default();
    memory.commit("other", 1);
    let feed = memory.watch(1);
    let only = WatchFilter { tenant: Some("acme".parse().unwrap()), ..WatchFilter::default() };
    let aged_at = Some(Instant::now() + Duration::from_millis(200));
    let terms = WatchTerms { resume: None, progress: true, aged_at };
    let mut watch = subscribe(&feed, only, terms).await.unwrap();
    assert_eq!(shown(soon(watch.next()).await), (0, 1));
    memory.commit("other", 2);
    // Also what it does not show moves it on.
    assert_eq!(shown(soon(watch.next()).await), (0, 2));
    assert!(matches!(soon(watch.next()).await, Some(Err(WatchEnd::Aged))));
    assert!(soon(watch.next()).await.is_none());
}
