//! A stream's answers, made by a task of its own, until the connection takes them.
//!
//! Fed by the task of a stream; feeds the connection, when it asks. Guarantees that a stream
//! goes on, to the end of what it has begun, while nobody asks for its answers; that these are
//! counted until they are taken; and that a stream of which none is taken for
//! `requests.send_timeout_seconds`, or whose caller may no longer call, ends with an error, with
//! nothing left in memory but that.
//!
//! The task drives the stream in `answer_in_task`: it asks for room (`has_room`, `taken`),
//! counts what it takes in (`charge`), and puts answers in its place (`push`).
//!
//! Keeps the invariants `bounded-everything` and `revoked-means-refused`.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::future::BoxFuture;
use futures::{FutureExt as _, Stream};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use crate::api::rpc::errors::{self, ErrorReason};
use crate::api::rpc::stream_credit::StreamCredit;
use crate::api::rpc::unsent_answers::TIMEOUT_SETTING;

/// How often within its time it is looked whether a stream is read.
const READ_CHECKS: u32 = 4;
/// Room for more answers is given back when there are none.
const KEPT_CAPACITY: usize = 64;

/// The answers of a stream that are not taken.
pub struct AnswerQueue<T> {
    state: Mutex<UntakenAnswers<T>>,
    /// For the task alone.
    taken: Notify,
}

struct UntakenAnswers<T> {
    /// With the bytes that each counts.
    answers: VecDeque<(T, usize)>,
    credit: StreamCredit,
    /// How many answers have been taken.
    taken: u64,
    /// Who waits for an answer.
    reader: Option<Waker>,
    /// Present once no more answers are made.
    end: Option<Result<(), Status>>,
}

impl<T> AnswerQueue<T> {
    fn new(credit: StreamCredit) -> Self {
        let state =
            UntakenAnswers { answers: VecDeque::new(), credit, taken: 0, reader: None, end: None };
        Self { state: Mutex::new(state), taken: Notify::new() }
    }

    /// Whether another one may be taken in, beside some that have no answer, of `max` that are
    /// not answered or whose answer is not taken.
    pub fn has_room(&self, unfinished: usize, max: usize) -> bool {
        let mut state = self.state.lock();
        unfinished + state.answers.len() < max && state.credit.has_room()
    }

    /// Counts what was taken in; an error if it is too much.
    pub fn charge(&self, bytes: usize) -> Result<(), Status> {
        self.state.lock().credit.take(bytes)
    }

    /// Adds an answer, which counts for `bytes`, in the place of what was charged.
    pub fn push(&self, answer: T, bytes: usize, charged: usize) {
        let mut state = self.state.lock();
        state.credit.exchange(charged, bytes);
        state.answers.push_back((answer, bytes));
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Returns when answers may have been taken since the last time.
    pub async fn taken(&self) {
        self.taken.notified().await;
    }

    /// Returns once all answers are taken.
    pub async fn emptied(&self) {
        while !self.state.lock().answers.is_empty() {
            self.taken().await;
        }
    }

    /// The first end counts.
    fn end(&self, end: Result<(), Status>) {
        let mut state = self.state.lock();
        state.end.get_or_insert(end);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Ends at once, without the answers that are there.
    fn cut_off(&self, end: Status) {
        let mut state = self.state.lock();
        state.answers = VecDeque::new();
        state.credit.give_all_back();
        state.end = None;
        drop(state);
        self.end(Err(end));
    }

    /// Ends because nobody takes answers.
    fn give_up(&self) {
        self.state.lock().credit.metrics().reached(TIMEOUT_SETTING);
        let message = "the stream's answers were not read in time";
        let setting = TIMEOUT_SETTING;
        self.cut_off(errors::limit_reached(ErrorReason::ReadTooSlowly, message, setting));
    }

    /// Returns once there were answers for so long, and none was taken.
    async fn is_unread(&self) {
        let pause = self.state.lock().credit.timeout / READ_CHECKS;
        let (mut seen, mut unread) = (0, 0);
        while unread < READ_CHECKS {
            tokio::time::sleep(pause).await;
            let state = self.state.lock();
            let is_waiting = !state.answers.is_empty();
            unread = if is_waiting && seen == state.taken + 1 { unread + 1 } else { 0 };
            // One more than were taken; none if there was nothing to take.
            seen = if is_waiting { state.taken + 1 } else { 0 };
        }
    }

    fn poll_take(&self, context: &mut Context<'_>) -> Poll<Option<Result<T, Status>>> {
        let mut state = self.state.lock();
        if let Some((answer, bytes)) = state.answers.pop_front() {
            state.credit.give_back(bytes);
            state.taken += 1;
            if state.answers.is_empty() {
                state.answers.shrink_to(KEPT_CAPACITY);
            }
            drop(state);
            self.taken.notify_one();
            return Poll::Ready(Some(Ok(answer)));
        }
        if let Some(end) = &mut state.end {
            return Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err));
        }
        match &mut state.reader {
            Some(reader) => reader.clone_from(context.waker()),
            reader => *reader = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

/// Answers with what a task puts into the queue, and at its end with the error that it returns.
/// The task begins when the first answer is asked for, and ends with the stream.
pub fn answer_in_task<T, D>(
    mut credit: StreamCredit,
    drive: impl FnOnce(Arc<AnswerQueue<T>>) -> D + Send + 'static,
) -> impl Stream<Item = Result<T, Status>> + Send + 'static
where
    T: Send + 'static,
    D: Future<Output = Result<(), Status>> + Send + 'static,
{
    let begin = async move {
        let caller_end = credit.take_end();
        let queue = Arc::new(AnswerQueue::new(credit));
        let task = run(Arc::clone(&queue), drive(Arc::clone(&queue)), caller_end);
        QueueReader { queue, _task: AbortOnDropHandle::new(tokio::spawn(task)) }
    };
    begin.flatten_stream()
}

async fn run<T>(
    queue: Arc<AnswerQueue<T>>,
    drive: impl Future<Output = Result<(), Status>>,
    caller_end: BoxFuture<'static, Status>,
) {
    let _ends = EndsQueue(&queue);
    let mut unread = pin!(queue.is_unread());
    let end = tokio::select! {
        biased;
        end = drive => end,
        () = &mut unread => return queue.give_up(),
        // Around the stream it is looked for too, but only while answers are asked for.
        status = caller_end => return queue.cut_off(status),
    };
    queue.end(end);
    tokio::select! {
        () = queue.emptied() => {}
        () = unread => queue.give_up(),
    }
}

/// Ends a queue whose task ends in any other way.
struct EndsQueue<'a, T>(&'a AnswerQueue<T>);

impl<T> Drop for EndsQueue<'_, T> {
    fn drop(&mut self) {
        self.0.end(Err(errors::status(ErrorReason::Internal, "the stream was broken off")));
    }
}

/// The connection's end of a queue.
struct QueueReader<T> {
    queue: Arc<AnswerQueue<T>>,
    _task: AbortOnDropHandle<()>,
}

/// At once, and not when the task is dropped.
impl<T> Drop for QueueReader<T> {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.answers = VecDeque::new();
        state.credit.close();
    }
}

impl<T> Stream for QueueReader<T> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.queue.poll_take(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::StreamExt as _;
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::metrics::LimitMetrics;

    const MAX: usize = 1024 * 1024;
    const ANSWER_BYTES: usize = 1000;

    fn credit(timeout: Duration) -> (StreamCredit, LimitMetrics, Arc<AtomicUsize>) {
        let holder = Arc::default();
        let (credit, metrics) = StreamCredit::fixture(MAX, Arc::clone(&holder), timeout);
        (credit, metrics, holder)
    }

    fn reason(status: &Status) -> String {
        status.get_details_error_info().unwrap().reason
    }

    fn push_answers(queue: &AnswerQueue<u64>, count: u64) {
        (0..count).for_each(|number| queue.push(number, ANSWER_BYTES, 0));
    }

    /// A task that answers a hundred times, and does not end.
    async fn endless(queue: Arc<AnswerQueue<u64>>) -> Result<(), Status> {
        push_answers(&queue, 100);
        std::future::pending().await
    }

    #[tokio::test]
    async fn answers_come_in_their_order_and_are_counted_until_they_are_taken() {
        let (credit, _, holder) = credit(Duration::from_secs(60));
        let idle = holder.load(Ordering::Relaxed);
        let mut stream =
            Box::pin(answer_in_task(credit, |queue: Arc<AnswerQueue<u64>>| async move {
                push_answers(&queue, 100);
                Ok(())
            }));
        assert_eq!(stream.next().await.unwrap().unwrap(), 0);
        assert!(holder.load(Ordering::Relaxed) > idle);
        for number in 1..100 {
            assert_eq!(stream.next().await.unwrap().unwrap(), number);
        }
        assert_eq!(holder.load(Ordering::Relaxed), idle);
        assert!(stream.next().await.is_none());
        drop(stream);
        assert_eq!(holder.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_stream_that_is_not_read_ends_and_one_that_is_read_slowly_does_not() {
        for reads in [false, true] {
            let (credit, metrics, holder) = credit(Duration::from_millis(400));
            let idle = holder.load(Ordering::Relaxed);
            let mut stream = Box::pin(answer_in_task(credit, endless));
            for _ in 0..8 {
                if reads {
                    stream.next().await.unwrap().unwrap();
                } else {
                    let _ = futures::poll!(stream.next());
                }
                tokio::time::sleep(Duration::from_millis(150)).await;
                if !reads {
                    break;
                }
            }
            if reads {
                assert!(stream.next().await.unwrap().is_ok(), "1.2 s are three times its time");
                continue;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(holder.load(Ordering::Relaxed), idle, "nothing is left of its answers");
            assert_eq!(reason(&stream.next().await.unwrap().unwrap_err()), "READ_TOO_SLOWLY");
            assert!(stream.next().await.is_none());
            assert_eq!(metrics.times_reached(TIMEOUT_SETTING), 1);
        }
    }

    #[tokio::test]
    async fn what_a_finished_stream_has_left_has_its_time_too() {
        let (credit, metrics, _) = credit(Duration::from_millis(100));
        let mut stream =
            Box::pin(answer_in_task(credit, |queue: Arc<AnswerQueue<u64>>| async move {
                push_answers(&queue, 3);
                Ok(())
            }));
        let _ = futures::poll!(stream.next());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(reason(&stream.next().await.unwrap().unwrap_err()), "READ_TOO_SLOWLY");
        assert_eq!(metrics.times_reached(TIMEOUT_SETTING), 1);
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_caller_while_nobody_asks_for_answers() {
        let (credit, _, holder) = credit(Duration::from_secs(60));
        let idle = holder.load(Ordering::Relaxed);
        let end = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            errors::status(ErrorReason::Unauthenticated, "revoked")
        };
        let mut stream = Box::pin(answer_in_task(credit.with_end(end.boxed()), endless));
        let _ = futures::poll!(stream.next());
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(holder.load(Ordering::Relaxed), idle, "its task is gone");
        assert_eq!(reason(&stream.next().await.unwrap().unwrap_err()), "UNAUTHENTICATED");
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn an_error_comes_after_the_answers() {
        let (credit, _, _) = credit(Duration::from_secs(60));
        let mut stream =
            Box::pin(answer_in_task(credit, |queue: Arc<AnswerQueue<u64>>| async move {
                push_answers(&queue, 1);
                Err(errors::status(ErrorReason::Internal, "broke"))
            }));
        assert!(stream.next().await.unwrap().is_ok());
        assert_eq!(stream.next().await.unwrap().unwrap_err().message(), "broke");
        assert!(stream.next().await.is_none());
    }
}
