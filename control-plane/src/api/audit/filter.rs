//! The filter of `ListAuditRecords`.

use postrider_identity::AuditRecord;
use postrider_store::TimeRange;

use crate::api::lists::conditions::{contains, narrow, read, unknown, within};
use crate::api::lists::filter_syntax::{FilterComparison, FilterOperator};

const SUPPORTED_FIELDS: &str =
    "actor, method, resource and request_id with = and :, and record_time with <, <=, > or >=";

/// What is asked of one text.
#[derive(Debug, Default)]
struct TextConditions {
    whole: Vec<String>,
    parts: Vec<String>,
}

impl TextConditions {
    /// Whether the comparison is one of texts.
    fn add(&mut self, comparison: &FilterComparison) -> bool {
        match (&comparison.key, comparison.operator) {
            (None, FilterOperator::Equal) => self.whole.push(comparison.value.clone()),
            (None, FilterOperator::Has) if !comparison.anything => {
                self.parts.push(comparison.value.clone())
            }
            _ => return false,
        }
        true
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.parts.is_empty()
    }

    fn matches(&self, text: &str) -> bool {
        self.whole.iter().all(|whole| whole == text)
            && self.parts.iter().all(|part| contains(text, part))
    }
}

/// A parsed filter of records.
#[derive(Debug, Default)]
pub struct AuditFilter {
    actor: TextConditions,
    method: TextConditions,
    resource: TextConditions,
    request_id: TextConditions,
    recorded: TimeRange,
}

impl AuditFilter {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        read(text, |comparison| {
            let is_known = match comparison.field.as_str() {
                "actor" => filter.actor.add(comparison),
                "method" => filter.method.add(comparison),
                "resource" => filter.resource.add(comparison),
                "request_id" => filter.request_id.add(comparison),
                "record_time" if comparison.key.is_none() => {
                    narrow(&mut filter.recorded, comparison)?;
                    true
                }
                _ => false,
            };
            if is_known { Ok(()) } else { Err(unknown(comparison, SUPPORTED_FIELDS)) }
        })?;
        Ok(filter)
    }

    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        let texts = [&self.actor, &self.method, &self.resource, &self.request_id];
        texts.iter().all(|text| text.is_empty())
            && self.recorded.from.is_none()
            && self.recorded.until.is_none()
    }

    pub fn matches(&self, record: &AuditRecord) -> bool {
        let draft = &record.draft;
        self.actor.matches(&draft.actor)
            && self.method.matches(&draft.method)
            && self.resource.matches(&draft.resource)
            && self.request_id.matches(&draft.request_id)
            && within(&self.recorded, draft.time)
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::time::Timestamp;
    use postrider_identity::{AuditOrigin, ChainHash};

    use super::*;

    #[test]
    fn every_field_of_the_contract_works() {
        let origin = AuditOrigin {
            actor: "token:1".to_owned(),
            request_id: "abc".to_owned(),
            ..AuditOrigin::system("postrider.v1.TokenService/CreateToken")
        };
        let draft = origin.draft("tenants/acme", Timestamp::from_micros(1_000_000));
        let hash = ChainHash::ORIGIN;
        let record = AuditRecord { sequence: 1, previous: hash, hash, draft };
        let matches = |text: &str| AuditFilter::parse(text).unwrap().matches(&record);
        for yes in [
            "",
            r#"actor = "token:1""#,
            r#"actor:"TOKEN""#,
            r#"method:"TokenService" AND resource = "tenants/acme""#,
            r#"request_id = "abc""#,
            r#"record_time >= "1970-01-01T00:00:01Z""#,
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            r#"actor = "token""#,
            r#"method:"SubscriptionService""#,
            r#"resource = "tenants""#,
            r#"record_time > "1970-01-01T00:00:01Z""#,
        ] {
            assert!(!matches(no), "{no}");
        }
        for bad in ["actor:*", "actor.x = y", "changes:url", "actor != x", "record_time = x"] {
            assert!(AuditFilter::parse(bad).is_err(), "{bad}");
        }
        assert!(AuditFilter::parse("").unwrap().is_empty());
        assert!(!AuditFilter::parse("method:x").unwrap().is_empty());
    }
}
