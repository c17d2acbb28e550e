//! What every process has: its version, its memory, its files, its threads, its tasks.
//!
//! Fed by `/proc` at each reading, and by the runtime; feeds the registry. What cannot be
//! read is left out.

use std::fs;
use std::time::Instant;

use opentelemetry::KeyValue;
use rustix::process::{Resource, getrlimit};
use tokio::runtime::Handle;

use super::descriptor::MetricDescriptor;
use super::observed::ObservedState;
use super::registry::MetricRegistry;

static BUILD_INFO: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.build.info",
    "{build}",
    "Always 1; which program this is, and its version",
)
.by(&["service.name", "service.version"]);
static CPU_TIME: MetricDescriptor =
    MetricDescriptor::counter("process.cpu.time", "s", "Processor time that the process used")
        .by(&["cpu.mode"]);
static MEMORY_USAGE: MetricDescriptor =
    MetricDescriptor::up_down("process.memory.usage", "By", "Memory of the process that is in RAM");
static MEMORY_VIRTUAL: MetricDescriptor =
    MetricDescriptor::up_down("process.memory.virtual", "By", "Address space of the process");
static FILE_DESCRIPTORS: MetricDescriptor = MetricDescriptor::up_down(
    "process.unix.file_descriptor.count",
    "{file_descriptor}",
    "Files and sockets that the process has open",
);
static FILE_DESCRIPTOR_LIMIT: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.process.file_descriptor.limit",
    "{file_descriptor}",
    "Files and sockets that the process may have open",
);
static THREADS: MetricDescriptor =
    MetricDescriptor::up_down("process.thread.count", "{thread}", "Threads of the process");
static UPTIME: MetricDescriptor =
    MetricDescriptor::gauge("process.uptime", "s", "How long the process has been running");
static TASKS: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.runtime.tasks",
    "{task}",
    "Tasks of the asynchronous runtime that have not ended",
);
static RUN_QUEUE: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.runtime.run_queue",
    "{task}",
    "Tasks that wait in the runtime's shared queue for a thread",
);

/// Units of `/proc/self/stat` in a second: `USER_HZ`, which is 100 on every architecture that
/// Linux still has.
const CLOCK_TICKS_PER_SECOND: f64 = 100.0;
const BYTES_PER_KIB: u64 = 1_024;

/// Takes a number from a reading, if the kernel tells it.
type ReadNumber = fn(&ProcessReading) -> Option<u64>;

/// What the kernel and the runtime say of this process.
struct ProcessReading {
    uptime: f64,
    /// In user mode and in the kernel, in seconds.
    cpu_time: Option<[f64; 2]>,
    memory_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    threads: Option<u64>,
    open_files: Option<u64>,
    max_open_files: Option<u64>,
    tasks: u64,
    queued_tasks: u64,
}

impl ProcessReading {
    fn read(began: Instant, runtime: &Handle) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let bytes = |key| status_number(&status, key).map(|kib| kib.saturating_mul(BYTES_PER_KIB));
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let open = fs::read_dir("/proc/self/fd").ok();
        let runtime = runtime.metrics();
        let whole = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Self {
            uptime: began.elapsed().as_secs_f64(),
            cpu_time: cpu_ticks(&stat).map(|modes| modes.map(|of| of / CLOCK_TICKS_PER_SECOND)),
            memory_bytes: bytes("VmRSS:"),
            virtual_bytes: bytes("VmSize:"),
            threads: status_number(&status, "Threads:"),
            // One of them is that of the folder itself.
            open_files: open.map(|files| whole(files.count().saturating_sub(1))),
            max_open_files: getrlimit(Resource::Nofile).current,
            tasks: whole(runtime.num_alive_tasks()),
            queued_tasks: whole(runtime.global_queue_depth()),
        }
    }
}

/// Shows what the kernel and the runtime say of this process, a program of a version; to be
/// called inside the runtime.
pub fn observe_process(registry: &MetricRegistry, service: &'static str, version: &'static str) {
    let (began, runtime) = (Instant::now(), Handle::current());
    let state = ObservedState::new(move || ProcessReading::read(began, &runtime));
    let build = [KeyValue::new("service.name", service), KeyValue::new("service.version", version)];
    registry.observe_counts(&BUILD_INFO, &state, move |_, tell| tell(1, &build));
    let modes = ["user", "system"].map(|mode| [KeyValue::new("cpu.mode", mode)]);
    registry.observe_reals(&CPU_TIME, &state, move |process, tell| {
        for (mode, time) in modes.iter().zip(process.cpu_time.iter().flatten()) {
            tell(*time, mode);
        }
    });
    let numbers: [(_, ReadNumber); 5] = [
        (&MEMORY_USAGE, |process| process.memory_bytes),
        (&MEMORY_VIRTUAL, |process| process.virtual_bytes),
        (&FILE_DESCRIPTORS, |process| process.open_files),
        (&FILE_DESCRIPTOR_LIMIT, |process| process.max_open_files),
        (&THREADS, |process| process.threads),
    ];
    for (descriptor, number) in numbers {
        registry.observe_counts(descriptor, &state, move |process, tell| {
            if let Some(count) = number(process) {
                tell(count, &[]);
            }
        });
    }
    registry.observe_reals(&UPTIME, &state, |process, tell| tell(process.uptime, &[]));
    registry.observe_counts(&TASKS, &state, |process, tell| tell(process.tasks, &[]));
    registry.observe_counts(&RUN_QUEUE, &state, |process, tell| tell(process.queued_tasks, &[]));
}

/// Time in user mode and in the kernel. The program's name, in parentheses, may have spaces.
fn cpu_ticks(stat: &str) -> Option<[f64; 2]> {
    /// Of those after the name: the 14th and 15th of all.
    const FIELDS_BEFORE: usize = 11;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(FIELDS_BEFORE);
    Some([fields.next()?.parse().ok()?, fields.next()?.parse().ok()?])
}

fn status_number(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_whatever_the_program_is_called() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 900 0 0 0 123 45 0 0 20 0 3 0 1 2 3";
        assert_eq!(cpu_ticks(stat), Some([123.0, 45.0]));
        assert_eq!(cpu_ticks(""), None);
        let status = "Name:\tx\nVmSize:\t   200 kB\nVmRSS:\t   100 kB\nThreads:\t3\n";
        assert_eq!(status_number(status, "VmRSS:"), Some(100));
        assert_eq!(status_number(status, "Threads:"), Some(3));
        assert_eq!(status_number(status, "None:"), None);
    }

    #[tokio::test]
    async fn all_that_is_described_is_read() {
        let registry = MetricRegistry::new(None).unwrap();
        observe_process(&registry, "postrider", "1.2.3");
        let text = registry.text().unwrap();
        for descriptor in registry.descriptors() {
            // There may be no limit.
            let may_miss = descriptor.name == FILE_DESCRIPTOR_LIMIT.name;
            let is_shown = text.contains(&format!("\n{}", descriptor.prometheus_name()));
            assert!(may_miss || is_shown, "{}\n{text}", descriptor.name);
        }
        let build = "postrider_build_info{service_name=\"postrider\",service_version=\"1.2.3\"} 1";
        assert!(text.contains(build), "{text}");
    }
}
