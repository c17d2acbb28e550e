//! Applies durable results to memory, and tells whoever waits for them.
//!
//! Fed by the writer after each commit; feeds the scheduler, the owner of the shard, the
//! caller of a test, the ordering queue, and the agent's stream with acknowledgements.
//! Guarantees that a result is acknowledged only once it is durable.

use std::collections::HashMap;

use postrider_domain::delivery::{AttemptRecord, DeliveryTransition};
use postrider_domain::ids::AttemptKey;
use postrider_domain::scheduler::{AttemptFeedback, StreamId};

use super::endpoint_signals::{GONE_HOLD, is_endpoint_gone};
use super::report::{AttemptReport, PlannedConclusion};
use super::{ConcludeWriter, side_effects};
use crate::state::cluster::ShardOwner;
use crate::state::dispatcher::streams::StreamCommand;

impl ConcludeWriter {
    /// Applies durable conclusions to memory, and tells whoever waits for them.
    pub(super) fn apply(&self, applied: Vec<PlannedConclusion>) {
        self.apply_streak_changes(&applied);
        self.begin_holds(&applied);
        let mut turns = side_effects::BreakerChanges::default();
        self.dispatcher.update(|scheduler, now| {
            for conclusion in &applied {
                let record = &conclusion.report.record;
                let feedback = AttemptFeedback {
                    outcome: record.outcome,
                    latency: record.timings.total,
                    hold: conclusion.hold.or(is_endpoint_gone(record).then_some(GONE_HOLD)),
                    transition: conclusion.transition,
                };
                if conclusion.report.seen.is_none() {
                    turns.watch(scheduler, &record.subscription, now, |scheduler| {
                        scheduler.concluded(record.key, &feedback, now);
                    });
                    continue;
                }
                // A take-over may have adopted the attempt during the commit.
                scheduler.forget(record.key, now);
                if let DeliveryTransition::Retry { due, .. } = conclusion.transition {
                    scheduler.note_due(&record.subscription, due, now);
                }
            }
        });
        turns.log();
        side_effects::log_exhausted(&applied);
        for conclusion in &applied {
            let record = &conclusion.report.record;
            self.metrics.attempt(record.outcome, record.timings.total);
            self.test_waiters.complete(record);
            if conclusion.report.seen.is_some() {
                self.hint(record);
            }
            if is_endpoint_gone(record) {
                self.disable_gone_endpoint(record);
            }
            if let Some(key) = &conclusion.freed {
                self.ordering_queue.push(key.clone());
            }
        }
        self.acknowledge(&applied.iter().map(|conclusion| &conclusion.report).collect::<Vec<_>>());
    }

    pub(super) fn hint(&self, record: &AttemptRecord) {
        if let ShardOwner::Peer(address) = self.cluster.owner(&record.subscription.tenant) {
            self.peers.hint_concluded(&address, record.key);
        }
    }

    pub(super) fn acknowledge(&self, reports: &[&AttemptReport]) {
        let mut by_stream: HashMap<StreamId, Vec<AttemptKey>> = HashMap::new();
        for report in reports {
            if let Some(stream) = report.stream {
                by_stream.entry(stream).or_default().push(report.record.key);
            }
        }
        for (stream, keys) in by_stream {
            self.dispatcher.send(stream, StreamCommand::Acknowledge(keys));
        }
    }
}
