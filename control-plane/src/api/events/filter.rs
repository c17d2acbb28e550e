//! Turns the filter of `ListEvents` into conditions of the store.

use postrider_domain::event::Event;
use postrider_domain::ids::{EventId, TenantId};
use postrider_store::{EventQuery, TextFilter, TimeRange};

use crate::api::lists::conditions::{
    equal, narrow, narrow_text, read, text_filter, truth, unknown, whole_millis,
};
use crate::api::lists::filter_syntax::FilterOperator;
use crate::api::lists::map_conditions::MapConditions;

const SUPPORTED_FIELDS: &str = "event_type =, account = and :*, attributes.KEY = and :*, attributes:KEY, test with = and !=, and create_time with <, <=, >, >=";

/// A parsed filter of events.
#[derive(Debug, Default)]
pub struct EventFilter {
    event_type: Option<String>,
    account: Option<TextFilter>,
    attributes: MapConditions,
    test: Option<bool>,
    created: TimeRange,
    /// Contradictory: nothing matches.
    pub nothing: bool,
}

impl EventFilter {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        read(text, |c| {
            let nothing = &mut filter.nothing;
            match (c.field.as_str(), &c.key, c.operator) {
                ("event_type", None, FilterOperator::Equal) => {
                    equal(&mut filter.event_type, c.value.clone(), nothing);
                }
                ("account", None, _) => {
                    let account = text_filter(c).ok_or_else(|| unknown(c, SUPPORTED_FIELDS))?;
                    narrow_text(&mut filter.account, account, nothing);
                }
                ("attributes", _, _) if filter.attributes.add(c) => {}
                ("test", None, FilterOperator::Equal | FilterOperator::NotEqual) => {
                    equal(&mut filter.test, truth(c)?, nothing);
                }
                ("create_time", None, _) => narrow(&mut filter.created, c)?,
                _ => return Err(unknown(c, SUPPORTED_FIELDS)),
            }
            Ok(())
        })?;
        filter.created = whole_millis(filter.created);
        Ok(filter)
    }

    /// What the store is asked for.
    pub fn query(&self, tenant: &TenantId, before: Option<EventId>, limit: u32) -> EventQuery {
        EventQuery {
            event_type: self.event_type.clone(),
            account: self.account.clone(),
            attributes: self.attributes.values.clone(),
            created: self.created,
            before,
            ..EventQuery::newest(tenant, limit)
        }
    }

    /// Whether the store's query decides alone.
    pub fn exact(&self) -> bool {
        self.test.is_none() && self.attributes.keys.is_empty()
    }

    /// Tests the conditions that the store's query leaves out.
    pub fn matches_rest(&self, event: &Event) -> bool {
        self.test.is_none_or(|test| test == event.test)
            && self.attributes.keys_match(&event.content.attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn every_field_of_the_contract_is_read() {
        let filter = EventFilter::parse(
            r#"event_type = "a.b" AND account = "x" AND attributes.currency = "EUR""#,
        )
        .unwrap();
        assert_eq!(filter.event_type.as_deref(), Some("a.b"));
        let is = |text: &str| TextFilter::Is(text.to_owned());
        assert_eq!(filter.account, Some(is("x")));
        assert_eq!(filter.attributes.values, [("currency".to_owned(), is("EUR"))]);
        assert!(filter.exact() && !filter.nothing);
        assert!(EventFilter::parse("account = a AND account = b").unwrap().nothing);
        for bad in ["test = maybe", "attributes = x", "payload = x", "event_type != a"] {
            assert!(EventFilter::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_the_store_is_not_asked_is_looked_at_here() {
        let mut event = fixtures::event();
        event.content.attributes = [("currency".to_owned(), "EUR".to_owned())].into();
        let rest = |text: &str| {
            let filter = EventFilter::parse(text).unwrap();
            assert!(!filter.exact());
            filter.matches_rest(&event)
        };
        assert!(rest("attributes:currency AND test = false"));
        assert!(rest("NOT test = true") && rest("test != true") && !rest("NOT test != true"));
        assert!(!rest("attributes:amount"));
        assert!(rest("NOT attributes:amount") && !rest("NOT attributes:currency"));
        assert!(rest("attributes.currency:*") && rest("NOT attributes.amount:*"));
        assert!(!rest("test = true"));
    }
}
