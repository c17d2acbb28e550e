//! What the receiver remembers.
//!
//! Fed by `serve` with every request; feeds the orders. Guarantees exact
//! percentiles: every latency is kept, in microseconds, until it is asked for.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

const POLL_PAUSE: Duration = Duration::from_millis(2);

/// How many came, and when the last did.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    pub count: u64,
    pub last_ns: u64,
}

/// From being sent to being received, in milliseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Latencies {
    pub count: usize,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub most: f64,
    /// The 99th percentile of each tenth of them, in their order.
    pub p99_of_tenths: Vec<f64>,
}

impl Latencies {
    /// Of microseconds, in the order in which they came about.
    pub fn of(mut micros: Vec<u32>) -> Self {
        let tenth = micros.len().div_ceil(10).max(1);
        let p99_of_tenths = micros.chunks_mut(tenth).map(|tenth| milliseconds(tenth, 990));
        let p99_of_tenths = p99_of_tenths.collect();
        let mut at = |per_mille| milliseconds(&mut micros, per_mille);
        let [p50, p99, p999, most] = [at(500), at(990), at(999), at(1000)];
        Self { count: micros.len(), p50, p99, p999, most, p99_of_tenths }
    }
}

/// A percentile, in thousandths, of microseconds.
fn milliseconds(micros: &mut [u32], per_mille: usize) -> f64 {
    micros.sort_unstable();
    let rank = (micros.len() * per_mille).div_ceil(1000).saturating_sub(1);
    f64::from(micros.get(rank).copied().unwrap_or(0)) / 1e3
}

#[derive(Default)]
struct Group {
    seen: Seen,
    micros: Vec<u32>,
}

/// All groups, and whether the endpoints that can be ill are well.
#[derive(Default)]
pub struct State {
    groups: Mutex<HashMap<String, Group>>,
    pub well: AtomicBool,
}

impl State {
    fn groups(&self) -> MutexGuard<'_, HashMap<String, Group>> {
        self.groups.lock()
    }

    /// A request, and how long ago it was sent if it says so.
    pub fn record(&self, group: &str, now_ns: u64, sent_ns: Option<u64>) {
        let mut groups = self.groups();
        if !groups.contains_key(group) {
            groups.insert(group.to_owned(), Group::default());
        }
        let Some(group) = groups.get_mut(group) else {
            return;
        };
        group.seen.count += 1;
        group.seen.last_ns = now_ns;
        if let Some(sent_ns) = sent_ns {
            let micros = now_ns.saturating_sub(sent_ns) / 1000;
            group.micros.push(u32::try_from(micros).unwrap_or(u32::MAX));
        }
    }

    pub fn reset(&self, group: &str) {
        self.groups().remove(group);
    }

    fn seen(&self, group: &str) -> Seen {
        self.groups().get(group).map(|group| group.seen).unwrap_or_default()
    }

    pub async fn wait(&self, group: &str, count: u64, limit: Duration) -> Seen {
        let deadline = Instant::now() + limit;
        loop {
            let seen = self.seen(group);
            if seen.count >= count || Instant::now() >= deadline {
                return seen;
            }
            sleep(POLL_PAUSE).await;
        }
    }

    pub fn latencies(&self, group: &str) -> Latencies {
        let taken = self.groups().get_mut(group).map(|group| std::mem::take(&mut group.micros));
        Latencies::of(taken.unwrap_or_default())
    }
}
