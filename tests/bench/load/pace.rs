//! Publishing at fixed times, whatever the answers do.
//!
//! Fed by an order; feeds the control plane one call for each event. Guarantees
//! that every event says when its time had come, not when its turn came: a
//! publisher that falls behind makes latencies longer, never better.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use postrider_tests::api::Api;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Target;
use crate::payload;
use crate::worker::now_ns;

const TICKS_QUEUED: usize = 65_536;

/// What became of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paced {
    /// By target.
    pub acknowledged: Vec<u64>,
    pub refused: u64,
}

/// Publishes so many events, the targets taking turns; returns once all are
/// answered.
pub async fn keep(api: &Api, targets: Vec<Target>, per_second: f64, events: u64) -> Result<Paced> {
    let mut ticks = ticks(per_second, events);
    let mut turns = targets.iter().enumerate().cycle();
    let mut calls = JoinSet::new();
    let mut paced = Paced { acknowledged: vec![0; targets.len()], refused: 0 };
    while let Some(sent_ns) = ticks.recv().await {
        let (number, target) = turns.next().context("a target")?;
        let request = target.request(payload::sent_at(sent_ns));
        let mut client = api.events.clone();
        calls.spawn(async move { (number, client.publish_event(request).await.is_ok()) });
        while let Some(ended) = calls.try_join_next() {
            paced.count(ended?);
        }
    }
    while let Some(ended) = calls.join_next().await {
        paced.count(ended?);
    }
    Ok(paced)
}

impl Paced {
    fn count(&mut self, (number, acknowledged): (usize, bool)) {
        match self.acknowledged.get_mut(number) {
            Some(count) if acknowledged => *count += 1,
            _ => self.refused += 1,
        }
    }

    /// Of the targets that came first in the order.
    pub fn acknowledged_by_first(&self, targets: usize) -> u64 {
        self.acknowledged.iter().take(targets).sum()
    }
}

/// The times, from a thread that does nothing else: a runtime's timers know
/// milliseconds only.
pub fn ticks(per_second: f64, events: u64) -> mpsc::Receiver<u64> {
    let (sender, receiver) = mpsc::channel(TICKS_QUEUED);
    let started = Instant::now();
    thread::spawn(move || {
        for number in 0..events {
            let at = started + Duration::from_secs_f64(number as f64 / per_second);
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if sender.blocking_send(now_ns()).is_err() {
                return;
            }
        }
    });
    receiver
}
