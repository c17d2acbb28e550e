//! What a release's API told of its database, and whether what is read now is the same.

use std::collections::BTreeMap;
use std::fmt::Debug;

use postrider_domain::time::Timestamp;
use serde_json::{Map, Value, json};

/// Answers over HTTP, by their paths.
pub struct ReleaseAnswers(BTreeMap<String, Value>);

impl ReleaseAnswers {
    pub fn parse(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    /// A field of the answer to a path, which is given without what its query says.
    pub fn field(&self, path: &str, field: &str) -> Option<&Value> {
        let path = format!("/v1/{path}");
        let asked = |told: &str| told.split('?').next() == Some(path.as_str());
        let answer = self.0.iter().find(|(told, _)| asked(told));
        assert!(answer.is_some(), "{path} was not asked");
        answer.and_then(|(_, answer)| answer.get(field))
    }

    /// The items of a list; none where the answer leaves an empty list out.
    pub fn list(&self, path: &str, field: &str) -> &[Value] {
        let items = self.field(path, field).and_then(Value::as_array);
        items.map(Vec::as_slice).unwrap_or_default()
    }

    /// The ids of all tenants.
    pub fn tenants(&self) -> Vec<String> {
        let names = self.list("tenants", "tenants").iter().map(|tenant| text(tenant, "name"));
        names.map(|name| name.trim_start_matches("tenants/").to_owned()).collect()
    }

    /// The deliveries of all tenants in a state.
    pub fn deliveries_in(&self, state: impl Debug) -> Vec<Value> {
        let state = word("DELIVERY_STATE", state);
        let tenants = self.tenants();
        let lists = tenants.iter().map(|id| format!("tenants/{id}/deliveries"));
        let all = lists.flat_map(|path| self.list(&path, "deliveries").to_vec());
        all.filter(|delivery| text(delivery, "state") == state).collect()
    }
}

pub fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Fails unless the same was told in the same order: of each item, all fields that are stored.
pub fn assert_same(told: &[Value], stored: &[Value]) {
    let names =
        |list: &[Value]| list.iter().map(|item| text(item, "name").to_owned()).collect::<Vec<_>>();
    assert_eq!(names(stored), names(told));
    for (told, stored) in told.iter().zip(stored) {
        for (field, value) in stored.as_object().unwrap() {
            let told = told.get(field).unwrap_or(&Value::Null);
            assert_eq!(plain(field, value), plain(field, told), "{field} of {}", stored["name"]);
        }
    }
}

/// Nothing for what ProtoJSON leaves out, and times as this program writes them.
fn plain(field: &str, value: &Value) -> Value {
    match value {
        Value::Bool(false) => Value::Null,
        Value::Number(number) if number.as_u64() == Some(0) => Value::Null,
        // Programs told this of an attempt without an agent before they told of no region.
        Value::String(text) if text == "regions/" => Value::Null,
        Value::String(text) if text.is_empty() || text == "0" => Value::Null,
        Value::String(text) if field.ends_with("Time") => json!(without_zeros(text)),
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Array(items) => items.iter().map(|item| plain("", item)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(field, value)| (field.clone(), plain(field, value)));
            let fields: Map<_, _> = fields.filter(|(_, value)| !value.is_null()).collect();
            if fields.is_empty() { Value::Null } else { Value::Object(fields) }
        }
        Value::Null | Value::Bool(true) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// `…:05.500000Z` is `…:05.5Z`.
fn without_zeros(time: &str) -> String {
    let digits = time.trim_end_matches('Z');
    let digits = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    };
    format!("{digits}Z")
}

pub fn time(time: Timestamp) -> String {
    time.to_string()
}

/// A variant as the API names it: `DELIVERY_STATE_IN_FLIGHT`.
pub fn word(kind: &str, variant: impl Debug) -> String {
    let mut word = kind.to_owned();
    for letter in format!("{variant:?}").chars() {
        if letter.is_ascii_uppercase() {
            word.push('_');
        }
        word.push(letter.to_ascii_uppercase());
    }
    word
}
