//! Tests of streams of events.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use postrider_proto::v1::event::PayloadForm;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic_types::StatusExt;

use crate::api::events::publish_stream::*;
use crate::api::rpc::lifetimes::{StreamLifetime, stopping_replica};
use crate::metrics::LimitMetrics;

/// Of what a caller may have.
const MAX_BYTES: usize = 8 * 1024 * 1024;
const SEND_TIMEOUT: Duration = Duration::from_millis(200);
/// The queue of a stream is asked by its own task.
const SETTLED: Duration = Duration::from_millis(50);

fn request() -> v1::PublishEventRequest {
    v1::PublishEventRequest {
        parent: "tenants/acme".into(),
        event: Some(v1::Event {
            event_type: "payment.completed".into(),
            payload_form: Some(PayloadForm::PayloadJson("{}".into())),
            ..Default::default()
        }),
        idempotency_key: String::new(),
    }
}

fn credit() -> StreamCredit {
    credit_of(&Arc::default(), Duration::from_secs(60)).0
}

fn credit_of(holder: &Arc<AtomicUsize>, timeout: Duration) -> (StreamCredit, LimitMetrics) {
    StreamCredit::fixture(MAX_BYTES, Arc::clone(holder), timeout)
}

fn until(stopping: &CancellationToken) -> BoxFuture<'static, Status> {
    StreamLifetime::of(&Request::new(()), stopping.clone()).ended()
}

struct ChannelRequests(mpsc::Receiver<Result<v1::PublishStreamRequest, Status>>);

impl PublishRequests for ChannelRequests {
    async fn next(&mut self) -> Result<Option<v1::PublishStreamRequest>, Status> {
        self.0.recv().await.transpose()
    }
}

fn numbered(request_id: u64) -> Result<v1::PublishStreamRequest, Status> {
    Ok(v1::PublishStreamRequest { request_id, publish: Some(request()) })
}

/// Publishes nothing and answers when the test lets it.
#[derive(Clone, Default)]
struct HeldRequests {
    waiting: Arc<Mutex<Vec<oneshot::Sender<()>>>>,
    begun: Arc<AtomicUsize>,
}

impl HeldRequests {
    fn publish(
        &self,
    ) -> impl Fn(EventTicket, v1::PublishEventRequest) -> BoxFuture<'static, EventAnswer> + Send + use<>
    {
        let held = self.clone();
        move |ticket, _| {
            let (sender, receiver) = oneshot::channel();
            held.begun.fetch_add(1, Ordering::SeqCst);
            held.waiting.lock().push(sender);
            Box::pin(async move {
                let _ = receiver.await;
                (ticket, Ok(v1::PublishEventResponse::default()))
            })
        }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    fn release(&self, index: usize) {
        let _ = self.waiting.lock().remove(index).send(());
    }
}

/// Asks for an answer that is not there yet, and lets the stream's task do what it can.
async fn settle(
    stream: &mut (impl Stream<Item = Result<v1::PublishStreamResponse, Status>> + Unpin),
) {
    let next = tokio::time::timeout(SETTLED, stream.next()).await;
    assert!(next.is_err(), "{next:?}");
}

#[tokio::test]
async fn a_stream_is_read_only_while_there_is_room_and_answers_in_any_order() {
    let (sender, receiver) = mpsc::channel(100);
    for id in 0..10 {
        sender.send(numbered(id)).await.unwrap();
    }
    drop(sender);
    let held = HeldRequests::default();
    let closing = until(&CancellationToken::new());
    let stream = answers(ChannelRequests(receiver), held.publish(), 3, closing, credit());
    let mut stream = Box::pin(stream);
    settle(&mut stream).await;
    assert_eq!(held.begun(), 3, "no more than it may hold");
    held.release(2);
    assert_eq!(stream.next().await.unwrap().unwrap().request_id, 2);
    settle(&mut stream).await;
    assert_eq!(held.begun(), 4);
    let mut answered = 1;
    while held.begun() > answered {
        held.release(0);
        assert!(stream.next().await.unwrap().is_ok());
        answered += 1;
        if answered < 10 {
            settle(&mut stream).await;
        }
    }
    assert_eq!(answered, 10);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn an_event_is_unanswered_until_its_answer_is_taken() {
    let (sender, receiver) = mpsc::channel(100);
    for id in 0..10 {
        sender.send(numbered(id)).await.unwrap();
    }
    let held = HeldRequests::default();
    let closing = until(&CancellationToken::new());
    let stream = answers(ChannelRequests(receiver), held.publish(), 4, closing, credit());
    let mut stream = Box::pin(stream);
    settle(&mut stream).await;
    // All four are published while nobody asks for an answer.
    (0..4).for_each(|_| held.release(0));
    tokio::time::sleep(SETTLED).await;
    assert_eq!(held.begun(), 4, "their answers are not taken");
    for begun in 5..=8 {
        assert!(stream.next().await.unwrap().is_ok());
        tokio::time::sleep(SETTLED).await;
        assert_eq!(held.begun(), begun);
    }
}

#[tokio::test]
async fn streams_whose_answers_are_not_taken_have_a_bound_together_and_end() {
    const STREAMS: usize = 8;
    let holder: Arc<AtomicUsize> = Arc::default();
    let mut streams = Vec::new();
    let begun: Arc<AtomicUsize> = Arc::default();
    for _ in 0..STREAMS {
        let (sender, receiver) = mpsc::channel(4096);
        for id in 0..4096 {
            sender.send(numbered(id)).await.unwrap();
        }
        let begun = Arc::clone(&begun);
        let publish = move |ticket: EventTicket, _: v1::PublishEventRequest| {
            begun.fetch_add(1, Ordering::SeqCst);
            let event = "x".repeat(4096);
            async move { (ticket, Ok(v1::PublishEventResponse { event, ..Default::default() })) }
        };
        let (credit, metrics) = credit_of(&holder, SEND_TIMEOUT);
        let closing = until(&CancellationToken::new());
        let stream = answers(ChannelRequests(receiver), publish, 1024, closing, credit);
        streams.push((Box::pin(stream), metrics, sender));
    }
    for (stream, ..) in &mut streams {
        assert!(stream.next().await.unwrap().is_ok());
    }
    tokio::time::sleep(SETTLED).await;
    let (begun, held) = (begun.load(Ordering::SeqCst), holder.load(Ordering::Relaxed));
    assert!(begun < 2 * MAX_BYTES / 4096, "{begun} of {} were read", STREAMS * 1024);
    assert!((MAX_BYTES / 4..=MAX_BYTES).contains(&held), "{held} bytes");
    tokio::time::sleep(3 * SEND_TIMEOUT).await;
    for (stream, metrics, _) in &mut streams {
        let late = stream.next().await.unwrap().unwrap_err();
        assert_eq!(late.get_details_error_info().unwrap().reason, "READ_TOO_SLOWLY");
        assert!(stream.next().await.is_none());
        assert_eq!(metrics.times_reached("requests.send_timeout_seconds"), 1);
    }
    drop(streams);
    assert_eq!(holder.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_event_for_which_there_is_no_room_is_refused_in_its_own_answer() {
    let (sender, receiver) = mpsc::channel(4);
    for id in 0..2 {
        let mut large = request();
        large.idempotency_key = "x".repeat(MAX_BYTES / 8 * 5);
        sender
            .send(Ok(v1::PublishStreamRequest { request_id: id, publish: Some(large) }))
            .await
            .unwrap();
    }
    drop(sender);
    let holder = Arc::default();
    let held = HeldRequests::default();
    let (mut other, _) = credit_of(&holder, SEND_TIMEOUT);
    other.take(MAX_BYTES / 2).unwrap();
    let (credit, _) = credit_of(&holder, SEND_TIMEOUT);
    let closing = until(&CancellationToken::new());
    let stream = answers(ChannelRequests(receiver), held.publish(), 9, closing, credit);
    let all: Vec<_> = stream.collect().await;
    assert_eq!((all.len(), held.begun()), (2, 0));
    for answered in all {
        let Some(publish_stream_response::Result::Error(error)) = answered.unwrap().result else {
            panic!("there is no room");
        };
        assert_eq!(error.code, tonic::Code::ResourceExhausted as i32);
    }
}

#[test]
fn what_waits_for_a_commit_is_small() {
    fn bytes_of<F>(
        _: impl Fn(&Arc<StreamContext>, EventTicket, v1::PublishEventRequest) -> F,
    ) -> usize {
        size_of::<F>()
    }
    let (waits, answer) = (bytes_of(publish_one), size_of::<StreamAnswer>());
    assert!(waits <= EVENT_BYTES / 2, "{waits}");
    assert!(answer <= ANSWER_BYTES / 2, "{answer}: room for twice as many may be there");
}

#[tokio::test]
async fn a_request_without_an_event_ends_the_stream_after_what_came_before() {
    let (sender, receiver) = mpsc::channel(100);
    sender.send(numbered(1)).await.unwrap();
    sender.send(Ok(v1::PublishStreamRequest::default())).await.unwrap();
    sender.send(numbered(2)).await.unwrap();
    let publish = |ticket: EventTicket, _: v1::PublishEventRequest| async move {
        (ticket, Err(stopping_replica()))
    };
    let closing = until(&CancellationToken::new());
    let stream = answers(ChannelRequests(receiver), publish, 9, closing, credit());
    let all: Vec<_> = stream.collect().await;
    assert_eq!(all.len(), 2);
    let first = all[0].as_ref().unwrap();
    assert!(matches!(first.result, Some(publish_stream_response::Result::Error(_))));
    assert_eq!(all[1].as_ref().unwrap_err().code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn a_stopping_replica_answers_what_it_took_and_says_so() {
    let (sender, receiver) = mpsc::channel(100);
    sender.send(numbered(1)).await.unwrap();
    let (held, closing) = (HeldRequests::default(), CancellationToken::new());
    let stream = answers(ChannelRequests(receiver), held.publish(), 9, until(&closing), credit());
    let mut stream = Box::pin(stream);
    settle(&mut stream).await;
    closing.cancel();
    settle(&mut stream).await;
    held.release(0);
    assert_eq!(stream.next().await.unwrap().unwrap().request_id, 1);
    let end = stream.next().await.unwrap().unwrap_err();
    assert_eq!(end.get_details_error_info().unwrap().reason, "STOPPING");
    assert!(stream.next().await.is_none());
    drop(sender);
}
