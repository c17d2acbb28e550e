//! Reads `cases.toml`.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

/// One row: its fields, as text.
pub struct GuardCase(BTreeMap<String, String>);

impl GuardCase {
    /// A field that every row of its kind has.
    pub fn field(&self, name: &str) -> &str {
        self.optional(name).unwrap_or_else(|| panic!("no {name}: {:?}", self.0))
    }

    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The rule that refuses it; none where it is accepted.
    pub fn rule(&self) -> Option<&str> {
        Some(self.field("rule")).filter(|rule| !rule.is_empty())
    }
}

/// All rows of a kind, in their order.
pub fn cases(kind: &str) -> Vec<GuardCase> {
    let rows = DeTable::parse(include_str!("../cases.toml")).unwrap().into_inner();
    let rows = rows.into_iter().find(|(name, _)| **name.get_ref() == *kind).unwrap().1;
    let DeValue::Array(rows) = rows.into_inner() else { panic!("{kind} is no list") };
    rows.into_iter().map(|row| case(row.into_inner())).collect()
}

fn case(row: DeValue<'_>) -> GuardCase {
    let DeValue::Table(fields) = row else { panic!("a row is no table") };
    let fields = fields.into_iter().map(|(name, value)| {
        let text = match value.into_inner() {
            DeValue::String(text) => text.into_owned(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            other => panic!("{other:?}"),
        };
        (name.into_inner().into_owned(), text)
    });
    GuardCase(fields.collect())
}
