//! What a stream of answers may have in memory.
//!
//! Fed by `layer` with whose stream it is, and by `answer_queue` with what the stream has;
//! feeds that with more, or with a refusal. Guarantees that a caller's streams, on whatever
//! connections, have a bound together, as have those of a tenant and of a door, and that they
//! leave half of it to answers of other calls, which are refused where streams only wait.
//!
//! A stream counts in steps, so that an event mostly costs it a sum of its own.
//!
//! Keeps the invariant `bounded-everything`.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tonic::{Request, Status};

use crate::api::rpc::byte_budget::HeldBytes;
use crate::api::rpc::caller::CountedCaller;
use crate::api::rpc::errors::{self, ErrorReason};
use crate::api::rpc::unsent_answers::{self, AnswerBounds};
use crate::metrics::LimitMetrics;

/// What an open stream counts for, whatever it does: what it has of its own, and the answers
/// that the connection has taken of it.
const STREAM_BYTES: usize = 32 * 1024;
/// So much of that is for its first events, so that each stream goes on however much others
/// have.
const FIRST_BYTES: usize = 16 * 1024;
/// What it counts at once beyond that.
const STEP_BYTES: usize = 32 * 1024;

/// Returns when a stream's caller may no longer call, with the error that tells it.
pub(super) type CallerEnd = Arc<dyn Fn() -> BoxFuture<'static, Status> + Send + Sync>;

/// Whose a stream is, among its request's extensions.
#[derive(Clone)]
pub struct StreamOwner {
    pub(super) bounds: AnswerBounds,
    pub(super) caller: CountedCaller,
    pub(super) end: CallerEnd,
}

/// What a stream may have in memory; given back when dropped.
pub struct StreamCredit {
    held: HeldBytes,
    /// What its events and answers may have.
    granted: usize,
    /// So much of that is beyond its steps: for what was found to be larger than its room.
    /// Nothing more is taken in on it.
    overdrawn: usize,
    used: usize,
    /// How long its answers may be unread.
    pub timeout: Duration,
    /// Absent once it was taken.
    end: Option<BoxFuture<'static, Status>>,
}

impl StreamCredit {
    /// That of a request which came through `layer`; an error if the caller has too many
    /// streams.
    pub fn open<T>(request: &Request<T>) -> Result<Self, Status> {
        let owner = request.extensions().get::<StreamOwner>();
        let owner =
            owner.ok_or_else(|| errors::status(ErrorReason::Internal, "the call was not judged"));
        let StreamOwner { bounds, caller, end } = owner?;
        let opened = Self::of_holder(bounds.hold_nothing(caller), bounds.timeout())?;
        Ok(Self { end: Some(end()), ..opened })
    }

    fn of_holder(mut held: HeldBytes, timeout: Duration) -> Result<Self, Status> {
        let opened = held.add(STREAM_BYTES);
        opened.map_err(|exceeded| unsent_answers::too_much(&held, exceeded))?;
        Ok(Self { held, granted: FIRST_BYTES, overdrawn: 0, used: 0, timeout, end: None })
    }

    /// What returns when the stream's caller may no longer call.
    pub fn take_end(&mut self) -> BoxFuture<'static, Status> {
        self.end.take().unwrap_or_else(|| Box::pin(std::future::pending()))
    }

    /// Whether more may be taken in. If not, there is room once some of this stream's own is
    /// given back, however much others have.
    pub fn has_room(&mut self) -> bool {
        self.used + self.overdrawn < self.granted || self.extend(STEP_BYTES)
    }

    fn extend(&mut self, bytes: usize) -> bool {
        let is_extended = self.held.add_within_half(bytes).is_ok();
        if is_extended {
            self.granted += bytes;
        }
        is_extended
    }

    /// Counts something that was taken in; an error if it is too much.
    pub fn take(&mut self, bytes: usize) -> Result<(), Status> {
        let missing = self.used.saturating_add(bytes).saturating_sub(self.granted);
        if missing > 0 && !self.extend(missing.max(STEP_BYTES)) {
            let taken = self.held.add(missing);
            taken.map_err(|exceeded| unsent_answers::too_much(&self.held, exceeded))?;
            self.granted += missing;
            self.overdrawn += missing;
        }
        self.used += bytes;
        Ok(())
    }

    /// Counts an answer in the place of what it answers, which is larger but where an error
    /// says very much.
    pub fn exchange(&mut self, taken: usize, answer: usize) {
        self.give_back(taken);
        if self.take(answer).is_err() {
            self.used += answer;
        }
    }

    /// What was taken in is not in memory any more.
    pub fn give_back(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
        let beyond = self.overdrawn.min(self.granted.saturating_sub(self.used.max(FIRST_BYTES)));
        if beyond > 0 {
            self.held.give_back(beyond);
            self.granted -= beyond;
            self.overdrawn -= beyond;
        }
        // One step is kept while there is something, so that none is counted back and forth.
        let kept = if self.used == 0 { 0 } else { 2 * STEP_BYTES };
        let needed = self.used.max(FIRST_BYTES) + kept;
        if self.granted > needed {
            let spare = (self.granted - needed).next_multiple_of(STEP_BYTES);
            let spare = spare.min(self.granted - self.used.max(FIRST_BYTES));
            self.held.give_back(spare);
            self.granted -= spare;
        }
    }

    /// Nothing of its events and answers is in memory any more.
    pub fn give_all_back(&mut self) {
        self.give_back(self.used);
    }

    /// The stream is gone.
    pub fn close(&mut self) {
        self.held.release();
        (self.granted, self.overdrawn, self.used) = (0, 0, 0);
    }

    pub fn metrics(&self) -> &LimitMetrics {
        self.held.metrics()
    }
}

#[cfg(test)]
impl StreamCredit {
    /// Of a caller who may call until then.
    pub fn with_end(self, end: BoxFuture<'static, Status>) -> Self {
        Self { end: Some(end), ..self }
    }

    /// Of a caller who may have `max` bytes, and of whom `holder` is counted.
    pub fn fixture(
        max: usize,
        holder: Arc<std::sync::atomic::AtomicUsize>,
        timeout: Duration,
    ) -> (Self, LimitMetrics) {
        let (budget, metrics) = crate::api::rpc::byte_budget::ByteBudget::fixture(4 * max, max);
        (Self::of_holder(budget.hold(holder), timeout).unwrap(), metrics)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tonic_types::StatusExt as _;

    use super::*;
    use crate::api::rpc::byte_budget::ByteBudget;

    const TIMEOUT: Duration = Duration::from_secs(1);
    const EVENT_BYTES: usize = 1024;

    fn fill(stream: &mut StreamCredit) -> usize {
        let mut taken = 0;
        while stream.has_room() {
            stream.take(EVENT_BYTES).unwrap();
            taken += EVENT_BYTES;
        }
        taken
    }

    #[test]
    fn streams_of_a_caller_have_a_bound_and_each_goes_on() {
        const MAX: usize = 1024 * 1024;
        let (budget, _) = ByteBudget::fixture(4 * MAX, MAX);
        let holder: Arc<AtomicUsize> = Arc::default();
        let open = || StreamCredit::of_holder(budget.hold(Arc::clone(&holder)), TIMEOUT);
        let mut streams = vec![open().unwrap(), open().unwrap(), open().unwrap()];
        let taken: Vec<_> = streams.iter_mut().map(fill).collect();
        assert!(taken[0] > MAX / 4, "{taken:?}");
        assert_eq!(taken[2], FIRST_BYTES, "each goes on");
        assert!(holder.load(Ordering::Relaxed) <= MAX / 2, "half is left");
        streams[0].give_back(taken[0]);
        assert!(fill(&mut streams[2]) > MAX / 4, "what one gives back others have");
        drop(streams);
        assert_eq!(holder.load(Ordering::Relaxed), 0);
        let all: Vec<_> = (0..MAX / STREAM_BYTES).map(|_| open().unwrap()).collect();
        let refused = open().err().unwrap();
        assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_MUCH_UNSENT");
        drop(all);
    }

    #[test]
    fn answers_that_nobody_takes_stay_within_half() {
        const MAX: usize = 1024 * 1024;
        const ANSWER_BYTES: usize = 150;
        let holder = Arc::default();
        let (mut stream, _) = StreamCredit::fixture(MAX, Arc::clone(&holder), TIMEOUT);
        let mut answers = 0;
        while stream.has_room() {
            stream.take(EVENT_BYTES).unwrap();
            stream.exchange(EVENT_BYTES, ANSWER_BYTES);
            answers += 1;
            assert!(answers < MAX / ANSWER_BYTES, "it is not read for ever");
        }
        assert!(answers * ANSWER_BYTES > MAX / 4, "{answers}");
        assert!(holder.load(Ordering::Relaxed) <= MAX / 2 + EVENT_BYTES);
        stream.give_back(answers * ANSWER_BYTES);
        assert_eq!(holder.load(Ordering::Relaxed), STREAM_BYTES);
    }

    #[test]
    fn what_is_large_is_counted_whole_or_refused() {
        let holder: Arc<AtomicUsize> = Arc::default();
        let (mut stream, _) = StreamCredit::fixture(400_000, Arc::clone(&holder), TIMEOUT);
        stream.take(300_000).unwrap();
        assert!(holder.load(Ordering::Relaxed) >= 300_000 + STREAM_BYTES - FIRST_BYTES);
        let refused = stream.take(200_000).unwrap_err();
        assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_MUCH_UNSENT");
        assert!(!stream.has_room());
        stream.exchange(300_000, 500);
        assert!(holder.load(Ordering::Relaxed) <= STREAM_BYTES + 2 * STEP_BYTES);
        stream.give_back(500);
        assert_eq!(holder.load(Ordering::Relaxed), STREAM_BYTES);
        stream.close();
        stream.give_back(500);
        assert_eq!(holder.load(Ordering::Relaxed), 0);
    }
}
