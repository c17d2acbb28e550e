//! HTTP and JSON at the callers' door, beside gRPC.
//!
//! Fed by the door with every request; feeds the services, through the same layers, with the
//! calls of gRPC as they are and with those of HTTP as gRPC would send them, and callers with
//! answers in JSON. Guarantees that a call over HTTP is judged, limited, counted and recorded
//! by what judges, limits, counts and records gRPC's, once; that who calls is said by the
//! Authorization header or a client certificate, never by a cookie or the query; and that
//! answers which are not read are counted among those of gRPC.
//!
//! Keeps the invariants `nothing-without-permission` and `bounded-everything`.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::{BoxFuture, Either};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, TE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::Full;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::answers::{answer_stream, require_ok, whole_answer};
use super::error_answer::ErrorAnswer;
use super::http_call::{HttpCall, malformed};
use super::idempotency_keys;
use super::media_types::{BodyForm, EVENTS, JSON, JSON_OR_LINES, LINES, accepts_events, body_form};
use super::origins::{self, AllowedOrigins, OriginJudgement};
use super::routes::{FoundRoute, RouteTable};
use crate::api::rpc::call_trace::{HttpTarget, UnansweredTrace};
use crate::api::rpc::receiving::{MessageFraming, RequestCaller};
use crate::api::rpc::request_ids::{self, REQUEST_ID_HEADER};
use crate::api::rpc::unsent_answers::AnswerBounds;
use crate::metrics::{HttpMetrics, RunningRequest};

/// Where the description of all paths is.
const OPEN_API_PATH: &str = "/openapi.json";
/// The method that describes all methods: who may call it may read that description.
const REFLECTION_PATH: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const GRPC: &str = "application/grpc";
/// Where gRPC has a deadline. tonic would answer it outside of this layer.
const GRPC_TIMEOUT: &str = "grpc-timeout";
/// What server-sent events continue after (WHATWG HTML).
const LAST_EVENT_ID: &str = "last-event-id";
/// The headers that a call takes along.
const PASSED_HEADERS: [&str; 4] = ["authorization", "traceparent", "tracestate", "user-agent"];

/// What serves HTTP.
pub struct HttpApi {
    pub table: Arc<RouteTable>,
    pub origins: AllowedOrigins,
    /// Those of the door, for gRPC and HTTP together.
    pub answers: AnswerBounds,
    /// The description of all paths.
    pub open_api: Bytes,
    pub requests: HttpMetrics,
    /// "http" or "https".
    pub scheme: &'static str,
}

/// Wraps all that the callers' door serves.
#[derive(Clone)]
pub struct HttpJsonLayer {
    pub api: Arc<HttpApi>,
}

impl<S> Layer<S> for HttpJsonLayer {
    type Service = HttpJsonService<S>;

    fn layer(&self, inner: S) -> HttpJsonService<S> {
        HttpJsonService { inner, api: Arc::clone(&self.api) }
    }
}

/// See [`HttpJsonLayer`].
#[derive(Clone)]
pub struct HttpJsonService<S> {
    inner: S,
    api: Arc<HttpApi>,
}

impl<S> Service<Request<Body>> for HttpJsonService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if is_grpc(&request) {
            return Either::Left(self.inner.call(request));
        }
        // The one that was made ready goes on; its clone waits for the next call.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let api = Arc::clone(&self.api);
        Either::Right(Box::pin(async move { api.serve(inner, request).await }))
    }
}

fn is_grpc(request: &Request<Body>) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    request.version() == Version::HTTP_2
        && content_type.is_some_and(|given| given.as_bytes().starts_with(GRPC.as_bytes()))
}

impl HttpApi {
    /// The answer to a request of whatever path that is not even looked at.
    pub(super) fn refuse(&self, request: &Request<Body>, error: ErrorAnswer) -> Response<Body> {
        let request_id = request_ids::of_call(request.headers());
        tracing::debug!(request_id, status = %error.http_status(), "request refused");
        let mut answer = self.error(error);
        let mut running = self.requests.begin(request.method(), self.scheme);
        running.answered(answer.status());
        tell_usual(answer.headers_mut());
        request_ids::told(answer, &request_id)
    }

    async fn serve<S>(
        &self,
        inner: S,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<Body>>,
    {
        let mut running = self.requests.begin(request.method(), self.scheme);
        let is_head = *request.method() == Method::HEAD;
        if is_head {
            // It is answered as GET, without the body.
            *request.method_mut() = Method::GET;
        }
        let request_id = request_ids::of_call(request.headers());
        let origin = self.origins.judge(request.headers());
        let is_preflight = origins::is_preflight(request.method(), request.headers());
        let mut answer = match &origin {
            OriginJudgement::Refused => self.error(ErrorAnswer::refused_origin()),
            OriginJudgement::Allowed(_) if is_preflight => no_content(),
            OriginJudgement::Allowed(_) | OriginJudgement::None => {
                self.call(inner, request, &request_id, &mut running).await?
            }
        };
        running.answered(answer.status());
        if is_head {
            answer = answer.map(|_| Body::empty());
        }
        let headers = answer.headers_mut();
        tell_usual(headers);
        if let OriginJudgement::Allowed(origin) = origin {
            origins::tell_allowed(headers, origin);
            if is_preflight {
                origins::tell_preflight(headers);
            }
        }
        if self.origins.are_set() {
            origins::tell_variance(headers);
        }
        Ok(request_ids::told(answer, &request_id))
    }

    async fn call<S>(
        &self,
        mut inner: S,
        request: Request<Body>,
        request_id: &str,
        running: &mut RunningRequest,
    ) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<Body>>,
    {
        let (caller, trace) = (RequestCaller::default(), UnansweredTrace::default());
        let outcome = if request.uri().path() == OPEN_API_PATH {
            let route: Arc<str> = Arc::from(OPEN_API_PATH);
            running.found(&route);
            if *request.method() != Method::GET {
                return Ok(self.error(ErrorAnswer::no_method(&[Method::GET])));
            }
            let uri = Uri::from_static(REFLECTION_PATH);
            let mut asked = rpc_request(request, uri, route, request_id).map(|_| Body::empty());
            asked.extensions_mut().insert(MessageFraming::Lines);
            asked.extensions_mut().insert(caller.clone());
            let judged = inner.call(asked).await?;
            require_ok(judged.headers()).and_then(|()| self.json(self.open_api.clone(), &caller))
        } else {
            let call = match self.route(&request, running) {
                Ok(call) => Arc::new(call),
                Err(error) => {
                    // What is judged further in has its line from there.
                    tracing::debug!(request_id, status = %error.http_status(), "request refused");
                    return Ok(self.error(error));
                }
            };
            let framing = match call.route.streams_requests() {
                true => MessageFraming::Lines,
                false => MessageFraming::Whole,
            };
            let (uri, label) = (call.route.rpc_uri.clone(), Arc::clone(&call.route.label));
            let mut rpc = rpc_request(request, uri, label, request_id);
            rpc.extensions_mut().insert(framing);
            rpc.extensions_mut().insert(Arc::clone(&call));
            rpc.extensions_mut().insert(caller.clone());
            rpc.extensions_mut().insert(trace.clone());
            let answer = inner.call(rpc).await?;
            self.answer(call, answer, &caller).await
        };
        let answer = outcome.unwrap_or_else(|status| self.error(status.into()));
        trace.answered(answer.status());
        Ok(answer)
    }

    /// The call that a request is.
    fn route(
        &self,
        request: &Request<Body>,
        running: &mut RunningRequest,
    ) -> Result<HttpCall, ErrorAnswer> {
        let headers = request.headers();
        let (route, captures) = match self.table.find(request.method(), request.uri().path()) {
            FoundRoute::Route(route, captures) => (route, captures),
            FoundRoute::OtherMethods(methods) => return Err(ErrorAnswer::no_method(&methods)),
            FoundRoute::Nothing => return Err(ErrorAnswer::no_path()),
        };
        running.found(&route.label);
        if headers.contains_key(GRPC_TIMEOUT) {
            return Err(malformed("grpc-timeout is for gRPC").into());
        }
        let takes_lines = route.streams_requests() || route.lines_field.is_some();
        let taken = match (route.streams_requests(), takes_lines) {
            (true, _) => LINES,
            (false, true) => JSON_OR_LINES,
            (false, false) => JSON,
        };
        let form = body_form(request);
        let form = form.map_err(|problem| ErrorAnswer::other_media_type(&problem, taken))?;
        match form {
            BodyForm::Lines if !takes_lines => {
                let problem = "this method takes one JSON value, as application/json";
                return Err(ErrorAnswer::other_media_type(problem, taken));
            }
            BodyForm::Json if route.streams_requests() => {
                let problem = "this method takes JSON values as lines, as application/x-ndjson";
                return Err(ErrorAnswer::other_media_type(problem, taken));
            }
            BodyForm::Empty | BodyForm::Json | BodyForm::Lines => {}
        }
        let idempotency_key = idempotency_keys::given(headers, &route)?;
        let last_event_id = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
        Ok(HttpCall {
            table: Arc::clone(&self.table),
            sends_events: route.streams_answers() && accepts_events(headers.get_all(ACCEPT)),
            route,
            captures,
            query: request.uri().query().unwrap_or_default().to_owned(),
            has_lines: form == BodyForm::Lines,
            last_event_id: last_event_id.map(str::to_owned),
            idempotency_key,
        })
    }

    async fn answer(
        &self,
        call: Arc<HttpCall>,
        answer: Response<Body>,
        caller: &RequestCaller,
    ) -> Result<Response<Body>, Status> {
        if !call.route.streams_answers() {
            let held = caller.counted().map(|caller| self.answers.hold_nothing(caller));
            let text = whole_answer(call, answer, held).await?;
            return self.json(text, caller);
        }
        let content_type = if call.sends_events { EVENTS } else { LINES };
        let mut streamed = Response::new(answer_stream(call, answer)?);
        let headers = streamed.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        // nginx would collect events until there are many.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        Ok(streamed)
    }

    /// An answer that is counted for its caller until it is sent.
    fn json(&self, text: Bytes, caller: &RequestCaller) -> Result<Response<Body>, Status> {
        let length = text.len();
        let mut body = Body::new(Full::new(text));
        if let Some(caller) = caller.counted() {
            body = self.answers.hold(body, caller)?;
        }
        Ok(json_answer(StatusCode::OK, body, length))
    }

    fn error(&self, error: ErrorAnswer) -> Response<Body> {
        let text = error.json(&self.table.pool);
        let length = text.len();
        let body = Body::new(Full::new(Bytes::from(text)));
        let mut answer = json_answer(error.http_status(), body, length);
        answer.headers_mut().extend(error.headers());
        answer
    }
}

/// What every answer tells.
fn tell_usual(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn json_answer(http_status: StatusCode, body: Body, length: usize) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = http_status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    // HTTP/1.1 would send it in chunks.
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    answer
}

fn no_content() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// The request as gRPC would send it, with the connection that it came on.
fn rpc_request(
    received: Request<Body>,
    uri: Uri,
    route: Arc<str>,
    request_id: &str,
) -> Request<Body> {
    let (head, body) = received.into_parts();
    let mut rpc = Request::new(body);
    *rpc.method_mut() = Method::POST;
    *rpc.uri_mut() = uri;
    *rpc.version_mut() = Version::HTTP_2;
    *rpc.extensions_mut() = head.extensions;
    rpc.extensions_mut().insert(HttpTarget { method: head.method, route });
    let headers: &mut HeaderMap = rpc.headers_mut();
    for name in PASSED_HEADERS {
        for value in head.headers.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID_HEADER, id);
    }
    rpc
}
