//! The filter of `ListAttempts`.

use std::ops::RangeInclusive;

use postrider_domain::delivery::{AttemptRecord, Outcome};
use postrider_domain::ids::{SubscriptionId, TenantId};
use postrider_store::{AttemptQuery, RecordedAttempt, TimeRange};

use crate::api::deliveries::attempt_conversion::outcome as proto_outcome;
use crate::api::lists::conditions::{equal, named, narrow, read, truth, unknown, within};
use crate::api::lists::filter_syntax::FilterOperator;
use crate::api::values::names;

const SUPPORTED_FIELDS: &str = "subscription =, event_type =, outcome with = and !=, http_status with =, <, <=, >, >=, test with = and !=, and create_time with <, <=, >, >=";

/// A parsed filter of a tenant's attempts.
#[derive(Debug)]
pub struct AttemptFilter {
    pub subscription: Option<SubscriptionId>,
    event_type: Option<String>,
    /// Empty: any.
    outcomes: Vec<Outcome>,
    http_status: RangeInclusive<u16>,
    test: Option<bool>,
    recorded: TimeRange,
    /// Contradictory: nothing matches.
    pub nothing: bool,
}

impl AttemptFilter {
    pub fn parse(text: &str, tenant: &TenantId) -> Result<Self, String> {
        let mut filter = Self {
            subscription: None,
            event_type: None,
            outcomes: Outcome::ALL.to_vec(),
            http_status: 0..=u16::MAX,
            test: None,
            recorded: TimeRange::default(),
            nothing: false,
        };
        read(text, |c| {
            let nothing = &mut filter.nothing;
            match (c.field.as_str(), &c.key, c.operator) {
                ("subscription", None, FilterOperator::Equal) => {
                    let key = names::subscription(&c.value).map_err(|e| e.to_string())?;
                    *nothing |= key.tenant != *tenant;
                    equal(&mut filter.subscription, key.subscription, nothing);
                }
                ("event_type", None, FilterOperator::Equal) => {
                    equal(&mut filter.event_type, c.value.clone(), nothing);
                }
                ("outcome", None, FilterOperator::Equal) => {
                    let outcome = outcome(&c.value)?;
                    filter.outcomes.retain(|other| *other == outcome);
                }
                ("outcome", None, FilterOperator::NotEqual) => {
                    let outcome = outcome(&c.value)?;
                    filter.outcomes.retain(|other| *other != outcome);
                }
                ("http_status", None, operator) => {
                    let range = statuses(operator, &c.value)?
                        .ok_or_else(|| unknown(c, SUPPORTED_FIELDS))?;
                    let (low, high) = filter.http_status.clone().into_inner();
                    filter.http_status = low.max(*range.start())..=high.min(*range.end());
                }
                ("test", None, FilterOperator::Equal | FilterOperator::NotEqual) => {
                    equal(&mut filter.test, truth(c)?, nothing);
                }
                ("create_time", None, _) => narrow(&mut filter.recorded, c)?,
                _ => return Err(unknown(c, SUPPORTED_FIELDS)),
            }
            Ok(())
        })?;
        filter.nothing |= filter.outcomes.is_empty() || filter.http_status.is_empty();
        if filter.outcomes.len() == Outcome::ALL.len() {
            filter.outcomes.clear();
        }
        Ok(filter)
    }

    /// The store's query for this filter.
    pub fn query(&self, tenant: &TenantId, limit: u32) -> AttemptQuery {
        AttemptQuery {
            subscription: self.subscription.clone(),
            event_type: self.event_type.clone(),
            outcomes: self.outcomes.clone(),
            http_status: self.http_status.clone(),
            test: self.test,
            recorded: self.recorded,
            ..AttemptQuery::newest(tenant, limit)
        }
    }

    pub fn matches(&self, attempt: &RecordedAttempt) -> bool {
        let RecordedAttempt { record, record_time } = attempt;
        let AttemptRecord { subscription, event_type, outcome, http_status, test, .. } = record;
        !self.nothing
            && self.subscription.as_ref().is_none_or(|id| subscription.subscription == *id)
            && self.event_type.as_ref().is_none_or(|wanted| event_type == wanted)
            && (self.outcomes.is_empty() || self.outcomes.contains(outcome))
            && self.http_status.contains(&http_status.unwrap_or(0))
            && self.test.is_none_or(|wanted| *test == wanted)
            && within(&self.recorded, *record_time)
    }
}

fn outcome(text: &str) -> Result<Outcome, String> {
    let names =
        Outcome::ALL.iter().map(|outcome| (proto_outcome(*outcome).as_str_name(), *outcome));
    named(text, "ATTEMPT_OUTCOME_", &names.collect::<Vec<_>>())
}

/// The statuses that satisfy a comparison; `None` if the operator does not apply to
/// numbers.
fn statuses(operator: FilterOperator, text: &str) -> Result<Option<RangeInclusive<u16>>, String> {
    let status: u16 = text
        .parse()
        .ok()
        .filter(|status| *status < 1000)
        .ok_or("must be a status of HTTP, or 0 where there was no answer".to_owned())?;
    Ok(Some(match operator {
        FilterOperator::Equal => status..=status,
        FilterOperator::Less => match status.checked_sub(1) {
            Some(last) => 0..=last,
            None => RangeInclusive::new(1, 0),
        },
        FilterOperator::LessOrEqual => 0..=status,
        FilterOperator::Greater => status + 1..=u16::MAX,
        FilterOperator::GreaterOrEqual => status..=u16::MAX,
        FilterOperator::NotEqual | FilterOperator::Has | FilterOperator::HasNot => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use postrider_domain::time::Timestamp;

    use super::*;
    use crate::fixtures;

    fn parse(text: &str) -> Result<AttemptFilter, String> {
        AttemptFilter::parse(text, &"acme".parse().unwrap())
    }

    #[test]
    fn every_field_of_the_contract_works() {
        let mut record = fixtures::attempt();
        (record.outcome, record.http_status) = (Outcome::HttpStatus, Some(503));
        let (key, event_type) = (record.subscription.to_string(), record.event_type.clone());
        let attempt = RecordedAttempt { record, record_time: Timestamp::from_micros(1_000_000) };
        let matches = |text: &str| parse(text).unwrap().matches(&attempt);
        for yes in [
            "",
            &format!("subscription = \"{key}\" AND event_type = \"{event_type}\""),
            "outcome = HTTP_STATUS",
            "outcome = ATTEMPT_OUTCOME_HTTP_STATUS AND outcome != TIMEOUT",
            "http_status = 503",
            "http_status > 500 AND http_status < 504 AND NOT http_status < 503",
            "test = false",
            r#"create_time >= "1970-01-01T00:00:01Z""#,
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            "subscription = \"tenants/acme/subscriptions/other\"",
            "subscription = \"tenants/other/subscriptions/erp\"",
            "outcome = SUCCEEDED",
            "NOT outcome = HTTP_STATUS",
            "http_status < 503",
            "http_status < 0",
            "http_status > 500 AND http_status < 500",
            "http_status = 0",
            "test = true",
            r#"create_time < "1970-01-01T00:00:01Z""#,
        ] {
            assert!(!matches(no), "{no}");
        }
        for bad in [
            "outcome = UNSPECIFIED",
            "outcome = FAILED",
            "http_status = x",
            "http_status = 1000",
            "http_status != 200",
            "http_status:*",
            "status = 200",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let error = parse("outcome = FAILED").unwrap_err();
        assert!(error.starts_with("at byte 10: outcome: ") && error.contains("TIMEOUT"), "{error}");
    }
}
