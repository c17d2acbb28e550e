//! Turns the filter of `ListSubscriptions` into conditions of the store.

use postrider_domain::ids::Region;
use postrider_domain::subscription::{Subscription, SubscriptionStatus};
use postrider_proto::v1;

use crate::api::lists::conditions::{equal, named, read, unknown};
use crate::api::lists::filter_syntax::FilterOperator;
use crate::api::subscriptions::conversion::status_from;
use crate::api::values::names;

const SUPPORTED_FIELDS: &str = "status with = and !=, event_type = and region =";

/// A parsed filter of subscriptions.
#[derive(Debug, Default)]
pub struct SubscriptionFilter {
    pub status: Option<SubscriptionStatus>,
    not: Vec<SubscriptionStatus>,
    pub event_type: Option<String>,
    more_types: Vec<String>,
    pub region: Option<Region>,
    /// Contradictory: nothing matches.
    pub nothing: bool,
}

impl SubscriptionFilter {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        read(text, |c| {
            match (c.field.as_str(), &c.key, c.operator) {
                ("status", None, FilterOperator::Equal) => {
                    equal(&mut filter.status, status(&c.value)?, &mut filter.nothing);
                }
                ("status", None, FilterOperator::NotEqual) => filter.not.push(status(&c.value)?),
                ("event_type", None, FilterOperator::Equal) => match &filter.event_type {
                    None => filter.event_type = Some(c.value.clone()),
                    Some(_) => filter.more_types.push(c.value.clone()),
                },
                ("region", None, FilterOperator::Equal) => {
                    let region = names::region(&c.value).map_err(|error| error.to_string())?;
                    equal(&mut filter.region, region, &mut filter.nothing);
                }
                _ => return Err(unknown(c, SUPPORTED_FIELDS)),
            }
            Ok(())
        })?;
        Ok(filter)
    }

    /// Whether the store's query decides alone.
    pub fn exact(&self) -> bool {
        self.not.is_empty() && self.event_type.is_none()
    }

    pub fn matches(&self, subscription: &Subscription) -> bool {
        let gets = |event_type: &String| {
            subscription.settings.event_types.iter().any(|pattern| pattern.matches(event_type))
        };
        self.status.is_none_or(|status| status == subscription.status)
            && !self.not.contains(&subscription.status)
            && self.event_type.iter().chain(&self.more_types).all(gets)
            && self.region.as_ref().is_none_or(|region| *region == subscription.settings.region)
    }
}

fn status(text: &str) -> Result<SubscriptionStatus, String> {
    use v1::SubscriptionStatus as Named;
    let names = [Named::Enabled, Named::Paused, Named::Disabled]
        .map(|status| (status.as_str_name(), status));
    let status = named(text, "SUBSCRIPTION_STATUS_", &names)?;
    status_from(status).ok_or_else(|| "must be ENABLED, PAUSED or DISABLED".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn every_field_of_the_contract_works() {
        let mut subscription = fixtures::subscription();
        subscription.status = SubscriptionStatus::Paused;
        subscription.settings.region = "eu".parse().unwrap();
        subscription.settings.event_types = vec!["payment.*".parse().unwrap()];
        let matches = |text: &str| {
            let filter = SubscriptionFilter::parse(text).unwrap();
            !filter.nothing && filter.matches(&subscription)
        };
        for yes in [
            "status = PAUSED",
            "status = SUBSCRIPTION_STATUS_PAUSED",
            "NOT status = ENABLED",
            r#"status != DISABLED AND event_type = "payment.completed""#,
            r#"region = "regions/eu""#,
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            "status = ENABLED",
            "status != PAUSED",
            "status = PAUSED AND status = ENABLED",
            r#"event_type = "payout.sent""#,
            r#"event_type = "payment.*" AND event_type = "x""#,
            "region = regions/us",
        ] {
            assert!(!matches(no), "{no}");
        }
        for bad in
            ["status = UNSPECIFIED", "status = on", "status < PAUSED", "region = eu", "url = x"]
        {
            assert!(SubscriptionFilter::parse(bad).is_err(), "{bad}");
        }
    }
}
