//! Turns the filter of `ListTenants` into conditions of the store.

use postrider_domain::tenant::Tenant;
use postrider_store::TimeRange;

use crate::api::lists::conditions::{contains, narrow, read, unknown, within};
use crate::api::lists::filter_syntax::FilterOperator;
use crate::api::lists::map_conditions::MapConditions;

const SUPPORTED_FIELDS: &str = "display_name =, display_name:, labels.KEY = and :*, labels:KEY and create_time with <, <=, >, >=";

/// A parsed filter of tenants.
#[derive(Debug, Default)]
pub struct TenantFilter {
    names: Vec<String>,
    /// Substrings of the display name.
    pub parts: Vec<String>,
    labels: MapConditions,
    created: TimeRange,
}

impl TenantFilter {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        read(text, |c| {
            let value = || c.value.clone();
            match (c.field.as_str(), &c.key, c.operator) {
                ("display_name", None, FilterOperator::Equal) => filter.names.push(value()),
                ("display_name", None, FilterOperator::Has) if !c.anything => {
                    filter.parts.push(value())
                }
                ("labels", _, _) if filter.labels.add(c) => {}
                ("create_time", None, _) => narrow(&mut filter.created, c)?,
                _ => return Err(unknown(c, SUPPORTED_FIELDS)),
            }
            Ok(())
        })?;
        Ok(filter)
    }

    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
            && self.parts.is_empty()
            && self.labels.is_empty()
            && self.created.from.is_none()
            && self.created.until.is_none()
    }

    pub fn matches(&self, tenant: &Tenant) -> bool {
        self.names.iter().all(|name| *name == tenant.display_name)
            && self.parts.iter().all(|part| contains(&tenant.display_name, part))
            && self.labels.values_match(&tenant.labels)
            && self.labels.keys_match(&tenant.labels)
            && within(&self.created, tenant.create_time)
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::time::Timestamp;

    use super::*;

    #[test]
    fn every_field_of_the_contract_works() {
        let time = Timestamp::from_micros(1_000_000);
        let tenant = Tenant {
            id: "acme".parse().unwrap(),
            display_name: "Acme Bank".into(),
            allow_insecure_urls: false,
            labels: [("tier".to_owned(), "gold".to_owned())].into(),
            retention: Default::default(),
            config_version: 1,
            revision: 1,
            create_time: time,
            update_time: time,
            delete_time: None,
        };
        let matches = |text: &str| TenantFilter::parse(text).unwrap().matches(&tenant);
        for yes in [
            "",
            r#"display_name = "Acme Bank""#,
            r#"display_name:"BANK""#,
            r#"labels.tier = "gold" AND display_name:"bank""#,
            "labels:tier",
            "labels.tier:*",
            r#"labels.region = """#,
            "NOT labels:region AND NOT labels.region:*",
            r#"create_time >= "1970-01-01T00:00:01Z""#,
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            r#"display_name = "Acme""#,
            r#"labels.tier = "silver""#,
            "labels:region",
            r#"labels.tier = """#,
            "NOT labels:tier",
            r#"create_time > "1970-01-01T00:00:01Z""#,
        ] {
            assert!(!matches(no), "{no}");
        }
        for bad in ["labels = x", "labels.tier:x", "name = x", "display_name != x"] {
            assert!(TenantFilter::parse(bad).is_err(), "{bad}");
        }
    }
}
