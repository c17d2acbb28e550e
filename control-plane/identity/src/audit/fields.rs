//! A resource as records show it: its fields by their names in the API.
//!
//! Fed by the control plane with resources before and after a change; feeds records with
//! what differs. Guarantees that a secret is compared and never shown, and that a value is
//! cut at a bound, with its length and hash told, so that a difference is never lost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Longest value that is shown whole. URLs and names fit; a schema does not.
const MAX_VALUE_BYTES: usize = 1024;
/// What is kept of a longer one, before its length and its hash.
const KEPT_VALUE_BYTES: usize = 768;
/// Most differences of one record: more than any one resource has fields.
const MAX_CHANGES: usize = 200;
/// Most bytes of all differences of one record together. An import of many event types
/// could have more.
const MAX_CHANGES_BYTES: usize = 64 * 1024;

/// What is shown for a secret.
const SECRET_MARK: &str = "(secret)";
/// What is shown for a secret that took another's place.
const OTHER_SECRET_MARK: &str = "(another secret)";

/// A field before and after a change; absent: it had no value, or has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldChange {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl FieldChange {
    /// About what it takes in a record.
    pub fn bytes(&self) -> usize {
        let size = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.field.len() + size(&self.before) + size(&self.after)
    }

    /// What stands for differences that were stored and cannot be read. No hash fits it.
    pub fn unreadable() -> Self {
        Self { field: "(unreadable)".to_owned(), before: None, after: None }
    }
}

#[derive(Clone, PartialEq, Eq)]
enum FieldValue {
    Shown(String),
    /// Its SHA-256, to tell it from another.
    Secret(Zeroizing<[u8; 32]>),
}

/// The fields of one resource. Those that are empty are left out.
#[derive(Clone, Default)]
pub struct AuditFields(BTreeMap<String, FieldValue>);

impl AuditFields {
    /// A resource that is not there.
    pub fn none() -> Self {
        Self::default()
    }

    pub fn text(&mut self, field: impl Into<String>, value: &str) -> &mut Self {
        if !value.is_empty() {
            self.0.insert(field.into(), FieldValue::Shown(cut_value(value)));
        }
        self
    }

    /// A value as JSON writes it; none of the values that JSON writes as nothing.
    pub fn json(&mut self, field: impl Into<String>, value: &impl Serialize) -> &mut Self {
        let shown = serde_json::to_value(value).unwrap_or_default();
        match shown {
            serde_json::Value::String(text) => self.text(field, &text),
            serde_json::Value::Null => self,
            serde_json::Value::Array(items) if items.is_empty() => self,
            serde_json::Value::Object(parts) if parts.is_empty() => self,
            other => self.text(field, &other.to_string()),
        }
    }

    /// A value that only tells whether it is there and whether it changed.
    pub fn secret(&mut self, field: impl Into<String>, value: &[u8]) -> &mut Self {
        let digest = Zeroizing::new(Sha256::digest(value).into());
        self.0.insert(field.into(), FieldValue::Secret(digest));
        self
    }

    /// What differs afterwards, in the order of the fields' names, and how many differences
    /// are left out.
    pub fn changes_to(&self, after: &Self) -> (Vec<FieldChange>, u32) {
        let mut names: Vec<&String> = self.0.keys().chain(after.0.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let mut changes = BoundedChanges::default();
        for name in names {
            let (old, new) = (self.0.get(name), after.0.get(name));
            if old == new {
                continue;
            }
            changes.add(difference(name, old, new));
        }
        (changes.kept, changes.left_out)
    }
}

/// Differences up to the bounds of a record; how many more there were is counted.
#[derive(Default)]
pub(super) struct BoundedChanges {
    pub(super) kept: Vec<FieldChange>,
    bytes: usize,
    pub(super) left_out: u32,
}

impl BoundedChanges {
    /// Those of a record, of which so many were left out.
    pub(super) fn of(kept: Vec<FieldChange>, left_out: u32) -> Self {
        let bytes = kept.iter().map(FieldChange::bytes).sum();
        Self { kept, bytes, left_out }
    }

    pub(super) fn add(&mut self, change: FieldChange) {
        self.bytes += change.bytes();
        if self.kept.len() >= MAX_CHANGES || self.bytes > MAX_CHANGES_BYTES {
            self.left_out = self.left_out.saturating_add(1);
        } else {
            self.kept.push(change);
        }
    }
}

fn difference(name: &str, old: Option<&FieldValue>, new: Option<&FieldValue>) -> FieldChange {
    let shown = |value: &FieldValue| match value {
        FieldValue::Shown(text) => text.clone(),
        FieldValue::Secret(_) => SECRET_MARK.to_owned(),
    };
    let after = match (old, new) {
        (Some(FieldValue::Secret(_)), Some(FieldValue::Secret(_))) => {
            Some(OTHER_SECRET_MARK.to_owned())
        }
        (_, new) => new.map(shown),
    };
    FieldChange { field: cut_value(name), before: old.map(shown), after }
}

fn cut_value(value: &str) -> String {
    cut(value, MAX_VALUE_BYTES, KEPT_VALUE_BYTES)
}

/// The beginning of a text that is longer than `most` bytes, and by what it differs from
/// others that begin so.
pub(super) fn cut(value: &str, most: usize, kept: usize) -> String {
    if value.len() <= most {
        return value.to_owned();
    }
    let kept = value.get(..value.floor_char_boundary(kept)).unwrap_or_default();
    let hash = hex::encode(Sha256::digest(value.as_bytes()));
    format!("{kept}… ({} bytes, SHA-256 {hash})", value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(field: &str, before: Option<&str>, after: Option<&str>) -> FieldChange {
        FieldChange {
            field: field.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        }
    }

    #[test]
    fn only_what_differs_is_told() {
        let (mut before, mut after) = (AuditFields::none(), AuditFields::none());
        before.text("url", "https://a").text("region", "eu").text("name", "");
        after.text("url", "https://b").text("region", "eu").json("rate", &7);
        let (changes, left_out) = before.changes_to(&after);
        let expected =
            [change("rate", None, Some("7")), change("url", Some("https://a"), Some("https://b"))];
        assert_eq!((changes.as_slice(), left_out), (&expected[..], 0));
        assert!(after.changes_to(&after).0.is_empty());
    }

    #[test]
    fn a_secret_is_compared_and_not_shown() {
        let fields = |secret: &[u8]| {
            let mut fields = AuditFields::none();
            fields.secret("key", secret);
            fields
        };
        let (one, other) = (fields(b"hush"), fields(b"psst"));
        assert!(one.changes_to(&fields(b"hush")).0.is_empty());
        let told = one.changes_to(&other).0;
        assert_eq!(told, [change("key", Some("(secret)"), Some("(another secret)"))]);
        let made = AuditFields::none().changes_to(&one).0;
        assert_eq!(made, [change("key", None, Some("(secret)"))]);
        let gone = one.changes_to(&AuditFields::none()).0;
        assert_eq!(gone, [change("key", Some("(secret)"), None)]);
    }

    #[test]
    fn long_values_are_cut_and_still_differ() {
        let fields = |end: &str| {
            let mut fields = AuditFields::none();
            fields.text("schema", &format!("{}{end}", "é".repeat(MAX_VALUE_BYTES)));
            fields
        };
        let (changes, _) = fields("a").changes_to(&fields("b"));
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert_ne!(change.before, change.after);
        assert!(change.bytes() < 2 * MAX_VALUE_BYTES, "{change:?}");
    }

    #[test]
    fn there_are_not_more_differences_than_fit() {
        let mut many = AuditFields::none();
        for number in 0..MAX_CHANGES + 5 {
            many.text(format!("field-{number}"), "x");
        }
        let (changes, left_out) = AuditFields::none().changes_to(&many);
        assert_eq!((changes.len(), left_out), (MAX_CHANGES, 5));
        let mut large = AuditFields::none();
        for number in 0..MAX_CHANGES {
            large.text(format!("field-{number}"), &"x".repeat(MAX_VALUE_BYTES));
        }
        let (changes, left_out) = AuditFields::none().changes_to(&large);
        assert!(changes.iter().map(FieldChange::bytes).sum::<usize>() <= MAX_CHANGES_BYTES);
        assert_eq!(changes.len() + left_out as usize, MAX_CHANGES);
    }
}
