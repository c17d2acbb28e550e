//! What a filter means in each list.
//!
//! Fed by [`super::filter`] with comparisons; feeds the list methods with what
//! the store can look for and with a test for the rest. Guarantees that a field,
//! an operator or a value that a list does not know is an error and never
//! ignored.

pub mod agents;
pub mod deliveries;
pub mod events;
pub mod subscriptions;
pub mod tenants;

use std::time::Duration;

use postrider_domain::time::Timestamp;
use postrider_store::TimeRange;

use super::convert::time;
use super::filter::{self, Comparison, Operator};

/// One microsecond, the grain of every time.
const GRAIN: Duration = Duration::from_micros(1);

/// Reads a filter, handing each comparison to `take`.
fn read(text: &str, mut take: impl FnMut(&Comparison) -> Result<(), String>) -> Result<(), String> {
    for comparison in filter::parse(text).map_err(|error| error.to_string())? {
        take(&comparison).map_err(|problem| format!("at byte {}: {problem}", comparison.at))?;
    }
    Ok(())
}

fn unknown(comparison: &Comparison, fields: &str) -> String {
    let Comparison { field, key, operator, .. } = comparison;
    let key = key.as_ref().map(|key| format!(".{key}")).unwrap_or_default();
    format!("\"{field}{key} {}\" is not supported; supported are {fields}", operator.symbol())
}

/// Narrows an equality: one field cannot be two things.
fn equal<T: PartialEq>(slot: &mut Option<T>, value: T, nothing: &mut bool) {
    match slot {
        Some(other) if *other != value => *nothing = true,
        _ => *slot = Some(value),
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// Narrows a span of times by one comparison.
fn narrow(range: &mut TimeRange, comparison: &Comparison) -> Result<(), String> {
    let at = time::parse(&comparison.value)?;
    let from = |range: &mut TimeRange, at: Timestamp| {
        range.from = Some(range.from.map_or(at, |other| other.max(at)));
    };
    let until = |range: &mut TimeRange, at: Timestamp| {
        range.until = Some(range.until.map_or(at, |other| other.min(at)));
    };
    match comparison.operator {
        Operator::GreaterOrEqual => from(range, at),
        Operator::Greater => from(range, at + GRAIN),
        Operator::Less => until(range, at),
        Operator::LessOrEqual => until(range, at + GRAIN),
        Operator::Equal | Operator::NotEqual | Operator::Has => {
            return Err("a time is compared with <, <=, > or >=".to_owned());
        }
    }
    Ok(())
}

/// The same span for times that are whole milliseconds, as those of ids are.
fn whole_millis(range: TimeRange) -> TimeRange {
    let up = |at: Timestamp| (at + Duration::from_micros(999)).truncate_to_millis();
    TimeRange { from: range.from.map(up), until: range.until.map(up) }
}

fn within(range: &TimeRange, at: Timestamp) -> bool {
    range.from.is_none_or(|from| from <= at) && range.until.is_none_or(|until| at < until)
}

/// Whether `text` has `part` in it, in any case.
pub fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

/// A name of an enum's value without its prefix.
fn named<T>(text: &str, prefix: &str, from: fn(&str) -> Option<T>) -> Result<T, String> {
    from(&format!("{prefix}{text}")).ok_or_else(|| format!("\"{text}\" is not one of the names"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn range(filter: &str) -> TimeRange {
        let mut range = TimeRange::default();
        read(filter, |comparison| narrow(&mut range, comparison)).unwrap();
        range
    }

    #[test]
    fn spans_are_exact_to_the_microsecond() {
        let at = |us| Timestamp::from_micros(us);
        let closed = range(r#"t >= "1970-01-01T00:00:01Z" AND t <= "1970-01-01T00:00:02Z""#);
        assert!(within(&closed, at(1_000_000)) && within(&closed, at(2_000_000)));
        let open = range(r#"t > "1970-01-01T00:00:01Z" AND t < "1970-01-01T00:00:02Z""#);
        assert!(!within(&open, at(1_000_000)) && !within(&open, at(2_000_000)));
        assert!(within(&open, at(1_000_001)) && within(&open, at(1_999_999)));
        let millis = whole_millis(open);
        assert_eq!((millis.from, millis.until), (Some(at(1_001_000)), Some(at(2_000_000))));
    }

    #[test]
    fn the_narrower_of_two_bounds_counts() {
        let two = range(r#"t < "1970-01-01T00:00:01Z" AND t < "1970-01-01T00:00:05Z""#);
        assert_eq!(two.until, Some(Timestamp::from_micros(1_000_000)));
        assert!(read("t = 1", |c| narrow(&mut TimeRange::default(), c)).is_err());
        let error = read(r#"t < "yesterday""#, |c| narrow(&mut TimeRange::default(), c));
        assert!(error.unwrap_err().starts_with("at byte 0: "));
    }
}
