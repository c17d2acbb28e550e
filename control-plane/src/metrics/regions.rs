//! Which regions have labels of their own.
//!
//! Fed by the settings and by whoever sees an agent; feeds the metrics of deliveries and of the
//! scheduler. Guarantees that nobody who may only write subscriptions makes labels: a region has
//! one if the settings name it, or once an agent has served it here. All others are told
//! together.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::BTreeSet;

use postrider_domain::ids::Region;
use postrider_domain::subscription::DEFAULT_REGION;
use postrider_telemetry::metrics::KeyValue;

/// The label of all regions that have none of their own. No region has such a name.
pub const OTHER_REGIONS: &str = "_other";
/// Regions that have labels. Agents may bring any number, one after the other.
pub const MAX_LABELLED_REGIONS: usize = 128;
/// The most values of the label.
pub const MAX_REGION_LABELS: usize = MAX_LABELLED_REGIONS + 1;

/// The label of a region, or of the others.
pub fn region_label(region: &str) -> KeyValue {
    KeyValue::new("region", region.to_owned())
}

/// The regions that have labels before an agent has come: those of the settings, and the
/// default one.
pub fn named_regions(settings: &[Region]) -> BTreeSet<Region> {
    let default = Region::from_stored(DEFAULT_REGION);
    settings.iter().cloned().chain([default]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_region_is_called_like_the_others() {
        assert!(OTHER_REGIONS.parse::<Region>().is_err());
        assert!(named_regions(&[]).contains(&DEFAULT_REGION.parse().unwrap()));
    }
}
