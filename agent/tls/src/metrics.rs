//! Metrics of certificates.
//!
//! Fed by the files that are watched, at each scrape; feeds the metrics port.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

use crate::reloading::WatchedCertificates;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SettingLabel {
    setting: &'static str,
}

/// Until when the certificates in force are valid, and whether what is in the files now
/// can be used.
#[derive(Clone, Default)]
pub struct CertificateMetrics(pub Vec<Arc<dyn WatchedCertificates>>);

impl fmt::Debug for CertificateMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateMetrics")
    }
}

impl Collector for CertificateMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // Several may use one file.
        let mut expiries = BTreeMap::new();
        for found in self.0.iter().flat_map(|watched| watched.expiries()) {
            let not_after = expiries.entry(found.setting).or_insert(found.not_after);
            *not_after = found.not_after.min(*not_after);
        }
        if expiries.is_empty() {
            return Ok(());
        }
        let failing: BTreeSet<_> =
            self.0.iter().flat_map(|watched| watched.failing_settings()).collect();
        let gauge = ConstGauge::new(0_i64);
        let mut metric = encoder.encode_descriptor(
            "certificate_not_after_timestamp_seconds",
            "Until when the certificates in force from the file of a setting are valid",
            None,
            gauge.metric_type(),
        )?;
        for (setting, not_after) in &expiries {
            let seconds = not_after.duration_since(SystemTime::UNIX_EPOCH);
            let seconds = seconds.map_or(0, |since| since.as_secs());
            let value = ConstGauge::new(i64::try_from(seconds).unwrap_or(i64::MAX));
            value.encode(metric.encode_family(&SettingLabel { setting })?)?;
        }
        let mut metric = encoder.encode_descriptor(
            "certificate_reload_failing",
            "Whether the file of a setting has changed and cannot be used, so that what it \
             held before stays in force",
            None,
            gauge.metric_type(),
        )?;
        for setting in expiries.keys() {
            let value = ConstGauge::new(i64::from(failing.contains(setting)));
            value.encode(metric.encode_family(&SettingLabel { setting })?)?;
        }
        Ok(())
    }
}
