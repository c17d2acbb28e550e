//! `PublishStream`: events on a stream, each with its answer.
//!
//! Fed by a publisher's stream; feeds `publish` with its events, and the publisher with answers
//! in the order in which they come. Guarantees that an event is published and counts as
//! unanswered until the connection has taken its answer, whether or not anybody asks for it;
//! that a stream never has more of those than allowed, nor a caller more bytes of them: it is
//! not read until there is room; and that what waits for a commit is small.

use std::future::Future;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, Stream, StreamExt};
use postrider_proto::v1;
use postrider_proto::v1::publish_stream_response;
use prost::Message as _;
use tonic::{Status, Streaming};

use crate::api::events::publish::{self, BegunPublish};
use crate::api::rpc::answer_queue::{AnswerQueue, answer_in_task};
use crate::api::rpc::caller::Caller;
use crate::api::rpc::deadlines::AnswerDeadline;
use crate::api::rpc::errors;
use crate::api::rpc::stream_credit::StreamCredit;
use crate::api::values::trace::TraceContext;
use crate::flow::Flow;
use crate::state::context::ReplicaContext;

/// What an event takes until it has its answer, beside its own bytes: its future, and what
/// waits in the queue. A test compares the first.
const EVENT_BYTES: usize = 3 * 1024;
/// What an answer takes beside its texts.
const ANSWER_BYTES: usize = 384;
/// What a warning takes beside its texts.
const WARNING_BYTES: usize = 64;

/// The source of a stream's requests; tests have their own.
pub trait PublishRequests: Send {
    fn next(
        &mut self,
    ) -> impl Future<Output = Result<Option<v1::PublishStreamRequest>, Status>> + Send;
}

impl PublishRequests for Streaming<v1::PublishStreamRequest> {
    async fn next(&mut self) -> Result<Option<v1::PublishStreamRequest>, Status> {
        self.message().await
    }
}

/// What all events of a stream share.
pub struct StreamContext {
    pub context: ReplicaContext,
    pub flow: Flow,
    pub call: TraceContext,
    pub caller: Caller,
}

/// An event of a stream, until it has its answer.
#[derive(Clone, Copy)]
struct EventTicket {
    request_id: u64,
    /// What it counts for.
    bytes: usize,
}

type EventResult = Result<v1::PublishEventResponse, Status>;
type EventAnswer = (EventTicket, EventResult);
/// An answer with its request's id.
type StreamAnswer = (u64, EventResult);

/// Answers a stream of events.
pub fn stream(
    shared: StreamContext,
    requests: impl PublishRequests + 'static,
    closing: BoxFuture<'static, Status>,
    credit: StreamCredit,
) -> impl Stream<Item = Result<v1::PublishStreamResponse, Status>> + Send + 'static {
    let max_unanswered = shared.context.settings.publish.max_stream_unanswered_events;
    let shared = Arc::new(shared);
    let publish = move |ticket, request| publish_one(&shared, ticket, request);
    answers(requests, publish, max_unanswered, closing, credit)
}

/// Publishes an event. All that is needed before it is queued is in a box of its own, which
/// goes as soon as it is: thousands may wait for their commit.
fn publish_one(
    shared: &Arc<StreamContext>,
    ticket: EventTicket,
    request: v1::PublishEventRequest,
) -> impl Future<Output = EventAnswer> + Send + use<> {
    let beginning = Box::pin(begin_one(Arc::clone(shared), request));
    let shared = Arc::clone(shared);
    async move {
        let StreamContext { context, flow, .. } = &*shared;
        let publishing = async {
            let begun = beginning.await?;
            publish::finish_publish(context, flow, begun).await
        };
        (ticket, AnswerDeadline::default().apply(publishing).await)
    }
}

async fn begin_one(
    shared: Arc<StreamContext>,
    request: v1::PublishEventRequest,
) -> Result<BegunPublish, Status> {
    let StreamContext { context, flow, call, caller } = &*shared;
    publish::begin_publish(context, flow, request, None, call, caller).await
}

fn answers<P, F>(
    requests: impl PublishRequests + 'static,
    publish: P,
    max_unanswered: usize,
    closing: BoxFuture<'static, Status>,
    credit: StreamCredit,
) -> impl Stream<Item = Result<v1::PublishStreamResponse, Status>> + Send + 'static
where
    P: Fn(EventTicket, v1::PublishEventRequest) -> F + Send + 'static,
    F: Future<Output = EventAnswer> + Send + 'static,
{
    let answered = answer_in_task(credit, move |answers| {
        let in_flight = FuturesUnordered::new();
        let max_unanswered = max_unanswered.max(1);
        let (open, end) = (true, Ok(()));
        PublishStream { requests, publish, in_flight, max_unanswered, answers, closing, open, end }
            .run()
    });
    answered.map(|answered| answered.map(|(request_id, result)| answer(request_id, result)))
}

struct PublishStream<R, P, F> {
    requests: R,
    publish: P,
    in_flight: FuturesUnordered<F>,
    max_unanswered: usize,
    answers: Arc<AnswerQueue<StreamAnswer>>,
    /// When no more requests are read, and with what error it ends.
    closing: BoxFuture<'static, Status>,
    /// Whether requests are still read.
    open: bool,
    /// What ends the stream after all answers.
    end: Result<(), Status>,
}

impl<R, P, F> PublishStream<R, P, F>
where
    R: PublishRequests,
    P: Fn(EventTicket, v1::PublishEventRequest) -> F,
    F: Future<Output = EventAnswer>,
{
    /// Returns once all that was read is answered and no more is read.
    async fn run(mut self) -> Result<(), Status> {
        loop {
            let room =
                self.open && self.answers.has_room(self.in_flight.len(), self.max_unanswered);
            tokio::select! {
                // Answers first, because they make room for requests.
                biased;
                Some((ticket, result)) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                    self.put(ticket, result);
                }
                end = &mut self.closing, if self.open => self.close(Err(end)),
                request = self.requests.next(), if room => self.take(request),
                () = self.answers.taken(), if self.open && !room => {}
                else => return self.end,
            }
        }
    }

    fn take(&mut self, request: Result<Option<v1::PublishStreamRequest>, Status>) {
        match request {
            Ok(Some(v1::PublishStreamRequest { request_id, publish: Some(publish) })) => {
                let bytes = EVENT_BYTES + publish.encoded_len();
                match self.answers.charge(bytes) {
                    Ok(()) => {
                        let ticket = EventTicket { request_id, bytes };
                        self.in_flight.push((self.publish)(ticket, publish));
                    }
                    Err(status) => self.put(EventTicket { request_id, bytes: 0 }, Err(status)),
                }
            }
            Ok(Some(_)) => self.close(Err(errors::invalid("publish", "is missing"))),
            Ok(None) => self.close(Ok(())),
            Err(status) => self.close(Err(status)),
        }
    }

    fn put(&self, ticket: EventTicket, result: EventResult) {
        let bytes = answer_bytes(&result);
        self.answers.push((ticket.request_id, result), bytes, ticket.bytes);
    }

    fn close(&mut self, end: Result<(), Status>) {
        self.open = false;
        self.end = end;
    }
}

/// What an answer takes until it is taken.
fn answer_bytes(result: &EventResult) -> usize {
    let texts = match result {
        Ok(answer) => {
            let warnings = answer.schema_warnings.iter();
            let of_warning = |warning: &v1::SchemaWarning| {
                WARNING_BYTES + warning.path.len() + warning.description.len()
            };
            answer.event.len() + warnings.map(of_warning).sum::<usize>()
        }
        Err(status) => status.message().len() + status.details().len(),
    };
    ANSWER_BYTES + texts
}

fn answer(request_id: u64, result: EventResult) -> v1::PublishStreamResponse {
    let result = match result {
        Ok(response) => publish_stream_response::Result::Response(response),
        Err(status) => publish_stream_response::Result::Error(errors::to_proto(&status)),
    };
    v1::PublishStreamResponse { request_id, result: Some(result) }
}

#[cfg(test)]
#[path = "publish_stream_tests.rs"]
mod tests;
