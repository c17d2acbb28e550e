//! Calls of the API, as OpenTelemetry's conventions for RPC have them.
//!
//! Fed by the layer around the services with each call; feeds the registry. Guarantees that a
//! call is counted once, also when its caller goes away, and that a method's name comes from
//! the table of methods.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use postrider_proto::status_code::code_name;
use postrider_telemetry::metrics::{
    BoundHistogram, BoundUpDownCounter, Histogram, KeyValue, MetricDescriptor, MetricRegistry,
};
use tonic::Code;

use super::buckets::CALL_SECONDS;

static DURATION: MetricDescriptor = MetricDescriptor::histogram(
    "rpc.server.call.duration",
    "s",
    CALL_SECONDS,
    "Duration of calls, by the door that they came in by; of a stream until it begins",
)
.by(&["rpc.system.name", "rpc.method", "rpc.response.status_code", "door"])
.up_to(MAX_SERIES);
static ACTIVE: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.rpc.active_calls",
    "{call}",
    "Calls that are being answered; streams only until they begin",
);

/// What stands for a method that there is not; its path comes from outside.
const NO_METHOD: &str = "_OTHER";
/// Sixty methods at two doors, at one of them by two systems, with three or four codes each.
const MAX_SERIES: usize = 1_536;
/// Of gRPC; their numbers have no gap.
const CODE_COUNT: usize = Code::Unauthenticated as usize + 1;

/// By what a call came. Where OpenTelemetry's conventions have no name for a system, it has one
/// of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallSystem {
    Grpc,
    /// HTTP and JSON, as the rules `google.api.http` of the protos have it.
    HttpJson,
}

const SYSTEM_COUNT: usize = CallSystem::HttpJson as usize + 1;

impl CallSystem {
    /// The value of `rpc.system.name`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpJson => "http_json",
        }
    }
}

/// Durations of calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallMetrics {
    durations: Histogram<f64>,
    active: BoundUpDownCounter<i64>,
}

impl CallMetrics {
    pub(super) fn new(registry: &MetricRegistry) -> Self {
        let durations = registry.histogram(&DURATION);
        Self { durations, active: registry.plain_up_down_counter(&ACTIVE) }
    }

    /// Those of a door, at which these methods are called.
    pub fn of_door<'p>(
        &self,
        door: &'static str,
        paths: impl IntoIterator<Item = &'p str>,
    ) -> DoorCalls {
        let of = |method: &str| {
            Arc::new(MethodCalls {
                method: method.trim_start_matches('/').into(),
                door,
                durations: self.durations.clone(),
                bound: std::array::from_fn(|_| std::array::from_fn(|_| OnceLock::new())),
            })
        };
        let methods = paths.into_iter().map(|path| (path.into(), of(path))).collect();
        DoorCalls { methods, other: of(NO_METHOD), active: self.active.clone() }
    }
}

/// Calls of one method at one door.
#[derive(Debug)]
struct MethodCalls {
    method: Arc<str>,
    door: &'static str,
    durations: Histogram<f64>,
    /// By system and code, when the first call by one is answered with the other.
    bound: [[OnceLock<BoundHistogram<f64>>; CODE_COUNT]; SYSTEM_COUNT],
}

impl MethodCalls {
    fn answered_with(&self, system: CallSystem, code: Code) -> &BoundHistogram<f64> {
        // There is one for each of both.
        self.bound[system as usize][code as usize].get_or_init(|| {
            self.durations.bind(&[
                KeyValue::new("rpc.system.name", system.name()),
                KeyValue::new("rpc.method", Arc::clone(&self.method)),
                KeyValue::new("rpc.response.status_code", code_name(code)),
                KeyValue::new("door", self.door),
            ])
        })
    }
}

/// Calls at one door.
#[derive(Debug)]
pub struct DoorCalls {
    methods: HashMap<Box<str>, Arc<MethodCalls>>,
    other: Arc<MethodCalls>,
    active: BoundUpDownCounter<i64>,
}

impl DoorCalls {
    /// A call begins. Nothing of a path that names no method is kept.
    pub fn begin(&self, path: &str, system: CallSystem) -> RunningCall {
        self.active.add(1);
        let method = Arc::clone(self.methods.get(path).unwrap_or(&self.other));
        let (active, began) = (self.active.clone(), Instant::now());
        // What is never answered was given up by its caller.
        RunningCall { method, system, active, began, code: Code::Cancelled }
    }
}

/// A call until it is answered, or given up; then it is counted.
pub struct RunningCall {
    method: Arc<MethodCalls>,
    system: CallSystem,
    active: BoundUpDownCounter<i64>,
    began: Instant,
    code: Code,
}

impl RunningCall {
    /// What it is answered with.
    pub fn answered(&mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        let durations = self.method.answered_with(self.system, self.code);
        durations.record(self.began.elapsed().as_secs_f64());
        self.active.add(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::shown;

    #[test]
    fn a_call_is_counted_by_method_code_door_and_system() {
        let registry = MetricRegistry::new(None).unwrap();
        let path = "/postrider.v1.EventService/PublishEvent";
        let calls = CallMetrics::new(&registry).of_door("callers", [path]);
        let mut answered = calls.begin(path, CallSystem::Grpc);
        answered.answered(Code::Ok);
        assert_eq!(shown(&registry, "postrider_rpc_active_calls"), 1.0);
        drop(answered);
        drop(calls.begin(path, CallSystem::Grpc));
        drop(calls.begin("/from.Outside/Method", CallSystem::Grpc));
        calls.begin(path, CallSystem::HttpJson).answered(Code::Ok);
        assert_eq!(shown(&registry, "postrider_rpc_active_calls"), 0.0);
        let method = "postrider.v1.EventService/PublishEvent";
        for (code, method, system) in [
            ("OK", method, "grpc"),
            ("CANCELLED", method, "grpc"),
            ("CANCELLED", NO_METHOD, "grpc"),
            ("OK", method, "http_json"),
        ] {
            let series = format!(
                "rpc_server_call_duration_seconds_count{{door=\"callers\",rpc_method=\"{method}\",\
                 rpc_response_status_code=\"{code}\",rpc_system_name=\"{system}\"}}"
            );
            assert_eq!(shown(&registry, &series), 1.0, "{series}");
        }
        assert!(!registry.text().unwrap().contains("Outside"));
    }

    #[test]
    fn each_code_has_a_place() {
        for number in 0..CODE_COUNT {
            let code = Code::from_i32(i32::try_from(number).unwrap());
            assert_eq!(code as usize, number);
        }
    }
}
