//! Tests of the queue's guarantees, with receivers that hold their batches.

use std::time::Instant;

use super::*;

const SMALL_LIMITS: QueueLimits = QueueLimits {
    max_queued_items: 8,
    max_queued_bytes: 8192,
    key_shares: 1,
    max_batch_items: 4,
    max_batch_bytes: 1024,
    slows_floods: true,
    enqueue_timeout: Duration::from_millis(1),
};

/// Capacity for whatever a test sends.
const LARGE_LIMITS: QueueLimits = QueueLimits {
    max_queued_items: 400,
    max_queued_bytes: 1 << 20,
    max_batch_items: 200,
    max_batch_bytes: 1 << 20,
    ..SMALL_LIMITS
};

async fn items(receiver: &mut BatchReceiver<char, u32>) -> Vec<u32> {
    receiver.next_batch().await.unwrap().iter().map(|queued| queued.item).collect()
}

#[tokio::test]
async fn batches_are_bounded_in_count_and_bytes_and_lose_nothing() {
    let (sender, mut receiver) = channel(SMALL_LIMITS);
    for (item, bytes) in [(1, 600), (2, 600), (3, 10), (4, 10), (5, 10), (6, 2000)] {
        sender.send_timeout(&'a', item, bytes).await.unwrap();
    }
    drop(sender);
    for expected in [vec![1], vec![2, 3, 4, 5], vec![6]] {
        assert_eq!(items(&mut receiver).await, expected);
    }
    assert!(receiver.next_batch().await.is_none());
}

#[tokio::test]
async fn a_full_queue_refuses_and_takes_again_once_its_batch_is_done() {
    let (sender, mut receiver) = channel(SMALL_LIMITS);
    sender.send_timeout(&'a', 1, 8192).await.unwrap();
    assert_eq!(sender.send_timeout(&'a', 2, 256).await, Err(EnqueueError::Full));
    assert_eq!(sender.send_timeout(&'b', 2, 256).await, Err(EnqueueError::Full));
    drop(receiver.next_batch().await);
    assert_eq!(sender.send_timeout(&'a', 3, 256).await, Ok(()));
    drop(receiver);
    assert_eq!(sender.send_timeout(&'a', 4, 1).await, Err(EnqueueError::Closed));
}

#[tokio::test]
async fn what_is_queued_and_what_waits_ends_with_the_last_receiver() {
    let (sender, receiver) = channel(SMALL_LIMITS);
    let (item, dropped) = tokio::sync::oneshot::channel::<()>();
    sender.send_timeout(&'a', item, 8192).await.unwrap();
    let (other, _) = tokio::sync::oneshot::channel();
    let waiting = sender.send(&'a', other, 1);
    let ends = async { drop(receiver) };
    let (waited, ()) = tokio::join!(biased; waiting, ends);
    assert_eq!(waited, Err(EnqueueError::Closed));
    assert!(dropped.await.is_err());
}

#[tokio::test]
async fn a_key_whose_items_are_in_a_batch_waits_and_keeps_its_order() {
    let (sender, mut first) = channel(SMALL_LIMITS);
    let mut second = first.add_receiver();
    for item in 0..6 {
        sender.send_timeout(&'a', item, 1).await.unwrap();
    }
    assert_eq!(items(&mut first).await, [0, 1, 2, 3]);
    let (idle, sent) = tokio::join!(biased; items(&mut second), sender.send_timeout(&'b', 10, 1));
    assert_eq!((idle, sent), (vec![10], Ok(())), "nothing of the first's key");
    assert_eq!(items(&mut first).await, [4, 5]);
    sender.send_timeout(&'a', 6, 1).await.unwrap();
    sender.send_timeout(&'b', 11, 1).await.unwrap();
    drop(sender);
    assert_eq!(items(&mut second).await, [11]);
    assert!(second.next_batch().await.is_none(), "the rest is the first's");
    drop(second);
    assert_eq!(items(&mut first).await, [6]);
    assert!(first.next_batch().await.is_none());
}

#[tokio::test]
async fn another_receiver_is_notified_of_what_is_left() {
    let limits = QueueLimits {
        max_queued_items: 400,
        max_queued_bytes: 1 << 20,
        max_batch_items: 16,
        ..SMALL_LIMITS
    };
    let (sender, mut first) = channel(limits);
    let mut second = first.add_receiver();
    for (key, item) in [('a', 1), ('b', 2)].repeat(8) {
        sender.send_timeout(&key, item, 1).await.unwrap();
    }
    assert_eq!(items(&mut first).await.len(), 16, "of both keys");
    for item in 3..19 {
        sender.send_timeout(&'a', item, 1).await.unwrap();
    }
    sender.send_timeout(&'b', 19, 1).await.unwrap();
    // The second is notified while both keys are the first's, and waits; then
    // the first is done with them, and has no room for the other one.
    let both = async { tokio::join!(biased; items(&mut second), items(&mut first)) };
    let (left, taken) = tokio::time::timeout(Duration::from_secs(5), both).await.unwrap();
    assert_eq!((left, taken), (vec![19], Vec::from_iter(3..19)));
}

#[tokio::test]
async fn keys_take_turns_and_leave_capacity_for_others() {
    let (sender, mut receiver) = channel(QueueLimits {
        key_shares: 2,
        max_batch_items: 40,
        max_batch_bytes: 1 << 20,
        ..SMALL_LIMITS
    });
    for item in 0..4 {
        sender.send_timeout(&'a', item, 1).await.unwrap();
    }
    assert_eq!(sender.send_timeout(&'a', 9, 1).await, Err(EnqueueError::Full), "its share is full");
    sender.send_timeout(&'b', 10, 1).await.unwrap();
    assert_eq!(items(&mut receiver).await, [0, 1, 2, 3, 10]);

    let (sender, mut receiver) = channel(QueueLimits {
        max_queued_items: 400,
        max_queued_bytes: 1 << 20,
        max_batch_items: 40,
        ..SMALL_LIMITS
    });
    for item in 0..100 {
        sender.send_timeout(&'a', item, 1).await.unwrap();
    }
    sender.send_timeout(&'b', 1000, 1).await.unwrap();
    let first = items(&mut receiver).await;
    assert!(first.contains(&1000), "behind a hundred of another key: {first:?}");
    let rest = [items(&mut receiver).await, items(&mut receiver).await].concat();
    let of_a: Vec<u32> = first.into_iter().chain(rest).filter(|item| *item < 1000).collect();
    assert_eq!(of_a, Vec::from_iter(0..100), "each key in its order");
}

/// 'a' has brought more than 'b', which is there, and a receiver has no more than a part
/// of what 'a' brings next.
async fn make_dominating(sender: &BatchSender<char, u32>, receiver: &mut BatchReceiver<char, u32>) {
    let send_all = async |items: std::ops::Range<u32>| {
        for item in items {
            sender.send_timeout(&'a', item, 1).await.unwrap();
        }
    };
    send_all(0..100).await;
    assert_eq!(items(receiver).await.len(), 100, "nobody else is there");
    sender.send_timeout(&'b', 1000, 1).await.unwrap();
    assert_eq!(items(receiver).await, [1000]);
    send_all(100..132).await;
    assert_eq!(items(receiver).await, Vec::from_iter(100..132));
}

#[tokio::test]
async fn a_dominating_key_gets_small_batches_and_cools_down() {
    let (sender, mut first) = channel(LARGE_LIMITS);
    let mut second = first.add_receiver();
    make_dominating(&sender, &mut first).await;
    let taken = Instant::now();
    for item in 132..300 {
        sender.send_timeout(&'a', item, 1).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    sender.send_timeout(&'b', 1001, 1).await.unwrap();
    let done = Instant::now();
    assert_eq!(items(&mut first).await, [1001], "it cools down");
    let part = items(&mut second).await;
    assert_eq!(part, Vec::from_iter(132..132 + part.len() as u32), "in its order");
    assert!(part.len() < 50, "a part only: {part:?}");
    let longest = Duration::from_millis(50);
    assert!(done.elapsed() >= (done - taken).min(longest), "as long as it was taken");

    drop(sender);
    let mut all = part;
    while let Some(batch) = second.next_batch().await {
        all.extend(batch.iter().map(|queued| queued.item));
    }
    assert_eq!(all, Vec::from_iter(132..300), "nothing is lost although it cooled down at the end");
}

#[derive(Clone, Default)]
struct HeldKeys(Arc<parking_lot::Mutex<Vec<char>>>);

impl FloodReporter<char> for HeldKeys {
    fn report_held_back(&self, key: &char) {
        self.0.lock().push(*key);
    }
}

#[tokio::test]
async fn a_key_that_is_held_back_is_reported() {
    let (sender, mut receiver) = channel(LARGE_LIMITS);
    let held = HeldKeys::default();
    receiver.set_flood_reporter(held.clone());
    make_dominating(&sender, &mut receiver).await;
    assert!(held.0.lock().is_empty(), "its limited batch is not over");
    sender.send_timeout(&'b', 1001, 1).await.unwrap();
    assert_eq!(items(&mut receiver).await, [1001]);
    assert_eq!(*held.0.lock(), ['a']);
}

#[tokio::test]
async fn what_cools_down_while_one_receiver_is_busy_is_taken_by_another() {
    let (sender, mut first) = channel(LARGE_LIMITS);
    let mut second = first.add_receiver();
    make_dominating(&sender, &mut first).await;
    tokio::time::sleep(Duration::from_millis(40)).await;
    // Both receivers are idle and know of nothing that cools down.
    let enter = async {
        sender.send_timeout(&'a', 132, 1).await.unwrap();
        sender.send_timeout(&'b', 1001, 1).await.unwrap();
    };
    let all = async { tokio::join!(biased; items(&mut first), items(&mut second), enter) };
    let (of_b, of_a, ()) = tokio::time::timeout(Duration::from_secs(5), all).await.unwrap();
    assert_eq!((of_b, of_a), (vec![1001], vec![132]));
}

/// Whoever brings most is not slowed where that is not asked for, and others still have
/// their turns.
#[tokio::test]
async fn without_flood_control_keys_only_take_turns() {
    let (sender, mut receiver) = channel(QueueLimits { slows_floods: false, ..LARGE_LIMITS });
    for round in 0..3 {
        for item in 0..150 {
            sender.send_timeout(&'a', item, 1).await.unwrap();
        }
        sender.send_timeout(&'b', 1000 + round, 1).await.unwrap();
        let batch = items(&mut receiver).await;
        assert_eq!(batch.len(), 151, "all of it, in round {round}");
        assert!(batch[..17].contains(&(1000 + round)), "after one turn of the other's: {batch:?}");
    }
}
