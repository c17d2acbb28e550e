//! Requests over HTTP, as OpenTelemetry's conventions for HTTP servers have them.
//!
//! Fed by what serves HTTP at the callers' door with each request that is not gRPC's, those
//! that become no call among them; feeds the registry. Guarantees that a request is counted
//! once, also when its client goes away, and that nothing of a path, and no method, comes into
//! a label unless the API has it.

use std::sync::Arc;
use std::time::Instant;

use http::{Method, StatusCode};
use postrider_telemetry::metrics::{Histogram, KeyValue, MetricDescriptor, MetricRegistry};

use super::buckets::CALL_SECONDS;

static DURATION: MetricDescriptor = MetricDescriptor::histogram(
    "http.server.request.duration",
    "s",
    CALL_SECONDS,
    "Duration of requests over HTTP that are not gRPC's, those that become no call among them; \
     of a stream until it begins. Not of the web console's pages, whose calls are counted as \
     calls over gRPC",
)
.by(&["http.request.method", "url.scheme", "http.route", "http.response.status_code", "error.type"])
.up_to(MAX_SERIES);

/// Seventy paths with four or five statuses each, and what leads to none of them.
const MAX_SERIES: usize = 1_024;
/// Those of RFC 9110, and PATCH; any other comes from outside.
static KNOWN_METHODS: [Method; 9] = [
    Method::CONNECT,
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::OPTIONS,
    Method::PATCH,
    Method::POST,
    Method::PUT,
    Method::TRACE,
];
const OTHER_METHOD: &str = "_OTHER";
/// The error of a request whose client went away before it was answered.
const GIVEN_UP: &str = "cancelled";

/// Durations of requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    durations: Histogram<f64>,
}

impl HttpMetrics {
    pub(super) fn new(registry: &MetricRegistry) -> Self {
        Self { durations: registry.histogram(&DURATION) }
    }

    /// A request begins, of which nothing but its method is known yet.
    pub fn begin(&self, method: &Method, scheme: &'static str) -> RunningRequest {
        let known = KNOWN_METHODS.iter().find(|known| *known == method);
        let method = known.map_or(OTHER_METHOD, Method::as_str);
        let (durations, began) = (self.durations.clone(), Instant::now());
        RunningRequest { durations, method, scheme, route: None, began, status: None }
    }
}

/// A request until it is answered, or given up; then it is counted. It is looked up by its
/// labels, which costs a hundredth of reading and writing its JSON.
pub struct RunningRequest {
    durations: Histogram<f64>,
    method: &'static str,
    scheme: &'static str,
    /// The path's template.
    route: Option<Arc<str>>,
    began: Instant,
    status: Option<StatusCode>,
}

impl RunningRequest {
    /// The path is that of a method.
    pub fn found(&mut self, route: &Arc<str>) {
        self.route = Some(Arc::clone(route));
    }

    /// What it is answered with.
    pub fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        let mut labels = vec![
            KeyValue::new("http.request.method", self.method),
            KeyValue::new("url.scheme", self.scheme),
        ];
        labels.extend(self.route.take().map(|route| KeyValue::new("http.route", route)));
        match self.status {
            Some(status) => {
                let number = i64::from(status.as_u16());
                labels.push(KeyValue::new("http.response.status_code", number));
                if status.is_server_error() {
                    labels.push(KeyValue::new("error.type", status.as_str().to_owned()));
                }
            }
            None => labels.push(KeyValue::new("error.type", GIVEN_UP)),
        }
        self.durations.record(self.began.elapsed().as_secs_f64(), &labels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::shown;

    fn count(registry: &MetricRegistry, labels: &str) -> f64 {
        shown(registry, &format!("http_server_request_duration_seconds_count{{{labels}}}"))
    }

    #[test]
    fn a_request_is_counted_by_route_method_and_status() {
        let registry = MetricRegistry::new(None).unwrap();
        let metrics = HttpMetrics::new(&registry);
        let route: Arc<str> = "/v1/{name=tenants/*}".into();
        for status in [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE] {
            let mut request = metrics.begin(&Method::GET, "https");
            request.found(&route);
            request.answered(status);
        }
        metrics.begin(&Method::POST, "http").answered(StatusCode::NOT_FOUND);
        let odd = Method::from_bytes(b"FROM-OUTSIDE").unwrap();
        metrics.begin(&odd, "http").answered(StatusCode::METHOD_NOT_ALLOWED);
        drop(metrics.begin(&Method::GET, "http"));
        for labels in [
            "http_request_method=\"GET\",http_response_status_code=\"200\",\
             http_route=\"/v1/{name=tenants/*}\",url_scheme=\"https\"",
            "error_type=\"503\",http_request_method=\"GET\",http_response_status_code=\"503\",\
             http_route=\"/v1/{name=tenants/*}\",url_scheme=\"https\"",
            "http_request_method=\"POST\",http_response_status_code=\"404\",url_scheme=\"http\"",
            "http_request_method=\"_OTHER\",http_response_status_code=\"405\",url_scheme=\"http\"",
            "error_type=\"cancelled\",http_request_method=\"GET\",url_scheme=\"http\"",
        ] {
            assert_eq!(count(&registry, labels), 1.0, "{labels}\n{}", registry.text().unwrap());
        }
        assert!(!registry.text().unwrap().contains("OUTSIDE"));
    }
}
