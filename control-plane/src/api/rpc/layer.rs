//! What every call has, made once: its caller, who was judged, its span, its deadline, and
//! the line about its failure.
//!
//! Fed by requests before they are decoded; feeds the services with them ([`Caller`],
//! [`AnswerDeadline`] and the rates among a request's extensions) and the log. Guarantees that no
//! service's code runs for a caller who may not call its method, that a stream ends soon
//! after its caller's credential, that a service's code runs in the call's span, and that
//! a call which fails leaves one line, whether a service refused it or it could not be
//! decoded; and that the answer tells the call's id. The services' streams log the errors
//! that end them ([`super::spans::log_stream_end`]).
//!
//! Keeps the invariant `nothing-without-permission`.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::api::rpc::caller::{self, CallPlace};
use crate::api::rpc::deadlines::AnswerDeadline;
use crate::api::rpc::gate::{CallGate, Judged};
use crate::api::rpc::guarded_body::GuardedBody;
use crate::api::rpc::read_turn_body::{ReadTurnBody, TurnOfCall};
use crate::api::rpc::request_ids;
use crate::api::rpc::spans;

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
        let answered = async move {
            let method = call.uri.path().trim_start_matches('/').to_owned();
            let place = CallPlace { address, request_id: request_id.clone(), method };
            let judged = match gate.judge(&call, place).await {
                Ok(judged) => judged,
                Err(status) => {
                    spans::log_failure(&status);
                    return Ok(request_ids::told(status.into_http(), &request_id));
                }
            };
            let Judged { caller, streams, rate_limits, read_turns } = judged;
            call.extensions.insert(AnswerDeadline::of(&call.headers));
            let identity = caller.as_ref().map(|caller| Arc::clone(&caller.identity));
            let (turn, mut message) = (TurnOfCall::default(), Body::new(message));
            if let Some(caller) = caller {
                spans::record_in_span("who", &caller);
                if let Some(turns) = read_turns {
                    let who = caller.who.clone();
                    let body = ReadTurnBody::new(message, turns, who, Arc::clone(&turn));
                    message = Body::new(body);
                }
                call.extensions.insert(caller);
            }
            if let Some(rate_limits) = rate_limits {
                call.extensions.insert(rate_limits);
            }
            let answer = inner.call(Request::from_parts(call, message)).await?;
            // The read is over; its answer is in memory.
            drop(turn.lock().take());
            if let Some(status) = answer.extensions().get::<Status>() {
                spans::log_failure(status);
            }
            let answer = request_ids::told(answer, &request_id);
            Ok(match identity.filter(|_| streams) {
                Some(identity) => answer.map(|body| {
                    let ends = async move { gate.wait_for_end(&identity).await };
                    Body::new(GuardedBody::new(Body::new(body), Box::pin(ends)))
                }),
                None => answer.map(Body::new),
            })
        };
        Box::pin(answered.instrument(span))
    }
}
