//! Results in, committed in groups.
//!
//! Fed by agents' sessions with facts, and by `reap` with attempts nobody can
//! account for; feeds the store, then the scheduler, then whoever waits for the
//! result. Guarantees: a result is acknowledged only once it is durable; it is
//! valid by its attempt whoever owns the shard; one that cannot be stored is
//! stored reduced (rules 5 and 6), and one that the database does not take now is kept.

mod alone;
mod gone;
mod kept;
mod late;
mod look_up;
mod news;
mod streaks;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, EndReason, Moment, Outcome, Transition, conclude,
};
use postrider_domain::ids::{AttemptKey, OrderedKey};
use postrider_domain::notice::Announcement;
use postrider_domain::scheduler::{Feedback, Job, StreamId};
use postrider_domain::subscription::Subscription;
use postrider_store::{Concluded, Conclusion, KeyEnd, StoreError, StoreResult, StreakChange};

use super::dispatch::StreamMessage;
use super::group::{Bounds, Entrance, Exit, Refused, group};
use super::{Owner, Parts, ordering};
use gone::{GONE_HOLD, is_gone};
pub use kept::ResultCommits;
use streaks::BatchStreaks;
use writer::Left;

/// What a queued result weighs besides the response's excerpt.
const RESULT_OVERHEAD_BYTES: usize = 512;
/// Room for so much of each result that may wait.
const QUEUED_BYTES_EACH: usize = 4096;

/// Facts about one attempt.
#[derive(Clone, Debug)]
pub struct Report {
    /// The outcome of a complete response is judged here, by the success rule.
    pub record: Arc<AttemptRecord>,
    /// Whether there was a complete response, whose status decides.
    pub answered: bool,
    pub retry_after: Option<Duration>,
    /// Who waits for the acknowledgement.
    pub stream: Option<StreamId>,
    /// The delivery as it was last seen, for attempts not in memory.
    pub seen: Option<Box<Delivery>>,
}

/// The entrance. Cheap to clone.
#[derive(Clone)]
pub struct Concluder {
    entrance: Entrance<(), Report>,
}

impl Concluder {
    /// Queues a result, waiting for room as long as it takes.
    pub async fn submit(&self, report: Report) -> Result<(), Refused> {
        let bytes = report.record.response_body.len() + RESULT_OVERHEAD_BYTES;
        self.entrance.enter_patiently(&(), report, bytes).await
    }
}

/// The writer behind it.
pub struct ConcludeWriter {
    parts: Parts,
    exit: Exit<(), Report>,
}

pub fn new(parts: Parts) -> (Concluder, ConcludeWriter) {
    let settings = &parts.settings.conclude;
    let (entrance, exit) = group(Bounds {
        queued_items: settings.max_queued_results,
        queued_bytes: settings.max_queued_results.saturating_mul(QUEUED_BYTES_EACH),
        // What keeps a tenant from filling it is that results follow dispatch, in
        // which tenants take turns.
        shares: 1,
        batch_items: settings.max_commit_results,
        batch_bytes: settings.max_commit_results.saturating_mul(8192),
        patience: Duration::MAX,
    });
    (Concluder { entrance }, ConcludeWriter { parts, exit })
}

/// A result with what was decided about it.
struct Decided {
    report: Report,
    transition: Transition,
    /// How long the receiver is left alone that asked for it.
    hold: Option<Duration>,
    key_end: Option<KeyEnd>,
    /// The ordering key in which another may go once this is durable.
    freed: Option<OrderedKey>,
    /// Unless it is deleted.
    subscription: Option<Arc<Subscription>>,
    streak: Option<StreakChange>,
    announcement: Option<Announcement>,
}

impl ConcludeWriter {
    async fn commit(&self, decided: &[Decided]) -> StoreResult<Vec<Concluded>> {
        if decided.is_empty() {
            return Ok(Vec::new());
        }
        let conclusion = |one: &Decided| Conclusion {
            record: Arc::clone(&one.report.record),
            transition: one.transition,
            key_end: one.key_end.clone(),
            streak: one.streak.clone(),
            announcement: one.announcement.clone(),
        };
        let batch: Vec<Conclusion> = decided.iter().map(conclusion).collect();
        let started = self.parts.clock.now();
        let result = self.parts.store.conclude(&batch, started).await;
        let span = self.parts.clock.now().since(started);
        self.parts.metrics.observe_commit("conclude", span, batch.len());
        self.note(result.as_ref().err());
        result
    }

    /// Readiness follows whether results can be committed.
    fn note(&self, error: Option<&StoreError>) {
        match error {
            None => self.parts.results.succeeded(),
            Some(error) if error.is_refusal() => {}
            Some(_) => self.parts.results.failed(),
        }
    }

    /// Decides about a result; gives it back when its delivery has moved on.
    async fn decide(
        &self,
        mut report: Report,
        job: Option<Arc<Job>>,
        streaks: &mut BatchStreaks,
    ) -> Result<Result<Decided, Report>, (StoreError, Report)> {
        let key = report.record.key;
        let mut seen = report.seen.take().filter(|_| job.is_none());
        if job.is_none() && seen.is_none() {
            let tenant = &report.record.subscription.tenant;
            match self.parts.store.get_delivery(tenant, key.delivery).await {
                Ok(found) => seen = found.map(Box::new),
                Err(error) => return Err((error, report)),
            }
        }
        let Some(delivery) = job.as_ref().map(|job| &job.delivery).or(seen.as_deref()) else {
            return Ok(Err(report));
        };
        if delivery.state != DeliveryState::InFlight || delivery.current_attempt() != key {
            return Ok(Err(report));
        }
        let subscription = match self.subscription(&report).await {
            Ok(found) => found,
            Err(error) => {
                report.seen = seen;
                return Err((error, report));
            }
        };
        let (transition, hold) = self.transition(&mut report, delivery, subscription.as_deref());
        let (record, known) = (&report.record, subscription.as_deref());
        let news = self.news(record, delivery, known, transition, streaks).await;
        let (streak, announcement) = match news {
            Ok(news) => news,
            Err(error) => {
                report.seen = seen;
                return Err((error, report));
            }
        };
        let key_end = known.and_then(|subscription| {
            ordering::key_end(&self.parts, delivery, record.outcome, transition, subscription)
        });
        let ends = matches!(transition, Transition::End { .. });
        let freed = delivery.ordered_key().filter(|_| ends);
        report.seen = seen;
        Ok(Ok(Decided {
            report,
            transition,
            hold,
            subscription,
            streak,
            announcement,
            key_end,
            freed,
        }))
    }

    fn transition(
        &self,
        report: &mut Report,
        delivery: &Delivery,
        subscription: Option<&Subscription>,
    ) -> (Transition, Option<Duration>) {
        let now = self.parts.clock.now();
        let record = Arc::make_mut(&mut report.record);
        record.trigger = delivery.trigger;
        record.test = delivery.test;
        let Some(subscription) = subscription else {
            if report.answered && record.http_status.is_some_and(|s| (200..300).contains(&s)) {
                record.outcome = Outcome::Succeeded;
                return (Transition::End { state: DeliveryState::Succeeded, reason: None }, None);
            }
            let reason = Some(EndReason::SubscriptionDeleted);
            return (Transition::End { state: DeliveryState::Cancelled, reason }, None);
        };
        if report.answered {
            record.judge(&subscription.settings.success);
        }
        let moment = Moment {
            now,
            running: self.parts.cluster.running(subscription, now),
            random: rand::random(),
        };
        let policy = &subscription.settings.retry;
        let outcome = record.outcome;
        let wait = self.granted_wait(report, subscription);
        let transition = conclude(delivery, outcome, wait, policy, moment);
        if let Transition::Retry { due, .. } = transition {
            Arc::make_mut(&mut report.record).next_attempt_time = Some(due);
        }
        (transition, wait.filter(|wait| wait.holds).map(|wait| wait.span))
    }

    /// The subscription of a result, unless it is deleted.
    async fn subscription(&self, report: &Report) -> StoreResult<Option<Arc<Subscription>>> {
        let key = &report.record.subscription;
        let snapshot = self.parts.tenants.snapshot(&key.tenant).await?;
        if let Some(found) = snapshot.and_then(|s| s.subscription(&key.subscription).cloned()) {
            return Ok(Some(found));
        }
        let stored = self.parts.store.get_subscription(key).await?;
        Ok(stored.filter(|s| s.delete_time.is_none()).map(Arc::new))
    }

    /// Tells everybody whom a durable conclusion concerns.
    fn applied(&self, applied: Vec<Decided>) {
        self.note_streaks(&applied);
        self.begin_holds(&applied);
        let mut turns = news::BreakerTurns::default();
        self.parts.dispatcher.with(|scheduler, now| {
            for one in &applied {
                let record = &one.report.record;
                let feedback = Feedback {
                    outcome: record.outcome,
                    latency: record.timings.total,
                    hold: one.hold.or(is_gone(record).then_some(GONE_HOLD)),
                    transition: one.transition,
                };
                if one.report.seen.is_none() {
                    turns.watch(scheduler, &record.subscription, now, |scheduler| {
                        scheduler.concluded(record.key, &feedback, now);
                    });
                    continue;
                }
                // A take-over may have adopted it while this was committed.
                scheduler.forget(record.key, now);
                if let Transition::Retry { due, .. } = one.transition {
                    scheduler.note_due(&record.subscription, due, now);
                }
            }
        });
        turns.log();
        news::log_exhausted(&applied);
        for one in &applied {
            let record = &one.report.record;
            self.parts.metrics.attempt(record.outcome, record.timings.total);
            self.parts.tests.concluded(record, one.transition);
            if one.report.seen.is_some() {
                self.hint(record);
            }
            if is_gone(record) {
                self.disable_gone(record);
            }
            if let Some(key) = &one.freed {
                self.parts.turns.may_go(key.clone());
            }
        }
        self.acknowledge(&applied.iter().map(|one| &one.report).collect::<Vec<_>>());
    }

    fn hint(&self, record: &AttemptRecord) {
        if let Owner::Peer(address) = self.parts.cluster.owner(&record.subscription.tenant) {
            self.parts.peers.hint_concluded(&address, record.key);
        }
    }

    fn acknowledge(&self, reports: &[&Report]) {
        let mut by_stream: HashMap<StreamId, Vec<AttemptKey>> = HashMap::new();
        for report in reports {
            if let Some(stream) = report.stream {
                by_stream.entry(stream).or_default().push(report.record.key);
            }
        }
        for (stream, keys) in by_stream {
            self.parts.dispatcher.send(stream, StreamMessage::Ack(keys));
        }
    }
}
