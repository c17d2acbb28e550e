//! What every call has, made once: its caller, who was judged, its span, its deadline, and
//! the line about its failure.
//!
//! Fed by requests before they are decoded; feeds the services with them ([`Caller`],
//! [`AnswerDeadline`] and the rates among a request's extensions) and the log. Guarantees that no
//! service's code runs for a caller who may not call its method, that a stream ends soon
//! after its caller's credential and before its connection, that a service's code runs in
//! the call's span, that a call which fails leaves one line, whether a service refused it or it
//! could not be decoded, that the answer tells the call's id, and that only calls which may go
//! on are recorded for a collector. The services' streams log the errors that end them
//! ([`super::spans::log_stream_end`]).
//!
//! Keeps the invariant `nothing-without-permission`.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::request::Parts;
use http::{Request, Response};
use postrider_identity::CallerIdentity;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::api::rpc::call_trace::{CallTrace, call_system};
use crate::api::rpc::caller::{self, CallPlace, Caller, CountedCaller};
use crate::api::rpc::deadlines::AnswerDeadline;
use crate::api::rpc::gate::{CallGate, Judged};
use crate::api::rpc::guarded_body::GuardedBody;
use crate::api::rpc::read_turn_body::{ReadTurnBody, TurnOfCall};
use crate::api::rpc::receiving::{MessageFraming, RequestCaller};
use crate::api::rpc::stream_credit::{CallerEnd, StreamOwner};
use crate::api::rpc::{lifetimes, request_ids, spans};

/// What is called most, and answered with little.
const UNCOUNTED_METHOD: &str = "/postrider.v1.EventService/PublishEvent";

/// Wraps the public services.
#[derive(Clone)]
pub struct CallLayer {
    pub gate: Arc<CallGate>,
}

impl<S> Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> CallService<S> {
        CallService { inner, gate: Arc::clone(&self.gate) }
    }
}

#[derive(Clone)]
pub struct CallService<S> {
    inner: S,
    gate: Arc<CallGate>,
}

impl<S, B, R> Service<Request<B>> for CallService<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    R: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was made ready goes on; its clone waits for the next call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let gate = Arc::clone(&self.gate);
        let (mut call, message) = request.into_parts();
        let address = caller::address(&call.extensions);
        let request_id = request_ids::of_call(&call.headers);
        let span = spans::call_span(call.uri.path(), &address, &request_id);
        let mut running = gate.begin_call(&call.uri, call_system(&call.extensions));
        let answered = async move {
            let method = call.uri.path().trim_start_matches('/').to_owned();
            let place = CallPlace { address, request_id: request_id.clone(), method };
            let judged = match gate.judge(&call, place).await {
                Ok(judged) => judged,
                Err(status) => {
                    running.answered(status.code());
                    spans::log_failure(&status);
                    return Ok(request_ids::told(status.into_http(), &request_id));
                }
            };
            let Judged { caller, streams, rate_limits, read_turns } = judged;
            let trace = CallTrace::begin(&call, &request_id);
            if let Some(trace) = &trace {
                call.extensions.insert(trace.span());
            }
            let deadline = AnswerDeadline::of(&call.headers);
            call.extensions.insert(deadline);
            let identity = caller.as_ref().map(|caller| Arc::clone(&caller.identity));
            let latest = lifetimes::latest_end(&call.extensions);
            let counted = counted_caller(&call, streams, caller.as_ref());
            let (turn, mut message) = (TurnOfCall::default(), Body::new(message));
            if let Some(mut caller) = caller {
                caller.answer_by = deadline.begun_now();
                if let Some(turns) = &read_turns {
                    let (turns, owner) = (turns.clone(), caller.read_owner());
                    let body = ReadTurnBody::new(message, turns, owner, Arc::clone(&turn));
                    message = Body::new(body);
                }
                tell_caller(&gate, &mut call, caller, streams, read_turns.is_some());
            }
            if let Some(rate_limits) = rate_limits {
                call.extensions.insert(rate_limits);
            }
            let answer = inner.call(Request::from_parts(call, message)).await?;
            // The read is over; its answer is in memory, and is counted from here.
            drop(turn.lock().take());
            let failure = answer.extensions().get::<Status>();
            if let Some(status) = failure {
                spans::log_failure(status);
            }
            end_trace(trace, failure);
            let answer = match counted {
                Some(caller) => hold_answer(&gate, answer.map(Body::new), &caller),
                None => answer.map(Body::new),
            };
            running.answered(answer.extensions().get::<Status>().map_or(Code::Ok, Status::code));
            let answer = request_ids::told(answer, &request_id);
            if !streams || (identity.is_none() && latest.is_none()) {
                return Ok(answer);
            }
            let ends = async move { gate.wait_for_end(identity.as_deref(), latest).await };
            Ok(answer.map(|body| Body::new(GuardedBody::new(body, Box::pin(ends)))))
        };
        Box::pin(answered.instrument(span))
    }
}

/// Tells all around the call, and the service, who calls.
fn tell_caller(gate: &Arc<CallGate>, call: &mut Parts, caller: Caller, streams: bool, waits: bool) {
    spans::record_in_span("who", &caller);
    if let Some(sender) = call.extensions.get::<RequestCaller>() {
        sender.tell(caller.counted(), waits);
    }
    if streams {
        let (bounds, counted) = (gate.answers.clone(), caller.counted());
        let end = caller_end(gate, Arc::clone(&caller.identity), call);
        call.extensions.insert(StreamOwner { bounds, caller: counted, end });
    }
    call.extensions.insert(caller);
}

/// What waits until a stream's caller may no longer call.
fn caller_end(gate: &Arc<CallGate>, identity: Arc<CallerIdentity>, call: &Parts) -> CallerEnd {
    let (gate, latest) = (Arc::clone(gate), lifetimes::latest_end(&call.extensions));
    Arc::new(move || {
        let (gate, identity) = (Arc::clone(&gate), Arc::clone(&identity));
        Box::pin(async move { gate.wait_for_end(Some(&identity), latest).await })
    })
}

/// Ends the span of a call, if it is recorded.
fn end_trace(trace: Option<CallTrace>, failure: Option<&Status>) {
    if let Some(trace) = trace {
        trace.end(failure.map_or(Code::Ok, Status::code));
    }
}

/// Whose a call's answer is until it is sent, where it is counted. A stream's answers are made
/// as they are sent, that of an event's publish is always small, and one that becomes JSON is
/// counted as that.
fn counted_caller(call: &Parts, streams: bool, caller: Option<&Caller>) -> Option<CountedCaller> {
    let becomes_json = call.extensions.get::<MessageFraming>().is_some();
    if streams || becomes_json || call.uri.path() == UNCOUNTED_METHOD {
        return None;
    }
    caller.map(Caller::counted)
}

/// The answer until it is sent, or the error that it is too much.
fn hold_answer(gate: &CallGate, answer: Response<Body>, caller: &CountedCaller) -> Response<Body> {
    let (parts, body) = answer.into_parts();
    match gate.answers.hold(body, caller) {
        Ok(body) => Response::from_parts(parts, body),
        Err(status) => {
            spans::log_failure(&status);
            status.into_http()
        }
    }
}
