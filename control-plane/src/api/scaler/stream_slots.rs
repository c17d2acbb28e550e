//! Places for streams to autoscalers.
//!
//! Fed by the service; feeds it a place, or none. Guarantees that no caller takes all places.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::metrics::LimitMetrics;
use crate::settings::ApiSettings;

#[derive(Default)]
struct StreamCounts {
    total: usize,
    callers: HashMap<Box<str>, usize>,
}

/// The places.
pub struct StreamSlots {
    total: usize,
    per_caller: usize,
    counts: Mutex<StreamCounts>,
    metrics: LimitMetrics,
}

impl StreamSlots {
    pub fn new(settings: &ApiSettings, metrics: LimitMetrics) -> Arc<Self> {
        Arc::new(Self {
            total: settings.max_scaler_streams,
            per_caller: settings.max_scaler_streams_per_caller,
            counts: Mutex::default(),
            metrics,
        })
    }

    /// A place for a caller, as logs name it; an error is the setting that refuses it.
    pub fn take(self: &Arc<Self>, caller: &str) -> Result<StreamSlot, &'static str> {
        let mut counts = self.counts.lock();
        let of_caller = counts.callers.get(caller).copied().unwrap_or(0);
        let reached = [
            (of_caller >= self.per_caller, "api.max_scaler_streams_per_caller"),
            (counts.total >= self.total, "api.max_scaler_streams"),
        ];
        if let Some((_, setting)) = reached.into_iter().find(|(is_reached, _)| *is_reached) {
            drop(counts);
            self.metrics.reached(setting);
            return Err(setting);
        }
        counts.total += 1;
        *counts.callers.entry(caller.into()).or_default() += 1;
        drop(counts);
        Ok(StreamSlot { slots: Arc::clone(self), caller: caller.into() })
    }
}

/// A stream's place, free again once this is dropped.
pub struct StreamSlot {
    slots: Arc<StreamSlots>,
    caller: Box<str>,
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut counts = self.slots.counts.lock();
        counts.total = counts.total.saturating_sub(1);
        if let Some(count) = counts.callers.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.callers.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_caller_and_in_all() {
        let slots = Arc::new(StreamSlots {
            total: 3,
            per_caller: 2,
            counts: Mutex::default(),
            metrics: LimitMetrics::alone(),
        });
        let first = slots.take("a").unwrap();
        let second = slots.take("a").unwrap();
        assert_eq!(slots.take("a").err(), Some("api.max_scaler_streams_per_caller"));
        let third = slots.take("b").unwrap();
        assert_eq!(slots.take("c").err(), Some("api.max_scaler_streams"));
        drop(first);
        slots.take("a").unwrap();
        drop((second, third));
        let counts = slots.counts.lock();
        assert!(counts.callers.is_empty() && counts.total == 0);
    }
}
