//! Turns the filter of `ListDeliveries` into conditions of the store.

use postrider_domain::delivery::DeliveryState;
use postrider_domain::ids::TenantId;
use postrider_store::DeliveryQuery;

use crate::api::deliveries::conversion::state as proto_state;
use crate::api::lists::conditions::{
    equal, equal_subscription, finish_choices, named, narrow, narrow_choices, narrow_text, read,
    text_filter, truth, unknown, whole_millis,
};
use crate::api::lists::filter_syntax::FilterOperator;
use crate::api::values::names;

const SUPPORTED_FIELDS: &str = "subscription =, event =, event_type =, account = and :*, state with = and !=, test with = and !=, and create_time with <, <=, >, >=";

/// A parsed filter of a tenant's deliveries.
#[derive(Debug)]
pub struct DeliveryFilter {
    pub query: DeliveryQuery,
    /// Contradictory: nothing matches.
    pub nothing: bool,
}

impl DeliveryFilter {
    pub fn parse(text: &str, tenant: &TenantId) -> Result<Self, String> {
        let mut query = DeliveryQuery {
            states: DeliveryState::ALL.to_vec(),
            ..DeliveryQuery::newest(tenant, 0)
        };
        let mut nothing = false;
        read(text, |c| {
            let nothing = &mut nothing;
            match (c.field.as_str(), &c.key, c.operator) {
                ("subscription", None, FilterOperator::Equal) => {
                    equal_subscription(&mut query.subscription, c, tenant, nothing)?;
                }
                ("event", None, FilterOperator::Equal) => {
                    let (parent, event) = names::event(&c.value).map_err(|e| e.to_string())?;
                    *nothing |= parent != *tenant;
                    equal(&mut query.event, event, nothing);
                }
                ("event_type", None, FilterOperator::Equal) => {
                    equal(&mut query.event_type, c.value.clone(), nothing);
                }
                ("account", None, _) => {
                    let account = text_filter(c).ok_or_else(|| unknown(c, SUPPORTED_FIELDS))?;
                    narrow_text(&mut query.account, account, nothing);
                }
                ("state", None, FilterOperator::Equal | FilterOperator::NotEqual) => {
                    narrow_choices(&mut query.states, c.operator, &state(&c.value)?);
                }
                ("test", None, FilterOperator::Equal | FilterOperator::NotEqual) => {
                    equal(&mut query.test, truth(c)?, nothing);
                }
                ("create_time", None, _) => narrow(&mut query.created, c)?,
                _ => return Err(unknown(c, SUPPORTED_FIELDS)),
            }
            Ok(())
        })?;
        finish_choices(&mut query.states, DeliveryState::ALL.len(), &mut nothing);
        query.created = whole_millis(query.created);
        Ok(Self { query, nothing })
    }
}

fn state(text: &str) -> Result<DeliveryState, String> {
    let names = DeliveryState::ALL.iter().map(|state| (proto_state(*state).as_str_name(), *state));
    named(text, "DELIVERY_STATE_", &names.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use postrider_store::TextFilter;

    use super::*;

    fn parse(text: &str) -> Result<DeliveryFilter, String> {
        DeliveryFilter::parse(text, &"acme".parse().unwrap())
    }

    #[test]
    fn states_are_narrowed() {
        use DeliveryState::{Exhausted, Waiting};
        assert!(parse("").unwrap().query.states.is_empty());
        assert_eq!(parse("state = WAITING").unwrap().query.states, [Waiting]);
        assert_eq!(parse("state != WAITING").unwrap().query.states.len(), 6);
        assert!(!parse("state != WAITING").unwrap().query.states.contains(&Waiting));
        assert_eq!(
            parse("state != WAITING AND state = EXHAUSTED").unwrap().query.states,
            [Exhausted]
        );
        assert!(parse("state != WAITING AND state = WAITING").unwrap().nothing);
        assert_eq!(parse("state = DELIVERY_STATE_WAITING").unwrap().query.states, [Waiting]);
        assert_eq!(parse("NOT state = WAITING").unwrap().query.states.len(), 6);
        let error = parse("test = true AND state = GONE").unwrap_err();
        assert!(error.starts_with("at byte 24: state: \"GONE\" is not one of HELD, "), "{error}");
    }

    #[test]
    fn an_account_is_named_or_absent_or_there() {
        let account = |text: &str| parse(text).unwrap().query.account;
        assert_eq!(account("account = x"), Some(TextFilter::Is("x".to_owned())));
        assert_eq!(account("account = \"\""), Some(TextFilter::Absent));
        assert_eq!(account("NOT account:*"), Some(TextFilter::Absent));
        assert_eq!(account("account:*"), Some(TextFilter::Present));
        assert_eq!(account("account:* AND account = x"), Some(TextFilter::Is("x".to_owned())));
        assert!(parse("NOT account:* AND account = x").unwrap().nothing);
        assert!(parse("account:x").is_err() && parse("account = \"a\0\"").is_err());
    }

    #[test]
    fn every_field_of_the_contract_is_read() {
        let filter = parse(concat!(
            r#"subscription = "tenants/acme/subscriptions/erp" AND test = false AND account = "x""#,
            r#" AND event = "tenants/acme/events/evt_0192f0c1a2b37c4d8e5f0123456789ab""#,
            r#" AND event_type = "a" AND create_time < "2026-11-01T00:00:00Z""#,
        ))
        .unwrap();
        assert_eq!(filter.query.subscription.unwrap().as_str(), "erp");
        assert!(filter.query.event.is_some() && filter.query.created.until.is_some());
        assert_eq!((filter.query.test, filter.nothing), (Some(false), false));
        assert!(parse("subscription = tenants/other/subscriptions/erp").unwrap().nothing);
        for bad in ["state = UNSPECIFIED", "state = waiting", "subscription = erp", "sequence = 1"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
