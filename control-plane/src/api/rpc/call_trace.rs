//! The recorded span of a call.
//!
//! Fed by `layer` with the headers and answer of each call that the gate has let in; feeds the
//! layer of `tracing-opentelemetry` with a span, and the services with what their own spans are
//! below. Names are those of OpenTelemetry's conventions for RPC, and for a call over HTTP those
//! for HTTP besides. Nothing is recorded for whoever may not call: he could have the collector
//! filled, with names of his choice.

use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, Method, StatusCode};
use parking_lot::Mutex;
use postrider_proto::status_code::code_name;
use postrider_telemetry::{
    EXPORTED_TARGET, SpanContext, process_tracer, remote_context, start_span,
};
use tonic::Code;
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::metrics::CallSystem;

/// Probes and reflection are not traced.
const TRACED_PACKAGE: &str = "/postrider.v1.";

/// Where a call came that came over HTTP, in a request's extensions.
#[derive(Clone, Debug)]
pub struct HttpTarget {
    pub method: Method,
    /// The path, with names in the place of what its variables stand for.
    pub route: Arc<str>,
}

/// By what a call came, as its extensions say.
pub fn call_system(extensions: &Extensions) -> CallSystem {
    match extensions.get::<HttpTarget>() {
        Some(_) => CallSystem::HttpJson,
        None => CallSystem::Grpc,
    }
}

/// The span of a call over HTTP, once it has its code and until its answer has a status too: in
/// a request's extensions, and with whoever makes the answer.
#[derive(Clone, Debug, Default)]
pub struct UnansweredTrace(Arc<Mutex<Option<CallTrace>>>);

impl UnansweredTrace {
    /// What the call is answered with over HTTP, which ends its span if it is recorded.
    pub fn answered(&self, status: StatusCode) {
        let Some(trace) = self.0.lock().take() else { return };
        trace.span.record("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() && !trace.has_failed {
            trace.record_error(status.as_str());
        }
    }
}

/// A call whose trace is recorded; the span that others are below, in a request's extensions.
#[derive(Clone, Debug)]
pub struct CallSpan(pub SpanContext);

/// The span of a call that has begun; it ends when this is dropped. It is beside the call's
/// span of the log, since what a line tells of a caller is not for a collector.
#[derive(Debug)]
pub struct CallTrace {
    span: Span,
    context: SpanContext,
    /// Where it waits for its answer's status, if it came over HTTP.
    unanswered: Option<UnansweredTrace>,
    has_failed: bool,
}

impl CallTrace {
    /// Begins the span of a call that was judged, so that its path is a method's; if its trace
    /// is recorded: as the caller's `traceparent` says, and otherwise by chance.
    pub fn begin(call: &Parts, request_id: &str) -> Option<Self> {
        process_tracer()?;
        let path = call.uri.path();
        if !path.starts_with(TRACED_PACKAGE) {
            return None;
        }
        let method = path.trim_start_matches('/');
        let span = info_span!(
            target: EXPORTED_TARGET,
            parent: None,
            "call",
            otel.name = method,
            otel.kind = "server",
            otel.status_code = Empty,
            rpc.system.name = call_system(&call.extensions).name(),
            rpc.method = method,
            rpc.response.status_code = Empty,
            http.request.method = Empty,
            http.route = Empty,
            http.response.status_code = Empty,
            postrider.request.id = request_id,
            "error.type" = Empty,
        );
        let context = start_span(&span, remote_context(&call.headers))?;
        if let Some(target) = call.extensions.get::<HttpTarget>() {
            span.record("http.request.method", target.method.as_str());
            span.record("http.route", &*target.route);
        }
        let unanswered = call.extensions.get::<UnansweredTrace>().cloned();
        Some(Self { span, context, unanswered, has_failed: false })
    }

    pub fn span(&self) -> CallSpan {
        CallSpan(self.context.clone())
    }

    /// The call was answered. A stream's answer is that it was opened.
    pub fn end(mut self, code: Code) {
        self.span.record("rpc.response.status_code", code_name(code));
        self.has_failed = is_error(code);
        if self.has_failed {
            self.record_error(code_name(code));
        }
        if let Some(unanswered) = self.unanswered.take() {
            *unanswered.0.lock() = Some(self);
        }
    }

    fn record_error(&self, error_type: &str) {
        self.span.record("otel.status_code", "error");
        self.span.record("error.type", error_type);
    }
}

/// The codes that are a server's fault, by the conventions.
const fn is_error(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}
