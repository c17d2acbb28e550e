//! Conditions on a map of texts: an event's attributes, a tenant's labels.
//!
//! Fed by the lists' filters with comparisons; feeds them what to ask the store, and a
//! test for the rest.

use std::collections::BTreeMap;

use postrider_store::TextFilter;

use crate::api::lists::conditions::text_filter;
use crate::api::lists::filter_syntax::{FilterComparison, FilterOperator};

/// Conditions that must all hold.
#[derive(Debug, Default)]
pub struct MapConditions {
    /// On values; an empty one counts as absent.
    pub values: Vec<(String, TextFilter)>,
    /// Whether each of these keys must be present.
    pub keys: Vec<(String, bool)>,
}

impl MapConditions {
    /// Adds `map.KEY = value`, `map.KEY:*` or `map:KEY`; false if it is none of these.
    #[must_use]
    pub fn add(&mut self, comparison: &FilterComparison) -> bool {
        let FilterComparison { key, operator, value, anything, .. } = comparison;
        let asks_for_key = matches!(operator, FilterOperator::Has | FilterOperator::HasNot);
        let is_present = *operator == FilterOperator::Has;
        match key {
            Some(key) if asks_for_key && *anything => self.keys.push((key.clone(), is_present)),
            None if asks_for_key && !anything => self.keys.push((value.clone(), is_present)),
            Some(key) => match text_filter(comparison) {
                Some(condition) => self.values.push((key.clone(), condition)),
                None => return false,
            },
            None => return false,
        }
        true
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.keys.is_empty()
    }

    /// Whether the conditions on keys hold.
    pub fn keys_match(&self, map: &BTreeMap<String, String>) -> bool {
        self.keys.iter().all(|(key, is_present)| map.contains_key(key) == *is_present)
    }

    /// Whether the conditions on values hold.
    pub fn values_match(&self, map: &BTreeMap<String, String>) -> bool {
        self.values.iter().all(|(key, wanted)| wanted.matches(map.get(key).map(String::as_str)))
    }
}
