//! Turns a tenant into the message that callers read, and checks the labels of a request.

use std::collections::{BTreeMap, HashMap};

use postrider_domain::tenant::Tenant;
use postrider_proto::v1;

use crate::api::rpc::errors::FieldViolations;
use crate::api::values::time::{duration, timestamp};
use crate::api::values::{names, validate};

pub fn to_proto(tenant: &Tenant) -> v1::Tenant {
    v1::Tenant {
        name: names::of_tenant(&tenant.id),
        display_name: tenant.display_name.clone(),
        allow_insecure_urls: tenant.allow_insecure_urls,
        labels: tenant.labels.clone().into_iter().collect(),
        create_time: Some(timestamp(tenant.create_time)),
        update_time: Some(timestamp(tenant.update_time)),
        delete_time: tenant.delete_time.map(timestamp),
        etag: crate::api::values::etag::etag(tenant.revision),
        config_version: tenant.config_version,
        history_retention: tenant.retention.history.map(duration),
        payload_retention: tenant.retention.payload.map(duration),
    }
}

/// Reads and checks the labels of a request.
pub fn labels(
    given: HashMap<String, String>,
    violations: &mut FieldViolations,
) -> BTreeMap<String, String> {
    validate::labels("tenant.labels", &given, violations);
    given.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_tenant_is_shown_whole() {
        let mut tenant = fixtures::tenant();
        tenant.labels.insert("tier".into(), "gold".into());
        tenant.delete_time = Some(tenant.create_time);
        let shown = to_proto(&tenant);
        assert_eq!(shown.name, "tenants/acme");
        assert_eq!(shown.labels.len(), 1);
        assert!(shown.create_time.is_some() && shown.delete_time.is_some());
        assert!(crate::api::values::etag::etag_is(&shown.etag, tenant.revision));
        assert!(!crate::api::values::etag::etag_is(&shown.etag, tenant.revision + 1));
    }
}
