//! Until when certificates are valid, and whether what is in their files now can be used.
//!
//! Fed by the files that are watched, at each reading; feeds the registry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use postrider_tls::WatchedCertificates;

use super::descriptor::MetricDescriptor;
use super::observed::ObservedState;
use super::registry::MetricRegistry;

static NOT_AFTER: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.certificate.not_after.timestamp",
    "s",
    "Until when the certificates in force from the file of a setting are valid, since 1970",
)
.by(&["setting"]);
static RELOAD_FAILING: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.certificate.reload_failing",
    "{file}",
    "Whether the file of a setting has changed and cannot be used, so that what it held before \
     stays in force: 1 or 0",
)
.by(&["setting"]);

/// The certificates of a program.
#[derive(Clone, Default)]
pub struct CertificateMetrics(pub Vec<Arc<dyn WatchedCertificates>>);

impl fmt::Debug for CertificateMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateMetrics")
    }
}

/// The certificates from the file of a setting.
struct CertificateReading {
    labels: [KeyValue; 1],
    not_after: SystemTime,
    is_failing: bool,
}

impl CertificateMetrics {
    /// Shows them.
    pub fn register(self, registry: &MetricRegistry) {
        let state = ObservedState::new(move || self.read());
        registry.observe_counts(&NOT_AFTER, &state, |files, tell| {
            for file in files {
                let since = file.not_after.duration_since(SystemTime::UNIX_EPOCH);
                tell(since.map_or(0, |since| since.as_secs()), &file.labels);
            }
        });
        registry.observe_counts(&RELOAD_FAILING, &state, |files, tell| {
            files.iter().for_each(|file| tell(u64::from(file.is_failing), &file.labels));
        });
    }

    fn read(&self) -> Vec<CertificateReading> {
        // Several may use one file.
        let mut expiries = BTreeMap::new();
        for found in self.0.iter().flat_map(|watched| watched.expiries()) {
            let not_after = expiries.entry(found.setting).or_insert(found.not_after);
            *not_after = found.not_after.min(*not_after);
        }
        let failing: BTreeSet<_> =
            self.0.iter().flat_map(|watched| watched.failing_settings()).collect();
        let reading = |(setting, not_after): (&'static str, _)| CertificateReading {
            labels: [KeyValue::new("setting", setting)],
            not_after,
            is_failing: failing.contains(setting),
        };
        expiries.into_iter().map(reading).collect()
    }
}
