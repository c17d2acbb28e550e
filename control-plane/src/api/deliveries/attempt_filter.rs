//! Turns the filter of `ListAttempts` into conditions of the store.

use std::ops::RangeInclusive;

use postrider_domain::delivery::{AttemptRecord, Outcome};
use postrider_domain::ids::TenantId;
use postrider_store::{AttemptQuery, RecordedAttempt};

use crate::api::deliveries::attempt_conversion::outcome as proto_outcome;
use crate::api::lists::conditions::{
    equal, equal_subscription, finish_choices, named, narrow, narrow_choices, read, truth, unknown,
    within,
};
use crate::api::lists::filter_syntax::FilterOperator;

const SUPPORTED_FIELDS: &str = "subscription =, event_type =, outcome with = and !=, http_status with =, <, <=, >, >=, test with = and !=, and create_time with <, <=, >, >=";

/// A parsed filter of a tenant's attempts.
#[derive(Debug)]
pub struct AttemptFilter {
    pub query: AttemptQuery,
    /// Contradictory: nothing matches.
    pub nothing: bool,
}

impl AttemptFilter {
    pub fn parse(text: &str, tenant: &TenantId) -> Result<Self, String> {
        let mut query =
            AttemptQuery { outcomes: Outcome::ALL.to_vec(), ..AttemptQuery::newest(tenant, 0) };
        let mut nothing = false;
        read(text, |c| {
            let nothing = &mut nothing;
            match (c.field.as_str(), &c.key, c.operator) {
                ("subscription", None, FilterOperator::Equal) => {
                    equal_subscription(&mut query.subscription, c, tenant, nothing)?;
                }
                ("event_type", None, FilterOperator::Equal) => {
                    equal(&mut query.event_type, c.value.clone(), nothing);
                }
                ("outcome", None, FilterOperator::Equal | FilterOperator::NotEqual) => {
                    narrow_choices(&mut query.outcomes, c.operator, &outcome(&c.value)?);
                }
                ("http_status", None, operator) => {
                    let range = statuses(operator, &c.value)?
                        .ok_or_else(|| unknown(c, SUPPORTED_FIELDS))?;
                    let (low, high) = query.http_status.clone().into_inner();
                    query.http_status = low.max(*range.start())..=high.min(*range.end());
                }
                ("test", None, FilterOperator::Equal | FilterOperator::NotEqual) => {
                    equal(&mut query.test, truth(c)?, nothing);
                }
                ("create_time", None, _) => narrow(&mut query.recorded, c)?,
                _ => return Err(unknown(c, SUPPORTED_FIELDS)),
            }
            Ok(())
        })?;
        nothing |= query.http_status.is_empty();
        finish_choices(&mut query.outcomes, Outcome::ALL.len(), &mut nothing);
        Ok(Self { query, nothing })
    }

    pub fn matches(&self, attempt: &RecordedAttempt) -> bool {
        let RecordedAttempt { record, record_time } = attempt;
        let AttemptRecord { subscription, event_type, outcome, http_status, test, .. } = record;
        let asked = &self.query;
        !self.nothing
            && asked.subscription.as_ref().is_none_or(|id| subscription.subscription == *id)
            && asked.event_type.as_ref().is_none_or(|wanted| event_type == wanted)
            && (asked.outcomes.is_empty() || asked.outcomes.contains(outcome))
            && asked.http_status.contains(&http_status.unwrap_or(0))
            && asked.test.is_none_or(|wanted| *test == wanted)
            && within(&asked.recorded, *record_time)
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
