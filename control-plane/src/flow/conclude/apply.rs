//! Applies durable results to memory, and tells whoever waits for them.
//!
//! Fed by the writer after each commit; feeds the scheduler, the owner of the shard, the
//! caller of a test, the ordering queue, and the agent's stream with acknowledgements.
//! Guarantees that a result is acknowledged only once it is durable.
//!
//! Keeps the invariant `durable-before-acknowledged`.

use std::collections::HashMap;

use postrider_domain::delivery::{AttemptRecord, DeliveryTransition};
use postrider_domain::ids::AttemptKey;
use postrider_domain::scheduler::{AttemptFeedback, StreamId};

use super::endpoint_signals::{GONE_HOLD, is_endpoint_gone};
use super::report::AttemptReport;
use super::stages::CommittedResult;
use super::{ConcludeWriter, side_effects};
use crate::state::cluster::ShardOwner;
use crate::state::dispatcher::streams::StreamCommand;

impl ConcludeWriter {
    /// Applies durable conclusions to memory, and tells whoever waits for them.
    pub(super) fn apply(&self, committed: &[CommittedResult]) {
        self.apply_streak_changes(committed);
        self.begin_holds(committed);
        let mut breaker_changes = side_effects::BreakerChanges::default();
        self.dispatcher.update(|scheduler, now| {
            for CommittedResult { row, follow_up } in committed {
                let record = &row.record;
                let feedback = AttemptFeedback {
                    outcome: record.outcome,
                    latency: record.timings.total,
                    hold: follow_up.hold.or(is_endpoint_gone(record).then_some(GONE_HOLD)),
                    transition: row.transition,
                };
                if follow_up.was_in_memory {
                    let breaker = scheduler.concluded(record.key, &feedback, now);
                    breaker_changes.note(&record.subscription, breaker);
                    continue;
                }
                // A take-over may have adopted the attempt since its row was read.
                scheduler.forget(record.key, now);
                if let DeliveryTransition::Retry { due, .. } = row.transition {
                    scheduler.note_due(&record.subscription, due, now);
                }
            }
        });
        breaker_changes.count(&self.metrics);
        breaker_changes.log();
        side_effects::log_exhausted(committed);
        for CommittedResult { row, follow_up } in committed {
            let record = &row.record;
            self.metrics.deliveries().concluded(record, Some(row.transition));
            self.test_waiters.complete(record);
            if !follow_up.was_in_memory {
                self.hint(record);
            }
            if is_endpoint_gone(record) {
                self.disable_gone_endpoint(record);
            }
            if let Some(key) = &follow_up.freed {
                self.ordering_queue.push(key.clone());
            }
        }
        self.acknowledge(committed.iter().map(|committed| &committed.follow_up.report));
    }

    pub(super) fn hint(&self, record: &AttemptRecord) {
        if let ShardOwner::Peer(address) = self.cluster.owner(&record.subscription.tenant) {
            self.peers.hint_concluded(&address, record.key);
        }
    }

    pub(super) fn acknowledge<'a>(&self, reports: impl IntoIterator<Item = &'a AttemptReport>) {
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
