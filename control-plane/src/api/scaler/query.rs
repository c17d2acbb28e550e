//! What a trigger's metadata say: which region, and how many attempts one agent is to have.
//!
//! Fed by requests; feeds the service. Guarantees that whatever is wrong is named by its
//! field. Metadata of other names are KEDA's own, and may be any.

use std::collections::HashMap;

use postrider_domain::ids::Region;
use postrider_proto::externalscaler::{GetMetricsRequest, ScaledObjectRef};
use tonic::Status;

use crate::api::rpc::errors::FieldViolations;

/// The name of the one metric. KEDA puts the number of the trigger before it.
pub const METRIC_NAME: &str = "postrider-demand";
/// As many as `agents.max_in_flight_per_agent` may be.
const MAX_TARGET_ATTEMPTS: u32 = 65_536;

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalerQuery {
    pub region: Region,
    /// How many attempts one agent is to have in flight.
    pub target: u32,
}

impl ScalerQuery {
    /// Reads what all methods but one are given.
    pub fn read(reference: &ScaledObjectRef) -> Result<Self, Status> {
        let mut violations = FieldViolations::default();
        let query = read_metadata("scalerMetadata", &reference.scaler_metadata, &mut violations);
        violations.finish(query)
    }

    /// Reads a request for a metric.
    pub fn read_of_metric(request: &GetMetricsRequest) -> Result<Self, Status> {
        let mut violations = FieldViolations::default();
        if request.metric_name != METRIC_NAME {
            violations.add("metricName", format!("must be \"{METRIC_NAME}\""));
        }
        let Some(reference) = &request.scaled_object_ref else {
            violations.add("scaledObjectRef", "is missing");
            return violations.finish(None);
        };
        let place = "scaledObjectRef.scalerMetadata";
        let query = read_metadata(place, &reference.scaler_metadata, &mut violations);
        violations.finish(query)
    }
}

fn read_metadata(
    place: &str,
    metadata: &HashMap<String, String>,
    violations: &mut FieldViolations,
) -> Option<ScalerQuery> {
    let given = |name: &str| metadata.get(name).ok_or_else(|| "is missing".to_owned());
    let region = given("region")
        .and_then(|text| text.parse::<Region>().map_err(|problem| problem.to_string()));
    let target = given("target").and_then(|text| {
        let number = text.parse::<u32>().ok();
        number.filter(|number| (1..=MAX_TARGET_ATTEMPTS).contains(number)).ok_or_else(|| {
            format!("must be a whole number of attempts from 1 to {MAX_TARGET_ATTEMPTS}")
        })
    });
    let region = violations.keep(&format!("{place}.region"), region);
    let target = violations.keep(&format!("{place}.target"), target);
    Some(ScalerQuery { region: region?, target: target? })
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::StatusExt as _;

    use super::*;

    fn reference(metadata: &[(&str, &str)]) -> ScaledObjectRef {
        let metadata = metadata.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        ScaledObjectRef { scaler_metadata: metadata.collect(), ..Default::default() }
    }

    fn refused(status: Status) -> Vec<String> {
        assert_eq!(status.code(), Code::InvalidArgument);
        let violations = status.get_details_bad_request().unwrap().field_violations;
        violations.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn a_region_and_a_target_are_read_among_others() {
        let given = [
            ("region", "eu"),
            ("target", "320"),
            ("scalerAddress", "postrider:7443"),
            ("enableTLS", "true"),
        ];
        let query = ScalerQuery::read(&reference(&given)).unwrap();
        assert_eq!((query.region.as_str(), query.target), ("eu", 320));
        let request = GetMetricsRequest {
            scaled_object_ref: Some(reference(&given)),
            metric_name: METRIC_NAME.into(),
        };
        assert_eq!(ScalerQuery::read_of_metric(&request).unwrap(), query);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let both = ["scalerMetadata.region", "scalerMetadata.target"];
        assert_eq!(refused(ScalerQuery::read(&reference(&[])).unwrap_err()), both);
        for target in ["0", "65537", "1.5", "-1", "many", "", "18446744073709551616"] {
            let given = [("region", "regions/eu"), ("target", target)];
            assert_eq!(refused(ScalerQuery::read(&reference(&given)).unwrap_err()), both);
        }
        let mut request = GetMetricsRequest::default();
        let told = refused(ScalerQuery::read_of_metric(&request).unwrap_err());
        assert_eq!(told, ["metricName", "scaledObjectRef"]);
        request.metric_name = METRIC_NAME.into();
        request.scaled_object_ref = Some(reference(&[("region", "eu")]));
        let told = refused(ScalerQuery::read_of_metric(&request).unwrap_err());
        assert_eq!(told, ["scaledObjectRef.scalerMetadata.target"]);
    }
}
