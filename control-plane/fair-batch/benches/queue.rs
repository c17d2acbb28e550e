//! What an item costs in the fair queue, beside a bounded channel that is neither fair nor
//! counts bytes: `cargo bench -p fair-batch`. Prints ratios of one run; asserts nothing.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::time::{Duration, Instant};

use fair_batch::{QueueLimits, channel};
use tokio::sync::mpsc;

const ITEM_COUNT: u32 = 400_000;
const ITEM_BYTES: usize = 300;
const MAX_BATCH_ITEMS: usize = 512;
const MAX_QUEUED_ITEMS: usize = 8_192;
const MEASURED_ROUNDS: usize = 5;

/// Everything through the fair queue, from so many keys in turn.
async fn through_fair_queue(keys: u32) -> Duration {
    let (sender, mut receiver) = channel(QueueLimits {
        max_queued_items: MAX_QUEUED_ITEMS,
        max_queued_bytes: 64 << 20,
        key_shares: 1,
        max_batch_items: MAX_BATCH_ITEMS,
        max_batch_bytes: 8 << 20,
        slows_floods: true,
        enqueue_timeout: Duration::from_secs(10),
    });
    let started = Instant::now();
    let send = async move {
        for item in 0..ITEM_COUNT {
            sender.send(&(item % keys), item, ITEM_BYTES).await.unwrap();
        }
    };
    let receive = async move {
        let mut received = 0;
        while let Some(batch) = receiver.next_batch().await {
            received += batch.len();
        }
        assert_eq!(received, ITEM_COUNT as usize);
    };
    tokio::join!(send, receive);
    started.elapsed()
}

async fn through_channel() -> Duration {
    let (sender, mut receiver) = mpsc::channel(MAX_QUEUED_ITEMS);
    let started = Instant::now();
    let send = async move {
        for item in 0..ITEM_COUNT {
            sender.send(item).await.unwrap();
        }
    };
    let receive = async move {
        let mut batch = Vec::new();
        while receiver.recv_many(&mut batch, MAX_BATCH_ITEMS).await > 0 {
            batch.clear();
        }
    };
    tokio::join!(send, receive);
    started.elapsed()
}

fn nanoseconds(span: Duration) -> u128 {
    span.as_nanos() / u128::from(ITEM_COUNT)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("ns for each item: channel | 1 key | 64 keys | 4,096 keys (times the channel's)");
    for _ in 0..MEASURED_ROUNDS {
        let bare = through_channel().await;
        print!("{:>4}", nanoseconds(bare));
        for keys in [1, 64, 4_096] {
            let fair = through_fair_queue(keys).await;
            print!(" | {:>4} ({:.1})", nanoseconds(fair), fair.as_secs_f64() / bare.as_secs_f64());
        }
        println!();
    }
}
